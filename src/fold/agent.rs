//! The agent's clock: which state since when, slots, and when silence means offline.
//!
//! Agent time is the area of the level "agents by state", so a silent agent needs no message. It knows
//! agent events only: what contacts say of an agent does not move its clock.

use super::config::FoldConfig;
use super::life::Fit;
use super::place::Places;
use super::sink::{Dims, Group, Sink};
use crate::event::{AgentState, Event, Kind, Slot};
use crate::ids::Sym;
use crate::kpi::groups::Dimension;
use crate::measure::batch::Family;
use crate::measure::ids::Level;
use crate::time::{EventMs, Millis};

/// Queues kept per agent at most.
pub const QUEUES_MAX: usize = 64;

/// An agent, as the fold remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// Tenant, team and agent.
    pub dims: Dims,
    /// The state it is in.
    pub state: AgentState,
    /// Slots with a contact, over all channels.
    pub slots_active: i64,
    /// Slots there are, over all channels.
    pub slots_max: i64,
    /// The queues it serves.
    pub queues: Vec<Sym>,
    /// The last sign of it.
    pub last: EventMs,
    /// Whether it has sent a heartbeat.
    pub beats: bool,
    /// The moment for which its timer stands.
    pub scheduled: EventMs,
    /// Whether it changed since the last commit.
    pub changed: bool,
}

impl Agent {
    /// An agent without a sign yet: offline.
    #[must_use]
    pub const fn new(dims: Dims, at: EventMs) -> Agent {
        Agent {
            dims,
            state: AgentState::Offline,
            slots_active: 0,
            slots_max: 0,
            queues: Vec::new(),
            last: at,
            beats: false,
            scheduled: EventMs(i64::MAX),
            changed: false,
        }
    }

    /// When silence makes it offline, or forgotten if it is offline already.
    #[must_use]
    pub fn due(&self, config: &FoldConfig) -> EventMs {
        self.last.plus(self.timeout_ms(config))
    }

    fn timeout_ms(&self, config: &FoldConfig) -> Millis {
        let beats = self.beats && self.state != AgentState::Offline;
        if beats { config.agent_timeout_ms } else { config.silent_agent_timeout_ms }
    }
}

/// What transitions of agents work with.
pub struct AgentLife<'a> {
    /// Names and groups.
    pub places: &'a mut Places,
    /// Where level changes go.
    pub sink: &'a mut Sink,
}

impl AgentLife<'_> {
    /// Applies an event to the agent.
    pub fn apply(&mut self, agent: &mut Agent, event: &Event<'_>) -> Fit {
        if event.time < agent.last {
            return Fit::Inconsistent;
        }
        match &event.kind {
            Kind::AgentStateChanged { state, queues, slots, .. } => {
                self.leave(agent, event.time);
                self.places.remember(&mut agent.dims, event);
                agent.state = state_of(*state, slots);
                agent.slots_active = slots.iter().map(|slot| i64::from(slot.active)).sum();
                agent.slots_max = slots.iter().map(|slot| i64::from(slot.max)).sum();
                if !queues.is_empty() {
                    let tenant = agent.dims[Dimension::Tenant.index()];
                    agent.queues = queues
                        .iter()
                        .take(QUEUES_MAX)
                        .map(|queue| self.places.names.name(tenant, Dimension::Queue, queue))
                        .collect();
                }
                self.enter(agent, event.time);
            }
            _ => {
                let mut dims = agent.dims;
                self.places.remember(&mut dims, event);
                if dims != agent.dims {
                    self.leave(agent, event.time);
                    agent.dims = dims;
                    self.enter(agent, event.time);
                }
                agent.beats |= event.kind == Kind::AgentHeartbeat;
            }
        }
        agent.last = event.time;
        Fit::Folded
    }

    /// The agent is offline from `at` on.
    pub fn go_offline(&mut self, agent: &mut Agent, at: EventMs) {
        self.leave(agent, at);
        agent.state = AgentState::Offline;
        // It was in its old state until now: what is heard later of an earlier moment would count that time twice.
        agent.last = agent.last.max(at);
        (agent.slots_active, agent.slots_max) = (0, 0);
    }

    fn enter(&mut self, agent: &Agent, at: EventMs) {
        self.move_levels(agent, at, 1);
    }

    fn leave(&mut self, agent: &Agent, at: EventMs) {
        self.move_levels(agent, at, -1);
    }

    fn move_levels(&mut self, agent: &Agent, at: EventMs, by: i64) {
        let Some(level) = state_level(agent.state) else { return };
        let group = self.places.agent_group(&agent.dims);
        self.sink.level(&group, at, level, by);
        for (slots, slot_level) in
            [(agent.slots_active, Level::SlotsActive), (agent.slots_max, Level::SlotsMax)]
        {
            if slots != 0 {
                self.sink.level(&group, at, slot_level, by * slots);
            }
        }
        let tenant = agent.dims[Dimension::Tenant.index()];
        for queue in &agent.queues {
            self.sink.level(&queue_group(tenant, *queue), at, level, by);
        }
    }
}

/// Agents by the queue that they serve. Not summable over queues: an agent serves several.
fn queue_group(tenant: Sym, queue: Sym) -> Group {
    let mut dims = [Sym::EMPTY; Dimension::LEN];
    dims[Dimension::Tenant.index()] = tenant;
    dims[Dimension::Queue.index()] = queue;
    Group { family: Family::QueueAgents, dims }
}

/// A platform that stays "available" while contacts run says so by its slots.
fn state_of(state: AgentState, slots: &[Slot]) -> AgentState {
    let active = slots.iter().any(|slot| slot.active > 0);
    if state == AgentState::Available && active { AgentState::Contact } else { state }
}

/// The level of a state; none for offline.
#[must_use]
pub const fn state_level(state: AgentState) -> Option<Level> {
    Some(match state {
        AgentState::Offline => return None,
        AgentState::Available => Level::AgentsAvailable,
        AgentState::Ringing => Level::AgentsRinging,
        AgentState::Contact => Level::AgentsContact,
        AgentState::Wrapup => Level::AgentsWrapup,
        AgentState::NotResponding => Level::AgentsNotResponding,
        AgentState::NonAcd => Level::AgentsNonAcd,
        AgentState::Break => Level::AgentsBreak,
        AgentState::Lunch => Level::AgentsLunch,
        AgentState::Training => Level::AgentsTraining,
        AgentState::Meeting => Level::AgentsMeeting,
        AgentState::Busy => Level::AgentsBusy,
        AgentState::Other => Level::AgentsOther,
    })
}
