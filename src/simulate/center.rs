//! The scenario laid out for play: queues, teams and agents of every tenant and site, by number.
//!
//! A *lane* is one queue at one site, a *crew* one team at one site. Names are resolved and quoted
//! here once. It knows nothing of what happens.

use std::collections::BTreeSet;

use super::agent::{Agent, AgentShift};
use super::arrivals::{Arrivals, Surge, at_time_of_day};
use super::record::quote;
use super::roster::{PARTS, breaks, shift_beginnings};
use super::scale::{Scale, staffing};
use super::scenario::{Incident, Queue, Scenario, Team};
use crate::time::{DAY_MS, EventMs, HOUR_MS, MINUTE_MS, Millis};

/// Agents of one simulation, off duty ones too; further ones are left out and counted.
pub(super) const AGENTS_MAX: usize = 1_000_000;

/// One queue at one site.
pub(super) struct Lane {
    /// The queue in the scenario.
    pub queue: usize,
    pub tenant: usize,
    pub arrivals: Arrivals,
    /// Crews that serve it, those that prefer it most first: (rank, crew).
    pub crews: Vec<(usize, usize)>,
    /// Contacts that wait unoffered: (rank of priority, order, slot).
    pub waiting: BTreeSet<(u8, u64, usize)>,
    pub transfer_to: Option<usize>,
    pub overflow_to: Option<usize>,
}

/// One team at one site.
pub(super) struct Crew {
    /// The team in the scenario.
    pub team: usize,
    pub tenant: usize,
    pub slots: u32,
    /// Lanes it serves, the preferred first.
    pub lanes: Vec<usize>,
    /// Agents who can take a contact: (contacts they have, order of becoming idle, agent).
    pub idle: BTreeSet<(u32, u64, usize)>,
    pub agents: Vec<usize>,
}

/// The scenario's texts as JSON, and its fixed texts.
pub(super) struct Labels {
    pub tenants: Vec<String>,
    pub queues: Vec<String>,
    pub teams: Vec<String>,
    /// Per queue.
    pub categories: Vec<Vec<String>>,
    /// Per team: its queues as a JSON list.
    pub team_queues: Vec<String>,
}

/// Everything by number.
pub(super) struct Center {
    pub lanes: Vec<Lane>,
    pub crews: Vec<Crew>,
    pub agents: Vec<Agent>,
    pub labels: Labels,
    /// Agents beyond the limit.
    pub agents_left_out: u64,
}

impl Center {
    pub(super) fn build(scenario: &Scenario, scale: Scale, start: EventMs) -> Center {
        let mut center = Center {
            lanes: Vec::new(),
            crews: Vec::new(),
            agents: Vec::new(),
            labels: labels(scenario),
            agents_left_out: 0,
        };
        let loads: Vec<[f64; PARTS]> = scenario.teams.iter().map(|team| team_load(scenario, team)).collect();
        for tenant in 0..scenario.tenants.len() {
            for site in 0..scale.sites {
                center.add_site(scenario, scale, start, tenant, site, &loads);
            }
        }
        center
    }

    fn add_site(
        &mut self,
        scenario: &Scenario,
        scale: Scale,
        start: EventMs,
        tenant: usize,
        site: usize,
        loads: &[[f64; PARTS]],
    ) {
        let first_lane = self.lanes.len();
        let lane_of = |name: &str| {
            scenario.queues.iter().position(|queue| queue.name == name).map(|queue| first_lane + queue)
        };
        for (number, queue) in scenario.queues.iter().enumerate() {
            let per_hour = queue.arrivals_per_hour * scale.load;
            let surges = surges(scenario, queue, start);
            self.lanes.push(Lane {
                queue: number,
                tenant,
                arrivals: Arrivals::new(start, per_hour, queue.day_profile.clone(), surges),
                crews: Vec::new(),
                waiting: BTreeSet::new(),
                transfer_to: queue.transfer.as_ref().and_then(|transfer| lane_of(&transfer.to)),
                overflow_to: queue.overflow.as_ref().and_then(|overflow| lane_of(&overflow.to)),
            });
        }
        for (number, team) in scenario.teams.iter().enumerate() {
            let crew = self.crews.len();
            let lanes: Vec<usize> = team.queues.iter().filter_map(|name| lane_of(name)).collect();
            for (rank, lane) in lanes.iter().enumerate() {
                self.lanes[*lane].crews.push((rank, crew));
            }
            let slots = team.slots.max(1);
            self.crews.push(Crew {
                team: number,
                tenant,
                slots,
                lanes,
                idle: BTreeSet::new(),
                agents: Vec::new(),
            });
            let load = loads.get(number).copied().unwrap_or([1.0; PARTS]);
            let shifts = match shift_ms(scenario) {
                None => vec![None; scale.agents(team.agents) as usize],
                Some(shift_ms) => shifts(team, scale.agents(team.agents), shift_ms, &load, site),
            };
            self.add_agents(crew, shifts);
        }
        for lane in &mut self.lanes[first_lane..] {
            lane.crews.sort_unstable();
        }
    }

