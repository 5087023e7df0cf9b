//! The metric families of the KPIs: every name, type, unit and help in one table.
//!
//! Counters, histograms and levels stand here; the gauges over windows, one family for each tier of groups, are made in
//! `window_families`. Help begins with the KPI's name and says which clock the value follows.

use super::exposed::{Family, FamilyKind};
use super::window_families;

/// All families, in the order of the exposition.
pub static FAMILIES: &[Family] = &JOINED;

/// The place of a family in [`FAMILIES`]; `None` if there is no family of that name.
#[must_use]
pub fn family(name: &str) -> Option<usize> {
    FAMILIES.iter().position(|family| family.name == name)
}

pub(super) const fn gauge(name: &'static str, help: &'static str) -> Family {
    Family { name, help, kind: FamilyKind::Gauge }
}

/// A counter that moves when an event is folded.
macro_rules! counter {
    ($kpi:literal, $help:literal) => {
        counter!($kpi, concat!("contact_center_", $kpi, "_total"), $help)
    };
    ($kpi:literal, $name:expr, $help:literal) => {
        Family {
            name: $name,
            help: concat!($kpi, ": ", $help, "; moves when an event is folded"),
            kind: FamilyKind::Counter,
        }
    };
}

/// A histogram that is filled when an event is folded.
macro_rules! histogram {
    ($kpi:literal, $name:literal, $help:literal) => {
        Family {
            name: $name,
            help: concat!($kpi, ": ", $help, "; moves when an event is folded"),
            kind: FamilyKind::Histogram,
        }
    };
}

/// A level of now.
macro_rules! level {
    ($kpi:literal, $help:literal) => {
        level!($kpi, concat!("contact_center_", $kpi), $help)
    };
    ($kpi:literal, $name:expr, $help:literal) => {
        gauge($name, concat!($kpi, ": ", $help, "; the state now, by the newest events folded"))
    };
}

const COUNTERS: &[Family] = &[
    counter!("contacts_created", "requests opened"),
    counter!("contacts_offered", "queue visits begun"),
    counter!("contacts_answered", "queue visits ended by an answer"),
    counter!("contacts_answered_within_threshold", "queue visits answered within the threshold"),
    counter!("contacts_answered_unjudged", "queue visits answered without a threshold to judge by"),
    counter!("contacts_abandoned", "queue visits that the customer left, short ones included"),
    counter!(
        "contacts_abandoned_within_threshold",
        "queue visits that the customer left within the threshold"
    ),
    counter!("contacts_abandoned_unjudged", "queue visits that the customer left, without a threshold"),
    counter!("contacts_short_abandoned", "first visits that the customer left after less than short_abandon"),
    counter!("contacts_short_abandoned_unjudged", "short abandons without a threshold to judge by"),
    counter!("contacts_offered_unjudged", "queue visits begun without a threshold to judge by"),
    counter!("contacts_flowed_out", "queue visits that ended otherwise, for any reason"),
    counter!(
        "contacts_flowed_out",
        "contact_center_contacts_flowed_out_by_reason_total",
        "queue visits that ended otherwise, by reason"
    ),
    counter!("contacts_ended_before_queue", "contacts left in the menu"),
    counter!("callbacks_requested", "callback requests made from a queue"),
    counter!("callbacks_requested_within_threshold", "callback requests made within the threshold"),
    counter!("contacts_handled", "legs handled, contact by agent"),
    counter!("contacts_completed", "contacts that had an agent and are over, wrap-ups included"),
    counter!("legs_held", "legs handled that were on hold at least once"),
    counter!("transfers", "transfers away from a leg, of any kind"),
    counter!("transfers", "contact_center_transfers_by_kind_total", "transfers away from a leg, by kind"),
    counter!("transfers_context_known", "transfers that said whether context was passed on"),
    counter!("transfers_context_passed", "transfers with context passed on"),
    counter!("agent_non_response", "offers that an agent missed or rejected, or that failed"),
    counter!("first_response_within_threshold", "first responses within their threshold"),
    counter!("first_response_beyond_threshold", "first responses beyond their threshold"),
    counter!("counts_revised", "how much was taken back from the counts of this group, which never fall"),
];

