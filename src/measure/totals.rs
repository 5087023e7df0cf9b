//! Cumulative counters of one finest contact group, for /metrics: they only grow.
//!
//! Retractions are not subtracted but counted as revised; classic histograms are filled from the exact values. It must
//! never know a window, and nothing of it reaches a KPI record.

use super::delta::Delta;
use super::ids::{Count, Span, Tally};
use super::wire::{Reader, WireError, Writer};
use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS, Millis, SECOND_MS};

/// Bounds of a histogram of waits and first responses: seconds to a day, the shipped thresholds among them.
pub const WAIT_BOUNDS_MS: &[Millis] = &[
    5 * SECOND_MS,
    10 * SECOND_MS,
    15 * SECOND_MS,
    20 * SECOND_MS,
    30 * SECOND_MS,
    MINUTE_MS,
    2 * MINUTE_MS,
    5 * MINUTE_MS,
    15 * MINUTE_MS,
    HOUR_MS,
    2 * HOUR_MS,
    DAY_MS,
];

/// Bounds of a histogram of handle times.
pub const HANDLE_BOUNDS_MS: &[Millis] = &[
    10 * SECOND_MS,
    20 * SECOND_MS,
    30 * SECOND_MS,
    MINUTE_MS,
    2 * MINUTE_MS,
    3 * MINUTE_MS,
    5 * MINUTE_MS,
    8 * MINUTE_MS,
    10 * MINUTE_MS,
    15 * MINUTE_MS,
    30 * MINUTE_MS,
    HOUR_MS,
];

/// The durations that have a histogram, and its upper bounds.
pub const HISTOGRAMS: [(Span, &[Millis]); 4] = [
    (Span::WaitAnswered, WAIT_BOUNDS_MS),
    (Span::WaitAbandoned, WAIT_BOUNDS_MS),
    (Span::Handle, HANDLE_BOUNDS_MS),
    (Span::FirstResponse, WAIT_BOUNDS_MS),
];

/// Upper bounds that a histogram has at most.
pub const BOUNDS_MAX: usize = 20;

const _: () = assert!(WAIT_BOUNDS_MS.len() <= BOUNDS_MAX && HANDLE_BOUNDS_MS.len() <= BOUNDS_MAX);

/// A classic histogram of one duration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buckets {
    bounds_ms: &'static [Millis],
    counts: [u64; BOUNDS_MAX],
    beyond: u64,
    sum_ms: u64,
}

impl Buckets {
    const fn new(bounds_ms: &'static [Millis]) -> Buckets {
        Buckets { bounds_ms, counts: [0; BOUNDS_MAX], beyond: 0, sum_ms: 0 }
    }

    /// Upper bounds in milliseconds, inclusive, each with the number of values up to it.
    pub fn cumulative(&self) -> impl Iterator<Item = (Millis, u64)> + '_ {
        let mut seen = 0;
        self.bounds_ms.iter().zip(&self.counts).map(move |(bound_ms, count)| {
            seen += count;
            (*bound_ms, seen)
        })
    }

    /// Number of values.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.beyond
    }

    /// Sum of the values, milliseconds.
    #[must_use]
    pub const fn sum_ms(&self) -> u64 {
        self.sum_ms
    }

    fn record(&mut self, value_ms: Millis) {
        // A histogram's sum is a counter too: a value below 0 must not make it fall.
        self.sum_ms = self.sum_ms.saturating_add(u64::try_from(value_ms).unwrap_or(0));
        match self.bounds_ms.iter().position(|bound_ms| value_ms <= *bound_ms) {
            Some(at) => self.counts[at] += 1,
            None => self.beyond += 1,
        }
    }

    fn write(&self, out: &mut Writer) {
        out.unsigned(self.bounds_ms.len() as u64);
        self.counts[..self.bounds_ms.len()].iter().for_each(|count| out.unsigned(*count));
        out.unsigned(self.beyond);
        out.unsigned(self.sum_ms);
    }

    fn read(&mut self, reader: &mut Reader<'_>) -> Result<(), WireError> {
        if reader.count()? != self.bounds_ms.len() {
            return Err(WireError { expected: "as many buckets as this version has", position: 0 });
        }
        for count in &mut self.counts[..self.bounds_ms.len()] {
            *count = reader.unsigned()?;
        }
        self.beyond = reader.unsigned()?;
        self.sum_ms = reader.unsigned()?;
        Ok(())
    }
}

/// The cumulative counters of one finest contact group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals {
    counts: [u64; Count::LEN],
    tallies: [u64; Tally::LEN],
    revised: u64,
    histograms: [Buckets; HISTOGRAMS.len()],
}

impl Default for Totals {
    fn default() -> Self {
        Totals {
            counts: [0; Count::LEN],
            tallies: [0; Tally::LEN],
            revised: 0,
            histograms: HISTOGRAMS.map(|(_, bounds_ms)| Buckets::new(bounds_ms)),
        }
    }
}

