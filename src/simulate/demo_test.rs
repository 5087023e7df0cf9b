//! Test: the demo's center is plausible, its stories are well-formed, incidents and scale act.

use std::collections::BTreeMap;

use super::simulation::{SimulatedEvent, Simulation};
use super::story::{Checker, Told, told};
use super::{Incident, Scenario};
use crate::time::{EventMs, HOUR_MS, Millis};

/// Monday, 5 January 2026, 08:00 UTC.
const MONDAY: EventMs = EventMs(1_767_600_000_000);

/// Outcomes of waits and areas of agent states over a stretch of time.
#[derive(Debug, Default)]
struct Figures {
    queued_at: BTreeMap<String, (i64, bool)>,
    answered: u64,
    within: u64,
    abandoned: u64,
    short: u64,
    flowed_out: u64,
    states: BTreeMap<String, (i64, String)>,
    state_ms: BTreeMap<String, Millis>,
}

impl Figures {
    /// Plays until `hours` after the start; the first hour fills the center and does not count.
    fn play(simulation: &mut Simulation, start: EventMs, hours: i64) -> Figures {
        let mut figures = Figures::default();
        let counted_from = start.plus(HOUR_MS).0;
        let end = start.plus(hours * HOUR_MS);
        while let Some(event) = simulation.next_before(end) {
            figures.see(&event, counted_from);
        }
        let agents: Vec<String> = figures.states.keys().cloned().collect();
        for agent in agents {
            figures.move_agent(agent, end.0, String::new(), counted_from);
        }
        figures
    }

    fn see(&mut self, event: &SimulatedEvent, counted_from: i64) {
        let Told { kind, time, contact_id, agent_id, channel, state, slots, .. } = told(event);
        let contact = contact_id.unwrap_or_default();
        let counts = time >= counted_from;
        match kind.as_str() {
            "contact.queued" => {
                self.queued_at.insert(contact, (time, channel.as_deref() == Some("chat")));
            }
            "contact.answered" => {
                let (queued_at, chat) = self.queued_at.remove(&contact).unwrap();
                let threshold_ms = if chat { 60_000 } else { 20_000 };
                self.answered += u64::from(counts);
                self.within += u64::from(counts && time - queued_at <= threshold_ms);
            }
            "contact.abandoned" => {
                let (queued_at, _) = self.queued_at.remove(&contact).unwrap();
                self.abandoned += u64::from(counts);
                self.short += u64::from(counts && time - queued_at < 5_000);
            }
            "contact.flowed_out" => self.flowed_out += u64::from(counts),
            "agent.state_changed" => {
                let active = slots.is_some_and(|slots| slots[0].active > 0);
                let state = state.unwrap();
                let state = if active && state == "available" { "contact".to_owned() } else { state };
                self.move_agent(agent_id.unwrap(), time, state, counted_from);
            }
            _ => {}
        }
    }

    fn move_agent(&mut self, agent: String, time: i64, state: String, counted_from: i64) {
        if let Some((since, before)) = self.states.insert(agent, (time, state)) {
            *self.state_ms.entry(before).or_default() += (time - since.max(counted_from)).max(0);
        }
    }

    fn service_level(&self) -> f64 {
        self.within as f64 / (self.answered + self.abandoned) as f64
    }

    fn abandon_rate(&self) -> f64 {
        let left = (self.abandoned - self.short) as f64;
        left / ((self.answered + self.flowed_out) as f64 + left)
    }

    fn ms(&self, state: &str) -> f64 {
        self.state_ms.get(state).copied().unwrap_or(0) as f64
    }

    fn occupancy(&self) -> f64 {
        let busy = self.ms("contact") + self.ms("wrapup");
        busy / (busy + self.ms("available"))
    }
}

/// One site of the demo's center.
fn one_site() -> Scenario {
    Scenario { rate: None, ..Scenario::demo(0.0) }
}

#[test]
fn the_demo_is_plausible() {
    let mut simulation = Simulation::new(Scenario::demo(28.0), 3, MONDAY);
    assert_eq!(simulation.sites(), 5);
    let figures = Figures::play(&mut simulation, MONDAY, 4);
    let (level, left, busy) = (figures.service_level(), figures.abandon_rate(), figures.occupancy());
    assert!((0.75..=0.93).contains(&level), "service level {level}");
    // Few enough that chance alone is no spike in five minutes of 30 contacts: deploy/prometheus has the rule.
    assert!((0.005..=0.04).contains(&left), "abandon rate {left}");
    assert!((0.75..=0.88).contains(&busy), "occupancy {busy}");
    for state in ["available", "ringing", "contact", "wrapup", "break", "lunch", "training", "not_responding"]
    {
        assert!(figures.ms(state) > 0.0, "nobody was in {state}");
    }
    assert_eq!((simulation.turned_away(), simulation.agents_left_out()), (0, 0));
}

