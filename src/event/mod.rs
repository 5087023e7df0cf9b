//! The native event: what a producer writes and what the fold reads.
//!
//! One JSON object per record, [`decode`]d once into an [`Event`] that borrows from the record's
//! bytes. The room judges form only: it must never know contacts, agents, windows, configuration
//! beyond its [`Limits`], or a clock. What it refuses has a [`Reject`]; what it does not know it
//! leaves alone, so that a newer producer does not stop an older reader.
//!
//! The contract stands in two tables, [`FIELDS`] and [`TYPES`]; the JSON Schema is written from
//! them ([`write_schema`]) and tests hold the decoder to them in both directions.

mod attributes;
mod cell;
mod contract;
mod decimal;
mod decode;
mod envelope;
mod field;
mod instant;
mod kind;
mod own;
mod record;
mod reject;
mod schema;
mod words;

#[cfg(test)]
mod contract_tests;
#[cfg(test)]
mod mutation_tests;

pub use attributes::Attributes;
pub use contract::{Condition, EnvelopeField, FIELDS, OwnField, Shape, TYPES, TypeRow};
pub use decode::{Limits, decode};
pub use envelope::{DEFAULT_TENANT, Event, Str};
pub use field::Field;
pub use instant::{EARLIEST, LATEST};
pub use kind::{FinalRecord, Kind, Slot, SurveyResponse};
pub use reject::{ALL_REASONS, Reject};
pub use schema::write_schema;
pub use words::{
    AgentRole, AgentState, AttemptFailure, Author, Automaton, Channel, ContactStatus, CostKind, Direction,
    DiscardReason, FinalOutcome, FlowOut, OfferFailure, OfferKind, Participant, Party, Sentiment,
    SessionOutcome, SignalKind, SurveyKind, TransferKind, Visibility, Word,
};
