//! Agents: shifts, breaks, states, heartbeats.
//!
//! An agent's published state follows from what it does; [`Simulation::announce`] alone tells it, and
//! only when it changed. Contacts are known here by number only.

use super::agenda::Turn;
use super::center::{offset, shift_ms};
use super::roster::golden;
use super::scenario::{Away, Incident};
use super::simulation::Simulation;
use crate::time::{DAY_MS, EventMs, MINUTE_MS, Millis};

/// One agent.
pub(super) struct Agent {
    pub crew: usize,
    /// Its daily shift; none: always on duty.
    shift: Option<AgentShift>,
    pub presence: Presence,
    /// Contacts that ring at it.
    pub ringing: u32,
    /// Contacts it talks on.
    pub active: u32,
    /// An absence that begins once its contacts are over.
    leaving: Option<Leave>,
    /// Its entry among the idle of its crew.
    pub idle: Option<(u32, u64, usize)>,
    /// The serial that a planned return or end of wrap-up must carry.
    pub serial: u64,
    /// The serial that heartbeats must carry.
    session: u64,
    described: bool,
    told: (&'static str, u32),
    /// The number of the contact that it wraps up.
    pub wrapping: Option<u64>,
}

/// The daily shift of one agent.
#[derive(Clone, Debug)]
pub(super) struct AgentShift {
    /// When it begins, in milliseconds of the day.
    pub begins_ms: Millis,
    /// When the breaks of its team begin, in milliseconds from there.
    pub breaks_ms: Vec<Millis>,
}

/// What an agent does apart from contacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Off,
    Ready,
    WrapUp,
    NotResponding,
    Away(Leave),
}

/// Why an agent takes no contacts for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    Break { state: Away, lasts_ms: Millis },
    Incident { until: EventMs },
    ShiftEnd,
}

impl Agent {
    pub(super) fn new(crew: usize, shift: Option<AgentShift>) -> Agent {
        Agent {
            crew,
            shift,
            presence: Presence::Off,
            ringing: 0,
            active: 0,
            leaving: None,
            idle: None,
            serial: 0,
            session: 0,
            described: false,
            told: ("offline", 0),
            wrapping: None,
        }
    }

    /// Contacts that ring or talk.
    pub(super) fn load(&self) -> u32 {
        self.ringing + self.active
    }

    /// Whether a further contact may be offered.
    pub(super) fn takes_more(&self, slots: u32) -> bool {
        self.presence == Presence::Ready && self.leaving.is_none() && self.load() < slots
    }

    fn state(&self, slots: u32) -> &'static str {
        match self.presence {
            Presence::Off | Presence::Away(Leave::Incident { .. } | Leave::ShiftEnd) => "offline",
            Presence::WrapUp => "wrapup",
            Presence::NotResponding => "not_responding",
            Presence::Away(Leave::Break { state, .. }) => state.name(),
            // Agents with several slots stay available while contacts run, unless they take no more.
            Presence::Ready if slots > 1 => {
                if self.leaving.is_some() && self.active > 0 {
                    "contact"
                } else {
                    "available"
                }
            }
            Presence::Ready if self.active > 0 => "contact",
            Presence::Ready if self.ringing > 0 => "ringing",
            Presence::Ready => "available",
        }
    }
}

impl Simulation {
    /// Tells the agent's state if it is another than the one told last.
    pub(super) fn announce(&mut self, number: usize) {
        let (crew, session) = (self.center.agents[number].crew, self.next_serial());
        let (team, tenant, slots) =
            (self.center.crews[crew].team, self.center.crews[crew].tenant, self.center.crews[crew].slots);
        let agent = &mut self.center.agents[number];
        let state = agent.state(slots);
        let now_told = (state, if slots > 1 { agent.active } else { 0 });
        if agent.told == now_told {
            return;
        }
        let logs_in = agent.told.0 == "offline";
        agent.told = now_told;
        if state == "offline" {
            agent.session = 0;
        } else if logs_in {
            agent.session = session;
            self.log_in(number, session);
        }
        let mut record = self.open_record("agent.state_changed", tenant);
        record
            .numbered("agent_id", "a-", number as u64)
            .quoted("team", &self.center.labels.teams[team])
            .text("state", state);
        if logs_in {
            record.quoted("queues", &self.center.labels.team_queues[team]);
        }
        if slots > 1 {
            let lane = self.center.crews[crew].lanes.first().copied();
            let channel = lane
                .map_or("chat", |lane| self.scenario.queues[self.center.lanes[lane].queue].channel.name());
            let active = now_told.1;
            let json = format!("[{{\"channel\":\"{channel}\",\"active\":{active},\"max\":{slots}}}]");
            record.quoted("slots", &json);
        }
        self.tell(format!("a-{number}"), record);
    }

