//! HDR cells of 2 significant digits over 1 ms .. 90 d: where a value falls, and how many fell there.
//!
//! The layout is that of `HdrHistogram` (lowest 1, highest 90 d, 2 digits), so the counts can leave in its V2
//! form. Few values stay a sorted list; more become an array over the range that is in use: most
//! groups hold fewer than a hundred values, and a full array would cost each of them 14 KB.

use crate::time::{DAY_MS, Millis};

/// The greatest value told apart, milliseconds; greater ones are clamped to it and counted.
pub const HIGHEST_MS: Millis = 90 * DAY_MS;

/// Significant digits of a quantile.
pub const SIGNIFICANT_DIGITS: u8 = 2;

const HALF_COUNT: usize = 128;
const SPARSE_MAX: usize = 48;

/// The cell of a value in `0..=HIGHEST_MS`.
#[must_use]
pub const fn cell_of(value_ms: Millis) -> u16 {
    let value = value_ms as u64;
    let bucket = 56 - (value | 255).leading_zeros();
    (bucket as usize * HALF_COUNT + (value >> bucket) as usize) as u16
}

/// The greatest value that falls into `cell`, milliseconds.
#[must_use]
pub const fn cell_highest_ms(cell: u16) -> Millis {
    cell_lowest_ms(cell) + (1 << cell_bucket(cell)) - 1
}

/// The least value that falls into `cell`, milliseconds.
#[must_use]
pub const fn cell_lowest_ms(cell: u16) -> Millis {
    let bucket = cell_bucket(cell);
    ((cell as i64) - (bucket * HALF_COUNT) as i64) << bucket
}

const fn cell_bucket(cell: u16) -> usize {
    (cell as usize / HALF_COUNT).saturating_sub(1)
}

/// How many values fell into each cell.
#[derive(Clone, Debug)]
pub enum Cells {
    /// Sorted (cell, count) pairs.
    Sparse(Vec<(u16, u32)>),
    /// Counts of the cells from `base` on.
    Dense {
        /// The first cell in `counts`.
        base: u16,
        /// One count per cell.
        counts: Vec<u32>,
    },
}

impl Default for Cells {
    fn default() -> Self {
        Cells::Sparse(Vec::new())
    }
}

impl PartialEq for Cells {
    /// Equal contents are equal, whichever the form.
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Cells {
    /// Adds `count` values to `cell`.
    pub fn add(&mut self, cell: u16, count: u32) {
        match self {
            Cells::Sparse(pairs) => match pairs.binary_search_by_key(&cell, |pair| pair.0) {
                Ok(at) => pairs[at].1 = pairs[at].1.saturating_add(count),
                Err(at) if pairs.len() < SPARSE_MAX => pairs.insert(at, (cell, count)),
                Err(_) => {
                    self.densify();
                    self.add(cell, count);
                }
            },
            Cells::Dense { base, counts } => {
                let slot = dense_slot(base, counts, cell);
                *slot = slot.saturating_add(count);
            }
        }
    }

    /// Takes `count` values out of `cell`; more than are there leave none.
    pub fn subtract(&mut self, cell: u16, count: u32) {
        match self {
            Cells::Sparse(pairs) => {
                if let Ok(at) = pairs.binary_search_by_key(&cell, |pair| pair.0) {
                    pairs[at].1 = pairs[at].1.saturating_sub(count);
                    if pairs[at].1 == 0 {
                        pairs.remove(at);
                    }
                }
            }
            Cells::Dense { base, counts } => {
                let slot = cell.checked_sub(*base).and_then(|at| counts.get_mut(at as usize));
                if let Some(slot) = slot {
                    *slot = slot.saturating_sub(count);
                }
            }
        }
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Cells) {
        for (cell, count) in other.iter() {
            self.add(cell, count);
        }
    }

    /// The cells in use and their counts, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (u16, u32)> + '_ {
        let (pairs, base, counts): (&[(u16, u32)], u16, &[u32]) = match self {
            Cells::Sparse(pairs) => (pairs, 0, &[]),
            Cells::Dense { base, counts } => (&[], *base, counts),
        };
        let dense = counts.iter().enumerate().map(move |(at, count)| (base + at as u16, *count));
        pairs.iter().copied().chain(dense).filter(|pair| pair.1 > 0)
    }

    /// How many cells are kept, those among them that are empty included.
    #[must_use]
    pub const fn used(&self) -> usize {
        match self {
            Cells::Sparse(pairs) => pairs.len(),
            Cells::Dense { counts, .. } => counts.len(),
        }
    }

    fn densify(&mut self) {
        if let Cells::Sparse(pairs) = self {
            let base = pairs.first().map_or(0, |pair| pair.0);
            let last = pairs.last().map_or(0, |pair| pair.0);
            let mut counts = vec![0; usize::from(last - base) + 1];
            for (cell, count) in pairs.iter() {
                counts[usize::from(cell - base)] = *count;
            }
            *self = Cells::Dense { base, counts };
        }
    }
}

/// The counter of `cell`, the array grown to hold it.
fn dense_slot<'a>(base: &mut u16, counts: &'a mut Vec<u32>, cell: u16) -> &'a mut u32 {
    if cell < *base {
        let missing = usize::from(*base - cell);
        counts.splice(0..0, std::iter::repeat_n(0, missing));
        *base = cell;
    }
    let at = usize::from(cell - *base);
    if at >= counts.len() {
        counts.resize(at + 1, 0);
    }
    &mut counts[at]
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::Histogram;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn cells_are_those_of_the_hdr_crate(value in 0..=HIGHEST_MS) {
            let histogram = Histogram::<u32>::new_with_bounds(1, HIGHEST_MS as u64, SIGNIFICANT_DIGITS).unwrap();
            let cell = cell_of(value);
            prop_assert_eq!(cell_lowest_ms(cell) as u64, histogram.lowest_equivalent(value as u64));
            prop_assert_eq!(cell_highest_ms(cell) as u64, histogram.highest_equivalent(value as u64));
        }

        #[test]
        fn what_is_added_in_any_order_and_form_is_the_same(values in prop::collection::vec(0..400_000i64, 0..300)) {
            let mut forward = Cells::default();
            let mut backward = Cells::default();
            values.iter().for_each(|value| forward.add(cell_of(*value), 1));
            values.iter().rev().for_each(|value| backward.add(cell_of(*value), 1));
            prop_assert_eq!(&forward, &backward);
            let mut both = forward.clone();
            both.merge(&backward);
            values.iter().for_each(|value| both.subtract(cell_of(*value), 1));
            prop_assert_eq!(&both, &forward);
        }
    }
}
