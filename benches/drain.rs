//! The drain: a topic that is full already is worked off by `intraday run`, exactly once, with state records.
//!
//! Prints CPU microseconds per event and peak memory, beside a bare consume-and-parse loop on the same topic as the floor.
//! `cargo bench --bench drain [-- EVENTS]` (3,000,000 by default). It starts Apache Kafka as the tests do, or takes
//! `INTRADAY_TEST_KAFKA`. Figures are of this machine and this moment.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a bench ends where a test would fail, and its figures are its output"
)]

#[path = "../tests/it/harness/mod.rs"]
#[expect(unused_imports, reason = "the harness's own tests are not part of a bench without a test runner")]
mod harness;
#[path = "workload.rs"]
mod workload;

use harness::process::{Process, free_port};
use harness::records::{Isolation, unique_name};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use serde::Deserialize;
use std::time::{Duration, Instant};

const PARTITIONS: i32 = 8;
const ROUNDS: usize = 3;

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if let [floor, brokers, topic] = arguments.as_slice()
        && floor == "floor"
    {
        consume_and_parse(brokers, topic);
        return;
    }
    let events = arguments.first().and_then(|text| text.parse().ok()).unwrap_or(3_000_000);
    let Some(kafka) = harness::kafka() else { return };
    let topic = unique_name("drain");
    kafka.create_topic(&topic, PARTITIONS, &[("max.message.bytes", "2097152")]);
    let bytes = fill(kafka.bootstrap(), &topic, events);
    println!("{events} events of {} bytes, 1,000 queues, {PARTITIONS} partitions", bytes / events);
    let (mut floors, mut drains) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let floor = floor(kafka.bootstrap(), &topic, events);
        let drain = drain(kafka, &topic, events);
        println!("round {round}: floor {floor}; intraday {drain}; ratio {:.2}", drain.cpu_us / floor.cpu_us);
        floors.push(floor.cpu_us);
        drains.push(drain.cpu_us);
    }
    println!(
        "median CPU per event: floor {:.2} us, intraday {:.2} us, ratio {:.2}",
        median(&mut floors),
        median(&mut drains),
        median(&mut drains) / median(&mut floors)
    );
}

/// What a process used.
struct Usage {
    cpu_us: f64,
    wall_s: f64,
    peak_mib: f64,
}

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:.2} us CPU per event, {:.1} s, {:.0} MiB at its peak",
            self.cpu_us, self.wall_s, self.peak_mib
        )
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn fill(brokers: &str, topic: &str, events: usize) -> usize {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("partitioner", "murmur2_random")
        .set("queue.buffering.max.messages", "500000")
        .set("linger.ms", "20")
        .create()
        .unwrap();
    let mut bytes = 0;
    for event in workload::events(events) {
        bytes += event.value.len();
        let mut record = BaseRecord::to(topic).key(&event.key).payload(&event.value);
        while let Err((_, back)) = producer.send(record) {
            producer.poll(Duration::from_millis(5));
            record = back;
        }
    }
    producer.flush(Duration::from_secs(120)).unwrap();
    bytes
}

fn floor(brokers: &str, topic: &str, events: usize) -> Usage {
    let began = Instant::now();
    let program = std::env::current_exe().unwrap();
    let output = std::process::Command::new(program).args(["floor", brokers, topic]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut parts = text.split_whitespace().map(|part| part.parse::<f64>().unwrap_or(f64::NAN));
    let (seen, cpu_s, peak_mib) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    assert!((seen - events as f64).abs() < 1.0, "the floor read {seen} of {events} events: {text}");
    Usage { cpu_us: cpu_s * 1e6 / events as f64, wall_s: began.elapsed().as_secs_f64(), peak_mib }
}

#[derive(Deserialize)]
struct Parsed<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    type_name: &'a str,
    time: &'a str,
    source: &'a str,
    tenant: &'a str,
    contact_id: &'a str,
    channel: &'a str,
    queue: &'a str,
    team: &'a str,
    agent_id: &'a str,
}

