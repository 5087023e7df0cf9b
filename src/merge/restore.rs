//! A shard from its state records: groups, cells, and the head that says from where the partials are replayed.
//!
//! It takes what `state.rs` and `head.rs` write. What does not fit together is refused with what to do; it never guesses.

use super::cell::Cell;
use super::group_state::GroupState;
use super::groups::GroupId;
use super::shard::Shard;
use super::state::STATE_FORMAT;
use crate::measure::aggregate::Aggregate;
use crate::measure::delta::Delta;
use crate::measure::totals::Totals;
use crate::measure::wire::{Reader, WireError};
use crate::time::window::{Pane, Slice};
use crate::time::{EventMs, WallMs};
use std::collections::BTreeMap;

/// What to do where a part of the state is missing.
pub(super) const HALF: &str =
    "the state is incomplete; restore the topic, or begin anew under another service.id";

/// A group's key, and its id with the number of its further parts if its set is configured.
type GroupRead<'r> = (&'r [u8], Option<(GroupId, u64)>);

impl Shard {
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
            } else if key == b"finals" {
                let mut reader = Reader::new(value);
                read_as_of(&mut reader).map_err(damaged)?;
                self.saver.final_commits = reader.unsigned().map_err(damaged)?;
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
