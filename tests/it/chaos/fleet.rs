//! All copies of a service on one broker: their settings, their topics, their rest at the end.
//!
//! Must never know when something goes wrong, nor what a KPI should be.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::copy::{Copy, State};
use super::tally::Tally;
use crate::harness::folder::RunFolder;
use crate::harness::generations::Generations;
use crate::harness::guard::output_within;
use crate::harness::http;
use crate::harness::kafka::Broker;
use crate::harness::process::intraday;
use crate::harness::records::unique_name;
use crate::kafka_deployment::last_words;

/// Shards of merge.
pub const SHARDS: u32 = 4;
/// How long the broker waits for copies.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// A copy that is silent for so long loses its partitions.
    pub session: Duration,
    /// A transaction that is open for so long is aborted by the broker.
    pub transaction: Duration,
}

/// Everything is over soon.
pub const BRISK: Patience = Patience { session: Duration::from_secs(2), transaction: Duration::from_secs(4) };
/// Nothing is over within a test, however slow the machine.
pub const PATIENT: Patience =
    Patience { session: Duration::from_secs(90), transaction: Duration::from_secs(90) };

/// How long a killed process may take to be gone.
pub const KILL_LIMIT: Duration = Duration::from_secs(20);
/// How long a copy may take to leave: the service's own limit, and what a loaded machine adds.
const LEAVE_LIMIT: Duration = Duration::from_secs(20);
/// How long the copies may take to be ready once everything is in order again.
const CALM_LIMIT: Duration = Duration::from_secs(120);
const COMMAND_LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);

/// Parts of the client library that are to log, for finding out why a run failed.
pub fn client_debug() -> Option<String> {
    std::env::var("INTRADAY_TEST_CHAOS_DEBUG").ok()
}

/// The copies and what they share.
pub struct Fleet<'k> {
    /// The service id.
    pub id: String,
    /// The input topic.
    pub input: String,
    /// The copies.
    pub copies: Vec<Copy>,
    /// What happened.
    pub tally: Tally,
    kafka: &'k Broker,
    partitions: u32,
    generations: Generations,
    config: PathBuf,
    folder: RunFolder,
}

impl<'k> Fleet<'k> {
    /// Makes the topics; no copy runs yet.
    pub fn new(kafka: &'k Broker, partitions: u32, copies: usize, patience: Patience) -> Fleet<'k> {
        let id = unique_name("chaos");
        let input = format!("{id}-events");
        // The events are older than any retention.
        kafka.create_topic(&input, partitions as i32, &[("retention.ms", "-1")]);
        let folder = RunFolder::new("fleet");
        let debug =
            client_debug().map_or_else(String::new, |parts| format!("[kafka.client]\ndebug = \"{parts}\"\n"));
        let text = format!(
            "[service]\nid = \"{id}\"\ninstance = \"maker\"\nstart_from = \"earliest\"\nhash_key = \"kept-to-itself-1\"\n\
             [kafka]\nbrokers = [\"{}\"]\ninput_topics = [\"{input}\"]\nshards = {SHARDS}\nkpis_retention = \"7d\"\n\
             session_timeout = \"{}ms\"\ntransaction_timeout = \"{}ms\"\n\
             [time]\nidle_after = \"10m\"\n{debug}",
            kafka.bootstrap(),
            patience.session.as_millis(),
            patience.transaction.as_millis(),
        );
        let config = folder.path().join("intraday.toml");
        fs::write(&config, text).expect("the configuration");
        let mut command = intraday(&["topics", "create"], &[]);
        let made =
            output_within(command.arg("--config").arg(&config), b"", COMMAND_LIMIT).expect("topics create");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let names = (0..copies).map(|number| Copy::new(format!("copy{number}")));
        let generations = Generations::follow(kafka);
        let (copies, tally) = (names.collect(), Tally::default());
        Fleet { id, input, copies, tally, kafka, partitions, generations, config, folder }
    }

    /// The broker.
    pub fn kafka(&self) -> &'k Broker {
        self.kafka
    }

    /// Starts a copy that is down.
    pub fn start(&mut self, at: usize, fault: Option<&str>) {
        self.tally.started += 1;
        self.copies[at].start(&self.config, fault);
    }

    /// Ends a copy without warning.
    pub fn kill(&mut self, at: usize) -> bool {
        let killed = self.copies[at].kill(&mut self.tally, self.folder.path());
        self.tally.killed += u32::from(killed);
        killed
    }

    /// Another process takes the name of a suspended copy.
    pub fn supplant(&mut self, at: usize) {
        self.tally.started += 1;
        self.tally.twins += 1;
        self.copies[at].supplant(&self.config);
    }

    /// Copies in a state.
    pub fn in_state(&self, is_it: impl Fn(State) -> bool) -> Vec<usize> {
        (0..self.copies.len()).filter(|at| is_it(self.copies[*at].state)).collect()
    }

    /// Takes note of what has ended; returns the copies that now are down.
    pub fn look(&mut self) -> Vec<usize> {
        self.tally.rebalances = self.generations.count(&self.id);
        let mut ended = Vec::new();
        for (at, copy) in self.copies.iter_mut().enumerate() {
            if let State::Leaving(since) = copy.state
                && since.elapsed() > LEAVE_LIMIT
            {
                let text = format!("{} has not left within {} s", copy.name, LEAVE_LIMIT.as_secs());
                self.tally.defects.push(text);
                keep(&self.folder, copy);
                copy.kill(&mut self.tally, self.folder.path());
                ended.push(at);
            } else if copy.look(&mut self.tally, self.folder.path()) {
                ended.push(at);
            }
        }
        ended
    }

