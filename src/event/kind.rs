//! What happened: one variant for each type of the contract, with its own fields.
//!
//! Money, scores and other decimals are in millionths (`_micros`), exact to what was written and
//! rounded half away from zero beyond six places. A string that is absent is empty.

use super::envelope::Str;
use super::words::{
    AgentRole, AgentState, AttemptFailure, Author, Automaton, Channel, ContactStatus, CostKind,
    DiscardReason, FinalOutcome, FlowOut, OfferFailure, OfferKind, Participant, Party, Sentiment,
    SessionOutcome, SignalKind, SurveyKind, TransferKind, Visibility,
};
use crate::time::{EventMs, Millis};

/// How busy an agent is on one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The channel, where said.
    pub channel: Option<Channel>,
    /// Slots in use.
    pub active: u32,
    /// Slots that there are.
    pub max: u32,
}

/// The platform's own final record of a contact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the contract's and carry their units")]
pub struct FinalRecord {
    pub outcome: Option<FinalOutcome>,
    pub wait_ms: Option<Millis>,
    pub ring_ms: Option<Millis>,
    pub talk_ms: Option<Millis>,
    pub hold_ms: Option<Millis>,
    pub wrapup_ms: Option<Millis>,
    pub queued_at: Option<EventMs>,
    pub answered_at: Option<EventMs>,
    pub ended_at: Option<EventMs>,
}

/// A customer's answer to a survey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurveyResponse<'a> {
    /// What the survey asks.
    pub kind: SurveyKind,
    /// Joins the response to what was sent, and a changed response to the earlier one.
    pub survey_id: Str<'a>,
    /// The score; there unless the kind is servqual.
    pub score_micros: Option<i64>,
    /// The least score of the scale.
    pub scale_min_micros: Option<i64>,
    /// The greatest score of the scale.
    pub scale_max_micros: Option<i64>,
    /// Which end of the scale is the good one.
    pub higher_is_better: Option<bool>,
    /// Of servqual: the dimension of quality.
    pub dimension: Str<'a>,
    /// Of servqual: what was expected.
    pub expectation_micros: Option<i64>,
    /// Of servqual: what was perceived.
    pub perception_micros: Option<i64>,
}

/// The type of an event and its own fields.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "names and meanings are the contract's, in the table of types")]
pub enum Kind<'a> {
    ContactCreated,
    ContactQueued {
        due: Option<EventMs>,
    },
    ContactOffered,
    ContactOfferFailed {
        reason: OfferFailure,
    },
    ContactAnswered,
    ContactAbandoned {
        by: Party,
    },
    ContactFlowedOut {
        reason: FlowOut,
    },
    ContactHeld,
    ContactResumed,
    ContactAgentJoined {
        role: Option<AgentRole>,
    },
    ContactAgentLeft {
        role: Option<AgentRole>,
    },
    ContactTransferred {
        kind: TransferKind,
        to_queue: Str<'a>,
        to_agent: Str<'a>,
        context_passed: Option<bool>,
    },
    ContactEnded {
        by: Party,
    },
    ContactWrapupEnded {
        disposition: Str<'a>,
    },
    ContactAssigned,
    ContactStatusChanged {
        status: ContactStatus,
    },
    ContactHandedOff {
        from: Option<Automaton>,
        requested: Option<bool>,
    },
    ContactResolved {
        first_contact: Option<bool>,
    },
    ContactReopened,
    ContactEscalated {
        to_team: Str<'a>,
        justified: Option<bool>,
    },
    ContactDiscarded {
        reason: DiscardReason,
        into: Str<'a>,
    },
    ContactAttemptFailed {
        reason: AttemptFailure,
    },
    ContactFinal(FinalRecord),
    MessageSent {
        author: Author,
        visibility: Visibility,
    },
    AgentStateChanged {
        state: AgentState,
        reason: Str<'a>,
        queues: Vec<Str<'a>>,
        slots: Vec<Slot>,
    },
    AgentHeartbeat,
    AgentDescribed {
        name: Str<'a>,
    },
    QueueDescribed {
        name: Str<'a>,
    },
    SurveySent {
        kind: SurveyKind,
        survey_id: Str<'a>,
    },
    SurveyResponded(SurveyResponse<'a>),
    SelfserviceEnded {
        session_id: Str<'a>,
        outcome: SessionOutcome,
    },
    BotEnded {
        session_id: Str<'a>,
        outcome: SessionOutcome,
        human_requested: Option<bool>,
        turns: Option<u32>,
    },
    SentimentScored {
        participant: Option<Participant>,
        score_micros: Option<i64>,
        label: Option<Sentiment>,
        model: Str<'a>,
    },
    FeedbackGiven {
        sentiment: Option<Sentiment>,
        reason: Str<'a>,
    },
    CostIncurred {
        amount_micros: i64,
        currency: Str<'a>,
        kind: CostKind,
    },
    ConversionRecorded {
        name: Str<'a>,
        value_micros: Option<i64>,
        currency: Str<'a>,
    },
    OfferMade {
        kind: OfferKind,
        accepted: bool,
    },
    OutreachMade {
        campaign: Str<'a>,
        converted: Option<bool>,
    },
    MilestoneReached {
        name: Str<'a>,
        value_micros: Option<i64>,
    },
    CustomerBase {
        count: i64,
        revenue_micros: Option<i64>,
        currency: Str<'a>,
        as_of: Option<EventMs>,
    },
    CustomerAcquired {
        revenue_micros: Option<i64>,
        currency: Str<'a>,
    },
    CustomerLost {
        revenue_micros: Option<i64>,
        currency: Str<'a>,
        acquired_at: Option<EventMs>,
        reason: Str<'a>,
    },
    CustomerRevenueChanged {
        delta_micros: i64,
        currency: Str<'a>,
    },
    CustomerSignal {
        kind: SignalKind,
        score_micros: i64,
    },
    CustomerForget,
    ScheduleInterval {
        start: EventMs,
        end: EventMs,
        state: AgentState,
        productive: Option<bool>,
    },
    ForecastInterval {
        start: EventMs,
        end: EventMs,
        contacts_micros: i64,
        aht_ms: Option<Millis>,
        agents_micros: Option<i64>,
    },
    SourceRestarted,
    /// A type that this version does not know; only id, source, tenant and time were read.
    Unknown,
}

