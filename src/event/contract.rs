//! The contract as two tables: the envelope's fields, and the types with their own.
//!
//! The schema is written from these tables and the tests hold the decoder to them; the decoder
//! itself does not read them, it is written out for speed. Nothing here knows JSON.

use super::decode::{MAX_SOURCE_BYTES, MAX_TENANT_BYTES};
use super::field::Field::{self, *};
use super::record::MAX_TEXT_BYTES;
use super::words::{
    AgentRole, AgentState, AttemptFailure, Author, Automaton, Channel as ChannelWord, ContactStatus,
    CostKind, Direction as DirectionWord, DiscardReason, FinalOutcome, FlowOut, OfferFailure, OfferKind,
    Participant as ParticipantWord, Party, Sentiment as SentimentWord, SessionOutcome, SignalKind,
    SurveyKind, TransferKind, Visibility as VisibilityWord,
};
use crate::time::{DAY_MS, Millis};

/// The most queues an agent's event may list.
pub(super) const MAX_QUEUES: usize = 256;
/// The most slots an agent's event may list.
pub(super) const MAX_SLOTS: usize = 64;
/// The longest duration that is taken: ten years.
pub(super) const MAX_SPAN_MS: Millis = 3_650 * DAY_MS;
/// The greatest amount, in whole units: its millionths still fit an i64.
pub(super) const MAX_AMOUNT: i64 = 9_000_000_000_000;
/// The greatest small count (turns, slots).
pub(super) const MAX_COUNT: i64 = u32::MAX as i64;

/// The form of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A string of so many bytes, any characters.
    Id(usize),
    /// A string of so many bytes without control characters, or an integer.
    Name(usize),
    /// RFC 3339 with an offset, or epoch milliseconds.
    Time,
    /// One word of these; others are read as `other`.
    Word(&'static [&'static str]),
    /// True or false.
    Flag,
    /// A whole number from 0 to this.
    Count(i64),
    /// A decimal number from the first to the second.
    Decimal(i64, i64),
    /// A list of names.
    Queues,
    /// A list of slots: channel, active, max.
    Slots,
    /// An object of scalars.
    Scalars,
}

/// A field of the envelope.
#[derive(Clone, Copy, Debug)]
pub struct EnvelopeField {
    /// The field.
    pub field: Field,
    /// The form of its value.
    pub shape: Shape,
    /// Whether every event must have it.
    pub required: bool,
    /// What it is, in a sentence.
    pub meaning: &'static str,
}

/// A field of one type's own.
#[derive(Clone, Copy, Debug)]
pub struct OwnField {
    /// The field.
    pub field: Field,
    /// The form of its value.
    pub shape: Shape,
}

