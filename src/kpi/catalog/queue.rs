//! Rows of the queue's KPIs, waits and levels. The unit is the queue visit, direction inbound.

use super::{BLANK, Groups, NowLevel, Row, RowKind, Unit, Windows, duration, level};
use crate::kpi::figure::Figure;
use crate::kpi::service_level;
use crate::measure::ids::Count::{
    ContactsAbandoned as Abandoned, ContactsAnswered as Answered, ContactsCreated as Created,
    ContactsEntered as Entered, ContactsEnteredAbandoned as EnteredAbandoned, ContactsFlowedOut as FlowedOut,
    ContactsOffered as Offered, ContactsShortAbandoned as Short,
};
use crate::measure::ids::{Level, Span};

const SOURCE: &str = "KPI catalogue, Queue";
const QUEUED: &[&str] = &["contact.queued"];
const ANSWERED: &[&str] = &["contact.queued", "contact.answered", "message.sent"];
const ABANDONED: &[&str] = &["contact.queued", "contact.abandoned", "contact.ended"];
const FLOWED_OUT: &[&str] = &["contact.queued", "contact.flowed_out"];
const VISITS: &[&str] =
    &["contact.queued", "contact.answered", "contact.abandoned", "contact.flowed_out", "contact.ended"];
const HANDLED: &[&str] = &["contact.answered", "contact.ended", "contact.wrapup_ended"];

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "abandon_rate",
        help: "share of the visits that ended because the customer gave up",
        formula: "(contacts_abandoned - contacts_short_abandoned) / \
            (contacts_answered + contacts_abandoned - contacts_short_abandoned + contacts_flowed_out)",
        source: "KPI catalogue, Queue: outcomes of the window on both sides, so that it stays within 0..1",
        events: VISITS,
        family: Some("contact_center_abandon_ratio"),
        compute: Some(|facts| {
            let lost = facts.count(Abandoned) - facts.count(Short);
            Figure::share(lost, facts.count(Answered) + lost + facts.count(FlowedOut))
        }),
        ..BLANK
    },
    Row {
        name: "abandon_rate_offered",
        help: "abandon rate of the textbooks, by visits begun; can pass 1 in short windows",
        formula: "(contacts_abandoned - contacts_short_abandoned) / (contacts_offered - contacts_short_abandoned)",
        source: "KPI catalogue, Queue; Amazon Connect and Genesys without short abandons",
        events: VISITS,
        compute: Some(|facts| {
            let lost = facts.count(Abandoned) - facts.count(Short);
            Figure::share(lost, facts.count(Offered) - facts.count(Short))
        }),
        ..BLANK
    },
    Row {
        name: "contact_abandon_rate",
        help: "share of the contacts that gave up without an answer; moving between queues does not count",
        formula: "contacts_entered_abandoned / contacts_entered",
        source: SOURCE,
        events: &["contact.queued", "contact.answered", "contact.abandoned"],
        groups: Groups::WithoutQueue,
        family: Some("contact_center_channel_contact_abandon_ratio"),
        compute: Some(|facts| Figure::share(facts.count(EnteredAbandoned), facts.count(Entered))),
        ..BLANK
    },
    Row {
        name: "service_level",
        help: "share of the visits answered within the threshold, by the formula set for the place",
        formula: "of visits with a threshold, within = contacts_answered_within_threshold: \
            answered_plus_abandoned (default): within / (answered + abandoned); \
            exclude_short: within / (answered + abandoned - short); \
            answered_only: within / answered; \
            offered: within / offered; \
            offered_minus_short: within / (offered - short); \
            removed_in_x: (within + abandoned within + callbacks requested within) / offered; \
            positive: (within + abandoned within) / (answered + abandoned); \
            ignore_abandoned_within: within / (answered + abandoned - abandoned within)",
        source: "KPI catalogue, Queue; the defaults of Genesys, 8x8, Amazon Connect and Cisco are among the formulas",
        events: VISITS,
        family: Some("contact_center_service_level_ratio"),
        compute: Some(service_level::plain),
        ..BLANK
    },
    Row {
        name: "service_level_live",
        help: "service level that also counts those who wait now past their threshold",
        formula: "numerator of service_level / (denominator of service_level + contacts_breaching now)",
        source: "KPI catalogue, Queue: a queue that nobody answers must not look perfect",
        events: VISITS,
        windows: Windows::Live,
        family: Some("contact_center_service_level_live_ratio"),
        compute: Some(service_level::live),
        ..BLANK
    },
    Row {
        name: "asa",
        unit: Unit::Seconds,
        kind: RowKind::Mean,
        help: "average speed of answer: mean wait of the answered",
        formula: "sum of wait_answered / contacts_answered",
        source: SOURCE,
        counted_at: "the answer",
        events: ANSWERED,
        family: Some("contact_center_asa_seconds"),
        compute: Some(|facts| Figure::mean(facts, Span::WaitAnswered)),
        ..BLANK
    },
    Row {
        name: "volume_share",
        help: "the channel's share of the tenant's contacts created",
        formula: "contacts_created of the channel / contacts_created of the tenant",
        source: SOURCE,
        counted_at: "the request's creation",
        events: &["contact.created"],
        groups: Groups::Channels,
        family: Some("contact_center_channel_volume_share_ratio"),
        compute: Some(|facts| Figure::share(facts.count(Created), facts.tenant_created?)),
        ..BLANK
    },
    Row {
        name: "load_erlangs",
        unit: Unit::Erlangs,
        kind: RowKind::PerTime,
        help: "work that the contacts brought, as the average number of agents that it kept busy",
        formula: "sum of handle_time / length of the window",
        source: "KPI catalogue, Queue; the offered load of queueing theory",
        counted_at: "the end of a leg's wrap-up",
        events: HANDLED,
        compute: Some(|facts| match facts.sum(Span::Handle) {
            (_, 0) => None,
            (sum_ms, _) => Figure::share_of_time(sum_ms, facts.pane.length_ms()),
        }),
        ..BLANK
    },
    Row {
        name: "wait_answered",
        help: "wait of the answered",
        source: SOURCE,
        counted_at: "the answer",
        events: ANSWERED,
        family: Some("contact_center_wait_seconds"),
        ..duration(&[Span::WaitAnswered])
    },
    Row {
        name: "wait_abandoned",
        help: "wait of those who abandoned, short ones included",
        source: SOURCE,
        counted_at: "the abandon",
        events: ABANDONED,
        family: Some("contact_center_abandoned_wait_seconds"),
        ..duration(&[Span::WaitAbandoned])
    },
    Row {
        name: "wait_flowed_out",
        help: "wait of those who flowed out",
        source: SOURCE,
        counted_at: "the flow-out",
        events: FLOWED_OUT,
        ..duration(&[Span::WaitFlowedOut])
    },
    Row {
        name: "wait_all",
        help: "wait of all, however it ended",
        source: SOURCE,
        counted_at: "the end of the wait",
        events: VISITS,
        ..duration(&[Span::WaitAnswered, Span::WaitAbandoned, Span::WaitFlowedOut])
    },
    Row {
        name: "contacts_waiting",
        help: "queue visits open",
        source: SOURCE,
        events: VISITS,
        family: Some("contact_center_contacts_waiting"),
        ..level(Level::Waiting)
    },
    Row {
        name: "contacts_breaching",
        help: "queue visits open past their threshold",
        source: SOURCE,
        events: VISITS,
        family: Some("contact_center_contacts_breaching"),
        ..level(Level::Breaching)
    },
    Row {
        name: "sla_at_risk",
        unit: Unit::Count,
        kind: RowKind::Now(NowLevel::AtRisk),
        help: "queue visits open whose threshold passes within `risk_horizon`",
        formula: "how many now",
        source: SOURCE,
        counted_at: "now",
        events: QUEUED,
        windows: Windows::Live,
        family: Some("contact_center_sla_at_risk"),
        ..BLANK
    },
    Row {
        name: "oldest_wait_start",
        unit: Unit::Timestamp,
        kind: RowKind::Now(NowLevel::OldestWait),
        help: "beginning of the oldest queue visit that is open",
        formula: "least beginning of the open visits",
        source: SOURCE,
        counted_at: "now",
        events: QUEUED,
        windows: Windows::Live,
        family: Some("contact_center_oldest_wait_start_timestamp_seconds"),
        ..BLANK
    },
    Row {
        name: "contacts_in_progress",
        help: "legs in talk or hold",
        source: SOURCE,
        events: HANDLED,
        family: Some("contact_center_contacts_in_progress"),
        ..level(Level::InProgress)
    },
    Row {
        name: "contacts_in_wrapup",
        help: "legs in wrap-up",
        source: SOURCE,
        events: HANDLED,
        family: Some("contact_center_contacts_in_wrapup"),
        ..level(Level::InWrapup)
    },
];
