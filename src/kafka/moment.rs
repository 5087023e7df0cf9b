//! A moment on two clocks: one that nobody sets but that may stand while the machine sleeps, and the wall clock.
//!
//! Must never know what happened at it.

use super::clock::wall_now;
use crate::time::WallMs;
use std::time::{Duration, Instant};

/// When something was.
#[derive(Clone, Copy, Debug)]
pub struct Moment(Instant, WallMs);

impl Moment {
    /// This moment.
    pub fn now() -> Moment {
        Moment(Instant::now(), wall_now())
    }

    /// Whether more than `span` may have passed since, by either clock; also where the wall clock was set back.
    pub fn is_long_ago(&self, span: Duration) -> bool {
        self.was_long_before(&Moment::now(), span)
    }

    fn was_long_before(&self, now: &Moment, span: Duration) -> bool {
        let wall_ms = now.1.since(self.1);
        let span_ms = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        now.0.saturating_duration_since(self.0) > span || wall_ms > span_ms || wall_ms < 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_clock_tells_that_it_was_long_ago() {
        let span = Duration::from_secs(5);
        let (instant, wall) = (Instant::now(), WallMs(1_000_000));
        let then = Moment(instant, wall);
        let later = |seconds: u64, wall_ms: i64| {
            Moment(instant + Duration::from_secs(seconds), WallMs(1_000_000 + wall_ms))
        };
        assert!(!then.was_long_before(&later(5, 5_000), span));
        assert!(then.was_long_before(&later(6, 5_000), span), "a process that was suspended");
        assert!(then.was_long_before(&later(1, 5_001), span), "a machine that slept");
        assert!(then.was_long_before(&later(1, -1), span), "a clock that was set back says nothing");
    }
}
