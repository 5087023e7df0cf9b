//! The two stages behind one seam each: step, then commit.

use super::{Commit, FoldInput, MergeInput};
use crate::time::WallMs;
use std::fmt;
use std::sync::Arc;

/// Why a stage stops: a guarantee is broken or its state does not fit. Never silent, never retried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop(pub String);

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Stop {}

/// Stage 1 of one input partition.
pub struct FoldStage {}

impl FoldStage {
    /// A stage without state, at `start_offset` of the partition.
    #[must_use]
    pub fn new(config: Arc<crate::fold::FoldConfig>, topic: &str, partition: u32, start_offset: i64) -> FoldStage { let _ = (config, topic, partition, start_offset); FoldStage {} }
    /// A stage from its state records (last value per key), continuing at `offset`, one epoch later.
    ///
    /// # Errors
    /// The records do not fit together, are of another layout or end at another offset; the text says what to do.
    pub fn restore<'a>(config: Arc<crate::fold::FoldConfig>, topic: &str, partition: u32, offset: i64, records: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Result<FoldStage, Stop> { let _ = (config, topic, partition, offset, records); Ok(FoldStage {}) }
    /// Takes one input.
    pub fn step(&mut self, input: FoldInput<'_>) { let _ = input; }
    /// Whether the commit should be taken now because its buffers are full.
    #[must_use]
    pub fn is_full(&self) -> bool { false }
    /// Takes what changed since the last commit; `None` if there is nothing and no heartbeat (each second) is due.
    pub fn commit(&mut self, wall: WallMs) -> Option<Commit> { let _ = wall; None }
}

/// Stage 2 of one shard.
pub struct MergeStage {}

impl MergeStage {
    /// A stage without state, at `start_offset` of its partials partition.
    #[must_use]
    pub fn new(config: Arc<crate::merge::MergeConfig>, shard: u32, start_offset: i64) -> MergeStage { let _ = (config, shard, start_offset); MergeStage {} }
    /// A stage from its state records (last value per key): still to be fed the partials from [`MergeStage::replay_from`] up to `offset`, without output.
    ///
    /// # Errors
    /// The records do not fit together or are of another layout; the text says what to do.
    pub fn restore<'a>(config: Arc<crate::merge::MergeConfig>, shard: u32, offset: i64, records: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Result<MergeStage, Stop> { let _ = (config, shard, offset, records); Ok(MergeStage {}) }
    /// The partials offset from which a restored stage must be fed.
    #[must_use]
    pub fn replay_from(&self) -> i64 { 0 }
    /// The partials offset below which nothing is needed any more for a restore (after the last acknowledged commit).
    #[must_use]
    pub fn needed_from(&self) -> i64 { 0 }
    /// Takes one input.
    ///
    /// # Errors
    /// A gap in a source's sequence, or a batch that cannot be read: the shard must stop.
    pub fn step(&mut self, input: MergeInput<'_>) -> Result<(), Stop> { let _ = input; Ok(()) }
    /// Takes what the last publish tick made; `None` if nothing happened since the last commit.
    pub fn commit(&mut self) -> Option<Commit> { None }
}
