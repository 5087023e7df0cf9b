//! The last report of each stage, shown as metrics while its partition is ours.
//!
//! Counts in a report are cumulative over the life of the partition, so the last report is shown as it
//! is and nothing is added up here: after a restart or a move the series continue where they were.
//! A withdrawn partition is shown no more. This file reads no clock.

use super::table::{self, Vital, VitalKind};
use crate::pipeline::{StageKind, StageReport};
use crate::time::EventMs;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Where a report comes from: an input partition, or a shard.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A partition of an input topic.
    Fold(String, u32),
    /// A shard of merge.
    Merge(u32),
}

/// The last reports by origin. Cloning gives another handle to the same reports.
#[derive(Clone, Debug, Default)]
pub struct Reports {
    kept: Arc<Mutex<BTreeMap<Origin, Kept>>>,
}

#[derive(Debug)]
struct Kept {
    heard: Instant,
    report: StageReport,
    /// The topic that is read, and its records up to the end.
    lag: Option<(String, i64)>,
}

impl Reports {
    /// Keeps `report`, heard at that moment, in place of what `origin` said before.
    pub fn keep(&self, origin: Origin, report: &StageReport, heard: Instant) {
        let mut kept = self.lock();
        let lag = kept.remove(&origin).and_then(|before| before.lag);
        kept.insert(origin, Kept { heard, report: report.clone(), lag });
    }

    /// Shows how many records of `topic` are still to be read, where the origin's report is shown: a copy that was
    /// suspended knows of no other owner, and nothing but a report of its own says that it is the owner.
    pub fn lag(&self, origin: &Origin, topic: &str, records: i64) {
        if let Some(kept) = self.lock().get_mut(origin) {
            kept.lag = Some((topic.to_owned(), records));
        }
    }

    /// Shows nothing any more of those that were last heard before `since`.
    pub fn forget_silent(&self, since: Instant) {
        self.lock().retain(|_, kept| kept.heard >= since);
    }

    /// Shows nothing of `origin` any more.
    pub fn withdraw(&self, origin: &Origin) {
        self.lock().remove(origin);
    }

    /// The families of all kept reports, those without samples left out.
    #[must_use]
    pub fn families(&self) -> Vec<MetricFamily> {
        let mut families: BTreeMap<&'static str, MetricFamily> = BTreeMap::new();
        for (origin, kept) in self.lock().iter() {
            collect(origin, kept, &mut families);
        }
        families.into_values().collect()
    }

    // Held for a lookup or a copy, never while waiting.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Origin, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The collector that a registry asks for the families of the reports.
#[derive(Debug)]
pub struct ReportCollector {
    reports: Reports,
    descs: Vec<Desc>,
}

impl ReportCollector {
    /// A collector of `reports`.
    ///
    /// # Errors
    /// A row of the table that Prometheus does not accept.
    pub fn new(reports: Reports) -> prometheus::Result<ReportCollector> {
        let figures = table::FIGURES.iter().map(|figure| figure.vital);
        let descs = TIMES_AND_RESULTS
            .iter()
            .copied()
            .chain(figures)
            .map(|vital| desc(&vital))
            .collect::<prometheus::Result<_>>()?;
        Ok(ReportCollector { reports, descs })
    }
}

impl Collector for ReportCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.descs.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.reports.families()
    }
}

/// A family with the name, type and help of `vital`, still without samples.
#[must_use]
pub fn family(vital: &Vital) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(vital.name.to_owned());
    family.set_help(vital.help.to_owned());
    family.set_field_type(match vital.kind {
        VitalKind::Counter => MetricType::COUNTER,
        VitalKind::Gauge => MetricType::GAUGE,
        VitalKind::Histogram => MetricType::HISTOGRAM,
    });
    family
}

/// A sample of `vital` with its label values, in the order of its labels.
#[must_use]
pub fn sample(vital: &Vital, values: &[&str], number: f64) -> Metric {
    let pairs = vital.labels.iter().zip(values).map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    });
    let mut metric = Metric::from_label(pairs.collect());
    if vital.kind == VitalKind::Counter {
        let mut counter = Counter::default();
        counter.set_value(number);
        metric.set_counter(counter);
    } else {
        let mut gauge = Gauge::default();
        gauge.set_value(number);
        metric.set_gauge(gauge);
    }
    metric
}

/// What Prometheus wants to know of `vital` at registration.
///
/// # Errors
/// A name, label or help that Prometheus does not accept.
pub fn desc(vital: &Vital) -> prometheus::Result<Desc> {
    let labels = vital.labels.iter().map(|label| (*label).to_owned()).collect();
    Desc::new(vital.name.to_owned(), vital.help.to_owned(), labels, HashMap::new())
}

const TIMES_AND_RESULTS: [Vital; 7] = [
    table::CONSUMER_LAG,
    table::EVENTS,
    table::STREAM_TIME,
    table::WATERMARK,
    table::MERGE_BATCHES,
    table::MERGE_STREAM_TIME,
    table::MERGE_WATERMARK,
];

