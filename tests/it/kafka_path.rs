//! The service on a real broker: events in, exact records out, whatever happens to its process.
//!
//! Each test has topics of its own on the shared broker. The judges are the reference model and `replay`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use crate::checker::Case;
use crate::harness;
use crate::harness::guard::output_within;
use crate::harness::provision::{Packaged, present, tool};
use crate::kafka_deployment::{Deployment, NEVER_IDLE, SHARDS, event, eventually, last_words};
use crate::kafka_events::story;
use crate::kafka_finals::{Seen, settled};
use crate::scenario::Options;

const PARTITIONS: i32 = 4;
const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;

#[test]
fn odd_events_become_the_records_of_the_model() {
    let Some(kafka) = harness::kafka() else { return };
    let deployment = Deployment::new(kafka, "odd", PARTITIONS, NEVER_IDLE);
    deployment.create_topics();
    let options =
        Options { partitions: PARTITIONS as u32, vary_config: false, gap: false, ..Options::default() };
    let story = story(11, &options);
    deployment.produce(&story.records);
    deployment.produce(&last_words(PARTITIONS, story.last_ms));
    let mut service = deployment.start();

    let case = Case {
        kafka,
        id: &deployment.id,
        input: &deployment.input,
        config: &story.config,
        last_ms: story.last_ms,
    };
    let expected = case.expect();
    assert!(expected.closed().len() > 300, "{} windows", expected.closed().len());
    assert!(expected.result("late") > 0 && expected.result("rejected") > 0);
    settled(&deployment, &mut service, expected.closed());
    let verdict = case.check(&expected);
    verdict.assert_clean();
    assert!(verdict.figures > 100_000, "{verdict:?}");
    offsets_are_committed(&deployment, &expected.ends());
}

fn offsets_are_committed(deployment: &Deployment, ends: &BTreeMap<i32, i64>) {
    assert_eq!(deployment.folded(), *ends, "input offsets of the fold");
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
