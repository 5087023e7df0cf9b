//! A duration measure: count, sum, min and max exact; HDR cells for quantiles only.
//!
//! Merging is associative and commutative with the empty one as neutral element.

use super::cells::{Cells, HIGHEST_MS, SIGNIFICANT_DIGITS, cell_highest_ms, cell_of};
use crate::time::Millis;

/// The distribution of one duration in one group and window.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    /// Values recorded.
    pub count: u64,
    /// Their sum, milliseconds.
    pub sum_ms: i64,
    /// The least, milliseconds; meaningless while empty.
    pub min_ms: Millis,
    /// The greatest, milliseconds; meaningless while empty.
    pub max_ms: Millis,
    /// Values beyond the bounds, counted in the outermost cell.
    pub clamped: u64,
    cells: Cells,
}

impl Default for Distribution {
    fn default() -> Self {
        Distribution {
            count: 0,
            sum_ms: 0,
            min_ms: Millis::MAX,
            max_ms: Millis::MIN,
            clamped: 0,
            cells: Cells::default(),
        }
    }
}

impl Distribution {
    /// Records a value. One outside 0 .. 90 d counts in the nearest cell and as clamped.
    pub fn record(&mut self, value_ms: Millis) {
        let clamped_ms = value_ms.clamp(0, HIGHEST_MS);
        self.count += 1;
        self.sum_ms = self.sum_ms.saturating_add(value_ms);
        self.min_ms = self.min_ms.min(value_ms);
        self.max_ms = self.max_ms.max(value_ms);
        self.clamped += u64::from(clamped_ms != value_ms);
        self.cells.add(cell_of(clamped_ms), 1);
    }

    /// Takes a recorded value out again; min and max are left to the caller, who knows what remains.
    pub fn withdraw(&mut self, value_ms: Millis) {
        let clamped_ms = value_ms.clamp(0, HIGHEST_MS);
        self.count = self.count.saturating_sub(1);
        self.sum_ms = self.sum_ms.saturating_sub(value_ms);
        self.clamped = self.clamped.saturating_sub(u64::from(clamped_ms != value_ms));
        self.cells.subtract(cell_of(clamped_ms), 1);
    }

    /// Adds all values of `other`.
    pub fn merge(&mut self, other: &Distribution) {
        self.count += other.count;
        self.sum_ms = self.sum_ms.saturating_add(other.sum_ms);
        self.min_ms = self.min_ms.min(other.min_ms);
        self.max_ms = self.max_ms.max(other.max_ms);
        self.clamped += other.clamped;
        self.cells.merge(&other.cells);
    }

    /// Whether nothing was recorded.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The cells behind the quantiles.
    #[must_use]
    pub const fn cells(&self) -> &Cells {
        &self.cells
    }

    /// Rebuilds a distribution from its parts, as state records keep them.
    #[must_use]
    pub fn from_parts(
        count: u64,
        sum_ms: i64,
        bounds_ms: (Millis, Millis),
        clamped: u64,
        cells: Cells,
    ) -> Self {
        Distribution { count, sum_ms, min_ms: bounds_ms.0, max_ms: bounds_ms.1, clamped, cells }
    }

    /// Quantiles by nearest rank: for each q in `quantiles` (ascending, 0..=1 in thousandths) the highest value of
    /// the cell that holds the ceil(q·n)-th smallest, clamped to the exact min and max. Milliseconds.
    ///
    /// Absent (`None`) for an empty distribution.
    #[must_use]
    pub fn quantiles_ms<const N: usize>(&self, quantiles: [u32; N]) -> Option<[Millis; N]> {
        if self.is_empty() {
            return None;
        }
        let mut values = [self.max_ms; N];
        let mut next = 0;
        let mut seen = 0u64;
        for (cell, count) in self.cells.iter() {
            seen += u64::from(count);
            while next < N && seen >= rank(quantiles[next], self.count) {
                values[next] = cell_highest_ms(cell).clamp(self.min_ms, self.max_ms);
                next += 1;
            }
        }
        Some(values)
    }

