//! Random scenarios: what a contact center's topic could hold, good and bad, from a seed.
//!
//! It knows the event contract, and must never know what the numbers should be.

pub mod dice;
mod digital;
mod journey;
mod life;
mod oddities;
mod spoiled;
mod staff;
mod voice;

use serde_json::json;

use crate::reference::{Config, Input, ThresholdRule};
use dice::Dice;
use journey::{Parcel, Way};
use life::{Life, Staff};

/// 2026-01-05T21:00:00Z, so that midnight lies within most scenarios.
const BEGIN_MS: i64 = 1_767_646_800_000;

const TENANTS: [&str; 3] = ["acme", "globex", "default"];

/// What a scenario is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Lives of contacts.
    pub contacts: usize,
    /// Agents of each tenant.
    pub agents: usize,
    /// Partitions.
    pub partitions: u32,
    /// In which time lives begin, in milliseconds.
    pub span_ms: i64,
    /// Whether events miss, double, swap and stray, and contacts run out of the contract's order.
    pub odd: bool,
    /// Whether some are held back beyond the allowed lateness.
    pub late: bool,
    /// How many in a hundred records come twice.
    pub copies_percent: i64,
    /// Records that break the contract, lie in the future or have an unknown type, in a hundred contacts.
    pub spoiled_percent: i64,
    /// Whether there is an hour or more without events.
    pub gap: bool,
    /// Whether settings differ from their defaults.
    pub vary_config: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            contacts: 120,
            agents: 6,
            partitions: 3,
            span_ms: 4 * 3_600_000,
            odd: true,
            late: true,
            copies_percent: 4,
            spoiled_percent: 30,
            gap: true,
            vary_config: true,
        }
    }
}

/// Records and the settings they are to be read with.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The records, in the order of arrival.
    pub inputs: Vec<Input>,
    /// The settings.
    pub config: Config,
}

/// A scenario for a seed.
#[must_use]
pub fn scenario(seed: u64, options: &Options) -> Scenario {
    let mut dice = Dice::new(seed);
    let dice = &mut dice;
    let config = if options.vary_config { varied(dice) } else { Config::default() };
    let end_ms = BEGIN_MS + options.span_ms;
    let way = Way {
        delay_ms: if options.odd { config.out_of_orderness_ms } else { config.out_of_orderness_ms / 2 },
        gap_from_ms: if options.gap { dice.between(BEGIN_MS, end_ms) } else { i64::MAX },
        gap_ms: dice.between(3_600_000, 3 * 3_600_000),
    };
    let mut lives = agents(dice, options, end_ms);
    lives.extend((0..options.contacts).map(|number| contact(dice, options, number, end_ms)));
    if options.late {
        let least_ms = config.allowed_lateness_ms + config.out_of_orderness_ms;
        for life in &mut lives {
            let has_heart = life.drafts.iter().any(|draft| draft.fields["type"] == "agent.heartbeat");
            // What a silent agent was, heard of later, is a matter of its timeout, not of lateness.
            if !has_heart && dice.chance(5) {
                oddities::hold_back(dice, life, least_ms, end_ms);
            }
        }
    }
    let (mut parcels, mut serial) = (Vec::new(), 0);
    for life in &lives {
        journey::send(dice, way, life, &mut serial, &mut parcels);
    }
    strangers(dice, options, &config, way, &mut parcels);
    journey::copy_some(dice, options.copies_percent, &mut parcels);
    Scenario { inputs: journey::arrive(parcels, options.partitions), config }
}

/// About `n_events` well-formed events of well-formed lives, by default settings.
#[must_use]
pub fn calm(seed: u64, n_events: usize) -> Scenario {
    let options = Options {
        contacts: n_events / 4 + 1,
        odd: false,
        late: false,
        copies_percent: 0,
        spoiled_percent: 0,
        gap: false,
        vary_config: false,
        ..Options::default()
    };
    let mut scenario = scenario(seed, &options);
    scenario.inputs.truncate(n_events);
    scenario
}

fn contact(dice: &mut Dice, options: &Options, number: usize, end_ms: i64) -> Life {
    let begin_ms = dice.between(BEGIN_MS, end_ms);
    let tenant = dice.pick(&TENANTS);
    // Every other one is the same id in a different tenant's hands.
    let shared = number - number % 2;
    let is_shared = TENANTS[shared / 2 % 2 + number % 2] == tenant;
    let id = if is_shared { format!("c{shared}") } else { format!("c{number}-{tenant}") };
    let mut life = Life::new(tenant, "contact_id", &id, begin_ms);
    life.is_loose = options.odd;
    let mut staff = Staff::new(dice, options.agents.max(1));
    match dice.below(20) {
        0 => voice::call_out(dice, &mut life, &mut staff),
        1..=11 => voice::call(dice, &mut life, &mut staff),
        _ => digital::conversation(dice, &mut life, &mut staff),
    }
    let is_inbound =
        life.drafts.iter().all(|draft| draft.fields.get("direction").is_none_or(|way| way == "inbound"));
    if options.odd && is_inbound {
        oddities::befall(dice, &mut life);
    }
    life
}

fn agents(dice: &mut Dice, options: &Options, end_ms: i64) -> Vec<Life> {
    let mut lives = Vec::new();
    for tenant in TENANTS {
        for number in 0..options.agents {
            let (agent_id, team) = life::agent(number);
            let begin_ms = BEGIN_MS + dice.between(0, 3_600_000);
            let mut life = Life::new(tenant, "agent_id", &agent_id, begin_ms);
            staff::shift(dice, &mut life, team, end_ms);
            lives.push(life);
        }
    }
    lives
}