    /// Puts the agent where it belongs once something about it changed: away, among the idle, or neither.
    /// An agent that has just finished something goes behind the others who are idle.
    pub(super) fn settle(&mut self, number: usize) {
        let agent = &mut self.center.agents[number];
        let is_free = agent.presence == Presence::Ready && agent.load() == 0;
        if let Some(leave) = agent.leaving.take_if(|_| is_free) {
            self.depart(number, leave);
            return;
        }
        let order = self.next_serial();
        self.reseat(number, order);
        self.announce(number);
        self.pick_work(number);
    }

    /// Renews the agent's entry among the idle of its crew.
    pub(super) fn reseat(&mut self, number: usize, order: u64) {
        let agent = &mut self.center.agents[number];
        let crew = &mut self.center.crews[agent.crew];
        if let Some(entry) = agent.idle.take() {
            crew.idle.remove(&entry);
        }
        if agent.takes_more(crew.slots) {
            let entry = (agent.load(), order, number);
            agent.idle = Some(entry);
            crew.idle.insert(entry);
        }
    }

    pub(super) fn plan_first_shift(&mut self, number: usize) {
        let begins_ms = self.center.agents[number].shift.as_ref().map(|shift| shift.begins_ms);
        let Some((begins_ms, shift_ms)) = begins_ms.zip(shift_ms(&self.scenario)) else {
            self.agenda.plan(self.start, Turn::ShiftBegins { agent: number, elapsed_ms: 0 });
            return;
        };
        let elapsed_ms = (self.start.0.rem_euclid(DAY_MS) - begins_ms).rem_euclid(DAY_MS);
        let (time, elapsed_ms) = if elapsed_ms < shift_ms {
            (self.start, elapsed_ms)
        } else {
            (self.start.plus(DAY_MS - elapsed_ms), 0)
        };
        self.agenda.plan(time, Turn::ShiftBegins { agent: number, elapsed_ms });
    }

    pub(super) fn begin_shift(&mut self, number: usize, elapsed_ms: Millis) {
        let agent = &mut self.center.agents[number];
        if agent.leaving == Some(Leave::ShiftEnd) {
            // Yesterday's shift is not over yet; it goes on.
            agent.leaving = None;
        }
        if agent.presence == Presence::Off {
            agent.presence = Presence::Ready;
        }
        if let Some((shift, shift_ms)) = agent.shift.as_ref().zip(shift_ms(&self.scenario)) {
            for (planned, offset_ms) in shift.breaks_ms.iter().copied().enumerate() {
                if offset_ms >= elapsed_ms && offset_ms < shift_ms {
                    let time = self.now.plus(offset_ms - elapsed_ms);
                    self.agenda.plan(time, Turn::BreakDue { agent: number, planned });
                }
            }
            self.agenda.plan(self.now.plus(shift_ms - elapsed_ms), Turn::ShiftEnds { agent: number });
            let tomorrow = self.now.plus(DAY_MS - elapsed_ms);
            self.agenda.plan(tomorrow, Turn::ShiftBegins { agent: number, elapsed_ms: 0 });
        }
        self.settle(number);
    }

    pub(super) fn end_shift(&mut self, number: usize) {
        self.leave(number, Leave::ShiftEnd);
    }

    pub(super) fn take_break(&mut self, number: usize, planned: usize) {
        let agent = &self.center.agents[number];
        let team = self.center.crews[agent.crew].team;
        let Some(pause) = self.scenario.teams[team].breaks.get(planned).copied() else { return };
        // Who is away already, or about to leave, has no break on top.
        if matches!(agent.presence, Presence::Off | Presence::Away(_)) || agent.leaving.is_some() {
            return;
        }
        let lasts_ms = i64::from(pause.minutes) * MINUTE_MS;
        self.leave(number, Leave::Break { state: pause.state, lasts_ms });
    }

