//! A real Kafka broker of one node: the one that tests share, or an own one to kill and pause.
//!
//! This file is the broker as a process; what is done with its topics is in `records`. Must never know
//! which topics the product uses.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::folder::{RunFolder, tail};
use super::guard::{Guard, Signal, output_within};
use super::jars::{Jars, node_properties};
use super::process::free_port;
use super::provision::{Absent, present};

const START_LIMIT: Duration = Duration::from_secs(60);
const START_ATTEMPTS: u32 = 3;
const POLL: Duration = Duration::from_millis(20);
/// What a controller says of a broker whose session is over.
const FENCED: &str = "Fencing broker 1";
const FENCE_LIMIT: Duration = Duration::from_secs(30);

/// Settings for speed on a small machine; each default is made for a cluster. The shortest member
/// session and the transaction clean-up let tests see a lost member within seconds. A killed broker is
/// refused until its former session has run out, so that one is short as well.
const SETTINGS: &str = "\
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.heartbeat.interval.ms=250
broker.session.timeout.ms=6000
auto.create.topics.enable=false
num.network.threads=1
num.io.threads=2
log.cleaner.dedupe.buffer.size=4194304
log.cleaner.backoff.ms=200
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
";

/// A broker that answers at [`Broker::bootstrap`].
#[derive(Debug)]
pub struct Broker {
    bootstrap: String,
    node: Option<Mutex<Node>>,
}

/// The process of a broker and what it needs to be started again. The guard is first: the process
/// ends before its folder goes.
#[derive(Debug)]
struct Node {
    guard: Guard,
    jars: Jars,
    properties: PathBuf,
    folder: RunFolder,
}

impl Broker {
    /// The broker of `INTRADAY_TEST_KAFKA`, else a new one. Panics where it does not start.
    pub fn shared() -> Result<Broker, Absent> {
        match std::env::var("INTRADAY_TEST_KAFKA") {
            Ok(bootstrap) => Ok(Broker { bootstrap, node: None }),
            Err(_) => Jars::provide().map(Broker::start),
        }
    }

    /// A broker of the calling test alone; none where none can be had. It ends when dropped.
    pub fn start_own() -> Option<Broker> {
        present(Jars::provide()).map(Broker::start)
    }

    /// What clients take as bootstrap servers.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Ends the broker without warning. Its data stay.
    pub fn kill(&self) {
        self.node().guard.kill();
    }

    /// Starts it again at the same address with the same data, killing it first where it still runs.
    ///
    /// A single node that comes back while its former session still counts begins to end the transactions that it had
    /// promised to end, is fenced on the way, and then takes their partitions for deleted (seen with 4.3.1: "these
    /// partitions are likely deleted already"). What was pending there stays so for ever, and no client can help it. In
    /// a cluster the other controllers end the session meanwhile; here a controller that runs for a moment does.
    pub fn restart(&self) {
        let mut node = self.node();
        node.guard.kill();
        let ended = end_session(&node);
        let restarted = ended.and_then(|()| launch(&node.jars, &node.properties, node.folder.path()));
        node.guard = restarted.unwrap_or_else(|e| panic!("{e}"));
        if let Err(e) = await_answer(&self.bootstrap, &mut node.guard) {
            panic!("{e}:\n{}", tail(&log_of(node.folder.path()), 30));
        }
    }

    /// Whether the broker has dropped the end of a transaction that it had promised, after which readers of committed
    /// records wait for ever. What is checked on such a broker says nothing about its clients.
    pub fn has_dropped_markers(&self) -> bool {
        let bytes = fs::read(log_of(self.node().folder.path())).unwrap_or_default();
        String::from_utf8_lossy(&bytes).contains("these partitions are likely deleted already")
    }

    /// Suspends it: connections stay open and nothing answers.
    pub fn pause(&self) {
        self.node().guard.signal(Signal::Stop);
    }

    /// Lets it run on after [`Broker::pause`].
    pub fn resume(&self) {
        self.node().guard.signal(Signal::Continue);
    }

    /// Lets a client of this id produce so many bytes a second on an own broker, from now on.
    pub fn throttle(&self, client_id: &str, bytes_per_s: u32) {
        let quota = format!("producer_byte_rate={bytes_per_s}");
        let arguments = ["--bootstrap-server", &self.bootstrap, "--alter", "--add-config", &quota];
        let of = ["--entity-type", "clients", "--entity-name", client_id];
        let mut command = self.node().jars.tool("kafka.admin.ConfigCommand", &[&arguments[..], &of].concat());
        let set = output_within(&mut command, b"", START_LIMIT).expect("ConfigCommand");
        assert!(set.status.success(), "{set:?}");
    }

    /// The first segment file of a partition of an own broker.
    pub fn segment(&self, topic: &str, partition: i32) -> PathBuf {
        let folder = format!("{topic}-{partition}");
        self.node().folder.path().join("data").join(folder).join("00000000000000000000.log")
    }

    fn node(&self) -> MutexGuard<'_, Node> {
        let node = self.node.as_ref().expect("cannot stop the broker of INTRADAY_TEST_KAFKA: use start_own");
        node.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A port can be taken between its choice and its use, so a failed start is tried again.
    fn start(jars: Jars) -> Broker {
        let mut failures = Vec::new();
        for _ in 0..START_ATTEMPTS {
            match Broker::try_start(&jars) {
                Ok(broker) => return broker,
                Err(failure) => failures.push(failure),
            }
        }
        panic!("kafka has not started in {START_ATTEMPTS} attempts:\n{}", failures.join("\n"))
    }

