//! The reference model: what the numbers must be, computed in the plainest possible way.
//!
//! It keeps every accepted event, replays each contact and each agent as a story, writes one row
//! for each measurement and one span for each level, and sums at the end. It must never use the
//! crate under test: it is written from the contracts and from `src/fold/rulings.md` alone.

mod agent;
mod config;
mod contact;
mod contact_ends;
mod contact_legs;
mod contact_messages;
mod contact_state;
mod event;
mod intake;
mod kpis;
mod ledger;
mod records;
mod stories;
mod stories_levels;

use std::collections::BTreeMap;

pub use config::{Config, ThresholdRule};

/// One record of an input partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The partition it lies on.
    pub partition: u32,
    /// Its offset there; the inputs of a partition come in this order.
    pub offset: i64,
    /// Its bytes.
    pub value: Vec<u8>,
    /// When it was read, in milliseconds since the epoch.
    pub wall_ms: i64,
    /// Whether it breaks the event contract. The model takes this word for it and does not decode.
    pub malformed: bool,
}

/// Group set, values of the group (the tenant first), window name, window start in milliseconds.
pub type RecordKey = (String, Vec<String>, String, i64);

/// Everything that the inputs must lead to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Records read by result: folded, duplicate, late, rejected, and so on; only those not zero.
    pub results: BTreeMap<String, i64>,
    /// The result of each record, by partition and offset.
    pub judgements: BTreeMap<(u32, i64), &'static str>,
    /// Contacts that expired.
    pub expired: i64,
    /// The greatest event time accepted on any partition.
    pub last_ms: Option<i64>,
    /// One record for each group and window with content.
    pub records: BTreeMap<RecordKey, Record>,
}

/// What one group shows in one window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// Counts that are not zero.
    pub counts: BTreeMap<String, i64>,
    /// Numerator and denominator of each KPI that exists.
    pub kpis: BTreeMap<String, (f64, f64)>,
    /// The exact values of each duration in milliseconds, sorted.
    pub durations: BTreeMap<String, Vec<i64>>,
    /// Levels: last, max over slice ends, area in value times milliseconds.
    pub levels: BTreeMap<String, (i64, i64, i64)>,
}

/// Computes the outcome of `inputs`, in which those of each partition come in offset order.
#[must_use]
pub fn run(config: &Config, inputs: &[Input]) -> Outcome {
    let mut intake = intake::take_in(config, inputs);
    let mut outcome = Outcome { last_ms: intake.last_ms(), ..Outcome::default() };
    let mut ledger = ledger::Ledger::default();
    intake.close_file(config);
    for partition in intake.partitions.values() {
        for story in partition.contact_stories() {
            outcome.expired += contact::tell(config, &partition.steps, &story, &mut ledger);
        }
        for story in partition.agent_stories() {
            agent::tell(config, &partition.steps, &story, &mut ledger);
        }
    }
    for (&coordinates, &verdict) in &ledger.verdicts {
        intake.judgements.entry(coordinates).or_insert(verdict);
    }
    for verdict in intake.judgements.values() {
        *outcome.results.entry((*verdict).to_owned()).or_insert(0) += 1;
    }
    outcome.judgements = intake.judgements;
    if let Some(last_ms) = outcome.last_ms {
        ledger.stop_levels(last_ms);
    }
    outcome.records = records::compile(config, &ledger);
    outcome
}

impl Record {
    /// The value of a duration at the nearest rank of `quantile` (above 0, at most 1), in milliseconds.
    #[must_use]
    pub fn quantile_ms(&self, name: &str, quantile: f64) -> Option<i64> {
        let values = self.durations.get(name)?;
        let rank = (quantile * values.len() as f64).ceil().max(1.0) as usize;
        values.get(rank.min(values.len()) - 1).copied()
    }
}
