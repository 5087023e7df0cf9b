//! Contacts from their beginning to an agent's answer: menu, queue, overflow, callback, hanging up.
//!
//! Each contact has one planned step at a time, and beside it, while it waits, one planned end of the
//! wait. Both carry a serial number; a turn whose number is no longer the contact's is stale.

use super::agenda::{ContactRef, Turn, WaitEnd};
use super::record::Record;
use super::simulation::Simulation;
use crate::time::{EventMs, Millis, SECOND_MS};

/// Contacts open at once; further ones are turned away and counted.
const CONTACTS_MAX: usize = 1_000_000;
/// Who would overflow while a ring goes on is looked at again after this.
const RING_PATIENCE_MS: Millis = 5 * SECOND_MS;

/// One contact.
pub(super) struct Contact {
    pub number: u64,
    pub channel: &'static str,
    pub lane: usize,
    pub stage: Stage,
    /// The serial of its planned step.
    pub step: u64,
    /// The serial of its visit; 0 when it is in no queue.
    pub visit: u64,
    /// Its place among those of the same priority.
    pub order: u64,
    pub queued_at: EventMs,
    pub customer: u64,
    pub urgent: bool,
    pub transferred: bool,
    pub overflowed: bool,
    /// The contact whose callback this is, or that may ask for one.
    pub conversation: Option<u64>,
    pub is_callback: bool,
    /// Talk after the hold.
    pub talk_left_ms: Millis,
    /// When a written exchange ends, and whose message is next.
    pub ends_at: EventMs,
    pub agent_next: bool,
}

/// Where a contact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Menu,
    Waiting,
    Ringing { agent: usize },
    Talking { agent: usize },
    Held { agent: usize },
}

/// The open contacts.
#[derive(Default)]
pub(super) struct Contacts {
    slots: Vec<Option<Contact>>,
    free: Vec<usize>,
    made: u64,
    pub turned_away: u64,
}

impl Contact {
    /// Lower goes first.
    pub(super) fn rank(&self) -> u8 {
        u8::from(!self.urgent)
    }
}

impl Contacts {
    pub(super) fn get_mut(&mut self, slot: usize) -> Option<&mut Contact> {
        self.slots.get_mut(slot)?.as_mut()
    }

    /// The contact's stage and slot if the turn is still its planned step.
    pub(super) fn at_step(&mut self, turn: ContactRef) -> Option<(Stage, usize)> {
        let contact = self.get_mut(turn.slot)?;
        (contact.step == turn.serial).then_some((contact.stage, turn.slot))
    }

    fn at_visit(&mut self, turn: ContactRef) -> Option<(Stage, usize)> {
        let contact = self.get_mut(turn.slot)?;
        (contact.visit == turn.serial).then_some((contact.stage, turn.slot))
    }

    pub(super) fn close(&mut self, slot: usize) {
        if self.slots.get_mut(slot).and_then(Option::take).is_some() {
            self.free.push(slot);
        }
    }

    fn open(&mut self, contact: Contact) -> Option<usize> {
        if let Some(slot) = self.free.pop() {
            self.slots[slot] = Some(contact);
            return Some(slot);
        }
        if self.slots.len() >= CONTACTS_MAX {
            self.turned_away += 1;
            return None;
        }
        self.slots.push(Some(contact));
        Some(self.slots.len() - 1)
    }
}

impl Simulation {
    pub(super) fn plan_arrival(&mut self, lane: usize) {
        if let Some(time) = self.center.lanes[lane].arrivals.next(&mut self.random) {
            self.agenda.plan(time, Turn::Arrival { lane });
        }
    }

    pub(super) fn arrive(&mut self, lane: usize) {
        self.plan_arrival(lane);
        let queue_number = self.center.lanes[lane].queue;
        let queue = &self.scenario.queues[queue_number];
        let (channel, menu, offers_callback) = (queue.channel, queue.menu, queue.callback.is_some());
        let customer = self.random.below(u64::from(self.scenario.customers));
        let urgent = self.random.chance(queue.priority_share);
        let category = self.random.below(queue.categories.len() as u64) as usize;
        self.contacts.made += 1;
        let number = self.contacts.made;
        let contact = Contact {
            number,
            channel: channel.name(),
            lane,
            stage: Stage::Menu,
            step: 0,
            visit: 0,
            order: 0,
            queued_at: self.now,
            customer,
            urgent,
            transferred: false,
            overflowed: false,
            conversation: offers_callback.then_some(number),
            is_callback: false,
            talk_left_ms: 0,
            ends_at: self.now,
            agent_next: true,
        };
        let Some(slot) = self.contacts.open(contact) else { return };
        self.tell_created(slot, Some((queue_number, category)));
        if channel.is_written() {
            self.tell_message(slot, None);
        }
        let Some(menu) = menu else {
            self.enter_queue(slot);
            return;
        };
        let time = self.now.plus(menu.span.draw_ms(&mut self.random));
        let leaves = self.random.chance(menu.exit_share);
        let contact = self.plan_step(slot);
        self.agenda
            .plan(time, if leaves { Turn::MenuLeft { contact } } else { Turn::MenuPassed { contact } });
    }