impl Kind<'_> {
    /// The contract's name of the type; `unknown` for one that it does not have.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Kind::ContactCreated => "contact.created",
            Kind::ContactQueued { .. } => "contact.queued",
            Kind::ContactOffered => "contact.offered",
            Kind::ContactOfferFailed { .. } => "contact.offer_failed",
            Kind::ContactAnswered => "contact.answered",
            Kind::ContactAbandoned { .. } => "contact.abandoned",
            Kind::ContactFlowedOut { .. } => "contact.flowed_out",
            Kind::ContactHeld => "contact.held",
            Kind::ContactResumed => "contact.resumed",
            Kind::ContactAgentJoined { .. } => "contact.agent_joined",
            Kind::ContactAgentLeft { .. } => "contact.agent_left",
            Kind::ContactTransferred { .. } => "contact.transferred",
            Kind::ContactEnded { .. } => "contact.ended",
            Kind::ContactWrapupEnded { .. } => "contact.wrapup_ended",
            Kind::ContactAssigned => "contact.assigned",
            Kind::ContactStatusChanged { .. } => "contact.status_changed",
            Kind::ContactHandedOff { .. } => "contact.handed_off",
            Kind::ContactResolved { .. } => "contact.resolved",
            Kind::ContactReopened => "contact.reopened",
            Kind::ContactEscalated { .. } => "contact.escalated",
            Kind::ContactDiscarded { .. } => "contact.discarded",
            Kind::ContactAttemptFailed { .. } => "contact.attempt_failed",
            Kind::ContactFinal(_) => "contact.final",
            Kind::MessageSent { .. } => "message.sent",
            Kind::AgentStateChanged { .. } => "agent.state_changed",
            Kind::AgentHeartbeat => "agent.heartbeat",
            Kind::AgentDescribed { .. } => "agent.described",
            Kind::QueueDescribed { .. } => "queue.described",
            Kind::SurveySent { .. } => "survey.sent",
            Kind::SurveyResponded(_) => "survey.responded",
            Kind::SelfserviceEnded { .. } => "selfservice.ended",
            Kind::BotEnded { .. } => "bot.ended",
            Kind::SentimentScored { .. } => "sentiment.scored",
            Kind::FeedbackGiven { .. } => "feedback.given",
            Kind::CostIncurred { .. } => "cost.incurred",
            Kind::ConversionRecorded { .. } => "conversion.recorded",
            Kind::OfferMade { .. } => "offer.made",
            Kind::OutreachMade { .. } => "outreach.made",
            Kind::MilestoneReached { .. } => "milestone.reached",
            Kind::CustomerBase { .. } => "customer.base",
            Kind::CustomerAcquired { .. } => "customer.acquired",
            Kind::CustomerLost { .. } => "customer.lost",
            Kind::CustomerRevenueChanged { .. } => "customer.revenue_changed",
            Kind::CustomerSignal { .. } => "customer.signal",
            Kind::CustomerForget => "customer.forget",
            Kind::ScheduleInterval { .. } => "schedule.interval",
            Kind::ForecastInterval { .. } => "forecast.interval",
            Kind::SourceRestarted => "source.restarted",
            Kind::Unknown => "unknown",
        }
    }
}
