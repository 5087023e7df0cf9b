//! A shard's state records: a head, and an entity for each cell and each group.
//!
//! The partials topic is the log: state only shortens the replay. A cycle notes the head and everything unsaved, writes those
//! entities a little with each commit, each with the partials offset that it holds, and ends with the head as noted. What
//! was not written in a cycle is unchanged up to the head; on restore an entity skips what its own offset covers.

use super::cell::Cell;
use super::groups::{GroupId, Groups};
use super::panes::OpenPane;
use super::shard::{GroupState, PanePlace, Shard};
use crate::measure::aggregate::Aggregate;
use crate::measure::delta::Delta;
use crate::measure::totals::Totals;
use crate::measure::wire::{Reader, WireError, Writer};
use crate::time::window::{Pane, Slice};
use crate::time::{EventMs, Millis, WallMs};
use std::collections::VecDeque;

/// The format of the state records.
pub const STATE_FORMAT: u8 = 2;
/// A cycle begins this long after the last one began, wall time.
pub const CYCLE_MS: Millis = 60_000;
/// Bytes of entities written with one commit, about.
const COMMIT_BYTES: usize = 256 << 10;

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
    pub(super) fn save(&mut self, out: &mut Vec<(Vec<u8>, Option<Vec<u8>>)>) {
        out.extend(std::mem::take(&mut self.saver.tombstones).into_iter().map(|key| (key, None)));
        let due = self.saver.began.is_none_or(|began| self.wall.is_due(began, CYCLE_MS));
        if self.saver.head.is_none() && due && self.revision > self.saver.head_as_of {
            if self.saver.began.is_none() && self.saver.start.is_some() {
                out.push((b"head".to_vec(), Some(self.first_head())));
            }
            self.begin_cycle();
        }
        for group in std::mem::take(&mut self.saver.born) {
            out.extend(self.write_entity(Entity::Group(group)).map(|(key, value)| (key, Some(value))));
        }
        let mut written = 0;
        while written < COMMIT_BYTES {
            let Some(entity) = self.saver.pending.pop_front() else {
                if let Some((as_of, head)) = self.saver.head.take() {
                    self.saver.head_as_of = as_of;
                    out.push((b"head".to_vec(), Some(head)));
                }
                return;
            };
            if let Some((key, value)) = self.write_entity(entity) {
                written += value.len();
                out.push((key, Some(value)));
            }
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

    fn write_entity(&mut self, entity: Entity) -> Option<(Vec<u8>, Vec<u8>)> {
        let mut out = Writer::default();
        out.byte(STATE_FORMAT);
        out.signed(self.revision);
        match entity {
            Entity::Cell((place, pane, calendar), group) => {
                let open = self.panes[place].panes.get_mut(&(pane, calendar))?;
                let cell = open.cells.get_mut(&group)?;
                (cell.unsaved, cell.saved) = (false, true);
                out.byte(u8::from(cell.finalised) | u8::from(cell.shown) << 1);
                cell.sums.write(&mut out);
                let key = group_key(&self.groups, group);
                Some((cell_key(&self.panes[place].window.name, pane, &key), out.into_bytes()))
            }
            Entity::Group(group) => {
                let state = &mut self.states[group as usize];
                state.unsaved = false;
                state.levels.iter().for_each(|level| out.signed(*level));
                out.optional(state.born.map(|born| born.0));
                match &state.totals {
                    Some(totals) => totals.write(&mut out),
                    None => Totals::default().write(&mut out),
                }
                for sliding in &self.sliding {
                    let slices = sliding.slices(group);
                    out.string(&sliding.window.name);
                    out.unsigned(slices.len() as u64);
                    let mut delta = Delta::default();
                    for (slice, packed) in slices {
                        out.signed(slice.0);
                        packed.unpack(&mut delta);
                        delta.write(&mut out);
                    }
                }
                Some((format!("group/{}", group_key(&self.groups, group)).into_bytes(), out.into_bytes()))
            }
        }
    }

    /// Takes state records (the last value of each key) into a new shard. Returns the partials offset to replay from.
    ///
    /// # Errors
    /// There is no head, or the records are of another format or layout, or damaged; the text says what to do.
    pub fn restore<'r>(
        &mut self,
        records: impl Iterator<Item = (&'r [u8], &'r [u8])>,
    ) -> Result<i64, String> {
        let mut head = None;
        for (key, value) in records {
            let damaged = |error: WireError| {
                format!("merge-state record {:?} is damaged: {error}", String::from_utf8_lossy(key))
            };
            if key == b"head" {
                head = Some(value);
            } else if let Some(group) = key.strip_prefix(b"group/") {
                self.read_group(group, value).map_err(damaged)?;
            } else if let Some(cell) = key.strip_prefix(b"cell/") {
                self.read_cell(cell, value).map_err(damaged)?;
            }
        }
        let head = head.ok_or("merge-state has no head: the state is incomplete; delete it and its offsets together to begin anew")?;
        let as_of = self.read_head(head)?;
        for panes in &mut self.panes {
            for ((pane, calendar), open) in &mut panes.panes {
                open.closed = pane.end <= panes.closed_through[*calendar];
            }
        }
        self.advance_sliding();
        self.saver.head_as_of = as_of;
        Ok(as_of)
    }

    fn read_group(&mut self, key: &[u8], value: &[u8]) -> Result<(), WireError> {
        let Some(group) = self.group_of_key(key)? else { return Ok(()) };
        let mut reader = Reader::new(value);
        let mut state = GroupState { as_of: read_as_of(&mut reader)?, ..GroupState::default() };
        for level in &mut state.levels {
            *level = reader.signed()?;
        }
        state.born = reader.optional()?.map(WallMs);
        let totals = Totals::read(&mut reader)?;
        state.totals = (totals != Totals::default()).then(|| Box::new(totals));
        let mut delta = Delta::default();
        // By name: windows may have been added, taken away or put in another order since.
        while !reader.at_end() {
            let name = reader.string()?;
            let mut window = self.sliding.iter_mut().find(|sliding| sliding.window.name == name);
            for _ in 0..reader.count()? {
                let slice = Slice(reader.signed()?);
                delta.read(&mut reader)?;
                if let Some(window) = &mut window {
                    window.restore(group, slice, &delta);
                }
            }
        }
        state.exposure_due = true;
        self.exposure_due.push(group);
        self.states[group as usize] = state;
        Ok(())
    }

    fn read_cell(&mut self, key: &[u8], value: &[u8]) -> Result<(), WireError> {
        let malformed = WireError { expected: "a cell key", position: 0 };
        let key = std::str::from_utf8(key).map_err(|_| malformed.clone())?;
        let mut parts = key.splitn(4, '/');
        let (Some(window), Some(start), Some(end), Some(group)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed);
        };
        let number = |text: &str| text.parse().map_err(|_| malformed.clone());
        let pane = Pane { start: EventMs(number(start)?), end: EventMs(number(end)?) };
        let place = self.panes.iter().position(|panes| panes.window.name == window);
        let (Some(place), Some(group)) = (place, self.group_of_key(group.as_bytes())?) else {
            return Ok(());
        };
        let mut reader = Reader::new(value);
        let as_of = read_as_of(&mut reader)?;
        let published = reader.byte()?;
        let (finalised, shown) = (published & 1 != 0, published & 2 != 0);
        let sums = Aggregate::read(&mut reader)?;
        let calendar = self.groups.row(group).calendar;
        if let Some(panes) = self.panes.get_mut(place) {
            let cell = Cell { sums, as_of, finalised, shown, saved: true, ..Cell::default() };
            panes.panes.entry((pane, calendar)).or_default().cells.insert(group, Box::new(cell));
        }
        Ok(())
    }

    /// The group of a key; `None` if its grouping set is configured no more.
    fn group_of_key(&mut self, key: &[u8]) -> Result<Option<GroupId>, WireError> {
        let malformed = WireError { expected: "a group key", position: 0 };
        let parts: Vec<String> = serde_json::from_slice(key).map_err(|_| malformed.clone())?;
        let (set, values) = parts.split_first().ok_or(malformed)?;
        let Some(set) = self.config.sets.iter().position(|known| known.to_string() == *set) else {
            return Ok(None);
        };
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        if values.len() != self.config.sets[set].dimensions.len() {
            return Ok(None);
        }
        let group = self.groups.group(set, &values);
        self.states.resize_with(self.groups.len(), GroupState::default);
        Ok(Some(group))
    }
}

fn read_as_of(reader: &mut Reader<'_>) -> Result<i64, WireError> {
    if reader.byte()? != STATE_FORMAT {
        return Err(WireError { expected: "state format 2", position: 0 });
    }
    reader.signed()
}

fn group_key(groups: &Groups, group: GroupId) -> String {
    let set = groups.set(group).to_string();
    let parts: Vec<&str> = std::iter::once(set.as_str()).chain(groups.texts(group)).collect();
    serde_json::Value::from(parts).to_string()
}

fn cell_key(window: &str, pane: Pane, group: &str) -> Vec<u8> {
    format!("cell/{window}/{}/{}/{group}", pane.start.0, pane.end.0).into_bytes()
}
