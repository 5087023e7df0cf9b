//! The service's own metrics, as one handle that workers call.
//!
//! Names, units and help stand in [`table`]. Everything here is counts and times handed in by those who
//! know them: no clock is read, nothing is decided by a metric. It knows stages and commits, and neither
//! Kafka nor HTTP.

pub mod health;
pub mod process;
pub mod reports;
pub mod table;
pub mod web;

pub use health::{Beat, Health, WorkerState};
pub use prometheus::Registry;

use crate::pipeline::{Commit, Effect, StageKind, StageReport};
use crate::time::WallMs;
use prometheus::core::Collector;
use prometheus::{GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts};
use reports::{Origin, ReportCollector, Reports};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;
use table::Vital;

/// The build that is running.
#[derive(Clone, Copy, Debug)]
pub struct Build {
    /// The version of the program.
    pub version: &'static str,
    /// The revision of its source.
    pub revision: &'static str,
    /// The compiler.
    pub rustc: &'static str,
}

/// How a commit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitOutcome {
    /// Acknowledged.
    Committed,
    /// Aborted, to be sent again.
    Aborted,
    /// Not known; the committed offset will tell.
    Unknown,
    /// Another producer has taken over.
    Fenced,
    /// Given up.
    Failed,
}

/// What happened to partitions in a rebalance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rebalance {
    /// They became ours.
    Assigned,
    /// They were asked back.
    Revoked,
    /// They were taken.
    Lost,
}

/// The metrics of the process. Cloning gives another handle to the same metrics.
#[derive(Clone, Debug)]
pub struct Vitals {
    meters: Arc<Meters>,
}

impl Vitals {
    /// Registers every row of the table in `registry`; `started` is when the process began.
    ///
    /// # Errors
    /// A row is registered already, as by a second `Vitals` on the same registry.
    pub fn new(registry: &Registry, build: Build, started: WallMs) -> prometheus::Result<Vitals> {
        let reports = Reports::default();
        registry.register(Box::new(ReportCollector::new(reports.clone())?))?;
        registry.register(Box::new(process::ProcessCollector::new()?))?;
        let meters = Meters::new(registry, reports)?;
        let info = gauges(registry, &table::BUILD_INFO)?;
        info.with_label_values(&[build.version, build.revision, build.rustc]).set(1);
        let opts = Opts::new(table::PROCESS_START.name, table::PROCESS_START.help);
        let start = registered(registry, GaugeVec::new(opts, table::PROCESS_START.labels)?)?;
        start.with_label_values::<&str>(&[]).set(started.0 as f64 / 1_000.0);
        Ok(Vitals { meters: Arc::new(meters) })
    }

    /// Shows what an input partition said of itself at `heard`.
    pub fn fold_report(&self, topic: &str, partition: u32, report: &StageReport, heard: Instant) {
        self.count_unlisted(StageKind::Fold, report);
        self.meters.reports.keep(Origin::Fold(topic.to_owned(), partition), report, heard);
    }

    /// Shows what a shard said of itself at `heard`.
    pub fn merge_report(&self, shard: u32, report: &StageReport, heard: Instant) {
        self.count_unlisted(StageKind::Merge, report);
        self.meters.reports.keep(Origin::Merge(shard), report, heard);
    }

    /// Partitions and shards that said nothing since `since` are shown no more until they do: another copy may have
    /// taken them over.
    pub fn forget_silent(&self, since: Instant) {
        self.meters.reports.forget_silent(since);
    }

    /// The input partition is no longer ours: its series end.
    pub fn withdraw_fold(&self, topic: &str, partition: u32) {
        self.meters.reports.withdraw(&Origin::Fold(topic.to_owned(), partition));
    }

    /// The shard is no longer ours: its series end.
    pub fn withdraw_merge(&self, shard: u32) {
        self.meters.reports.withdraw(&Origin::Merge(shard));
    }

    /// Counts a try to commit that ended in `outcome` after `seconds`.
    pub fn commit(&self, stage: StageKind, outcome: CommitOutcome, seconds: f64) {
        let stage = stage_name(stage);
        self.meters.commits.with_label_values(&[stage, outcome.name()]).inc();
        self.meters.commit_duration.with_label_values(&[stage]).observe(seconds);
    }

