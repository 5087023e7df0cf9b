//! A shard's state records: a head, and an entity for each cell and each group.
//!
//! The partials topic is the log: state only shortens the replay. A cycle notes the head and everything unsaved, writes those
//! entities a little with each commit, each with the partials offset that it holds, and ends with the head as noted. What
//! was not written in a cycle is unchanged up to the head; on restore an entity skips what its own offset covers.
//! That a final went out is written with it: a replay sees groups as of several offsets and could not tell.

use super::groups::{GroupId, Groups};
use super::panes::OpenPane;
use super::shard::{PanePlace, Shard};
use crate::measure::delta::Delta;
use crate::measure::totals::Totals;
use crate::measure::wire::Writer;
use crate::time::WallMs;
use crate::time::window::Pane;
use std::collections::{BTreeSet, VecDeque};

/// The format of the state records.
pub const STATE_FORMAT: u8 = 3;
/// Bytes of sliding slices in one record, about: a group of much traffic takes several, each far below what brokers take.
const PART_BYTES: usize = 512 << 10;

/// A record of the state topic: key and value, or a tombstone.
pub type StateRecord = (Vec<u8>, Option<Vec<u8>>);
/// Records of the state topic, in the order of their writing.
type StateRecords = Vec<StateRecord>;

#[derive(Clone, Copy, Debug)]
enum Entity {
    Cell(PanePlace, GroupId),
    Group(GroupId),
}

/// What is to be written of a shard's state.
#[derive(Debug, Default)]
pub struct Saver {
    tombstones: Vec<Vec<u8>>,
    pending: VecDeque<Entity>,
    head: Option<(i64, Vec<u8>)>,
    began: Option<WallMs>,
    /// Groups that were exposed for the first time: whoever takes the shard over must know until when they show 0.
    pub born: Vec<GroupId>,
    /// Commits that finals went out with: the offset stored beside names this number, so that a restore does not take
    /// state that lacks the last of them.
    pub final_commits: u64,
    /// Cells whose final goes out with the next commit.
    pub finals: Vec<(PanePlace, GroupId)>,
    /// Windows (by place) of which panes were finalised by force since the last commit.
    pub forced: BTreeSet<usize>,
    /// The partials offset of the first batch of a shard that was restored from nothing.
    pub start: Option<i64>,
    /// The partials offset of the last head written: a restore replays from there.
    pub head_as_of: i64,
}

impl Saver {
    /// A pane went: what was written of it is deleted.
    pub fn dropped(&mut self, window: &str, pane: Pane, open: &OpenPane, groups: &Groups) {
        let mut gone: Vec<GroupId> =
            open.cells.iter().filter(|(_, cell)| cell.saved).map(|(group, _)| *group).collect();
        gone.sort_unstable();
        self.tombstones
            .extend(gone.into_iter().map(|group| cell_key(window, pane, &group_key(groups, group))));
    }
}

impl Shard {
    /// Writes a part of the state.
    pub(super) fn save(&mut self, out: &mut StateRecords) {
        out.extend(std::mem::take(&mut self.saver.tombstones).into_iter().map(|key| (key, None)));
        let due = self.saver.began.is_none_or(|began| self.wall.is_due(began, self.config.cycle_ms));
        if self.saver.head.is_none() && due && self.revision > self.saver.head_as_of {
            if self.saver.began.is_none() && self.saver.start.is_some() {
                out.push((b"head".to_vec(), Some(self.first_head())));
            }
            self.begin_cycle();
        }
        for group in std::mem::take(&mut self.saver.born) {
            self.write_entity(Entity::Group(group), out);
        }
        if !self.saver.finals.is_empty() || !self.saver.forced.is_empty() {
            self.saver.final_commits += 1;
            let mut count = begin(self.revision);
            count.unsigned(self.saver.final_commits);
            out.push((b"finals".to_vec(), Some(count.into_bytes())));
        }
        for (place, group) in std::mem::take(&mut self.saver.finals) {
            self.write_entity(Entity::Cell(place, group), out);
        }
        for place in std::mem::take(&mut self.saver.forced) {
            out.push(self.write_forced(place));
        }
        let mut written = 0;
        while written < self.config.commit_bytes {
            let Some(entity) = self.saver.pending.pop_front() else {
                if let Some((as_of, head)) = self.saver.head.take() {
                    self.saver.head_as_of = as_of;
                    out.push((b"head".to_vec(), Some(self.counted(&head))));
                }
                return;
            };
            written += self.write_entity(entity, out);
        }
    }

