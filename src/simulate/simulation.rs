//! The play itself: takes the earliest turn, lets it happen, tells what happened.
//!
//! Endless; the caller bounds it by time or by count. It reads no clock: time is what the agenda says.

use std::collections::VecDeque;

use super::agenda::{Agenda, Turn};
use super::center::Center;
use super::contact::Contacts;
use super::random::{Random, splitmix64};
use super::record::{Record, quote};
use super::scale::Scale;
use super::scenario::{Incident, Scenario};
use crate::time::EventMs;

/// A simulated contact center as a stream of native events in time order.
pub struct Simulation {
    pub(super) scenario: Scenario,
    pub(super) random: Random,
    pub(super) start: EventMs,
    pub(super) now: EventMs,
    pub(super) agenda: Agenda,
    pub(super) center: Center,
    pub(super) contacts: Contacts,
    scale: Scale,
    told: VecDeque<SimulatedEvent>,
    /// What is in every id of this run, so that runs do not take each other's events for duplicates.
    pub(super) run: String,
    events: u64,
    serial: u64,
}

/// One event as it goes to Kafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatedEvent {
    /// Event time.
    pub time: EventMs,
    /// The Kafka key: contact, agent or queue.
    pub key: String,
    /// The native event as one JSON object.
    pub value: Vec<u8>,
}

impl Simulation {
    /// Opens the center at `start`: agents on duty log in, nobody waits yet.
    ///
    /// The scenario is one that [`Scenario::check`] accepts; of another, what cannot be played is left out.
    /// With a rate in the scenario a short pilot is played first to find the scale.
    #[must_use]
    pub fn new(scenario: Scenario, seed: u64, start: EventMs) -> Simulation {
        let scale = Scale::of(&scenario, seed);
        Simulation::at_scale(scenario, seed, start, scale)
    }

    pub(super) fn at_scale(scenario: Scenario, seed: u64, start: EventMs, scale: Scale) -> Simulation {
        let mut mix = seed ^ (start.0 as u64).rotate_left(32);
        let mut simulation = Simulation {
            random: Random::seeded(seed),
            start,
            now: start,
            agenda: Agenda::default(),
            center: Center::build(&scenario, scale, start),
            contacts: Contacts::default(),
            scale,
            told: VecDeque::new(),
            run: format!("{:010x}", splitmix64(&mut mix) >> 24),
            events: 0,
            serial: 0,
            scenario,
        };
        simulation.open();
        simulation
    }

    /// The next event if its time is before `limit`; else nothing happens.
    pub fn next_before(&mut self, limit: EventMs) -> Option<SimulatedEvent> {
        while self.told.is_empty() {
            if self.agenda.next_time()? >= limit {
                return None;
            }
            let (time, turn) = self.agenda.pop()?;
            self.now = time;
            self.take(turn);
        }
        if self.told.front()?.time >= limit { None } else { self.told.pop_front() }
    }

    /// Copies of the described center per tenant.
    #[must_use]
    pub fn sites(&self) -> usize {
        self.scale.sites
    }

    /// Agents of all tenants and sites, those off duty too.
    #[must_use]
    pub fn agents(&self) -> usize {
        self.center.agents.len()
    }

    /// Agents that the scale asks for beyond the limit of the simulation.
    #[must_use]
    pub fn agents_left_out(&self) -> u64 {
        self.center.agents_left_out
    }

    /// Contacts that did not come in because too many were open.
    #[must_use]
    pub fn turned_away(&self) -> u64 {
        self.contacts.turned_away
    }

    fn open(&mut self) {
        self.describe_queues();
        for agent in 0..self.center.agents.len() {
            self.plan_first_shift(agent);
        }
        for lane in 0..self.center.lanes.len() {
            self.plan_arrival(lane);
        }
        for (incident, described) in self.scenario.incidents.iter().enumerate() {
            if let Incident::AgentsLeave { at_offset_seconds, .. } = described {
                let time = super::center::offset(self.start, *at_offset_seconds);
                self.agenda.plan(time, Turn::IncidentBegins { incident });
            }
        }
    }

    fn take(&mut self, turn: Turn) {
        match turn {
            Turn::Arrival { lane } => self.arrive(lane),
            Turn::MenuLeft { contact } => self.leave_menu(contact),
            Turn::MenuPassed { contact } => self.pass_menu(contact),
            Turn::CallbackDue { contact } => self.begin_callback(contact),
            Turn::WaitOver { contact, end } => self.end_wait(contact, end),
            Turn::RingOver { contact, end } => self.end_ring(contact, end),
            Turn::HoldBegins { contact } => self.begin_hold(contact),
            Turn::HoldOver { contact } => self.end_hold(contact),
            Turn::MessageDue { contact } => self.exchange(contact),
            Turn::TalkOver { contact } => self.end_talk(contact),
            Turn::WrapUpOver { agent, serial } => self.end_wrapup(agent, serial),
            Turn::AgentReturns { agent, serial } => self.return_agent(agent, serial),
            Turn::BreakDue { agent, planned } => self.take_break(agent, planned),
            Turn::ShiftBegins { agent, elapsed_ms } => self.begin_shift(agent, elapsed_ms),
            Turn::ShiftEnds { agent } => self.end_shift(agent),
            Turn::Heartbeat { agent, session } => self.beat(agent, session),
            Turn::IncidentBegins { incident } => self.begin_incident(incident),
        }
    }

    /// A number that no turn or contact has had before.
    pub(super) fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// An event of a tenant at this moment, its envelope written.
    pub(super) fn open_record(&mut self, kind: &str, tenant: usize) -> Record {
        self.events += 1;
        let tenant = self.center.labels.tenants.get(tenant).map_or("\"default\"", String::as_str);
        Record::open(kind, &self.run, self.events, self.now, tenant)
    }

    pub(super) fn tell(&mut self, key: String, record: Record) {
        self.told.push_back(SimulatedEvent { time: self.now, key, value: record.close() });
    }

    fn describe_queues(&mut self) {
        for tenant in 0..self.scenario.tenants.len() {
            for queue in 0..self.scenario.queues.len() {
                let mut record = self.open_record("queue.described", tenant);
                let described = &self.scenario.queues[queue];
                let display = described.display_name.as_ref().unwrap_or(&described.name);
                record
                    .text("channel", described.channel.name())
                    .quoted("queue", &self.center.labels.queues[queue])
                    .quoted("name", &quote(display));
                let key = described.name.clone();
                self.tell(key, record);
            }
        }
    }
}

impl Iterator for Simulation {
    type Item = SimulatedEvent;

    /// The next event; none only where a scenario has neither arrivals nor agents that beat.
    fn next(&mut self) -> Option<SimulatedEvent> {
        self.next_before(EventMs(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(seed: u64, count: usize) -> Vec<SimulatedEvent> {
        Simulation::new(Scenario::demo(20.0), seed, EventMs(1_767_600_000_000)).take(count).collect()
    }

    #[test]
    fn a_seed_has_one_course() {
        assert_eq!(first(5, 8_000), first(5, 8_000));
        assert_ne!(first(5, 2_000), first(6, 2_000));
    }

    #[test]
    fn limits_do_not_change_the_course() {
        let start = EventMs(1_767_600_000_000);
        let mut stepped = Simulation::new(Scenario::demo(20.0), 5, start);
        let mut events = Vec::new();
        let mut limit = start;
        while events.len() < 5_000 {
            limit = limit.plus(777);
            while let Some(event) = stepped.next_before(limit) {
                assert!(event.time < limit);
                events.push(event);
            }
        }
        assert_eq!(events, first(5, events.len()));
    }
}
