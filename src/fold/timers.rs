//! Timers on the watermark: which entity is due when.
//!
//! An entity has one timer that counts: the one for the moment that it says itself. Others are passed over
//! when they come up. The order is (moment, entity), so it is the same after a restore.

use crate::time::EventMs;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entity {
    /// A contact by its key.
    Contact(u64),
    /// An agent by its key.
    Agent(u64),
}

/// Timers by moment.
#[derive(Debug, Default)]
pub struct Timers {
    heap: BinaryHeap<Reverse<(EventMs, Entity)>>,
}

impl Timers {
    /// Sets a timer.
    pub fn push(&mut self, due: EventMs, entity: Entity) {
        self.heap.push(Reverse((due, entity)));
    }

    /// Takes the next timer that is due by `watermark`.
    pub fn pop_due(&mut self, watermark: EventMs) -> Option<(EventMs, Entity)> {
        if self.heap.peek()?.0.0 > watermark {
            return None;
        }
        self.heap.pop().map(|timer| timer.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_come_up_in_the_order_of_moment_and_entity() {
        let mut timers = Timers::default();
        timers.push(EventMs(5), Entity::Agent(1));
        timers.push(EventMs(5), Entity::Contact(2));
        timers.push(EventMs(3), Entity::Contact(9));
        timers.push(EventMs(6), Entity::Contact(1));
        let mut seen = Vec::new();
        while let Some((due, entity)) = timers.pop_due(EventMs(5)) {
            seen.push((due.0, entity));
        }
        assert_eq!(seen, [(3, Entity::Contact(9)), (5, Entity::Contact(2)), (5, Entity::Agent(1))]);
    }
}