    pub(super) fn begin_incident(&mut self, incident: usize) {
        let Some(Incident::AgentsLeave { queue, at_offset_seconds, duration_seconds, share }) =
            self.scenario.incidents.get(incident).cloned()
        else {
            return;
        };
        let until = offset(self.start, at_offset_seconds + duration_seconds);
        let mut concerned = 0_u32;
        for number in 0..self.center.agents.len() {
            let agent = &self.center.agents[number];
            let crew = &self.center.crews[agent.crew];
            let serves = self.scenario.teams[crew.team].queues.contains(&queue);
            if !serves || agent.presence == Presence::Off || agent.leaving == Some(Leave::ShiftEnd) {
                continue;
            }
            // Every agent at which the running share passes a whole number leaves: no draw, no drift.
            let before = (f64::from(concerned) * share).floor();
            concerned += 1;
            if (f64::from(concerned) * share).floor() > before {
                self.leave(number, Leave::Incident { until });
            }
        }
    }

    /// The agent leaves now, or once its contacts are over.
    fn leave(&mut self, number: usize, leave: Leave) {
        let agent = &mut self.center.agents[number];
        match agent.presence {
            Presence::Off => {}
            Presence::Away(_) => self.depart(number, leave),
            Presence::Ready | Presence::WrapUp | Presence::NotResponding => {
                agent.leaving = Some(leave);
                self.settle(number);
            }
        }
    }

    fn depart(&mut self, number: usize, leave: Leave) {
        let (serial, now) = (self.next_serial(), self.now);
        let agent = &mut self.center.agents[number];
        agent.serial = serial;
        let returns = match leave {
            Leave::ShiftEnd => {
                agent.presence = Presence::Off;
                None
            }
            Leave::Break { lasts_ms, .. } => Some(now.plus(lasts_ms)),
            Leave::Incident { until } => Some(until.max(now.plus(1))),
        };
        if let Some(time) = returns {
            agent.presence = Presence::Away(leave);
            self.agenda.plan(time, Turn::AgentReturns { agent: number, serial });
        }
        self.reseat(number, serial);
        self.announce(number);
    }

    /// The end of a break, of an incident, or of the time in which the agent did not respond.
    pub(super) fn return_agent(&mut self, number: usize, serial: u64) {
        let agent = &mut self.center.agents[number];
        if agent.serial != serial || !matches!(agent.presence, Presence::Away(_) | Presence::NotResponding) {
            return;
        }
        agent.presence = Presence::Ready;
        self.settle(number);
    }

    pub(super) fn beat(&mut self, number: usize, session: u64) {
        let agent = &self.center.agents[number];
        let crew = &self.center.crews[agent.crew];
        if agent.session != session {
            return;
        }
        let (team, tenant) = (crew.team, crew.tenant);
        let mut record = self.open_record("agent.heartbeat", tenant);
        record.numbered("agent_id", "a-", number as u64).quoted("team", &self.center.labels.teams[team]);
        self.tell(format!("a-{number}"), record);
        self.plan_heartbeat(number, session, 1.0);
    }

    fn plan_heartbeat(&mut self, number: usize, session: u64, share: f64) {
        let Some(seconds) = self.scenario.heartbeat_seconds.filter(|seconds| *seconds > 0) else { return };
        let time = self.now.plus((f64::from(seconds) * 1000.0 * share) as Millis);
        self.agenda.plan(time, Turn::Heartbeat { agent: number, session });
    }

    /// What precedes an agent's first state of a session: its description, once, and a heartbeat's plan.
    fn log_in(&mut self, number: usize, session: u64) {
        self.plan_heartbeat(number, session, golden(number));
        let agent = &mut self.center.agents[number];
        if std::mem::replace(&mut agent.described, true) {
            return;
        }
        let crew = &self.center.crews[agent.crew];
        let (team, tenant) = (crew.team, crew.tenant);
        let mut record = self.open_record("agent.described", tenant);
        record
            .numbered("agent_id", "a-", number as u64)
            .quoted("team", &self.center.labels.teams[team])
            .text("name", &display_name(number));
        self.tell(format!("a-{number}"), record);
    }
}

/// A name for people; namesakes occur, as they do.
fn display_name(number: usize) -> String {
    const NAMES: [&str; 23] = [
        "Ada", "Ben", "Chloe", "Diego", "Emma", "Farid", "Grace", "Hugo", "Ines", "Jonas", "Kim", "Lena",
        "Mateo", "Nora", "Omar", "Paula", "Quinn", "Rosa", "Sami", "Tara", "Uma", "Victor", "Wanda",
    ];
    let initial = char::from(b'A' + (number / NAMES.len() % 26) as u8);
    format!("{} {initial}.", NAMES[number % NAMES.len()])
}
