//! The wall clock, read in this room only where an input needs it, and what of it is believed after it jumped.
//!
//! Paces and deadlines of this room are of the monotonic clock and do not know of jumps. Must never know: events.

use crate::time::{Millis, SECOND_MS, WallMs};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A wall clock that is further than this from where the monotonic clock says it should be has jumped.
const JUMP_MS: Millis = 10 * SECOND_MS;
/// A clock that jumped is believed after this: by then a slip was set right, and a correction has stayed.
const BELIEVED_AFTER: Duration = Duration::from_mins(1);

/// What the clock says; a clock before 1970 says 0.
#[must_use]
pub fn wall_now() -> WallMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The least and the greatest that the time may be: the same but for a while after a jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// For marks of idleness: time moved too far makes every later event late.
    pub least: WallMs,
    /// For the check of the future: an event refused wrongly is lost to the figures.
    pub greatest: WallMs,
}

/// The wall clock watched by the monotonic one.
#[derive(Debug)]
pub struct WatchedClock {
    believed: (WallMs, Instant),
    jumped: Option<Instant>,
}

impl WatchedClock {
    /// Believes what the clock says now.
    #[must_use]
    pub fn new() -> WatchedClock {
        WatchedClock { believed: (wall_now(), Instant::now()), jumped: None }
    }

    /// Reads it.
    pub fn read(&mut self) -> Reading {
        self.judge(wall_now(), Instant::now())
    }

    fn judge(&mut self, wall: WallMs, now: Instant) -> Reading {
        let (then, at) = self.believed;
        let passed = now.saturating_duration_since(at).as_millis();
        let expected = WallMs(then.0.saturating_add(i64::try_from(passed).unwrap_or(i64::MAX)));
        let apart_ms = wall.since(expected);
        let believed = match self.jumped {
            _ if apart_ms.abs() <= JUMP_MS => true,
            Some(since) => now.saturating_duration_since(since) >= BELIEVED_AFTER,
            None => {
                tracing::warn!(apart_ms, "the clock jumped; if it stays so it is believed in a minute");
                self.jumped = Some(now);
                false
            }
        };
        if believed {
            // Followed at each reading, so that a clock that is slewed never counts as jumping.
            self.believed = (wall, now);
            self.jumped = None;
            return Reading { least: wall, greatest: wall };
        }
        Reading { least: wall.min(expected), greatest: wall.max(expected) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_767_614_400_000;
    const YEAR_S: i64 = 365 * 86_400;

    /// Reads after so many seconds, with the wall clock so many seconds ahead; least and greatest in seconds from the
    /// true time.
    fn readings(script: &[(u64, i64)]) -> Vec<(i64, i64)> {
        let began = Instant::now();
        let mut clock = WatchedClock { believed: (WallMs(NOON), began), jumped: None };
        let mut read = |(after_s, ahead_s): &(u64, i64)| {
            let true_ms = NOON + *after_s as i64 * 1_000;
            let at = began + Duration::from_secs(*after_s);
            let Reading { least, greatest } = clock.judge(WallMs(true_ms + ahead_s * 1_000), at);
            ((least.0 - true_ms) / 1_000, (greatest.0 - true_ms) / 1_000)
        };
        script.iter().map(&mut read).collect()
    }

    #[test]
    fn a_slip_that_is_set_right_moves_neither_idleness_nor_the_future_check_the_wrong_way() {
        let script = [(1, 0), (2, YEAR_S), (30, YEAR_S), (31, 0), (32, -86_400), (40, -86_400), (41, 0)];
        let expected = [(0, 0), (0, YEAR_S), (0, YEAR_S), (0, 0), (-86_400, 0), (-86_400, 0), (0, 0)];
        assert_eq!(readings(&script), expected);
    }

    #[test]
    fn a_correction_that_stays_is_believed_after_a_minute() {
        let script = [(1, 0), (2, 3_600), (61, 3_600), (62, 3_600), (63, 3_601)];
        assert_eq!(readings(&script), [(0, 0), (0, 3_600), (0, 3_600), (3_600, 3_600), (3_601, 3_601)]);
    }

    #[test]
    fn a_clock_that_is_slewed_or_read_seldom_does_not_jump() {
        let slewed: Vec<(u64, i64)> = (1..100).map(|at| (at * 10, at as i64 * 5)).collect();
        assert!(readings(&slewed).iter().zip(&slewed).all(|(read, (_, ahead))| *read == (*ahead, *ahead)));
        assert_eq!(readings(&[(86_400, 2)]), [(2, 2)]);
    }
}
