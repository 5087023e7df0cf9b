//! What became of each record read: exactly one result each, counted over the partition's life.

use crate::event::ALL_REASONS;

/// Side counts of a partition: cumulative, none of them a result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SideCounts {
    /// Enumeration values that became `other`.
    pub unknown_values: u64,
    /// Contacts whose end is missing.
    pub expired: u64,
    /// Events that would have opened a contact or an agent beyond the maximum.
    pub refused: u64,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordResult {
    /// It moved state as its type says.
    Folded,
    /// Its id was seen before.
    Duplicate,
    /// Too old to be measured.
    Late,
    /// The same, but only because a mark of idleness had moved the watermark.
    LateAfterIdle,
    /// No event; why.
    Rejected(&'static str),
    /// Its type is not one of the contract's.
    UnknownType,
    /// Its contact is not known.
    UnknownContact,
    /// It does not fit the state of its contact or agent.
    Inconsistent,
}

/// The rows that counts are kept in: (result, reason).
pub const ROWS: [(&str, &str); 7] = [
    ("folded", ""),
    ("duplicate", ""),
    ("late", "late"),
    ("late", "late_after_idle"),
    ("unknown_type", ""),
    ("unknown_contact", ""),
    ("inconsistent", ""),
];

const ROWS_LEN: usize = ROWS.len() + ALL_REASONS.len();

/// Counts of records by result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conservation {
    counts: [u64; ROWS_LEN],
}

impl Default for Conservation {
    fn default() -> Self {
        Conservation { counts: [0; ROWS_LEN] }
    }
}

impl Conservation {
    /// Counts one record.
    pub fn count(&mut self, result: RecordResult) {
        let row = match result {
            RecordResult::Folded => 0,
            RecordResult::Duplicate => 1,
            RecordResult::Late => 2,
            RecordResult::LateAfterIdle => 3,
            RecordResult::UnknownType => 4,
            RecordResult::UnknownContact => 5,
            RecordResult::Inconsistent => 6,
            RecordResult::Rejected(reason) => {
                ROWS.len() + ALL_REASONS.iter().position(|known| *known == reason).unwrap_or(0)
            }
        };
        self.counts[row] += 1;
    }

    /// All counts as (result, reason, records), in a fixed order.
    #[must_use]
    pub fn rows(&self) -> Vec<(&'static str, &'static str, u64)> {
        let rejected = ALL_REASONS.iter().map(|reason| ("rejected", *reason));
        let rows = ROWS.into_iter().chain(rejected);
        rows.zip(self.counts).map(|((result, reason), count)| (result, reason, count)).collect()
    }

    /// The counts alone, in the order of [`Conservation::rows`].
    #[must_use]
    pub const fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Sets the counts, as a state record kept them; missing ones are 0.
    pub fn restore(&mut self, counts: impl Iterator<Item = u64>) {
        for (slot, count) in self.counts.iter_mut().zip(counts) {
            *slot = count;
        }
    }

    /// All records.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}
