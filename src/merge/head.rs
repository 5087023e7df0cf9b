//! The head of a shard's state: sources, what is closed, counts, levels of now, as of one partials offset.
//!
//! It knows what a head holds, and not when one is written.

use super::group_state::GroupState;
use super::restore::HALF;
use super::shard::Shard;
use super::state::STATE_FORMAT;
use crate::measure::batch::{DIMENSIONS, Family, NowLevels};
use crate::measure::ids::Level;
use crate::measure::wire::{Reader, WireError, Writer};
use crate::time::EventMs;
use crate::time::window::{Pane, SLICE_MS};

impl Shard {
    /// The head of a shard of which nothing was read: until the first cycle ends, a restore replays from the start. Without
    /// it there would be commits that nothing can be restored from.
    pub(super) fn first_head(&mut self) -> Vec<u8> {
        let start = self.saver.start.take().unwrap_or_default();
        self.saver.head_as_of = start;
        let mut nothing = Shard::new(&self.config);
        nothing.revision = start;
        nothing.counted(&nothing.write_head())
    }

    /// A head as it is written: at its end how many groups have a record by now, so that half a state is seen.
    pub(super) fn counted(&self, head: &[u8]) -> Vec<u8> {
        let mut out = Writer::default();
        out.raw(head);
        out.unsigned(self.states.iter().filter(|state| state.saved).count() as u64);
        out.into_bytes()
    }

    /// All of a head but the count at its end.
    pub(super) fn write_head(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.byte(STATE_FORMAT);
        out.fixed(self.layout());
        out.signed(self.revision);
        self.sources.write(&mut out);
        let calendars = self.groups.calendar_names();
        out.unsigned(calendars.len() as u64);
        calendars.iter().for_each(|name| out.string(name));
        out.unsigned(self.panes.len() as u64);
        for panes in &self.panes {
            out.string(&panes.window.name);
            out.signed(panes.forced_through.0);
            out.unsigned(panes.closed_through.len() as u64);
            panes.closed_through.iter().for_each(|through| out.signed(through.0));
        }
        let counts = &self.counts;
        let (batches, losses) = (
            [counts.applied, counts.repeated, counts.superseded, counts.unknown_measures],
            [counts.forced, counts.forced_loss, counts.after_close, counts.after_sliding],
        );
        batches.into_iter().chain(losses).for_each(|count| out.unsigned(count));
        out.unsigned(self.queue_agents.len() as u64);
        for ((tenant, queue), levels) in &self.queue_agents {
            out.string(tenant);
            out.string(queue);
            levels.iter().for_each(|level| out.signed(*level));
        }
        self.write_now(&mut out);
        self.write_current(&mut out);
        out.into_bytes()
    }

    fn write_now(&self, out: &mut Writer) {
        let mut bases: Vec<_> = self.now.iter().filter(|(_, sources)| !sources.is_empty()).collect();
        bases.sort_unstable_by_key(|(base, _)| **base);
        out.unsigned(bases.len() as u64);
        for (base, sources) in bases {
            let (family, values) = self.groups.base_values(*base);
            out.byte(family as u8);
            values.iter().for_each(|value| out.string(value));
            out.unsigned(sources.len() as u64);
            for (source, levels) in sources {
                out.unsigned(*source as u64);
                levels.write(out);
            }
        }
    }

    fn write_current(&self, out: &mut Writer) {
        out.unsigned(self.panes.len() as u64);
        for panes in &self.panes {
            out.string(&panes.window.name);
            out.unsigned(panes.current.len() as u64);
            for (pane, calendar) in &panes.current {
                out.signed(pane.start.0);
                out.signed(pane.end.0);
                out.unsigned(*calendar as u64);
            }
        }
    }

    /// Hash of what cannot change under existing state.
    fn layout(&self) -> u64 {
        let parts = [
            u64::from(self.config.shards),
            SLICE_MS as u64,
            u64::from(crate::measure::cells::SIGNIFICANT_DIGITS),
            crate::measure::cells::HIGHEST_MS as u64,
            self.config.hash_fingerprint,
        ];
        parts.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, part| {
            part.to_le_bytes()
                .into_iter()
                .fold(hash, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
        })
    }