    fn begin_cycle(&mut self) {
        self.saver.began = Some(self.wall);
        self.saver.head = Some((self.revision, self.write_head()));
        let mut pending = VecDeque::new();
        for (group, state) in self.states.iter().enumerate() {
            if state.unsaved {
                pending.push_back(Entity::Group(group as GroupId));
            }
        }
        for (place, panes) in self.panes.iter().enumerate() {
            for ((pane, calendar), open) in &panes.panes {
                let unsaved = open.cells.iter().filter(|(_, cell)| cell.unsaved).map(|(group, _)| *group);
                let mut unsaved: Vec<GroupId> = unsaved.collect();
                unsaved.sort_unstable();
                pending
                    .extend(unsaved.into_iter().map(|group| Entity::Cell((place, *pane, *calendar), group)));
            }
        }
        self.saver.pending = pending;
    }

    /// Writes an entity; returns its bytes.
    fn write_entity(&mut self, entity: Entity, out: &mut StateRecords) -> usize {
        let from = out.len();
        match entity {
            Entity::Cell(place, group) => out.extend(self.write_cell(place, group)),
            Entity::Group(group) => self.write_group(group, out),
        }
        out[from..].iter().filter_map(|(_, value)| value.as_ref()).map(Vec::len).sum()
    }

    fn write_cell(&mut self, (place, pane, calendar): PanePlace, group: GroupId) -> Option<StateRecord> {
        let open = self.panes[place].panes.get_mut(&(pane, calendar))?;
        // One that was written with its final since the cycle began is not written again.
        let cell = open.cells.get_mut(&group).filter(|cell| cell.unsaved)?;
        (cell.unsaved, cell.saved) = (false, true);
        let mut out = begin(self.revision);
        out.byte(u8::from(cell.finalised) | u8::from(cell.shown) << 1);
        cell.sums.write(&mut out);
        let key = cell_key(&self.panes[place].window.name, pane, &group_key(&self.groups, group));
        Some((key, Some(out.into_bytes())))
    }

    /// The slices of a group that do not fit beside its levels and totals go into records of their own.
    fn write_group(&mut self, group: GroupId, out: &mut StateRecords) {
        let mut parts = self.write_slices(group).into_iter();
        let state = &mut self.states[group as usize];
        (state.unsaved, state.saved) = (false, true);
        let mut main = begin(self.revision);
        state.levels.iter().for_each(|level| main.signed(*level));
        main.optional(state.born.map(|born| born.0));
        match &state.totals {
            Some(totals) => totals.write(&mut main),
            None => Totals::default().write(&mut main),
        }
        let first = parts.next().unwrap_or_default();
        main.unsigned(parts.len() as u64);
        main.raw(&first);
        let key = group_key(&self.groups, group);
        out.push((format!("group/{key}").into_bytes(), Some(main.into_bytes())));
        for (number, slices) in parts.enumerate() {
            let mut part = begin(self.revision);
            part.raw(&slices);
            out.push((format!("slices/{number}/{key}").into_bytes(), Some(part.into_bytes())));
        }
    }

    fn write_slices(&self, group: GroupId) -> Vec<Vec<u8>> {
        let (mut parts, mut part, mut delta) = (Vec::new(), Writer::default(), Delta::default());
        for sliding in &self.sliding {
            for (slice, packed) in sliding.slices(group) {
                if part.len() >= PART_BYTES {
                    parts.push(std::mem::take(&mut part).into_bytes());
                }
                part.string(&sliding.window.name);
                part.signed(slice.0);
                packed.unpack(&mut delta);
                delta.write(&mut part);
            }
        }
        parts.push(part.into_bytes());
        parts
    }

    fn write_forced(&self, place: usize) -> StateRecord {
        let panes = &self.panes[place];
        let mut out = begin(panes.forced_at);
        out.signed(panes.forced_through.0);
        out.unsigned(self.counts.forced);
        (format!("forced/{}", panes.window.name).into_bytes(), Some(out.into_bytes()))
    }
}

/// A state record of this format, as of a partials offset.
fn begin(as_of: i64) -> Writer {
    let mut out = Writer::default();
    out.byte(STATE_FORMAT);
    out.signed(as_of);
    out
}

fn group_key(groups: &Groups, group: GroupId) -> String {
    let set = groups.set(group).to_string();
    let parts: Vec<&str> = std::iter::once(set.as_str()).chain(groups.texts(group)).collect();
    serde_json::Value::from(parts).to_string()
}

fn cell_key(window: &str, pane: Pane, group: &str) -> Vec<u8> {
    format!("cell/{window}/{}/{}/{group}", pane.start.0, pane.end.0).into_bytes()
}
