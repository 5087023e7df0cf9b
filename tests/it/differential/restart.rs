//! Runs with stops: whatever stops and is restored, whenever, the last records are those of a run without.

use std::collections::BTreeMap;

use intraday::kpi::rules::Formula;

use super::engine::{self, Left};
use super::settings::{self, Engine};
use super::shell::{Plan, Shell};
use super::{any, shrink};
use crate::reference::Input;
use crate::scenario::{Scenario, calm};

/// The last records that show anything, byte for byte but for what may differ between runs.
pub fn last_records(left: &Left) -> BTreeMap<String, String> {
    let records = left.records.iter().map(|(key, record)| (key.clone(), masked(&record.value)));
    records.filter(|(_, value)| !value.ends_with(EMPTIED)).collect()
}

/// A record that was published and from which a late event took everything.
pub const EMPTIED: &str = "\"counts\":{},\"kpis\":{},\"durations\":{},\"levels\":{}}";

/// A record without status, revision, watermark and time of publication.
pub fn masked(record: &str) -> String {
    let mut text = record.to_owned();
    for field in ["status", "revision", "watermark", "published_at"] {
        let name = format!("\"{field}\":");
        if let Some(from) = text.find(&name) {
            let length = text[from..].find(',').unwrap();
            text.replace_range(from..=from + length, "");
        }
    }
    text
}

/// The first records that differ, in words; empty if none does.
pub fn difference(expected: &Left, found: &Left) -> String {
    let (expected_letters, found_letters) = (&expected.letters, &found.letters);
    if expected_letters != found_letters {
        return "the dead letters differ".to_owned();
    }
    let (expected, found) = (last_records(expected), last_records(found));
    let keys = expected.keys().chain(found.keys().filter(|key| !expected.contains_key(*key)));
    let differing = keys.filter(|key| expected.get(*key) != found.get(*key));
    let told = differing.take(3).map(|key| {
        let (one, other) =
            (expected.get(key).map_or("", String::as_str), found.get(key).map_or("", String::as_str));
        let same = one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
        let around = |text: &str| text.chars().skip(same.saturating_sub(60)).take(160).collect::<String>();
        format!("{key}\n  {}\n  {}\n", around(one), around(other))
    });
    told.collect()
}

fn check(what: &str, engine: &Engine, inputs: &[Input], plan: Plan, seed: u64) -> usize {
    let run = |inputs: &[Input]| Shell::new(engine, inputs, plan, seed).run();
    let told = |inputs: &[Input]| difference(&engine::run(engine, inputs, 100), &run(inputs).0);
    let (left, restored) = run(inputs);
    if !difference(&engine::run(engine, inputs, 100), &left).is_empty() {
        let small = shrink::shrink(inputs, |inputs| !told(inputs).is_empty());
        panic!("{what}, seed {seed}:\n{}{}", told(&small), shrink::told(&small));
    }
    restored
}

#[test]
fn a_stop_after_every_commit_changes_no_last_record() {
    let plan = Plan { stop_after_commit: 100, stop_before_commit: 0, write_twice: 0, stride: 60 };
    for seed in settings::seeds(12) {
        let Scenario { inputs, config } = any(seed);
        check("always", &settings::engine(&config, Formula::default()), &inputs, plan, seed);
    }
}

#[test]
fn stops_and_batches_written_twice_at_any_time_change_no_last_record() {
    let mut restored = 0;
    for seed in settings::seeds(40) {
        let stride = [3, 40, 400][(seed % 3) as usize];
        let plan = Plan { stop_after_commit: 10, stop_before_commit: 10, write_twice: 5, stride };
        let Scenario { inputs, config } = any(seed);
        let engine = settings::engine(&config, Formula::default());
        restored += check("now and then", &engine, &inputs, plan, seed);
    }
    assert!(restored > 100, "{restored} stages were restored");
}

#[test]
fn golden_files_survive_stops_after_every_commit() {
    let plan = Plan { stop_after_commit: 100, stop_before_commit: 0, write_twice: 10, stride: 3 };
    let engine = settings::engine(&crate::reference::Config::default(), Formula::default());
    let mut restored = 0;
    for entry in std::fs::read_dir(crate::golden::folder()).unwrap() {
        let path = entry.unwrap().path();
        if !path.to_string_lossy().ends_with(".events.ndjson") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let inputs = text.lines().enumerate().map(|(at, line)| Input {
            partition: 0,
            offset: at as i64,
            value: line.as_bytes().to_vec(),
            wall_ms: 1_800_000_000_000 + at as i64 * 20_000,
            malformed: false,
        });
        let inputs: Vec<Input> = inputs.collect();
        restored += check(&path.display().to_string(), &engine, &inputs, plan, 1);
    }
    assert!(restored > 50, "{restored} stages were restored");
}

#[test]
fn a_first_commit_that_its_state_does_not_fit_into_can_be_restored() {
    let Scenario { inputs, config } = calm(5, 12_000);
    let engine = settings::engine(&config, Formula::default());
    let never = Plan { stop_after_commit: 0, stop_before_commit: 0, write_twice: 0, stride: 12_000 };
    let shell = Shell::new(&engine, &inputs, never, 5).stop_after_first_publish();
    assert_eq!(difference(&engine::run(&engine, &inputs, 100), &shell), "");
}
