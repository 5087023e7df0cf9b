//! A contact: one customer request on one channel, as the fold remembers it.
//!
//! State only; what events do to it stands in the `life` files. Integers and ids, so that its state record is exact.

use super::sink::Dims;
use crate::event::Channel;
use crate::time::{EventMs, Millis};

/// Rings and legs kept per contact at most.
pub const PARTIES_MAX: usize = 16;

/// A contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Its medium, fixed by the event that opened it.
    pub channel: Channel,
    /// Whether it is inbound: only then it is measured.
    pub inbound: bool,
    /// Remembered dimensions.
    pub dims: Dims,
    /// Keyed hash of the agent named last; 0: none was.
    pub agent_key: u64,
    /// Time of the event that opened it.
    pub first: EventMs,
    /// Time of the latest event.
    pub last: EventMs,
    /// Whether `created` came.
    pub created: bool,
    /// Queue visits begun.
    pub visits: u32,
    /// Beginning of the first visit.
    pub first_queued: Option<EventMs>,
    /// The open visit.
    pub visit: Option<Visit>,
    /// Agents being alerted.
    pub rings: Vec<Ring>,
    /// Legs not yet counted as handled.
    pub legs: Vec<Leg>,
    /// Legs begun.
    pub legs_begun: u32,
    /// Handle time of the legs counted, milliseconds.
    pub handled_ms: Millis,
    /// The latest moment at which a leg was counted.
    pub handled_at: EventMs,
    /// Whether it counted in `contacts_entered`.
    pub entered: bool,
    /// The clock of its first response.
    pub response: Response,
    /// The oldest customer message without an answer.
    pub unanswered: Option<EventMs>,
    /// When it ended.
    pub ended: Option<EventMs>,
    /// Whether it is over: ended and wrapped up, or ended before any leg.
    pub completed: bool,
    /// Whether it left by abandon or flow-out with no leg open since.
    pub left: bool,
    /// The moment for which its timer stands.
    pub scheduled: EventMs,
    /// Whether it changed since the last commit.
    pub changed: bool,
}

/// An open queue visit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// When it began.
    pub queued: EventMs,
    /// Its group's dimensions, as at its beginning.
    pub dims: Dims,
    /// The first moment at which it can no longer be answered within its threshold.
    pub breach_at: Option<EventMs>,
    /// Whether the level of breaching visits has it.
    pub breaching: bool,
}

/// An agent being alerted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ring {
    /// Keyed hash of the agent's id; 0: not named.
    pub agent_key: u64,
    /// When the ring began.
    pub began: EventMs,
}

/// What a leg is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum LegState {
    /// The agent talks.
    Talk = 0,
    /// The customer is on hold.
    Hold = 1,
    /// The talk is over, the wrap-up is not.
    Wrapup = 2,
}

/// One agent's part in a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Keyed hash of the agent's id; 0: not named. Not a name: those beyond the limit would be one.
    pub agent_key: u64,
    /// Its group's dimensions, team and agent included.
    pub dims: Dims,
    /// What it is doing.
    pub state: LegState,
    /// Since when.
    pub since: EventMs,
    /// Talk so far, milliseconds.
    pub talk_ms: Millis,
    /// Hold so far, milliseconds.
    pub hold_ms: Millis,
    /// Whether it was on hold.
    pub held: bool,
}

/// The clock of the first response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Response {
    /// Not running: nothing to respond to yet, or not measured by messages.
    #[default]
    Idle,
    /// Running.
    Awaiting {
        /// Since when.
        since: EventMs,
        /// The dimensions at its start.
        dims: Dims,
        /// Whether the level of awaiting contacts has it.
        in_level: bool,
    },
    /// Given, or nothing to measure.
    Done,
}

impl Contact {
    /// A contact opened at `at`.
    #[must_use]
    pub const fn new(channel: Channel, inbound: bool, dims: Dims, at: EventMs) -> Contact {
        Contact {
            channel,
            inbound,
            dims,
            agent_key: 0,
            first: at,
            last: at,
            created: false,
            visits: 0,
            first_queued: None,
            visit: None,
            rings: Vec::new(),
            legs: Vec::new(),
            legs_begun: 0,
            handled_ms: 0,
            handled_at: EventMs::MIN,
            entered: false,
            response: Response::Idle,
            unanswered: None,
            ended: None,
            completed: false,
            left: false,
            scheduled: EventMs(i64::MAX),
            changed: false,
        }
    }

    /// Whether its first response is an answer rather than a message.
    #[must_use]
    pub const fn responds_by_answer(&self) -> bool {
        matches!(self.channel, Channel::Voice | Channel::Video | Channel::Callback)
    }

    /// Whether a leg is in talk or hold.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.legs.iter().any(|leg| leg.state != LegState::Wrapup)
    }

    /// The place of the leg that `pick` accepts: the agent's, or without an agent the only one.
    #[must_use]
    pub fn leg_of(&self, agent_key: u64, pick: impl Fn(&Leg) -> bool) -> Option<usize> {
        let mut found = self.legs.iter().enumerate().filter(|(_, leg)| pick(leg));
        if agent_key != 0 {
            return found.find(|(_, leg)| leg.agent_key == agent_key).map(|(at, _)| at);
        }
        match (found.next(), found.next()) {
            (Some((at, _)), None) => Some(at),
            _ => None,
        }
    }
}

impl Leg {
    /// Ends talk or hold at `at`: what passed is added, `state` begins.
    pub const fn turn(&mut self, at: EventMs, state: LegState) {
        let passed_ms = at.since(self.since);
        match self.state {
            LegState::Talk => self.talk_ms += passed_ms,
            LegState::Hold => self.hold_ms += passed_ms,
            LegState::Wrapup => {}
        }
        self.state = state;
        self.since = at;
    }
}
