//! Everything that is known of one group in one pane: what formulas are computed from.
//!
//! It must never know a formula, a record or a metric.

use super::groups::SetFamily;
use super::rules::Formula;
use crate::measure::aggregate::{Aggregate, LevelFigures};
use crate::measure::batch::NowLevels;
use crate::measure::distribution::Distribution;
use crate::measure::ids::{Count, Level, Span, Tally};
use crate::time::Millis;
use crate::time::window::Pane;
use std::borrow::Cow;

/// Everything that is known of one group in one pane.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Counts, tallies and durations.
    pub aggregate: &'a Aggregate,
    /// Levels by [`Level::index`], over the whole pane.
    pub levels: &'a [LevelFigures; Level::LEN],
    /// The window's place in time.
    pub pane: Pane,
    /// Which measurements the grouping set takes.
    pub family: SetFamily,
    /// Whether the set tells queues apart.
    pub has_queue: bool,
    /// Whether the set tells channels apart.
    pub has_channel: bool,
    /// How the service level is computed here.
    pub formula: Formula,
    /// `contacts_created` of the tenant in this pane, for `volume_share`.
    pub tenant_created: Option<i64>,
    /// Levels of now; only for live output.
    pub live: Option<NowLevels>,
    /// Agents that serve the queue by [`Level::index`]; only for live output of a queue.
    pub serving: Option<[i64; Level::LEN]>,
}

impl<'a> Facts<'a> {
    /// A count.
    #[must_use]
    pub const fn count(&self, count: Count) -> i64 {
        self.aggregate.count(count)
    }

    /// A tally, over all thresholds.
    #[must_use]
    pub fn tally(&self, tally: Tally) -> i64 {
        self.aggregate.tally(tally)
    }

    /// Sum in milliseconds and number of the values of a duration.
    #[must_use]
    pub fn sum(&self, span: Span) -> (Millis, i64) {
        let sums = self.aggregate.span(span).map(|values| (values.sum_ms, values.count));
        sums.map_or((0, 0), |(sum_ms, count)| (sum_ms, i64::try_from(count).unwrap_or(i64::MAX)))
    }

    /// Area of a level: value × milliseconds.
    #[must_use]
    pub const fn area_ms(&self, level: Level) -> Millis {
        self.levels[level.index()].area_ms
    }

    /// The values of several durations as one distribution; `None` where there are none.
    #[must_use]
    pub fn union(&self, spans: &[Span]) -> Option<Cow<'a, Distribution>> {
        let mut found = spans.iter().filter_map(|span| self.aggregate.span(*span));
        let mut union = Cow::Borrowed(found.next()?);
        for more in found {
            union.to_mut().merge(more);
        }
        Some(union)
    }

    /// The threshold of the given tallies in milliseconds, where exactly one occurs among them.
    #[must_use]
    pub fn threshold_ms(&self, tallies: &[Tally]) -> Option<Millis> {
        let mut one = None;
        for (_, threshold_ms, _) in
            self.aggregate.tallies().iter().filter(|entry| entry.2 != 0 && tallies.contains(&entry.0))
        {
            match one {
                None => one = Some(*threshold_ms),
                Some(seen) if seen == *threshold_ms => {}
                Some(_) => return None,
            }
        }
        one
    }
}

/// Facts of invented groups, for the tests of this room.
#[cfg(test)]
pub(super) mod samples {
    use super::*;
    use crate::measure::delta::Delta;
    use crate::time::EventMs;
    use crate::time::window::Slice;

    /// 2026-01-05T09:30:00Z.
    pub const START: EventMs = EventMs(1_767_605_400_000);

    /// An aggregate of these sums.
    pub fn aggregate(
        counts: &[(Count, i64)],
        tallies: &[(Tally, Millis, i64)],
        values: &[(Span, Millis)],
    ) -> Aggregate {
        let delta = Delta {
            counts: counts.to_vec(),
            tallies: tallies.to_vec(),
            values: values.to_vec(),
            levels: vec![],
        };
        let mut aggregate = Aggregate::default();
        aggregate.add(&delta, Slice::of(START), START);
        aggregate
    }

    /// Levels that are 0 but for these areas.
    pub fn levels(areas: &[(Level, Millis)]) -> [LevelFigures; Level::LEN] {
        let mut levels = [LevelFigures::default(); Level::LEN];
        for (level, area_ms) in areas {
            levels[level.index()] = LevelFigures { last: 1, max: 2, area_ms: *area_ms };
        }
        levels
    }

    /// Facts of the set `tenant` in a pane of 15 min.
    pub fn facts<'a>(aggregate: &'a Aggregate, levels: &'a [LevelFigures; Level::LEN]) -> Facts<'a> {
        Facts {
            aggregate,
            levels,
            pane: Pane { start: START, end: START.plus(900_000) },
            family: SetFamily::Both,
            has_queue: false,
            has_channel: false,
            formula: Formula::default(),
            tenant_created: None,
            live: None,
            serving: None,
        }
    }
}