    pub(super) fn leave_menu(&mut self, contact: ContactRef) {
        let Some((Stage::Menu, slot)) = self.contacts.at_step(contact) else { return };
        if let Some(mut record) = self.contact_record("contact.ended", slot) {
            record.text("by", "customer");
            self.tell_contact(slot, record);
        }
        self.contacts.close(slot);
    }

    pub(super) fn pass_menu(&mut self, contact: ContactRef) {
        if let Some((Stage::Menu, slot)) = self.contacts.at_step(contact) {
            self.enter_queue(slot);
        }
    }

    /// A customer who asked for a callback is due: the call that the center owes.
    pub(super) fn begin_callback(&mut self, contact: ContactRef) {
        if let Some((Stage::Menu, slot)) = self.contacts.at_step(contact) {
            self.tell_created(slot, None);
            self.enter_queue(slot);
        }
    }

    /// A visit of the contact's lane begins.
    pub(super) fn enter_queue(&mut self, slot: usize) {
        let (serial, now) = (self.next_serial(), self.now);
        let Some(contact) = self.contacts.get_mut(slot) else { return };
        contact.visit = serial;
        contact.order = serial;
        contact.queued_at = now;
        let (lane, is_callback, channel) = (contact.lane, contact.is_callback, contact.channel);
        if let Some(mut record) = self.contact_record("contact.queued", slot) {
            record
                .text("channel", channel)
                .quoted("queue", &self.center.labels.queues[self.center.lanes[lane].queue]);
            if is_callback {
                record.number("due", now.0);
            }
            self.tell_contact(slot, record);
        }
        self.plan_wait_end(slot, serial);
        self.seek_agent(slot);
    }

    /// Of all ways in which the wait could end without an answer, only the earliest is planned.
    fn plan_wait_end(&mut self, slot: usize, serial: u64) {
        let Some(contact) = self.contacts.get_mut(slot).filter(|contact| !contact.is_callback) else {
            return;
        };
        let lane = &self.center.lanes[contact.lane];
        let queue = &self.scenario.queues[lane.queue];
        let after = |seconds: f64| (seconds * 1000.0) as Millis;
        let gives_up = queue.patience.map(|patience| (patience.draw_ms(&mut self.random), WaitEnd::GivesUp));
        let overflows = queue
            .overflow
            .as_ref()
            .filter(|_| !contact.overflowed && lane.overflow_to.is_some())
            .map(|overflow| (after(overflow.after_seconds), WaitEnd::Overflows));
        let asks = queue
            .callback
            .filter(|callback| self.random.chance(callback.share))
            .map(|callback| (after(callback.after_seconds), WaitEnd::AsksCallback));
        if let Some((wait_ms, end)) = [gives_up, overflows, asks].into_iter().flatten().min() {
            let contact = ContactRef { slot, serial };
            self.agenda.plan(self.now.plus(wait_ms), Turn::WaitOver { contact, end });
        }
    }

    pub(super) fn end_wait(&mut self, turn: ContactRef, end: WaitEnd) {
        let Some((stage, slot)) = self.contacts.at_visit(turn) else { return };
        let rings_at = match stage {
            Stage::Waiting => None,
            Stage::Ringing { agent } => Some(agent),
            Stage::Menu | Stage::Talking { .. } | Stage::Held { .. } => return,
        };
        match (end, rings_at) {
            (WaitEnd::GivesUp, _) => self.give_up(slot, rings_at),
            (_, Some(_)) => {
                let time = self.now.plus(RING_PATIENCE_MS);
                self.agenda.plan(time, Turn::WaitOver { contact: turn, end });
            }
            (WaitEnd::Overflows, None) => self.overflow(slot),
            (WaitEnd::AsksCallback, None) => self.ask_callback(slot),
        }
    }

