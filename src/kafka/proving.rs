//! Tests of the worker as a whole, with a stage that only counts: on the mock cluster, without transactions.

use super::check::inspect;
use super::config::{KafkaConfig, Mode, StartFrom};
use super::context::PlainContext;
use super::halt::Halt;
use super::handover::Trouble;
use super::mock::DemoBroker;
use super::names::TopicNames;
use super::observer::Observer;
use super::produce::EventProducer;
use super::role::{Role, StateRecords};
use super::service::Service;
use super::source::Source;
use super::tail;
use super::watchdog::Turns;
use crate::kpi::exposed::Exposed;
use crate::pipeline::stage::Stop;
use crate::pipeline::{Commit, DeadLetter, Effect, Record, StageKind, StageReport};
use crate::time::WallMs;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Message, Offset};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Counts records; says so in batches with a gapless number and in its state.
struct CountRole {
    kafka: Arc<KafkaConfig>,
    inputs: Vec<(String, u32)>,
}

/// What it counted since the last commit, and where it is.
struct Counting {
    source: Source,
    epoch: u64,
    seq: u64,
    from: i64,
    next: i64,
    records: u64,
    total: u64,
    idle: u64,
    letters: Vec<Effect>,
}

impl Role for CountRole {
    type Stage = Counting;
    const KIND: StageKind = StageKind::Fold;
    const NAME: &'static str = "fold";

    fn topics(&self) -> Vec<(String, u32)> {
        self.inputs.clone()
    }
    fn state_topic(&self, source: &Source) -> String {
        TopicNames::new(&self.kafka.id).fold_state(&source.topic)
    }
    fn start_from(&self) -> StartFrom {
        self.kafka.start_from
    }
    fn interval(&self, _lag: i64) -> Duration {
        self.kafka.commit_interval
    }
    fn idle_after(&self) -> Option<Duration> {
        Some(self.kafka.idle_after)
    }
    fn fresh(&self, source: &Source, offset: i64) -> Counting {
        let source = source.clone();
        let (epoch, seq, records, total, idle, letters) = (1, 0, 0, 0, 0, Vec::new());
        Counting { source, epoch, seq, from: offset, next: offset, records, total, idle, letters }
    }
    fn restore(&self, source: &Source, offset: i64, records: &StateRecords) -> Result<Counting, Stop> {
        let head = records.get(b"head".as_slice()).ok_or_else(|| Stop("no head".to_owned()))?;
        let numbers: Vec<i64> =
            String::from_utf8_lossy(head).split(' ').map(|n| n.parse().unwrap()).collect();
        if numbers[0] != offset {
            return Err(Stop(format!("the head is at {}, the offset at {offset}", numbers[0])));
        }
        let mut stage = self.fresh(source, offset);
        stage.epoch = u64::try_from(numbers[1]).unwrap() + 1;
        stage.seq = u64::try_from(numbers[2]).unwrap();
        stage.total = u64::try_from(numbers[3]).unwrap();
        Ok(stage)
    }
    fn commits(&self, _stage: &Counting) -> Option<u64> {
        None
    }

    fn replay_from(&self, _: &Counting) -> Option<i64> {
        None
    }
    fn take(&self, stage: &mut Counting, record: Record<'_>) -> Result<(), Stop> {
        if record.offset < stage.next {
            return Err(Stop(format!("offset {} came twice", record.offset)));
        }
        if record.value == Some(b"bad".as_slice()) {
            stage.letters.push(Effect::DeadLetter(DeadLetter {
                offset: record.offset,
                last_offset: None,
                reason: "rejected",
                detail: "bad".to_owned(),
                key: None,
                value: record.value.map(<[u8]>::to_vec),
                original_size: None,
            }));
        }
        stage.next = record.offset + 1;
        stage.records += 1;
        Ok(())
    }
    fn idle(&self, stage: &mut Counting, _: WallMs) {
        stage.idle += 1;
    }
    fn is_full(&self, stage: &Counting) -> bool {
        stage.records >= 500
    }
    fn seal(&self, stage: &mut Counting, _: WallMs) -> Result<Option<Commit>, Stop> {
        if stage.records == 0 && stage.idle == 0 {
            return Ok(None);
        }
        stage.seq += 1;
        stage.total += stage.records;
        let partition = stage.source.number();
        let Counting { epoch, seq, from, next, records, total, .. } = *stage;
        let mut effects = std::mem::take(&mut stage.letters);
        let bytes = format!("{partition} {epoch} {seq} {from} {next} {records}").into_bytes();
        effects.push(Effect::Batch { shard: partition % self.kafka.shards, bytes });
        let head = format!("{next} {epoch} {seq} {total}").into_bytes();
        effects.push(Effect::State { key: b"head".to_vec(), value: Some(head) });
        let report = StageReport { results: vec![("folded", "", total)], ..StageReport::default() };
        (stage.from, stage.records, stage.idle) = (next, 0, 0);
        let stage = StageKind::Fold;
        Ok(Some(Commit { stage, partition, from, to: next, effects, exposed: Vec::new(), report }))
    }
    fn needed_from(&self, _: &Counting) -> Option<i64> {
        None
    }
}

