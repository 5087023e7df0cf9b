//! Stage 1 of one input partition: records in, deltas and state changes out.
//!
//! Pure: the wall clock comes with each input. A record is judged in the order of `rulings.md` and has exactly
//! one result. What a commit carries is collected here until it is taken.

use super::agent::{Agent, AgentLife};
use super::clock::{Lateness, PartitionClock};
use super::config::FoldConfig;
use super::conservation::{Conservation, RecordResult, SideCounts};
use super::contact::Contact;
use super::dedup::Dedup;
use super::life::{self, Fired, Fit, Life, opens};
use super::now::NowTable;
use super::place::Places;
use super::sink::Sink;
use super::state::buckets::Buckets;
use super::state::fingerprints::FingerprintLog;
use super::timers::{Entity, Timers};
use crate::event::{Event, Kind, Limits, Reject, decode};
use crate::time::{EventMs, WallMs};
use siphasher::sip::SipHasher13;
use std::hash::Hasher;
use std::sync::Arc;

/// A record that goes to the dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its offset.
    pub offset: i64,
    /// The reason's label.
    pub reason: &'static str,
    /// The reason in words.
    pub detail: String,
}

/// The state of one input partition.
pub struct Fold {
    pub(super) config: Arc<FoldConfig>,
    pub(super) clock: PartitionClock,
    pub(super) dedup: Dedup,
    pub(super) places: Places,
    pub(super) contacts: Buckets<Contact>,
    pub(super) agents: Buckets<Agent>,
    pub(super) timers: Timers,
    pub(super) sink: Sink,
    pub(super) now: NowTable,
    pub(super) conservation: Conservation,
    pub(super) side: SideCounts,
    /// Entities changed since the last commit, in the order of their first change.
    pub(super) changed: Vec<Entity>,
    /// Fingerprints remembered since the last commit.
    pub(super) fingerprints: FingerprintLog,
    limits: Limits,
}

impl Fold {
    /// A partition of which nothing was read.
    #[must_use]
    pub fn new(config: &Arc<FoldConfig>) -> Fold {
        Fold {
            clock: PartitionClock::default(),
            dedup: Dedup::new(config.dedup_horizon_ms, config.max_ids),
            places: Places::new(config),
            contacts: Buckets::default(),
            agents: Buckets::default(),
            timers: Timers::default(),
            sink: Sink::default(),
            now: NowTable::default(),
            conservation: Conservation::default(),
            side: SideCounts::default(),
            changed: Vec::new(),
            fingerprints: FingerprintLog::default(),
            limits: Limits { max_record_bytes: config.max_record_bytes },
            config: Arc::clone(config),
        }
    }

    /// Takes a record; `now` is what the future is judged by. A refusal goes to the dead letters.
    pub fn record(&mut self, offset: i64, value: Option<&[u8]>, now: WallMs) -> Option<Refusal> {
        let (result, detail) = match decode(value.unwrap_or_default(), &self.limits) {
            Err(reject) => (RecordResult::Rejected(reject.reason()), reject.to_string()),
            Ok(event) if event.time.0 > now.0.saturating_add(self.config.max_future_skew_ms) => {
                (RecordResult::Rejected(Reject::Future.reason()), Reject::Future.to_string())
            }
            Ok(event) => self.event(&event),
        };
        self.conservation.count(result);
        let reason = match result {
            RecordResult::Rejected(reason) => reason,
            RecordResult::Late => "late",
            RecordResult::LateAfterIdle => "late_after_idle",
            _ => return None,
        };
        Some(Refusal { offset, reason, detail })
    }

    /// The partition is caught up and silent: the wall clock moves its time.
    pub fn idle(&mut self, wall: WallMs) {
        self.set_floor();
        self.clock.mark_idle(wall);
        self.fire_timers();
    }

    /// End of a file: levels stop at `levels_stop`, timers run to `until`.
    pub fn end(&mut self, levels_stop: EventMs, until: EventMs) {
        self.set_floor();
        // A timer due before the stop still ends its levels when it is due.
        self.clock.advance(levels_stop.plus(self.config.out_of_orderness_ms));
        self.fire_timers();
        self.stop_levels(levels_stop);
        self.sink.levels_stopped = true;
        self.clock.advance(until.plus(self.config.out_of_orderness_ms));
        self.fire_timers();
    }

    /// Contacts that are open: not over, not left.
    #[must_use]
    pub fn open_contacts(&self) -> usize {
        self.contacts.values().filter(|contact| !contact.completed && !contact.left).count()
    }

