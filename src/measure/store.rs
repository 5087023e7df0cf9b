//! Aggregates as bytes, for state records: what is read equals what was written.

use super::aggregate::{Aggregate, LevelLine};
use super::cells::Cells;
use super::distribution::Distribution;
use super::ids::{Count, Level, Span, Tally};
use super::wire::{Reader, WireError, Writer};
use crate::time::window::Slice;

impl Distribution {
    /// Writes the distribution.
    pub fn write(&self, out: &mut Writer) {
        out.unsigned(self.count);
        out.signed(self.sum_ms);
        out.signed(self.min_ms);
        out.signed(self.max_ms);
        out.unsigned(self.clamped);
        out.unsigned(self.cells().iter().count() as u64);
        let mut previous = 0;
        for (cell, count) in self.cells().iter() {
            out.unsigned(u64::from(cell - previous));
            out.unsigned(u64::from(count));
            previous = cell;
        }
    }

    /// Reads a distribution.
    ///
    /// # Errors
    /// The bytes end or are malformed.
    pub fn read(reader: &mut Reader<'_>) -> Result<Distribution, WireError> {
        let (count, sum_ms) = (reader.unsigned()?, reader.signed()?);
        let bounds_ms = (reader.signed()?, reader.signed()?);
        let clamped = reader.unsigned()?;
        let mut cells = Cells::default();
        let mut cell = 0u16;
        for _ in 0..reader.count()? {
            let step = u16::try_from(reader.unsigned()?).unwrap_or(u16::MAX);
            cell = cell.saturating_add(step).min(CELL_LAST);
            cells.add(cell, u32::try_from(reader.unsigned()?).unwrap_or(u32::MAX));
        }
        Ok(Distribution::from_parts(count, sum_ms, bounds_ms, clamped, cells))
    }
}

const CELL_LAST: u16 = super::cells::cell_of(super::cells::HIGHEST_MS);

impl Aggregate {
    /// Writes the aggregate.
    pub fn write(&self, out: &mut Writer) {
        let counts = Count::ALL.iter().filter(|count| self.count(**count) != 0);
        out.unsigned(counts.clone().count() as u64);
        for count in counts {
            out.byte(count.number());
            out.signed(self.count(*count));
        }
        out.unsigned(self.tallies().len() as u64);
        for (tally, threshold_ms, value) in self.tallies() {
            out.byte(tally.number());
            out.signed(*threshold_ms);
            out.signed(*value);
        }
        let spans = Span::ALL.iter().filter_map(|span| Some((span, self.span(*span)?)));
        out.unsigned(spans.clone().count() as u64);
        for (span, distribution) in spans {
            out.byte(span.number());
            distribution.write(out);
        }
        out.unsigned(self.levels().len() as u64);
        self.levels().iter().for_each(|line| write_line(line, out));
    }

    /// Reads an aggregate; unknown measures are an error here, because a state that lost some would go wrong in silence.
    ///
    /// # Errors
    /// The bytes end, are malformed, or name a measure that this program does not know.
    pub fn read(reader: &mut Reader<'_>) -> Result<Aggregate, WireError> {
        let unknown = WireError { expected: "a measure that this version knows", position: 0 };
        let mut aggregate = Aggregate::default();
        for _ in 0..reader.count()? {
            let count = Count::from_number(u64::from(reader.byte()?)).ok_or_else(|| unknown.clone())?;
            aggregate.set_count(count, reader.signed()?);
        }
        for _ in 0..reader.count()? {
            let tally = Tally::from_number(u64::from(reader.byte()?)).ok_or_else(|| unknown.clone())?;
            let (threshold_ms, value) = (reader.signed()?, reader.signed()?);
            aggregate.add_tally(tally, threshold_ms, value);
        }
        for _ in 0..reader.count()? {
            let span = Span::from_number(u64::from(reader.byte()?)).ok_or_else(|| unknown.clone())?;
            *aggregate.span_mut(span) = Distribution::read(reader)?;
        }
        for _ in 0..reader.count()? {
            let level = Level::from_number(u64::from(reader.byte()?)).ok_or_else(|| unknown.clone())?;
            *aggregate.line(level) = read_line(level, reader)?;
        }
        Ok(aggregate)
    }
}

fn write_line(line: &LevelLine, out: &mut Writer) {
    out.byte(line.level.number());
    out.signed(line.net);
    out.signed(line.area_ms);
    out.signed(line.folded_net);
    out.optional(line.folded_max);
    out.optional(line.folded_first.map(|slice| slice.0));
    out.unsigned(line.recent.len() as u64);
    for (slice, net) in &line.recent {
        out.signed(slice.0);
        out.signed(*net);
    }
}

fn read_line(level: Level, reader: &mut Reader<'_>) -> Result<LevelLine, WireError> {
    let mut line = LevelLine::new(level);
    line.net = reader.signed()?;
    line.area_ms = reader.signed()?;
    line.folded_net = reader.signed()?;
    line.folded_max = reader.optional()?;
    line.folded_first = reader.optional()?.map(Slice);
    for _ in 0..reader.count()? {
        line.recent.push((Slice(reader.signed()?), reader.signed()?));
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::delta::Delta;
    use crate::time::EventMs;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_aggregate_reads_back(
            entries in prop::collection::vec((0..36usize, 0..9_000_000i64, 0..600_000i64, -2..3i64), 0..200),
        ) {
            let mut aggregate = Aggregate::default();
            for (count, value, at, by) in entries {
                let slice = Slice::of(EventMs(at));
                let mut delta = Delta::default();
                delta.count(Count::ALL[count], by);
                delta.tally(Tally::AnsweredWithin, value, 1);
                delta.value(Span::ALL[count % Span::LEN], value);
                delta.level(Level::ALL[count % Level::LEN], slice, EventMs(at), by);
                aggregate.add(&delta, slice, EventMs(600_000));
            }
            aggregate.settle(Slice(20));
            let mut out = Writer::default();
            aggregate.write(&mut out);
            let bytes = out.into_bytes();
            prop_assert_eq!(Aggregate::read(&mut Reader::new(&bytes)).unwrap(), aggregate);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = Aggregate::read(&mut Reader::new(&bytes));
        }
    }
}