/// What the observer heard: totals by partition, and the last word of each worker.
#[derive(Default)]
struct Heard {
    totals: Mutex<BTreeMap<u32, u64>>,
    ready: Mutex<BTreeMap<String, (bool, String)>>,
    restored: Mutex<Vec<(u32, i64)>>,
    refused: Mutex<u32>,
}

impl Observer for Heard {
    fn fold_report(&self, _: &str, partition: u32, report: &StageReport) {
        self.totals.lock().unwrap().insert(partition, report.results[0].2);
    }
    fn merge_report(&self, _: u32, _: &StageReport) {}
    fn exposed(&self, _: u32, _: Vec<Exposed>) {}
    fn withdraw_fold(&self, _: &str, partition: u32) {
        self.totals.lock().unwrap().remove(&partition);
    }
    fn withdraw_merge(&self, _: &str, _: u32) {}
    fn commit(&self, _: StageKind, trouble: Option<Trouble>, _: Duration, _: usize) {
        *self.refused.lock().unwrap() += u32::from(trouble.is_some());
    }
    fn restored(&self, _: StageKind, _: &str, partition: u32, offset: i64, _: Duration) {
        self.restored.lock().unwrap().push((partition, offset));
    }
    fn lag(&self, _: StageKind, _: &str, _: u32, _: i64) {}
    fn client_error(&self, kind: &'static str) {
        eprintln!("client error: {kind}");
    }
    fn beat(&self, worker: &str, ready: bool, reason: &str) {
        self.ready.lock().unwrap().insert(worker.to_owned(), (ready, reason.to_owned()));
    }
}

impl Heard {
    fn total(&self) -> u64 {
        self.totals.lock().unwrap().values().sum()
    }
}

fn staff(config: &Arc<KafkaConfig>, inputs: &[(String, u32)], heard: &Arc<Heard>) -> Service {
    let role = CountRole { kafka: Arc::clone(config), inputs: inputs.to_vec() };
    let observer: Arc<dyn Observer> = Arc::clone(heard) as Arc<dyn Observer>;
    Service::only(role, config.fold_workers, config, &observer).unwrap()
}

fn until(what: &str, patience: Duration, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !done() {
        assert!(Instant::now() < deadline, "{what}: not in time");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// All records of a topic's partitions, by partition.
fn read_all(config: &KafkaConfig, topic: &str, partitions: u32) -> Vec<Vec<Vec<u8>>> {
    let consumer: BaseConsumer<PlainContext> =
        super::client::reader(config, "fold", "test").create_with_context(PlainContext::new(None)).unwrap();
    consumer.fetch_metadata(Some(topic), Duration::from_secs(10)).unwrap();
    let mut list = rdkafka::TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(topic, i32::try_from(partition).unwrap(), Offset::Beginning).unwrap();
    }
    consumer.assign(&list).unwrap();
    let mut found = vec![Vec::new(); partitions as usize];
    let (mut open, deadline) = (partitions, Instant::now() + Duration::from_secs(20));
    while open > 0 {
        assert!(Instant::now() < deadline, "{topic} cannot be read to its end");
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                found[usize::try_from(message.partition()).unwrap()]
                    .push(message.payload().unwrap().to_vec());
            }
            Some(Err(_)) => open -= 1,
            None => {}
        }
    }
    found
}

/// Each source's batches: numbered without gap, each beginning where the last ended. Returns records in all.
fn judge_batches(config: &KafkaConfig) -> u64 {
    let mut last: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    let mut records = 0;
    for bytes in read_all(config, &TopicNames::new(&config.id).partials, config.shards).concat() {
        let text = String::from_utf8(bytes).unwrap();
        let n: Vec<i64> = text.split(' ').map(|n| n.parse().unwrap()).collect();
        let (seq, next) = last.get(&n[0]).copied().unwrap_or((0, n[3]));
        assert_eq!((n[2], n[3]), (seq + 1, next), "batch {text:?} does not follow");
        last.insert(n[0], (n[2], n[4]));
        records += u64::try_from(n[5]).unwrap();
    }
    records
}

fn produce(config: &KafkaConfig, from: u32, to: u32) {
    let mut producer = EventProducer::new(config, &config.input_topics[0]).unwrap();
    for number in from..to {
        producer.send(number.to_string().as_bytes(), b"event").unwrap();
    }
    producer.flush(Duration::from_secs(20)).unwrap();
}

fn demo(workers: u32) -> (DemoBroker, Arc<KafkaConfig>, Vec<(String, u32)>) {
    let mut config = KafkaConfig {
        mode: Mode::None,
        start_from: StartFrom::Earliest,
        fold_workers: workers,
        shards: 2,
        idle_after: Duration::from_millis(300),
        input_topics: vec!["events".to_owned()],
        ..KafkaConfig::default()
    };
    let broker = DemoBroker::start(&config, 3).unwrap();
    config.brokers = broker.brokers().to_owned();
    (broker, Arc::new(config), vec![("events".to_owned(), 3)])
}