    /// The partition's watermark.
    #[must_use]
    pub fn watermark(&self) -> Option<EventMs> {
        self.clock.watermark(self.config.out_of_orderness_ms)
    }

    /// The partition's stream time.
    #[must_use]
    pub const fn stream_time(&self) -> Option<EventMs> {
        self.clock.stream_time
    }

    /// Counts of records by result.
    #[must_use]
    pub const fn conservation(&self) -> &Conservation {
        &self.conservation
    }

    /// Whether the last thing that moved its time was a mark of idleness.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.clock.idle
    }

    fn set_floor(&mut self) {
        self.sink.floor = self.clock.floor(self.config.out_of_orderness_ms, self.config.allowed_lateness_ms);
    }

    fn event(&mut self, event: &Event<'_>) -> (RecordResult, String) {
        let fingerprint = self.hash(&event.source, &event.id);
        if self.dedup.contains(fingerprint) {
            return (RecordResult::Duplicate, String::new());
        }
        self.side.unknown_values += u64::from(event.unknown_values);
        self.set_floor();
        let (disorder_ms, lateness_ms) = (self.config.out_of_orderness_ms, self.config.allowed_lateness_ms);
        let lateness = self.clock.lateness(event.time, disorder_ms, lateness_ms);
        self.clock.accept(event.time);
        self.dedup.insert(fingerprint, self.clock.stream_time.unwrap_or(event.time));
        self.fingerprints.push(self.dedup.newest(), fingerprint);
        self.fire_timers();
        if event.kind == Kind::Unknown {
            return (RecordResult::UnknownType, String::new());
        }
        let fit = self.live(event);
        let late = |result| {
            let floor = self.sink.floor;
            (result, format!("time {} is before {floor}: the watermark less allowed_lateness", event.time))
        };
        match (lateness, fit) {
            (Lateness::Late, _) => late(RecordResult::Late),
            (Lateness::LateAfterIdle, _) => late(RecordResult::LateAfterIdle),
            (Lateness::InTime, Fit::Folded) => (RecordResult::Folded, String::new()),
            (Lateness::InTime, Fit::Inconsistent) => (RecordResult::Inconsistent, String::new()),
            (Lateness::InTime, Fit::UnknownContact) => (RecordResult::UnknownContact, String::new()),
        }
    }

    /// The life that the event is part of.
    fn live(&mut self, event: &Event<'_>) -> Fit {
        if life::is_of_contact(&event.kind) {
            return self.contact_event(event);
        }
        match event.kind {
            Kind::AgentStateChanged { .. } | Kind::AgentHeartbeat => self.agent_event(event),
            _ => Fit::Folded,
        }
    }

    fn contact_event(&mut self, event: &Event<'_>) -> Fit {
        let key = self.hash(&event.tenant, &event.contact_id);
        self.fire_contact_until(key, event.time);
        let agent_key = if event.agent_id.is_empty() { 0 } else { self.hash("", &event.agent_id) | 1 };
        let room = self.contacts.len() < self.config.max_contacts;
        let mut life = Life {
            config: &self.config,
            places: &mut self.places,
            sink: &mut self.sink,
            now: &mut self.now,
            key,
            agent_key,
        };
        let contact = match self.contacts.get_mut(key) {
            Some(contact) if begins_anew(contact, event) => {
                let fresh = life.open(event);
                *contact = Contact { changed: contact.changed, ..fresh };
                contact
            }
            Some(contact) => contact,
            None if !opens(event) => return Fit::UnknownContact,
            None if !room => {
                self.side.refused += 1;
                return Fit::UnknownContact;
            }
            None => {
                let opened = life.open(event);
                self.contacts.put(key, opened)
            }
        };
        let fit = life.apply(contact, event);
        if fit != Fit::Folded {
            return fit;
        }
        let due = life.due(contact);
        if due != contact.scheduled {
            contact.scheduled = due;
            self.timers.push(due, Entity::Contact(key));
        }
        if !contact.changed {
            contact.changed = true;
            self.changed.push(Entity::Contact(key));
        }
        fit
    }

    fn agent_event(&mut self, event: &Event<'_>) -> Fit {
        let key = self.hash(&event.tenant, &event.agent_id);
        self.fire_agent_until(key, event.time);
        if !self.agents.contains(key) {
            if self.agents.len() >= self.config.max_agents {
                self.side.refused += 1;
                return Fit::UnknownContact;
            }
            let dims = self.places.tenant_dims(event);
            self.agents.put(key, Agent::new(dims, event.time));
        }
        let Some(agent) = self.agents.get_mut(key) else { return Fit::UnknownContact };
        let mut life = AgentLife { places: &mut self.places, sink: &mut self.sink };
        let fit = life.apply(agent, event);
        if fit == Fit::Folded {
            let due = agent.due(&self.config);
            if due < agent.scheduled {
                agent.scheduled = due;
                self.timers.push(due, Entity::Agent(key));
            }
            if !agent.changed {
                agent.changed = true;
                self.changed.push(Entity::Agent(key));
            }
        }
        fit
    }

    /// Fires what is due by the watermark, in the order of (due, entity).
    pub(super) fn fire_timers(&mut self) {
        let Some(watermark) = self.watermark() else { return };
        while let Some((due, entity)) = self.timers.pop_due(watermark) {
            match entity {
                Entity::Contact(key) => self.fire_contact(key, due),
                Entity::Agent(key) => self.fire_agent(key, due),
            }
        }
    }

    /// Fires what is due of a contact by the time of its own event, so that it does not matter how far the other keys of
    /// the partition have come.
    fn fire_contact_until(&mut self, key: u64, time: EventMs) {
        while let Some(due) =
            self.contacts.get_mut(key).map(|contact| contact.scheduled).filter(|due| *due <= time)
        {
            self.fire_contact(key, due);
        }
    }

    /// The same for an agent.
    fn fire_agent_until(&mut self, key: u64, time: EventMs) {
        while let Some(agent) = self.agents.get_mut(key) {
            let due = agent.due(&self.config);
            if due > time {
                return;
            }
            agent.scheduled = due;
            self.fire_agent(key, due);
        }
    }

    fn fire_contact(&mut self, key: u64, due: EventMs) {
        let Some(contact) = self.contacts.get_mut(key).filter(|contact| contact.scheduled == due) else {
            return;
        };
        let mut life = Life {
            config: &self.config,
            places: &mut self.places,
            sink: &mut self.sink,
            now: &mut self.now,
            key,
            agent_key: 0,
        };
        if !contact.changed {
            contact.changed = true;
            self.changed.push(Entity::Contact(key));
        }
        match life.fire(contact, due) {
            Fired::Moved => {
                contact.scheduled = life.due(contact);
                self.timers.push(contact.scheduled, Entity::Contact(key));
            }
            fired => {
                self.side.expired += u64::from(fired == Fired::Expired);
                self.contacts.remove(key);
            }
        }
    }

    fn fire_agent(&mut self, key: u64, due: EventMs) {
        let Some(agent) = self.agents.get_mut(key).filter(|agent| agent.scheduled == due) else { return };
        let truly_due = agent.due(&self.config);
        if truly_due > due {
            // Signs came since the timer was set: it stands for the later moment now.
            agent.scheduled = truly_due;
            self.timers.push(truly_due, Entity::Agent(key));
            return;
        }
        if !agent.changed {
            agent.changed = true;
            self.changed.push(Entity::Agent(key));
        }
        if agent.state == crate::event::AgentState::Offline {
            self.agents.remove(key);
            return;
        }
        AgentLife { places: &mut self.places, sink: &mut self.sink }.go_offline(agent, due);
        agent.scheduled = agent.due(&self.config);
        self.timers.push(agent.scheduled, Entity::Agent(key));
    }

    /// What is open leaves its levels at `at`; agents go offline.
    fn stop_levels(&mut self, at: EventMs) {
        for key in self.contacts.keys_in_order() {
            let Some(contact) = self.contacts.get_mut(key) else { continue };
            let mut life = Life {
                config: &self.config,
                places: &mut self.places,
                sink: &mut self.sink,
                now: &mut self.now,
                key,
                agent_key: 0,
            };
            life.leave_levels(contact, at);
        }
        for key in self.agents.keys_in_order() {
            if let Some(agent) = self.agents.get_mut(key) {
                AgentLife { places: &mut self.places, sink: &mut self.sink }.go_offline(agent, at);
            }
        }
    }

    /// Keyed hash of two strings; keys are stable over restarts.
    fn hash(&self, first: &str, second: &str) -> u64 {
        let mut hasher = SipHasher13::new_with_key(&self.config.hash_key);
        hasher.write(first.as_bytes());
        hasher.write_u8(0xff);
        hasher.write(second.as_bytes());
        hasher.finish()
    }
}

/// Whether the event begins a new contact under the id of one that is over.
fn begins_anew(contact: &Contact, event: &Event<'_>) -> bool {
    let begins = matches!(event.kind, Kind::ContactCreated | Kind::ContactQueued { .. });
    begins && contact.completed && contact.ended.is_none_or(|ended| event.time >= ended)
}
