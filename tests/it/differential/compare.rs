//! The engine's last records beside the reference's: every difference, in words.
//!
//! It must never compute a KPI.

use std::collections::{BTreeMap, BTreeSet};

use intraday::kpi::rules::Formula;
use serde_json::Value;

use super::engine::Left;
use crate::kafka_finals::key_of;
use crate::reference::{Outcome, Record, RecordKey};

/// Counts that the model names otherwise, or that the engine keeps under a threshold: (model, engine).
const NAMES: [(&str, &str); 7] = [
    ("answered_within_threshold", "contacts_answered_within_threshold"),
    ("abandoned_within_threshold", "contacts_abandoned_within_threshold"),
    ("callback_within_threshold", "callbacks_requested_within_threshold"),
    ("offered_unjudged", "contacts_offered_unjudged"),
    ("answered_unjudged", "contacts_answered_unjudged"),
    ("abandoned_unjudged", "contacts_abandoned_unjudged"),
    ("short_abandoned_unjudged", "contacts_short_abandoned_unjudged"),
];

/// Means of the engine, each over a duration of the model.
const MEANS: [(&str, &str); 3] = [
    ("contact_handle_time", "contact_handle_time"),
    ("first_response_time", "first_response_time"),
    ("next_response_time", "next_response_time"),
];

/// The differences of one run.
#[derive(Debug, Default)]
pub struct Differences {
    /// Those, a text each.
    pub found: Vec<String>,
    /// Figures that agreed.
    pub agreed: usize,
}

impl Differences {
    fn check(&mut self, agrees: bool, text: impl FnOnce() -> String) {
        if agrees {
            self.agreed += 1;
        } else {
            self.found.push(text());
        }
    }

    /// The first differences, a line each; empty if there is none.
    pub fn told(&self) -> String {
        self.found.iter().take(12).flat_map(|text| [text.as_str(), "\n"]).collect()
    }
}

/// Compares every record and figure of a run.
pub fn compare(outcome: &Outcome, left: &Left, formula: Formula) -> Differences {
    let engine: BTreeMap<RecordKey, Value> = left
        .records
        .values()
        .map(|record| serde_json::from_str::<Value>(&record.value).unwrap())
        .map(|value| (key_of(&value), value))
        .collect();
    compare_records(&outcome.records, &engine, formula)
}

/// Compares every record and figure, whatever the engine's records were read from.
pub fn compare_records(
    model: &BTreeMap<RecordKey, Record>,
    engine: &BTreeMap<RecordKey, Value>,
    formula: Formula,
) -> Differences {
    let mut differences = Differences::default();
    let keys: BTreeSet<&RecordKey> = model.keys().chain(engine.keys()).collect();
    let (nothing, empty) = (Record::default(), serde_json::json!({}));
    for key in keys {
        let expected = model.get(key).unwrap_or(&nothing);
        let found = engine.get(key).unwrap_or(&empty);
        let mut pair = Pair { key, expected, found, formula, differences: &mut differences };
        pair.counts();
        pair.kpis();
        pair.durations();
        pair.levels();
    }
    differences
}

/// One record of each side.
struct Pair<'a> {
    key: &'a RecordKey,
    expected: &'a Record,
    found: &'a Value,
    formula: Formula,
    differences: &'a mut Differences,
}

