//! The service on a real broker: events in, exact records out, whatever happens to its process.
//!
//! Each test has topics of its own on the shared broker. The judges are the reference model and `replay`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness;
use crate::harness::guard::output_within;
use crate::harness::provision::{Packaged, present, tool};
use crate::harness::records::Outgoing;
use crate::kafka_deployment::{Deployment, NEVER_IDLE, SETTLE_MS, SHARDS, event, eventually, last_words};
use crate::kafka_finals::{Seen, assert_exactly_once, differences, settled};
use crate::reference::{self, Input, RecordKey};
use crate::scenario::{Options, scenario};

const PARTITIONS: i32 = 4;
const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;

/// A scenario without events from the future, whose judgement is a matter of the clock that a test runs at,
/// and with an end to every window.
fn odd_inputs(seed: u64) -> (reference::Config, Vec<Input>, Vec<Outgoing>, i64) {
    let options =
        Options { partitions: PARTITIONS as u32, vary_config: false, gap: false, ..Options::default() };
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
        wrong.extend(
            differences(last, &outcome.records[key]).into_iter().map(|what| format!("{key:?}: {what}")),
        );
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));

    dead_letters_hold_what_was_refused(&deployment, &inputs, &outcome);
    offsets_are_committed(&deployment, &sent);
}

fn dead_letters_hold_what_was_refused(
    deployment: &Deployment,
    inputs: &[Input],
    outcome: &reference::Outcome,
) {
    let refused = |verdict: &str| matches!(verdict, "late" | "rejected");
    let wanted: BTreeMap<(u32, i64), &str> = outcome
        .judgements
        .iter()
        .filter(|(_, verdict)| refused(verdict))
        .map(|(at, verdict)| (*at, *verdict))
        .collect();
    let letters = deployment.read("dead-letters");
    assert!(wanted.values().any(|v| *v == "late") && wanted.values().any(|v| *v == "rejected"), "{wanted:?}");
    assert_eq!(letters.len(), wanted.len(), "dead letters");
    let mut found = BTreeMap::new();
    for letter in &letters {
        let header = |name: &str| {
            let bytes =
                letter.headers.iter().find(|(key, _)| key == name).and_then(|(_, value)| value.clone());
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

#[test]
fn a_quiet_center_closes_its_windows_by_the_clock() {
    let Some(kafka) = harness::kafka() else { return };
    let deployment = Deployment::new(kafka, "quiet", PARTITIONS, "idle_after = \"500ms\"");
    deployment.create_topics();
    let began_ms = now_ms() - 5 * HOUR_MS;
    let call = |kind: &str, at_ms: i64, contact: &str| {
        let value = json!({"id": format!("{contact}-{kind}"), "type": kind, "time": at_ms, "tenant": "acme",
            "contact_id": contact, "channel": "voice", "queue": "billing"});
        event(1, contact, &value.to_string())
    };
    let story = [
        call("contact.queued", began_ms, "c1"),
        call("contact.answered", began_ms + 8_000, "c1"),
        call("contact.ended", began_ms + 68_000, "c1"),
    ];
    deployment.produce(&story);
    let mut service = deployment.start();
    let day_ms = 24 * HOUR_MS;
    let start_ms = began_ms - began_ms.rem_euclid(HOUR_MS / 4);
    let keys = [
        ("tenant".to_owned(), vec!["acme".to_owned()], "15m".to_owned(), start_ms),
        (
            "tenant".to_owned(),
            vec!["acme".to_owned()],
            "1h".to_owned(),
            began_ms - began_ms.rem_euclid(HOUR_MS),
        ),
    ];
    // Three of the four partitions never had a record: only their idle marks let the shard go on.
    let seen = settled(&deployment, &mut service, &keys.clone().into_iter().collect());
    for key in &keys {
        let record = seen[key].settled().expect("a settled record");
        assert_eq!(record["counts"]["contacts_answered"], 1, "{record}");
        assert_eq!(record["kpis"]["asa"]["value"], 8.0, "{record}");
    }
    let day = (
        "tenant".to_owned(),
        vec!["acme".to_owned()],
        "day".to_owned(),
        began_ms - began_ms.rem_euclid(day_ms),
    );
    let today_ms = now_ms() - now_ms().rem_euclid(day_ms);
    let is_over = day.3 < today_ms;
    assert!(
        is_over || seen.get(&day).and_then(Seen::settled).is_none(),
        "a day that is not over is not final"
    );

    // The clock has passed it: an event of that time is late, and only because the partition was idle.
    deployment.produce(&[call("contact.queued", began_ms + 90_000, "c2")]);
    let letter = eventually(&mut service, "a dead letter", || {
        deployment.read("dead-letters").pop().ok_or_else(|| "there is none".to_owned())
    });
    let reason = letter.headers.iter().find(|(key, _)| key == "reason").and_then(|(_, value)| value.clone());
    assert_eq!(reason.as_deref(), Some(&b"late_after_idle"[..]), "{:?}", letter.headers);
}

#[test]
fn other_clients_read_the_records() {
    let Some(kafka) = harness::kafka() else { return };
    let Some(kcat) = present(tool(Packaged::Kcat)) else { return };
    let deployment = Deployment::new(kafka, "kcat", 1, NEVER_IDLE);
    deployment.create_topics();
    let value = r#"{"id":"1","type":"contact.queued","time":1767600000000,"tenant":"acme","contact_id":"c","channel":"chat","queue":"sales"}"#;
    deployment.produce(&[event(0, "c", value)]);
    deployment.produce(&last_words(1, 1_767_600_000_000 + 3 * DAY_MS));
    let mut service = deployment.start();
    let key = ("tenant".to_owned(), vec!["acme".to_owned()], "15m".to_owned(), 1_767_600_000_000);
    settled(&deployment, &mut service, &BTreeSet::from([key]));
    let mut read = kcat.command();
    read.args(["-C", "-e", "-q", "-b", kafka.bootstrap(), "-t", &deployment.topic("kpis")]);
    read.args(["-X", "isolation.level=read_committed", "-f", "%p %k %h %s\n"]);
    let output = output_within(&mut read, b"", Duration::from_secs(20)).unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let wanted = r#"["acme","tenant,channel,queue",["chat","sales"],"15m","2026-01-05T08:00:00Z"]"#;
    let line = text.lines().find(|line| line.contains(wanted) && line.contains("status=final"));
    let line = line.unwrap_or_else(|| panic!("no final among:\n{text}"));
    assert!(line.contains("schema=intraday.kpi.v1") && line.contains("revision="), "{line}");
    let value: Value = serde_json::from_str(&line[line.find('{').unwrap()..]).unwrap();
    assert_eq!(value["counts"]["contacts_offered"], 1);
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}
