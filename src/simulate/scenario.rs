//! What a simulated contact center consists of, as a scenario file says it.
//!
//! Plain values with defaults; it knows nothing of how they are played. Unknown fields are refused.

use serde::Deserialize;

use super::scenario_check::ScenarioError;
use super::span::Span;

/// A contact center and what shall happen to it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Each tenant has a center of its own of this description.
    pub tenants: Vec<String>,
    /// The queues.
    pub queues: Vec<Queue>,
    /// The teams.
    pub teams: Vec<Team>,
    /// How contacts ring; absent: they are answered at once, without `contact.offered`.
    #[serde(default)]
    pub offer: Option<Offer>,
    /// Shifts; absent: everybody works all the time, without breaks.
    #[serde(default)]
    pub shift: Option<Shift>,
    /// Pace of `agent.heartbeat` in seconds; absent: none.
    #[serde(default)]
    pub heartbeat_seconds: Option<u32>,
    /// Customers of a tenant who make contacts; few of them make repeats frequent.
    #[serde(default = "default_customers")]
    pub customers: u32,
    /// What goes wrong, and when.
    #[serde(default)]
    pub incidents: Vec<Incident>,
    /// Events per second, as a mean over the day, to which arrivals and agents are scaled together;
    /// absent: as described.
    #[serde(default)]
    pub rate: Option<f64>,
}

/// One queue: its arrivals and what befalls its contacts.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// The name in events.
    pub name: String,
    /// The name for people, told by `queue.described`.
    #[serde(default)]
    pub display_name: Option<String>,
    /// The channel of its contacts.
    pub channel: Channel,
    /// Contacts per hour at a multiplier of 1.
    pub arrivals_per_hour: f64,
    /// Multipliers over the day in UTC: 24 hours, 48 half hours, or one for the whole day.
    #[serde(default = "default_profile")]
    pub day_profile: Vec<f64>,
    /// Time in the menu before the queue; absent: none.
    #[serde(default)]
    pub menu: Option<Menu>,
    /// Talk without hold; for written channels the whole exchange.
    pub talk: Span,
    /// Wrap-up of the agent; spoken channels only.
    #[serde(default)]
    pub wrapup: Option<Span>,
    /// How long customers wait before they leave; absent: for ever.
    #[serde(default)]
    pub patience: Option<Span>,
    /// Holds; spoken channels only.
    #[serde(default)]
    pub hold: Option<Hold>,
    /// Transfers at the end of talk; a contact is transferred once at most.
    #[serde(default)]
    pub transfer: Option<Transfer>,
    /// Overflow into another queue; a contact overflows once at most.
    #[serde(default)]
    pub overflow: Option<Overflow>,
    /// Callbacks offered to those who wait; spoken channels only.
    #[serde(default)]
    pub callback: Option<Callback>,
    /// Pace of a written exchange; absent: a message each half minute.
    #[serde(default)]
    pub messages: Option<Messages>,
    /// Categories, each as frequent as the others.
    #[serde(default)]
    pub categories: Vec<String>,
    /// Share of contacts with priority `high`, which go before the others.
    #[serde(default)]
    pub priority_share: f64,
}

/// The channels that can be simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Telephone.
    Voice,
    /// Telephone with a picture.
    Video,
    /// Chat on a site.
    Chat,
    /// Messengers.
    Messaging,
}

/// Time in the menu.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Menu {
    /// How long it takes.
    pub span: Span,
    /// Share of contacts that end there.
    pub exit_share: f64,
}

/// Holds.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// Share of legs with a hold.
    pub share: f64,
    /// How long it takes.
    pub span: Span,
}

/// Transfers into another queue.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// Share of legs that end so.
    pub share: f64,
    /// The queue they go to.
    pub to: String,
    /// How the platform names it.
    #[serde(default)]
    pub kind: TransferKind,
}

/// Kinds of transfer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferKind {
    /// Without a word to the next agent.
    #[default]
    Blind,
    /// Back into a queue.
    Queue,
}

/// Overflow into another queue.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overflow {
    /// Wait after which it happens.
    pub after_seconds: f64,
    /// The queue that takes over.
    pub to: String,
}

