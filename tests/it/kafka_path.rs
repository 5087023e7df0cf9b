//! The service on a real broker: events in, exact records out, whatever happens to its process.
//!
//! Each test has topics of its own on the shared broker. The judges are the reference model and `replay`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness;
use crate::harness::guard::{Signal, output_within};
use crate::harness::process::Process;
use crate::harness::provision::{Packaged, present, tool};
use crate::harness::records::{Outgoing, unique_name};
use crate::kafka_deployment::{Deployment, SHARDS, event, eventually, last_words, partition_of};
use crate::kafka_finals::{Seen, by_key, content, differences, end_ms, replayed};
use crate::reference::{self, Input, RecordKey};
use crate::scenario::{Options, scenario};

const PARTITIONS: i32 = 4;
const DAY_MS: i64 = 86_400_000;
/// Out-of-orderness and grace: what the last event must be later than the end of a window.
const SETTLE_MS: i64 = 65_000;
/// Tests that tell the end by an event want no help of the clock.
const NEVER_IDLE: &str = "idle_after = \"10m\"";

/// Waits for the settled records of `wanted`, and returns all records.
fn settled(
    deployment: &Deployment,
    service: &mut Process,
    wanted: &BTreeSet<RecordKey>,
) -> BTreeMap<RecordKey, Seen> {
    eventually(service, "final records of all windows", || {
        let seen = by_key(&deployment.read("kpis"));
        let is_open = |key: &&RecordKey| seen.get(*key).and_then(Seen::settled).is_none();
        let open: Vec<&RecordKey> = wanted.iter().filter(is_open).collect();
        match open.first() {
            Some(key) => {
                let live = seen.get(*key).and_then(|seen| seen.records.last());
                Err(format!("{} of {} have none, as {key:?}, of which there is {live:?}", open.len(), wanted.len()))
            }
            None => Ok(seen),
        }
    })
}

/// One final for each group and window, all records of a tenant in one partition, revisions only growing.
fn assert_exactly_once(seen: &BTreeMap<RecordKey, Seen>) {
    let mut homes: BTreeMap<&str, i32> = BTreeMap::new();
    for (key, seen) in seen {
        assert!(seen.count("final") <= 1, "{} finals of {key:?}", seen.count("final"));
        let home = *homes.entry(key.1[0].as_str()).or_insert(seen.partitions[0]);
        assert!(seen.partitions.iter().all(|at| *at == home), "{key:?} lies in {:?}", seen.partitions);
        let revisions: Vec<i64> = seen.records.iter().filter_map(|r| r["revision"].as_i64()).collect();
        assert!(revisions.is_sorted(), "revisions of {key:?}: {revisions:?}");
        let first = seen.records.iter().position(|record| record["status"] != "live");
        let after = first.map_or(&[][..], |at| &seen.records[at..]);
        assert!(after.iter().all(|record| record["status"] != "live"), "a live record after the final of {key:?}");
    }
}

/// A scenario without events from the future, whose judgement is a matter of the clock that a test runs at,
/// and with an end to every window.
fn odd_inputs(seed: u64) -> (reference::Config, Vec<Input>, Vec<Outgoing>, i64) {
    let options = Options { partitions: PARTITIONS as u32, vary_config: false, gap: false, ..Options::default() };
    let made = scenario(seed, &options);
    let now_ms = i64::MAX / 2;
    let is_future = |input: &Input| {
        let event: Option<Value> = serde_json::from_slice(&input.value).ok();
        let time_ms = event.and_then(|event| event["time"].as_i64());
        time_ms.is_some_and(|time_ms| time_ms > input.wall_ms + made.config.max_future_skew_ms)
    };
    let mut inputs: Vec<Input> = made.inputs.into_iter().filter(|input| !is_future(input)).collect();
    let latest_ms = inputs.iter().map(|input| input.wall_ms).max().unwrap_or(0);
    let end_ms = (latest_ms.div_euclid(DAY_MS) + 3) * DAY_MS;
    let mut sent: Vec<Outgoing> = inputs
        .iter()
        .map(|input| Outgoing {
            partition: input.partition as i32,
            value: Some(input.value.clone()),
            ..Outgoing::default()
        })
        .collect();
    for last in last_words(PARTITIONS, end_ms) {
        let value = last.value.clone().unwrap_or_default();
        let partition = last.partition.unsigned_abs();
        inputs.push(Input { partition, offset: 0, value, wall_ms: now_ms, malformed: false });
        sent.push(last);
    }
    let mut ends = BTreeMap::new();
    for input in &mut inputs {
        let end = ends.entry(input.partition).or_insert(0);
        input.offset = *end;
        *end += 1;
        input.wall_ms = now_ms;
    }
    (made.config, inputs, sent, end_ms)
}

