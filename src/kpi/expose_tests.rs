//! The series of invented groups, by family name.

use super::*;
use crate::event::Channel;
use crate::kpi::exposed::FamilyKind;
use crate::kpi::facts::samples;
use crate::kpi::families::FAMILIES;
use crate::kpi::groups::SetFamily;
use crate::kpi::targets::Target;
use crate::measure::delta::Delta;
use std::collections::BTreeSet;

const PLACE: Place<'_> = ("acme", Some(Channel::Voice), "billing");

/// The value of the only series of a family with these labels.
fn value(series: &[Series], name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let mut found = series.iter().filter(|of| {
        FAMILIES[of.family].name == name
            && of.labels.iter().map(|(name, value)| (*name, value.as_str())).eq(labels.iter().copied())
    });
    let one = found.next()?;
    assert!(found.next().is_none(), "{name} twice");
    match one.value {
        SeriesValue::Number(value) => Some(value),
        SeriesValue::Histogram { count, .. } => Some(count as f64),
    }
}

fn names(series: &[Series]) -> BTreeSet<&'static str> {
    series.iter().map(|of| FAMILIES[of.family].name).collect()
}

#[test]
fn all_counters_appear_together_also_at_zero() {
    let mut zero = Vec::new();
    expose_counters(&Totals::default(), ExposeInclude { histograms: true }, &mut zero);
    let all = FAMILIES.iter().filter(|family| !matches!(family.kind, FamilyKind::Gauge));
    assert_eq!(names(&zero), all.map(|family| family.name).collect());

    let mut delta = Delta::default();
    delta.count(Count::ContactsOffered, 3);
    delta.count(Count::FlowedOutTimeout, 2);
    delta.count(Count::TransfersBlind, 1);
    delta.count(Count::ContactsCreated, -4);
    delta.tally(Tally::AnsweredWithin, 20_000, 5);
    delta.value(Span::WaitAnswered, 7_000);
    let mut totals = Totals::default();
    totals.add(&delta);
    let mut some = Vec::new();
    expose_counters(&totals, ExposeInclude { histograms: true }, &mut some);
    assert_eq!(some.len(), zero.len());
    assert_eq!(value(&some, "contact_center_contacts_offered_total", &[]), Some(3.0));
    let by_reason = "contact_center_contacts_flowed_out_by_reason_total";
    assert_eq!(value(&some, by_reason, &[("reason", "timeout")]), Some(2.0));
    assert_eq!(value(&some, "contact_center_transfers_by_kind_total", &[("kind", "blind")]), Some(1.0));
    assert_eq!(value(&some, "contact_center_contacts_answered_within_threshold_total", &[]), Some(5.0));
    assert_eq!(value(&some, "contact_center_counts_revised_total", &[]), Some(4.0));
    assert_eq!(value(&some, "contact_center_wait_seconds", &[]), Some(1.0));
}

#[test]
fn histograms_are_two_unless_more_are_asked_for() {
    let mut series = Vec::new();
    expose_counters(&Totals::default(), ExposeInclude::default(), &mut series);
    let shown = series.iter().filter(|of| matches!(of.value, SeriesValue::Histogram { .. })).count();
    assert_eq!(shown, 2);
}

#[test]
fn every_gauge_has_the_families_of_its_tiers() {
    let has = |kpi: &str, tier: Tier| {
        let gauge = GAUGES.iter().find(|gauge| gauge.row.name == kpi).unwrap();
        let families = gauge.tiers[tier as usize];
        assert_eq!(families.value.is_some(), families.target.is_some(), "{kpi}");
        assert!(gauge.row.unit != Unit::Ratio || families.value.is_some() == families.denominator.is_some());
        families.value.is_some()
    };
    for tier in [Tier::Queue, Tier::Channel, Tier::Tenant] {
        for kpi in ["abandon_rate", "service_level", "service_level_live", "transfer_rate", "asa", "aht"] {
            assert!(has(kpi, tier), "{kpi} {tier:?}");
        }
        assert_eq!(has("contact_abandon_rate", tier), tier != Tier::Queue);
        assert_eq!(has("volume_share", tier), tier == Tier::Channel);
        assert_eq!(has("occupancy", tier), tier == Tier::Tenant);
    }
    for tier in [Tier::Team, Tier::Agent] {
        for kpi in ["occupancy", "utilization", "capacity_utilization", "aht"] {
            assert!(has(kpi, tier), "{kpi} {tier:?}");
        }
        assert!(!has("abandon_rate", tier));
    }
    assert!(MISSED.iter().all(Option::is_some));
    let tiers = QUANTILES.iter().flat_map(|(_, tiers)| &tiers[..3]);
    assert!(tiers.clone().all(|(at, max)| at.is_some() && max.is_some()) && tiers.count() == 12);
}