    fn give_up(&mut self, slot: usize, rings_at: Option<usize>) {
        match rings_at {
            Some(agent) => self.withdraw_offer(slot, agent, "canceled"),
            None => self.stop_waiting(slot),
        }
        if let Some(mut record) = self.contact_record("contact.abandoned", slot) {
            self.add_queue(&mut record, slot);
            record.text("by", "customer");
            self.tell_contact(slot, record);
        }
        self.contacts.close(slot);
        if let Some(agent) = rings_at {
            self.settle(agent);
        }
    }

    fn overflow(&mut self, slot: usize) {
        self.stop_waiting(slot);
        self.tell_flowed_out(slot, "overflow");
        let Some(contact) = self.contacts.get_mut(slot) else { return };
        contact.overflowed = true;
        contact.lane = self.center.lanes[contact.lane].overflow_to.unwrap_or(contact.lane);
        self.enter_queue(slot);
    }

    /// The contact leaves; its slot goes to the callback, which does not exist for anybody until due.
    fn ask_callback(&mut self, slot: usize) {
        self.stop_waiting(slot);
        self.tell_flowed_out(slot, "callback");
        self.contacts.made += 1;
        let number = self.contacts.made;
        let Some(contact) = self.contacts.get_mut(slot) else { return };
        contact.number = number;
        contact.is_callback = true;
        contact.channel = "callback";
        contact.stage = Stage::Menu;
        contact.visit = 0;
        let queue = self.center.lanes[contact.lane].queue;
        let delay = self.scenario.queues[queue].callback.map(|callback| callback.delay);
        let delay_ms = delay.map_or(0, |delay| delay.draw_ms(&mut self.random));
        let contact = self.plan_step(slot);
        self.agenda.plan(self.now.plus(delay_ms), Turn::CallbackDue { contact });
    }

    fn stop_waiting(&mut self, slot: usize) {
        if let Some(contact) = self.contacts.get_mut(slot) {
            let entry = (contact.rank(), contact.order, slot);
            self.center.lanes[contact.lane].waiting.remove(&entry);
        }
    }

    /// A fresh serial for the contact's next step.
    pub(super) fn plan_step(&mut self, slot: usize) -> ContactRef {
        let serial = self.next_serial();
        if let Some(contact) = self.contacts.get_mut(slot) {
            contact.step = serial;
        }
        ContactRef { slot, serial }
    }

    fn tell_created(&mut self, slot: usize, topic: Option<(usize, usize)>) {
        let Some(mut record) = self.contact_record("contact.created", slot) else { return };
        let Some(contact) = self.contacts.get_mut(slot) else { return };
        record.text("channel", contact.channel).numbered("customer_id", "k-", contact.customer);
        if let Some(conversation) = contact.conversation {
            record.numbered("conversation_id", &format!("v-{}-", self.run), conversation);
        }
        if contact.urgent {
            record.text("priority", "high");
        }
        let category =
            topic.and_then(|(queue, category)| self.center.labels.categories.get(queue)?.get(category));
        if let Some(category) = category {
            record.quoted("category", category);
        }
        self.tell_contact(slot, record);
    }

    fn tell_flowed_out(&mut self, slot: usize, reason: &str) {
        let Some(mut record) = self.contact_record("contact.flowed_out", slot) else { return };
        self.add_queue(&mut record, slot);
        record.text("reason", reason);
        self.tell_contact(slot, record);
    }

    /// An event of the contact, with its id written; none where the slot is empty.
    pub(super) fn contact_record(&mut self, kind: &str, slot: usize) -> Option<Record> {
        let contact = self.contacts.get_mut(slot)?;
        let (number, tenant) = (contact.number, self.center.lanes[contact.lane].tenant);
        let mut record = self.open_record(kind, tenant);
        record.text("contact_id", &self.contact_key(number));
        Some(record)
    }

    pub(super) fn tell_contact(&mut self, slot: usize, record: Record) {
        if let Some(number) = self.contacts.get_mut(slot).map(|contact| contact.number) {
            self.tell(self.contact_key(number), record);
        }
    }

    pub(super) fn contact_key(&self, number: u64) -> String {
        format!("c-{}-{number}", self.run)
    }

    pub(super) fn add_queue(&mut self, record: &mut Record, slot: usize) {
        if let Some(contact) = self.contacts.get_mut(slot) {
            record.quoted("queue", &self.center.labels.queues[self.center.lanes[contact.lane].queue]);
        }
    }

    pub(super) fn add_agent(&self, record: &mut Record, agent: usize) {
        let team = self.center.crews[self.center.agents[agent].crew].team;
        record.numbered("agent_id", "a-", agent as u64).quoted("team", &self.center.labels.teams[team]);
    }
}
