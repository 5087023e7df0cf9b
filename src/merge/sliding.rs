//! A sliding window: per group a running sum that takes new slices in and subtracts those that fall out.
//!
//! Counts and cells are exact; min and max come from the slices when they are asked for. It follows shard time, not the
//! watermark, and its output is live only.

use super::groups::GroupId;
use crate::ids::DenseMap;
use crate::measure::aggregate::{Aggregate, LevelFigures, LevelLine};
use crate::measure::delta::{Delta, LevelChange};
use crate::measure::ids::{Level, Span};
use crate::measure::packed::Packed;
use crate::measure::wire::Writer;
use crate::time::window::{Pane, SLICE_MS, Slice, Window, sliding_of};
use crate::time::{EventMs, Millis};
use std::collections::{BTreeMap, VecDeque};

/// So many of the newest slices still get deltas often.
const NEW_SLICES: i64 = 2;

/// One sliding window of the configuration.
#[derive(Debug)]
pub struct Sliding {
    /// The window.
    pub window: Window,
    slices_kept: i64,
    /// The newest slice: that of shard time.
    newest: Option<Slice>,
    rings: DenseMap<GroupId, Ring>,
    /// Which groups have content in a slice, for its falling out.
    by_slice: BTreeMap<Slice, Vec<GroupId>>,
    /// Room for a delta that falls out or is joined.
    room: Delta,
    writer: Writer,
}

/// The slices of one group and their running sum.
#[derive(Clone, Debug, Default)]
pub struct Ring {
    /// Ascending by slice; a slice may stand several times. Deltas are shared by the groups that they were added to.
    slices: VecDeque<(Slice, Packed)>,
    /// What is asked for each second, one entry a slice: a busy group has thousands of deltas.
    marks: VecDeque<Mark>,
    sum: Aggregate,
    /// Something fell out since min and max of the sums were set right.
    bounds_stale: bool,
}

/// The level changes of a slice, added up, and least and greatest of its durations.
#[derive(Clone, Debug)]
struct Mark {
    slice: Slice,
    levels: Vec<LevelChange>,
    bounds_ms: Vec<(Span, Millis, Millis)>,
}

impl Sliding {
    /// An empty sliding window.
    #[must_use]
    pub fn new(window: Window) -> Sliding {
        Sliding {
            slices_kept: window.kind.length_ms() / SLICE_MS,
            window,
            newest: None,
            rings: DenseMap::default(),
            by_slice: BTreeMap::new(),
            room: Delta::default(),
            writer: Writer::default(),
        }
    }

    /// The pane that is current at the newest slice.
    #[must_use]
    pub fn pane(&self) -> Option<Pane> {
        self.newest.map(|newest| sliding_of(newest.start(), self.window.kind.length_ms()))
    }

    /// Moves to shard time; groups that lost a slice are handed over.
    pub fn advance(&mut self, shard_time: EventMs, mut changed: impl FnMut(GroupId)) {
        let newest = Slice::of(shard_time);
        if self.newest.is_some_and(|known| known >= newest) {
            return;
        }
        let known = self.newest.replace(newest);
        self.join(known.unwrap_or(Slice(newest.0 - self.slices_kept)), newest);
        let oldest = Slice(newest.0 - self.slices_kept + 1);
        while let Some(entry) = self.by_slice.first_entry() {
            if *entry.key() >= oldest {
                break;
            }
            for group in entry.remove() {
                if let Some(ring) = self.rings.get_mut(&group) {
                    ring.drop_before(oldest, &mut self.room);
                    changed(group);
                }
            }
        }
    }

    /// Makes one delta of those of each slice that is no longer new: there is one for each commit and source in it.
    fn join(&mut self, known: Slice, newest: Slice) {
        let slices = Slice(known.0 - NEW_SLICES + 1)..Slice(newest.0 - NEW_SLICES + 1);
        for (slice, groups) in self.by_slice.range(slices) {
            for group in groups {
                if let Some(ring) = self.rings.get_mut(group) {
                    ring.join(*slice, &mut self.room, &mut self.writer);
                }
            }
        }
    }