    /// The cells in the HDR V2 form (milliseconds), for consumers that merge them. Written from the cells in use: a
    /// histogram of the library's own would be 14 KB to clear and to walk for each.
    #[must_use]
    pub fn hdr_v2(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64 + 3 * self.cells.used());
        bytes.extend_from_slice(&HDR_COOKIE.to_be_bytes());
        // The length of the counts, and the offset of the first.
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(&u32::from(SIGNIFICANT_DIGITS).to_be_bytes());
        bytes.extend_from_slice(&1u64.to_be_bytes());
        bytes.extend_from_slice(&(HIGHEST_MS as u64).to_be_bytes());
        bytes.extend_from_slice(&1f64.to_be_bytes());
        let head = bytes.len();
        let mut next = 0;
        for (cell, count) in self.cells.iter() {
            // Several empty cells are one negative number, a single one is a 0.
            match i64::from(cell) - next {
                0 => {}
                1 => hdr_number(0, &mut bytes),
                empty => hdr_number(-empty, &mut bytes),
            }
            hdr_number(i64::from(count), &mut bytes);
            next = i64::from(cell) + 1;
        }
        if next == 0 {
            hdr_number(0, &mut bytes);
        }
        let length = (bytes.len() - head) as u32;
        bytes[4..8].copy_from_slice(&length.to_be_bytes());
        bytes
    }
}

/// What HDR bytes of version 2 begin with.
const HDR_COOKIE: u32 = 0x1c84_9303 | 0x10;

/// A signed number in zigzag form, seven bits a byte.
fn hdr_number(value: i64, out: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest > 0x7f {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// The nearest rank of a quantile given in thousandths among `count` values, from 1.
fn rank(quantile_thousandths: u32, count: u64) -> u64 {
    (u64::from(quantile_thousandths) * count).div_ceil(1_000).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};
    use proptest::prelude::*;

    fn of(values: &[i64]) -> Distribution {
        let mut distribution = Distribution::default();
        values.iter().for_each(|value| distribution.record(*value));
        distribution
    }

    #[test]
    fn one_value_reads_back_exactly() {
        assert_eq!(of(&[12_000]).quantiles_ms([500, 990]), Some([12_000, 12_000]));
        assert_eq!(Distribution::default().quantiles_ms([500]), None);
    }

    #[test]
    fn values_beyond_the_bounds_are_clamped_and_counted() {
        let distribution = of(&[-5, HIGHEST_MS + 1, 7]);
        assert_eq!((distribution.clamped, distribution.min_ms), (2, -5));
        assert_eq!(distribution.max_ms, HIGHEST_MS + 1);
    }

    #[test]
    fn the_hdr_form_holds_the_same_cells() {
        let distribution = of(&[5, 5, 900, 120_000]);
        let bytes = distribution.hdr_v2();
        let histogram: Histogram<u32> = Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
        assert_eq!(histogram.len(), 4);
        assert_eq!(histogram.count_at(5), 2);
        assert_eq!(histogram.count_at(120_000), 1);
    }

    proptest! {
        #[test]
        fn the_hdr_bytes_are_those_of_the_library(
            few in prop::collection::vec(0..3_000i64, 0..40),
            many in prop::collection::vec(0..HIGHEST_MS + 9, 0..80),
            often in 0..70_000u32,
        ) {
            let mut distribution = of(&[few, many].concat());
            distribution.cells.add(77, often);
            let mut histogram = Histogram::<u32>::new_with_bounds(1, HIGHEST_MS as u64, SIGNIFICANT_DIGITS).unwrap();
            for (cell, count) in distribution.cells.iter() {
                histogram.record_n(cell_highest_ms(cell) as u64, count).unwrap();
            }
            let mut bytes = Vec::new();
            V2Serializer::new().serialize(&histogram, &mut bytes).unwrap();
            prop_assert_eq!(distribution.hdr_v2(), bytes);
        }

        #[test]
        fn merging_is_associative_commutative_and_has_a_neutral(
            a in prop::collection::vec(0..9_000_000i64, 0..80),
            b in prop::collection::vec(0..9_000_000i64, 0..80),
            c in prop::collection::vec(0..9_000_000i64, 0..80),
        ) {
            let (a, b, c) = (of(&a), of(&b), of(&c));
            let merged = |x: &Distribution, y: &Distribution| { let mut z = x.clone(); z.merge(y); z };
            prop_assert_eq!(merged(&a, &b), merged(&b, &a));
            prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
            prop_assert_eq!(merged(&a, &Distribution::default()), a);
        }

        #[test]
        fn quantiles_are_within_one_percent_of_the_nearest_rank(
            mut values in prop::collection::vec(0..90_000_000i64, 1..500),
        ) {
            let distribution = of(&values);
            values.sort_unstable();
            let found = distribution.quantiles_ms([500, 900, 950, 990]).unwrap();
            for (quantile, found) in [500u32, 900, 950, 990].into_iter().zip(found) {
                let exact = values[(rank(quantile, values.len() as u64) - 1) as usize];
                prop_assert!(found >= exact && found <= exact + exact / 100 + 1, "{exact} {found}");
            }
        }
    }
}
