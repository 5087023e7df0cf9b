//! A delta: what changed for one group in one slice since the last commit.
//!
//! Durations travel as the values themselves, so that whoever adds them has count, sum, min, max and cells
//! exact; a slice of a commit holds few. Adding deltas is associative and commutative.

use super::ids::{Count, Level, Span, Tally};
use super::wire::{Reader, WireError, Writer};
use crate::time::window::Slice;
use crate::time::{EventMs, Millis};

/// A change of levels within a slice: their sum, and their area up to the slice's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelChange {
    /// The level.
    pub level: Level,
    /// Sum of the changes.
    pub net: i64,
    /// Sum of change × (slice end − moment of the change), value × milliseconds.
    pub area_ms: i64,
}

/// What changed for one group in one slice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// Counts, each at most once.
    pub counts: Vec<(Count, i64)>,
    /// Tallies by threshold in milliseconds, each pair at most once.
    pub tallies: Vec<(Tally, Millis, i64)>,
    /// Values of durations, milliseconds, in the order of their measurement.
    pub values: Vec<(Span, Millis)>,
    /// Level changes, each level at most once.
    pub levels: Vec<LevelChange>,
}

impl Delta {
    /// Adds to a count.
    pub fn count(&mut self, count: Count, by: i64) {
        match self.counts.iter_mut().find(|entry| entry.0 == count) {
            Some(entry) => entry.1 += by,
            None => self.counts.push((count, by)),
        }
    }

    /// Adds to a tally under its threshold.
    pub fn tally(&mut self, tally: Tally, threshold_ms: Millis, by: i64) {
        match self.tallies.iter_mut().find(|entry| entry.0 == tally && entry.1 == threshold_ms) {
            Some(entry) => entry.2 += by,
            None => self.tallies.push((tally, threshold_ms, by)),
        }
    }

    /// Records a duration.
    pub fn value(&mut self, span: Span, value_ms: Millis) {
        self.values.push((span, value_ms));
    }

    /// Changes a level at `at`, a moment of this delta's `slice`.
    pub fn level(&mut self, level: Level, slice: Slice, at: EventMs, by: i64) {
        let area_ms = by * slice.end().since(at);
        match self.levels.iter_mut().find(|entry| entry.level == level) {
            Some(entry) => {
                entry.net += by;
                entry.area_ms += area_ms;
            }
            None => self.levels.push(LevelChange { level, net: by, area_ms }),
        }
    }

    /// Adds all of `other`, a delta of the same group and slice.
    pub fn merge(&mut self, other: &Delta) {
        other.counts.iter().for_each(|(count, by)| self.count(*count, *by));
        other.tallies.iter().for_each(|(tally, threshold_ms, by)| self.tally(*tally, *threshold_ms, *by));
        self.values.extend_from_slice(&other.values);
        for change in &other.levels {
            match self.levels.iter_mut().find(|entry| entry.level == change.level) {
                Some(entry) => {
                    entry.net += change.net;
                    entry.area_ms += change.area_ms;
                }
                None => self.levels.push(*change),
            }
        }
    }

    /// Forgets everything, keeping the room.
    pub fn clear(&mut self) {
        self.counts.clear();
        self.tallies.clear();
        self.values.clear();
        self.levels.clear();
    }

    /// Writes the delta.
    pub fn write(&self, out: &mut Writer) {
        out.unsigned(self.counts.len() as u64);
        for (count, by) in &self.counts {
            out.byte(count.number());
            out.signed(*by);
        }
        out.unsigned(self.tallies.len() as u64);
        for (tally, threshold_ms, by) in &self.tallies {
            out.byte(tally.number());
            out.signed(*threshold_ms);
            out.signed(*by);
        }
        out.unsigned(self.values.len() as u64);
        for (span, value_ms) in &self.values {
            out.byte(span.number());
            out.signed(*value_ms);
        }
        out.unsigned(self.levels.len() as u64);
        for change in &self.levels {
            out.byte(change.level.number());
            out.signed(change.net);
            out.signed(change.area_ms);
        }
    }

    /// Reads a delta over this one. Returns how many measures were skipped because they are unknown.
    ///
    /// # Errors
    /// The bytes end or are malformed.
    pub fn read(&mut self, reader: &mut Reader<'_>) -> Result<u64, WireError> {
        self.clear();
        let mut unknown = 0;
        for _ in 0..reader.count()? {
            let (count, by) = (Count::from_number(u64::from(reader.byte()?)), reader.signed()?);
            push_known(&mut self.counts, count.map(|count| (count, by)), &mut unknown);
        }
        for _ in 0..reader.count()? {
            let tally = Tally::from_number(u64::from(reader.byte()?));
            let (threshold_ms, by) = (reader.signed()?, reader.signed()?);
            push_known(&mut self.tallies, tally.map(|tally| (tally, threshold_ms, by)), &mut unknown);
        }
        for _ in 0..reader.count()? {
            let (span, value_ms) = (Span::from_number(u64::from(reader.byte()?)), reader.signed()?);
            push_known(&mut self.values, span.map(|span| (span, value_ms)), &mut unknown);
        }
        for _ in 0..reader.count()? {
            let level = Level::from_number(u64::from(reader.byte()?));
            let (net, area_ms) = (reader.signed()?, reader.signed()?);
            push_known(
                &mut self.levels,
                level.map(|level| LevelChange { level, net, area_ms }),
                &mut unknown,
            );
        }
        Ok(unknown)
    }
}

fn push_known<T>(list: &mut Vec<T>, entry: Option<T>, unknown: &mut u64) {
    match entry {
        Some(entry) => list.push(entry),
        None => *unknown += 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delta_reads_back_and_unknown_measures_are_skipped_and_counted() {
        let slice = Slice(3);
        let mut delta = Delta::default();
        delta.count(Count::ContactsOffered, 2);
        delta.count(Count::ContactsOffered, 1);
        delta.tally(Tally::AnsweredWithin, 20_000, 1);
        delta.value(Span::WaitAnswered, 1_234);
        delta.level(Level::Waiting, slice, EventMs(33_000), 1);
        delta.level(Level::Waiting, slice, EventMs(35_000), -1);
        assert_eq!(delta.levels, [LevelChange { level: Level::Waiting, net: 0, area_ms: 2_000 }]);
        let mut out = Writer::default();
        delta.write(&mut out);
        let mut bytes = out.into_bytes();
        let mut read = Delta::default();
        assert_eq!(read.read(&mut Reader::new(&bytes)), Ok(0));
        assert_eq!(read, delta);
        bytes[1] = 250;
        assert_eq!(read.read(&mut Reader::new(&bytes)), Ok(1));
        assert!(read.counts.is_empty());
    }
}