const HISTOGRAMS: &[Family] = &[
    histogram!("wait_answered", "contact_center_wait_seconds", "wait of the answered"),
    histogram!("wait_abandoned", "contact_center_abandoned_wait_seconds", "wait of those who abandoned"),
    histogram!("handle_time", "contact_center_handle_seconds", "talk, hold and wrap-up of a leg"),
    histogram!(
        "first_response_time",
        "contact_center_first_response_seconds",
        "time to the first response of a human"
    ),
];

const LEVELS: &[Family] = &[
    level!("contacts_waiting", "queue visits open"),
    level!("contacts_breaching", "queue visits open past their threshold"),
    level!("sla_at_risk", "queue visits open whose threshold passes soon"),
    level!(
        "oldest_wait_start",
        "contact_center_oldest_wait_start_timestamp_seconds",
        "beginning of the oldest open queue visit"
    ),
    level!("contacts_in_progress", "legs in talk or hold"),
    level!("contacts_in_wrapup", "legs in wrap-up"),
    level!("awaiting_first_response", "contacts whose first response is due"),
    level!(
        "oldest_awaiting_start",
        "contact_center_oldest_awaiting_start_timestamp_seconds",
        "beginning of the oldest contact whose first response is due"
    ),
    level!("agents", "agents of a team by state, each once"),
    level!("slots_active", "slots of a team's agents with a contact"),
    level!("slots_max", "slots of a team's agents"),
    level!("agents", "contact_center_agent_state", "1 for the state that an agent is in"),
    level!(
        "queue_agents",
        "agents that serve a queue by state; not summable over queues, an agent of two is in both"
    ),
    gauge(
        "contact_center_queue_info",
        "queue_info: 1 with the name that people know the queue by, to join with; follows the configuration",
    ),
    gauge(
        "contact_center_data_timestamp_seconds",
        "data_timestamp: event time up to which the tenant's figures are complete; follows event time",
    ),
];

const PARTS: [&[&[Family]]; 6] = [
    &[COUNTERS, HISTOGRAMS, LEVELS],
    window_families::QUEUE,
    window_families::CHANNEL,
    window_families::TENANT,
    window_families::TEAM,
    window_families::AGENT,
];
const LEN: usize = length();
static JOINED: [Family; LEN] = joined();

const fn length() -> usize {
    let (mut part, mut sum) = (0, 0);
    while part < PARTS.len() {
        let mut at = 0;
        while at < PARTS[part].len() {
            sum += PARTS[part][at].len();
            at += 1;
        }
        part += 1;
    }
    sum
}

const fn joined() -> [Family; LEN] {
    let mut families = [COUNTERS[0]; LEN];
    let (mut part, mut to) = (0, 0);
    while part < PARTS.len() {
        let mut group = 0;
        while group < PARTS[part].len() {
            let mut from = 0;
            while from < PARTS[part][group].len() {
                families[to] = PARTS[part][group][from];
                from += 1;
                to += 1;
            }
            group += 1;
        }
        part += 1;
    }
    families
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::catalog;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_follow_the_conventions() {
        let names: BTreeSet<&str> = FAMILIES.iter().map(|family| family.name).collect();
        assert_eq!(names.len(), FAMILIES.len());
        for family in FAMILIES {
            let name = family.name;
            assert!(name.starts_with("contact_center_"), "{name}");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            assert_eq!(name.ends_with("_total"), family.kind == FamilyKind::Counter, "{name}");
            assert!(family.kind != FamilyKind::Histogram || name.ends_with("_seconds"), "{name}");
            for suffix in ["_count", "_sum", "_bucket", "_ms", "_rate"] {
                assert!(!name.ends_with(suffix), "{name}");
            }
        }
    }

    #[test]
    fn help_begins_with_a_name_and_says_its_clock() {
        let clocks = ["when an event is folded", "event time", "the state now", "follows the"];
        for family in FAMILIES {
            let (kpi, rest) = family.help.split_once(": ").unwrap();
            assert!(clocks.iter().any(|clock| rest.contains(clock)), "{}", family.name);
            let others =
                ["counts_revised", "agents", "queue_agents", "queue_info", "data_timestamp", "kpi_missed"];
            assert!(catalog::row(kpi).is_some() || others.contains(&kpi), "{}: {kpi}", family.name);
        }
    }
}
