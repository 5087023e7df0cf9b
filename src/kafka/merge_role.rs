//! Stage 2 as a role: one shard, that is one partition of the partials, per stage.

use super::config::{KafkaConfig, StartFrom};
use super::names::TopicNames;
use super::role::{Role, StateRecords};
use super::source::Source;
use crate::merge::MergeConfig;
use crate::pipeline::{Commit, MergeInput, Record, StageKind};
use crate::pipeline::{MergeStage, Stop};
use crate::time::WallMs;
use std::sync::Arc;
use std::time::Duration;

/// Reads batches, gives KPI records and state.
pub struct MergeRole {
    /// Settings of the Kafka side.
    pub kafka: Arc<KafkaConfig>,
    /// Settings of the merge.
    pub merge: Arc<MergeConfig>,
    /// Names of the service's topics.
    pub names: TopicNames,
}

impl Role for MergeRole {
    type Stage = MergeStage;
    const KIND: StageKind = StageKind::Merge;
    const NAME: &'static str = "merge";

    fn topics(&self) -> Vec<(String, u32)> {
        vec![(self.names.partials.clone(), self.kafka.shards)]
    }

    fn state_topic(&self, _source: &Source) -> String {
        self.names.merge_state.clone()
    }

    fn start_from(&self) -> StartFrom {
        StartFrom::Earliest
    }

    fn interval(&self, _lag: i64) -> Duration {
        self.kafka.publish_interval
    }

    fn idle_after(&self) -> Option<Duration> {
        None
    }

    fn fresh(&self, source: &Source, offset: i64) -> MergeStage {
        MergeStage::new(Arc::clone(&self.merge), source.number(), offset)
    }

    fn restore(&self, source: &Source, offset: i64, records: &StateRecords) -> Result<MergeStage, Stop> {
        let records = records.iter().map(|(key, value)| (key.as_slice(), value.as_slice()));
        MergeStage::restore(Arc::clone(&self.merge), source.number(), offset, records)
    }

    fn commits(&self, stage: &MergeStage) -> Option<u64> {
        Some(stage.commits())
    }

    fn replay_from(&self, stage: &MergeStage) -> Option<i64> {
        Some(stage.replay_from())
    }

    fn take(&self, stage: &mut MergeStage, record: Record<'_>) -> Result<(), Stop> {
        match record.value {
            Some(bytes) => stage.step(MergeInput::Batch { offset: record.offset, bytes }),
            None => Err(Stop(format!("the partials hold a tombstone at offset {}", record.offset))),
        }
    }

    fn idle(&self, _stage: &mut MergeStage, _wall: WallMs) {}

    fn is_full(&self, stage: &MergeStage) -> bool {
        stage.is_full()
    }

    fn seal(&self, stage: &mut MergeStage, wall: WallMs) -> Result<Option<Commit>, Stop> {
        stage.step(MergeInput::Publish { wall })?;
        Ok(stage.commit())
    }

    fn needed_from(&self, stage: &MergeStage) -> Option<i64> {
        Some(stage.needed_from())
    }
}