    /// Adds a delta; one whose slice has fallen out already is left aside. `packed` are the delta's bytes.
    pub fn add(
        &mut self,
        group: GroupId,
        slice: Slice,
        delta: &Delta,
        packed: impl FnOnce() -> Packed,
    ) -> bool {
        let Some(newest) = self.newest else { return false };
        if slice.0 <= newest.0 - self.slices_kept || slice > newest {
            return false;
        }
        let ring = self.rings.entry(group).or_default();
        if ring.add(slice, delta, packed()) {
            self.by_slice.entry(slice).or_default().push(group);
        }
        true
    }

    /// Sets min and max of a group's sums right.
    pub fn settle(&mut self, group: GroupId) {
        if let Some(ring) = self.rings.get_mut(&group).filter(|ring| ring.bounds_stale) {
            ring.set_bounds();
        }
    }

    /// The sums of a group; min and max are right after [`Sliding::settle`]. `None` if it has no slice.
    #[must_use]
    pub fn sums(&self, group: GroupId) -> Option<&Aggregate> {
        self.rings.get(&group).map(|ring| &ring.sum)
    }

    /// Whether the group has a slice.
    #[must_use]
    pub fn has(&self, group: GroupId) -> bool {
        self.rings.contains_key(&group)
    }

    /// Forgets a group without slices.
    pub fn forget_if_empty(&mut self, group: GroupId) -> bool {
        let empty = self.rings.get(&group).is_none_or(|ring| ring.slices.is_empty());
        if empty {
            self.rings.remove(&group);
        }
        empty
    }

    /// What a group's levels were in the pane, from their totals over all time.
    #[must_use]
    pub fn figures(
        &self,
        group: GroupId,
        pane: Pane,
        totals: &[i64; Level::LEN],
    ) -> [LevelFigures; Level::LEN] {
        let mut base = *totals;
        let mut lines: [Option<LevelLine>; Level::LEN] = std::array::from_fn(|_| None);
        for mark in self.rings.get(&group).into_iter().flat_map(|ring| &ring.marks) {
            for change in &mark.levels {
                let at = change.level.index();
                base[at] -= change.net;
                let line = lines[at].get_or_insert_with(|| LevelLine::new(change.level));
                line.add(change, mark.slice, pane.end);
            }
        }
        std::array::from_fn(|at| match &lines[at] {
            Some(line) => line.figures(base[at], pane.start, pane.end),
            None => LevelFigures { last: base[at], max: base[at], area_ms: base[at] * pane.length_ms() },
        })
    }

    /// The slices of a group, for its state record.
    #[must_use]
    pub fn slices(&self, group: GroupId) -> Vec<(Slice, &Packed)> {
        let ring = self.rings.get(&group);
        ring.into_iter().flat_map(|ring| &ring.slices).map(|(slice, delta)| (*slice, delta)).collect()
    }

    /// Puts a slice of a group back, as a state record kept it, whatever shard time is.
    pub fn restore(&mut self, group: GroupId, slice: Slice, delta: &Delta) {
        let packed = Packed::new(delta, &mut Writer::default());
        if self.rings.entry(group).or_default().add(slice, delta, packed) {
            self.by_slice.entry(slice).or_default().push(group);
        }
    }
}

impl Ring {
    /// Adds a delta; `true` if its slice is new to the ring.
    fn add(&mut self, slice: Slice, delta: &Delta, packed: Packed) -> bool {
        self.sum.add_sums(delta);
        let is_new = self.mark(slice, delta);
        // Most deltas are of the newest slice.
        let at = match self.slices.back() {
            Some(newest) if newest.0 > slice => self.slices.partition_point(|entry| entry.0 <= slice),
            _ => self.slices.len(),
        };
        self.slices.insert(at, (slice, packed));
        is_new
    }

