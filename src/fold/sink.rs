//! Where measurements go: the deltas of the commit that is being filled.
//!
//! A measurement older than the floor is not made; a level change older than it acts at the floor. The sink
//! knows groups as dimension values and slices, not what they mean.

use crate::ids::{DenseMap, Sym};
use crate::kpi::groups::Dimension;
use crate::measure::batch::Family;
use crate::measure::delta::Delta;
use crate::measure::ids::{Count, Level, Span, Tally};
use crate::time::window::Slice;
use crate::time::{EventMs, Millis};
use std::hash::{Hash, Hasher};

/// Dimension values in canonical order.
pub type Dims = [Sym; Dimension::LEN];

/// A group as the fold knows it: which measurements it takes, and its dimension values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// Which measurements it takes.
    pub family: Family,
    /// Its dimension values; those that no grouping set tells apart are empty.
    pub dims: Dims,
}

impl Hash for Group {
    /// Two values at a time: groups are looked up for each measurement.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u8(self.family as u8);
        for pair in self.dims.chunks(2) {
            state.write_u64(pair.iter().fold(0, |word, sym| word << 32 | u64::from(sym.0)));
        }
    }
}

/// The deltas of the commit that is being filled, in the order of their first measurement.
#[derive(Debug, Default)]
pub struct Sink {
    /// Nothing older than this is measured.
    pub floor: EventMs,
    /// Levels change no more: the file has ended.
    pub levels_stopped: bool,
    index: DenseMap<(Group, Slice), u32>,
    entries: Vec<(Group, Slice, Delta)>,
    used: usize,
    last: Option<(Group, Slice, usize)>,
    values: usize,
}

impl Sink {
    /// Adds 1 to a count at `at`.
    pub fn count(&mut self, group: &Group, at: EventMs, count: Count) {
        if at >= self.floor {
            self.delta(group, at).count(count, 1);
        }
    }

    /// Adds 1 to a tally at `at`.
    pub fn tally(&mut self, group: &Group, at: EventMs, tally: Tally, threshold_ms: Millis) {
        if at >= self.floor {
            self.delta(group, at).tally(tally, threshold_ms, 1);
        }
    }

    /// Records a duration at `at`.
    pub fn value(&mut self, group: &Group, at: EventMs, span: Span, value_ms: Millis) {
        if at >= self.floor {
            self.values += 1;
            self.delta(group, at).value(span, value_ms);
        }
    }

    /// Changes a level at `at`, or at the floor if that is later.
    pub fn level(&mut self, group: &Group, at: EventMs, level: Level, by: i64) {
        if self.levels_stopped {
            return;
        }
        let at = at.max(self.floor);
        let slice = Slice::of(at);
        self.delta(group, at).level(level, slice, at, by);
    }

    /// Rough bytes of what is collected.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.used * 40 + self.values * 4
    }

    /// Whether nothing is collected.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Hands over everything collected, in order, and begins anew.
    pub fn drain(&mut self, mut each: impl FnMut(&Group, Slice, &Delta)) {
        for (group, slice, delta) in &mut self.entries[..self.used] {
            each(group, *slice, delta);
            delta.clear();
        }
        self.index.clear();
        (self.used, self.values, self.last) = (0, 0, None);
        // Room is kept for a commit of usual size only.
        self.entries.truncate(8_192);
    }

    fn delta(&mut self, group: &Group, at: EventMs) -> &mut Delta {
        let slice = Slice::of(at);
        let place = match self.last {
            Some((last_group, last_slice, place)) if last_slice == slice && last_group == *group => place,
            _ => self.place(group, slice),
        };
        self.last = Some((*group, slice, place));
        &mut self.entries[place].2
    }

    fn place(&mut self, group: &Group, slice: Slice) -> usize {
        let next = self.used;
        let place = *self.index.entry((*group, slice)).or_insert(next as u32) as usize;
        if place == next {
            self.used += 1;
            match self.entries.get_mut(next) {
                Some(entry) => (entry.0, entry.1) = (*group, slice),
                None => self.entries.push((*group, slice, Delta::default())),
            }
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_the_floor_is_not_measured_and_levels_act_at_it() {
        let mut sink = Sink { floor: EventMs(20_000), ..Sink::default() };
        let group = Group { family: Family::Contact, dims: [Sym::EMPTY; Dimension::LEN] };
        sink.count(&group, EventMs(19_999), Count::ContactsOffered);
        sink.level(&group, EventMs(5_000), Level::Waiting, 1);
        sink.count(&group, EventMs(25_000), Count::ContactsOffered);
        sink.value(&group, EventMs(31_000), Span::Ring, 7);
        let mut seen = Vec::new();
        sink.drain(|_, slice, delta| seen.push((slice, delta.clone())));
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0].0, Slice(2));
        assert_eq!(seen[0].1.counts, [(Count::ContactsOffered, 1)]);
        assert_eq!(seen[0].1.levels[0].area_ms, 10_000);
        assert_eq!(seen[1].1.values, [(Span::Ring, 7)]);
        assert!(sink.is_empty());
    }
}
