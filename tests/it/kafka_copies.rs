//! Copies of the service in one deployment, each with its instance name and address, and the load that they share.
//!
//! It knows how copies are told apart and how a page of metrics reads. It must never know what a KPI should be.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::Value;

use crate::harness::guard::{Signal, output_within};
use crate::harness::http::get;
use crate::harness::process::{Process, free_port, run_intraday};
use crate::harness::records::Outgoing;
use crate::kafka_deployment::{Deployment, LIMIT, SETTLE_MS, event, partition_of};
use crate::kafka_finals::{assert_exactly_once, content, end_ms, is_empty, replayed, settled};
use crate::reference::RecordKey;

/// Beginning of a simulated hour, 2026-01-05T08:00:00Z.
pub const BEGIN: &str = "2026-01-05T08:00:00Z";
/// The last words come three days later.
pub const LAST_MS: i64 = 1_767_600_000_000 + 3 * 86_400_000;
/// What a stop in good order may take.
pub const STOP_LIMIT: Duration = Duration::from_secs(10);

const POLL: Duration = Duration::from_millis(20);
const REPLAY_LIMIT: Duration = Duration::from_secs(60);
const WINDOWS: &str = "15m,1h,day";

/// One copy: what it is started with, and its process while it runs.
pub struct Copy {
    /// Host and port.
    pub address: String,
    command: Vec<(String, String)>,
    process: Option<Process>,
    log: String,
}

impl Copy {
    /// A copy named `instance` with further settings from the environment; not started.
    pub fn new(instance: &str, settings: &[(&str, &str)]) -> Copy {
        let address = format!("127.0.0.1:{}", free_port());
        let mut command = vec![
            ("INTRADAY__SERVICE__INSTANCE".to_owned(), instance.to_owned()),
            ("INTRADAY__HTTP__LISTEN".to_owned(), address.clone()),
        ];
        command.extend(settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        Copy { address, command, process: None, log: String::new() }
    }

    /// A setting for the next start, in place of the one it had.
    pub fn set(&mut self, key: &str, value: &str) {
        self.command.retain(|(known, _)| known != key);
        self.command.push((key.to_owned(), value.to_owned()));
    }

    /// Starts it.
    pub fn start(&mut self, deployment: &Deployment) {
        self.start_with(deployment, &[]);
    }

    /// Starts it with further arguments, such as another file of settings.
    pub fn start_with(&mut self, deployment: &Deployment, arguments: &[&str]) {
        let mut command: Command = deployment.command(&["run"]);
        command.args(arguments).envs(self.command.iter().map(|(key, value)| (key, value)));
        self.process = Some(Process::start(&command));
    }

    /// Starts it and waits until it says that it is ready.
    pub fn start_ready(&mut self, deployment: &Deployment) {
        self.start(deployment);
        self.wait_ready();
    }

    /// Waits until it says that it is ready.
    pub fn wait_ready(&mut self) {
        let url = format!("http://{}/readyz", self.address);
        self.process().wait_for_http(&url, LIMIT);
    }

    /// Its process; panics where it does not run.
    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("a copy that was started")
    }

    /// Sends a signal.
    pub fn signal(&mut self, signal: Signal) {
        self.process().signal(signal);
    }

    /// Ends it: SIGTERM must give exit code 0. What it wrote is kept in its log.
    pub fn stop(&mut self, signal: Signal) {
        self.signal(signal);
        let status = self.process().exit_within(STOP_LIMIT);
        if signal == Signal::Term {
            assert_eq!(status.code(), Some(0), "{}", self.output());
        }
        self.log = self.output();
        self.process = None;
    }

    /// Waits for the end that it comes to by itself; its exit code and all that it wrote.
    pub fn refusal(&mut self, limit: Duration) -> (Option<i32>, String) {
        let status = self.process().exit_within(limit);
        let said = self.process().output();
        self.process = None;
        (status.code(), said)
    }

    /// Waits until it is ready, or ends: then all that it wrote.
    pub fn ready_or_refusal(&mut self, limit: Duration) -> Option<String> {
        let (url, start) = (format!("http://{}/readyz", self.address), Instant::now());
        while self.process().is_running() {
            if get(&url, &[]).is_ok_and(|answer| answer.status == 200) {
                return None;
            }
            assert!(start.elapsed() < limit, "neither ready nor refused:\n{}", self.output());
            std::thread::sleep(POLL);
        }
        Some(self.refusal(limit).1)
    }

    /// What it has written over all its runs.
    pub fn output(&self) -> String {
        self.log.clone() + &self.process.as_ref().map_or_else(String::new, Process::output)
    }

    /// The series that it exposes now, by name with labels; none where it does not answer.
    pub fn metrics(&self) -> BTreeMap<String, f64> {
        let page = get(&format!("http://{}/metrics", self.address), &[]);
        page.map_or_else(|_| BTreeMap::new(), |answer| series(&answer.body))
    }

    /// The value of the only series whose name and labels contain all of `parts`.
    pub fn metric(&self, parts: &[&str]) -> Option<f64> {
        let found = self.metrics();
        found.iter().find(|(name, _)| parts.iter().all(|part| name.contains(part))).map(|(_, value)| *value)
    }

