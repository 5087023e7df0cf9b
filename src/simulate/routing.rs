//! Who gets whom: contacts to idle agents, idle agents to waiting contacts.
//!
//! A contact goes to the crew that prefers its queue most, there to the agent with the fewest contacts
//! who has been idle longest. An agent takes the contact that has waited longest, where a queue that it
//! prefers less counts as if its contact had come later. It knows nothing of talk.

use super::agenda::{ContactRef, RingEnd, Turn};
use super::agent::Presence;
use super::contact::Stage;
use super::simulation::Simulation;
use crate::time::{Millis, SECOND_MS};

/// What one rank of preference weighs against waiting.
const RANK_MS: Millis = 20 * SECOND_MS;
/// Shares of the ring limit after which an offer is rejected: between a tenth and the whole.
const REJECTED_LOW: f64 = 0.1;

impl Simulation {
    /// Puts a contact among the waiting of its lane, or straight to an agent.
    pub(super) fn seek_agent(&mut self, slot: usize) {
        let Some(contact) = self.contacts.get_mut(slot) else { return };
        contact.stage = Stage::Waiting;
        let lane = contact.lane;
        let entry = (contact.rank(), contact.order, slot);
        match self.longest_idle(lane) {
            Some(agent) => self.offer(slot, agent),
            None => {
                self.center.lanes[lane].waiting.insert(entry);
            }
        }
    }

    /// Gives an agent who can take contacts what waits for it.
    pub(super) fn pick_work(&mut self, number: usize) {
        while self.center.agents[number].idle.is_some() {
            let Some(slot) = self.next_waiting(number) else { return };
            if let Some(contact) = self.contacts.get_mut(slot) {
                let (lane, entry) = (contact.lane, (contact.rank(), contact.order, slot));
                self.center.lanes[lane].waiting.remove(&entry);
            }
            self.offer(slot, number);
        }
    }

    fn longest_idle(&self, lane: usize) -> Option<usize> {
        let first = |(rank, crew): &(usize, usize)| {
            self.center.crews[*crew].idle.first().map(|(load, order, agent)| (*rank, *load, *order, *agent))
        };
        self.center.lanes[lane].crews.iter().filter_map(first).min().map(|(.., agent)| agent)
    }

    fn next_waiting(&mut self, number: usize) -> Option<usize> {
        let crew = self.center.agents[number].crew;
        let mut best = None;
        for (rank, lane) in self.center.crews[crew].lanes.iter().enumerate() {
            let Some((urgency, order, slot)) = self.center.lanes[*lane].waiting.first() else { continue };
            let Some(contact) = self.contacts.get_mut(*slot) else { continue };
            let counts_from = contact.queued_at.plus(rank as Millis * RANK_MS);
            let candidate = (*urgency, counts_from, *order, *slot);
            if best.is_none_or(|least| candidate < least) {
                best = Some(candidate);
            }
        }
        best.map(|(.., slot)| slot)
    }

    /// The contact rings at the agent; without ringing it is answered.
    fn offer(&mut self, slot: usize, number: usize) {
        let serial = self.next_serial();
        let Some(contact) = self.contacts.get_mut(slot) else { return };
        contact.stage = Stage::Ringing { agent: number };
        contact.step = serial;
        let order = self.center.agents[number].idle.map_or(serial, |(_, order, _)| order);
        self.center.agents[number].ringing += 1;
        self.reseat(number, order);
        let Some(offer) = self.scenario.offer else {
            self.answer(slot, number);
            return;
        };
        self.tell_ring("contact.offered", slot, number, None);
        self.announce(number);
        let limit_ms = (offer.limit_seconds * 1000.0) as Millis;
        let draw = self.random.unit();
        let (end, ring_ms) = if draw < offer.missed_share {
            (RingEnd::Missed, limit_ms)
        } else if draw < offer.missed_share + offer.rejected_share {
            let share = REJECTED_LOW + (1.0 - REJECTED_LOW) * self.random.unit();
            (RingEnd::Rejected, (limit_ms as f64 * share) as Millis)
        } else {
            (RingEnd::Answered, offer.ring.draw_ms(&mut self.random).min(limit_ms))
        };
        // At least a millisecond, so that a contact nobody takes cannot ring for ever at one moment.
        let time = self.now.plus(ring_ms.max(1));
        self.agenda.plan(time, Turn::RingOver { contact: ContactRef { slot, serial }, end });
    }

    pub(super) fn end_ring(&mut self, contact: ContactRef, end: RingEnd) {
        let Some((Stage::Ringing { agent }, slot)) = self.contacts.at_step(contact) else { return };
        let reason = match end {
            RingEnd::Answered => {
                self.answer(slot, agent);
                return;
            }
            RingEnd::Missed => "missed",
            RingEnd::Rejected => "rejected",
        };
        self.withdraw_offer(slot, agent, reason);
        // The contact first: it must not ring again at the agent who has just let it go.
        self.seek_agent(slot);
        self.penalise(agent);
    }

    /// The ring stops without an answer; the agent stays as it is until it is settled.
    pub(super) fn withdraw_offer(&mut self, slot: usize, number: usize, reason: &'static str) {
        self.tell_ring("contact.offer_failed", slot, number, Some(reason));
        let agent = &mut self.center.agents[number];
        agent.ringing = agent.ringing.saturating_sub(1);
    }

    fn tell_ring(&mut self, kind: &str, slot: usize, number: usize, reason: Option<&str>) {
        let Some(mut record) = self.contact_record(kind, slot) else { return };
        self.add_agent(&mut record, number);
        if let Some(reason) = reason {
            record.text("reason", reason);
        }
        self.tell_contact(slot, record);
    }

    fn penalise(&mut self, number: usize) {
        let penalty_ms = self.scenario.offer.map_or(0, |offer| (offer.penalty_seconds * 1000.0) as Millis);
        let crew = self.center.agents[number].crew;
        if self.center.crews[crew].slots == 1 && penalty_ms > 0 {
            let serial = self.next_serial();
            let agent = &mut self.center.agents[number];
            agent.presence = Presence::NotResponding;
            agent.serial = serial;
            self.agenda.plan(self.now.plus(penalty_ms), Turn::AgentReturns { agent: number, serial });
        }
        self.settle(number);
    }
}