    fn add_agents(&mut self, crew: usize, shifts: Vec<Option<AgentShift>>) {
        for shift in shifts {
            if self.agents.len() >= AGENTS_MAX {
                self.agents_left_out += 1;
                continue;
            }
            self.crews[crew].agents.push(self.agents.len());
            self.agents.push(Agent::new(crew, shift));
        }
    }
}

/// The shifts of a crew with `on_duty` agents at a time.
fn shifts(
    team: &Team,
    on_duty: u32,
    shift_ms: Millis,
    load: &[f64; PARTS],
    site: usize,
) -> Vec<Option<AgentShift>> {
    let beginnings = shift_beginnings(on_duty, shift_ms, load, site);
    let minutes = |minutes: u32| Millis::from(minutes) * MINUTE_MS;
    let planned: Vec<(Millis, Millis)> =
        team.breaks.iter().map(|pause| (minutes(pause.after_minutes), minutes(pause.minutes))).collect();
    let breaks = breaks(&beginnings, shift_ms, &planned, load);
    let shifts = beginnings.into_iter().zip(breaks);
    shifts.map(|(begins_ms, breaks_ms)| Some(AgentShift { begins_ms, breaks_ms })).collect()
}

/// The length of a shift; none where everybody works all the time.
pub(super) fn shift_ms(scenario: &Scenario) -> Option<Millis> {
    scenario.shift.map(|shift| ((shift.hours * HOUR_MS as f64) as Millis).clamp(1, DAY_MS - 1))
}

/// A moment `seconds` after `start`.
pub(super) fn offset(start: EventMs, seconds: f64) -> EventMs {
    start.plus((seconds * 1000.0) as Millis)
}

fn surges(scenario: &Scenario, queue: &Queue, start: EventMs) -> Vec<Surge> {
    let surge = |incident: &Incident| match incident {
        Incident::Surge { queue: name, at_offset_seconds, duration_seconds, factor }
            if *name == queue.name =>
        {
            Some(Surge {
                begins: offset(start, *at_offset_seconds),
                ends: offset(start, at_offset_seconds + duration_seconds),
                factor: *factor,
            })
        }
        _ => None,
    };
    scenario.incidents.iter().filter_map(surge).collect()
}

/// The agents that a team's load takes over the day, in no unit: only the shape counts. By the square-root rule a busy
/// hour takes less than its share.
fn team_load(scenario: &Scenario, team: &Team) -> [f64; PARTS] {
    let load: [f64; PARTS] = std::array::from_fn(|part| {
        let time = EventMs(part as Millis * DAY_MS / PARTS as Millis);
        let served = scenario.queues.iter().filter(|queue| team.queues.contains(&queue.name));
        served
            .map(|queue| {
                queue.arrivals_per_hour * queue.talk.mean_seconds() * at_time_of_day(&queue.day_profile, time)
            })
            .sum()
    });
    let mean = load.iter().sum::<f64>() / PARTS as f64;
    if mean > 0.0 { load.map(|load| staffing(load / mean)) } else { load }
}

fn labels(scenario: &Scenario) -> Labels {
    let list = |names: &[String]| names.iter().map(|name| quote(name)).collect::<Vec<String>>();
    Labels {
        tenants: list(&scenario.tenants),
        queues: scenario.queues.iter().map(|queue| quote(&queue.name)).collect(),
        teams: scenario.teams.iter().map(|team| quote(&team.name)).collect(),
        categories: scenario.queues.iter().map(|queue| list(&queue.categories)).collect(),
        team_queues: scenario
            .teams
            .iter()
            .map(|team| format!("[{}]", list(&team.queues).join(",")))
            .collect(),
    }
}
