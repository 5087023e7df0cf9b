//! What is planned: turns in order of (time, sequence).
//!
//! It knows nothing of what a turn does. The sequence makes the order total, so that a seed has one
//! course only.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::time::EventMs;

/// A contact's place and the serial number it must still have; else the turn is stale and is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ContactRef {
    pub slot: usize,
    pub serial: u64,
}

/// How a wait ends without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum WaitEnd {
    GivesUp,
    Overflows,
    AsksCallback,
}

/// How a ring ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RingEnd {
    Answered,
    Missed,
    Rejected,
}

/// One thing that happens to one contact, agent or queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Turn {
    Arrival { lane: usize },
    MenuLeft { contact: ContactRef },
    MenuPassed { contact: ContactRef },
    CallbackDue { contact: ContactRef },
    WaitOver { contact: ContactRef, end: WaitEnd },
    RingOver { contact: ContactRef, end: RingEnd },
    HoldBegins { contact: ContactRef },
    HoldOver { contact: ContactRef },
    MessageDue { contact: ContactRef },
    TalkOver { contact: ContactRef },
    WrapUpOver { agent: usize, serial: u64 },
    AgentReturns { agent: usize, serial: u64 },
    BreakDue { agent: usize, planned: usize },
    ShiftBegins { agent: usize, elapsed_ms: i64 },
    ShiftEnds { agent: usize },
    Heartbeat { agent: usize, session: u64 },
    IncidentBegins { incident: usize },
}

/// The planned turns, earliest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Agenda {
    turns: BinaryHeap<Reverse<(EventMs, u64, Turn)>>,
    planned: u64,
}

impl Agenda {
    pub(super) fn plan(&mut self, time: EventMs, turn: Turn) {
        self.planned += 1;
        self.turns.push(Reverse((time, self.planned, turn)));
    }

    /// The time of the earliest turn.
    pub(super) fn next_time(&self) -> Option<EventMs> {
        self.turns.peek().map(|Reverse((time, ..))| *time)
    }

    pub(super) fn pop(&mut self) -> Option<(EventMs, Turn)> {
        self.turns.pop().map(|Reverse((time, _, turn))| (time, turn))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_of_one_time_come_in_the_order_they_were_planned() {
        let mut agenda = Agenda::default();
        agenda.plan(EventMs(5), Turn::ShiftEnds { agent: 2 });
        agenda.plan(EventMs(5), Turn::Arrival { lane: 1 });
        agenda.plan(EventMs(4), Turn::ShiftEnds { agent: 9 });
        assert_eq!(agenda.next_time(), Some(EventMs(4)));
        let order: Vec<Turn> = std::iter::from_fn(|| agenda.pop().map(|(_, turn)| turn)).collect();
        let expected =
            [Turn::ShiftEnds { agent: 9 }, Turn::ShiftEnds { agent: 2 }, Turn::Arrival { lane: 1 }];
        assert_eq!(order, expected);
    }
}
