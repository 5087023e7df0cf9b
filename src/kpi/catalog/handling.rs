//! Rows of handling. The unit is the agent leg (contact × agent) unless a row says contact.

use super::{BLANK, Groups, NowLevel, Row, RowKind, Unit, Windows, count, duration, level};
use crate::kpi::figure::Figure;
use crate::measure::ids::{Count, Level, Span, Tally};

const SOURCE: &str = "KPI catalogue, Handling";
const LEG: &[&str] = &["contact.answered", "contact.ended", "contact.wrapup_ended"];
const HELD: &[&str] = &["contact.answered", "contact.held", "contact.resumed", "contact.ended"];
const RUNG: &[&str] = &["contact.offered", "contact.offer_failed", "contact.answered"];
const TRANSFERRED: &[&str] = &["contact.transferred"];
const FIRST_RESPONSE: &[&str] = &["contact.created", "contact.queued", "contact.answered", "message.sent"];
const MESSAGES: &[&str] = &["message.sent"];
const AT_WRAPUP: &str = "the end of the leg's wrap-up, or of its timeout";
const AT_COMPLETION: &str = "the later of the contact's end and its last wrap-up's";
const AT_TRANSFER: &str = "the transfer";

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "contacts_handled",
        help: "legs handled: contact × agent",
        counted_at: AT_WRAPUP,
        events: LEG,
        source: SOURCE,
        groups: Groups::All,
        family: Some("contact_center_contacts_handled_total"),
        ..count(Count::ContactsHandled)
    },
    Row {
        name: "contacts_completed",
        help: "contacts that had an agent and are over, wrap-ups included; under their last queue",
        counted_at: AT_COMPLETION,
        events: LEG,
        source: SOURCE,
        family: Some("contact_center_contacts_completed_total"),
        ..count(Count::ContactsCompleted)
    },
    Row {
        name: "legs_held",
        help: "legs handled that were on hold at least once",
        counted_at: AT_WRAPUP,
        events: HELD,
        source: SOURCE,
        groups: Groups::All,
        family: Some("contact_center_legs_held_total"),
        ..count(Count::LegsHeld)
    },
    Row {
        name: "transfers",
        help: "transfers away from a leg, of any kind",
        counted_at: AT_TRANSFER,
        events: TRANSFERRED,
        source: SOURCE,
        groups: Groups::All,
        family: Some("contact_center_transfers_total"),
        ..count(Count::Transfers)
    },
    transfer("transfers_blind", Count::TransfersBlind, "transfers without a consultation"),
    transfer("transfers_consult", Count::TransfersConsult, "transfers after a consultation"),
    transfer("transfers_queue", Count::TransfersQueue, "transfers to a queue"),
    transfer("transfers_other", Count::TransfersOther, "transfers of another kind"),
    Row {
        name: "transfers_context_known",
        help: "transfers that said whether context was passed on",
        counted_at: AT_TRANSFER,
        events: TRANSFERRED,
        source: SOURCE,
        groups: Groups::All,
        family: Some("contact_center_transfers_context_known_total"),
        ..count(Count::TransfersContextKnown)
    },
    Row {
        name: "transfers_context_passed",
        help: "transfers with context passed on",
        counted_at: AT_TRANSFER,
        events: TRANSFERRED,
        source: SOURCE,
        groups: Groups::All,
        family: Some("contact_center_transfers_context_passed_total"),
        ..count(Count::TransfersContextPassed)
    },
    Row {
        name: "agent_non_response",
        help: "offers that an agent missed or rejected, or that failed",
        counted_at: "the offer's failure",
        events: &["contact.offer_failed"],
        source: SOURCE,
        groups: Groups::All,
        family: Some("contact_center_agent_non_response_total"),
        ..count(Count::AgentNonResponse)
    },
    Row {
        name: "aht",
        unit: Unit::Seconds,
        kind: RowKind::Mean,
        help: "average handle time of a leg: talk, hold and wrap-up; elapsed, also for chats in parallel",
        formula: "sum of handle_time / contacts_handled",
        source: SOURCE,
        counted_at: AT_WRAPUP,
        events: LEG,
        groups: Groups::All,
        family: Some("contact_center_aht_seconds"),
        compute: Some(|facts| Figure::mean(facts, Span::Handle)),
        ..BLANK
    },
    Row {
        name: "held_rate",
        help: "share of the legs that were on hold",
        formula: "legs_held / contacts_handled",
        source: SOURCE,
        counted_at: AT_WRAPUP,
        events: HELD,
        groups: Groups::All,
        compute: Some(|facts| {
            Figure::share(facts.count(Count::LegsHeld), facts.count(Count::ContactsHandled))
        }),
        ..BLANK
    },
    Row {
        name: "transfer_rate",
        help: "transfers for each contact completed; can pass 1",
        formula: "transfers / contacts_completed",
        source: SOURCE,
        events: &["contact.transferred", "contact.ended", "contact.wrapup_ended"],
        family: Some("contact_center_transfer_ratio"),
        compute: Some(|facts| {
            Figure::share(facts.count(Count::Transfers), facts.count(Count::ContactsCompleted))
        }),
        ..BLANK
    },
    Row {
        name: "context_transfer",
        help: "share of the transfers with context passed on, of those that say",
        formula: "transfers_context_passed / transfers_context_known",
        source: SOURCE,
        counted_at: AT_TRANSFER,
        events: TRANSFERRED,
        groups: Groups::All,
        compute: Some(|facts| {
            Figure::share(
                facts.count(Count::TransfersContextPassed),
                facts.count(Count::TransfersContextKnown),
            )
        }),
        ..BLANK
    },
    Row {
        name: "first_response_within_target",
        help: "share of the first responses within their threshold",
        formula: "first_response_within_threshold / \
            (first_response_within_threshold + first_response_beyond_threshold)",
        source: SOURCE,
        counted_at: "the first response",
        events: FIRST_RESPONSE,
        groups: Groups::All,
        family: Some("contact_center_first_response_within_target_ratio"),
        compute: Some(|facts| {
            let within = facts.tally(Tally::FirstResponseWithin);
            Figure::share(within, within + facts.tally(Tally::FirstResponseBeyond))
        }),
        ..BLANK
    },
    Row {
        name: "handle_time",
        help: "talk, hold and wrap-up of a leg",
        counted_at: AT_WRAPUP,
        events: LEG,
        source: SOURCE,
        groups: Groups::All,
        family: Some("contact_center_handle_seconds"),
        ..duration(&[Span::Handle])
    },
    Row {
        name: "handle_time_without_wrapup",
        help: "talk and hold of a leg",
        counted_at: AT_WRAPUP,
        events: LEG,
        source: SOURCE,
        groups: Groups::All,
        ..duration(&[Span::HandleWithoutWrapup])
    },
    Row {
        name: "contact_handle_time",
        help: "handle time of all legs of a completed contact",
        counted_at: AT_COMPLETION,
        events: LEG,
        source: SOURCE,
        compute: Some(|facts| Figure::mean(facts, Span::ContactHandle)),
        ..duration(&[Span::ContactHandle])
    },
    Row {
        name: "talk_time",
        help: "talk of a leg, hold left out",
        counted_at: AT_WRAPUP,
        events: LEG,
        source: SOURCE,
        groups: Groups::All,
        ..duration(&[Span::Talk])
    },
    Row {
        name: "hold_time",
        help: "hold of a leg, of those that were held",
        counted_at: AT_WRAPUP,
        events: HELD,
        source: SOURCE,
        groups: Groups::All,
        ..duration(&[Span::Hold])
    },
    Row {
        name: "wrapup_time",
        help: "wrap-up of a leg, of those whose wrap-up was reported",
        counted_at: AT_WRAPUP,
        events: LEG,
        source: SOURCE,
        groups: Groups::All,
        ..duration(&[Span::Wrapup])
    },
    Row {
        name: "ring_time",
        help: "ring of an agent until the answer or its failure",
        counted_at: "the end of the ring",
        events: RUNG,
        source: SOURCE,
        groups: Groups::All,
        ..duration(&[Span::Ring])
    },
    Row {
        name: "first_response_time",
        help: "time to the first response of a human: voice and video from the queue to the answer, others from \
            the request to the first public message; calendar time",
        counted_at: "the first response",
        events: FIRST_RESPONSE,
        source: SOURCE,
        groups: Groups::All,
        family: Some("contact_center_first_response_seconds"),
        compute: Some(|facts| Figure::mean(facts, Span::FirstResponse)),
        ..duration(&[Span::FirstResponse])
    },
    Row {
        name: "next_response_time",
        help: "time from the oldest unanswered customer message to the next public reply of a human",
        counted_at: "the reply",
        events: MESSAGES,
        source: "KPI catalogue, Handling; next reply time of Zendesk",
        groups: Groups::All,
        compute: Some(|facts| Figure::mean(facts, Span::NextResponse)),
        ..duration(&[Span::NextResponse])
    },
    Row {
        name: "awaiting_first_response",
        help: "contacts whose first response is due; digital channels",
        events: FIRST_RESPONSE,
        source: SOURCE,
        family: Some("contact_center_awaiting_first_response"),
        ..level(Level::AwaitingFirstResponse)
    },
    Row {
        name: "oldest_awaiting_start",
        unit: Unit::Timestamp,
        kind: RowKind::Now(NowLevel::OldestAwaiting),
        help: "beginning of the oldest contact whose first response is due",
        formula: "least beginning of the contacts that await a first response",
        source: SOURCE,
        counted_at: "now",
        events: FIRST_RESPONSE,
        windows: Windows::Live,
        family: Some("contact_center_oldest_awaiting_start_timestamp_seconds"),
        ..BLANK
    },
];

const fn transfer(name: &'static str, kind: Count, help: &'static str) -> Row {
    Row {
        name,
        help,
        counted_at: AT_TRANSFER,
        events: TRANSFERRED,
        source: SOURCE,
        groups: Groups::All,
        family: Some("contact_center_transfers_by_kind_total"),
        ..count(kind)
    }
}
