//! One event as the model reads it: the envelope, and the rest as JSON.
//!
//! It must never judge; a record that breaks the contract does not come here.

use serde_json::Value;

const CHANNELS: [&str; 11] =
    ["voice", "video", "chat", "messaging", "sms", "social", "email", "callback", "ticket", "task", "other"];

/// Types that a contact's story is made of.
const CONTACT_TYPES: [&str; 24] = [
    "contact.created",
    "contact.queued",
    "contact.offered",
    "contact.offer_failed",
    "contact.answered",
    "contact.abandoned",
    "contact.flowed_out",
    "contact.held",
    "contact.resumed",
    "contact.transferred",
    "contact.ended",
    "contact.wrapup_ended",
    "contact.attempt_failed",
    "contact.final",
    "message.sent",
    "contact.agent_joined",
    "contact.agent_left",
    "contact.assigned",
    "contact.status_changed",
    "contact.handed_off",
    "contact.resolved",
    "contact.reopened",
    "contact.escalated",
    "contact.discarded",
];

/// Types of a contact that do nothing but, some of them, open it.
const PASSING_TYPES: [&str; 11] = [
    "contact.attempt_failed",
    "contact.final",
    "contact.agent_joined",
    "contact.agent_left",
    "contact.assigned",
    "contact.status_changed",
    "contact.handed_off",
    "contact.resolved",
    "contact.reopened",
    "contact.escalated",
    "contact.discarded",
];

/// Types that an agent's story is made of.
const AGENT_TYPES: [&str; 2] = ["agent.state_changed", "agent.heartbeat"];

/// Types whose KPIs are not built: folded, and nothing further.
const IDLE_TYPES: [&str; 22] = [
    "agent.described",
    "queue.described",
    "survey.sent",
    "survey.responded",
    "selfservice.ended",
    "bot.ended",
    "sentiment.scored",
    "feedback.given",
    "cost.incurred",
    "conversion.recorded",
    "offer.made",
    "outreach.made",
    "milestone.reached",
    "customer.base",
    "customer.acquired",
    "customer.lost",
    "customer.revenue_changed",
    "customer.signal",
    "customer.forget",
    "schedule.interval",
    "forecast.interval",
    "source.restarted",
];

/// Whose story an event belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A contact.
    Contact,
    /// An agent.
    Agent,
    /// Nobody yet.
    Nobody,
    /// The type is not one of the contract.
    Unknown,
}

/// An event.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its type.
    pub kind: String,
    /// Its time in milliseconds since the epoch.
    pub time_ms: i64,
    /// The tenant, `default` where none is named.
    pub tenant: String,
    value: Value,
}

impl Event {
    /// Reads well-formed bytes; none if they are not even a JSON object with a time.
    pub fn read(bytes: &[u8]) -> Option<Event> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        let time_ms = match value.get("time")? {
            Value::String(text) => text.parse::<jiff::Timestamp>().ok()?.as_millisecond(),
            number => number.as_i64()?,
        };
        let kind = value.get("type")?.as_str()?.to_owned();
        let tenant = value.get("tenant").and_then(Value::as_str).unwrap_or("default").to_owned();
        Some(Event { kind, time_ms, tenant, value })
    }

    /// Whose story it belongs to.
    pub fn subject(&self) -> Subject {
        let kind = self.kind.as_str();
        if CONTACT_TYPES.contains(&kind) {
            Subject::Contact
        } else if AGENT_TYPES.contains(&kind) {
            Subject::Agent
        } else if IDLE_TYPES.contains(&kind) {
            Subject::Nobody
        } else {
            Subject::Unknown
        }
    }

    /// Whether it does nothing to a contact that is known.
    pub fn is_passing(&self) -> bool {
        PASSING_TYPES.contains(&self.kind.as_str())
    }

    /// The deduplication key: source and id.
    pub fn identity(&self) -> (String, String) {
        (self.text("source").unwrap_or_default(), self.text("id").unwrap_or_default())
    }

    /// A field as text; integers are accepted.
    pub fn text(&self, name: &str) -> Option<String> {
        match self.value.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// A field that is an enumeration: `default` where it is absent.
    pub fn choice(&self, name: &str, default: &str) -> String {
        self.text(name).unwrap_or_else(|| default.to_owned())
    }

    /// A field that is a yes or no.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.value.get(name)?.as_bool()
    }

    /// The channel: one of the contract's, `other` for any other word, empty where none is named.
    pub fn channel(&self) -> String {
        match self.text("channel") {
            None => String::new(),
            Some(named) if CHANNELS.contains(&named.as_str()) => named,
            Some(_) => "other".to_owned(),
        }
    }

    /// The agent's slots: those active, and those there are.
    pub fn slots(&self) -> (i64, i64) {
        let Some(Value::Array(slots)) = self.value.get("slots") else { return (0, 0) };
        let sum = |name: &str| slots.iter().filter_map(|slot| slot.get(name).and_then(Value::as_i64)).sum();
        (sum("active"), sum("max"))
    }
}