/// Records that belong to nobody: spoiled, from the future, of unknown or unused types.
fn strangers(dice: &mut Dice, options: &Options, config: &Config, way: Way, parcels: &mut Vec<Parcel>) {
    let count = options.contacts as i64 * options.spoiled_percent / 100;
    for number in 0..count {
        let unshifted_ms = dice.between(BEGIN_MS, BEGIN_MS + options.span_ms);
        let arrival_ms = way.shifted(unshifted_ms);
        let key = format!("stranger-{number}");
        let skew_ms = config.max_future_skew_ms;
        let event = |kind: &str, time_ms: i64| {
            let id = format!("stranger-{number}");
            let event = json!({"id": id, "type": kind, "time": time_ms, "tenant": "acme", "survey_id": "s",
                "kind": "csat", "contact_id": "nobody"});
            event.to_string().into_bytes()
        };
        let (value, malformed) = match dice.below(5) {
            0 => (event("survey.sent", arrival_ms + skew_ms + dice.between(1, 86_400_000)), false),
            1 => (event("survey.sent", arrival_ms + dice.between(0, 8_000)), false),
            2 => (event("contact.teleported", arrival_ms - dice.between(0, 2_000)), false),
            3 => (event("contact.abandoned", arrival_ms - dice.between(0, 2_000)), false),
            _ => {
                let kind = dice.below(spoiled::KINDS);
                (spoiled::bytes(dice, kind, arrival_ms), true)
            }
        };
        parcels.push(Parcel { arrival_ms, key, value, malformed });
    }
}

fn varied(dice: &mut Dice) -> Config {
    let mut config = Config::default();
    let mut either = |usual: i64, other: i64| if dice.chance(60) { usual } else { other };
    config.short_abandon_ms = either(5_000, 10_000);
    config.linger_ms = either(1_800_000, 300_000);
    config.allowed_lateness_ms = either(3_600_000, 1_800_000);
    let wrapup_ms = either(600_000, 90_000);
    config.wrapup_timeout_ms.insert("voice".to_owned(), wrapup_ms);
    let age_ms = either(28_800_000, 2_400_000);
    config.max_age_ms.insert("voice".to_owned(), age_ms);
    config.within_strict = either(0, 1) == 1;
    if dice.chance(50) {
        let rule = |channel: Option<&str>, queue: Option<&str>, threshold_ms| ThresholdRule {
            tenant: Some("acme".to_owned()),
            channel: channel.map(str::to_owned),
            queue: queue.map(str::to_owned),
            threshold_ms,
        };
        config.thresholds.push(rule(Some("voice"), None, Some(40_000)));
        config.thresholds.push(rule(Some("voice"), Some("claims"), Some(5_000)));
        config.thresholds.push(rule(Some("voice"), Some("sales"), None));
    }
    config
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::reference;

    #[test]
    fn a_seed_gives_the_same_scenario_and_another_one_another() {
        let options = Options::default();
        let first = scenario(7, &options);
        assert_eq!(first.inputs, scenario(7, &options).inputs);
        assert_eq!(first.config, scenario(7, &options).config);
        assert_ne!(first.inputs, scenario(8, &options).inputs);
    }

    #[test]
    fn scenarios_reach_every_result_and_nearly_every_count() {
        let (mut results, mut counts) = (BTreeMap::new(), BTreeSet::new());
        let mut expired = 0;
        for seed in 0..20 {
            let Scenario { inputs, config } = scenario(seed, &Options::default());
            let outcome = reference::run(&config, &inputs);
            assert_eq!(outcome.results.values().sum::<i64>(), inputs.len() as i64);
            for (name, count) in outcome.results {
                *results.entry(name).or_insert(0) += count;
            }
            for record in outcome.records.values() {
                counts.extend(record.counts.keys().cloned());
                counts.extend(record.durations.keys().cloned());
                counts.extend(record.levels.keys().cloned());
                counts.extend(record.kpis.keys().cloned());
            }
            expired += outcome.expired;
        }
        assert_eq!(results.len(), 7, "{results:?}");
        assert!(results.values().all(|count| *count > 20), "{results:?}");
        assert!(expired > 10, "{expired}");
        for name in [
            "contacts_ended_before_queue",
            "callback_within_threshold",
            "offered_unjudged",
            "abandoned_unjudged",
            "contacts_flowed_out_system",
            "contacts_breaching",
            "awaiting_first_response",
            "slots_active",
            "next_response_time",
            "context_transfer",
            "transfers_consult",
            "agent_time_per_contact",
        ] {
            assert!(counts.contains(name), "{name} is missing of {counts:?}");
        }
    }

    #[test]
    fn a_calm_scenario_folds_whole() {
        let Scenario { inputs, config } = calm(3, 3_000);
        assert_eq!(inputs.len(), 3_000);
        let outcome = reference::run(&config, &inputs);
        assert_eq!(outcome.results, BTreeMap::from([("folded".to_owned(), 3_000)]));
    }

    #[test]
    fn levels_of_a_tenant_are_the_sums_of_its_channels() {
        let Scenario { inputs, config } = scenario(11, &Options::default());
        let outcome = reference::run(&config, &inputs);
        let mut areas: BTreeMap<_, (i64, i64)> = BTreeMap::new();
        for ((set, values, name, start_ms), record) in &outcome.records {
            let area = record.levels.get("contacts_waiting").map_or(0, |level| level.2);
            let sums = areas.entry((values[0].clone(), name.clone(), *start_ms)).or_default();
            match set.as_str() {
                "tenant" => sums.0 += area,
                "tenant,channel" => sums.1 += area,
                _ => {}
            }
        }
        assert!(areas.values().any(|(whole, _)| *whole > 0));
        assert!(areas.values().all(|(whole, parts)| whole == parts));
    }
}
