//! Restore: how long a copy takes from its start to serving, and what its state weighs, for 100,000 open contacts,
//! 1,000,000 fingerprints and about 10,000 groups; and what state each event costs at a live pace.
//!
//! `cargo bench --bench restore [-- --contacts 100000 --rounds 3]`. It starts Apache Kafka as the tests do, or takes
//! `INTRADAY_TEST_KAFKA`. Figures are of this machine and this moment.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a bench ends where a test would fail, and its figures are its output"
)]

#[allow(dead_code, reason = "the live benches share it, and each uses a part")]
mod deployment;
#[path = "../tests/it/harness/mod.rs"]
#[expect(unused_imports, reason = "the harness's own tests are not part of a bench without a test runner")]
mod harness;
#[allow(dead_code, reason = "the live benches share it, and each uses a part")]
mod live;

use deployment::{Deployment, argument, noise};
use intraday::fold::FoldConfig;
use intraday::merge::MergeConfig;
use intraday::pipeline::{Effect, FoldInput, FoldStage, MergeInput, MergeStage, Record};
use intraday::time::WallMs;
use live::Center;
use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const LIMIT: Duration = Duration::from_secs(180);
/// Merge notes its state over a minute: after so long everything is in it.
const CYCLE: Duration = Duration::from_secs(65);
const TENANTS: usize = 10;
const QUEUES: usize = 9_000;
const AGENTS: usize = 1_000;
const EVENTS_PER_CONTACT: usize = 10;
/// What happens to a contact that stays open: it is put on hold again and again.
const STORY: [&str; EVENTS_PER_CONTACT] = [
    "contact.created",
    "contact.queued",
    "contact.answered",
    "contact.held",
    "contact.resumed",
    "contact.held",
    "contact.resumed",
    "contact.held",
    "contact.resumed",
    "contact.held",
];

fn main() {
    per_event();
    let Some(kafka) = harness::kafka() else { return };
    let (contacts, rounds) = (argument("contacts", 100_000), argument("rounds", 3));
    let deployment = Deployment::new(kafka, "restore", "");
    let mut copy = deployment.start("one");
    copy.ready(LIMIT);
    fill(kafka.bootstrap(), &deployment.input, contacts);
    copy.wait_until("everything is folded", LIMIT, || deployment.lag("fold", &deployment.input) == 0);
    copy.wait_until("everything is merged", LIMIT, || copy_is_merged(&deployment));
    std::thread::sleep(CYCLE);
    let (peak_mib, shown) = (copy.usage().peak_mib, copy.scrape());
    println!(
        "state: {} open contacts, {} fingerprints, {} groups, {} group-windows; the service: {peak_mib:.0} MiB at its peak",
        shown.sum("intraday_open_contacts", ""),
        shown.sum("intraday_deduplication_ids", ""),
        shown.sum("intraday_groups", ""),
        shown.sum("intraday_open_windows", ""),
    );
    copy.stop();
    for topic in ["fold-state", "merge-state", "partials"] {
        let (records, all, last) = deployment.bytes(&deployment.topic(topic));
        println!(
            "  {topic}: {records} records of {:.1} MiB to be read, {:.1} MiB of them the last of their key",
            mib(all),
            mib(last)
        );
    }
    for round in 1..=rounds {
        restore(&deployment, round);
    }
}

/// The markers of transactions take offsets, so that a lag of nothing shows only once it stays small.
fn copy_is_merged(deployment: &Deployment) -> bool {
    deployment.lag("merge", &deployment.topic("partials")) <= i64::from(deployment::PARTITIONS) * 8
}

fn restore(deployment: &Deployment, round: usize) {
    let began = Instant::now();
    let mut copy = deployment.start("one");
    copy.process.wait_for_http(&format!("http://{}/livez", copy.address), LIMIT);
    let up = began.elapsed();
    copy.ready(LIMIT);
    let ready = began.elapsed();
    let (log, usage) = (copy.process.output(), copy.usage());
    println!(
        "round {round}: serving {:.2} s after its start (process up after {:.2} s); {}; {}; {:.2} s CPU, {:.0} MiB; {}",
        ready.as_secs_f64(),
        up.as_secs_f64(),
        took(&log, "fold", "-events"),
        took(&log, "merge", ".partials"),
        usage.cpu_s,
        usage.peak_mib,
        noise()
    );
    copy.stop();
}

/// What the log tells of the restores of a stage, by the end of the name of its source's topic.
fn took(log: &str, stage: &str, topic_end: &str) -> String {
    let restored = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        let of_stage = line["message"] == "restored" && line["topic"].as_str()?.ends_with(topic_end);
        let took_ms = &line["took_ms"];
        let ms = took_ms.as_f64().or_else(|| took_ms.as_str()?.parse().ok())?;
        of_stage.then_some(ms / 1_000.0)
    };
    let times_s: Vec<f64> = log.lines().filter_map(restored).collect();
    let (count, sum_s) = (times_s.len(), times_s.iter().sum::<f64>());
    let slowest_s = times_s.iter().copied().fold(0.0, f64::max);
    format!("{stage}: {count} partitions, {:.2} s each, slowest {slowest_s:.2} s", sum_s / count as f64)
}

