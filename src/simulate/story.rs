//! Test: every contact's story is well-formed, judged from the events alone.
//!
//! The checker knows the event contract and nothing of how the simulation works.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::simulation::SimulatedEvent;

/// The fields of an event that tests look at.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Told {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub time: i64,
    pub source: String,
    pub tenant: String,
    pub contact_id: Option<String>,
    pub agent_id: Option<String>,
    pub channel: Option<String>,
    pub queue: Option<String>,
    pub team: Option<String>,
    pub state: Option<String>,
    pub reason: Option<String>,
    pub author: Option<String>,
    pub to_queue: Option<String>,
    pub slots: Option<Vec<Slot>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Slot {
    pub active: u32,
    pub max: u32,
}

/// The event, parsed.
pub(super) fn told(event: &SimulatedEvent) -> Told {
    serde_json::from_slice(&event.value).unwrap()
}

#[derive(Debug, Default)]
struct Life {
    created: bool,
    queue: Option<String>,
    rings: BTreeSet<String>,
    talks: Option<String>,
    held: bool,
    wrapping: BTreeSet<String>,
    moving_to: Option<String>,
    over: bool,
}

/// Walks events in order; panics at the first that cannot be.
#[derive(Debug, Default)]
pub(super) struct Checker {
    ids: BTreeSet<String>,
    time: i64,
    lives: BTreeMap<String, Life>,
    agents: BTreeMap<String, String>,
    /// Events by type.
    pub counts: BTreeMap<String, u64>,
    /// Contacts whose end was told.
    pub finished: u64,
}

impl Checker {
    pub(super) fn see(&mut self, event: &SimulatedEvent) {
        let told = told(event);
        assert!(told.time >= self.time, "time goes back: {told:?}");
        assert_eq!(told.time, event.time.0, "{told:?}");
        assert_eq!(told.source, "simulator");
        self.time = told.time;
        assert!(self.ids.insert(told.id.clone()), "id twice: {told:?}");
        *self.counts.entry(told.kind.clone()).or_default() += 1;
        if let Some(contact) = told.contact_id.clone() {
            assert_eq!(event.key, contact, "{told:?}");
            let life = self.lives.entry(contact).or_default();
            let was_over = life.over;
            live(life, &told);
            self.finished += u64::from(life.over && !was_over);
        } else if told.kind == "queue.described" {
            assert_eq!(Some(&event.key), told.queue.as_ref());
        } else {
            let agent = told.agent_id.clone().expect("an agent event names its agent");
            assert_eq!(event.key, agent);
            self.see_agent(&agent, &told);
        }
    }

    fn see_agent(&mut self, agent: &str, told: &Told) {
        assert!(told.team.is_some(), "{told:?}");
        match told.kind.as_str() {
            "agent.described" => {
                assert!(!self.agents.contains_key(agent), "described late or twice: {told:?}");
                self.agents.insert(agent.to_owned(), "offline".to_owned());
            }
            "agent.state_changed" => {
                let state = self.agents.get_mut(agent).expect("described before its first state");
                let slots = told.slots.as_ref().map(|slots| &slots[0]);
                assert!(slots.is_none_or(|slot| slot.active <= slot.max), "{told:?}");
                let next = told.state.clone().expect("a state");
                assert!(*state != next || slots.is_some(), "the same state again: {told:?}");
                *state = next;
            }
            "agent.heartbeat" => assert_ne!(self.agents[agent], "offline", "{told:?}"),
            other => panic!("unexpected {other}"),
        }
    }

    /// Contacts that are not over.
    pub(super) fn open(&self) -> usize {
        self.lives.values().filter(|life| !life.over).count()
    }
}

fn live(life: &mut Life, told: &Told) {
    let kind = told.kind.as_str();
    let agent = told.agent_id.clone().unwrap_or_default();
    assert!(life.created || kind == "contact.created", "before its creation: {told:?}");
    assert!(!life.over || kind == "contact.wrapup_ended", "after its end: {told:?}");
    match kind {
        "contact.created" => {
            assert!(!life.created, "{told:?}");
            life.created = true;
        }
        "contact.queued" => {
            assert!(life.queue.is_none() && life.talks.is_none(), "{told:?}");
            assert!(life.moving_to.is_none() || life.moving_to == told.queue, "{told:?}");
            life.queue = Some(told.queue.clone().expect("a queue"));
            life.moving_to = None;
        }
        "contact.offered" => {
            assert!(life.queue.is_some() && life.rings.is_empty(), "{told:?}");
            life.rings.insert(agent);
        }
        "contact.offer_failed" => assert!(life.rings.remove(&agent), "{told:?}"),
        "contact.answered" => {
            assert!(life.queue.is_some() && life.queue == told.queue, "{told:?}");
            assert!(life.rings.is_empty() || life.rings.remove(&agent), "{told:?}");
            life.queue = None;
            life.talks = Some(agent);
        }
        "contact.held" => assert!(life.talks == Some(agent) && !std::mem::replace(&mut life.held, true)),
        "contact.resumed" => assert!(life.talks == Some(agent) && std::mem::replace(&mut life.held, false)),
        "contact.abandoned" | "contact.flowed_out" => {
            assert!(life.queue.is_some() && life.queue == told.queue && life.rings.is_empty(), "{told:?}");
            life.queue = None;
            // An overflow goes on in the next queue; everything else is over.
            life.over = told.reason.as_deref() != Some("overflow");
        }
        "contact.transferred" => {
            assert!(life.talks.take() == Some(agent.clone()) && !life.held, "{told:?}");
            life.moving_to = told.to_queue.clone();
            life.wrapping.insert(agent);
        }
        "contact.ended" => {
            assert!(life.queue.is_none() && !life.held, "{told:?}");
            if let Some(talks) = life.talks.take() {
                assert_eq!(talks, agent, "{told:?}");
                life.wrapping.insert(agent);
            }
            life.over = true;
        }
        "contact.wrapup_ended" => assert!(life.wrapping.remove(&agent), "{told:?}"),
        "message.sent" => match told.author.as_deref() {
            Some("agent") => assert_eq!(life.talks, Some(agent), "{told:?}"),
            author => assert_eq!(author, Some("customer"), "{told:?}"),
        },
        other => panic!("unexpected {other}"),
    }
}