    /// Takes the head; `groups` is how many groups have a record beside it.
    pub(super) fn read_head(&mut self, bytes: &[u8], groups: usize) -> Result<i64, String> {
        let damaged = |error: WireError| format!("merge-state head is damaged: {error}");
        let mut reader = Reader::new(bytes);
        if reader.byte().map_err(damaged)? != STATE_FORMAT {
            return Err(
                "merge-state is of another format: run the version that wrote it, or begin anew under another service.id".to_owned()
            );
        }
        if reader.fixed().map_err(damaged)? != self.layout() {
            return Err(
                "merge-state is of another layout (shards or hash key changed): restore the settings it \
                        was written with, or begin anew under another service.id"
                    .to_owned(),
            );
        }
        let (as_of, saved) = self.read_head_body(&mut reader).map_err(damaged)?;
        // A group's record is never deleted.
        if (groups as u64) < saved {
            return Err(format!("merge-state holds {groups} of {saved} groups: {HALF}"));
        }
        Ok(as_of)
    }

    /// The partials offset of the head, and how many groups had a record when it was made.
    fn read_head_body(&mut self, reader: &mut Reader<'_>) -> Result<(i64, u64), WireError> {
        let as_of = reader.signed()?;
        self.revision = as_of;
        self.sources.read(reader)?;
        let calendars = self.read_calendars(reader)?;
        for _ in 0..reader.count()? {
            let name = reader.string()?;
            let forced_through = EventMs(reader.signed()?);
            let mut closed_through = Vec::new();
            for _ in 0..reader.count()? {
                closed_through.push(EventMs(reader.signed()?));
            }
            if let Some(panes) = self.panes.iter_mut().find(|panes| panes.window.name == name) {
                panes.forced_through = forced_through;
                for (own, was) in panes.closed_through.iter_mut().zip(&calendars) {
                    *own = closed_through.get(*was).copied().unwrap_or(EventMs::MIN);
                }
            }
        }
        let counts = &mut self.counts;
        for count in [
            &mut counts.applied,
            &mut counts.repeated,
            &mut counts.superseded,
            &mut counts.unknown_measures,
            &mut counts.forced,
            &mut counts.forced_loss,
            &mut counts.after_close,
            &mut counts.after_sliding,
        ] {
            *count = reader.unsigned()?;
        }
        for _ in 0..reader.count()? {
            let key = (reader.string()?.to_owned(), reader.string()?.to_owned());
            let mut levels = [0; Level::LEN];
            for level in &mut levels {
                *level = reader.signed()?;
            }
            self.queue_agents.insert(key, levels);
        }
        self.read_now(reader)?;
        for _ in 0..reader.count()? {
            self.read_current(reader, &calendars)?;
        }
        Ok((as_of, reader.unsigned()?))
    }

    /// For each calendar the place that it had: tenants may have got their own since, or lost them. A new one goes on
    /// from the default.
    fn read_calendars(&self, reader: &mut Reader<'_>) -> Result<Vec<usize>, WireError> {
        let mut names = Vec::new();
        for _ in 0..reader.count()? {
            names.push(reader.string()?);
        }
        let place = |own: &String| names.iter().position(|name| name == own).unwrap_or(0);
        Ok(self.groups.calendar_names().iter().map(place).collect())
    }

    fn read_current(&mut self, reader: &mut Reader<'_>, calendars: &[usize]) -> Result<(), WireError> {
        let name = reader.string()?;
        let mut panes = self.panes.iter_mut().find(|panes| panes.window.name == name);
        for _ in 0..reader.count()? {
            let pane = Pane { start: EventMs(reader.signed()?), end: EventMs(reader.signed()?) };
            let was = usize::try_from(reader.unsigned()?).unwrap_or(usize::MAX);
            if let Some(panes) = &mut panes {
                let own = calendars.iter().enumerate().filter(|(_, place)| **place == was);
                panes.current.extend(own.map(|(calendar, _)| (pane, calendar)));
            }
        }
        Ok(())
    }

    fn read_now(&mut self, reader: &mut Reader<'_>) -> Result<(), WireError> {
        for _ in 0..reader.count()? {
            let unknown = WireError { expected: "a known family", position: 0 };
            let family = Family::from_number(reader.byte()?).ok_or(unknown)?;
            let mut values = [""; DIMENSIONS];
            for value in &mut values {
                *value = reader.string()?;
            }
            let syms = self.groups.intern_all(&values);
            let base = self.groups.base(family, std::array::from_fn(|at| syms[at]));
            self.states.resize_with(self.groups.len(), GroupState::default);
            for _ in 0..reader.count()? {
                let source = usize::try_from(reader.unsigned()?).unwrap_or(usize::MAX);
                let levels = NowLevels::read(reader)?;
                self.note_now(base, source, levels);
            }
        }
        Ok(())
    }
}
