//! Contacts from an agent's answer to the end of the wrap-up: talk, holds, messages, transfers.
//!
//! Events after the answer name the agent only: queue and team are known from the answer, and a
//! wrap-up that ends after a transfer must not name them again, because by then the contact is elsewhere.

use super::agenda::{ContactRef, Turn};
use super::agent::Presence;
use super::contact::Stage;
use super::scenario::TransferKind;
use super::simulation::Simulation;
use super::span::Span;

/// Pace of a written exchange where the scenario names none.
const MESSAGE_GAP: Span = Span::Exponential { mean_seconds: 30.0 };
/// Share of contacts that the customer ends.
const CUSTOMER_ENDS_SHARE: f64 = 0.7;
/// What agents note down.
const DISPOSITIONS: [&str; 4] = ["resolved", "resolved", "follow_up", "no_action"];

impl Simulation {
    /// The wait is over: the agent talks.
    pub(super) fn answer(&mut self, slot: usize, number: usize) {
        let Some(contact) = self.contacts.get_mut(slot) else { return };
        contact.visit = 0;
        contact.stage = Stage::Talking { agent: number };
        let (channel, lane) = (contact.channel, contact.lane);
        let agent = &mut self.center.agents[number];
        agent.ringing = agent.ringing.saturating_sub(1);
        agent.active += 1;
        if let Some(mut record) = self.contact_record("contact.answered", slot) {
            record.text("channel", channel);
            self.add_queue(&mut record, slot);
            self.add_agent(&mut record, number);
            self.tell_contact(slot, record);
        }
        self.announce(number);
        let queue = &self.scenario.queues[self.center.lanes[lane].queue];
        let talk_ms = queue.talk.draw_ms(&mut self.random);
        if queue.channel.is_written() {
            if let Some(contact) = self.contacts.get_mut(slot) {
                contact.ends_at = self.now.plus(talk_ms);
                contact.agent_next = true;
            }
            self.plan_message(slot);
            return;
        }
        let holds = queue.hold.is_some_and(|hold| self.random.chance(hold.share));
        let before_ms = if holds { (talk_ms as f64 * self.random.unit()) as i64 } else { talk_ms };
        let contact = self.plan_step(slot);
        if let Some(held) = self.contacts.get_mut(slot) {
            held.talk_left_ms = talk_ms - before_ms;
        }
        let turn = if holds { Turn::HoldBegins { contact } } else { Turn::TalkOver { contact } };
        self.agenda.plan(self.now.plus(before_ms), turn);
    }

    pub(super) fn begin_hold(&mut self, turn: ContactRef) {
        let Some((Stage::Talking { agent }, slot)) = self.contacts.at_step(turn) else { return };
        self.tell_leg("contact.held", slot, agent);
        let contact = self.plan_step(slot);
        let Some(held) = self.contacts.get_mut(slot) else { return };
        held.stage = Stage::Held { agent };
        let hold = self.scenario.queues[self.center.lanes[held.lane].queue].hold;
        let hold_ms = hold.map_or(0, |hold| hold.span.draw_ms(&mut self.random));
        self.agenda.plan(self.now.plus(hold_ms), Turn::HoldOver { contact });
    }

    pub(super) fn end_hold(&mut self, turn: ContactRef) {
        let Some((Stage::Held { agent }, slot)) = self.contacts.at_step(turn) else { return };
        self.tell_leg("contact.resumed", slot, agent);
        let contact = self.plan_step(slot);
        let Some(held) = self.contacts.get_mut(slot) else { return };
        held.stage = Stage::Talking { agent };
        self.agenda.plan(self.now.plus(held.talk_left_ms), Turn::TalkOver { contact });
    }

    /// The next message of a written exchange, and the one after it.
    pub(super) fn exchange(&mut self, turn: ContactRef) {
        let Some((Stage::Talking { agent }, slot)) = self.contacts.at_step(turn) else { return };
        let Some(contact) = self.contacts.get_mut(slot) else { return };
        let author = contact.agent_next.then_some(agent);
        contact.agent_next = !contact.agent_next;
        self.tell_message(slot, author);
        self.plan_message(slot);
    }

    fn plan_message(&mut self, slot: usize) {
        let contact = self.plan_step(slot);
        let Some(open) = self.contacts.get_mut(slot) else { return };
        let messages = self.scenario.queues[self.center.lanes[open.lane].queue].messages;
        let gap = match messages {
            Some(messages) if open.agent_next => messages.agent,
            Some(messages) => messages.customer,
            None => MESSAGE_GAP,
        };
        // At least a millisecond: an exchange takes time, whatever the scenario says.
        let time = self.now.plus(gap.draw_ms(&mut self.random).max(1));
        if time < open.ends_at {
            self.agenda.plan(time, Turn::MessageDue { contact });
        } else {
            self.agenda.plan(open.ends_at, Turn::TalkOver { contact });
        }
    }

