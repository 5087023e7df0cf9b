//! What the topics must hold in the end, whatever went wrong on the way.
//!
//! It must never know how it came there.

use std::collections::{BTreeMap, BTreeSet};

use intraday::pipeline::KpiRecord;
use intraday::time::WallMs;

use super::broker::Topic;
use super::log::Content;
use super::plain::Plain;
use super::world::World;
use crate::differential::restart::{EMPTIED, masked};

/// Says what is wrong; empty for nothing.
pub fn verdict(world: &mut World) -> String {
    let is_exact = world.plan.transactions;
    let mut committed: BTreeMap<String, KpiRecord> = BTreeMap::new();
    let mut greatest: BTreeMap<String, KpiRecord> = BTreeMap::new();
    let mut finals = BTreeSet::new();
    for shard in 0..world.plan.engine.fold.shards {
        let log = world.broker.log((Topic::Kpis, shard));
        for entry in log.committed(0) {
            let Content::Kpi(record) = &entry.content else { continue };
            let before = committed.get(&record.key);
            if let Some(before) = before.filter(|before| before.revision > record.revision) {
                return format!("{} fell from {} to {}", record.key, before.revision, record.revision);
            }
            let is_final = record.status == "final";
            if is_exact && record.status != "live" && finals.insert(record.key.clone()) != is_final {
                return format!("{} is {} as {}", record.key, record.status, record.revision);
            }
            committed.insert(record.key.clone(), record.clone());
        }
        for entry in log.all() {
            let Content::Kpi(record) = &entry.content else { continue };
            let before = greatest.get(&record.key);
            if before.is_none_or(|before| rank(before) <= rank(record)) {
                greatest.insert(record.key.clone(), record.clone());
            }
        }
    }
    let plain = std::rc::Rc::clone(&world.plain);
    let expected = shown(&plain.records, world.plan.end);
    let mut said = difference("read committed", &expected, &shown(&committed, world.plan.end));
    said += &difference("the greatest revisions", &expected, &shown(&greatest, world.plan.end));
    said += &letters(world, &plain);
    said += world.unsound.as_deref().unwrap_or_default();
    said + world.broker.broken.as_deref().unwrap_or_default()
}

/// Of two records of a key the one that holds.
fn rank(record: &KpiRecord) -> (i64, usize) {
    let order = ["live", "final", "corrected"];
    (record.revision, order.iter().position(|status| *status == record.status).unwrap_or(0))
}

/// The records without what may differ. Those from which everything was taken say nothing, and a window that is still
/// open at the end has nothing that lasts.
fn shown(records: &BTreeMap<String, KpiRecord>, end: WallMs) -> BTreeMap<&str, String> {
    let lasting = records.iter().filter(|(_, record)| record.status != "live" || end_of(record) <= end);
    let shown = lasting.map(|(key, record)| (key.as_str(), masked(&record.value)));
    shown.filter(|(_, value)| !value.ends_with(EMPTIED)).collect()
}

/// When its window ends.
fn end_of(record: &KpiRecord) -> WallMs {
    let value: serde_json::Value = serde_json::from_str(&record.value).unwrap_or_default();
    WallMs(value["window"]["end_ms"].as_i64().unwrap_or(i64::MIN))
}

fn difference(what: &str, expected: &BTreeMap<&str, String>, found: &BTreeMap<&str, String>) -> String {
    let keys: BTreeSet<&str> = expected.keys().chain(found.keys()).copied().collect();
    let differing: Vec<&str> = keys.into_iter().filter(|key| expected.get(key) != found.get(key)).collect();
    let told = differing.iter().take(3).map(|key| {
        let (one, other) =
            (expected.get(key).map_or("", String::as_str), found.get(key).map_or("", String::as_str));
        let same = one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
        let around = |text: &str| text.chars().skip(same.saturating_sub(60)).take(200).collect::<String>();
        format!("{what}, one of {}: {key}\n  {}\n  {}\n", differing.len(), around(one), around(other))
    });
    told.collect()
}

fn letters(world: &mut World, plain: &Plain) -> String {
    let mut left = plain.letters.clone();
    let mut seen = BTreeSet::new();
    let is_exact = world.plan.transactions;
    for entry in world.broker.log((Topic::DeadLetters, 0)).committed(0) {
        let Content::Letter(partition, letter) = &entry.content else { continue };
        let place = (*partition, letter.offset);
        if plain.letters.get(&place) != Some(letter) {
            return format!("dead letter {place:?} is {}: {}\n", letter.reason, letter.detail);
        }
        if !seen.insert(place) && is_exact {
            return format!("{place:?} went to the dead letters twice\n");
        }
        left.remove(&place);
    }
    if left.is_empty() { String::new() } else { format!("no dead letters for {:?}\n", left.keys()) }
}
