//! The head of a shard's state: sources, what is closed, counts, levels of now, as of one partials offset.
//!
//! It knows what a head holds, and not when one is written.

use super::shard::{GroupState, Shard};
use super::state::STATE_FORMAT;
use crate::measure::batch::{DIMENSIONS, Family, NowLevels};
use crate::measure::ids::Level;
use crate::measure::wire::{Reader, WireError, Writer};
use crate::time::EventMs;
use crate::time::window::SLICE_MS;

impl Shard {
    /// The head of a shard of which nothing was read: until the first cycle ends, a restore replays from the start. Without
    /// it there would be commits that nothing can be restored from.
    pub(super) fn first_head(&mut self) -> Vec<u8> {
        let start = self.saver.start.take().unwrap_or_default();
        self.saver.head_as_of = start;
        let mut nothing = Shard::new(&self.config);
        nothing.revision = start;
        nothing.write_head()
    }

    pub(super) fn write_head(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.byte(STATE_FORMAT);
        out.fixed(self.layout());
        out.signed(self.revision);
        self.sources.write(&mut out);
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

    pub(super) fn read_head(&mut self, bytes: &[u8]) -> Result<i64, String> {
        let damaged = |error: WireError| format!("merge-state head is damaged: {error}");
        let mut reader = Reader::new(bytes);
        if reader.byte().map_err(damaged)? != STATE_FORMAT {
            return Err(
                "merge-state is of another format: run the version that wrote it, or begin anew".to_owned()
            );
        }
        if reader.fixed().map_err(damaged)? != self.layout() {
            return Err(
                "merge-state is of another layout (shards or hash key changed): restore the settings it \
                        was written with, or begin anew under another service.id"
                    .to_owned(),
            );
        }
        self.read_head_body(&mut reader).map_err(damaged)
    }

    fn read_head_body(&mut self, reader: &mut Reader<'_>) -> Result<i64, WireError> {
        let as_of = reader.signed()?;
        self.revision = as_of;
        self.sources.read(reader)?;
        for _ in 0..reader.count()? {
            let name = reader.string()?;
            let forced_through = EventMs(reader.signed()?);
            let mut closed_through = Vec::new();
            for _ in 0..reader.count()? {
                closed_through.push(EventMs(reader.signed()?));
            }
            if let Some(panes) = self.panes.iter_mut().find(|panes| panes.window.name == name) {
                panes.forced_through = forced_through;
                closed_through.resize(panes.closed_through.len(), EventMs::MIN);
                panes.closed_through = closed_through;
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
        Ok(as_of)
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
