//! A shard's state records: a head, and an entity for each cell and each group.
//!
//! The partials topic is the log: state only shortens the replay. A cycle notes the head and everything unsaved, writes those
//! entities a little with each commit, each with the partials offset that it holds, and ends with the head as noted. What
//! was not written in a cycle is unchanged up to the head; on restore an entity skips what its own offset covers.
//! That a final went out is written with it: a replay sees groups as of several offsets and could not tell.

use super::cell::Cell;
use super::group_state::GroupState;
use super::groups::{GroupId, Groups};
use super::panes::OpenPane;
use super::shard::{PanePlace, Shard};
use crate::measure::aggregate::Aggregate;
use crate::measure::delta::Delta;
use crate::measure::totals::Totals;
use crate::measure::wire::{Reader, WireError, Writer};
use crate::time::window::{Pane, Slice};
use crate::time::{EventMs, WallMs};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The format of the state records.
pub const STATE_FORMAT: u8 = 3;
/// Bytes of sliding slices in one record, about: a group of much traffic takes several, each far below what brokers take.
const PART_BYTES: usize = 512 << 10;

/// What to do where a part of the state is missing.
pub(super) const HALF: &str =
    "the state is incomplete; restore the topic, or begin anew under another service.id";

/// A record of the state topic: key and value, or a tombstone.
pub type StateRecord = (Vec<u8>, Option<Vec<u8>>);
/// Records of the state topic, in the order of their writing.
type StateRecords = Vec<StateRecord>;
/// A group's key, and its id with the number of its further parts if its set is configured.
type GroupRead<'r> = (&'r [u8], Option<(GroupId, u64)>);

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

    /// Takes state records (the last value of each key) into a new shard. Returns the partials offset to replay from.
    ///
    /// # Errors
    /// There is no head, or the records are of another format or layout, or damaged; the text says what to do.
    pub fn restore<'r>(
        &mut self,
        records: impl Iterator<Item = (&'r [u8], &'r [u8])>,
    ) -> Result<i64, String> {
        let (mut head, mut forced) = (None, Vec::new());
        let (mut groups, mut parts): (Vec<GroupRead<'_>>, BTreeMap<_, _>) = (Vec::new(), BTreeMap::new());
        for (key, value) in records {
            let damaged = |error: WireError| {
                format!("merge-state record {:?} is damaged: {error}", String::from_utf8_lossy(key))
            };
            if key == b"head" {
                head = Some(value);
            } else if let Some(group) = key.strip_prefix(b"group/") {
                groups.push((group, self.read_group(group, value).map_err(damaged)?));
            } else if let Some(part) = key.strip_prefix(b"slices/") {
                parts.insert(part, value);
            } else if let Some(cell) = key.strip_prefix(b"cell/") {
                self.read_cell(cell, value).map_err(damaged)?;
            } else if let Some(window) = key.strip_prefix(b"forced/") {
                forced.push((window, read_forced(value).map_err(damaged)?));
            }
        }
        let head = head.ok_or_else(|| format!("merge-state has no head: {HALF}"))?;
        let as_of = self.read_head(head, groups.len())?;
        for (key, read) in groups {
            self.read_parts(key, read, &parts)?;
        }
        for (window, forced) in forced {
            self.counts.forced = self.counts.forced.max(forced.count);
            if let Some(panes) = self.panes.iter_mut().find(|panes| panes.window.name.as_bytes() == window) {
                panes.forced_through = panes.forced_through.max(forced.through);
                panes.forced_at = forced.at;
            }
        }
        for panes in &mut self.panes {
            for ((pane, calendar), open) in &mut panes.panes {
                open.closed = pane.end <= panes.closed_through[*calendar];
            }
        }
        self.advance_sliding();
        self.saver.head_as_of = as_of;
        Ok(as_of)
    }

    /// Takes the record of a group: `None` if its grouping set is configured no more, else its id and the number of its
    /// further parts.
    fn read_group(&mut self, key: &[u8], value: &[u8]) -> Result<Option<(GroupId, u64)>, WireError> {
        let Some(group) = self.group_of_key(key)? else { return Ok(None) };
        let mut reader = Reader::new(value);
        let mut state = GroupState { as_of: read_as_of(&mut reader)?, saved: true, ..GroupState::default() };
        for level in &mut state.levels {
            *level = reader.signed()?;
        }
        state.born = reader.optional()?.map(WallMs);
        let totals = Totals::read(&mut reader)?;
        state.totals = (totals != Totals::default()).then(|| Box::new(totals));
        let parts = reader.unsigned()?;
        self.read_slices(group, &mut reader)?;
        state.exposure_due = true;
        self.exposure_due.push(group);
        self.states[group as usize] = state;
        Ok(Some((group, parts)))
    }

    /// Takes the further parts of a group. Those that an earlier record of it had are told by their offset.
    fn read_parts(
        &mut self,
        key: &[u8],
        read: Option<(GroupId, u64)>,
        parts: &BTreeMap<&[u8], &[u8]>,
    ) -> Result<(), String> {
        let Some((group, count)) = read else { return Ok(()) };
        let name = String::from_utf8_lossy(key);
        for number in 0..count {
            let part = format!("{number}/{name}");
            let damaged = |error: WireError| format!("merge-state record slices/{part} is damaged: {error}");
            let value = parts.get(part.as_bytes());
            let mut reader = Reader::new(value.copied().unwrap_or_default());
            if value.is_none()
                || read_as_of(&mut reader).map_err(damaged)? != self.states[group as usize].as_of
            {
                return Err(format!("merge-state has no slices/{part}: {HALF}"));
            }
            self.read_slices(group, &mut reader).map_err(damaged)?;
        }
        Ok(())
    }

    /// By name: windows may have been added, taken away or put in another order since.
    fn read_slices(&mut self, group: GroupId, reader: &mut Reader<'_>) -> Result<(), WireError> {
        let mut delta = Delta::default();
        while !reader.at_end() {
            let name = reader.string()?;
            let slice = Slice(reader.signed()?);
            delta.read(reader)?;
            if let Some(window) = self.sliding.iter_mut().find(|sliding| sliding.window.name == name) {
                window.restore(group, slice, &delta);
            }
        }
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
        return Err(WireError { expected: "state format 3", position: 0 });
    }
    reader.signed()
}

/// What a window's record says of panes finalised by force.
struct Forced {
    /// Partials offset + 1 at which it was done last.
    at: i64,
    /// The end of the last such pane.
    through: EventMs,
    /// How many group-windows of the shard were, so far.
    count: u64,
}

fn read_forced(value: &[u8]) -> Result<Forced, WireError> {
    let mut reader = Reader::new(value);
    Ok(Forced { at: read_as_of(&mut reader)?, through: EventMs(reader.signed()?), count: reader.unsigned()? })
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
