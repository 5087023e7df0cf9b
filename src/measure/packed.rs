//! A delta as bytes, for those that keep many: one allocation, shared by whoever holds it.
//!
//! It never leaves the process, so it has no format number.

use super::delta::{Delta, LevelChange};
use super::ids::{Count, Level, Span, Tally};
use super::wire::{Reader, WireError, Writer};
use crate::time::Millis;
use std::sync::Arc;

/// A delta as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed(Arc<[u8]>);

impl Packed {
    /// The bytes of a delta; `room` is scratch.
    #[must_use]
    pub fn new(delta: &Delta, room: &mut Writer) -> Packed {
        room.clear();
        room.unsigned(delta.levels.len() as u64);
        for change in &delta.levels {
            room.byte(change.level.number());
            room.signed(change.net);
            room.signed(change.area_ms);
        }
        room.unsigned(delta.values.len() as u64);
        for (span, value_ms) in &delta.values {
            room.byte(span.number());
            room.signed(*value_ms);
        }
        room.unsigned(delta.counts.len() as u64);
        for (count, by) in &delta.counts {
            room.byte(count.number());
            room.signed(*by);
        }
        for (tally, threshold_ms, by) in &delta.tallies {
            room.byte(tally.number());
            room.signed(*threshold_ms);
            room.signed(*by);
        }
        Packed(Arc::from(room.as_slice()))
    }

    /// Writes the delta over `delta`.
    pub fn unpack(&self, delta: &mut Delta) {
        delta.clear();
        // What this file wrote itself reads back; were it not so, the rest of the delta would be left out.
        let _ = self.read(delta);
    }

    fn read(&self, delta: &mut Delta) -> Result<(), WireError> {
        let mut reader = Reader::new(&self.0);
        read_levels(&mut reader, |change| delta.levels.push(change))?;
        read_values(&mut reader, |span, value_ms| delta.values.push((span, value_ms)))?;
        for _ in 0..reader.count()? {
            let (count, by) = (Count::from_number(u64::from(reader.byte()?)), reader.signed()?);
            delta.counts.extend(count.map(|count| (count, by)));
        }
        while !reader.at_end() {
            let tally = Tally::from_number(u64::from(reader.byte()?));
            let (threshold_ms, by) = (reader.signed()?, reader.signed()?);
            delta.tallies.extend(tally.map(|tally| (tally, threshold_ms, by)));
        }
        Ok(())
    }
}

fn read_levels(reader: &mut Reader<'_>, mut each: impl FnMut(LevelChange)) -> Result<(), WireError> {
    for _ in 0..reader.count()? {
        let level = Level::from_number(u64::from(reader.byte()?));
        let (net, area_ms) = (reader.signed()?, reader.signed()?);
        if let Some(level) = level {
            each(LevelChange { level, net, area_ms });
        }
    }
    Ok(())
}

fn read_values(reader: &mut Reader<'_>, mut each: impl FnMut(Span, Millis)) -> Result<(), WireError> {
    for _ in 0..reader.count()? {
        let (span, value_ms) = (Span::from_number(u64::from(reader.byte()?)), reader.signed()?);
        if let Some(span) = span {
            each(span, value_ms);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::EventMs;
    use crate::time::window::Slice;

    #[test]
    fn a_packed_delta_reads_back_whole() {
        let mut delta = Delta::default();
        delta.count(Count::ContactsOffered, -2);
        delta.tally(Tally::AnsweredWithin, 20_000, 1);
        delta.tally(Tally::AnsweredWithin, 60_000, -1);
        delta.value(Span::Talk, 0);
        delta.value(Span::WaitAnswered, i64::MAX);
        delta.level(Level::Waiting, Slice(3), EventMs(33_000), -1);
        let packed = Packed::new(&delta, &mut Writer::default());
        let mut read = Delta::default();
        read.count(Count::ContactsCreated, 9);
        packed.unpack(&mut read);
        assert_eq!(read, delta);
        Packed::new(&Delta::default(), &mut Writer::default()).unpack(&mut read);
        assert_eq!(read, Delta::default());
    }
}
