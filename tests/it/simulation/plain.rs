//! The run without failures: each partition read once, each shard fed once, in one go and without a log service.
//!
//! It must never know of copies, transactions or restores.

use std::collections::BTreeMap;
use std::sync::Arc;

use intraday::pipeline::{
    DeadLetter, Effect, FoldInput, FoldStage, KpiRecord, MergeInput, MergeStage, Record, Stop,
};
use intraday::time::{EventMs, WallMs};

use super::plan::{Plan, TOPIC};
use crate::reference::Input;

/// What is to be found in the end.
#[derive(Debug, Default)]
pub struct Plain {
    /// The last record of each key.
    pub records: BTreeMap<String, KpiRecord>,
    /// Late and rejected records by partition and offset.
    pub letters: BTreeMap<(u32, i64), DeadLetter>,
    /// By partition and offset, the stream time after the record there was read.
    pub stream_times: Vec<BTreeMap<i64, Option<EventMs>>>,
}

/// The record of an input, as a topic has it that stamps at append.
pub fn record_of(input: &Input, wall: WallMs) -> Record<'_> {
    let appended = Some(WallMs(input.wall_ms));
    Record { offset: input.offset, appended, wall, key: None, value: Some(&input.value) }
}

/// Runs everything once.
pub fn run(plan: &Plan) -> Result<Plain, Stop> {
    let mut plain = Plain::default();
    let shared = Arc::new(plan.engine.merge.clone());
    let shards = 0..plan.engine.fold.shards;
    let mut merges: Vec<MergeStage> =
        shards.map(|shard| MergeStage::new(Arc::clone(&shared), shard, 0)).collect();
    let mut offset = 0;
    for partition in 0..plan.partitions {
        let mut stage = FoldStage::new(Arc::clone(&plan.engine.fold), TOPIC, partition, 0);
        let mut stream_times = BTreeMap::new();
        for input in plan.of_partition(partition) {
            stage.step(FoldInput::Record(record_of(input, WallMs(input.wall_ms))));
            stream_times.insert(input.offset, stage.stream_time());
        }
        plain.stream_times.push(stream_times);
        stage.step(FoldInput::Idle { wall: plan.end });
        for effect in stage.commit(plan.end).into_iter().flat_map(|commit| commit.effects) {
            match effect {
                Effect::Batch { shard, bytes } => {
                    merges[shard as usize].step(MergeInput::Batch { offset, bytes: &bytes })?;
                    offset += 1;
                }
                Effect::DeadLetter(letter) => {
                    plain.letters.insert((partition, letter.offset), letter);
                }
                Effect::State { .. } | Effect::Kpi(_) => {}
            }
        }
    }
    for merge in &mut merges {
        merge.step(MergeInput::Publish { wall: plan.end })?;
        for effect in merge.commit().into_iter().flat_map(|commit| commit.effects) {
            if let Effect::Kpi(record) = effect {
                plain.records.insert(record.key.clone(), record);
            }
        }
    }
    Ok(plain)
}
