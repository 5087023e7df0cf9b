//! The sums of one group in one window: counts, tallies, distributions and level changes.
//!
//! Adding is associative and commutative with the empty aggregate as neutral element; it knows neither
//! names nor windows' places in time beyond the end that a level's area reaches to.

use super::delta::{Delta, LevelChange};
use super::distribution::Distribution;
use super::ids::{Count, Level, Span, Tally};
use crate::time::window::Slice;
use crate::time::{EventMs, Millis};

/// The sums of one group in one window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Aggregate {
    counts: CountArray,
    tallies: Vec<(Tally, Millis, i64)>,
    spans: [Option<Box<Distribution>>; Span::LEN],
    levels: Vec<LevelLine>,
}

#[derive(Clone, Debug, PartialEq)]
struct CountArray([i64; Count::LEN]);

impl Default for CountArray {
    fn default() -> Self {
        CountArray([0; Count::LEN])
    }
}

impl Aggregate {
    /// Adds a delta of `slice` to a window that ends at `end`.
    pub fn add(&mut self, delta: &Delta, slice: Slice, end: EventMs) {
        self.add_sums(delta);
        for change in &delta.levels {
            self.line(change.level).add(change, slice, end);
        }
    }

    /// Adds a delta but for its level changes.
    pub fn add_sums(&mut self, delta: &Delta) {
        for (count, by) in &delta.counts {
            self.counts.0[count.index()] += by;
        }
        for (tally, threshold_ms, by) in &delta.tallies {
            self.add_tally(*tally, *threshold_ms, *by);
        }
        for (span, value_ms) in &delta.values {
            self.spans[span.index()].get_or_insert_default().record(*value_ms);
        }
    }

    /// Takes a delta out again; min and max of distributions, and levels, are left to the caller.
    pub fn subtract(&mut self, delta: &Delta) {
        for (count, by) in &delta.counts {
            self.counts.0[count.index()] -= by;
        }
        for (tally, threshold_ms, by) in &delta.tallies {
            self.add_tally(*tally, *threshold_ms, -by);
        }
        self.tallies.retain(|entry| entry.2 != 0);
        for (span, value_ms) in &delta.values {
            self.span_mut(*span).withdraw(*value_ms);
        }
    }

    /// Folds the level changes before `settled`, which no change reaches any more.
    pub fn settle(&mut self, settled: Slice) {
        self.levels.iter_mut().for_each(|line| line.settle(settled));
    }

    /// Adds to a tally under its threshold.
    pub fn add_tally(&mut self, tally: Tally, threshold_ms: Millis, by: i64) {
        match self.tallies.binary_search_by_key(&(tally, threshold_ms), |entry| (entry.0, entry.1)) {
            Ok(at) => self.tallies[at].2 += by,
            Err(at) => self.tallies.insert(at, (tally, threshold_ms, by)),
        }
    }

    /// A count.
    #[must_use]
    pub const fn count(&self, count: Count) -> i64 {
        self.counts.0[count.index()]
    }

    /// Sets a count, as state records do.
    pub fn set_count(&mut self, count: Count, value: i64) {
        self.counts.0[count.index()] = value;
    }

    /// A tally summed over all thresholds.
    #[must_use]
    pub fn tally(&self, tally: Tally) -> i64 {
        self.tallies.iter().filter(|entry| entry.0 == tally).map(|entry| entry.2).sum()
    }

    /// The tallies, sorted by measure and threshold.
    #[must_use]
    pub fn tallies(&self) -> &[(Tally, Millis, i64)] {
        &self.tallies
    }

    /// A distribution, if anything was recorded.
    #[must_use]
    pub fn span(&self, span: Span) -> Option<&Distribution> {
        self.spans[span.index()].as_deref().filter(|distribution| !distribution.is_empty())
    }

    /// The slot of a distribution, for state records and sliding sums.
    pub fn span_mut(&mut self, span: Span) -> &mut Distribution {
        self.spans[span.index()].get_or_insert_default()
    }

    /// Sets least and greatest value of every distribution, as whoever takes values out knows them.
    pub fn set_bounds(&mut self, bounds_ms: &[(Millis, Millis); Span::LEN]) {
        for (distribution, (min_ms, max_ms)) in self.spans.iter_mut().zip(bounds_ms) {
            if let Some(distribution) = distribution {
                (distribution.min_ms, distribution.max_ms) = (*min_ms, *max_ms);
            }
        }
    }

    /// The level changes of this window, one line a level.
    #[must_use]
    pub fn levels(&self) -> &[LevelLine] {
        &self.levels
    }

    /// The line of a level, made if it is not there.
    pub fn line(&mut self, level: Level) -> &mut LevelLine {
        let at = match self.levels.binary_search_by_key(&level, |line| line.level) {
            Ok(at) => at,
            Err(at) => {
                self.levels.insert(at, LevelLine::new(level));
                at
            }
        };
        &mut self.levels[at]
    }

    /// Sum of the changes of a level inside this window.
    #[must_use]
    pub fn net(&self, level: Level) -> i64 {
        self.levels.iter().find(|line| line.level == level).map_or(0, |line| line.net)
    }

    /// Whether any count, tally or duration is there; levels do not matter.
    #[must_use]
    pub fn has_counts(&self) -> bool {
        self.counts.0.iter().any(|count| *count != 0)
            || self.tallies.iter().any(|entry| entry.2 != 0)
            || self.spans.iter().flatten().any(|distribution| !distribution.is_empty())
    }
}

