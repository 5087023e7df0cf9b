//! Stage 2 of one shard: batches in; panes, sliding windows, levels and totals kept.
//!
//! Pure: it reads no clock; wall time comes with the publish tick (`publish.rs`). A batch counts once and in order; what
//! fold accepted is never dropped here but for windows finalised by force, which is counted.

use super::coarse::Coarse;
use super::config::MergeConfig;
use super::group_state::GroupState;
use super::groups::{BaseId, GroupId, Groups};
use super::live::LiveQueue;
use super::panes::Panes;
use super::slice_panes::SlicePanes;
use super::sliding::Sliding;
use super::sources::{Sources, Verdict};
use crate::ids::DenseMap;
use crate::measure::batch::{BatchReader, Family, NowLevels};
use crate::measure::delta::Delta;
use crate::measure::ids::{Count, Level};
use crate::measure::packed::Packed;
use crate::measure::wire::Writer;
use crate::time::window::{Pane, Slice, WindowKind};
use crate::time::{EventMs, WallMs};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Counts of what a shard did, cumulative.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardCounts {
    /// Batches applied.
    pub applied: u64,
    /// Batches that had been applied before.
    pub repeated: u64,
    /// Batches of an epoch that was over.
    pub superseded: u64,
    /// Measures with a number that is not known.
    pub unknown_measures: u64,
    /// Group-windows finalised by force.
    pub forced: u64,
    /// Deltas for panes that were finalised by force.
    pub forced_loss: u64,
    /// Deltas that a closed window which is not corrected did not take.
    pub after_close: u64,
    /// Deltas whose slice had left a sliding window.
    pub after_sliding: u64,
}

/// A place of a pane: window, pane, calendar.
pub type PanePlace = (usize, Pane, usize);

/// The state of one shard.
#[derive(Debug)]
pub struct Shard {
    pub(super) config: Arc<MergeConfig>,
    pub(super) sources: Sources,
    pub(super) groups: Groups,
    pub(super) states: Vec<GroupState>,
    pub(super) now: DenseMap<BaseId, BTreeMap<usize, NowLevels>>,
    pub(super) queue_agents: BTreeMap<(String, String), [i64; Level::LEN]>,
    pub(super) panes: Vec<Panes>,
    pub(super) sliding: Vec<Sliding>,
    pub(super) live: LiveQueue,
    /// Closed panes with something to publish.
    pub(super) due: BTreeSet<PanePlace>,
    /// Cells of closed panes that the batch changed.
    pub(super) changed_closed: Vec<(PanePlace, GroupId)>,
    /// Finals made by force, to be published.
    pub(super) forced: Vec<super::publish::KpiRecord>,
    pub(super) exposure_due: Vec<GroupId>,
    /// How many of them a replay has looked at.
    pub(super) replayed_due: usize,
    /// Groups to expose again: shown at 0 for now, or with window gauges that are not due yet.
    pub(super) expose_again: Vec<GroupId>,
    pub(super) queue_agents_due: bool,
    pub(super) queues: super::queues::Queues,
    /// The watermark that tenants show.
    pub(super) shown_watermark: Option<EventMs>,
    pub(super) counts: ShardCounts,
    /// The slice of the shard time for which the current panes were noted last.
    pub(super) noted_current: Option<Slice>,
    /// Partials offset + 1 of the last batch.
    pub(super) revision: i64,
    /// Wall time of the last publish tick.
    pub(super) wall: WallMs,
    pub(super) saver: super::state::Saver,
    pub(super) paces: super::publish::Paces,
    coarse: Coarse,
    slice_panes: SlicePanes,
    /// Room for the bytes of a delta.
    room: Writer,
}

impl Shard {
    /// A shard of which nothing was read.
    #[must_use]
    pub fn new(config: &Arc<MergeConfig>) -> Shard {
        let groups = Groups::new(config);
        let (sliding, panes): (Vec<_>, Vec<_>) = config
            .windows
            .iter()
            .cloned()
            .partition(|window| matches!(window.kind, WindowKind::Sliding { .. }));
        let panes: Vec<Panes> =
            panes.into_iter().map(|window| Panes::new(window, groups.calendars())).collect();
        let sliding: Vec<Sliding> = sliding.into_iter().map(Sliding::new).collect();
        Shard {
            sources: Sources::new(&config.sources),
            live: LiveQueue::new(panes.len() + sliding.len()),
            states: Vec::new(),
            now: DenseMap::default(),
            queue_agents: BTreeMap::new(),
            due: BTreeSet::new(),
            changed_closed: Vec::new(),
            forced: Vec::new(),
            exposure_due: Vec::new(),
            replayed_due: 0,
            expose_again: Vec::new(),
            queue_agents_due: false,
            queues: super::queues::Queues::default(),
            shown_watermark: None,
            counts: ShardCounts::default(),
            noted_current: None,
            revision: 0,
            wall: WallMs(0),
            saver: super::state::Saver::default(),
            paces: super::publish::Paces::default(),
            coarse: Coarse::default(),
            slice_panes: SlicePanes::default(),
            room: Writer::default(),
            groups,
            panes,
            sliding,
            config: Arc::clone(config),
        }
    }