impl Pair<'_> {
    fn check(
        &mut self,
        name: &str,
        expected: impl std::fmt::Debug,
        found: impl std::fmt::Debug,
        agrees: bool,
    ) {
        let key = self.key;
        self.differences.check(agrees, || format!("{key:?} {name}: expected {expected:?}, found {found:?}"));
    }

    /// The engine's names of a part of the record and the model's, all of them.
    fn names<'n>(&self, part: &str, known: impl Iterator<Item = &'n String>) -> BTreeSet<String> {
        let found = self.found[part].as_object().into_iter().flatten().map(|(name, _)| name.clone());
        found.chain(known.cloned()).collect()
    }

    fn counts(&mut self) {
        let count = |name: &str| self.expected.counts.get(name).copied().unwrap_or(0);
        let (answered, abandoned) = (count("contacts_answered"), count("contacts_abandoned"));
        let mut expected: BTreeMap<String, i64> = BTreeMap::from([
            (
                "contacts_answered_beyond_threshold".to_owned(),
                answered - count("answered_unjudged") - count("answered_within_threshold"),
            ),
            (
                "contacts_abandoned_beyond_threshold".to_owned(),
                abandoned - count("abandoned_unjudged") - count("abandoned_within_threshold"),
            ),
            (
                "first_response_beyond_threshold".to_owned(),
                count("first_response_judged") - count("first_response_within_threshold"),
            ),
        ]);
        for (name, count) in &self.expected.counts {
            let renamed = NAMES.iter().find(|(model, _)| model == name).map_or(name.as_str(), |row| row.1);
            if renamed != "first_response_judged" {
                expected.insert(renamed.to_owned(), *count);
            }
        }
        for name in self.names("counts", expected.keys()) {
            let (expected, found) = (expected.get(&name).copied().unwrap_or(0), &self.found["counts"][&name]);
            let agrees = expected == found.as_i64().unwrap_or(0);
            self.check(&name, expected, found, agrees);
        }
    }

    fn kpis(&mut self) {
        let mut expected: BTreeMap<String, (f64, f64)> = BTreeMap::new();
        for (name, sides) in &self.expected.kpis {
            match name.split_once(':') {
                None => drop(expected.insert(name.clone(), *sides)),
                Some((name, formula)) if formula == self.formula.name() => {
                    expected.insert(name.to_owned(), *sides);
                }
                Some(_) => {}
            }
        }
        for (name, duration) in MEANS {
            if let Some(values) = self.expected.durations.get(duration) {
                let sum_ms: i64 = values.iter().sum();
                expected.insert(name.to_owned(), (sum_ms as f64 / 1_000.0, values.len() as f64));
            }
        }
        for name in self.names("kpis", expected.keys()) {
            let found = &self.found["kpis"][&name];
            let sides = found["numerator"].as_f64().zip(found["denominator"].as_f64());
            let expected = expected.get(&name).copied();
            let agrees = match (expected, sides, found["value"].as_f64()) {
                (None, None, None) => true,
                (Some(expected), Some(sides), Some(value)) => same_ratio(&name, expected, sides, value),
                _ => false,
            };
            self.check(&name, expected, found, agrees);
        }
    }

    fn durations(&mut self) {
        for name in self.names("durations", self.expected.durations.keys()) {
            let values = self.expected.durations.get(&name).map_or(&[][..], Vec::as_slice);
            let found = &self.found["durations"][&name];
            let ms = |part: &str| found[part].as_f64().map(|seconds| (seconds * 1_000.0).round() as i64);
            let (count, sum_ms) = (values.len() as i64, values.iter().sum::<i64>());
            let exact = [
                ("count", (count > 0).then_some(count), found["count"].as_i64()),
                ("sum", (count > 0).then_some(sum_ms), ms("sum")),
                ("min", values.first().copied(), ms("min")),
                ("max", values.last().copied(), ms("max")),
            ];
            for (part, expected, found) in exact {
                self.check(&format!("{name}.{part}"), expected, found, expected == found);
            }
            for (part, quantile) in [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99)] {
                let (expected, found) = (self.expected.quantile_ms(&name, quantile), ms(part));
                let agrees = match (expected, found) {
                    (Some(exact), Some(found)) => found >= exact && found <= exact + exact / 100 + 1,
                    (expected, found) => expected == found,
                };
                self.check(&format!("{name}.{part}"), expected, found, agrees);
            }
        }
    }

    fn levels(&mut self) {
        let length_ms = (&self.found["window"]["end_ms"], &self.found["window"]["start_ms"]);
        let length_ms = length_ms.0.as_i64().zip(length_ms.1.as_i64()).map_or(1, |(end, start)| end - start);
        for name in self.names("levels", self.expected.levels.keys()) {
            let (last, max, area) = self.expected.levels.get(&name).copied().unwrap_or_default();
            let found = &self.found["levels"][&name];
            let mean = area as f64 / length_ms as f64;
            let agrees = found["last"].as_i64().unwrap_or(0) == last
                && found["max"].as_i64().unwrap_or(0) == max
                && (found["mean"].as_f64().unwrap_or(0.0) - mean).abs() <= 0.000_000_6;
            self.check(&name, (last, max, mean), found, agrees);
        }
    }
}

/// Sides agree as numbers; times may be said in other units, so that a common factor is allowed where the value agrees.
fn same_ratio(name: &str, expected: (f64, f64), found: (f64, f64), value: f64) -> bool {
    let near = |one: f64, other: f64| (one - other).abs() <= 1e-6 * one.abs().max(1.0);
    let factor = match name {
        "occupancy" | "utilization" | "capacity_utilization" | "load_erlangs" => 1_000.0,
        _ => 1.0,
    };
    let sides = near(expected.0, found.0 * factor) && near(expected.1, found.1 * factor);
    sides && (value - expected.0 / expected.1).abs() <= 0.000_6_f64.min(1e-3)
}
