//! Which partitions wait for slower ones while a worker catches up.
//!
//! After an outage partitions are drained at different speeds; the fastest would leave the slowest far
//! behind in event time and everything joined between them would be held open for long.

use crate::time::{EventMs, Millis};

/// What is known of one partition.
#[derive(Clone, Copy, Debug)]
pub struct Runner {
    /// Greatest event time accepted, if any.
    pub stream_time: Option<EventMs>,
    /// There is nothing to catch up with.
    pub at_end: bool,
    /// It waits now.
    pub waits: bool,
}

/// For each partition whether it should wait: further than `max_ahead_ms` before the slowest one that still
/// has records to read. One that waits goes on when half of that is left, so that it does not stop and go.
#[must_use]
pub fn waits(runners: &[Runner], max_ahead_ms: Millis) -> Vec<bool> {
    let lagging = |runner: &&Runner| !runner.at_end && !runner.waits;
    let slowest = runners.iter().filter(lagging).filter_map(|runner| runner.stream_time).min();
    let judge = |runner: &Runner| {
        let (Some(slowest), Some(own)) = (slowest, runner.stream_time) else { return false };
        let limit_ms = if runner.waits { max_ahead_ms / 2 } else { max_ahead_ms };
        own.since(slowest) > limit_ms
    };
    runners.iter().map(judge).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runner(time_ms: i64, at_end: bool, waits: bool) -> Runner {
        Runner { stream_time: Some(EventMs(time_ms)), at_end, waits }
    }

    #[test]
    fn the_fast_wait_for_the_slowest_that_still_has_records() {
        for (case, runners, expected) in [
            (
                "within the limit",
                vec![runner(0, false, false), runner(100, false, false)],
                vec![false, false],
            ),
            ("beyond it", vec![runner(0, false, false), runner(101, false, false)], vec![false, true]),
            (
                "the slow one is at its end",
                vec![runner(0, true, false), runner(500, false, false)],
                vec![false; 2],
            ),
            (
                "waiting goes on until half",
                vec![runner(0, false, false), runner(60, false, true)],
                vec![false, true],
            ),
            ("and ends there", vec![runner(0, false, false), runner(50, false, true)], vec![false, false]),
            (
                "nobody waits for those that wait",
                vec![runner(0, false, true), runner(500, false, true)],
                vec![false; 2],
            ),
        ] {
            assert_eq!(waits(&runners, 100), expected, "{case}");
        }
    }

    #[test]
    fn a_partition_without_time_neither_waits_nor_is_waited_for() {
        let unknown = Runner { stream_time: None, at_end: false, waits: false };
        assert_eq!(waits(&[unknown, runner(9_999, false, false)], 100), [false, false]);
    }
}
