//! Both stages in memory: what Kafka carries between them is handed over directly.
//!
//! The driver of `replay`, tests and benches. The stages and their step are those of the live service; only the transport
//! differs. Batches get partials offsets of their own, one sequence a shard.

use super::{
    Commit, DeadLetter, Effect, FoldInput, FoldStage, KpiRecord, MergeInput, MergeStage, Record, StageReport,
    Stop,
};
use crate::fold::FoldConfig;
use crate::kpi::exposed::Exposed;
use crate::merge::MergeConfig;
use crate::time::window::{WindowKind, pane_of};
use crate::time::{EventMs, WallMs};
use std::sync::Arc;

/// What comes out of the pipeline.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// A KPI record.
    Kpi(KpiRecord),
    /// A late or rejected record of an input partition.
    DeadLetter(u32, DeadLetter),
    /// What groups of a shard show on /metrics from now on.
    Exposed(u32, Vec<Exposed>),
}

/// Both stages in memory.
#[derive(Debug)]
pub struct Memory {
    folds: Vec<FoldStage>,
    merges: Vec<MergeStage>,
    offsets: Vec<i64>,
    reports: Vec<StageReport>,
    merge_config: Arc<MergeConfig>,
}

impl Memory {
    /// A pipeline over `partitions` partitions of `topic`, nothing read yet.
    #[must_use]
    pub fn new(fold: &Arc<FoldConfig>, merge: &MergeConfig, topic: &str, partitions: u32) -> Memory {
        let sources = vec![(topic.to_owned(), partitions)];
        let merge = Arc::new(MergeConfig { sources, shards: fold.shards, ..merge.clone() });
        Memory {
            folds: (0..partitions)
                .map(|partition| FoldStage::new(Arc::clone(fold), topic, partition, 0))
                .collect(),
            merges: (0..fold.shards).map(|shard| MergeStage::new(Arc::clone(&merge), shard, 0)).collect(),
            offsets: vec![0; fold.shards as usize],
            reports: vec![StageReport::default(); partitions as usize],
            merge_config: merge,
        }
    }

    /// Takes a record of a partition; commits if that filled a buffer.
    ///
    /// # Errors
    /// A shard stopped: a defect of the pipeline.
    pub fn record(
        &mut self,
        partition: u32,
        record: Record<'_>,
        out: &mut impl FnMut(Output),
    ) -> Result<(), Stop> {
        let wall = record.wall;
        let fold = &mut self.folds[partition as usize];
        fold.step(FoldInput::Record(record));
        if fold.is_full() { self.commit(wall, out) } else { Ok(()) }
    }

    /// Commits every partition, applies the batches and publishes.
    ///
    /// # Errors
    /// A shard stopped: a defect of the pipeline.
    pub fn commit(&mut self, wall: WallMs, out: &mut impl FnMut(Output)) -> Result<(), Stop> {
        for at in 0..self.folds.len() {
            if let Some(commit) = self.folds[at].commit(wall) {
                self.deliver(commit, out)?;
            }
        }
        for merge in &mut self.merges {
            merge.step(MergeInput::Publish { wall })?;
            let Some(commit) = merge.commit() else { continue };
            for effect in commit.effects {
                if let Effect::Kpi(record) = effect {
                    out(Output::Kpi(record));
                }
            }
            if !commit.exposed.is_empty() {
                out(Output::Exposed(commit.partition, commit.exposed));
            }
        }
        Ok(())
    }

    /// No partition has had a record for a while: the clock moves their time.
    pub fn idle(&mut self, wall: WallMs) {
        self.folds.iter_mut().for_each(|fold| fold.step(FoldInput::Idle { wall }));
    }

    /// End of all input: levels stop at the last event, timers run until the last open window is final.
    ///
    /// # Errors
    /// A shard stopped: a defect of the pipeline.
    pub fn end(&mut self, wall: WallMs, out: &mut impl FnMut(Output)) -> Result<(), Stop> {
        self.commit(wall, out)?;
        let last = self.folds.iter().filter_map(FoldStage::stream_time).max();
        if let Some(levels_stop) = last {
            let until = end_of_windows(&self.merge_config, levels_stop);
            for fold in &mut self.folds {
                fold.step(FoldInput::End { levels_stop, until });
            }
        }
        self.commit(wall, out)
    }

    /// The fold stages, by partition.
    #[must_use]
    pub fn folds(&self) -> &[FoldStage] {
        &self.folds
    }

    /// What each fold stage said of itself with its last commit.
    #[must_use]
    pub fn reports(&self) -> &[StageReport] {
        &self.reports
    }

    fn deliver(&mut self, commit: Commit, out: &mut impl FnMut(Output)) -> Result<(), Stop> {
        let partition = commit.partition;
        self.reports[partition as usize] = commit.report;
        for effect in commit.effects {
            match effect {
                Effect::Batch { shard, bytes } => {
                    let offset = &mut self.offsets[shard as usize];
                    self.merges[shard as usize].step(MergeInput::Batch { offset: *offset, bytes: &bytes })?;
                    *offset += 1;
                }
                Effect::DeadLetter(letter) => out(Output::DeadLetter(partition, letter)),
                Effect::State { .. } | Effect::Kpi(_) => {}
            }
        }
        Ok(())
    }
}

/// When the last window that contains `last` is final: the greatest end over windows and calendars + grace.
#[must_use]
pub fn end_of_windows(config: &MergeConfig, last: EventMs) -> EventMs {
    let calendars = || std::iter::once(&config.calendar).chain(config.tenant_calendars.values());
    let kinds = config.windows.iter().map(|window| window.kind);
    kinds
        .filter(|kind| !matches!(kind, WindowKind::Sliding { .. }))
        .flat_map(|kind| calendars().map(move |calendar| pane_of(kind, calendar, last).end))
        .max()
        .unwrap_or(last)
        .plus(config.grace_ms)
}
