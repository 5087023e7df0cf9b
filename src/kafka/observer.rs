//! What the workers tell the rest of the program: reports, series to show, commits, lag, signs of life.
//!
//! Must never know: how any of it is shown. Calls come from the workers' threads and must return at once.

use super::handover::Trouble;
use crate::kpi::exposed::Exposed;
use crate::pipeline::{Commit, StageKind, StageReport};
use std::time::Duration;

/// How partitions moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionsMoved {
    /// They came.
    Assigned,
    /// They were asked back.
    Revoked,
    /// They were taken.
    Lost,
}

/// Listens to the workers; the composition root implements it.
pub trait Observer: Send + Sync {
    /// A fold stage's commit was acknowledged.
    fn fold_report(&self, topic: &str, partition: u32, report: &StageReport);
    /// A merge stage's commit was acknowledged.
    fn merge_report(&self, shard: u32, report: &StageReport);
    /// Groups of a shard whose series changed with an acknowledged commit; none is a sign of life.
    fn exposed(&self, shard: u32, exposed: Vec<Exposed>);
    /// An input partition is no longer ours.
    fn withdraw_fold(&self, topic: &str, partition: u32);
    /// A shard, a partition of `topic`, is no longer ours: none of its series may be shown.
    fn withdraw_merge(&self, topic: &str, shard: u32);
    /// A commit ended: acknowledged where there was no trouble.
    fn commit(&self, stage: StageKind, trouble: Option<Trouble>, took: Duration, records: usize);
    /// A partition is being restored: `step` of it has read (this many, of so many) offsets. Told a few times a second.
    fn restoring(&self, topic: &str, partition: u32, step: &'static str, read: (i64, i64)) {
        let _ = (topic, partition, step, read);
    }
    /// Partitions of a role came or went.
    fn rebalanced(&self, stage: StageKind, what: PartitionsMoved, partitions: usize) {
        let _ = (stage, what, partitions);
    }
    /// A stage is being restored from now on.
    fn restore_begun(&self, stage: StageKind, topic: &str, partition: u32) {
        let _ = (stage, topic, partition);
    }
    /// Nobody waits any more for the restore of a stage, if there was one.
    fn restore_given_up(&self, stage: StageKind, topic: &str, partition: u32) {
        let _ = (stage, topic, partition);
    }
    /// A stage was restored (or begun) and continues at `offset`.
    fn restored(&self, stage: StageKind, topic: &str, partition: u32, offset: i64, took: Duration) {
        let _ = (stage, topic, partition, offset, took);
    }
    /// A commit was acknowledged: its effects are there for all to see.
    fn acknowledged(&self, commit: &Commit) {
        let _ = commit;
    }
    /// A batch that cannot be decoded was passed over, with this many offsets.
    fn passed_over(&self, topic: &str, partition: u32, offsets: i64) {
        let _ = (topic, partition, offsets);
    }
    /// Records between a stage's position and the end of its partition.
    fn lag(&self, stage: StageKind, topic: &str, partition: u32, records: i64);
    /// A client reported an error that it deals with itself, of a kind of a closed set.
    fn client_error(&self, kind: &'static str);
    /// A worker is alive; `reason` says what it waits for while it is not ready.
    fn beat(&self, worker: &str, ready: bool, reason: &str);
}