#[test]
fn every_record_is_counted_once_and_shown_only_when_committed() {
    let (_broker, config, inputs) = demo(2);
    produce(&config, 0, 3_000);
    let heard = Arc::new(Heard::default());
    let service = staff(&config, &inputs, &heard);
    until("3000 records", Duration::from_secs(20), || heard.total() == 3_000);
    produce(&config, 3_000, 4_000);
    until("4000 records", Duration::from_secs(20), || heard.total() == 4_000);
    until("ready", Duration::from_secs(20), || heard.ready.lock().unwrap().values().all(|(ready, _)| *ready));
    service.stop(Duration::from_secs(10)).unwrap();
    assert!(service.wait().is_none());
    assert_eq!(judge_batches(&config), 4_000);
    assert_eq!(heard.total(), 0, "withdrawn at the end");
    assert_eq!(*heard.refused.lock().unwrap(), 0);
}

#[test]
fn a_restarted_worker_goes_on_where_its_state_says() {
    let (_broker, config, inputs) = demo(1);
    for round in 0..2 {
        produce(&config, round * 1_000, (round + 1) * 1_000);
        let heard = Arc::new(Heard::default());
        let service = staff(&config, &inputs, &heard);
        let expected = u64::from(round + 1) * 1_000;
        until("all records", Duration::from_secs(20), || heard.total() == expected);
        service.stop(Duration::from_secs(10)).unwrap();
        let offsets: i64 = heard.restored.lock().unwrap().iter().map(|(_, offset)| offset).sum();
        assert_eq!(offsets, i64::from(round) * 1_000);
    }
    assert_eq!(judge_batches(&config), 2_000);
}

#[test]
fn a_silent_partition_is_marked_idle_and_its_dead_letter_is_there() {
    let (_broker, config, inputs) = demo(1);
    let mut producer = EventProducer::new(&config, "events").unwrap();
    producer.send(b"k", b"bad").unwrap();
    producer.flush(Duration::from_secs(20)).unwrap();
    let heard = Arc::new(Heard::default());
    let service = staff(&config, &inputs, &heard);
    // Idle marks of the stage make commits without records, so totals of silent partitions appear too.
    until("marks", Duration::from_secs(20), || heard.totals.lock().unwrap().len() == 3);
    service.stop(Duration::from_secs(10)).unwrap();
    assert_eq!(judge_batches(&config), 1);
    let letters = read_all(&config, &TopicNames::new(&config.id).dead_letters, 1);
    assert_eq!(letters[0], [b"bad".to_vec()]);
}

#[test]
fn a_partition_with_state_and_no_offset_is_refused_naming_both() {
    let (_broker, config, inputs) = demo(1);
    let config = Arc::new(KafkaConfig { restore_timeout: Duration::from_secs(2), ..(*config).clone() });
    let state = TopicNames::new(&config.id).fold_state("events");
    let mut producer = EventProducer::new(&config, &state).unwrap();
    producer.send(b"head", b"0 1 1 0").unwrap();
    producer.flush(Duration::from_secs(20)).unwrap();
    let heard = Arc::new(Heard::default());
    let service = staff(&config, &inputs, &heard);
    let text = service.wait().unwrap().to_string();
    assert!(text.contains(&state) && text.contains("no offset for events/"), "{text}");
    service.stop(Duration::from_secs(10)).unwrap();
}

#[test]
fn the_tail_hands_over_results_and_ends_when_told() {
    let (_broker, config, _) = demo(1);
    let heard: Arc<dyn Observer> = Arc::new(Heard::default());
    let halt = Arc::new(Halt::default());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let on_kpi = move |key: &[u8], value: &[u8]| sink.lock().unwrap().push((key.to_vec(), value.to_vec()));
    let thread = tail::start(&config, &heard, &halt, Turns::default(), on_kpi).unwrap();
    let mut producer = EventProducer::new(&config, &TopicNames::new(&config.id).kpis).unwrap();
    // The mock knows no offsets by time, so the tail begins at the end: it is sent to until it hears.
    until("a result", Duration::from_secs(20), || {
        producer.send(b"[]", b"{}").unwrap();
        producer.flush(Duration::from_secs(20)).unwrap();
        !seen.lock().unwrap().is_empty()
    });
    halt.ask();
    thread.join().unwrap();
    assert_eq!(seen.lock().unwrap()[0], (b"[]".to_vec(), b"{}".to_vec()));
}

#[test]
fn an_inspection_finds_brokers_topics_and_sorts_the_newest_records() {
    let (_broker, config, inputs) = demo(1);
    produce(&config, 0, 600);
    let found = inspect(&config, |value| String::from_utf8(value.unwrap().to_vec()).unwrap()).unwrap();
    assert_eq!(found.inputs, inputs);
    assert_eq!((found.brokers.len(), found.present.len(), found.missing.len()), (1, 5, 0));
    // 100 records over three partitions: 33 of each.
    assert_eq!(found.sample, BTreeMap::from([("event".to_owned(), 99)]));
}
