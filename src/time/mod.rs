//! Kinds of time, kept apart.
//!
//! [`EventMs`] is what an event says of itself; [`WallMs`] is what a clock of ours said. The core
//! computes with both but reads no clock: each comes in as an argument.

pub mod window;

use std::fmt;

/// A span in milliseconds.
pub type Millis = i64;

/// Milliseconds of a second.
pub const SECOND_MS: Millis = 1_000;
/// Milliseconds of a minute.
pub const MINUTE_MS: Millis = 60 * SECOND_MS;
/// Milliseconds of an hour.
pub const HOUR_MS: Millis = 60 * MINUTE_MS;
/// Milliseconds of a day of 24 hours.
pub const DAY_MS: Millis = 24 * HOUR_MS;

/// Event time: milliseconds since the Unix epoch, as the event states it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventMs(pub i64);

/// Wall time: milliseconds since the Unix epoch, as a clock of ours (or the broker's) states it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WallMs(pub i64);

impl EventMs {
    /// The least time: earlier than every event.
    pub const MIN: EventMs = EventMs(i64::MIN);

    /// This time moved by `span_ms`, stopping at the ends of the range.
    #[must_use]
    pub const fn plus(self, span_ms: Millis) -> EventMs {
        EventMs(self.0.saturating_add(span_ms))
    }

    /// Milliseconds from `earlier` to this time; negative if it is in fact later.
    #[must_use]
    pub const fn since(self, earlier: EventMs) -> Millis {
        self.0.saturating_sub(earlier.0)
    }
}

impl WallMs {
    /// Milliseconds from `then` to this time; negative where the clock was set back meanwhile.
    #[must_use]
    pub const fn since(self, then: WallMs) -> Millis {
        self.0.saturating_sub(then.0)
    }

    /// Whether what was done at `then` is due again `span_ms` later. A clock that was set back says nothing of how long
    /// ago that was: it is due, else it would wait until the clock is where it was.
    #[must_use]
    pub const fn is_due(self, then: WallMs, span_ms: Millis) -> bool {
        let passed_ms = self.since(then);
        passed_ms >= span_ms || passed_ms < 0
    }
}

impl fmt::Display for EventMs {
    /// RFC 3339 in UTC with milliseconds where there are any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_rfc3339(self.0, f)
    }
}

impl fmt::Display for WallMs {
    /// RFC 3339 in UTC with milliseconds where there are any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_rfc3339(self.0, f)
    }
}

fn write_rfc3339(ms: i64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(timestamp) => write!(f, "{timestamp}"),
        Err(_) => write!(f, "{ms}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_a_clock_is_due_once_it_was_set_back() {
        let then = WallMs(1_767_600_000_000);
        for (now_ms, due) in [(0, false), (999, false), (1_000, true), (-1, true), (-31_536_000_000, true)] {
            assert_eq!(WallMs(then.0 + now_ms).is_due(then, 1_000), due, "{now_ms}");
        }
        assert!(then.is_due(WallMs(i64::MIN), 1_000));
    }
}
