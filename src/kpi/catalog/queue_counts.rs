//! Rows of the queue's counts. The unit is the queue visit, direction inbound.

use super::{Groups, Row, count, tally};
use crate::measure::ids::{Count, Tally};

const SOURCE: &str = "KPI catalogue, Queue";
const QUEUED: &[&str] = &["contact.queued"];
const ANSWERED: &[&str] = &["contact.queued", "contact.answered", "message.sent"];
const ABANDONED: &[&str] = &["contact.queued", "contact.abandoned", "contact.ended"];
const FLOWED_OUT: &[&str] = &["contact.queued", "contact.flowed_out"];
const FIRST_RESPONSE: &[&str] = &["contact.created", "contact.queued", "contact.answered", "message.sent"];

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "contacts_created",
        help: "requests opened",
        counted_at: "the request's creation",
        events: &["contact.created"],
        source: SOURCE,
        family: Some("contact_center_contacts_created_total"),
        ..count(Count::ContactsCreated)
    },
    Row {
        name: "contacts_offered",
        help: "queue visits begun; a contact moved to another queue is offered there again",
        counted_at: "the visit's beginning",
        events: QUEUED,
        source: "KPI catalogue, Queue; nOffered of Genesys, CONTACTS_QUEUED of Amazon Connect",
        family: Some("contact_center_contacts_offered_total"),
        ..count(Count::ContactsOffered)
    },
    Row {
        name: "contacts_answered",
        help: "queue visits ended by an answer; on a digital channel also by the first public reply of a human",
        counted_at: "the answer",
        events: ANSWERED,
        source: SOURCE,
        family: Some("contact_center_contacts_answered_total"),
        ..count(Count::ContactsAnswered)
    },
    Row {
        name: "contacts_abandoned",
        help: "queue visits that the customer left before an answer, short ones included",
        counted_at: "the abandon",
        events: ABANDONED,
        source: SOURCE,
        family: Some("contact_center_contacts_abandoned_total"),
        ..count(Count::ContactsAbandoned)
    },
    Row {
        name: "contacts_short_abandoned",
        help: "abandons after a wait shorter than `short_abandon`, first visit of a contact only",
        counted_at: "the abandon",
        events: ABANDONED,
        source: SOURCE,
        family: Some("contact_center_contacts_short_abandoned_total"),
        ..count(Count::ContactsShortAbandoned)
    },
    Row {
        name: "contacts_flowed_out",
        help: "queue visits that ended neither by an answer nor by the customer, for any reason",
        counted_at: "the flow-out",
        events: FLOWED_OUT,
        source: SOURCE,
        family: Some("contact_center_contacts_flowed_out_total"),
        ..count(Count::ContactsFlowedOut)
    },
    flow_out("contacts_flowed_out_timeout", Count::FlowedOutTimeout, "flow-outs after a timeout"),
    flow_out("contacts_flowed_out_overflow", Count::FlowedOutOverflow, "flow-outs by overflow"),
    flow_out("contacts_flowed_out_transfer", Count::FlowedOutTransfer, "flow-outs by transfer"),
    flow_out("contacts_flowed_out_key", Count::FlowedOutKey, "flow-outs by a key that the customer pressed"),
    flow_out("contacts_flowed_out_callback", Count::FlowedOutCallback, "flow-outs by a callback request"),
    flow_out("contacts_flowed_out_voicemail", Count::FlowedOutVoicemail, "flow-outs to voicemail"),
    flow_out("contacts_flowed_out_closed", Count::FlowedOutClosed, "flow-outs because the queue was closed"),
    flow_out("contacts_flowed_out_full", Count::FlowedOutFull, "flow-outs because the queue was full"),
    flow_out("contacts_flowed_out_empty", Count::FlowedOutEmpty, "flow-outs because nobody served the queue"),
    flow_out("contacts_flowed_out_system", Count::FlowedOutSystem, "flow-outs by the system"),
    flow_out(
        "contacts_flowed_out_other",
        Count::FlowedOutOther,
        "flow-outs for another reason, or none said",
    ),
    Row {
        name: "contacts_ended_before_queue",
        help: "contacts left in the menu: ended without a queue visit or an agent",
        counted_at: "the contact's end",
        events: &["contact.created", "contact.ended"],
        source: SOURCE,
        family: Some("contact_center_contacts_ended_before_queue_total"),
        ..count(Count::ContactsEndedBeforeQueue)
    },
    Row {
        name: "contacts_entered",
        help: "contacts, each once however often it moved between queues",
        counted_at: "the contact's first answer, or its abandon (not short) if it never had one",
        events: &["contact.queued", "contact.answered", "contact.abandoned"],
        source: SOURCE,
        groups: Groups::WithoutQueue,
        ..count(Count::ContactsEntered)
    },
    Row {
        name: "contacts_entered_abandoned",
        help: "contacts_entered that abandoned without ever having had an answer",
        counted_at: "the abandon",
        events: ABANDONED,
        source: SOURCE,
        groups: Groups::WithoutQueue,
        ..count(Count::ContactsEnteredAbandoned)
    },
    Row {
        name: "callbacks_requested",
        help: "callback requests made from a queue",
        counted_at: "the request",
        events: FLOWED_OUT,
        source: SOURCE,
        family: Some("contact_center_callbacks_requested_total"),
        ..count(Count::CallbacksRequested)
    },
    Row {
        name: "contacts_offered_unjudged",
        help: "contacts_offered without a threshold to judge by; they leave the service level",
        counted_at: "the visit's beginning",
        events: QUEUED,
        source: SOURCE,
        family: Some("contact_center_contacts_offered_unjudged_total"),
        ..count(Count::OfferedUnjudged)
    },
    Row {
        name: "contacts_answered_unjudged",
        help: "contacts_answered without a threshold to judge by; they leave the service level",
        counted_at: "the answer",
        events: ANSWERED,
        source: SOURCE,
        family: Some("contact_center_contacts_answered_unjudged_total"),
        ..count(Count::AnsweredUnjudged)
    },
    Row {
        name: "contacts_abandoned_unjudged",
        help: "contacts_abandoned without a threshold to judge by; they leave the service level",
        counted_at: "the abandon",
        events: ABANDONED,
        source: SOURCE,
        family: Some("contact_center_contacts_abandoned_unjudged_total"),
        ..count(Count::AbandonedUnjudged)
    },
    Row {
        name: "contacts_short_abandoned_unjudged",
        help: "contacts_short_abandoned without a threshold to judge by; they leave the service level",
        counted_at: "the abandon",
        events: ABANDONED,
        source: SOURCE,
        family: Some("contact_center_contacts_short_abandoned_unjudged_total"),
        ..count(Count::ShortUnjudged)
    },
    Row {
        name: "contacts_answered_within_threshold",
        help: "contacts_answered whose wait was within the threshold",
        counted_at: "the answer",
        events: ANSWERED,
        source: SOURCE,
        family: Some("contact_center_contacts_answered_within_threshold_total"),
        ..tally(Tally::AnsweredWithin)
    },
    Row {
        name: "contacts_answered_beyond_threshold",
        help: "contacts_answered whose wait was beyond the threshold",
        counted_at: "the answer",
        events: ANSWERED,
        source: SOURCE,
        ..tally(Tally::AnsweredBeyond)
    },
    Row {
        name: "contacts_abandoned_within_threshold",
        help: "contacts_abandoned whose wait was within the threshold, short ones included",
        counted_at: "the abandon",
        events: ABANDONED,
        source: SOURCE,
        family: Some("contact_center_contacts_abandoned_within_threshold_total"),
        ..tally(Tally::AbandonedWithin)
    },
    Row {
        name: "contacts_abandoned_beyond_threshold",
        help: "contacts_abandoned whose wait was beyond the threshold",
        counted_at: "the abandon",
        events: ABANDONED,
        source: SOURCE,
        ..tally(Tally::AbandonedBeyond)
    },
    Row {
        name: "callbacks_requested_within_threshold",
        help: "callbacks_requested after a wait within the threshold",
        counted_at: "the request",
        events: FLOWED_OUT,
        source: SOURCE,
        family: Some("contact_center_callbacks_requested_within_threshold_total"),
        ..tally(Tally::CallbackWithin)
    },
    Row {
        name: "first_response_within_threshold",
        help: "first responses within their threshold",
        counted_at: "the first response",
        events: FIRST_RESPONSE,
        source: "KPI catalogue, Handling",
        groups: Groups::All,
        family: Some("contact_center_first_response_within_threshold_total"),
        ..tally(Tally::FirstResponseWithin)
    },
    Row {
        name: "first_response_beyond_threshold",
        help: "first responses beyond their threshold",
        counted_at: "the first response",
        events: FIRST_RESPONSE,
        source: "KPI catalogue, Handling",
        groups: Groups::All,
        family: Some("contact_center_first_response_beyond_threshold_total"),
        ..tally(Tally::FirstResponseBeyond)
    },
];

const fn flow_out(name: &'static str, reason: Count, help: &'static str) -> Row {
    Row {
        name,
        help,
        counted_at: "the flow-out",
        events: FLOWED_OUT,
        source: SOURCE,
        family: Some("contact_center_contacts_flowed_out_by_reason_total"),
        ..count(reason)
    }
}
