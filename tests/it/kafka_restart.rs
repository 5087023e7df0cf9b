//! Restarts in the middle of a load: the settled records are those of a run without any.
//!
//! The judge is `replay` of the same events in one partition and in one process.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness;
use crate::harness::guard::{Signal, output_within};
use crate::harness::process::{Process, run_intraday};
use crate::harness::records::Outgoing;
use crate::kafka_deployment::{
    Deployment, NEVER_IDLE, SETTLE_MS, event, eventually, last_words, partition_of,
};
use crate::kafka_finals::{assert_exactly_once, content, end_ms, is_empty, replayed, settled};
use crate::reference::RecordKey;

pub const PARTITIONS: i32 = 4;
/// 2026-01-05T08:00:00Z and a simulated hour; the last words are three days later.
const BEGIN: &str = "2026-01-05T08:00:00Z";
pub const LAST_MS: i64 = 1_767_600_000_000 + 3 * 86_400_000;
/// A stop in good order.
const STOP_LIMIT: Duration = Duration::from_secs(5);
const REPLAY_LIMIT: Duration = Duration::from_secs(60);

/// The lines of a simulated hour, in the order of their time.
pub fn simulated(deployment: &Deployment) -> Vec<String> {
    let file = deployment.path("hour.ndjson");
    let name = file.display().to_string();
    let made =
        run_intraday(&["generate", "--rate", "5", "--for", "1h", "--start", BEGIN, "--to", &name], b"");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    fs::read_to_string(&file).unwrap().lines().map(str::to_owned).collect()
}

/// Each line on the partition of its contact or agent.
pub fn placed(lines: &[String]) -> Vec<Outgoing> {
    let place = |line: &String| {
        let value: Value = serde_json::from_str(line).unwrap();
        let key = value["contact_id"].as_str().or(value["agent_id"].as_str());
        let key = key.or(value["queue"].as_str()).unwrap_or_default().to_owned();
        event(partition_of(&key, PARTITIONS), &key, line)
    };
    lines.iter().map(place).collect()
}

/// What `replay` makes of the events: the last record of each group and window.
pub fn replay(deployment: &Deployment, events: &[Outgoing]) -> std::collections::BTreeMap<RecordKey, Value> {
    let (input, output) = (deployment.path("all.ndjson"), deployment.path("kpis.ndjson"));
    let lines = events.iter().filter_map(|event| event.value.as_deref());
    fs::write(&input, lines.collect::<Vec<_>>().join(&b'\n')).unwrap();
    let mut command: Command = deployment.command(&["replay", "--agents", "--hdr", "--window", "15m,1h,day"]);
    command.arg("--input").arg(&input).arg("--output").arg(&output);
    let done = output_within(&mut command, b"", REPLAY_LIMIT).unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    replayed(&fs::read_to_string(&output).unwrap())
}

/// The settled records are what `replay` makes of the events, once each; all windows but the last ones are settled.
pub fn assert_as_replayed(deployment: &Deployment, service: &mut Process, events: &[Outgoing]) {
    let replayed = replay(deployment, events);
    let is_closed = |record: &&Value| end_ms(record) + SETTLE_MS <= LAST_MS && !is_empty(record);
    let wanted: BTreeSet<RecordKey> =
        replayed.iter().filter(|(_, record)| is_closed(record)).map(|(key, _)| key.clone()).collect();
    assert!(wanted.len() > 300, "{} windows", wanted.len());
    let seen = settled(deployment, service, &wanted);
    assert_exactly_once(&seen);
    for (key, seen) in &seen {
        let Some(last) = seen.settled() else { continue };
        match replayed.get(key) {
            Some(wanted) => assert_eq!(content(last), content(wanted), "{key:?}"),
            None => assert!(is_empty(last), "a record that the replay has not: {last}"),
        }
    }
    assert_eq!(deployment.read("dead-letters").len(), 0);
}

#[test]
fn restarts_leave_no_trace_in_the_settled_records() {
    let Some(kafka) = harness::kafka() else { return };
    let deployment = Deployment::new(kafka, "restarts", PARTITIONS, NEVER_IDLE);
    deployment.create_topics();
    let mut events = placed(&simulated(&deployment));
    events.extend(last_words(PARTITIONS, LAST_MS));
    let parts: Vec<&[Outgoing]> = events.chunks(events.len().div_ceil(4)).collect();
    assert_eq!(parts.len(), 4);

    // A stop in good order while there is much to do.
    deployment.produce(parts[0]);
    let mut service = deployment.start();
    eventually(&mut service, "the first commit", || match deployment.folded_count() {
        0 => Err("nothing is committed".to_owned()),
        count => Ok(count),
    });
    deployment.produce(parts[1]);
    let began = Instant::now();
    service.signal(Signal::Term);
    let status = service.exit_within(STOP_LIMIT);
    assert_eq!(status.code(), Some(0), "{}", service.output());
    assert!(began.elapsed() < STOP_LIMIT);
    drop(service);

    // Two deaths without warning: one while it restores or folds, one after it has folded some.
    let folded = deployment.folded_count();
    let mut service = deployment.start();
    eventually(&mut service, "a commit after the restart", || match deployment.folded_count() {
        count if count == folded && folded < (parts[0].len() + parts[1].len()) as i64 => {
            Err(format!("{count}"))
        }
        count => Ok(count),
    });
    service.signal(Signal::Kill);
    service.exit_within(STOP_LIMIT);
    deployment.produce(parts[2]);
    let mut service = deployment.start();
    let before = (parts[0].len() + parts[1].len()) as i64;
    eventually(&mut service, "a commit of the third part", || match deployment.folded_count() {
        count if count <= before => Err(format!("{count} of more than {before}")),
        count => Ok(count),
    });
    deployment.produce(parts[3]);
    service.signal(Signal::Kill);
    service.exit_within(STOP_LIMIT);

    let mut service = deployment.start();
    assert_as_replayed(&deployment, &mut service, &events);
    assert_eq!(deployment.folded_count(), events.len() as i64);
    service.signal(Signal::Term);
    assert_eq!(service.exit_within(STOP_LIMIT).code(), Some(0), "{}", service.output());
}
