//! What is remembered of a contact while its story is told.
//!
//! It must never write anything down.

use super::config::Config;
use super::event::Event;
use super::intake::Step;
use super::ledger::Dims;

/// Rings, and legs, that a contact can have at once.
pub const MOST_AT_ONCE: usize = 16;

/// The moment at which something happens: at an event, or at a timer that a step of the clock fires.
#[derive(Clone, Copy, Debug)]
pub struct Act {
    /// The step of the partition.
    pub step: usize,
    /// The time of the event, or the due time of the timer.
    pub time_ms: i64,
    /// Nothing older is measured; levels change at this time at the earliest.
    pub floor_ms: i64,
    /// Whether nothing at all is measured.
    pub is_late: bool,
}

impl Act {
    /// The moment of an event or timer at `step`.
    pub fn at(config: &Config, steps: &[Step], step: usize, time_ms: i64) -> Act {
        let floor_ms = steps[step].floor_ms(config);
        Act { step, time_ms, floor_ms, is_late: false }
    }

    /// When a level changes by this.
    pub fn level_ms(&self) -> i64 {
        self.time_ms.max(self.floor_ms)
    }
}

/// What a life says of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was used.
    Folded,
    /// It belongs to a contact that nobody knows.
    UnknownContact,
    /// It does not fit.
    Inconsistent,
}

impl Verdict {
    /// The name of the result.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Folded => "folded",
            Verdict::UnknownContact => "unknown_contact",
            Verdict::Inconsistent => "inconsistent",
        }
    }
}

/// A visit to a queue whose wait is not over.
#[derive(Clone, Debug)]
pub struct Visit {
    pub dims: Dims,
    pub queued_ms: i64,
    pub is_first: bool,
    pub threshold_ms: Option<i64>,
    pub waiting: Open,
    pub breaching: Option<Open>,
}

/// A ring that nobody has answered.
#[derive(Clone, Debug)]
pub struct Ring {
    pub agent_id: String,
    pub from_ms: i64,
}

/// What a leg is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Talk,
    Hold,
    Wrapup,
}

/// A leg that is not counted yet.
#[derive(Clone, Debug)]
pub struct Leg {
    pub dims: Dims,
    pub phase: Phase,
    pub since_ms: i64,
    pub phase_step: usize,
    pub talk_ms: i64,
    pub hold_ms: i64,
    pub was_held: bool,
    pub level: Option<Open>,
}

/// A level that is being held.
#[derive(Clone, Debug)]
pub struct Open {
    pub what: &'static str,
    pub from_ms: i64,
    pub dims: Dims,
}

/// Everything remembered of a contact.
#[derive(Clone, Debug, Default)]
pub struct Contact {
    pub is_inbound: bool,
    pub dims: Dims,
    pub opened_ms: i64,
    pub opened_step: usize,
    pub last_event_ms: i64,
    pub last_event_step: usize,
    pub quiet_step: Option<usize>,
    pub is_created: bool,
    pub has_entered: bool,
    pub first_queued_ms: Option<i64>,
    pub visit: Option<Visit>,
    pub rings: Vec<Ring>,
    pub legs: Vec<Leg>,
    pub had_leg: bool,
    pub handled_ms: i64,
    pub last_counted_ms: i64,
    pub has_left: bool,
    pub ended_ms: Option<i64>,
    pub is_completed: bool,
    pub cycle_start_ms: Option<i64>,
    pub has_first_response: bool,
    pub awaiting: Option<Open>,
    pub unanswered_since_ms: Option<i64>,
}

impl Contact {
    /// Ended, and every leg counted.
    pub fn is_over(&self) -> bool {
        self.ended_ms.is_some() && self.legs.is_empty()
    }

    /// Whether its first responses are messages.
    pub fn is_digital(&self) -> bool {
        !matches!(self.dims.channel.as_str(), "voice" | "video" | "callback")
    }

    /// Whether a leg is in talk or hold.
    pub fn is_in_progress(&self) -> bool {
        self.legs.iter().any(|leg| leg.phase != Phase::Wrapup)
    }

    /// Takes over the dimensions that an event names.
    pub fn remember(&mut self, event: &Event) {
        for (field, name) in [
            (&mut self.dims.queue, "queue"),
            (&mut self.dims.team, "team"),
            (&mut self.dims.agent_id, "agent_id"),
        ] {
            if let Some(named) = event.text(name) {
                *field = named;
            }
        }
    }

    /// A contact that this event opens.
    pub fn opened(event: &Event, act: Act) -> Contact {
        let dims = Dims { tenant: event.tenant.clone(), channel: event.channel(), ..Dims::default() };
        Contact {
            is_inbound: event.choice("direction", "inbound") == "inbound",
            dims,
            opened_ms: event.time_ms,
            opened_step: act.step,
            last_event_ms: event.time_ms,
            last_event_step: act.step,
            ..Contact::default()
        }
    }

    /// Notes from which step on nothing is going on in the contact.
    pub fn note_quiet(&mut self, step: usize) {
        let is_quiet = self.is_over() || (self.has_left && self.legs.is_empty());
        self.quiet_step = if is_quiet { self.quiet_step.or(Some(step)) } else { None };
    }
}
