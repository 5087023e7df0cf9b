//! The records of the kpis topic as a consumer keeps them, and how two sets of them compare.
//!
//! It must never know how a record came about.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::harness::process::Process;
use crate::harness::records::Record;
use crate::kafka_deployment::{Deployment, eventually};
use crate::reference::RecordKey;

/// All that a consumer saw of one group and window, in the order of the topic.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The partitions that the records lay on.
    pub partitions: Vec<i32>,
    /// The records.
    pub records: Vec<Value>,
}

impl Seen {
    /// How many records have this status.
    pub fn count(&self, status: &str) -> usize {
        self.records.iter().filter(|record| record["status"] == status).count()
    }

    /// The last record that is no live one.
    pub fn settled(&self) -> Option<&Value> {
        self.records.iter().rev().find(|record| record["status"] != "live")
    }
}

/// Reads the records of a kpis topic: by key, sliding windows left out.
pub fn by_key(records: &[Record]) -> BTreeMap<RecordKey, Seen> {
    let mut seen: BTreeMap<RecordKey, Seen> = BTreeMap::new();
    for record in records {
        let value: Value = serde_json::from_slice(record.value.as_deref().expect("a value")).expect("JSON");
        assert_headers(record, &value);
        if value["window"]["kind"] == "sliding" {
            continue;
        }
        let entry = seen.entry(key_of(&value)).or_default();
        entry.partitions.push(record.partition);
        entry.records.push(value);
    }
    seen
}

/// Waits for the settled records of `wanted`, and returns all records.
pub fn settled(
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
                Err(format!(
                    "{} of {} have none, as {key:?}, of which there is {live:?}",
                    open.len(),
                    wanted.len()
                ))
            }
            None => Ok(seen),
        }
    })
}

/// Fails where [`settled_breaches`] finds something.
pub fn assert_exactly_once(seen: &BTreeMap<RecordKey, Seen>) {
    let breaches = settled_breaches(seen);
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

/// Where it does not hold: one final for each group and window, all records of a tenant in one partition, revisions
/// only growing, nothing live after what is final.
pub fn settled_breaches(seen: &BTreeMap<RecordKey, Seen>) -> Vec<String> {
    let mut homes: BTreeMap<&str, i32> = BTreeMap::new();
    let mut breaches = Vec::new();
    for (key, seen) in seen {
        let statuses: Vec<&str> =
            seen.records.iter().filter_map(|record| record["status"].as_str()).collect();
        if seen.count("final") > 1 {
            breaches.push(format!("{} finals of {key:?}: {statuses:?}", seen.count("final")));
        }
        let home = *homes.entry(key.1[0].as_str()).or_insert(seen.partitions[0]);
        if seen.partitions.iter().any(|at| *at != home) {
            breaches.push(format!("{key:?} lies in {:?}, others of its tenant in {home}", seen.partitions));
        }
        let revisions: Vec<i64> = seen.records.iter().filter_map(|r| r["revision"].as_i64()).collect();
        if !revisions.is_sorted() {
            breaches.push(format!("revisions of {key:?} fall: {revisions:?}"));
        }
        let first = statuses.iter().position(|status| *status != "live").unwrap_or(statuses.len());
        let after = statuses.get(first..).unwrap_or_default();
        if after.contains(&"live") || after.iter().skip(1).any(|status| *status != "corrected") {
            breaches.push(format!("the order of records of {key:?}: {statuses:?}"));
        }
        if after.first().is_some_and(|status| *status != "final") {
            breaches.push(format!("the first settled record of {key:?} is not final: {statuses:?}"));
        }
    }
    breaches
}

/// Reads lines of `replay`: the last record of each key.
pub fn replayed(text: &str) -> BTreeMap<RecordKey, Value> {
    let values = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
    values.map(|value| (key_of(&value), value)).collect()
}

/// What a record must be equal in, whatever the run: all but status, revision, watermark and the time of publishing.
pub fn content(record: &Value) -> Value {
    let mut content = record.clone();
    let fields = content.as_object_mut().expect("an object");
    for name in ["status", "revision", "watermark", "published_at"] {
        fields.remove(name);
    }
    content
}

/// Whether a record says nothing: a window that was shown live and emptied has a final, and what is shown live
/// depends on the moment.
pub fn is_empty(record: &Value) -> bool {
    ["counts", "kpis", "durations", "levels"]
        .iter()
        .all(|part| record[*part].as_object().is_none_or(serde_json::Map::is_empty))
}

/// The key of a record, from its content.
pub fn key_of(record: &Value) -> RecordKey {
    let set = record["group_set"].as_str().expect("a group set").to_owned();
    let values = set.split(',').map(|name| text(&record["group"][name])).collect();
    let start_ms = record["window"]["start_ms"].as_i64().expect("a start");
    (set, values, text(&record["window"]["name"]), start_ms)
}

/// The end of a record's window, milliseconds since the epoch.
pub fn end_ms(record: &Value) -> i64 {
    record["window"]["end_ms"].as_i64().expect("an end")
}

/// The headers of a KPI record repeat what is in it, and its key says which group and window it is of.
fn assert_headers(record: &Record, value: &Value) {
    let header = |name: &str| {
        let found = record.headers.iter().find(|(key, _)| key == name);
        let bytes = found.and_then(|(_, value)| value.clone()).unwrap_or_default();
        String::from_utf8(bytes).expect("a header of text")
    };
    assert_eq!(header("schema"), "intraday.kpi.v1");
    assert_eq!(header("status"), text(&value["status"]));
    assert_eq!(header("revision"), value["revision"].to_string());
    let key: Value = serde_json::from_slice(record.key.as_deref().expect("a key")).expect("a key of JSON");
    let (set, values, window, _) = key_of(value);
    let start = if value["window"]["kind"] == "sliding" {
        "latest".to_owned()
    } else {
        text(&value["window"]["start"])
    };
    assert_eq!(key, serde_json::json!([values[0], set, values[1..], window, start]));
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