    /// Applies the batch at a partials offset.
    ///
    /// # Errors
    /// A gap in a source's sequence, or bytes that cannot be read: the shard must stop.
    pub fn batch(&mut self, offset: i64, bytes: &[u8]) -> Result<(), String> {
        self.apply(offset, bytes)?;
        self.force();
        Ok(())
    }

    /// Applies the batch at a partials offset once more, in a restore: its outputs went out before, also those that were
    /// forced.
    ///
    /// # Errors
    /// As [`Shard::batch`].
    pub fn replay(&mut self, offset: i64, bytes: &[u8]) -> Result<(), String> {
        self.apply(offset, bytes)?;
        self.publish_nothing();
        Ok(())
    }

    fn apply(&mut self, offset: i64, bytes: &[u8]) -> Result<(), String> {
        let unreadable = |error| format!("partials offset {offset}: {error}; the partials topic is damaged");
        let mut batch = BatchReader::new(bytes).map_err(unreadable)?;
        let verdict = self.sources.judge(&batch.head, offset)?;
        if self.revision == 0 {
            self.saver.start = Some(offset);
        }
        self.revision = offset + 1;
        let at = match verdict {
            Verdict::Apply(at) => at,
            verdict => {
                self.counts.repeated += u64::from(verdict == Verdict::Repeated);
                self.counts.superseded += u64::from(verdict == Verdict::Superseded);
                return Ok(());
            }
        };
        let head = batch.head.clone();
        self.note_current();
        self.sources.applied(at, &head);
        self.advance_sliding();
        self.groups.begin_batch();
        let syms = self.groups.intern_all(&batch.strings);
        let named = batch.groups.iter().map(|group| (group.family, group.values.map(|at| syms[at as usize])));
        let bases: Vec<BaseId> = named.map(|(family, values)| self.groups.base(family, values)).collect();
        self.states.resize_with(self.groups.len(), GroupState::default);
        let unknown = batch.deltas(|place, slice, delta| {
            if self.groups.base_row(bases[place]).family == Family::QueueAgents {
                self.add_queue_agents(bases[place], delta);
            } else {
                self.add(offset, bases[place], slice, delta);
            }
        });
        self.add_coarse(offset);
        self.counts.unknown_measures += unknown.map_err(unreadable)?;
        batch.now_levels(|place, levels| self.set_now(bases[place], at, levels)).map_err(unreadable)?;
        self.sources.advance(at, &head);
        if let Some(watermark) = self.sources.least_watermark() {
            self.close(watermark);
        }
        self.show_closed();
        self.counts.applied += 1;
        Ok(())
    }

    /// Counts of what the shard did.
    #[must_use]
    pub const fn counts(&self) -> &ShardCounts {
        &self.counts
    }

    /// What the shard knows of its sources.
    #[must_use]
    pub const fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Published groups.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// Groups joined to `__other__` because there are too many.
    #[must_use]
    pub const fn group_overflow(&self) -> u64 {
        self.groups.overflow
    }

    /// Live records that wait for their pace.
    #[must_use]
    pub fn live_waiting(&self) -> usize {
        (0..self.panes.len() + self.sliding.len()).map(|window| self.live.waiting(window)).sum()
    }

    /// Closed group-windows that may have to be published.
    #[must_use]
    pub fn due(&self) -> usize {
        let open = |place: &PanePlace| self.panes[place.0].panes.get(&(place.1, place.2));
        self.due.iter().filter_map(open).map(|open| open.cells.len()).sum()
    }

    /// The partials offset of the last head written: a restore replays from there.
    #[must_use]
    pub const fn head_as_of(&self) -> i64 {
        self.saver.head_as_of
    }

    /// Commits that finals went out with.
    #[must_use]
    pub const fn final_commits(&self) -> u64 {
        self.saver.final_commits
    }

