//! The event time of one input partition: stream time, watermark, idleness.
//!
//! Only accepted events and marks of idleness move it, and only forward. It reads no clock: wall time comes
//! with the mark.

use crate::time::{EventMs, Millis, WallMs};

/// The event time of one input partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionClock {
    /// Greatest event time accepted, or the last mark of idleness if that is later.
    pub stream_time: Option<EventMs>,
    /// Greatest event time accepted, marks left out.
    pub event_time: Option<EventMs>,
    /// Whether the last thing that moved it was a mark.
    pub idle: bool,
}

/// How an event stands to the watermark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lateness {
    /// To be measured.
    InTime,
    /// Older than the watermark − `allowed_lateness`.
    Late,
    /// The same, but only because a mark of idleness had moved the watermark.
    LateAfterIdle,
}

impl PartitionClock {
    /// Stream time − `out_of_orderness_ms`; `None` before the first event.
    #[must_use]
    pub fn watermark(&self, out_of_orderness_ms: Millis) -> Option<EventMs> {
        self.stream_time.map(|at| at.plus(-out_of_orderness_ms))
    }

    /// The oldest moment that is still measured, by the watermark as it is now.
    #[must_use]
    pub fn floor(&self, out_of_orderness_ms: Millis, allowed_lateness_ms: Millis) -> EventMs {
        self.watermark(out_of_orderness_ms).map_or(EventMs::MIN, |at| at.plus(-allowed_lateness_ms))
    }

    /// How an event at `time` stands to the watermark before it.
    #[must_use]
    pub fn lateness(
        &self,
        time: EventMs,
        out_of_orderness_ms: Millis,
        allowed_lateness_ms: Millis,
    ) -> Lateness {
        if time >= self.floor(out_of_orderness_ms, allowed_lateness_ms) {
            return Lateness::InTime;
        }
        let by_events = self.event_time.map(|at| at.plus(-out_of_orderness_ms - allowed_lateness_ms));
        if by_events.is_none_or(|floor| time >= floor) { Lateness::LateAfterIdle } else { Lateness::Late }
    }

    /// An event at `time` was accepted.
    pub fn accept(&mut self, time: EventMs) {
        self.idle = false;
        self.event_time = Some(self.event_time.map_or(time, |at| at.max(time)));
        self.advance(time);
    }

    /// The partition has been silent: the wall clock moves the stream time.
    pub fn mark_idle(&mut self, wall: WallMs) {
        self.idle = true;
        self.advance(EventMs(wall.0));
    }

    /// Moves the stream time forward to `time`.
    pub fn advance(&mut self, time: EventMs) {
        self.stream_time = Some(self.stream_time.map_or(time, |at| at.max(time)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_late_only_because_of_a_mark_is_told_apart() {
        let mut clock = PartitionClock::default();
        assert_eq!(clock.lateness(EventMs(0), 5, 100), Lateness::InTime);
        clock.accept(EventMs(1_000));
        assert_eq!(clock.lateness(EventMs(895), 5, 100), Lateness::InTime);
        assert_eq!(clock.lateness(EventMs(894), 5, 100), Lateness::Late);
        clock.mark_idle(WallMs(2_000));
        assert_eq!(clock.lateness(EventMs(1_500), 5, 100), Lateness::LateAfterIdle);
        assert_eq!(clock.lateness(EventMs(894), 5, 100), Lateness::Late);
        clock.accept(EventMs(1_500));
        assert_eq!(clock.stream_time, Some(EventMs(2_000)));
    }
}