impl Totals {
    /// Adds what a delta adds; what it takes back is counted as revised.
    pub fn add(&mut self, delta: &Delta) {
        for (count, by) in &delta.counts {
            grow(&mut self.counts[count.index()], *by, &mut self.revised);
        }
        for (tally, _, by) in &delta.tallies {
            grow(&mut self.tallies[tally.index()], *by, &mut self.revised);
        }
        for (span, value_ms) in &delta.values {
            if let Some(at) = HISTOGRAMS.iter().position(|(of, _)| of == span) {
                self.histograms[at].record(*value_ms);
            }
        }
    }

    /// A count since the group began.
    #[must_use]
    pub const fn count(&self, count: Count) -> u64 {
        self.counts[count.index()]
    }

    /// A tally since the group began, over all thresholds.
    #[must_use]
    pub const fn tally(&self, tally: Tally) -> u64 {
        self.tallies[tally.index()]
    }

    /// How much was taken back since the group began, over all counts and tallies.
    #[must_use]
    pub const fn revised(&self) -> u64 {
        self.revised
    }

    /// The histogram of a duration; `None` for one that has none.
    #[must_use]
    pub fn histogram(&self, span: Span) -> Option<&Buckets> {
        HISTOGRAMS.iter().position(|(of, _)| *of == span).map(|at| &self.histograms[at])
    }

    /// Writes the counters for a state record.
    pub fn write(&self, out: &mut Writer) {
        out.unsigned(Count::LEN as u64);
        self.counts.iter().for_each(|count| out.unsigned(*count));
        out.unsigned(Tally::LEN as u64);
        self.tallies.iter().for_each(|tally| out.unsigned(*tally));
        out.unsigned(self.revised);
        self.histograms.iter().for_each(|histogram| histogram.write(out));
    }

    /// Reads the counters. Measures of a newer version are skipped, those that an older one did not have are 0.
    ///
    /// # Errors
    /// The bytes end, are malformed, or hold histograms of other bounds.
    pub fn read(reader: &mut Reader<'_>) -> Result<Totals, WireError> {
        let mut totals = Totals::default();
        read_list(reader, &mut totals.counts)?;
        read_list(reader, &mut totals.tallies)?;
        totals.revised = reader.unsigned()?;
        for histogram in &mut totals.histograms {
            histogram.read(reader)?;
        }
        Ok(totals)
    }
}

fn grow(total: &mut u64, by: i64, revised: &mut u64) {
    if by >= 0 {
        *total += by.unsigned_abs();
    } else {
        *revised += by.unsigned_abs();
    }
}

fn read_list(reader: &mut Reader<'_>, list: &mut [u64]) -> Result<(), WireError> {
    for at in 0..reader.count()? {
        let value = reader.unsigned()?;
        if let Some(slot) = list.get_mut(at) {
            *slot = value;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Totals {
        let mut delta = Delta::default();
        delta.count(Count::ContactsOffered, 3);
        delta.count(Count::ContactsCreated, -2);
        delta.tally(Tally::AnsweredWithin, 20_000, 2);
        delta.tally(Tally::AnsweredWithin, 60_000, 1);
        for value_ms in [20_000, 20_001, 2 * DAY_MS, -5] {
            delta.value(Span::WaitAnswered, value_ms);
        }
        delta.value(Span::Talk, 1_000);
        let mut totals = Totals::default();
        totals.add(&delta);
        totals
    }

    #[test]
    fn counters_grow_and_what_is_taken_back_is_counted_apart() {
        let totals = sample();
        assert_eq!(totals.count(Count::ContactsOffered), 3);
        assert_eq!((totals.count(Count::ContactsCreated), totals.revised()), (0, 2));
        assert_eq!(totals.tally(Tally::AnsweredWithin), 3);
    }

    #[test]
    fn buckets_are_cumulative_and_include_their_bound() {
        let totals = sample();
        let waits = totals.histogram(Span::WaitAnswered).unwrap();
        let up_to = |bound_ms| waits.cumulative().find(|bucket| bucket.0 == bound_ms).unwrap().1;
        assert_eq!((up_to(15_000), up_to(20_000), up_to(30_000), up_to(DAY_MS)), (1, 2, 3, 3));
        assert_eq!((waits.count(), waits.sum_ms()), (4, 40_001 + 2 * DAY_MS as u64));
        assert!(totals.histogram(Span::Talk).is_none());
        assert!(HISTOGRAMS.iter().all(|(_, bounds_ms)| bounds_ms.is_sorted()));
    }

    #[test]
    fn shipped_thresholds_are_bounds() {
        for threshold_ms in [20, 60, 900, 3_600, 7_200, 86_400].map(|seconds| seconds * SECOND_MS) {
            assert!(WAIT_BOUNDS_MS.contains(&threshold_ms), "{threshold_ms}");
        }
    }

    #[test]
    fn totals_read_back_and_damaged_ones_are_errors() {
        let totals = sample();
        let mut out = Writer::default();
        totals.write(&mut out);
        let bytes = out.into_bytes();
        assert_eq!(Totals::read(&mut Reader::new(&bytes)), Ok(totals));
        for end in 0..bytes.len() {
            assert!(Totals::read(&mut Reader::new(&bytes[..end])).is_err(), "{end}");
        }
    }
}