#[test]
fn the_rate_is_met_by_sites() {
    let tenants = vec!["acme".to_owned(), "bolt".to_owned()];
    let mut simulation = Simulation::new(Scenario { tenants, ..Scenario::demo(60.0) }, 4, MONDAY);
    assert!(simulation.sites() >= 4, "{} sites per tenant", simulation.sites());
    while simulation.next_before(MONDAY.plus(HOUR_MS / 2)).is_some() {}
    let mut by_tenant: BTreeMap<String, u64> = BTreeMap::new();
    while let Some(event) = simulation.next_before(MONDAY.plus(HOUR_MS)) {
        *by_tenant.entry(told(&event).tenant).or_default() += 1;
    }
    assert_eq!(by_tenant.len(), 2);
    let per_second = by_tenant.values().sum::<u64>() as f64 / 1800.0;
    // The morning is 1.1 times the mean of the day, which the rate is about.
    assert!((55.0..=75.0).contains(&per_second), "{per_second} events per second");
}

#[test]
fn stories_are_well_formed_also_under_stress() {
    let incidents = ["billing", "support", "chat_sales"].map(|queue| Incident::Surge {
        queue: queue.to_owned(),
        at_offset_seconds: 1_800.0,
        duration_seconds: 1_800.0,
        factor: 3.0,
    });
    let leave = Incident::AgentsLeave {
        queue: "sales".to_owned(),
        at_offset_seconds: 2_400.0,
        duration_seconds: 1_200.0,
        share: 0.6,
    };
    let scenario = Scenario { incidents: incidents.into_iter().chain([leave]).collect(), ..one_site() };
    let mut checker = Checker::default();
    let mut simulation = Simulation::new(scenario, 9, MONDAY);
    while let Some(event) = simulation.next_before(MONDAY.plus(3 * HOUR_MS)) {
        checker.see(&event);
    }
    let expected = [
        "agent.described",
        "agent.heartbeat",
        "agent.state_changed",
        "contact.abandoned",
        "contact.answered",
        "contact.created",
        "contact.ended",
        "contact.flowed_out",
        "contact.held",
        "contact.offer_failed",
        "contact.offered",
        "contact.queued",
        "contact.resumed",
        "contact.transferred",
        "contact.wrapup_ended",
        "message.sent",
        "queue.described",
    ];
    let seen: Vec<&str> = checker.counts.keys().map(String::as_str).collect();
    assert_eq!(seen, expected);
    assert!(checker.finished > 1_800, "{} contacts finished", checker.finished);
    assert!(checker.open() < 200, "{} contacts never ended", checker.open());
}

#[test]
fn a_surge_multiplies_the_arrivals_of_its_queue_for_its_time() {
    let surge = Incident::Surge {
        queue: "sales".to_owned(),
        at_offset_seconds: 3_600.0,
        duration_seconds: 3_600.0,
        factor: 4.0,
    };
    let mut simulation = Simulation::new(Scenario { incidents: vec![surge], ..one_site() }, 2, MONDAY);
    let mut queued: BTreeMap<(String, i64), u64> = BTreeMap::new();
    while let Some(event) = simulation.next_before(MONDAY.plus(3 * HOUR_MS)) {
        let Told { kind, queue, time, .. } = told(&event);
        if kind == "contact.queued" {
            *queued.entry((queue.unwrap(), (time - MONDAY.0) / HOUR_MS)).or_default() += 1;
        }
    }
    let count = |queue: &str, hour: i64| queued[&(queue.to_owned(), hour)];
    assert!(count("sales", 1) > 3 * count("sales", 0), "{queued:?}");
    assert!(count("sales", 2) < 2 * count("sales", 0), "{queued:?}");
    assert!(count("chat_support", 1) < 2 * count("chat_support", 0), "{queued:?}");
}

#[test]
fn agents_leave_once_they_are_free_and_come_back() {
    let leave = Incident::AgentsLeave {
        queue: "chat_sales".to_owned(),
        at_offset_seconds: 3_600.0,
        duration_seconds: 5_400.0,
        share: 0.5,
    };
    let staffed = |incidents: Vec<Incident>| {
        let scenario = Scenario { shift: None, incidents, ..one_site() };
        let mut simulation = Simulation::new(scenario, 2, MONDAY);
        let mut online: BTreeMap<String, bool> = BTreeMap::new();
        let mut by_half_hour = Vec::new();
        for half_hour in 1..=7 {
            while let Some(event) = simulation.next_before(MONDAY.plus(half_hour * HOUR_MS / 2)) {
                let Told { kind, agent_id, team, state, .. } = told(&event);
                if kind == "agent.state_changed" && team.as_deref() == Some("digital") {
                    online.insert(agent_id.unwrap(), state.as_deref() != Some("offline"));
                }
            }
            by_half_hour.push(online.values().filter(|online| **online).count());
        }
        by_half_hour
    };
    assert_eq!(staffed(vec![]), [15; 7]);
    // Between 3,600 s and 9,000 s half of them are away; their chats end within the first half hour.
    assert_eq!(staffed(vec![leave]), [15, 15, 8, 8, 8, 15, 15]);
}