fn fill(brokers: &str, topic: &str, contacts: usize) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("partitioner", "murmur2_random")
        .set("queue.buffering.max.messages", "500000")
        .set("linger.ms", "20")
        .create()
        .unwrap();
    // All within two minutes: nothing is forgotten before the last round.
    let begin_ms = now_ms() - 120_000;
    for step in 0..EVENTS_PER_CONTACT {
        for contact in 0..contacts {
            let time_ms = begin_ms + step as i64 * 12_000 + (contact % 10_000) as i64;
            let (key, value) = event(contact, step, time_ms);
            let mut record = BaseRecord::to(topic).key(&key).payload(&value);
            while let Err((_, back)) = producer.send(record) {
                producer.poll(Duration::from_millis(5));
                record = back;
            }
        }
    }
    producer.flush(LIMIT).unwrap();
}

fn event(contact: usize, step: usize, time_ms: i64) -> (String, String) {
    let (queue, agent) = (contact % QUEUES, contact % AGENTS);
    let key = format!("c-{contact:08}-7aa1-4c1e-9f00");
    let value = format!(
        concat!(
            r#"{{"id":"{:010}-{}-01JGTV8XQ4M3N0Z7","type":"{}","time":{},"source":"acd-eu-1/cluster-3","#,
            r#""tenant":"tenant-{}","contact_id":"{}","channel":"voice","queue":"queue-{:04}","#,
            r#""team":"team-{}","agent_id":"agent-{:04}","customer_id":"cu-{:07}"}}"#
        ),
        contact,
        step,
        STORY[step],
        time_ms,
        contact % TENANTS,
        key,
        queue,
        agent % TENANTS,
        agent,
        contact % 500_000,
    );
    (key, value)
}

/// Bytes that each stage hands to its topics for an event, at 20,000 events a second over 1,000 queues and commits as the
/// defaults have them; before compression.
fn per_event() {
    const RATE: usize = 20_000;
    const WARM_S: usize = 40;
    // Merge writes all that changed once a minute.
    const SECONDS: usize = 60;
    let (fold, shards) = (Arc::new(FoldConfig::default()), 8);
    let sources = vec![("events".to_owned(), deployment::PARTITIONS as u32)];
    let merge = Arc::new(MergeConfig { sources, shards, ..MergeConfig::default() });
    let partitions = deployment::PARTITIONS as usize;
    let mut folds: Vec<FoldStage> =
        (0..partitions as u32).map(|at| FoldStage::new(Arc::clone(&fold), "events", at, 0)).collect();
    let mut merges: Vec<(MergeStage, i64)> =
        (0..shards).map(|at| (MergeStage::new(Arc::clone(&merge), at, 0), 0)).collect();
    let center = Center { events_per_s: RATE as u64, queues: 1_000, agents: 1_000 };
    let begin_ms = now_ms();
    let mut offsets = vec![0; partitions];
    let (mut bytes, mut events) = (Bytes::default(), 0usize);
    for (at, (after_ms, contact, step)) in live::moments(center).enumerate() {
        if after_ms >= ((WARM_S + SECONDS) * 1_000) as u64 {
            break;
        }
        let wall = WallMs(begin_ms + after_ms as i64);
        // A commit each 100 ms, a publish tick each 200 ms: by count of events, which come evenly.
        if at > 0 && at % (RATE / 10) == 0 {
            commit(&mut folds, &mut merges, wall, (at / (RATE / 10)).is_multiple_of(2), &mut bytes);
        }
        if after_ms < (WARM_S * 1_000) as u64 {
            (bytes, events) = (Bytes::default(), 0);
        }
        let (key, value) = live::event(center, contact as usize, step, wall.0);
        let partition = contact as usize % partitions;
        let record = Record {
            offset: offsets[partition],
            appended: None,
            wall,
            key: Some(key.as_bytes()),
            value: Some(value.as_bytes()),
        };
        offsets[partition] += 1;
        events += 1;
        folds[partition].step(FoldInput::Record(record));
    }
    let each = |bytes: usize| bytes as f64 / events as f64;
    println!(
        "bytes written per event at {RATE} events/s, 1,000 queues: fold-state {:.0}, partials {:.0}, merge-state {:.0}, kpis {:.0} (an event has about 330; before compression)",
        each(bytes.fold_state),
        each(bytes.partials),
        each(bytes.merge_state),
        each(bytes.kpis)
    );
}

#[derive(Default)]
struct Bytes {
    fold_state: usize,
    partials: usize,
    merge_state: usize,
    kpis: usize,
}

fn commit(
    folds: &mut [FoldStage],
    merges: &mut [(MergeStage, i64)],
    wall: WallMs,
    publish: bool,
    bytes: &mut Bytes,
) {
    let size = |key: &[u8], value: &Option<Vec<u8>>| key.len() + value.as_ref().map_or(0, Vec::len);
    for effect in folds.iter_mut().filter_map(|fold| fold.commit(wall)).flat_map(|commit| commit.effects) {
        match effect {
            Effect::Batch { shard, bytes: batch } => {
                let (stage, offset) = &mut merges[shard as usize];
                stage.step(MergeInput::Batch { offset: *offset, bytes: &batch }).unwrap();
                *offset += 1;
                bytes.partials += batch.len();
            }
            Effect::State { key, value } => bytes.fold_state += size(&key, &value),
            Effect::Kpi(_) | Effect::DeadLetter(_) => {}
        }
    }
    for (stage, _) in merges.iter_mut().filter(|_| publish) {
        stage.step(MergeInput::Publish { wall }).unwrap();
        for effect in stage.commit().into_iter().flat_map(|commit| commit.effects) {
            match effect {
                Effect::State { key, value } => bytes.merge_state += size(&key, &value),
                Effect::Kpi(record) => bytes.kpis += record.key.len() + record.value.len(),
                Effect::Batch { .. } | Effect::DeadLetter(_) => {}
            }
        }
    }
}

fn mib(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}
