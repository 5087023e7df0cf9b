//! What workers tell, handed on to metrics, exposition and probes.

use super::serve::Front;
use super::wall_now;
use crate::http::Exposition;
use crate::kafka::{Observer, PartitionsMoved, Trouble};
use crate::kpi::exposed::Exposed;
use crate::pipeline::{Commit, StageKind, StageReport};
use crate::time::EventMs;
use crate::vitals::{Beat, CommitOutcome, Health, Rebalance, Vitals};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Listens to the workers.
pub struct Watch {
    vitals: Vitals,
    exposition: Exposition,
    health: Health,
    beats: Mutex<BTreeMap<String, Beat>>,
    times: Mutex<Times>,
    /// When the progress of a restore was last logged.
    told: Mutex<Option<Instant>>,
    /// Configurations among the sources, by shard.
    epochs: Mutex<BTreeMap<u32, i64>>,
}

/// How often the progress of restores is logged.
const TELL_INTERVAL: Duration = Duration::from_secs(2);

/// How far the stages have got: what the demo's feeder goes by.
#[derive(Clone, Debug, Default)]
pub struct Times {
    /// Stream time by input partition.
    pub folded: BTreeMap<u32, EventMs>,
    /// Least watermark by shard.
    pub merged: BTreeMap<u32, EventMs>,
    /// Records judged by input partition: (all of them, those that went wrong).
    pub records: BTreeMap<u32, (u64, u64)>,
}

impl Watch {
    /// Hands on to `front`.
    pub fn new(front: &Front) -> Watch {
        Watch {
            vitals: front.vitals.clone(),
            exposition: front.exposition.clone(),
            health: front.health.clone(),
            beats: Mutex::default(),
            times: Mutex::default(),
            told: Mutex::default(),
            epochs: Mutex::default(),
        }
    }

    /// Copies with different settings are accepted, and said.
    fn tell_epochs(&self, shard: u32, report: &StageReport) {
        let figure = report.figures.iter().find(|(name, _)| *name == "config_epochs");
        let Some((_, epochs)) = figure else { return };
        let before = lock(&self.epochs).insert(shard, *epochs).unwrap_or(1);
        match (before, *epochs) {
            (before, now) if before == now => {}
            (_, configurations @ 2..) => tracing::warn!(
                shard,
                configurations,
                "batches come from copies with different settings that shape measures; right during a roll-out alone"
            ),
            _ => tracing::info!(shard, "all batches come from copies with the same settings again"),
        }
    }

    /// How far the stages have got.
    pub fn times(&self) -> Times {
        lock(&self.times).clone()
    }
}

impl Observer for Watch {
    fn fold_report(&self, topic: &str, partition: u32, report: &StageReport) {
        self.vitals.fold_report(topic, partition, report, Instant::now());
        let mut times = lock(&self.times);
        if let Some(stream_time) = report.stream_time {
            times.folded.insert(partition, stream_time);
        }
        let all = report.results.iter().map(|row| row.2).sum();
        let fine = |row: &&(&str, &str, u64)| matches!(row.0, "folded" | "duplicate");
        let right: u64 = report.results.iter().filter(fine).map(|row| row.2).sum();
        times.records.insert(partition, (all, all - right));
    }

    fn merge_report(&self, shard: u32, report: &StageReport) {
        self.vitals.merge_report(shard, report, Instant::now());
        self.tell_epochs(shard, report);
        if let Some(watermark) = report.watermark {
            lock(&self.times).merged.insert(shard, watermark);
        }
    }

    fn exposed(&self, shard: u32, exposed: Vec<Exposed>) {
        self.exposition.apply(shard, exposed);
    }

    fn withdraw_fold(&self, topic: &str, partition: u32) {
        self.vitals.withdraw_fold(topic, partition);
        self.vitals.restore_ended(StageKind::Fold, topic, partition);
    }

    fn withdraw_merge(&self, topic: &str, shard: u32) {
        self.vitals.withdraw_merge(shard);
        self.vitals.restore_ended(StageKind::Merge, topic, shard);
        lock(&self.epochs).remove(&shard);
        self.exposition.withdraw(shard);
    }

    fn commit(&self, stage: StageKind, trouble: Option<Trouble>, took: Duration, _records: usize) {
        let outcome = match trouble {
            None => CommitOutcome::Committed,
            Some(Trouble::Aborted) => CommitOutcome::Aborted,
            Some(Trouble::Unknown) => CommitOutcome::Unknown,
            Some(Trouble::Fenced) => CommitOutcome::Fenced,
        };
        self.vitals.commit(stage, outcome, took.as_secs_f64());
    }

    fn acknowledged(&self, commit: &Commit) {
        self.vitals.acknowledged(commit);
    }

    fn rebalanced(&self, stage: StageKind, what: PartitionsMoved, partitions: usize) {
        let kind = match what {
            PartitionsMoved::Assigned => Rebalance::Assigned,
            PartitionsMoved::Revoked => Rebalance::Revoked,
            PartitionsMoved::Lost => Rebalance::Lost,
        };
        self.vitals.rebalance(stage, kind, partitions as u64);
    }

    fn restore_begun(&self, stage: StageKind, topic: &str, partition: u32) {
        self.vitals.restore_begun(stage, topic, partition, wall_now());
    }

    fn restore_given_up(&self, stage: StageKind, topic: &str, partition: u32) {
        self.vitals.restore_ended(stage, topic, partition);
    }

    fn restoring(&self, topic: &str, partition: u32, step: &'static str, (done, end): (i64, i64)) {
        self.vitals.restoring(topic, partition, (end - done).max(0));
        let mut told = lock(&self.told);
        if told.is_none_or(|at| at.elapsed() >= TELL_INTERVAL) {
            *told = Some(Instant::now());
            tracing::info!(topic, partition, step, done, end, "restoring");
        }
    }

    fn restored(&self, stage: StageKind, topic: &str, partition: u32, offset: i64, took: Duration) {
        self.vitals.restored(stage, topic, partition, took.as_secs_f64());
        let took_ms = took.as_millis();
        tracing::info!(topic, partition, offset, took_ms, "restored");
    }

    fn passed_over(&self, topic: &str, partition: u32, offsets: i64) {
        self.vitals.passed_over(topic, partition, offsets.unsigned_abs());
    }

    fn lag(&self, stage: StageKind, topic: &str, partition: u32, records: i64) {
        self.vitals.lag(stage, topic, partition, records);
    }

    fn client_error(&self, kind: &'static str) {
        self.vitals.client_error(kind);
    }

    fn beat(&self, worker: &str, ready: bool, reason: &str) {
        let mut beats = lock(&self.beats);
        let beat = match beats.get(worker) {
            Some(beat) => beat,
            None => beats.entry(worker.to_owned()).or_insert_with(|| self.health.worker(worker)),
        };
        beat.beat();
        beat.ready(ready);
        beat.reason(reason);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