/// One alternative of a condition.
#[derive(Clone, Copy, Debug)]
pub enum Condition {
    /// The field is there.
    Has(Field),
    /// The field is this word.
    Is(Field, &'static str),
}

/// A type of event.
#[derive(Clone, Copy, Debug)]
pub struct TypeRow {
    /// The name in `type`.
    pub name: &'static str,
    /// What it says, in a sentence.
    pub meaning: &'static str,
    /// What it requires besides id, type and time, of the envelope or of its own.
    pub required: &'static [Field],
    /// Of these at least one must hold; empty if none is asked.
    pub any_of: &'static [Condition],
    /// Its own fields.
    pub own: &'static [OwnField],
}

const ID: Shape = Shape::Id(MAX_TEXT_BYTES);
const NAME: Shape = Shape::Name(MAX_TEXT_BYTES);
const AMOUNT: Shape = Shape::Decimal(-MAX_AMOUNT, MAX_AMOUNT);
const SPAN: Shape = Shape::Count(MAX_SPAN_MS);

const fn must(field: Field, shape: Shape, meaning: &'static str) -> EnvelopeField {
    EnvelopeField { field, shape, required: true, meaning }
}

const fn may(field: Field, shape: Shape, meaning: &'static str) -> EnvelopeField {
    EnvelopeField { field, shape, required: false, meaning }
}

/// The envelope, in the order of the contract.
pub const FIELDS: &[EnvelopeField] = &[
    must(Id, ID, "Unique within its source: (source, id) is what deduplication goes by."),
    must(Type, ID, "What happened; an unknown type is counted and otherwise ignored."),
    must(Time, Shape::Time, "When it happened, from 2000 to 2100."),
    may(Source, Shape::Id(MAX_SOURCE_BYTES), "Who emitted it."),
    may(Tenant, Shape::Name(MAX_TENANT_BYTES), "The tenant; default if absent."),
    may(ContactId, ID, "One customer request on one channel, from the first to the last agent."),
    may(ConversationId, ID, "Joins the contacts of one matter."),
    may(CustomerId, ID, "The customer; hashed before it is kept, never a label."),
    may(Channel, Shape::Word(ChannelWord::WORDS), "The channel of the contact."),
    may(Direction, Shape::Word(DirectionWord::WORDS), "Who began; inbound if absent."),
    may(Queue, NAME, "Dimension."),
    may(Team, NAME, "Dimension."),
    may(AgentId, NAME, "Dimension."),
    may(Language, NAME, "Dimension."),
    may(Category, NAME, "Dimension."),
    may(Priority, NAME, "Dimension."),
    may(CustomerTier, NAME, "Dimension."),
    may(Region, NAME, "Dimension."),
    may(Attributes, Shape::Scalars, "Free; those on the configured allow-list become dimensions."),
];

const fn own(field: Field, shape: Shape) -> OwnField {
    OwnField { field, shape }
}

const fn row(
    name: &'static str,
    meaning: &'static str,
    required: &'static [Field],
    own: &'static [OwnField],
) -> TypeRow {
    TypeRow { name, meaning, required, any_of: &[], own }
}

const fn choice(row: TypeRow, any_of: &'static [Condition]) -> TypeRow {
    TypeRow { any_of, ..row }
}

const BY: OwnField = own(By, Shape::Word(Party::WORDS));
const ROLE: OwnField = own(Role, Shape::Word(AgentRole::WORDS));
const CURRENCY: OwnField = own(Currency, NAME);
const REVENUE: OwnField = own(Revenue, AMOUNT);
const OUTCOME: OwnField = own(Outcome, Shape::Word(SessionOutcome::WORDS));
const START: OwnField = own(Start, Shape::Time);
const END: OwnField = own(End, Shape::Time);

/// The types, in the order of the contract.
pub const TYPES: &[TypeRow] = &[
    row("contact.created", "The request exists.", &[ContactId], &[]),
    row(
        "contact.queued",
        "It enters a queue: a visit begins.",
        &[ContactId, Queue],
        &[own(Due, Shape::Time)],
    ),
    row("contact.offered", "An agent is alerted.", &[ContactId], &[]),
    row(
        "contact.offer_failed",
        "Ringing ends without an answer.",
        &[ContactId],
        &[own(Reason, Shape::Word(OfferFailure::WORDS))],
    ),
    row("contact.answered", "The wait ends and the agent's leg starts with talk.", &[ContactId], &[]),
    row("contact.abandoned", "It left the queue before an answer.", &[ContactId], &[BY]),
    row(
        "contact.flowed_out",
        "It left the queue otherwise.",
        &[ContactId],
        &[own(Reason, Shape::Word(FlowOut::WORDS))],
    ),
    row("contact.held", "Hold starts.", &[ContactId], &[]),
    row("contact.resumed", "Hold ends.", &[ContactId], &[]),
    row("contact.agent_joined", "A further agent joins.", &[ContactId, AgentId], &[ROLE]),
    row("contact.agent_left", "A further agent leaves.", &[ContactId, AgentId], &[ROLE]),
    row(
        "contact.transferred",
        "The agent's leg ends and the contact is passed on.",
        &[ContactId],
        &[
            own(Kind, Shape::Word(TransferKind::WORDS)),
            own(ToQueue, NAME),
            own(ToAgent, NAME),
            own(ContextPassed, Shape::Flag),
        ],
    ),
    row("contact.ended", "Talk ends.", &[ContactId], &[BY]),
    row("contact.wrapup_ended", "The leg's wrap-up ends.", &[ContactId], &[own(Disposition, NAME)]),
    row("contact.assigned", "An asynchronous contact has an owner.", &[ContactId], &[]),
    row(
        "contact.status_changed",
        "An asynchronous contact changes its status.",
        &[ContactId, Status],
        &[own(Status, Shape::Word(ContactStatus::WORDS))],
    ),
    row(
        "contact.handed_off",
        "A human takes over.",
        &[ContactId],
        &[own(From, Shape::Word(Automaton::WORDS)), own(Requested, Shape::Flag)],
    ),
    row("contact.resolved", "The request is solved.", &[ContactId], &[own(FirstContact, Shape::Flag)]),
    row("contact.reopened", "It is solved no more.", &[ContactId], &[]),
    row(
        "contact.escalated",
        "It goes to a higher team.",
        &[ContactId],
        &[own(ToTeam, NAME), own(Justified, Shape::Flag)],
    ),
    row(
        "contact.discarded",
        "It leaves every count of open work.",
        &[ContactId],
        &[own(Reason, Shape::Word(DiscardReason::WORDS)), own(Into, ID)],
    ),
    row(
        "contact.attempt_failed",
        "An attempt to reach the customer gave no connection.",
        &[ContactId],
        &[own(Reason, Shape::Word(AttemptFailure::WORDS))],
    ),
    row(
        "contact.final",
        "The platform's own final record.",
        &[ContactId],
        &[
            own(Outcome, Shape::Word(FinalOutcome::WORDS)),
            own(WaitMs, SPAN),
            own(RingMs, SPAN),
            own(TalkMs, SPAN),
            own(HoldMs, SPAN),
            own(WrapupMs, SPAN),
            own(QueuedAt, Shape::Time),
            own(AnsweredAt, Shape::Time),
            own(EndedAt, Shape::Time),
        ],
    ),
    row(
        "message.sent",
        "A message was written.",
        &[ContactId, Author],
        &[own(Author, Shape::Word(Author::WORDS)), own(Visibility, Shape::Word(VisibilityWord::WORDS))],
    ),
    row(
        "agent.state_changed",
        "The agent's clock.",
        &[AgentId, State],
        &[
            own(State, Shape::Word(AgentState::WORDS)),
            own(Reason, NAME),
            own(Queues, Shape::Queues),
            own(Slots, Shape::Slots),
        ],
    ),
    row("agent.heartbeat", "Proof of life.", &[AgentId], &[]),
    row("agent.described", "The agent's display name.", &[AgentId, Name], &[own(Name, NAME)]),
    row("queue.described", "The queue's display name.", &[Queue, Name], &[own(Name, NAME)]),
    row(
        "survey.sent",
        "A survey went out.",
        &[Kind, SurveyId],
        &[own(Kind, Shape::Word(SurveyKind::WORDS)), own(SurveyId, ID)],
    ),
    choice(
        row(
            "survey.responded",
            "A survey was answered; the last response counts.",
            &[Kind, SurveyId],
            &[
                own(Kind, Shape::Word(SurveyKind::WORDS)),
                own(SurveyId, ID),
                own(Score, AMOUNT),
                own(ScaleMin, AMOUNT),
                own(ScaleMax, AMOUNT),
                own(HigherIsBetter, Shape::Flag),
                own(Dimension, NAME),
                own(Expectation, AMOUNT),
                own(Perception, AMOUNT),
            ],
        ),
        &[Condition::Has(Score), Condition::Is(Kind, "servqual")],
    ),
    row(
        "selfservice.ended",
        "A knowledge-base, menu or portal session is over.",
        &[SessionId, Outcome],
        &[own(SessionId, ID), OUTCOME],
    ),
    row(
        "bot.ended",
        "A bot's session is over.",
        &[SessionId, Outcome],
        &[own(SessionId, ID), OUTCOME, own(HumanRequested, Shape::Flag), own(Turns, Shape::Count(MAX_COUNT))],
    ),
    choice(
        row(
            "sentiment.scored",
            "A sentiment was measured.",
            &[],
            &[
                own(Participant, Shape::Word(ParticipantWord::WORDS)),
                own(Score, Shape::Decimal(-1, 1)),
                own(Label, Shape::Word(SentimentWord::WORDS)),
                own(Model, NAME),
            ],
        ),
        &[Condition::Has(Score), Condition::Has(Label)],
    ),
    row(
        "feedback.given",
        "Feedback came in; a negative one starts the closed-loop clock.",
        &[],
        &[own(Sentiment, Shape::Word(SentimentWord::WORDS)), own(Reason, NAME)],
    ),
    row(
        "cost.incurred",
        "Money was spent.",
        &[Amount, Currency],
        &[own(Amount, AMOUNT), CURRENCY, own(Kind, Shape::Word(CostKind::WORDS))],
    ),
    row("conversion.recorded", "A conversion.", &[Name], &[own(Name, NAME), own(Value, AMOUNT), CURRENCY]),
    row(
        "offer.made",
        "Something was offered to the customer.",
        &[Kind, Accepted],
        &[own(Kind, Shape::Word(OfferKind::WORDS)), own(Accepted, Shape::Flag)],
    ),
    row(
        "outreach.made",
        "The customer was addressed unasked.",
        &[],
        &[own(Campaign, NAME), own(Converted, Shape::Flag)],
    ),
    row(
        "milestone.reached",
        "A step on the customer's way.",
        &[Name],
        &[own(Name, NAME), own(Value, AMOUNT)],
    ),
    row(
        "customer.base",
        "How many customers there are; replaces the former base.",
        &[Count],
        &[own(Count, Shape::Count(MAX_AMOUNT)), REVENUE, CURRENCY, own(AsOf, Shape::Time)],
    ),
    row("customer.acquired", "A customer was won.", &[], &[REVENUE, CURRENCY]),
    row(
        "customer.lost",
        "A customer was lost.",
        &[],
        &[REVENUE, CURRENCY, own(AcquiredAt, Shape::Time), own(Reason, NAME)],
    ),
    row(
        "customer.revenue_changed",
        "A customer's revenue grew or shrank.",
        &[Delta, Currency],
        &[own(Delta, AMOUNT), CURRENCY],
    ),
    row(
        "customer.signal",
        "A part of the health score.",
        &[Kind, Score],
        &[own(Kind, Shape::Word(SignalKind::WORDS)), own(Score, Shape::Decimal(0, 1))],
    ),
    row("customer.forget", "Erases what is kept of the customer.", &[CustomerId], &[]),
    row(
        "schedule.interval",
        "The roster.",
        &[AgentId, Start, End, State],
        &[START, END, own(State, Shape::Word(AgentState::WORDS)), own(Productive, Shape::Flag)],
    ),
    row(
        "forecast.interval",
        "The forecast; replaces an earlier one for the same interval.",
        &[Queue, Start, End, Contacts],
        &[
            START,
            END,
            own(Contacts, Shape::Decimal(0, MAX_AMOUNT)),
            own(AhtSeconds, Shape::Decimal(0, MAX_SPAN_MS / 1_000)),
            own(Agents, Shape::Decimal(0, MAX_AMOUNT)),
        ],
    ),
    row("source.restarted", "Open contacts of this source can never end.", &[], &[]),
];