#[test]
fn a_window_shows_ratios_with_their_denominators_and_whether_targets_are_missed() {
    let aggregate = samples::aggregate(
        &[(Count::ContactsAnswered, 30), (Count::ContactsAbandoned, 10)],
        &[(Tally::AnsweredWithin, 20_000, 34)],
        &[(Span::WaitAnswered, 2_000), (Span::WaitAnswered, 9_500), (Span::WaitAbandoned, 1_000)],
    );
    let levels = samples::levels(&[]);
    let facts = Facts {
        family: SetFamily::Contacts,
        has_queue: true,
        has_channel: true,
        ..samples::facts(&aggregate, &levels)
    };
    let mut series = Vec::new();
    expose_window("5m", &facts, Tier::Queue, &Targets::shipped(), PLACE, false, &mut series);
    let window = [("window", "5m")];
    assert_eq!(value(&series, "contact_center_abandon_ratio", &window), Some(0.25));
    assert_eq!(value(&series, "contact_center_abandon_window_contacts", &window), Some(40.0));
    let missed = |kpi| value(&series, "contact_center_kpi_missed", &[("window", "5m"), ("kpi", kpi)]);
    assert_eq!(missed("abandon_rate"), Some(1.0));
    assert_eq!(missed("service_level"), Some(0.0));
    let wait = "contact_center_wait_window_seconds";
    assert_eq!(value(&series, wait, &[("window", "5m"), ("q", "0.9")]), Some(9.5));
    assert_eq!(value(&series, wait, &[("window", "5m"), ("q", "0.99")]), None);
    assert_eq!(value(&series, "contact_center_asa_seconds", &window), None);

    let mut more = Vec::new();
    expose_window("5m", &facts, Tier::Queue, &Targets::shipped(), PLACE, true, &mut more);
    assert_eq!(value(&more, wait, &[("window", "5m"), ("q", "0.99")]), Some(9.5));
    assert_eq!(value(&more, "contact_center_asa_seconds", &window), Some(5.75));
    assert_eq!(value(&more, "contact_center_wait_window_max_seconds", &window), Some(9.5));
    assert_eq!(value(&more, "contact_center_abandoned_wait_window_max_seconds", &window), Some(1.0));
}

#[test]
fn coarser_tiers_have_families_of_their_own() {
    let aggregate = samples::aggregate(&[(Count::ContactsAnswered, 3)], &[], &[]);
    let levels = samples::levels(&[(Level::AgentsContact, 300_000), (Level::AgentsAvailable, 100_000)]);
    let facts = samples::facts(&aggregate, &levels);
    let mut series = Vec::new();
    expose_window("day", &facts, Tier::Tenant, &Targets::default(), ("acme", None, ""), false, &mut series);
    assert!(names(&series).iter().all(|name| name.starts_with("contact_center_tenant_")));
    let day = [("window", "day")];
    assert_eq!(value(&series, "contact_center_tenant_occupancy_ratio", &day), Some(0.75));
    assert_eq!(value(&series, "contact_center_tenant_occupancy_window_time_seconds", &day), Some(400.0));
}

#[test]
fn levels_are_those_of_the_tier() {
    let mut current = [0; Level::LEN];
    current[Level::InProgress.index()] = 5;
    current[Level::AgentsBreak.index()] = 2;
    let now = NowLevels { waiting: 4, breaching: 1, oldest: Some(EventMs(90_500)), ..NowLevels::default() };
    let (mut queue, mut team, mut agent, mut channel) = (vec![], vec![], vec![], vec![]);
    expose_levels(&current, &now, Tier::Queue, &mut queue);
    expose_levels(&current, &now, Tier::Team, &mut team);
    expose_levels(&current, &now, Tier::Agent, &mut agent);
    expose_levels(&current, &now, Tier::Channel, &mut channel);
    assert_eq!(value(&queue, "contact_center_contacts_waiting", &[]), Some(4.0));
    assert_eq!(value(&queue, "contact_center_oldest_wait_start_timestamp_seconds", &[]), Some(90.5));
    assert_eq!(value(&queue, "contact_center_contacts_in_progress", &[]), Some(5.0));
    assert_eq!(value(&team, "contact_center_agents", &[("state", "break")]), Some(2.0));
    assert_eq!(value(&team, "contact_center_agents", &[("state", "lunch")]), Some(0.0));
    assert_eq!((queue.len(), team.len(), agent.len(), channel.len()), (7, 14, 1, 0));
    let mut serving = Vec::new();
    expose_queue_agents(&current, &mut serving);
    assert_eq!(value(&serving, "contact_center_queue_agents", &[("state", "break")]), Some(2.0));
}

#[test]
fn the_age_of_a_tenant_is_a_series_too() {
    let mut series = Vec::new();
    expose_data_timestamp(EventMs(1_500), &mut series);
    assert_eq!(value(&series, "contact_center_data_timestamp_seconds", &[]), Some(1.5));
}

#[test]
fn targets_show_their_bounds() {
    let targets = Targets::new(vec![
        Target::new("abandon_rate", Goal::AtMost(0.05)),
        Target::new("occupancy", Goal::Band(0.75, 0.85)),
    ]);
    let (mut queue, mut team) = (vec![], vec![]);
    expose_target(Tier::Queue, &targets, PLACE, EventMs(0), &mut queue);
    expose_target(Tier::Team, &targets, ("acme", None, ""), EventMs(0), &mut team);
    assert_eq!(value(&queue, "contact_center_abandon_target_ratio", &[("bound", "at_most")]), Some(0.05));
    assert_eq!(queue.len(), 1);
    let occupancy = "contact_center_team_occupancy_target_ratio";
    assert_eq!(value(&team, occupancy, &[("bound", "at_least")]), Some(0.75));
    assert_eq!(value(&team, occupancy, &[("bound", "at_most")]), Some(0.85));
}
