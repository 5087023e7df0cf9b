//! Fold and merge driven by inputs and giving effects: the same step for live, replay, tests and benches.
//!
//! The core takes an input, changes its state, and collects effects until a commit is taken. A commit is a
//! value: effects and the offset that they bring the stage to; the shell performs it, whole or not at all.
//! Nothing here reads a clock or does IO.

pub mod fold_stage;
pub mod memory;
pub mod merge_stage;
pub mod stage;

#[cfg(test)]
mod fold_restore_test;
#[cfg(test)]
mod merge_restore_test;

pub use crate::merge::KpiRecord;
pub use fold_stage::FoldStage;
pub use merge_stage::MergeStage;
pub use stage::Stop;

use crate::kpi::exposed::Exposed;
use crate::time::{EventMs, WallMs};

/// A record of the input topic.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Its offset in the partition.
    pub offset: i64,
    /// The broker's timestamp, where the topic stamps at append; else `None`.
    pub appended: Option<WallMs>,
    /// The clock when it was read.
    pub wall: WallMs,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value; `None` for a tombstone.
    pub value: Option<&'a [u8]>,
}

/// What a fold stage takes.
#[derive(Clone, Copy, Debug)]
pub enum FoldInput<'a> {
    /// The next record of the partition, in offset order.
    Record(Record<'a>),
    /// The partition has been caught up, unpaused and silent for `idle_after`: the clock moves its time.
    Idle {
        /// The clock.
        wall: WallMs,
    },
    /// Offsets that cannot be decoded: nothing is known of what stood there.
    Undecodable {
        /// The first.
        first: i64,
        /// The last.
        last: i64,
        /// What the client says.
        why: &'a str,
    },
    /// End of a file: levels stop at `levels_stop`, then the watermark moves to `until`.
    End {
        /// The greatest stream time of all partitions.
        levels_stop: EventMs,
        /// The end of the last open window + grace.
        until: EventMs,
    },
}

/// What a merge stage takes.
#[derive(Clone, Copy, Debug)]
pub enum MergeInput<'a> {
    /// The next record of the shard's partials partition, in offset order.
    Batch {
        /// Its offset in the partition.
        offset: i64,
        /// Its value.
        bytes: &'a [u8],
    },
    /// A publish tick: what is due is rendered.
    Publish {
        /// The clock.
        wall: WallMs,
    },
}

/// Which stage a commit is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StageKind {
    /// Stage 1, per input partition.
    Fold,
    /// Stage 2, per shard.
    Merge,
}

/// Something for the shell to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// A record for the shard's partition of `<id>.partials`.
    Batch {
        /// The shard.
        shard: u32,
        /// The record's value.
        bytes: Vec<u8>,
    },
    /// A record for the stage's own state topic, in the partition of the commit.
    State {
        /// The record's key.
        key: Vec<u8>,
        /// The record's value; `None`: a tombstone.
        value: Option<Vec<u8>>,
    },
    /// A record for the shard's partition of `<id>.kpis`.
    Kpi(KpiRecord),
    /// A record for `<id>.dead-letters`.
    DeadLetter(DeadLetter),
}

/// A record that was late or rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its offset in the input partition of the commit.
    pub offset: i64,
    /// The last offset that it speaks of, where that is another: a batch that could not be decoded.
    pub last_offset: Option<i64>,
    /// Why: a reason of the closed set.
    pub reason: &'static str,
    /// What exactly, in words.
    pub detail: String,
    /// The original key, as configured (original, redacted or none).
    pub key: Option<Vec<u8>>,
    /// The original value, as configured, cut at 512 KiB.
    pub value: Option<Vec<u8>>,
    /// The size of the original value, where it was cut.
    pub original_size: Option<usize>,
}

/// A commit: effects and the offset that they bring the stage to. Kept by the shell until acknowledged.
#[derive(Clone, Debug, PartialEq)]
pub struct Commit {
    /// Which stage.
    pub stage: StageKind,
    /// Input partition (fold) or shard (merge).
    pub partition: u32,
    /// The offset that the stage was at.
    pub from: i64,
    /// The next offset to read after this commit.
    pub to: i64,
    /// What to do, in order.
    pub effects: Vec<Effect>,
    /// Groups whose exposition changed; shown only after the commit is acknowledged.
    pub exposed: Vec<Exposed>,
    /// What the stage says of itself; shown only after the commit is acknowledged.
    pub report: StageReport,
}

/// What a stage says of itself with each commit: cumulative counts and times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StageReport {
    /// Records by result, then by reason (empty where a result has none): cumulative over the partition's life.
    pub results: Vec<(&'static str, &'static str, u64)>,
    /// Side counts and sizes: (name, value), names of the closed set in `vitals`.
    pub figures: Vec<(&'static str, i64)>,
    /// Greatest event time accepted.
    pub stream_time: Option<EventMs>,
    /// The watermark (fold: the partition's; merge: the least over all sources).
    pub watermark: Option<EventMs>,
}
