//! The formulas: numerator and denominator of each KPI from a record's sums.
//!
//! It must never look at rows; a KPI whose denominator is not above 0 does not exist.

use std::collections::BTreeMap;

use super::config::Config;
use super::{Record, RecordKey};

/// States that do not count as offline.
const LOGGED_IN: [&str; 12] = [
    "available",
    "ringing",
    "contact",
    "wrapup",
    "not_responding",
    "non_acd",
    "break",
    "lunch",
    "training",
    "meeting",
    "busy",
    "other",
];

/// Writes the KPIs into every record.
pub fn derive(config: &Config, records: &mut BTreeMap<RecordKey, Record>) {
    let created: BTreeMap<(String, String, i64), i64> = records
        .iter()
        .filter(|((set, ..), _)| set == "tenant")
        .map(|((_, values, name, start_ms), record)| {
            ((values[0].clone(), name.clone(), *start_ms), count(record, "contacts_created"))
        })
        .collect();
    let lengths: BTreeMap<String, i64> = config.all_windows().into_iter().collect();
    for ((set, values, name, start_ms), record) in records.iter_mut() {
        let mut kpis = Vec::new();
        waiting(record, set != "tenant,channel,queue", &mut kpis);
        service_levels(record, &mut kpis);
        handling(record, &mut kpis);
        agents(record, !set.starts_with("tenant,channel"), &mut kpis);
        let is_agent_set = set.starts_with("tenant,team");
        let length_ms = lengths.get(name).copied().unwrap_or(0);
        if !is_agent_set && record.durations.contains_key("handle_time") {
            kpis.push(("load_erlangs".to_owned(), sum_ms(record, "handle_time"), length_ms as f64));
        }
        if set == "tenant,channel" {
            let of_tenant = created.get(&(values[0].clone(), name.clone(), *start_ms)).copied().unwrap_or(0);
            kpis.push(("volume_share".to_owned(), number(record, "contacts_created"), of_tenant as f64));
        }
        let existing = kpis.into_iter().filter(|(_, _, denominator)| *denominator > 0.0);
        record.kpis = existing.map(|(kpi, numerator, denominator)| (kpi, (numerator, denominator))).collect();
    }
}

type Kpis = Vec<(String, f64, f64)>;

fn waiting(record: &Record, without_queue: bool, kpis: &mut Kpis) {
    let [offered, answered, abandoned, short, flowed_out] = [
        "contacts_offered",
        "contacts_answered",
        "contacts_abandoned",
        "contacts_short_abandoned",
        "contacts_flowed_out",
    ]
    .map(|name| number(record, name));
    let lost = abandoned - short;
    kpis.push(("abandon_rate".to_owned(), lost, answered + lost + flowed_out));
    kpis.push(("abandon_rate_offered".to_owned(), lost, offered - short));
    if without_queue {
        let entered = number(record, "contacts_entered");
        kpis.push(("contact_abandon_rate".to_owned(), number(record, "contacts_entered_abandoned"), entered));
    }
    kpis.push(("asa".to_owned(), sum_seconds(record, "wait_answered"), answered));
}

fn service_levels(record: &Record, kpis: &mut Kpis) {
    let judged = |name: &str, unjudged: &str| number(record, name) - number(record, unjudged);
    let offered = judged("contacts_offered", "offered_unjudged");
    let answered = judged("contacts_answered", "answered_unjudged");
    let abandoned = judged("contacts_abandoned", "abandoned_unjudged");
    let short = judged("contacts_short_abandoned", "short_abandoned_unjudged");
    let within = number(record, "answered_within_threshold");
    let abandoned_within = number(record, "abandoned_within_threshold");
    let callback_within = number(record, "callback_within_threshold");
    let formulas = [
        ("answered_plus_abandoned", within, answered + abandoned),
        ("exclude_short", within, answered + abandoned - short),
        ("answered_only", within, answered),
        ("offered", within, offered),
        ("offered_minus_short", within, offered - short),
        ("removed_in_x", within + abandoned_within + callback_within, offered),
        ("positive", within + abandoned_within, answered + abandoned),
        ("ignore_abandoned_within", within, answered + abandoned - abandoned_within),
    ];
    for (formula, numerator, denominator) in formulas {
        kpis.push((format!("service_level:{formula}"), numerator, denominator));
    }
}

fn handling(record: &Record, kpis: &mut Kpis) {
    let handled = number(record, "contacts_handled");
    let transfers = number(record, "transfers");
    kpis.push(("aht".to_owned(), sum_seconds(record, "handle_time"), handled));
    kpis.push(("held_rate".to_owned(), number(record, "legs_held"), handled));
    kpis.push(("transfer_rate".to_owned(), transfers, number(record, "contacts_completed")));
    let known = number(record, "transfers_context_known");
    kpis.push(("context_transfer".to_owned(), number(record, "transfers_context_passed"), known));
    let within = number(record, "first_response_within_threshold");
    let judged = number(record, "first_response_judged");
    kpis.push(("first_response_within_target".to_owned(), within, judged));
}

fn agents(record: &Record, has_agents: bool, kpis: &mut Kpis) {
    let area =
        |state: &str| record.levels.get(&format!("agents_{state}")).map_or(0.0, |level| level.2 as f64);
    let slots = |name: &str| record.levels.get(name).map_or(0.0, |level| level.2 as f64);
    let busy = area("contact") + area("wrapup");
    kpis.push(("occupancy".to_owned(), busy, busy + area("available")));
    kpis.push(("utilization".to_owned(), busy, LOGGED_IN.iter().map(|state| area(state)).sum()));
    kpis.push(("capacity_utilization".to_owned(), slots("slots_active"), slots("slots_max")));
    if has_agents {
        let handled = number(record, "contacts_handled");
        if area("contact") > 0.0 {
            kpis.push(("agent_time_per_contact".to_owned(), area("contact") / 1_000.0, handled));
        }
    }
}

fn count(record: &Record, name: &str) -> i64 {
    record.counts.get(name).copied().unwrap_or(0)
}

fn number(record: &Record, name: &str) -> f64 {
    count(record, name) as f64
}

fn sum_ms(record: &Record, name: &str) -> f64 {
    record.durations.get(name).map_or(0, |values| values.iter().sum::<i64>()) as f64
}

fn sum_seconds(record: &Record, name: &str) -> f64 {
    sum_ms(record, name) / 1_000.0
}
