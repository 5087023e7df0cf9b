//! Stage 2 of one shard behind its seam: step, then commit.

use super::stage::Stop;
use super::{Commit, MergeInput};
use std::sync::Arc;

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
