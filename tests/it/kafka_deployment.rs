//! One deployment of the service on the shared broker: its topics, its configuration, its processes.
//!
//! It knows the names of topics, groups and settings. It must never know what a KPI should be.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::harness::folder::RunFolder;
use crate::harness::guard::output_within;
use crate::harness::kafka::Broker;
use crate::harness::process::{Process, free_port, intraday};
use crate::harness::records::{Isolation, Outgoing, Record, unique_name};

/// Shards of every deployment: more than one, fewer than the tenants of a scenario can fill.
pub const SHARDS: i32 = 3;
/// How long the service may take to become ready, or to do what a test waits for.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Out-of-orderness and grace: by how much the last event must be later than the end of a window.
pub const SETTLE_MS: i64 = 65_000;
/// Tests that tell the end by an event want no help of the clock.
pub const NEVER_IDLE: &str = "idle_after = \"10m\"";

/// A secret of the configuration, which nothing may show.
pub const HASH_KEY: &str = "kept-to-itself-1";

const POLL: Duration = Duration::from_millis(50);
const COMMAND_LIMIT: Duration = Duration::from_secs(30);

/// A service id of its own with an input topic.
#[derive(Debug)]
pub struct Deployment {
    /// The broker.
    pub kafka: &'static Broker,
    /// The service id.
    pub id: String,
    /// The input topic.
    pub input: String,
    address: String,
    config: PathBuf,
    folder: RunFolder,
}

impl Deployment {
    /// Makes the input topic and the configuration, to which `settings` (TOML) is added under `[time]`.
    pub fn new(kafka: &'static Broker, name: &str, partitions: i32, settings: &str) -> Deployment {
        let id = unique_name(name);
        let input = format!("{id}-events");
        // The events are older than any retention.
        kafka.create_topic(&input, partitions, &[("retention.ms", "-1")]);
        Deployment::without_input(kafka, id, input, settings)
    }

    /// A deployment whose input topic nobody has made.
    pub fn without_input(kafka: &'static Broker, id: String, input: String, settings: &str) -> Deployment {
        let folder = RunFolder::new("deployment");
        let address = format!("127.0.0.1:{}", free_port());
        let text = format!(
            "[service]\nid = \"{id}\"\ninstance = \"one\"\nstart_from = \"earliest\"\nhash_key = \"{HASH_KEY}\"\n\
             [kafka]\nbrokers = [\"{}\"]\ninput_topics = [\"{input}\"]\nshards = {SHARDS}\n\
             kpis_retention = \"7d\"\n\
             [http]\nlisten = \"{address}\"\n[time]\n{settings}\n",
            kafka.bootstrap()
        );
        let config = folder.path().join("intraday.toml");
        fs::write(&config, text).unwrap();
        Deployment { kafka, id, input, address, config, folder }
    }

    /// A path in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An address of the running service.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Host and port of the running service.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// One of the service's own topics.
    pub fn topic(&self, kind: &str) -> String {
        format!("{}.{kind}", self.id)
    }

    /// A command with this configuration.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = intraday(arguments, &[]);
        command.arg("--config").arg(&self.config);
        command
    }

    /// Runs a command with this configuration to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        output_within(&mut self.command(arguments), b"", COMMAND_LIMIT).unwrap_or_else(|e| panic!("{e}"))
    }

    /// Creates the service's own topics and returns what the command said.
    pub fn create_topics(&self) -> String {
        let output = self.run(&["topics", "create"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Starts the service.
    pub fn start(&self) -> Process {
        Process::start(&self.command(&["run"]))
    }

    /// Starts the service and waits until it says that it is ready.
    pub fn start_ready(&self) -> Process {
        let mut process = self.start();
        process.wait_for_http(&self.url("/readyz"), LIMIT);
        process
    }

    /// Sends events, each to its partition, keyed or not.
    pub fn produce(&self, records: &[Outgoing]) {
        self.kafka.produce_all(&self.input, records);
    }

    /// What a read_committed consumer sees of one of the service's own topics.
    pub fn read(&self, kind: &str) -> Vec<Record> {
        self.kafka.read_all(&self.topic(kind), Isolation::Committed)
    }

    /// The input offsets that the fold has committed.
    pub fn folded(&self) -> BTreeMap<i32, i64> {
        self.kafka.committed(&format!("{}.fold", self.id), &self.input)
    }

    /// How many records of the input the fold has committed.
    pub fn folded_count(&self) -> i64 {
        self.folded().values().sum()
    }
}

/// Looks until `look` finds something; panics where it does not within [`LIMIT`], or the service ends.
pub fn eventually<T>(service: &mut Process, what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        let missing = match look() {
            Ok(found) => return found,
            Err(missing) => missing,
        };
        assert!(service.is_running(), "the service has ended before {what}:\n{}", service.output());
        assert!(
            start.elapsed() < LIMIT,
            "not within {} s: {what}: {missing}\n{}",
            LIMIT.as_secs(),
            service.output()
        );
        std::thread::sleep(POLL);
    }
}

/// A record for a partition.
pub fn event(partition: i32, key: &str, value: &str) -> Outgoing {
    Outgoing {
        partition,
        key: Some(key.as_bytes().to_vec()),
        value: Some(value.as_bytes().to_vec()),
        ..Outgoing::default()
    }
}

/// An event on each partition, so late that every window of what was before it closes.
pub fn last_words(partitions: i32, time_ms: i64) -> Vec<Outgoing> {
    let word = |partition: i32| {
        let agent = format!("last-{partition}");
        let value = format!(
            r#"{{"id":"{agent}","type":"agent.heartbeat","time":{time_ms},"tenant":"sentinel","agent_id":"{agent}"}}"#
        );
        event(partition, &agent, &value)
    };
    (0..partitions).map(word).collect()
}

/// The partition of a key, by a hash that is the tests' own.
pub fn partition_of(key: &str, partitions: i32) -> i32 {
    let hash =
        key.bytes().fold(2_166_136_261_u32, |sum, byte| (sum ^ u32::from(byte)).wrapping_mul(16_777_619));
    (hash % partitions.unsigned_abs()) as i32
}
