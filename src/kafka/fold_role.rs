//! Stage 1 as a role: one input partition per stage.

use super::config::{KafkaConfig, StartFrom};
use super::names::TopicNames;
use super::role::{Role, StateRecords};
use super::source::Source;
use crate::fold::FoldConfig;
use crate::pipeline::{Commit, FoldInput, Record, StageKind};
use crate::pipeline::{FoldStage, Stop};
use crate::time::WallMs;
use std::sync::Arc;
use std::time::Duration;

/// Records to the end from which on freshness matters less than throughput.
const FAR_BEHIND: i64 = 100_000;
/// How often commits are taken then, unless they are full before: each costs a transaction, however small.
const CATCHING_UP: Duration = Duration::from_millis(400);

/// Reads events, gives batches, state and dead letters.
pub struct FoldRole {
    /// Settings of the Kafka side.
    pub kafka: Arc<KafkaConfig>,
    /// Settings of the fold.
    pub fold: Arc<FoldConfig>,
    /// Input topics with their partitions at the start.
    pub inputs: Vec<(String, u32)>,
    /// Names of the service's topics.
    pub names: TopicNames,
}

impl Role for FoldRole {
    type Stage = FoldStage;
    const KIND: StageKind = StageKind::Fold;
    const NAME: &'static str = "fold";

    fn topics(&self) -> Vec<(String, u32)> {
        self.inputs.clone()
    }

    fn state_topic(&self, source: &Source) -> String {
        self.names.fold_state(&source.topic)
    }

    fn start_from(&self) -> StartFrom {
        self.kafka.start_from
    }

    fn interval(&self, lag: i64) -> Duration {
        if lag < FAR_BEHIND {
            self.kafka.commit_interval
        } else {
            self.kafka.commit_interval.max(CATCHING_UP)
        }
    }

    fn idle_after(&self) -> Option<Duration> {
        Some(self.kafka.idle_after)
    }

    fn fresh(&self, source: &Source, offset: i64) -> FoldStage {
        FoldStage::new(Arc::clone(&self.fold), &source.topic, source.number(), offset)
    }

    fn restore(&self, source: &Source, offset: i64, records: &StateRecords) -> Result<FoldStage, Stop> {
        let records = records.iter().map(|(key, value)| (key.as_slice(), value.as_slice()));
        let stage =
            FoldStage::restore(Arc::clone(&self.fold), &source.topic, source.number(), offset, records)?;
        if stage.is_resettled() {
            let epoch = format!("{:016x}", self.fold.config_epoch);
            tracing::info!(%source, epoch, "restored from before the settings that shape measures were changed");
        }
        Ok(stage)
    }

    fn commits(&self, stage: &FoldStage) -> Option<u64> {
        Some(stage.commits())
    }

    fn replay_from(&self, _stage: &FoldStage) -> Option<i64> {
        None
    }

    fn take(&self, stage: &mut FoldStage, record: Record<'_>) -> Result<(), Stop> {
        stage.step(FoldInput::Record(record));
        Ok(())
    }

    fn pass_over(&self, stage: &mut FoldStage, first: i64, last: i64, why: &str) -> Result<(), Stop> {
        stage.step(FoldInput::Undecodable { first, last, why });
        Ok(())
    }

    fn idle(&self, stage: &mut FoldStage, wall: WallMs) {
        stage.step(FoldInput::Idle { wall });
    }

    fn is_full(&self, stage: &FoldStage) -> bool {
        stage.is_full()
    }

    fn seal(&self, stage: &mut FoldStage, wall: WallMs) -> Result<Option<Commit>, Stop> {
        Ok(stage.commit(wall))
    }

    fn needed_from(&self, _stage: &FoldStage) -> Option<i64> {
        None
    }
}
