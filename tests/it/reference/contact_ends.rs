//! How visits and contacts end without an answer: abandons, flow-outs, ends, expiry.
//!
//! It must never know how a leg is timed.

use super::contact::Teller;
use super::contact_state::{Act, Contact, Leg, Verdict, Visit};
use super::event::Event;

const REASONS: [&str; 11] = [
    "timeout",
    "overflow",
    "transfer",
    "key",
    "callback",
    "voicemail",
    "closed",
    "full",
    "empty",
    "system",
    "other",
];

impl Teller<'_> {
    /// Abandons the open visit, or flows it out where the system did it.
    pub fn abandoned(&mut self, contact: &mut Contact, event: &Event, act: Act) -> Verdict {
        if !has_visit_by(contact, act) {
            return Verdict::Inconsistent;
        }
        contact.remember(event);
        if event.choice("by", "customer") == "system" {
            self.flow_out(contact, "system", act);
        } else {
            self.abandon(contact, act);
        }
        contact.rings.clear();
        contact.has_left = !contact.is_in_progress();
        Verdict::Folded
    }

    /// Flows the open visit out.
    pub fn flowed_out(&mut self, contact: &mut Contact, event: &Event, act: Act) -> Verdict {
        if !has_visit_by(contact, act) {
            return Verdict::Inconsistent;
        }
        contact.remember(event);
        let reason = event.choice("reason", "other");
        let reason = REASONS.into_iter().find(|known| *known == reason).unwrap_or("other");
        self.flow_out(contact, reason, act);
        contact.rings.clear();
        contact.has_left = !contact.is_in_progress();
        Verdict::Folded
    }

    /// Ends a leg, or the contact with all its legs and its visit.
    pub fn ended(&mut self, contact: &mut Contact, event: &Event, act: Act) -> Verdict {
        if let Some(agent_id) = event.text("agent_id")
            && contact.is_in_progress()
        {
            let Some(leg) = contact.leg_of(Some(&agent_id), Leg::is_in_progress) else {
                return Verdict::Inconsistent;
            };
            if act.time_ms < contact.legs[leg].since_ms {
                return Verdict::Inconsistent;
            }
            contact.remember(event);
            // The end is noted first, so that a leg counted at its end completes the contact.
            let is_last = contact.legs.iter().filter(|leg| leg.is_in_progress()).count() == 1;
            if is_last && contact.visit.is_none() {
                self.end_contact(contact, act);
            }
            self.end_leg(contact, leg, act);
            return Verdict::Folded;
        }
        self.ended_whole(contact, event, act)
    }

    fn ended_whole(&mut self, contact: &mut Contact, event: &Event, act: Act) -> Verdict {
        let begun = contact.legs.iter().filter(|leg| leg.is_in_progress()).map(|leg| leg.since_ms);
        let begun = begun.chain(contact.visit.as_ref().map(|visit| visit.queued_ms)).max();
        if contact.ended_ms.is_some() || act.time_ms < begun.unwrap_or(contact.opened_ms) {
            return Verdict::Inconsistent;
        }
        contact.remember(event);
        if contact.visit.is_some() {
            if event.choice("by", "customer") == "customer" {
                self.abandon(contact, act);
                contact.rings.clear();
            } else {
                self.flow_out(contact, "system", act);
            }
        }
        if contact.first_queued_ms.is_none() && !contact.had_leg {
            let dims = contact.dims.clone();
            self.count(contact, act, &dims, "contacts_ended_before_queue");
        }
        self.end_contact(contact, act);
        while let Some(leg) = contact.legs.iter().position(Leg::is_in_progress) {
            self.end_leg(contact, leg, act);
        }
        self.complete(contact, act);
        Verdict::Folded
    }

    fn end_contact(&mut self, contact: &mut Contact, act: Act) {
        contact.ended_ms = Some(act.time_ms);
        contact.rings.clear();
        self.end_awaiting(contact, act);
    }

    /// Counts the contact as completed if it has ended, had a leg, and its last leg is counted.
    pub fn complete(&mut self, contact: &mut Contact, act: Act) {
        let Some(ended_ms) = contact.ended_ms.filter(|_| !contact.is_completed) else { return };
        if contact.legs.is_empty() && contact.had_leg {
            contact.is_completed = true;
            let later = Act { time_ms: ended_ms.max(contact.last_counted_ms), ..act };
            self.count(contact, later, &contact.dims, "contacts_completed");
            self.time(contact, later, &contact.dims, "contact_handle_time", contact.handled_ms);
        }
    }

    fn abandon(&mut self, contact: &mut Contact, act: Act) {
        let Some(visit) = contact.visit.take() else { return };
        let wait_ms = act.time_ms - visit.queued_ms;
        self.count(contact, act, &visit.dims, "contacts_abandoned");
        self.time(contact, act, &visit.dims, "wait_abandoned", wait_ms);
        self.time(contact, act, &visit.dims, "wait_all", wait_ms);
        self.judge_wait(contact, &visit, "abandoned", act);
        if visit.is_first && wait_ms < self.config.short_abandon_ms {
            self.count(contact, act, &visit.dims, "contacts_short_abandoned");
            if visit.threshold_ms.is_none() {
                self.count(contact, act, &visit.dims, "short_abandoned_unjudged");
            }
        } else if !contact.has_entered {
            contact.has_entered = true;
            self.count(contact, act, &visit.dims, "contacts_entered");
            self.count(contact, act, &visit.dims, "contacts_entered_abandoned");
        }
        self.end_awaiting(contact, act);
        self.end_wait(contact, visit, act.level_ms());
    }

    /// Ends the open visit as flowed out.
    pub fn flow_out(&mut self, contact: &mut Contact, reason: &str, act: Act) {
        let Some(visit) = contact.visit.take() else { return };
        self.count(contact, act, &visit.dims, "contacts_flowed_out");
        self.count(contact, act, &visit.dims, &format!("contacts_flowed_out_{reason}"));
        let wait_ms = act.time_ms - visit.queued_ms;
        self.time(contact, act, &visit.dims, "wait_flowed_out", wait_ms);
        self.time(contact, act, &visit.dims, "wait_all", wait_ms);
        if reason == "callback" {
            self.count(contact, act, &visit.dims, "callbacks_requested");
            if visit.threshold_ms.is_some_and(|threshold_ms| self.config.is_within(wait_ms, threshold_ms)) {
                self.count(contact, act, &visit.dims, "callback_within_threshold");
            }
        }
        self.end_wait(contact, visit, act.level_ms());
    }

    /// Counts the end of a wait as within its threshold, or as unjudged where it has none.
    pub fn judge_wait(&mut self, contact: &Contact, visit: &Visit, outcome: &str, act: Act) {
        let wait_ms = act.time_ms - visit.queued_ms;
        match visit.threshold_ms {
            None => self.count(contact, act, &visit.dims, &format!("{outcome}_unjudged")),
            Some(threshold_ms) if self.config.is_within(wait_ms, threshold_ms) => {
                self.count(contact, act, &visit.dims, &format!("{outcome}_within_threshold"));
            }
            Some(_) => {}
        }
    }

    /// Ends the levels of a visit.
    pub fn end_wait(&mut self, contact: &Contact, visit: Visit, to_ms: i64) {
        self.close(contact, visit.waiting, to_ms);
        if let Some(breaching) = visit.breaching {
            self.close(contact, breaching, to_ms);
        }
    }

    /// Ends every level of the contact, measuring nothing.
    pub fn end_levels(&mut self, contact: &mut Contact, to_ms: i64) {
        if let Some(visit) = contact.visit.take() {
            self.end_wait(contact, visit, to_ms);
        }
        let levels: Vec<_> = contact.legs.drain(..).filter_map(|leg| leg.level).collect();
        for level in levels.into_iter().chain(contact.awaiting.take()) {
            self.close(contact, level, to_ms);
        }
    }
}

fn has_visit_by(contact: &Contact, act: Act) -> bool {
    contact.visit.as_ref().is_some_and(|visit| visit.queued_ms <= act.time_ms)
}
