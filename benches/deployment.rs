//! The service as the live benches run it: its topics, its configuration, its copies, and what a process uses.
//!
//! Must never know: events, KPIs, what is measured.

use crate::harness::folder::RunFolder;
use crate::harness::guard::{Signal, output_within};
use crate::harness::kafka::Broker;
use crate::harness::process::{Process, free_port, intraday};
use crate::harness::records::{Isolation, unique_name};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// Partitions of the input.
pub const PARTITIONS: i32 = 8;
const POLL: Duration = Duration::from_millis(10);
const SCRAPE_LIMIT: Duration = Duration::from_secs(60);
const SCRAPE_BYTES: u64 = 1 << 30;
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// A service id of its own with an input topic.
pub struct Deployment {
    /// The broker.
    pub kafka: &'static Broker,
    /// The service id.
    pub id: String,
    /// The input topic.
    pub input: String,
    settings: String,
    folder: RunFolder,
}

/// A running copy of the service.
pub struct Copy {
    /// The process.
    pub process: Process,
    /// Where it listens.
    pub address: String,
}

/// What a copy shows on /metrics.
pub struct Scrape(String);

/// What a process uses.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// CPU time so far, in seconds.
    pub cpu_s: f64,
    /// Resident memory now, in MiB.
    pub resident_mib: f64,
    /// Its greatest resident memory so far, in MiB.
    pub peak_mib: f64,
    /// Open file descriptors.
    pub files: usize,
    /// Threads.
    pub threads: usize,
}

impl Deployment {
    /// Makes the topics. `settings` is TOML that is added to the configuration: whole tables.
    pub fn new(kafka: &'static Broker, name: &str, settings: &str) -> Deployment {
        let id = unique_name(name);
        let input = format!("{id}-events");
        kafka.create_topic(&input, PARTITIONS, &[("max.message.bytes", "2097152")]);
        let settings = settings.to_owned();
        let deployment = Deployment { kafka, id, input, settings, folder: RunFolder::new("bench") };
        let mut create = deployment.command("first", "127.0.0.1:0", &["topics", "create"]);
        let output = output_within(&mut create, b"", COMMAND_LIMIT).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        deployment
    }

    /// Starts a copy; one that is started again keeps its name.
    pub fn start(&self, instance: &str) -> Copy {
        let address = format!("127.0.0.1:{}", free_port());
        Copy { process: Process::start(&self.command(instance, &address, &["run"])), address }
    }

    /// One of the service's own topics.
    pub fn topic(&self, kind: &str) -> String {
        match kind {
            "fold-state" => format!("{}.fold-state.{}", self.id, self.input),
            kind => format!("{}.{kind}", self.id),
        }
    }

    /// Records of a topic that a group has not committed yet.
    pub fn lag(&self, group: &str, topic: &str) -> i64 {
        let committed = self.kafka.committed(&format!("{}.{group}", self.id), topic);
        let ends = self.kafka.watermarks(topic);
        ends.iter().map(|(partition, (_, end))| end - committed.get(partition).unwrap_or(&0)).sum()
    }

    /// Records, and bytes of their keys and values, that a topic holds now: all of them, and the last of each key.
    pub fn bytes(&self, topic: &str) -> (usize, usize, usize) {
        let (mut records, mut all, mut last) = (0, 0, BTreeMap::new());
        for record in self.kafka.read_all(topic, Isolation::Committed) {
            let (key, value) = (record.key.unwrap_or_default(), record.value);
            let size = key.len() + value.as_ref().map_or(0, Vec::len);
            (records, all) = (records + 1, all + size);
            last.insert((record.partition, key), if value.is_some() { size } else { 0 });
        }
        (records, all, last.values().sum())
    }

    fn command(&self, instance: &str, address: &str, arguments: &[&str]) -> Command {
        let path: PathBuf = self.folder.path().join(format!("{instance}.toml"));
        let text = format!(
            "service.id = \"{}\"\nservice.instance = \"{instance}\"\nservice.start_from = \"earliest\"\n\
             kafka.brokers = [\"{}\"]\nkafka.input_topics = [\"{}\"]\nhttp.listen = \"{address}\"\n{}\n",
            self.id,
            self.kafka.bootstrap(),
            self.input,
            self.settings
        );
        fs::write(&path, text).unwrap();
        let mut command = intraday(arguments, &[]);
        command.arg("--config").arg(&path);
        command
    }
}