/// The floor: poll each record and parse the fields that any such service needs.
fn consume_and_parse(brokers: &str, topic: &str) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "drain-floor")
        .set("queued.max.messages.kbytes", "16384")
        .set("fetch.queue.backoff.ms", "5")
        .set("enable.partition.eof", "true")
        .create()
        .unwrap();
    let mut assignment = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        assignment.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&assignment).unwrap();
    let (mut seen, mut ended, mut sum) = (0u64, 0, 0usize);
    while ended < PARTITIONS {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                let event: Parsed<'_> = serde_json::from_slice(message.payload().unwrap()).unwrap();
                let Parsed {
                    id,
                    type_name,
                    time,
                    source,
                    tenant,
                    contact_id,
                    channel,
                    queue,
                    team,
                    agent_id,
                } = event;
                for text in [id, type_name, time, source, tenant, contact_id, channel, queue, team, agent_id]
                {
                    sum = sum.wrapping_add(text.len());
                }
                seen += 1;
            }
            Some(Err(_)) => ended += 1,
            None => {}
        }
    }
    let (cpu_s, peak_mib) = used(std::process::id());
    std::hint::black_box(sum);
    println!("{seen} {cpu_s} {peak_mib}");
}

fn drain(kafka: &harness::kafka::Broker, topic: &str, events: usize) -> Usage {
    let id = unique_name("drain-run");
    let listen = format!("127.0.0.1:{}", free_port());
    let environment = [
        ("INTRADAY__SERVICE__ID", id.as_str()),
        ("INTRADAY__SERVICE__START_FROM", "earliest"),
        ("INTRADAY__KAFKA__BROKERS", kafka.bootstrap()),
        ("INTRADAY__KAFKA__INPUT_TOPICS", topic),
        ("INTRADAY__HTTP__LISTEN", listen.as_str()),
        ("RUST_LOG", "warn"),
    ];
    let mut create = Process::intraday(&["topics", "create"], &environment);
    assert!(create.exit_within(Duration::from_secs(30)).success(), "{}", create.output());
    // On a busy machine the broker tells of new topics a moment later.
    std::thread::sleep(Duration::from_secs(3));
    let began = Instant::now();
    let mut service = Process::intraday(&["run"], &environment);
    let (group, partials) = (format!("{id}.fold"), format!("{id}.partials"));
    let merge_group = format!("{id}.merge");
    while folded(kafka, &group, topic) < events as i64 {
        assert!(service.is_running(), "{}", service.output());
        std::thread::sleep(Duration::from_millis(20));
    }
    let partials_end: i64 = kafka.watermarks(&partials).values().map(|(_, high)| *high).sum();
    // Offsets of a transactional topic count its markers too: what merge commits is compared with the batches it was given.
    let target = kafka.read_all(&partials, Isolation::Committed).len() as i64;
    while merged(kafka, &merge_group, &partials) < target.min(partials_end) {
        assert!(service.is_running(), "{}", service.output());
        std::thread::sleep(Duration::from_millis(20));
    }
    let wall_s = began.elapsed().as_secs_f64();
    let (cpu_s, peak_mib) = used(service.id());
    service.signal(harness::guard::Signal::Term);
    service.exit_within(Duration::from_secs(10));
    Usage { cpu_us: cpu_s * 1e6 / events as f64, wall_s, peak_mib }
}

fn folded(kafka: &harness::kafka::Broker, group: &str, topic: &str) -> i64 {
    kafka.committed(group, topic).values().sum()
}

fn merged(kafka: &harness::kafka::Broker, group: &str, topic: &str) -> i64 {
    kafka.committed(group, topic).values().sum()
}

/// CPU seconds and peak MiB of a process.
fn used(process: u32) -> (f64, f64) {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    // utime and stime are the 14th and 15th of all, in hundredths of a second.
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: f64 = peak.trim().trim_end_matches(" kB").trim().parse().unwrap();
    (ticks / 100.0, kib / 1_024.0)
}