    /// Adds to the mark of a slice; `true` if it is a new one.
    fn mark(&mut self, slice: Slice, delta: &Delta) -> bool {
        let at = match self.marks.back() {
            Some(newest) if newest.slice == slice => self.marks.len() - 1,
            Some(newest) if newest.slice > slice => self.marks.partition_point(|mark| mark.slice < slice),
            _ => self.marks.len(),
        };
        let is_new = self.marks.get(at).is_none_or(|mark| mark.slice != slice);
        if is_new {
            self.marks.insert(at, Mark { slice, levels: Vec::new(), bounds_ms: Vec::new() });
        }
        if let Some(mark) = self.marks.get_mut(at) {
            mark.add(delta);
        }
        is_new
    }

    fn join(&mut self, slice: Slice, room: &mut Delta, writer: &mut Writer) {
        let from = self.slices.partition_point(|entry| entry.0 < slice);
        let to = self.slices.partition_point(|entry| entry.0 <= slice);
        if to - from < 2 {
            return;
        }
        let mut sum = Delta::default();
        for (_, packed) in self.slices.range(from..to) {
            packed.unpack(room);
            sum.merge(room);
        }
        self.slices[from].1 = Packed::new(&sum, writer);
        self.slices.drain(from + 1..to);
    }

    fn drop_before(&mut self, oldest: Slice, room: &mut Delta) {
        while self.slices.front().is_some_and(|entry| entry.0 < oldest) {
            if let Some((_, delta)) = self.slices.pop_front() {
                delta.unpack(room);
                self.sum.subtract(room);
                self.bounds_stale = true;
            }
        }
        while self.marks.front().is_some_and(|mark| mark.slice < oldest) {
            self.marks.pop_front();
        }
    }

    /// Sets min and max of the sums from the marks.
    fn set_bounds(&mut self) {
        let mut bounds = [(i64::MAX, i64::MIN); Span::LEN];
        for (span, min_ms, max_ms) in self.marks.iter().flat_map(|mark| &mark.bounds_ms) {
            let bound = &mut bounds[span.index()];
            *bound = (bound.0.min(*min_ms), bound.1.max(*max_ms));
        }
        self.bounds_stale = false;
        self.sum.set_bounds(&bounds);
    }
}