/// The changes of one level in one window, relative to its value at the window's start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LevelLine {
    /// The level.
    pub level: Level,
    /// Sum of all changes.
    pub net: i64,
    /// Sum of change × (window end − moment), value × milliseconds.
    pub area_ms: i64,
    /// Sum of the changes in slices that are too old to change again.
    pub folded_net: i64,
    /// Greatest sum at the end of one of those slices, if there was one.
    pub folded_max: Option<i64>,
    /// The first of those slices: whether it is the window's first decides whether the value at the start counts.
    pub folded_first: Option<Slice>,
    /// Changes by slice, ascending, of the slices that may still change.
    pub recent: Vec<(Slice, i64)>,
}

impl LevelLine {
    /// A line without changes.
    #[must_use]
    pub const fn new(level: Level) -> LevelLine {
        let (folded_max, folded_first) = (None, None);
        LevelLine { level, net: 0, area_ms: 0, folded_net: 0, folded_max, folded_first, recent: Vec::new() }
    }

    /// Adds a change of `slice`, in a window that ends at `end`.
    pub fn add(&mut self, change: &LevelChange, slice: Slice, end: EventMs) {
        self.net += change.net;
        self.area_ms += change.area_ms + change.net * end.since(slice.end());
        if change.net == 0 {
            return;
        }
        let at = self.recent.partition_point(|entry| entry.0 < slice);
        match self.recent.get_mut(at) {
            // Changes that cancel each other leave no trace: a line is the same however they were added.
            Some(entry) if entry.0 == slice && entry.1 + change.net == 0 => drop(self.recent.remove(at)),
            Some(entry) if entry.0 == slice => entry.1 += change.net,
            _ => self.recent.insert(at, (slice, change.net)),
        }
    }

    /// Folds the slices before `settled`, which no change reaches any more.
    pub fn settle(&mut self, settled: Slice) {
        let folded = self.recent.partition_point(|entry| entry.0 < settled);
        for (slice, net) in self.recent.drain(..folded) {
            self.folded_first.get_or_insert(slice);
            self.folded_net += net;
            self.folded_max = Some(self.folded_max.map_or(self.folded_net, |max| max.max(self.folded_net)));
        }
    }

    /// Last value, greatest value at a slice end, and area of the level in the window `[start, end)`, from its
    /// value `base` at the start.
    #[must_use]
    pub fn figures(&self, base: i64, start: EventMs, end: EventMs) -> LevelFigures {
        let mut sum = self.folded_net;
        let first = self.folded_first.or(self.recent.first().map(|entry| entry.0));
        let mut greatest = self.folded_max;
        // A first slice that did not change ends at the base.
        if first != Some(Slice::of(start)) {
            greatest = Some(greatest.map_or(0, |max| max.max(0)));
        }
        for (_, net) in &self.recent {
            sum += net;
            greatest = Some(greatest.map_or(sum, |max| max.max(sum)));
        }
        LevelFigures {
            last: base + self.net,
            max: base + greatest.unwrap_or(0),
            area_ms: base * end.since(start) + self.area_ms,
        }
    }
}

/// What a level was in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LevelFigures {
    /// At the window's end.
    pub last: i64,
    /// Greatest at the end of a slice.
    pub max: i64,
    /// Value × milliseconds.
    pub area_ms: i64,
}

impl LevelFigures {
    /// Whether the level was 0 throughout.
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        self.last == 0 && self.max == 0 && self.area_ms == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn delta(count: i64, values: &[i64], level_at: i64, by: i64) -> (Delta, Slice) {
        let slice = Slice::of(EventMs(level_at));
        let mut delta = Delta::default();
        delta.count(Count::ContactsOffered, count);
        delta.tally(Tally::AnsweredWithin, 20_000, count);
        values.iter().for_each(|value| delta.value(Span::WaitAnswered, *value));
        delta.level(Level::Waiting, slice, EventMs(level_at), by);
        (delta, slice)
    }

    #[test]
    fn a_level_has_its_last_max_and_area() {
        let mut aggregate = Aggregate::default();
        let end = EventMs(60_000);
        for (at, by) in [(12_000, 2), (25_000, -1), (41_000, 3)] {
            let (delta, slice) = delta(0, &[], at, by);
            aggregate.add(&delta, slice, end);
        }
        let figures = aggregate.levels()[0].figures(1, EventMs(0), end);
        assert_eq!(figures.last, 5);
        assert_eq!(figures.max, 5);
        assert_eq!(figures.area_ms, 12_000 + 3 * 13_000 + 2 * 16_000 + 5 * 19_000);
        let mut settled = aggregate.levels()[0].clone();
        settled.settle(Slice(3));
        assert_eq!(settled.figures(1, EventMs(0), end), figures);
    }

    #[test]
    fn the_value_at_the_start_counts_only_where_the_first_slice_ends_with_it() {
        let mut falling = LevelLine::new(Level::Waiting);
        let (delta, slice) = delta(0, &[], 3_000, -2);
        falling.add(&delta.levels[0], slice, EventMs(60_000));
        assert_eq!(falling.figures(2, EventMs(0), EventMs(60_000)).max, 0);
        falling.settle(Slice(5));
        assert_eq!(falling.figures(2, EventMs(0), EventMs(60_000)).max, 0);
    }

    proptest! {
        #[test]
        fn adding_deltas_in_any_order_gives_the_same(
            entries in prop::collection::vec((-3..4i64, 0..90_000i64, 0..60_000i64, -2..3i64), 0..30),
        ) {
            let end = EventMs(60_000);
            let (mut forward, mut backward) = (Aggregate::default(), Aggregate::default());
            let deltas: Vec<_> =
                entries.iter().map(|(count, value, at, by)| delta(*count, &[*value], *at, *by)).collect();
            deltas.iter().for_each(|(delta, slice)| forward.add(delta, *slice, end));
            deltas.iter().rev().for_each(|(delta, slice)| backward.add(delta, *slice, end));
            prop_assert_eq!(forward, backward);
        }
    }
}