/// Callbacks.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Callback {
    /// Wait after which it is offered.
    pub after_seconds: f64,
    /// Share of those still waiting who take it.
    pub share: f64,
    /// From the request to the time the callback is due.
    pub delay: Span,
}

/// Pace of a written exchange.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Messages {
    /// From the agent's message to the customer's next.
    pub customer: Span,
    /// From the customer's message to the agent's reply.
    pub agent: Span,
}

/// Ringing.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// From the alert to the answer.
    pub ring: Span,
    /// Ring after which an unanswered offer is missed.
    pub limit_seconds: f64,
    /// Share of offers that are missed.
    pub missed_share: f64,
    /// Share of offers that are rejected.
    pub rejected_share: f64,
    /// How long an agent with one slot stays `not_responding` afterwards.
    pub penalty_seconds: f64,
}

/// Agents of one kind.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Team {
    /// The name in events.
    pub name: String,
    /// Agents on duty at a time, as a mean over the day; breaks come out of it.
    pub agents: u32,
    /// Contacts an agent has at once; more than 1 for written channels only.
    #[serde(default = "default_slots")]
    pub slots: u32,
    /// Queues it serves, the preferred first.
    pub queues: Vec<String>,
    /// Breaks of a shift, staggered over the agents.
    #[serde(default)]
    pub breaks: Vec<Break>,
}

/// A planned absence within a shift.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Break {
    /// The state it shows.
    pub state: Away,
    /// Minutes from the shift's beginning, as a mean over the agents.
    pub after_minutes: u32,
    /// Its length in minutes.
    pub minutes: u32,
}

/// States of a planned absence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Away {
    /// A short pause.
    Break,
    /// The long one.
    Lunch,
    /// Learning.
    Training,
    /// Talking to each other.
    Meeting,
}

/// Shifts around the clock; their beginnings are placed so that agents on duty follow the load.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shift {
    /// Length in hours, breaks included.
    pub hours: f64,
}

/// Something that goes wrong at a time.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Incident {
    /// A share of the agents on duty who serve the queue go offline once they are free.
    AgentsLeave {
        /// The queue.
        queue: String,
        /// Seconds from the simulation's start.
        at_offset_seconds: f64,
        /// How long they stay away.
        duration_seconds: f64,
        /// Share of them, 0 to 1.
        share: f64,
    },
    /// Arrivals of the queue are multiplied.
    Surge {
        /// The queue.
        queue: String,
        /// Seconds from the simulation's start.
        at_offset_seconds: f64,
        /// How long it lasts.
        duration_seconds: f64,
        /// The multiplier, 0 to 100.
        factor: f64,
    },
}

impl Scenario {
    /// Reads a scenario file and checks it.
    ///
    /// # Errors
    /// The file is not JSON of this shape, or a value cannot be played; the message names it.
    pub fn from_json(bytes: &[u8]) -> Result<Scenario, ScenarioError> {
        let scenario: Scenario = serde_json::from_slice(bytes)?;
        scenario.check()?;
        Ok(scenario)
    }
}

impl Channel {
    /// The name in events.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Channel::Voice => "voice",
            Channel::Video => "video",
            Channel::Chat => "chat",
            Channel::Messaging => "messaging",
        }
    }

    /// Whether contacts are exchanges of messages, without hold and wrap-up.
    pub(super) const fn is_written(self) -> bool {
        matches!(self, Channel::Chat | Channel::Messaging)
    }
}

impl Away {
    /// The name in events.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Away::Break => "break",
            Away::Lunch => "lunch",
            Away::Training => "training",
            Away::Meeting => "meeting",
        }
    }
}

impl TransferKind {
    /// The name in events.
    pub(super) const fn name(self) -> &'static str {
        match self {
            TransferKind::Blind => "blind",
            TransferKind::Queue => "queue",
        }
    }
}

fn default_customers() -> u32 {
    50_000
}

fn default_profile() -> Vec<f64> {
    vec![1.0]
}

fn default_slots() -> u32 {
    1
}
