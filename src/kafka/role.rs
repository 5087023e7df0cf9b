//! What fold and merge workers do differently; everything else stands in the worker.
//!
//! Must never know: consumers, producers, rebalances.

use super::source::Source;
use crate::pipeline::stage::Stop;
use crate::pipeline::{Commit, Record, StageKind};
use crate::time::WallMs;
use std::collections::BTreeMap;
use std::time::Duration;

use super::config::StartFrom;

/// The last value per key of a state partition.
pub type StateRecords = BTreeMap<Vec<u8>, Vec<u8>>;

/// A kind of stage and how it is driven.
pub trait Role: Send + Sync + 'static {
    /// The state of one partition. It is built on a restore's thread and handed to the worker's.
    type Stage: Send;
    /// Which stage.
    const KIND: StageKind;
    /// Its name in groups, clients and threads.
    const NAME: &'static str;

    /// The topics that it reads, with their partitions as known at the start.
    fn topics(&self) -> Vec<(String, u32)>;
    /// The topic with the state of a partition; its partition has the same number.
    fn state_topic(&self, source: &Source) -> String;
    /// Where a partition begins that has neither state nor offset.
    fn start_from(&self) -> StartFrom;
    /// How often commits are taken while `lag` records are still to be read, as last told.
    fn interval(&self, lag: i64) -> Duration;
    /// How long a partition must be at its end and silent to be marked idle; `None`: never.
    fn idle_after(&self) -> Option<Duration>;
    /// A stage without state.
    fn fresh(&self, source: &Source, offset: i64) -> Self::Stage;
    /// A stage from its state, to continue at `offset`.
    ///
    /// # Errors
    /// The state does not fit the offset, the layout or itself.
    fn restore(&self, source: &Source, offset: i64, records: &StateRecords) -> Result<Self::Stage, Stop>;
    /// The number of the last commit sealed, or of the one that a restored stage ends with, as its state has it; `None`
    /// where the state may be older than the offset.
    fn commits(&self, stage: &Self::Stage) -> Option<u64>;
    /// The offset from which a restored stage must be fed first; `None` for nothing.
    fn replay_from(&self, stage: &Self::Stage) -> Option<i64>;
    /// Takes one record.
    ///
    /// # Errors
    /// A broken guarantee.
    fn take(&self, stage: &mut Self::Stage, record: Record<'_>) -> Result<(), Stop>;
    /// Goes on behind offsets `first` to `last`, which cannot be decoded.
    ///
    /// # Errors
    /// They must not be passed over.
    fn pass_over(&self, stage: &mut Self::Stage, first: i64, last: i64, why: &str) -> Result<(), Stop> {
        let _ = stage;
        Err(Stop(format!(
            "offsets {first} to {last} cannot be decoded ({why}); restore the topic, or begin anew under another service.id"
        )))
    }
    /// Takes the mark that its partition is idle.
    fn idle(&self, stage: &mut Self::Stage, wall: WallMs);
    /// Whether a commit is due whatever the interval.
    fn is_full(&self, stage: &Self::Stage) -> bool;
    /// Takes the next commit, if there is something to say.
    ///
    /// # Errors
    /// A broken guarantee.
    fn seal(&self, stage: &mut Self::Stage, wall: WallMs) -> Result<Option<Commit>, Stop>;
    /// Records of the source below this are needed no more once the commit just sealed is acknowledged.
    fn needed_from(&self, stage: &Self::Stage) -> Option<i64>;
}
