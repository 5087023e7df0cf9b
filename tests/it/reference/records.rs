//! From rows and spans to one record for each group and window.
//!
//! It must never know a story; it filters, sums and sorts.

use std::collections::BTreeMap;

use super::config::Config;
use super::kpis;
use super::ledger::{Amount, Family, Ledger, Row, Span};
use super::{Record, RecordKey};

/// Levels are looked at each time a slice of this length ends.
const SLICE_MS: i64 = 10_000;

/// Contact measurements that agent groups get too.
const AGENT_MEASURES: [&str; 20] = [
    "contacts_handled",
    "talk_time",
    "hold_time",
    "wrapup_time",
    "ring_time",
    "handle_time",
    "handle_time_without_wrapup",
    "legs_held",
    "agent_non_response",
    "transfers",
    "transfers_blind",
    "transfers_consult",
    "transfers_queue",
    "transfers_other",
    "first_response_time",
    "next_response_time",
    "first_response_within_threshold",
    "first_response_judged",
    "transfers_context_known",
    "transfers_context_passed",
];

/// Measurements that groups with a queue do not get.
const WITHOUT_QUEUE: [&str; 2] = ["contacts_entered", "contacts_entered_abandoned"];

/// Sums the ledger into records.
pub fn compile(config: &Config, ledger: &Ledger) -> BTreeMap<RecordKey, Record> {
    let mut records: BTreeMap<RecordKey, Record> = BTreeMap::new();
    let timelines = timelines(&ledger.spans);
    for (name, length_ms) in config.all_windows() {
        for row in &ledger.rows {
            let start_ms = row.time_ms - row.time_ms.rem_euclid(length_ms);
            for (set, values) in groups_of(row) {
                let key = (set.to_owned(), values, name.clone(), start_ms);
                add(records.entry(key).or_default(), row);
            }
        }
        add_levels(&mut records, &timelines, &name, length_ms);
    }
    for record in records.values_mut() {
        record.counts.retain(|_, count| *count != 0);
        record.levels.retain(|_, (_, max, area)| *max > 0 || *area > 0);
        record.durations.values_mut().for_each(|values| values.sort_unstable());
    }
    records.retain(|_, record| {
        !record.counts.is_empty() || !record.durations.is_empty() || !record.levels.is_empty()
    });
    kpis::derive(config, &mut records);
    records
}

fn groups_of(row: &Row) -> Vec<(&'static str, Vec<String>)> {
    let what = row.what.as_str();
    let mut groups = row.dims.contact_groups();
    if WITHOUT_QUEUE.contains(&what) {
        groups.retain(|(set, _)| *set != "tenant,channel,queue");
    }
    if AGENT_MEASURES.contains(&what) && !row.dims.agent_id.is_empty() {
        groups.extend(row.dims.agent_groups());
    }
    groups
}

fn add(record: &mut Record, row: &Row) {
    match row.amount {
        Amount::Count(count) => *record.counts.entry(row.what.clone()).or_insert(0) += count,
        Amount::Duration(ms) => record.durations.entry(row.what.clone()).or_default().push(ms),
    }
}

/// The timeline of one level of one group.
#[derive(Default)]
struct Timeline {
    /// From, to and value of each span.
    spans: Vec<(i64, i64, i64)>,
    /// The level just before each slice end at which it is not 0.
    at_slice_end: BTreeMap<i64, i64>,
}

/// Timelines by group set, values and level.
type Timelines<'a> = BTreeMap<(&'static str, Vec<String>, &'a str), Timeline>;

fn timelines(spans: &[Span]) -> Timelines<'_> {
    let mut timelines = Timelines::new();
    for span in spans {
        let mut groups = match span.family {
            Family::Contact => span.dims.contact_groups(),
            Family::Agent => span.dims.agent_groups(),
        };
        if span.family == Family::Agent {
            groups.push(("tenant", vec![span.dims.tenant.clone()]));
        }
        for (set, values) in groups {
            let timeline = timelines.entry((set, values, span.what.as_str())).or_default();
            timeline.spans.push((span.from_ms, span.to_ms, span.value));
            let mut slice_end_ms = span.from_ms.div_euclid(SLICE_MS) * SLICE_MS + SLICE_MS;
            while slice_end_ms <= span.to_ms {
                *timeline.at_slice_end.entry(slice_end_ms).or_insert(0) += span.value;
                slice_end_ms += SLICE_MS;
            }
        }
    }
    timelines
}

impl Timeline {
    /// The area by start of the windows of a length.
    fn areas(&self, length_ms: i64) -> BTreeMap<i64, i64> {
        let mut areas = BTreeMap::new();
        for &(from_ms, to_ms, value) in &self.spans {
            let mut start_ms = from_ms.div_euclid(length_ms) * length_ms;
            while start_ms < to_ms {
                let overlap_ms = to_ms.min(start_ms + length_ms) - from_ms.max(start_ms);
                *areas.entry(start_ms).or_insert(0) += overlap_ms * value;
                start_ms += length_ms;
            }
        }
        areas
    }
}

fn add_levels(
    records: &mut BTreeMap<RecordKey, Record>,
    timelines: &Timelines<'_>,
    name: &str,
    length_ms: i64,
) {
    for ((set, values, what), timeline) in timelines {
        for (start_ms, area) in timeline.areas(length_ms) {
            let end_ms = start_ms + length_ms;
            let inside = timeline.at_slice_end.range(start_ms + 1..=end_ms);
            let max = inside.map(|(_, level)| *level).max().unwrap_or(0);
            let last = timeline.at_slice_end.get(&end_ms).copied().unwrap_or(0);
            let key = ((*set).to_owned(), values.clone(), name.to_owned(), start_ms);
            records.entry(key).or_default().levels.insert((*what).to_owned(), (last, max, area));
        }
    }
}