fn collect(origin: &Origin, kept: &Kept, families: &mut BTreeMap<&'static str, MetricFamily>) {
    let report = &kept.report;
    let (stage, place, [results, stream_time, watermark]) = match origin {
        Origin::Fold(topic, partition) => {
            let place = vec![topic.clone(), partition.to_string()];
            (StageKind::Fold, place, [table::EVENTS, table::STREAM_TIME, table::WATERMARK])
        }
        Origin::Merge(shard) => {
            let rows = [table::MERGE_BATCHES, table::MERGE_STREAM_TIME, table::MERGE_WATERMARK];
            (StageKind::Merge, vec![shard.to_string()], rows)
        }
    };
    let place: Vec<&str> = place.iter().map(String::as_str).collect();
    let mut add = |vital: &Vital, values: &[&str], number: f64| {
        families
            .entry(vital.name)
            .or_insert_with(|| family(vital))
            .mut_metric()
            .push(sample(vital, values, number));
    };
    if let Some((topic, records)) = &kept.lag {
        let (Origin::Fold(_, number) | Origin::Merge(number)) = origin;
        add(&table::CONSUMER_LAG, &[topic.as_str(), number.to_string().as_str()], *records as f64);
    }
    for (result, reason, count) in &report.results {
        let values = [place.as_slice(), &[*result, *reason]].concat();
        add(&results, &values, *count as f64);
    }
    if let Some(time) = report.stream_time {
        add(&stream_time, &place, timestamp_seconds(time));
    }
    // A stage that knows no watermark yet says the least time: there is nothing to show.
    if let Some(time) = report.watermark.filter(|time| *time != EventMs::MIN) {
        add(&watermark, &place, timestamp_seconds(time));
    }
    for (name, value) in &report.figures {
        if let Some(figure) = table::figure(stage, name) {
            add(&figure.vital, &place, *value as f64 / figure.divisor as f64);
        }
    }
}

fn timestamp_seconds(time: EventMs) -> f64 {
    time.0 as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(folded: u64) -> StageReport {
        StageReport {
            results: vec![("folded", "", folded), ("rejected", "future", 2)],
            figures: vec![("open_contacts", 7), ("ids_horizon_ms", 600_500), ("nonsense", 1)],
            stream_time: Some(EventMs(1_500)),
            watermark: Some(EventMs::MIN),
        }
    }

    fn values(reports: &Reports, name: &str) -> Vec<(Vec<String>, f64)> {
        let families = reports.families();
        let Some(family) = families.iter().find(|family| family.name() == name) else {
            return Vec::new();
        };
        let counter = family.get_field_type() == MetricType::COUNTER;
        family
            .get_metric()
            .iter()
            .map(|metric| {
                let labels = metric.get_label().iter().map(|pair| pair.value().to_owned());
                let number =
                    if counter { metric.get_counter().get_value() } else { metric.get_gauge().get_value() };
                (labels.collect(), number)
            })
            .collect()
    }

    #[test]
    fn the_last_report_of_a_partition_is_shown_as_it_is() {
        let reports = Reports::default();
        reports.keep(Origin::Fold("events".into(), 3), &report(10), Instant::now());
        reports.keep(Origin::Fold("events".into(), 3), &report(12), Instant::now());
        let events = values(&reports, "intraday_events_total");
        let labels = |parts: [&str; 4]| parts.map(str::to_owned).to_vec();
        assert_eq!(
            events,
            [
                (labels(["events", "3", "folded", ""]), 12.0),
                (labels(["events", "3", "rejected", "future"]), 2.0)
            ]
        );
        let horizon = values(&reports, "intraday_deduplication_horizon_seconds");
        assert_eq!(horizon[0].1, 600.5);
        assert_eq!(values(&reports, "intraday_stream_time_timestamp_seconds")[0].1, 1.5);
        assert!(values(&reports, "intraday_watermark_timestamp_seconds").is_empty());
    }

    #[test]
    fn a_withdrawn_partition_leaves() {
        let reports = Reports::default();
        reports.keep(Origin::Fold("events".into(), 0), &report(1), Instant::now());
        reports.keep(Origin::Fold("events".into(), 1), &report(1), Instant::now());
        reports.keep(Origin::Merge(0), &StageReport::default(), Instant::now());
        reports.withdraw(&Origin::Fold("events".into(), 0));
        let open = values(&reports, "intraday_open_contacts");
        assert_eq!(open.len(), 1);
        assert_eq!(open[0].0, ["events", "1"]);
    }

    #[test]
    fn a_silent_partition_is_shown_again_when_it_speaks() {
        let (reports, now) = (Reports::default(), Instant::now());
        let (silent, later) = (Origin::Fold("events".into(), 0), now + std::time::Duration::from_secs(5));
        reports.lag(&silent, "events", 3);
        assert!(values(&reports, "intraday_consumer_lag_records").is_empty(), "nothing says that it is ours");
        reports.keep(silent.clone(), &report(1), now);
        reports.keep(Origin::Fold("events".into(), 1), &report(1), later);
        reports.lag(&silent, "events", 3);
        reports.forget_silent(later);
        assert_eq!(values(&reports, "intraday_open_contacts").len(), 1);
        // Its worker still reads, until it hears that the partition is another's.
        reports.lag(&silent, "events", 2);
        assert!(
            values(&reports, "intraday_consumer_lag_records").is_empty(),
            "it is not shown before its report"
        );
        reports.keep(silent.clone(), &report(2), later);
        reports.lag(&silent, "events", 1);
        reports.keep(silent, &report(3), later);
        assert_eq!(values(&reports, "intraday_open_contacts").len(), 2);
        assert_eq!(values(&reports, "intraday_consumer_lag_records")[0].1, 1.0);
    }
}