#[test]
fn odd_events_become_the_records_of_the_model() {
    let Some(kafka) = harness::kafka() else { return };
    let deployment = Deployment::new(kafka, "odd", PARTITIONS, NEVER_IDLE);
    deployment.create_topics();
    let (config, inputs, sent, last_ms) = odd_inputs(11);
    let outcome = reference::run(&config, &inputs);
    deployment.produce(&sent);
    let mut service = deployment.start();

    let windows: BTreeMap<String, i64> = config.all_windows().into_iter().collect();
    let is_closed = |key: &RecordKey| key.3 + windows[&key.2] + SETTLE_MS <= last_ms;
    let wanted: BTreeSet<RecordKey> = outcome.records.keys().filter(|key| is_closed(key)).cloned().collect();
    assert!(wanted.len() > 300, "{} windows", wanted.len());
    let seen = settled(&deployment, &mut service, &wanted);
    assert_exactly_once(&seen);
    let closed: BTreeSet<RecordKey> = seen.keys().filter(|key| is_closed(key)).cloned().collect();
    let strangers: Vec<_> = closed.difference(&wanted).collect();
    assert!(strangers.is_empty(), "records that the model has not: {strangers:?}");
    let mut wrong = Vec::new();
    for key in &wanted {
        let last = seen[key].settled().expect("a settled record");
        wrong.extend(differences(last, &outcome.records[key]).into_iter().map(|what| format!("{key:?}: {what}")));
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));

    dead_letters_hold_what_was_refused(&deployment, &inputs, &outcome);
    offsets_are_committed(&deployment, &sent);
}

fn dead_letters_hold_what_was_refused(deployment: &Deployment, inputs: &[Input], outcome: &reference::Outcome) {
    let refused = |verdict: &str| matches!(verdict, "late" | "rejected");
    let wanted: BTreeMap<(u32, i64), &str> =
        outcome.judgements.iter().filter(|(_, verdict)| refused(verdict)).map(|(at, verdict)| (*at, *verdict)).collect();
    let letters = deployment.read("dead-letters");
    assert!(wanted.values().any(|v| *v == "late") && wanted.values().any(|v| *v == "rejected"), "{wanted:?}");
    assert_eq!(letters.len(), wanted.len(), "dead letters");
    let mut found = BTreeMap::new();
    for letter in &letters {
        let header = |name: &str| {
            let bytes = letter.headers.iter().find(|(key, _)| key == name).and_then(|(_, value)| value.clone());
            String::from_utf8(bytes.unwrap_or_default()).unwrap()
        };
        let at: (u32, i64) = (header("partition").parse().unwrap(), header("offset").parse().unwrap());
        assert_eq!(header("topic"), deployment.input);
        let key = format!("{}/{}/{}", deployment.input, at.0, at.1);
        assert_eq!(letter.key.as_deref(), Some(key.as_bytes()));
        let original = inputs.iter().find(|input| (input.partition, input.offset) == at).unwrap();
        assert_eq!(letter.value.as_deref(), Some(&original.value[..]), "the bytes of {at:?}");
        assert!(!header("reason").is_empty() && !header("detail").is_empty(), "{:?}", letter.headers);
        let verdict = if header("reason") == "late" { "late" } else { "rejected" };
        assert_eq!(found.insert(at, verdict), None, "two dead letters of {at:?}");
    }
    assert_eq!(found, wanted);
}

fn offsets_are_committed(deployment: &Deployment, sent: &[Outgoing]) {
    let mut ends = BTreeMap::new();
    for record in sent {
        *ends.entry(record.partition).or_insert(0) += 1;
    }
    assert_eq!(deployment.folded(), ends, "input offsets of the fold");
    let partials = deployment.topic("partials");
    let merged = deployment.kafka.committed(&format!("{}.merge", deployment.id), &partials);
    assert_eq!(merged.len(), SHARDS as usize, "partials offsets of the merge: {merged:?}");
}