    /// Group-windows kept.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.panes.iter().map(Panes::cells).sum()
    }

    fn add(&mut self, offset: i64, base: BaseId, slice: Slice, delta: &Delta) {
        let of_contact = self.groups.base_row(base).family != Family::Agent;
        let mut packed = None;
        for at in 0..self.groups.base_row(base).targets.len() {
            let group = self.groups.base_row(base).targets[at];
            if self.groups.is_coarse(group) {
                self.coarse.add(group, slice, delta);
                continue;
            }
            self.add_to_group(offset, group, (slice, delta), &mut packed, of_contact);
        }
    }

    /// Adds what the batch says of coarse groups: many of its deltas fall into one such group and slice.
    fn add_coarse(&mut self, offset: i64) {
        let mut coarse = std::mem::take(&mut self.coarse);
        coarse.drain(|group, slice, delta| {
            self.add_to_group(offset, group, (slice, &delta), &mut None, false);
        });
        self.coarse = coarse;
    }

    /// Adds a delta to everything that is kept of a group. Its bytes are made when the first sliding window needs them.
    fn add_to_group(
        &mut self,
        offset: i64,
        group: GroupId,
        (slice, delta): (Slice, &Delta),
        packed: &mut Option<Packed>,
        of_contact: bool,
    ) {
        let row = self.groups.row(group);
        let (calendar, has_agent) = (row.calendar, row.has_agent);
        let state = &mut self.states[group as usize];
        if offset >= state.as_of {
            delta.levels.iter().for_each(|change| state.levels[change.level.index()] += change.net);
            if of_contact && row.is_finest_contact {
                state.totals.get_or_insert_default().add(delta);
            }
            state.unsaved = true;
            if !state.exposure_due {
                state.exposure_due = true;
                self.exposure_due.push(group);
            }
            let room = &mut self.room;
            for (place, sliding) in self.sliding.iter_mut().enumerate() {
                let packed = || packed.get_or_insert_with(|| Packed::new(delta, room)).clone();
                if sliding.add(group, slice, delta, packed) {
                    self.live.push(self.panes.len() + place, group, has_agent);
                } else {
                    self.counts.after_sliding += 1;
                }
            }
        }
        for place in 0..self.panes.len() {
            let pane = self.slice_panes.pane(slice, calendar, place, &self.panes, &self.config);
            self.add_to_pane(offset, place, pane, group, (slice, delta));
        }
    }

    fn add_to_pane(
        &mut self,
        offset: i64,
        place: usize,
        pane: Pane,
        group: GroupId,
        (slice, delta): (Slice, &Delta),
    ) {
        let calendar = self.groups.row(group).calendar;
        let panes = &mut self.panes[place];
        let forced = pane.end <= panes.forced_through;
        let Some((cell, closed)) = panes.cell(pane, calendar, group) else {
            // In a replay, what came before the force was in its finals.
            if !forced {
                self.counts.after_close += 1;
            } else if offset >= panes.forced_at {
                self.counts.forced_loss += 1;
            }
            return;
        };
        let moved = delta.levels.iter().any(|change| change.net != 0);
        if offset < cell.as_of {
            if moved {
                self.show_later(place, pane, calendar, group);
            }
            return;
        }
        let taken_back = delta.counts.iter().any(|(_, change)| *change < 0);
        cell.shown |= (moved || taken_back) && !closed;
        cell.sums.add(delta, slice, pane.end);
        (cell.dirty, cell.unsaved) = (true, true);
        if closed {
            self.due.insert((place, pane, calendar));
            self.changed_closed.push(((place, pane, calendar), group));
        } else {
            self.live.push(place, group, self.groups.has_agent(group));
        }
        if closed && delta.counts.iter().any(|entry| entry.0 == Count::ContactsCreated) {
            self.dirty_shares((place, pane, calendar), group);
        }
        if moved {
            self.dirty_later(place, pane, calendar, group);
            self.show_later(place, pane, calendar, group);
        }
    }

    fn add_queue_agents(&mut self, base: BaseId, delta: &Delta) {
        let (_, values) = self.groups.base_values(base);
        let key = (values[0].to_owned(), values[2].to_owned());
        self.queues.changed.insert(key.clone());
        let counts = self.queue_agents.entry(key).or_insert([0; Level::LEN]);
        delta.levels.iter().for_each(|change| counts[change.level.index()] += change.net);
        self.queue_agents_due = true;
    }

    pub(super) fn advance_sliding(&mut self) {
        let Some(shard_time) = self.sources.shard_time else { return };
        for (place, sliding) in self.sliding.iter_mut().enumerate() {
            sliding.advance(shard_time, |group| {
                self.live.push(self.panes.len() + place, group, self.groups.has_agent(group));
                let state = &mut self.states[group as usize];
                if !state.exposure_due {
                    state.exposure_due = true;
                    self.exposure_due.push(group);
                }
            });
        }
    }
}