    /// Counts the effects of a commit that was acknowledged.
    pub fn acknowledged(&self, commit: &Commit) {
        self.count_effects(stage_name(commit.stage), &commit.effects);
    }

    /// A batch that could not be decoded was passed over.
    pub fn passed_over(&self, topic: &str, partition: u32, offsets: u64) {
        let labels = [topic, &partition.to_string()];
        self.meters.poison_batches.with_label_values(&labels).inc();
        self.meters.poison_offsets.with_label_values(&labels).inc_by(offsets);
    }

    /// Records between our position and the end of the partition; shown while its stage's reports are.
    pub fn lag(&self, stage: StageKind, topic: &str, partition: u32, records: i64) {
        let origin = match stage {
            StageKind::Fold => Origin::Fold(topic.to_owned(), partition),
            StageKind::Merge => Origin::Merge(partition),
        };
        self.meters.reports.lag(&origin, topic, records);
    }

    /// A partition is being restored: offsets that are still to be read.
    pub fn restoring(&self, topic: &str, partition: u32, remaining: i64) {
        let labels = [topic, &partition.to_string()];
        self.meters.restore_remaining.with_label_values(&labels).set(remaining);
    }

    /// The restore of a partition began at `at`.
    pub fn restore_begun(&self, stage: StageKind, topic: &str, partition: u32, at: WallMs) {
        let labels = [stage_name(stage), topic, &partition.to_string()];
        self.meters.restore_start.with_label_values(&labels).set(at.0 as f64 / 1_000.0);
    }

    /// A partition was restored `seconds` after its assignment.
    pub fn restored(&self, stage: StageKind, topic: &str, partition: u32, seconds: f64) {
        self.restore_ended(stage, topic, partition);
        self.meters.restore_duration.with_label_values(&[stage_name(stage)]).observe(seconds);
    }

    /// No restore of the partition is under way any more, whether it came to its end or not.
    pub fn restore_ended(&self, stage: StageKind, topic: &str, partition: u32) {
        let labels = [stage_name(stage), topic, &partition.to_string()];
        // An error says that there was no such series, which is what is wanted.
        let _absent = self.meters.restore_start.remove_label_values(&labels);
        let _absent = self.meters.restore_remaining.remove_label_values(&labels[1..]);
    }

    /// Partitions came or went.
    pub fn rebalance(&self, stage: StageKind, kind: Rebalance, partitions: u64) {
        let labels = [stage_name(stage), kind.name()];
        self.meters.rebalances.with_label_values(&labels).inc_by(partitions);
    }

    /// The Kafka client reported an error of `kind`, one of a set fixed in the program.
    pub fn client_error(&self, kind: &'static str) {
        self.meters.client_errors.with_label_values(&[kind]).inc();
    }

    fn count_unlisted(&self, stage: StageKind, report: &StageReport) {
        let unlisted = report.figures.iter().filter(|(name, _)| table::figure(stage, name).is_none()).count();
        if unlisted > 0 {
            let labels = [stage_name(stage)];
            self.meters.unlisted_figures.with_label_values(&labels).inc_by(unlisted as u64);
        }
    }

    fn count_effects(&self, stage: &str, effects: &[Effect]) {
        // A commit holds thousands of effects of a few kinds: add up first, look up the series once.
        let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
        let mut statuses: BTreeMap<&str, u64> = BTreeMap::new();
        let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
        for effect in effects {
            let kind = match effect {
                Effect::Batch { .. } => "batch",
                Effect::State { .. } => "state",
                Effect::Kpi(record) => {
                    *statuses.entry(record.status).or_default() += 1;
                    "kpi"
                }
                Effect::DeadLetter(letter) => {
                    *reasons.entry(letter.reason).or_default() += 1;
                    "dead_letter"
                }
            };
            *kinds.entry(kind).or_default() += 1;
        }
        for (kind, count) in kinds {
            self.meters.records_produced.with_label_values(&[stage, kind]).inc_by(count);
        }
        for (status, count) in statuses {
            self.meters.revisions.with_label_values(&[status]).inc_by(count);
        }
        for (reason, count) in reasons {
            self.meters.dead_letters.with_label_values(&[reason]).inc_by(count);
        }
    }
}