impl Copy {
    /// Waits until it says that it is ready; how long that took from now.
    pub fn ready(&mut self, limit: Duration) -> Duration {
        let began = Instant::now();
        self.process.wait_for_http(&format!("http://{}/readyz", self.address), limit);
        began.elapsed()
    }

    /// Waits until something holds; panics where it does not within `limit` or the process ends.
    pub fn wait_until(&mut self, what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
        let began = Instant::now();
        while !holds() {
            assert!(
                self.process.is_running(),
                "the service has ended before {what}:\n{}",
                self.process.output()
            );
            assert!(began.elapsed() < limit, "not within {} s: {what}", limit.as_secs());
            std::thread::sleep(POLL);
        }
    }

    /// Ends it in good order.
    pub fn stop(mut self) {
        self.process.signal(Signal::Term);
        self.process.exit_within(Duration::from_secs(20));
    }

    /// Ends it without warning.
    pub fn kill(mut self) {
        self.process.signal(Signal::Kill);
        self.process.exit_within(Duration::from_secs(20));
    }

    /// Everything on /metrics. For thousands of queues that is a hundred megabytes: not while something is measured.
    pub fn scrape(&self) -> Scrape {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().timeout_global(Some(SCRAPE_LIMIT)).proxy(None).build().into();
        let mut answer = agent.get(format!("http://{}/metrics", self.address)).call().unwrap();
        Scrape(answer.body_mut().with_config().limit(SCRAPE_BYTES).read_to_string().unwrap())
    }

    /// What it uses now.
    pub fn usage(&self) -> Usage {
        usage(self.process.id())
    }
}

impl Scrape {
    /// The samples of a name with these labels, summed.
    pub fn sum(&self, name: &str, labels: &str) -> f64 {
        let is_it = |line: &&str| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])) && line.contains(labels)
        };
        let value = |line: &str| line.rsplit(' ').next()?.parse::<f64>().ok();
        // Begun with 0, not with the -0 of an empty sum.
        self.0.lines().filter(is_it).filter_map(value).fold(0.0, |sum, value| sum + value)
    }

    /// Mean duration of a stage's commits so far, in milliseconds.
    pub fn commit_ms(&self, stage: &str) -> f64 {
        let labels = format!("stage=\"{stage}\"");
        let sum_s = self.sum("intraday_commit_duration_seconds_sum", &labels);
        sum_s * 1_000.0 / self.sum("intraday_commit_duration_seconds_count", &labels)
    }
}

/// What a process uses now, by `/proc`.
pub fn usage(process: u32) -> Usage {
    let read = |file: &str| fs::read_to_string(format!("/proc/{process}/{file}")).unwrap();
    let stat = read("stat");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    // utime and stime are the 14th and 15th of all, in hundredths of a second.
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    let status = read("status");
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().parse::<f64>().unwrap()
    };
    Usage {
        cpu_s: ticks / 100.0,
        resident_mib: number("VmRSS:") / 1_024.0,
        peak_mib: number("VmHWM:") / 1_024.0,
        files: fs::read_dir(format!("/proc/{process}/fd")).unwrap().count(),
        threads: number("Threads:") as usize,
    }
}

/// The value after `--name` on the command line, or the default.
pub fn argument<T: std::str::FromStr>(name: &str, default: T) -> T {
    let mut arguments = std::env::args().skip_while(|argument| argument.strip_prefix("--") != Some(name));
    arguments.nth(1).and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Whether `--name` stands on the command line.
pub fn flag(name: &str) -> bool {
    std::env::args().any(|argument| argument.strip_prefix("--") == Some(name))
}

/// What else this machine does: its load average over the last minute.
pub fn noise() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!("load average {}", load.split_whitespace().next().unwrap_or("unknown"))
}