    /// A message of the customer, or of the agent given.
    pub(super) fn tell_message(&mut self, slot: usize, agent: Option<usize>) {
        let Some(mut record) = self.contact_record("message.sent", slot) else { return };
        if let Some(contact) = self.contacts.get_mut(slot) {
            record.text("channel", contact.channel);
        }
        record.text("author", if agent.is_some() { "agent" } else { "customer" });
        if let Some(agent) = agent {
            self.add_agent(&mut record, agent);
        }
        self.tell_contact(slot, record);
    }

    pub(super) fn end_talk(&mut self, turn: ContactRef) {
        let Some((Stage::Talking { agent }, slot)) = self.contacts.at_step(turn) else { return };
        let Some(contact) = self.contacts.get_mut(slot) else { return };
        let (number, from, transferred) = (contact.number, contact.lane, contact.transferred);
        let target = self.center.lanes[from].transfer_to.filter(|_| !transferred);
        let queue = &self.scenario.queues[self.center.lanes[from].queue];
        let transfer = queue.transfer.as_ref().map(|transfer| (transfer.share, transfer.kind));
        let moved = target.zip(transfer).filter(|(_, (share, _))| self.random.chance(*share));
        match moved {
            Some((to, (_, kind))) => {
                self.tell_transferred(slot, agent, to, kind);
                self.release(agent, from, number);
                if let Some(contact) = self.contacts.get_mut(slot) {
                    contact.transferred = true;
                    contact.lane = to;
                }
                self.enter_queue(slot);
            }
            None => {
                let by = if self.random.chance(CUSTOMER_ENDS_SHARE) { "customer" } else { "agent" };
                if let Some(mut record) = self.contact_record("contact.ended", slot) {
                    record.numbered("agent_id", "a-", agent as u64).text("by", by);
                    self.tell_contact(slot, record);
                }
                self.contacts.close(slot);
                self.release(agent, from, number);
            }
        }
    }

    fn tell_transferred(&mut self, slot: usize, agent: usize, to: usize, kind: TransferKind) {
        let Some(mut record) = self.contact_record("contact.transferred", slot) else { return };
        record
            .numbered("agent_id", "a-", agent as u64)
            .text("kind", kind.name())
            .quoted("to_queue", &self.center.labels.queues[self.center.lanes[to].queue]);
        self.tell_contact(slot, record);
    }

    fn tell_leg(&mut self, kind: &str, slot: usize, agent: usize) {
        if let Some(mut record) = self.contact_record(kind, slot) {
            record.numbered("agent_id", "a-", agent as u64);
            self.tell_contact(slot, record);
        }
    }

    /// The agent's talk on contact `number` is over; a spoken one is wrapped up.
    fn release(&mut self, number: usize, lane: usize, contact: u64) {
        let queue = &self.scenario.queues[self.center.lanes[lane].queue];
        let wraps_up = !queue.channel.is_written();
        let wrapup_ms = queue.wrapup.map_or(0, |wrapup| wrapup.draw_ms(&mut self.random));
        let agent = &mut self.center.agents[number];
        agent.active = agent.active.saturating_sub(1);
        if wraps_up {
            agent.wrapping = Some(contact);
            if wrapup_ms == 0 {
                self.tell_wrapup_ended(number);
            } else {
                let serial = self.next_serial();
                let agent = &mut self.center.agents[number];
                agent.presence = Presence::WrapUp;
                agent.serial = serial;
                self.agenda.plan(self.now.plus(wrapup_ms), Turn::WrapUpOver { agent: number, serial });
            }
        }
        self.settle(number);
    }

    pub(super) fn end_wrapup(&mut self, number: usize, serial: u64) {
        let agent = &mut self.center.agents[number];
        if agent.serial != serial || agent.presence != Presence::WrapUp {
            return;
        }
        agent.presence = Presence::Ready;
        self.tell_wrapup_ended(number);
        self.settle(number);
    }

    fn tell_wrapup_ended(&mut self, number: usize) {
        let Some(contact) = self.center.agents[number].wrapping.take() else { return };
        let tenant = self.center.crews[self.center.agents[number].crew].tenant;
        let disposition = DISPOSITIONS[self.random.below(DISPOSITIONS.len() as u64) as usize];
        let key = self.contact_key(contact);
        let mut record = self.open_record("contact.wrapup_ended", tenant);
        record
            .text("contact_id", &key)
            .numbered("agent_id", "a-", number as u64)
            .text("disposition", disposition);
        self.tell(key, record);
    }
}