    /// The input partitions that it holds, by the commits that it shows of them.
    pub fn partitions(&self) -> BTreeSet<i32> {
        let held = self.metrics();
        let names = held.keys().filter(|name| name.starts_with("intraday_state_commits_total{"));
        names.filter_map(|name| label(name, "partition")?.parse().ok()).collect()
    }
}

/// The value of a label in a series as it is written.
pub fn label<'s>(series: &'s str, name: &str) -> Option<&'s str> {
    let (_, rest) = series.split_once(&format!("{name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

/// The samples of a page of metrics.
pub fn series(page: &str) -> BTreeMap<String, f64> {
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    samples
        .filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        })
        .collect()
}

/// Looks until `look` finds something, among copies of which any may be down.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        let missing = match look() {
            Ok(found) => return found,
            Err(missing) => missing,
        };
        assert!(start.elapsed() < LIMIT, "not within {} s: {what}: {missing}", LIMIT.as_secs());
        std::thread::sleep(POLL);
    }
}

/// The events of a simulated time, in their order, each on the partition of its contact or agent.
pub fn simulated(deployment: &Deployment, rate: u32, span: &str, partitions: i32) -> Vec<Outgoing> {
    let name = deployment.path("simulated.ndjson").display().to_string();
    let rate = rate.to_string();
    let made =
        run_intraday(&["generate", "--rate", &rate, "--for", span, "--start", BEGIN, "--to", &name], b"");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let place = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap();
        let key = value["contact_id"].as_str().or(value["agent_id"].as_str());
        let key = key.or(value["queue"].as_str()).unwrap_or_default().to_owned();
        event(partition_of(&key, partitions), &key, line)
    };
    fs::read_to_string(&name).unwrap().lines().map(place).collect()
}

/// Sends events little by little over `span`; the rest at once when told to hurry. It returns when the broker has all.
pub fn feed<'s>(
    scope: &'s Scope<'s, '_>,
    deployment: &'s Deployment,
    events: &'s [Outgoing],
    span: Duration,
    hurry: &'s AtomicBool,
) -> ScopedJoinHandle<'s, ()> {
    scope.spawn(move || {
        let producer: BaseProducer =
            deployment.kafka.client().set("enable.idempotence", "true").create().expect("a producer");
        let start = Instant::now();
        for (number, event) in events.iter().enumerate() {
            let due = span.mul_f64(number as f64 / events.len() as f64);
            while start.elapsed() < due && !hurry.load(Ordering::Relaxed) {
                producer.poll(POLL);
            }
            let mut record = BaseRecord::to(&deployment.input).partition(event.partition);
            record.key = event.key.as_deref();
            record.payload = event.value.as_deref();
            while let Err((error, back)) = producer.send(record) {
                let is_full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
                assert!(is_full, "cannot produce: {error}");
                producer.poll(POLL);
                record = back;
            }
        }
        producer.flush(LIMIT).expect("all events with the broker");
    })
}

/// Ends the pauses of a feed when it is dropped, also where a test fails.
pub struct Hurry<'a>(pub &'a AtomicBool);

impl Drop for Hurry<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What `replay` makes of the events, with further arguments: the last record of each group and window.
pub fn replay(deployment: &Deployment, events: &[Outgoing], further: &[&str]) -> BTreeMap<RecordKey, Value> {
    let (input, output) = (deployment.path("all.ndjson"), deployment.path("kpis.ndjson"));
    let lines = events.iter().filter_map(|event| event.value.as_deref());
    fs::write(&input, lines.collect::<Vec<_>>().join(&b'\n')).unwrap();
    let _ = fs::remove_file(&output);
    let mut command = deployment.command(&["replay", "--agents", "--hdr", "--window", WINDOWS]);
    command.arg("--input").arg(&input).arg("--output").arg(&output).args(further);
    let done = output_within(&mut command, b"", REPLAY_LIMIT).unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    replayed(&fs::read_to_string(&output).unwrap())
}

/// The keys of the records that are closed when the last words have been said.
pub fn closed(replayed: &BTreeMap<RecordKey, Value>) -> BTreeSet<RecordKey> {
    let is_closed = |record: &&Value| end_ms(record) + SETTLE_MS <= LAST_MS && !is_empty(record);
    replayed.iter().filter(|(_, record)| is_closed(record)).map(|(key, _)| key.clone()).collect()
}

/// Waits for all settled records and holds them to those of `replay`, byte for byte where it counts.
pub fn assert_as_replayed(deployment: &Deployment, copy: &mut Copy, replayed: &BTreeMap<RecordKey, Value>) {
    let wanted = closed(replayed);
    let seen = settled(deployment, copy.process(), &wanted);
    assert_exactly_once(&seen);
    for (key, seen) in &seen {
        let Some(last) = seen.settled() else { continue };
        match replayed.get(key) {
            Some(wanted) => assert_eq!(content(last), content(wanted), "{key:?}"),
            None => assert!(is_empty(last), "a record that the replay has not: {last}"),
        }
    }
}