    /// Nothing is wrong any more: every copy runs. Says what keeps one.
    pub fn calm(&mut self) -> Result<(), String> {
        for copy in &mut self.copies {
            copy.thaw();
        }
        let start = Instant::now();
        loop {
            self.look();
            for at in self.in_state(|state| state == State::Down) {
                self.start(at, None);
            }
            let steady = self.copies.iter().all(|copy| copy.state == State::Up && !copy.is_haunted());
            if steady && self.copies.iter().all(is_ready) {
                return Ok(());
            }
            if start.elapsed() > CALM_LIMIT {
                return Err(format!(
                    "not every copy is ready within {} s; {}",
                    CALM_LIMIT.as_secs(),
                    self.said()
                ));
            }
            std::thread::sleep(POLL);
        }
    }

    /// An event on each partition that closes all windows before it.
    pub fn last_words(&self, time_ms: i64) {
        self.kafka.produce_all(&self.input, &last_words(self.partitions as i32, time_ms));
    }

    /// Waits until all input is folded and everything that it led to is merged; says what keeps it.
    pub fn rest(&mut self, ends: &BTreeMap<i32, i64>, limit: Duration) -> Result<(), String> {
        let start = Instant::now();
        let partials = format!("{}.partials", self.id);
        let mut target = None;
        while start.elapsed() < limit {
            self.look();
            for at in self.in_state(|state| state == State::Down) {
                self.start(at, None);
            }
            if target.is_none() && self.kafka.committed(&format!("{}.fold", self.id), &self.input) == *ends {
                let marks = self.kafka.watermarks(&partials);
                target =
                    Some(marks.into_iter().map(|(at, (_, end))| (at, end)).collect::<BTreeMap<i32, i64>>());
            }
            if let Some(target) = &target {
                let merged = self.kafka.committed(&format!("{}.merge", self.id), &partials);
                if target.iter().all(|(at, end)| *end == 0 || merged.get(at).is_some_and(|done| done >= end))
                {
                    return Ok(());
                }
            }
            std::thread::sleep(POLL);
        }
        let folded = self.kafka.committed(&format!("{}.fold", self.id), &self.input);
        let what =
            if target.is_none() { format!("folded ({folded:?} of {ends:?})") } else { "merged".to_owned() };
        Err(format!("not all is {what} within {} s; {}", limit.as_secs(), self.said()))
    }

    /// What happened and what each copy says, whose outputs are kept.
    fn said(&self) -> String {
        self.copies.iter().for_each(|copy| keep(&self.folder, copy));
        let say = |copy: &Copy| format!("{}\n{:?} {:?}", copy.last_lines(12), copy.state, readiness(copy));
        let said: Vec<String> = self.copies.iter().map(say).collect();
        format!("{}\n{}", self.tally, said.join("\n"))
    }

    /// Each record that was read has one result, over all copies: their counts are those of the model.
    pub fn assert_conserved(&self, results: &BTreeMap<String, i64>) {
        let mut found: BTreeMap<String, i64> = BTreeMap::new();
        for copy in &self.copies {
            let answer = http::get(&format!("http://127.0.0.1:{}/metrics", copy.port), &[]).expect("metrics");
            let lines = answer.body.lines().filter(|line| line.starts_with("intraday_events_total{"));
            for line in lines {
                let result = line.split("result=\"").nth(1).and_then(|rest| rest.split('"').next());
                let count = line.rsplit(' ').next().and_then(|count| count.parse::<f64>().ok());
                let (Some(result), Some(count)) = (result, count) else { panic!("{line}") };
                *found.entry(result.to_owned()).or_insert(0) += count as i64;
            }
        }
        // The last words are in it as well: each is folded.
        found.retain(|_, count| *count != 0);
        assert_eq!(found, *results, "results of all records");
    }

    /// Asks every copy to leave and waits until each has, in good order.
    pub fn end(&mut self) {
        let before = self.tally.left;
        let running = self.copies.iter_mut().filter_map(|copy| copy.leave().then_some(())).count();
        let start = Instant::now();
        while !self.in_state(|state| state != State::Down).is_empty() {
            self.look();
            assert!(start.elapsed() < LEAVE_LIMIT * 2, "not every copy has left: {}", self.said());
            std::thread::sleep(POLL);
        }
        assert_eq!(self.tally.left - before, running as u32, "{}", self.tally);
        self.tally.assert_no_defect();
    }
}

fn readiness(copy: &Copy) -> Result<http::Answer, String> {
    http::get(&format!("http://127.0.0.1:{}/readyz", copy.port), &[])
}

fn is_ready(copy: &Copy) -> bool {
    readiness(copy).is_ok_and(|answer| answer.status == 200)
}

/// The log of a copy goes beside the configuration, which is kept when a test fails.
fn keep(folder: &RunFolder, copy: &Copy) {
    let _ = fs::write(folder.path().join(format!("{}.log", copy.name)), copy.output());
}
