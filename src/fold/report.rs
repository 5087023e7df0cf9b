//! What a partition says of itself: sizes for limits, figures for the service's own metrics.

use super::partition::Fold;
use crate::kpi::groups::Dimension;

/// Rough bytes of a changed entity, and of a fingerprint, in a state record.
const ENTITY_BYTES: usize = 64;
const FINGERPRINT_BYTES: usize = 8;

impl Fold {
    /// Whether nothing was collected since the last commit.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        self.sink.is_empty() && self.changed.is_empty() && self.fingerprints.is_empty()
    }

    /// Rough bytes of the deltas collected since the last commit.
    #[must_use]
    pub const fn collected_bytes(&self) -> usize {
        self.sink.bytes()
    }

    /// Rough bytes of the state changed since the last commit.
    #[must_use]
    pub fn changed_bytes(&self) -> usize {
        self.changed.len() * ENTITY_BYTES + self.fingerprints.len() * FINGERPRINT_BYTES
    }

    /// Names that became `__other__`, by dimension, over the partition's life.
    #[must_use]
    pub const fn names_overflowed(&self) -> [u64; Dimension::LEN] {
        self.places.names.overflow
    }

    /// Sizes and side counts, as (name, value).
    #[must_use]
    pub fn figures(&self) -> Vec<(&'static str, i64)> {
        let horizon_ms = self.clock.stream_time.map_or(0, |at| self.dedup.horizon_ms(at));
        vec![
            ("open_contacts", self.contacts.len() as i64),
            ("open_agents", self.agents.len() as i64),
            ("names", self.places.names.len() as i64),
            ("ids", self.dedup.len() as i64),
            ("ids_horizon_ms", horizon_ms),
            ("ids_closed_early", self.dedup.closed_early as i64),
            ("expired", self.side.expired as i64),
            ("refused", self.side.refused as i64),
            ("unknown_values", self.side.unknown_values as i64),
        ]
    }
}
