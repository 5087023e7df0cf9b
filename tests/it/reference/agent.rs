//! The story of one agent: its states, its slots, its signs of life.
//!
//! It must never know contacts; it writes spans.

use super::config::Config;
use super::contact_state::{Act, Verdict};
use super::event::Event;
use super::intake::{Accepted, Step, firing_step};
use super::ledger::{Dims, Family, Ledger, Span};

const STATES: [&str; 13] = [
    "offline",
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

/// Everything remembered of an agent.
#[derive(Clone, Debug)]
struct Agent {
    dims: Dims,
    state: &'static str,
    /// Active slots and slots.
    slots: (i64, i64),
    /// Since when the levels are as they are, in milliseconds.
    since_ms: i64,
    last_sign_ms: i64,
    last_sign_step: usize,
    sends_heartbeats: bool,
    /// The step at which it timed out.
    timed_out_step: Option<usize>,
}

/// Tells the story of one agent.
pub fn tell(config: &Config, steps: &[Step], story: &[Accepted], ledger: &mut Ledger) {
    let mut agent: Option<Agent> = None;
    for accepted in story {
        let event = &accepted.event;
        agent = run_timers(config, steps, agent, (accepted.step, event.time_ms), ledger);
        let act = Act::at(config, steps, accepted.step, event.time_ms);
        let known = agent.get_or_insert_with(|| Agent::unknown(event, act));
        let verdict = known.take(event, act, ledger);
        ledger.verdicts.insert(accepted.coordinates, verdict.name());
    }
    if let Some(mut agent) = run_timers(config, steps, agent, (steps.len() - 1, i64::MIN), ledger) {
        agent.write_until(i64::MAX, ledger);
    }
}

fn run_timers(
    config: &Config,
    steps: &[Step],
    agent: Option<Agent>,
    (until_step, event_ms): (usize, i64),
    ledger: &mut Ledger,
) -> Option<Agent> {
    let mut agent = agent?;
    loop {
        let (from, due_ms) = agent.next_timer(config);
        let reached = firing_step(steps, from, due_ms).filter(|step| *step <= until_step);
        let fires = reached.or((due_ms <= event_ms).then_some(until_step));
        let Some(step) = fires else { return Some(agent) };
        if agent.state == "offline" {
            return None;
        }
        let act = Act::at(config, steps, step, due_ms);
        agent.write_until(act.level_ms(), ledger);
        agent.state = "offline";
        agent.last_sign_ms = agent.last_sign_ms.max(act.time_ms);
        agent.timed_out_step = Some(step);
    }
}

impl Agent {
    fn unknown(event: &Event, act: Act) -> Agent {
        let agent_id = event.text("agent_id").unwrap_or_default();
        Agent {
            dims: Dims { tenant: event.tenant.clone(), agent_id, ..Dims::default() },
            state: "offline",
            slots: (0, 0),
            since_ms: act.level_ms(),
            last_sign_ms: act.time_ms,
            last_sign_step: act.step,
            sends_heartbeats: false,
            timed_out_step: None,
        }
    }

    /// From which step on the next timer may fire, and when it is due: the timeout, or the forgetting.
    fn next_timer(&self, config: &Config) -> (usize, i64) {
        let from = self.last_sign_step + 1;
        if self.state != "offline" {
            let timeout_ms =
                if self.sends_heartbeats { config.heartbeat_timeout_ms } else { config.agent_timeout_ms };
            return (from, self.last_sign_ms + timeout_ms);
        }
        (from.max(self.timed_out_step.unwrap_or(from)), self.last_sign_ms + config.agent_forget_ms)
    }

    fn take(&mut self, event: &Event, act: Act, ledger: &mut Ledger) -> Verdict {
        if act.time_ms < self.last_sign_ms {
            return Verdict::Inconsistent;
        }
        self.write_until(act.level_ms(), ledger);
        self.last_sign_ms = act.time_ms;
        self.last_sign_step = act.step;
        if let Some(team) = event.text("team") {
            self.dims.team = team;
        }
        if event.kind == "agent.heartbeat" {
            self.sends_heartbeats = true;
            return Verdict::Folded;
        }
        let named = event.choice("state", "other");
        let state = STATES.into_iter().find(|known| *known == named).unwrap_or("other");
        self.slots = event.slots();
        self.state = if state == "available" && self.slots.0 > 0 { "contact" } else { state };
        self.timed_out_step = None;
        Verdict::Folded
    }

    /// Writes down the levels held until `to_ms`, from where they hold on.
    fn write_until(&mut self, to_ms: i64, ledger: &mut Ledger) {
        let from_ms = self.since_ms;
        self.since_ms = to_ms;
        if self.state == "offline" {
            return;
        }
        let levels = [
            (format!("agents_{}", self.state), 1),
            ("slots_active".to_owned(), self.slots.0),
            ("slots_max".to_owned(), self.slots.1),
        ];
        for (what, value) in levels.into_iter().filter(|(_, value)| *value != 0) {
            let dims = self.dims.clone();
            ledger.spans.push(Span { from_ms, to_ms, dims, family: Family::Agent, what, value });
        }
    }
}
