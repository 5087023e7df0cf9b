//! The event: the envelope that every type shares, and the [`Kind`] that is its own.
//!
//! A value, borrowed from the record's bytes; it never outlives them and knows nothing of what
//! becomes of it.

use super::attributes::Attributes;
use super::kind::Kind;
use super::words::{Channel, Direction};
use crate::time::EventMs;
use std::borrow::Cow;
use std::fmt;

/// A string of an event: borrowed from the record unless the JSON had escapes.
pub type Str<'a> = Cow<'a, str>;

/// The tenant of an event that names none.
pub const DEFAULT_TENANT: &str = "default";

/// One event of the native contract. A string that is absent is empty.
#[derive(Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// Unique within the source; never empty.
    pub id: Str<'a>,
    /// Who emitted it.
    pub source: Str<'a>,
    /// The tenant; [`DEFAULT_TENANT`] if absent.
    pub tenant: Str<'a>,
    /// When it happened.
    pub time: EventMs,
    /// The contact; never empty on `contact.*` and `message.*`.
    pub contact_id: Str<'a>,
    /// What joins the contacts of one matter.
    pub conversation_id: Str<'a>,
    /// The customer, as the producer wrote it: never a label, never logged, hashed before it is kept.
    pub customer_id: Str<'a>,
    /// The channel, where said.
    pub channel: Option<Channel>,
    /// The direction, where said.
    pub direction: Option<Direction>,
    /// Dimension.
    pub queue: Str<'a>,
    /// Dimension.
    pub team: Str<'a>,
    /// Dimension; never empty on `agent.*`.
    pub agent_id: Str<'a>,
    /// Dimension.
    pub language: Str<'a>,
    /// Dimension.
    pub category: Str<'a>,
    /// Dimension.
    pub priority: Str<'a>,
    /// Dimension.
    pub customer_tier: Str<'a>,
    /// Dimension.
    pub region: Str<'a>,
    /// Free fields, read only when asked.
    pub attributes: Attributes<'a>,
    /// What happened.
    pub kind: Kind<'a>,
    /// How many words of closed vocabularies were unknown and became `other`.
    pub unknown_values: u32,
}

impl<'a> Event<'a> {
    /// An event with only what every event has; all else is absent.
    #[must_use]
    pub const fn bare(id: Str<'a>, time: EventMs, kind: Kind<'a>) -> Event<'a> {
        const ABSENT: Str<'static> = Cow::Borrowed("");
        Event {
            id,
            source: ABSENT,
            tenant: Cow::Borrowed(DEFAULT_TENANT),
            time,
            contact_id: ABSENT,
            conversation_id: ABSENT,
            customer_id: ABSENT,
            channel: None,
            direction: None,
            queue: ABSENT,
            team: ABSENT,
            agent_id: ABSENT,
            language: ABSENT,
            category: ABSENT,
            priority: ABSENT,
            customer_tier: ABSENT,
            region: ABSENT,
            attributes: Attributes::NONE,
            kind,
            unknown_values: 0,
        }
    }
}

impl fmt::Debug for Event<'_> {
    /// Leaves out the customer and the free attributes: they must not reach a log by accident.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("id", &self.id)
            .field("source", &self.source)
            .field("tenant", &self.tenant)
            .field("time", &self.time)
            .field("contact_id", &self.contact_id)
            .field("channel", &self.channel)
            .field("queue", &self.queue)
            .field("team", &self.team)
            .field("agent_id", &self.agent_id)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_customer_is_not_printed() {
        let mut event = Event::bare("e-1".into(), EventMs(0), Kind::ContactCreated);
        event.customer_id = "jane@example.org".into();
        let printed = format!("{event:?}");
        assert!(printed.contains("e-1"));
        assert!(!printed.contains("jane"));
    }
}