impl Mark {
    fn add(&mut self, delta: &Delta) {
        for change in &delta.levels {
            match self.levels.iter_mut().find(|sum| sum.level == change.level) {
                Some(sum) => {
                    sum.net += change.net;
                    sum.area_ms += change.area_ms;
                }
                None => self.levels.push(*change),
            }
        }
        for (span, value_ms) in &delta.values {
            match self.bounds_ms.iter_mut().find(|bound| bound.0 == *span) {
                Some(bound) => (bound.1, bound.2) = (bound.1.min(*value_ms), bound.2.max(*value_ms)),
                None => self.bounds_ms.push((*span, *value_ms, *value_ms)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::ids::Count;

    fn add(sliding: &mut Sliding, group: GroupId, slice: Slice, delta: &Delta) {
        assert!(sliding.add(group, slice, delta, || Packed::new(delta, &mut Writer::default())));
    }

    fn delta(value_ms: i64, level_at: i64, by: i64) -> Delta {
        let mut delta = Delta::default();
        delta.count(Count::ContactsOffered, 1);
        delta.value(Span::WaitAnswered, value_ms);
        delta.level(Level::Waiting, Slice::of(EventMs(level_at)), EventMs(level_at), by);
        delta
    }

    #[test]
    fn many_deltas_in_disorder_give_the_figures_of_each_one_by_one() {
        let mut sliding = Sliding::new(Window::shipped().swap_remove(0));
        sliding.advance(EventMs(600_000), |_| {});
        let (pane, mut added, mut totals) = (sliding.pane().unwrap(), Vec::new(), [0; Level::LEN]);
        for step in 0..400_i64 {
            // A stride that meets each slice of the window several times, out of order.
            let slice = Slice(31 + step * 7 % 30);
            let (at, by) = (slice.start().0 + step * 37 % 10_000, [2, -1, 0, -1][step as usize % 4]);
            let delta = delta(1 + step * 613 % 90_000, at, by);
            add(&mut sliding, 1, slice, &delta);
            totals[Level::Waiting.index()] += by;
            added.push((slice, delta));
        }
        for (now_ms, first) in [(600_000, 31), (750_000, 46)] {
            let mut lost = 0;
            sliding.advance(EventMs(now_ms), |_| lost += 1);
            let pane = if now_ms == 600_000 { pane } else { sliding.pane().unwrap() };
            let (mut line, mut base) = (LevelLine::new(Level::Waiting), totals[Level::Waiting.index()]);
            let mut values = Vec::new();
            for (slice, delta) in added.iter().filter(|entry| entry.0.0 >= first) {
                values.extend(delta.values.iter().map(|value| value.1));
                for change in &delta.levels {
                    base -= change.net;
                    line.add(change, *slice, pane.end);
                }
            }
            let figures = sliding.figures(1, pane, &totals)[Level::Waiting.index()];
            assert_eq!(figures, line.figures(base, pane.start, pane.end), "{now_ms}");
            sliding.settle(1);
            let span = sliding.sums(1).unwrap().span(Span::WaitAnswered).unwrap();
            let wanted = (values.iter().copied().min().unwrap(), values.iter().copied().max().unwrap());
            assert_eq!((span.min_ms, span.max_ms), wanted, "{now_ms}");
            assert_eq!(sliding.sums(1).unwrap().count(Count::ContactsOffered), values.len() as i64);
            assert_eq!(lost, if now_ms == 600_000 { 0 } else { 15 });
            // Those of a slice that grew old since are one by now.
            let kept = sliding.slices(1);
            assert_eq!(
                kept.iter().filter(|entry| entry.0 == Slice(60)).count(),
                if lost > 0 { 1 } else { 13 }
            );
        }
    }

    #[test]
    fn what_falls_out_is_subtracted_exactly() {
        let mut sliding = Sliding::new(Window::shipped().swap_remove(0));
        sliding.advance(EventMs(0), |_| {});
        add(&mut sliding, 1, Slice(0), &delta(90_000, 5_000, 1));
        sliding.advance(EventMs(290_000), |_| {});
        add(&mut sliding, 1, Slice(29), &delta(1_000, 295_000, 1));
        sliding.settle(1);
        let sums = sliding.sums(1).unwrap();
        assert_eq!(sums.count(Count::ContactsOffered), 2);
        assert_eq!(sums.span(Span::WaitAnswered).unwrap().max_ms, 90_000);
        let mut lost = Vec::new();
        sliding.advance(EventMs(300_000), |group| lost.push(group));
        assert_eq!(lost, [1]);
        sliding.settle(1);
        let sums = sliding.sums(1).unwrap();
        assert_eq!(sums.count(Count::ContactsOffered), 1);
        assert_eq!(sums.span(Span::WaitAnswered).unwrap().max_ms, 1_000);
        assert_eq!(sums.span(Span::WaitAnswered).unwrap().quantiles_ms([500]), Some([1_000]));
        let mut totals = [0; Level::LEN];
        totals[Level::Waiting.index()] = 2;
        let pane = sliding.pane().unwrap();
        let waiting = sliding.figures(1, pane, &totals)[Level::Waiting.index()];
        assert_eq!((waiting.last, waiting.max), (2, 2));
        assert_eq!(waiting.area_ms, 300_000 + 15_000);
        sliding.advance(EventMs(900_000), |_| {});
        assert!(sliding.forget_if_empty(1));
    }
}
