//! Messages of a contact and its responses: first, next, and the time it awaits the first.
//!
//! It must never know queues beyond asking whether a message answers one.

use super::contact::Teller;
use super::contact_state::{Act, Contact, Open, Verdict};
use super::event::Event;

impl Teller<'_> {
    /// Takes a message: a question, an answer, or nothing.
    pub fn message(&mut self, contact: &mut Contact, event: &Event, act: Act) -> Verdict {
        let author = event.choice("author", "other");
        let is_public = event.choice("visibility", "public") == "public";
        if author == "agent" && is_public {
            return self.reply(contact, event, act);
        }
        contact.remember(event);
        if author == "customer" && is_public {
            contact.unanswered_since_ms = contact.unanswered_since_ms.or(Some(act.time_ms));
            if contact.cycle_start_ms.is_none() && !contact.has_first_response {
                Self::start_cycle(contact, act);
            }
        }
        Verdict::Folded
    }

    fn reply(&mut self, contact: &mut Contact, event: &Event, act: Act) -> Verdict {
        if contact.is_digital() && contact.visit.is_some() {
            let verdict = self.answered(contact, event, act);
            if verdict != Verdict::Folded {
                return verdict;
            }
        }
        contact.remember(event);
        if let Some(asked_ms) = contact.unanswered_since_ms.take()
            && asked_ms <= act.time_ms
        {
            let dims = contact.dims.clone();
            self.time(contact, act, &dims, "next_response_time", act.time_ms - asked_ms);
        }
        if let Some(start_ms) = contact.cycle_start_ms.filter(|_| contact.is_digital()) {
            self.first_response(contact, act, act.time_ms - start_ms);
        }
        Verdict::Folded
    }

    /// Measures the first response if none was given in this contact.
    pub fn first_response(&mut self, contact: &mut Contact, act: Act, response_ms: i64) {
        if contact.has_first_response {
            return;
        }
        contact.has_first_response = true;
        self.end_awaiting(contact, act);
        if response_ms < 0 {
            return;
        }
        let dims = contact.dims.clone();
        self.time(contact, act, &dims, "first_response_time", response_ms);
        let threshold_ms = self.config.threshold_ms(&dims.tenant, &dims.channel, &dims.queue);
        if let Some(threshold_ms) = threshold_ms {
            self.count(contact, act, &dims, "first_response_judged");
            if self.config.is_within(response_ms, threshold_ms) {
                self.count(contact, act, &dims, "first_response_within_threshold");
            }
        }
    }

    /// Starts the response cycle; a digital contact awaits its first response from here on.
    pub fn start_cycle(contact: &mut Contact, act: Act) {
        contact.cycle_start_ms = Some(act.time_ms);
        if contact.is_digital() && contact.ended_ms.is_none() {
            let dims = contact.dims.clone();
            contact.awaiting = Some(Open { what: "awaiting_first_response", from_ms: act.level_ms(), dims });
        }
    }

    /// Moves the start of the cycle to a `created` that lies before it.
    pub fn move_cycle(contact: &mut Contact, act: Act) {
        match contact.cycle_start_ms {
            None => Self::start_cycle(contact, act),
            Some(start_ms) if act.time_ms < start_ms => {
                contact.cycle_start_ms = Some(act.time_ms);
                if let Some(awaiting) = &mut contact.awaiting {
                    awaiting.from_ms = awaiting.from_ms.min(act.level_ms());
                }
            }
            Some(_) => {}
        }
    }

    /// Ends the level of those that await their first response.
    pub fn end_awaiting(&mut self, contact: &mut Contact, act: Act) {
        if let Some(awaiting) = contact.awaiting.take() {
            self.close(contact, awaiting, act.level_ms());
        }
    }
}
