//! How many sites, and how much of a site's load, give the wanted rate of events.
//!
//! The rate of one site is not computed but measured: a pilot plays it for a while on a flat day. So
//! whatever a scenario contains counts as it is.

use super::center::AGENTS_MAX;
use super::scenario::Scenario;
use super::simulation::Simulation;
use crate::time::{EventMs, MINUTE_MS, Millis};

/// The pilot's length; its first part, in which the center fills, does not count.
const PILOT_MS: Millis = 50 * MINUTE_MS;
const PILOT_FILL_MS: Millis = 20 * MINUTE_MS;
/// Events after which the pilot stops early.
const PILOT_EVENTS_MAX: u64 = 500_000;
/// Share of a team's agents that carries the mean load; the rest is what its chance needs.
const BASE_SHARE: f64 = 0.8;

/// Copies of the described center per tenant, and the share of the described load each one has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    pub sites: usize,
    pub load: f64,
}

impl Scale {
    /// As described.
    pub(super) const ONE: Scale = Scale { sites: 1, load: 1.0 };

    /// The scale at which the scenario gives its `rate`.
    pub(super) fn of(scenario: &Scenario, seed: u64) -> Scale {
        let Some(rate) = scenario.rate.filter(|rate| rate.is_finite() && *rate > 0.0) else {
            return Scale::ONE;
        };
        let per_tenant = rate / scenario.tenants.len().max(1) as f64;
        let per_site = pilot_rate(scenario, seed);
        if per_site <= 0.0 {
            return Scale::ONE;
        }
        let agents: usize = scenario.teams.iter().map(|team| team.agents as usize).sum();
        let sites_max = (AGENTS_MAX / agents.max(1) / 4 / scenario.tenants.len().max(1)).max(1);
        let sites = ((per_tenant / per_site).round() as usize).clamp(1, sites_max);
        Scale { sites, load: per_tenant / per_site / sites as f64 }
    }

    /// A team's agents at this load.
    pub(super) fn agents(self, described: u32) -> u32 {
        if described == 0 {
            return 0;
        }
        ((f64::from(described) * staffing(self.load)).round() as u32).max(1)
    }
}

/// Agents for a load, both as shares of the mean, by the square-root rule (Erlang's, in Garnett and others, 2002): what
/// chance needs beyond the mean load grows with its root only.
pub(super) fn staffing(load: f64) -> f64 {
    BASE_SHARE * load + (1.0 - BASE_SHARE) * load.sqrt()
}

/// Events per second of one site of one tenant on a flat day.
fn pilot_rate(scenario: &Scenario, seed: u64) -> f64 {
    let mut pilot = scenario.clone();
    pilot.tenants.truncate(1);
    pilot.incidents.clear();
    pilot.shift = None;
    for queue in &mut pilot.queues {
        let parts = queue.day_profile.len().max(1) as f64;
        queue.day_profile = vec![queue.day_profile.iter().sum::<f64>() / parts];
    }
    let mut simulation = Simulation::at_scale(pilot, seed, EventMs(0), Scale::ONE);
    let (mut counted, mut last_ms) = (0_u64, PILOT_FILL_MS);
    while let Some(event) = simulation.next_before(EventMs(PILOT_MS)) {
        if event.time.0 < PILOT_FILL_MS {
            continue;
        }
        counted += 1;
        last_ms = event.time.0;
        if counted >= PILOT_EVENTS_MAX {
            break;
        }
    }
    let length_ms =
        if counted >= PILOT_EVENTS_MAX { last_ms - PILOT_FILL_MS } else { PILOT_MS - PILOT_FILL_MS };
    counted as f64 * 1000.0 / length_ms.max(1) as f64
}
