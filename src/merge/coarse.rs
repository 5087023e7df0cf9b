//! What one batch says of coarse groups, summed by group and slice before it is added to their windows.

use super::groups::GroupId;
use crate::ids::DenseMap;
use crate::measure::delta::Delta;
use crate::time::window::Slice;

/// Deltas of coarse groups, in the order of their first appearance.
#[derive(Debug, Default)]
pub struct Coarse {
    index: DenseMap<(GroupId, Slice), usize>,
    entries: Vec<(GroupId, Slice, Delta)>,
}

impl Coarse {
    /// Adds a delta to the group's sum of the slice.
    pub fn add(&mut self, group: GroupId, slice: Slice, delta: &Delta) {
        let next = self.entries.len();
        let at = *self.index.entry((group, slice)).or_insert(next);
        match self.entries.get_mut(at) {
            Some((_, _, sum)) => sum.merge(delta),
            None => self.entries.push((group, slice, delta.clone())),
        }
    }

    /// Hands over all sums, in order, and begins anew.
    pub fn drain(&mut self, mut each: impl FnMut(GroupId, Slice, Delta)) {
        self.index.clear();
        self.entries.drain(..).for_each(|(group, slice, delta)| each(group, slice, delta));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::ids::Count;

    #[test]
    fn deltas_of_one_group_and_slice_are_summed_and_kept_in_order() {
        let mut coarse = Coarse::default();
        let mut delta = Delta::default();
        delta.count(Count::ContactsOffered, 2);
        for (group, slice) in [(7, 1), (3, 1), (7, 1), (7, 2)] {
            coarse.add(group, Slice(slice), &delta);
        }
        let mut seen = Vec::new();
        coarse.drain(|group, slice, delta| seen.push((group, slice.0, delta.counts[0].1)));
        assert_eq!(seen, [(7, 1, 4), (3, 1, 2), (7, 2, 2)]);
        coarse.drain(|_, _, _| unreachable!());
    }
}
