//! Window arithmetic: the one place that turns a moment into slices and windows.
//!
//! Pure, signed (`rem_euclid`, so moments before the epoch are right too), and aware of time zones:
//! a calendar day runs from one reset hour to the next in a zone and may last 23 or 25 hours.
//! It knows nothing of what is counted.

use super::{DAY_MS, EventMs, HOUR_MS, MINUTE_MS, Millis, SECOND_MS};
use jiff::{Timestamp, ToSpan, civil, tz::TimeZone};

/// Length of a slice: the grain of deltas, sliding windows and levels.
pub const SLICE_MS: Millis = 10 * SECOND_MS;

/// Windows at least this long accept late events after they were final, and are corrected.
pub const CORRECTABLE_MS: Millis = 15 * MINUTE_MS;

/// A slice: `[index × SLICE_MS, (index + 1) × SLICE_MS)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slice(pub i64);

impl Slice {
    /// The slice that contains `at`.
    #[must_use]
    pub const fn of(at: EventMs) -> Slice {
        Slice(at.0.div_euclid(SLICE_MS))
    }

    /// The first moment of the slice.
    #[must_use]
    pub const fn start(self) -> EventMs {
        EventMs(self.0.saturating_mul(SLICE_MS))
    }

    /// The first moment after the slice.
    #[must_use]
    pub const fn end(self) -> EventMs {
        EventMs(self.0.saturating_add(1).saturating_mul(SLICE_MS))
    }
}

/// What shape a window has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WindowKind {
    /// Fixed length, back to back, aligned to the epoch.
    Tumbling {
        /// Length in milliseconds; a multiple of the slice.
        length_ms: Millis,
    },
    /// Fixed length, ends at each slice edge.
    Sliding {
        /// Length in milliseconds; a multiple of the slice.
        length_ms: Millis,
    },
    /// A calendar day of the tenant's zone, from reset hour to reset hour.
    Day,
}

impl WindowKind {
    /// The word for it in records and configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            WindowKind::Tumbling { .. } => "tumbling",
            WindowKind::Sliding { .. } => "sliding",
            WindowKind::Day => "day",
        }
    }

    /// The usual length in milliseconds (a day: 24 h).
    #[must_use]
    pub const fn length_ms(self) -> Millis {
        match self {
            WindowKind::Tumbling { length_ms } | WindowKind::Sliding { length_ms } => length_ms,
            WindowKind::Day => DAY_MS,
        }
    }

    /// Whether late events correct it after it was final.
    #[must_use]
    pub const fn correctable(self) -> bool {
        !matches!(self, WindowKind::Sliding { .. }) && self.length_ms() >= CORRECTABLE_MS
    }
}

/// A configured window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Unique name: `15m`, `day`.
    pub name: String,
    /// Its shape.
    pub kind: WindowKind,
    /// Least time between two live publications of one group, milliseconds of wall time.
    pub pace_ms: Millis,
}

impl Window {
    /// The windows shipped: `5m` sliding, `15m`, `1h`, `day`.
    #[must_use]
    pub fn shipped() -> Vec<Window> {
        let window = |name: &str, kind, pace_ms| Window { name: name.to_owned(), kind, pace_ms };
        vec![
            window("5m", WindowKind::Sliding { length_ms: 5 * MINUTE_MS }, SECOND_MS),
            window("15m", WindowKind::Tumbling { length_ms: 15 * MINUTE_MS }, SECOND_MS),
            window("1h", WindowKind::Tumbling { length_ms: HOUR_MS }, 5 * SECOND_MS),
            window("day", WindowKind::Day, 30 * SECOND_MS),
        ]
    }
}

/// A window's place in time: `[start, end)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pane {
    /// First moment.
    pub start: EventMs,
    /// First moment after.
    pub end: EventMs,
}

impl Pane {
    /// Length in milliseconds.
    #[must_use]
    pub const fn length_ms(self) -> Millis {
        self.end.since(self.start)
    }
}

/// A tenant's calendar: its zone and the hour at which its day begins.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
    zone_name: String,
    reset_hour: i8,
}

impl Default for Calendar {
    fn default() -> Self {
        Calendar { zone: TimeZone::UTC, zone_name: "UTC".to_owned(), reset_hour: 0 }
    }
}

impl Calendar {
    /// A calendar in the IANA zone `zone_name` whose days begin at `reset_hour` (0..=23).
    ///
    /// # Errors
    /// A fragment that names the zone or hour which is not one.
    pub fn new(zone_name: &str, reset_hour: i8) -> Result<Calendar, String> {
        if !(0..=23).contains(&reset_hour) {
            return Err(format!("reset hour {reset_hour} is not within 0..=23"));
        }
        let zone = TimeZone::get(zone_name)
            .map_err(|_| format!("time zone {zone_name:?} is not an IANA name such as Europe/Berlin"))?;
        Ok(Calendar { zone, zone_name: zone_name.to_owned(), reset_hour })
    }

    /// The zone's IANA name.
    #[must_use]
    pub fn zone_name(&self) -> &str {
        &self.zone_name
    }

