//! Stage 2 behind its seam: step, then commit.

use super::{Commit, Effect, MergeInput, StageKind, StageReport, Stop};
use crate::merge::{MergeConfig, Publication, Shard};
use crate::time::{Millis, SECOND_MS, WallMs};
use std::sync::Arc;

/// A shard without news commits this often: what it shows is known to be its own only as long as it may commit.
const SIGN_MS: Millis = SECOND_MS;
/// Closed group-windows to be published from which on a commit is due: some 10 MB of records.
const DUE_MAX: usize = 4_000;

/// Stage 2 of one shard.
#[derive(Debug)]
pub struct MergeStage {
    shard: u32,
    state: Shard,
    committed: i64,
    next: i64,
    silent_until: i64,
    publication: Option<Publication>,
    /// Whether the configured queues were announced: not before a replay is over.
    has_announced: bool,
    /// Of the last publish tick, and of the one before the last commit.
    wall: (WallMs, WallMs),
}

impl MergeStage {
    /// A stage without state, at `start_offset` of its partials partition.
    #[must_use]
    pub fn new(config: Arc<MergeConfig>, shard: u32, start_offset: i64) -> MergeStage {
        MergeStage {
            shard,
            state: Shard::new(&config),
            committed: start_offset,
            next: start_offset,
            silent_until: start_offset,
            publication: None,
            has_announced: false,
            wall: (WallMs(i64::MIN / 2), WallMs(i64::MIN / 2)),
        }
    }

    /// A stage from its state records (last value per key): still to be fed the partials from
    /// [`MergeStage::replay_from`] up to `offset`, which it takes in silence: their outputs went out before.
    ///
    /// # Errors
    /// The records do not fit together or are of another layout; the text says what to do.
    pub fn restore<'r>(
        config: Arc<MergeConfig>,
        shard: u32,
        offset: i64,
        records: impl Iterator<Item = (&'r [u8], &'r [u8])>,
    ) -> Result<MergeStage, Stop> {
        let mut stage = MergeStage::new(config, shard, offset);
        stage.next = stage.state.restore(records).map_err(Stop)?;
        if stage.next > offset {
            return Err(Stop(format!(
                "merge-state of shard {shard} is at partials offset {}, its group is committed at {offset}: that was set by \
                 hand, without the state; set it to {}, or begin anew under another service.id",
                stage.next, stage.next
            )));
        }
        Ok(stage)
    }

    /// The partials offset from which a restored stage must be fed.
    #[must_use]
    pub const fn replay_from(&self) -> i64 {
        self.next
    }

    /// The partials offset below which nothing is needed any more for a restore, once the last commit taken is acknowledged.
    #[must_use]
    pub const fn needed_from(&self) -> i64 {
        self.state.head_as_of()
    }

    /// The number of commits that finals went out with: what is stored beside the offset and in the state.
    #[must_use]
    pub const fn commits(&self) -> u64 {
        self.state.final_commits()
    }

    /// Takes one input.
    ///
    /// # Errors
    /// A gap in a source's sequence, or a batch that cannot be read: the shard must stop.
    pub fn step(&mut self, input: MergeInput<'_>) -> Result<(), Stop> {
        match input {
            MergeInput::Batch { offset, bytes } => {
                let applied = match offset < self.silent_until {
                    true => self.state.replay(offset, bytes),
                    false => self.state.batch(offset, bytes),
                };
                applied.map_err(Stop)?;
                self.next = offset + 1;
            }
            MergeInput::Publish { wall } => {
                self.wall.0 = wall;
                if !self.has_announced && self.is_heard() {
                    self.has_announced = true;
                    self.state.announce(self.shard);
                }
                let mut made = self.state.publish(wall);
                match &mut self.publication {
                    Some(publication) => {
                        publication.records.append(&mut made.records);
                        publication.state.append(&mut made.state);
                        publication.exposed.append(&mut made.exposed);
                    }
                    None => self.publication = Some(made),
                }
            }
        }
        Ok(())
    }

    /// Takes what the last publish tick made; `None` if nothing happened since the last commit and that is less than a
    /// second ago.
    pub fn commit(&mut self) -> Option<Commit> {
        let publication = self.publication.take()?;
        let empty =
            publication.records.is_empty() && publication.state.is_empty() && publication.exposed.is_empty();
        let is_sign_due = self.is_heard() && (self.wall.0.0 - self.wall.1.0).abs() >= SIGN_MS;
        if empty && self.next == self.committed && !is_sign_due {
            return None;
        }
        self.wall.1 = self.wall.0;
        let records = publication.records.into_iter().map(Effect::Kpi);
        let state = publication.state.into_iter().map(|(key, value)| Effect::State { key, value });
        let commit = Commit {
            stage: StageKind::Merge,
            partition: self.shard,
            from: self.committed,
            to: self.next,
            effects: records.chain(state).collect(),
            exposed: publication.exposed,
            report: self.report(),
        };
        self.committed = self.next;
        Some(commit)
    }

    /// Whether the shard has a source: one that nobody has written to has no state yet, and an offset without state could
    /// not be restored from.
    fn is_heard(&self) -> bool {
        self.state.sources().all().iter().any(|source| source.heard)
    }

    /// Whether so much is due to be published that a commit should not wait for more.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.state.due() >= DUE_MAX
    }

    /// What the shard says of itself.
    #[must_use]
    pub fn report(&self) -> StageReport {
        let counts = self.state.counts();
        let sources = self.state.sources();
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        StageReport {
            results: vec![
                ("applied", "", counts.applied),
                ("repeated", "", counts.repeated),
                ("superseded", "", counts.superseded),
            ],
            figures: vec![
                ("groups", number(self.state.groups() as u64)),
                ("open_windows", number(self.state.cells() as u64)),
                ("live_waiting", number(self.state.live_waiting() as u64)),
                ("forced_windows", number(counts.forced)),
                ("forced_loss", number(counts.forced_loss)),
                ("after_close", number(counts.after_close)),
                ("skipped_measures", number(counts.unknown_measures)),
                ("config_epochs", number(sources.config_epochs() as u64)),
                ("group_overflow", number(self.state.group_overflow())),
            ],
            stream_time: sources.shard_time,
            watermark: sources.least_watermark(),
        }
    }

    /// The shard's state, to look at.
    #[must_use]
    pub fn shard(&self) -> &Shard {
        &self.state
    }
}
