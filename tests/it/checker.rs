//! The checker: what the service's topics must hold at last, recomputed from the bytes of the input topic.
//!
//! The naive model in `reference` reads the input by partition in the order of offsets; the kpis topic is read as a
//! read_committed consumer keeps it (last by offset) and as a read_uncommitted one does (greatest revision, then
//! corrected over final over live). Must never know how the records came about, nor what went wrong on the way.

use std::collections::{BTreeMap, BTreeSet};

use intraday::kpi::rules::Formula;
use serde_json::Value;

use crate::differential::compare::compare_records;
use crate::harness::kafka::Broker;
use crate::harness::records::Isolation;
use crate::kafka_deployment::SETTLE_MS;
use crate::kafka_events::inputs;
use crate::kafka_finals::{Seen, by_key, content, settled_breaches};
use crate::reference::{self, Config, Input, Outcome, RecordKey};

/// What is to be checked.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The broker.
    pub kafka: &'a Broker,
    /// The service id.
    pub id: &'a str,
    /// The input topic.
    pub input: &'a str,
    /// The settings that shape records.
    pub config: &'a Config,
    /// When the last words were, milliseconds since the epoch: what ends well before is closed.
    pub last_ms: i64,
}

/// What the input must lead to.
#[derive(Debug)]
pub struct Expected {
    inputs: Vec<Input>,
    outcome: Outcome,
    closed: BTreeSet<RecordKey>,
}

/// What a check has seen.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Events on the input topic.
    pub events: usize,
    /// Records compared, those of both readers.
    pub records: usize,
    /// Figures that agreed.
    pub figures: usize,
    /// KPI records of transactions that were aborted.
    pub aborted: usize,
    /// Everything that is not as it must be, in words.
    pub breaches: Vec<String>,
}

impl Verdict {
    /// The first breaches, if there are any.
    pub fn clean(&self) -> Result<(), String> {
        let shown = &self.breaches[..self.breaches.len().min(25)];
        match self.breaches.len() {
            0 => Ok(()),
            count => Err(format!("{count} breaches:\n{}", shown.join("\n"))),
        }
    }

    /// Fails with the first breaches.
    pub fn assert_clean(&self) {
        self.clean().unwrap_or_else(|text| panic!("{text}"));
    }
}