    /// The calendar day that contains `at`.
    #[must_use]
    pub fn day_of(&self, at: EventMs) -> Pane {
        self.day_of_zone(at).unwrap_or_else(|| tumbling_of(at, DAY_MS))
    }

    fn day_of_zone(&self, at: EventMs) -> Option<Pane> {
        if self.zone_name == "UTC" && self.reset_hour == 0 {
            return Some(tumbling_of(at, DAY_MS));
        }
        let local = Timestamp::from_millisecond(at.0).ok()?.to_zoned(self.zone.clone());
        let mut date = local.date();
        // Twice where the zone has left out a whole day.
        for _ in 0..2 {
            if at < self.day_start(date)? {
                date = date.checked_sub(1.day()).ok()?;
            }
        }
        let next = date.checked_add(1.day()).ok()?;
        if at >= self.day_start(next)? {
            // A reset hour that a daylight-saving jump moved past this moment.
            return Some(Pane {
                start: self.day_start(next)?,
                end: self.day_start(next.checked_add(1.day()).ok()?)?,
            });
        }
        Some(Pane { start: self.day_start(date)?, end: self.day_start(next)? })
    }

    fn day_start(&self, date: civil::Date) -> Option<EventMs> {
        let zoned = self.zone.to_ambiguous_zoned(date.at(self.reset_hour, 0, 0, 0)).compatible().ok()?;
        Some(EventMs(zoned.timestamp().as_millisecond()))
    }
}

/// The tumbling pane of `length_ms` that contains `at`, aligned to the epoch.
#[must_use]
pub const fn tumbling_of(at: EventMs, length_ms: Millis) -> Pane {
    let start = at.0 - at.0.rem_euclid(length_ms);
    Pane { start: EventMs(start), end: EventMs(start + length_ms) }
}

/// The sliding pane of `length_ms` that ends at the slice edge after `at`.
#[must_use]
pub const fn sliding_of(at: EventMs, length_ms: Millis) -> Pane {
    let end = Slice::of(at).end();
    Pane { start: EventMs(end.0 - length_ms), end }
}

/// The pane of `kind` that `at` belongs to (sliding: the one current at `at`).
#[must_use]
pub fn pane_of(kind: WindowKind, calendar: &Calendar, at: EventMs) -> Pane {
    match kind {
        WindowKind::Tumbling { length_ms } => tumbling_of(at, length_ms),
        WindowKind::Sliding { length_ms } => sliding_of(at, length_ms),
        WindowKind::Day => calendar.day_of(at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> EventMs {
        EventMs(text.parse::<Timestamp>().unwrap().as_millisecond())
    }

    #[test]
    fn slices_and_tumbling_panes_are_right_on_both_sides_of_the_epoch() {
        assert_eq!(Slice::of(EventMs(-1)), Slice(-1));
        assert_eq!(Slice::of(EventMs(9_999)), Slice(0));
        assert_eq!(Slice(-1).end(), EventMs(0));
        let pane = tumbling_of(EventMs(-1), 900_000);
        assert_eq!((pane.start, pane.end), (EventMs(-900_000), EventMs(0)));
    }

    #[test]
    fn a_sliding_pane_ends_at_the_slice_edge_after_the_moment() {
        let pane = sliding_of(EventMs(300_000), 300_000);
        assert_eq!((pane.start, pane.end), (EventMs(10_000), EventMs(310_000)));
    }

    #[test]
    fn days_follow_the_zone_through_daylight_saving() {
        let berlin = Calendar::new("Europe/Berlin", 0).unwrap();
        let spring = berlin.day_of(at("2026-03-29T12:00:00Z"));
        assert_eq!(spring.start, at("2026-03-28T23:00:00Z"));
        assert_eq!(spring.length_ms(), 23 * HOUR_MS);
        let autumn = berlin.day_of(at("2026-10-25T12:00:00Z"));
        assert_eq!(autumn.length_ms(), 25 * HOUR_MS);
    }

    #[test]
    fn days_begin_at_the_reset_hour() {
        let tokyo = Calendar::new("Asia/Tokyo", 5).unwrap();
        let pane = tokyo.day_of(at("2026-01-05T19:59:59Z"));
        assert_eq!(pane.start, at("2026-01-04T20:00:00Z"));
        assert_eq!(pane.end, at("2026-01-05T20:00:00Z"));
    }

    #[test]
    fn each_moment_lies_in_its_own_day_and_days_join_without_gaps() {
        for (zone, reset) in [("America/New_York", 2), ("Asia/Kathmandu", 0), ("Pacific/Apia", 3)] {
            let calendar = Calendar::new(zone, reset).unwrap();
            let mut pane = calendar.day_of(at("2011-12-25T00:00:00Z"));
            for _ in 0..800 {
                assert!(calendar.day_of(EventMs(pane.end.0 - 1)) == pane, "{zone} {pane:?}");
                let next = calendar.day_of(pane.end);
                assert_eq!(next.start, pane.end, "{zone}");
                pane = next;
            }
        }
    }

    #[test]
    fn unknown_zones_and_hours_are_refused() {
        assert!(Calendar::new("Mars/Olympus", 0).is_err());
        assert!(Calendar::new("UTC", 24).is_err());
    }
}