    fn try_start(jars: &Jars) -> Result<Broker, String> {
        let folder = RunFolder::new("kafka");
        let data = folder.path().join("data");
        let (broker_port, controller_port) = (free_port(), free_port());
        let properties = folder.path().join("server.properties");
        let settings = node_properties(broker_port, controller_port, &data) + SETTINGS;
        let written = fs::write(&properties, settings).and_then(|()| jars.copy_formatted(&data));
        written.map_err(|e| format!("cannot write {}: {e}", folder.path().display()))?;
        let bootstrap = format!("127.0.0.1:{broker_port}");
        let mut guard = launch(jars, &properties, folder.path())?;
        await_answer(&bootstrap, &mut guard)
            .map_err(|e| format!("{e}:\n{}", tail(&log_of(folder.path()), 30)))?;
        let node = Node { guard, jars: jars.clone(), properties, folder };
        Ok(Broker { bootstrap, node: Some(Mutex::new(node)) })
    }
}

fn log_of(folder: &Path) -> PathBuf {
    folder.join("log")
}

fn launch(jars: &Jars, properties: &Path, folder: &Path) -> Result<Guard, String> {
    let data = folder.join("data");
    Guard::start(&jars.broker(properties), &log_of(folder), Some(&data))
}

/// Runs the controller of a dead node alone, until it has fenced the broker.
fn end_session(node: &Node) -> Result<(), String> {
    let (properties, log) =
        (node.folder.path().join("controller.properties"), node.folder.path().join("controller-log"));
    let settings =
        fs::read_to_string(&node.properties).map_err(|e| format!("cannot read the properties: {e}"))?;
    fs::write(&properties, controller_properties(&settings))
        .map_err(|e| format!("cannot write the properties: {e}"))?;
    let data = node.folder.path().join("data");
    let _ = fs::remove_file(&log);
    let mut guard = Guard::start(&node.jars.broker(&properties), &log, Some(&data))?;
    let start = Instant::now();
    // One that was fenced before it died is not fenced again.
    while start.elapsed() < FENCE_LIMIT
        && !String::from_utf8_lossy(&fs::read(&log).unwrap_or_default()).contains(FENCED)
    {
        if guard.status().is_some() {
            return Err(format!("the controller has ended:\n{}", tail(&log, 30)));
        }
        std::thread::sleep(POLL);
    }
    // It has said so before it has written it, and one that is told to end drops what it has not. What it writes twice
    // a second, come what may, stands behind it in the log: once that has grown twice it is written.
    for _ in 0..2 {
        await_growth(&data.join("__cluster_metadata-0"))?;
    }
    guard.signal(Signal::Term);
    guard.exit_within(FENCE_LIMIT);
    guard.kill();
    Ok(())
}

/// Waits until the log in a folder has grown.
fn await_growth(folder: &Path) -> Result<(), String> {
    let bytes = || -> u64 {
        let files = fs::read_dir(folder).into_iter().flatten().flatten();
        let logs = files.filter(|file| file.path().extension().is_some_and(|end| end == "log"));
        logs.filter_map(|file| Some(file.metadata().ok()?.len())).sum()
    };
    let (before, start) = (bytes(), Instant::now());
    while bytes() == before {
        if start.elapsed() > FENCE_LIMIT {
            return Err(format!("{} does not grow: {before} bytes", folder.display()));
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}

/// The settings of a node without those of its broker, and with a session that ends at once.
fn controller_properties(settings: &str) -> String {
    let of_broker = ["process.roles=", "listeners=", "advertised.listeners=", "broker.session.timeout.ms="];
    let kept = settings.lines().filter(|line| !of_broker.iter().any(|name| line.starts_with(name)));
    let listener =
        settings.lines().find_map(|line| line.strip_prefix("listeners=")?.split_once(',')).map(|both| both.1);
    let mut text: String = kept.flat_map(|line| [line, "\n"]).collect();
    text += "process.roles=controller\nbroker.session.timeout.ms=500\n";
    text + "listeners=" + listener.unwrap_or_default() + "\n"
}

/// A broker opens its port when it is ready to serve, which the metadata then prove.
fn await_answer(bootstrap: &str, guard: &mut Guard) -> Result<(), String> {
    let start = Instant::now();
    while TcpStream::connect(bootstrap).is_err() {
        if let Some(status) = guard.status() {
            return Err(format!("kafka at {bootstrap} has ended with {status}"));
        }
        if start.elapsed() > START_LIMIT {
            return Err(format!("kafka at {bootstrap} does not answer within {} s", START_LIMIT.as_secs()));
        }
        std::thread::sleep(POLL);
    }
    super::records::brokers(bootstrap, START_LIMIT).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::records::{Isolation, unique_name};

    #[test]
    fn an_own_broker_keeps_its_records_over_a_kill_and_answers_after_a_pause() {
        let Some(broker) = Broker::start_own() else { return };
        let topic = unique_name("own");
        broker.create_topic(&topic, 1, &[]);
        broker.produce(&topic, 0, Some(b"k"), Some(b"before"), None);
        broker.restart();
        broker.kill();
        assert!(TcpStream::connect(broker.bootstrap()).is_err(), "a killed broker refuses");
        broker.restart();
        broker.produce(&topic, 0, Some(b"k"), Some(b"after"), None);
        broker.pause();
        // Its sockets still accept; only an answer shows that it runs.
        let silent = super::super::records::brokers(broker.bootstrap(), Duration::from_millis(500));
        assert!(silent.is_err(), "a paused broker is silent");
        broker.resume();
        let values: Vec<_> =
            broker.read_all(&topic, Isolation::Committed).into_iter().map(|r| r.value).collect();
        assert_eq!(values, [Some(b"before".to_vec()), Some(b"after".to_vec())]);
    }
}