impl CommitOutcome {
    fn name(self) -> &'static str {
        match self {
            CommitOutcome::Committed => "committed",
            CommitOutcome::Aborted => "aborted",
            CommitOutcome::Unknown => "unknown",
            CommitOutcome::Fenced => "fenced",
            CommitOutcome::Failed => "failed",
        }
    }
}

impl Rebalance {
    fn name(self) -> &'static str {
        match self {
            Rebalance::Assigned => "assigned",
            Rebalance::Revoked => "revoked",
            Rebalance::Lost => "lost",
        }
    }
}

#[derive(Debug)]
struct Meters {
    reports: Reports,
    poison_batches: IntCounterVec,
    poison_offsets: IntCounterVec,
    commits: IntCounterVec,
    commit_duration: HistogramVec,
    records_produced: IntCounterVec,
    revisions: IntCounterVec,
    dead_letters: IntCounterVec,
    restore_start: GaugeVec,
    restore_duration: HistogramVec,
    restore_remaining: IntGaugeVec,
    rebalances: IntCounterVec,
    client_errors: IntCounterVec,
    unlisted_figures: IntCounterVec,
    web: web::Meters,
}

impl Meters {
    fn new(registry: &Registry, reports: Reports) -> prometheus::Result<Meters> {
        Ok(Meters {
            reports,
            poison_batches: counters(registry, &table::POISON_BATCHES)?,
            poison_offsets: counters(registry, &table::POISON_OFFSETS)?,
            commits: counters(registry, &table::COMMITS)?,
            commit_duration: histograms(registry, &table::COMMIT_DURATION, COMMIT_BOUNDS)?,
            records_produced: counters(registry, &table::RECORDS_PRODUCED)?,
            revisions: counters(registry, &table::REVISIONS)?,
            dead_letters: counters(registry, &table::DEAD_LETTERS)?,
            restore_start: registered(registry, {
                let opts = Opts::new(table::RESTORE_START.name, table::RESTORE_START.help);
                GaugeVec::new(opts, table::RESTORE_START.labels)?
            })?,
            restore_duration: histograms(registry, &table::RESTORE_DURATION, RESTORE_BOUNDS)?,
            restore_remaining: gauges(registry, &table::RESTORE_REMAINING)?,
            rebalances: counters(registry, &table::REBALANCES)?,
            client_errors: counters(registry, &table::CLIENT_ERRORS)?,
            unlisted_figures: counters(registry, &table::UNLISTED_FIGURES)?,
            web: web::Meters::new(registry)?,
        })
    }
}

/// Seconds: around the commit interval of 100 ms, up to a broken broker.
const COMMIT_BOUNDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Seconds: from an empty state to hours of partials.
const RESTORE_BOUNDS: &[f64] = &[0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0];

fn counters(registry: &Registry, vital: &Vital) -> prometheus::Result<IntCounterVec> {
    let opts = Opts::new(vital.name, vital.help);
    registered(registry, IntCounterVec::new(opts, vital.labels)?)
}

fn gauges(registry: &Registry, vital: &Vital) -> prometheus::Result<IntGaugeVec> {
    let opts = Opts::new(vital.name, vital.help);
    registered(registry, IntGaugeVec::new(opts, vital.labels)?)
}

fn histograms(registry: &Registry, vital: &Vital, bounds: &[f64]) -> prometheus::Result<HistogramVec> {
    let opts = HistogramOpts::new(vital.name, vital.help).buckets(bounds.to_vec());
    registered(registry, HistogramVec::new(opts, vital.labels)?)
}

fn registered<C: Collector + Clone + 'static>(registry: &Registry, meter: C) -> prometheus::Result<C> {
    registry.register(Box::new(meter.clone()))?;
    Ok(meter)
}

fn stage_name(stage: StageKind) -> &'static str {
    match stage {
        StageKind::Fold => "fold",
        StageKind::Merge => "merge",
    }
}

#[cfg(test)]
mod tests;