impl Case<'_> {
    /// Reads the input topic to its end and computes what it must lead to.
    pub fn expect(&self) -> Expected {
        let inputs = inputs(self.kafka, self.input);
        let outcome = reference::run(self.config, &inputs);
        let closed = outcome.records.keys().filter(|key| self.is_closed(key)).cloned().collect();
        Expected { inputs, outcome, closed }
    }

    /// Whether a window has ended, with disorder and grace, before the last words.
    fn is_closed(&self, key: &RecordKey) -> bool {
        let windows = self.config.all_windows();
        let length = windows.iter().find(|(name, _)| *name == key.2).map(|(_, length_ms)| *length_ms);
        length.is_some_and(|length_ms| key.3 + length_ms + SETTLE_MS <= self.last_ms)
    }

    /// Checks everything.
    pub fn check(&self, expected: &Expected) -> Verdict {
        let committed = self.kafka.read_all(&self.topic("kpis"), Isolation::Committed);
        let all = self.kafka.read_all(&self.topic("kpis"), Isolation::Uncommitted);
        let mut verdict = Verdict {
            events: expected.inputs.len(),
            aborted: all.len() - committed.len(),
            ..Verdict::default()
        };
        let committed = by_key(&committed);
        verdict.breaches.extend(settled_breaches(&committed));
        let last =
            committed.iter().filter_map(|(key, seen)| Some((key.clone(), seen.records.last()?.clone())));
        self.compare("read_committed", expected, last.collect(), &mut verdict);
        let all = by_key(&all);
        let kept = all.iter().filter_map(|(key, seen)| Some((key.clone(), greatest(seen)?.clone())));
        self.compare("read_uncommitted", expected, kept.collect(), &mut verdict);
        verdict.breaches.extend(all.iter().filter_map(|(key, seen)| ambiguous(key, seen)));
        self.letters(expected, &mut verdict);
        verdict
    }

    /// The closed windows of one reader beside those of the model.
    fn compare(
        &self,
        reader: &str,
        expected: &Expected,
        mut found: BTreeMap<RecordKey, Value>,
        verdict: &mut Verdict,
    ) {
        found.retain(|key, _| self.is_closed(key));
        let live = found.iter().filter(|(_, record)| record["status"] == "live").map(|(key, _)| key);
        verdict
            .breaches
            .extend(live.map(|key| format!("{reader}: the last record of {key:?} is a live one")));
        let absent = expected.closed.iter().filter(|key| !found.contains_key(*key));
        verdict.breaches.extend(absent.map(|key| format!("{reader}: no record of {key:?}")));
        // One without content may stand where the model has none: it takes back what was shown before.
        let model = &expected.outcome.records;
        let model = model.iter().filter(|(key, _)| found.contains_key(*key));
        let model = model.map(|(key, record)| (key.clone(), record.clone())).collect();
        let differences = compare_records(&model, &found, Formula::default());
        verdict.breaches.extend(differences.found.iter().map(|text| format!("{reader}: {text}")));
        verdict.figures += differences.agreed;
        verdict.records += found.len();
    }

    /// One dead letter for each record that was refused, with its bytes, and none besides.
    fn letters(&self, expected: &Expected, verdict: &mut Verdict) {
        let is_refused = |judgement: &&str| matches!(*judgement, "late" | "rejected");
        let judgements = &expected.outcome.judgements;
        let mut wanted: BTreeMap<(u32, i64), &str> = judgements
            .iter()
            .filter(|(_, judged)| is_refused(judged))
            .map(|(at, judged)| (*at, *judged))
            .collect();
        let values: BTreeMap<(u32, i64), &[u8]> =
            expected.inputs.iter().map(|input| ((input.partition, input.offset), &input.value[..])).collect();
        for letter in self.kafka.read_all(&self.topic("dead-letters"), Isolation::Committed) {
            let header = |name: &str| {
                let found = letter.headers.iter().find(|(key, _)| key == name);
                String::from_utf8(found.and_then(|(_, value)| value.clone()).unwrap_or_default())
                    .unwrap_or_default()
            };
            let (partition, offset) = (header("partition"), header("offset"));
            let place = format!("{}/{partition}/{offset}", self.input);
            let at = (partition.parse().unwrap_or(u32::MAX), offset.parse().unwrap_or(i64::MAX));
            let judged = if header("reason") == "late" { "late" } else { "rejected" };
            let fits = header("topic") == self.input
                && letter.key.as_deref() == Some(place.as_bytes())
                && letter.value.as_deref() == values.get(&at).copied()
                && !header("reason").is_empty()
                && !header("detail").is_empty();
            match wanted.remove(&at) {
                Some(want) if fits && want == judged => {}
                Some(want) => {
                    verdict.breaches.push(format!("the dead letter of {at:?} ({want}): {letter:?}"));
                }
                None => verdict.breaches.push(format!("a dead letter too many: {at:?} {:?}", letter.headers)),
            }
        }
        verdict
            .breaches
            .extend(wanted.iter().map(|(at, judged)| format!("no dead letter of {at:?}: {judged}")));
    }

    fn topic(&self, kind: &str) -> String {
        format!("{}.{kind}", self.id)
    }
}

impl Expected {
    /// How many inputs the model judged so.
    pub fn result(&self, name: &str) -> i64 {
        self.outcome.results.get(name).copied().unwrap_or(0)
    }

    /// How many inputs have each result.
    pub fn results(&self) -> &BTreeMap<String, i64> {
        &self.outcome.results
    }

    /// Groups and windows that must be final.
    pub fn closed(&self) -> &BTreeSet<RecordKey> {
        &self.closed
    }

    /// The end of each partition with records: one past its last offset.
    pub fn ends(&self) -> BTreeMap<i32, i64> {
        let mut ends = BTreeMap::new();
        for input in &self.inputs {
            let end = ends.entry(input.partition as i32).or_insert(0);
            *end = (input.offset + 1).max(*end);
        }
        ends
    }
}

/// How settled a status is.
fn rank(record: &Value) -> u8 {
    match record["status"].as_str() {
        Some("corrected") => 2,
        Some("final") => 1,
        _ => 0,
    }
}

fn place(record: &Value) -> (i64, u8) {
    (record["revision"].as_i64().unwrap_or(-1), rank(record))
}

/// What a consumer keeps that goes by revision and status alone.
fn greatest(seen: &Seen) -> Option<&Value> {
    seen.records.iter().max_by_key(|record| place(record))
}

/// Settled records of equal revision and status must say the same, or keeping either would not do.
fn ambiguous(key: &RecordKey, seen: &Seen) -> Option<String> {
    let kept = greatest(seen)?;
    let rival =
        seen.records.iter().find(|other| place(other) == place(kept) && content(other) != content(kept))?;
    (rank(kept) > 0).then(|| format!("two records of {key:?} claim the same revision: {kept} and {rival}"))
}
