//! The legs of a contact: answer, hold, transfer, wrap-up, and their counting.
//!
//! It must never know why a contact ends.

use super::contact::Teller;
use super::contact_state::{Act, Contact, Leg, MOST_AT_ONCE, Open, Phase, Verdict};
use super::event::Event;

impl Leg {
    /// Whether it is in talk or hold.
    pub fn is_in_progress(&self) -> bool {
        self.phase != Phase::Wrapup
    }
}

impl Contact {
    /// The leg of an agent among those that fit, or the only one that fits where no agent is named.
    pub fn leg_of(&self, agent_id: Option<&str>, fits: impl Fn(&Leg) -> bool) -> Option<usize> {
        let mut fitting = self.legs.iter().enumerate().filter(|(_, leg)| fits(leg));
        match agent_id {
            Some(agent_id) => fitting.find(|(_, leg)| leg.dims.agent_id == agent_id).map(|(index, _)| index),
            None => match (fitting.next(), fitting.next()) {
                (Some((index, _)), None) => Some(index),
                _ => None,
            },
        }
    }
}

impl Teller<'_> {
    /// Begins a leg, and ends the wait if there is one.
    pub fn answered(&mut self, contact: &mut Contact, event: &Event, act: Act) -> Verdict {
        let fits = match &contact.visit {
            Some(visit) => visit.queued_ms <= act.time_ms,
            None => {
                !contact.is_in_progress() && contact.ended_ms.is_none_or(|ended_ms| ended_ms <= act.time_ms)
            }
        };
        if !fits || contact.legs.len() >= MOST_AT_ONCE {
            return Verdict::Inconsistent;
        }
        contact.remember(event);
        let mut dims = contact.dims.clone();
        if let Some(visit) = contact.visit.take() {
            dims.queue = visit.dims.queue.clone();
            let wait_ms = act.time_ms - visit.queued_ms;
            self.count(contact, act, &visit.dims, "contacts_answered");
            self.time(contact, act, &visit.dims, "wait_answered", wait_ms);
            self.time(contact, act, &visit.dims, "wait_all", wait_ms);
            self.judge_wait(contact, &visit, "answered", act);
            if !contact.has_entered {
                contact.has_entered = true;
                self.count(contact, act, &visit.dims, "contacts_entered");
            }
            self.end_wait(contact, visit, act.level_ms());
            if let Some(first_queued_ms) = contact.first_queued_ms.filter(|_| !contact.is_digital()) {
                self.first_response(contact, act, act.time_ms - first_queued_ms);
            }
        }
        let agent_id = dims.agent_id.clone();
        self.end_ring(contact, &agent_id, act);
        contact.rings.clear();
        contact.had_leg = true;
        contact.has_left = false;
        contact.ended_ms = None;
        let level = Open { what: "contacts_in_progress", from_ms: act.level_ms(), dims: dims.clone() };
        contact.legs.push(Leg {
            dims,
            phase: Phase::Talk,
            since_ms: act.time_ms,
            phase_step: act.step,
            talk_ms: 0,
            hold_ms: 0,
            was_held: false,
            level: Some(level),
        });
        Verdict::Folded
    }

    /// Puts a leg on hold.
    pub fn held(&mut self, contact: &mut Contact, event: &Event, act: Act) -> Verdict {
        turn(contact, event, act, Phase::Talk, Phase::Hold)
    }

    /// Takes a leg back from hold.
    pub fn resumed(&mut self, contact: &mut Contact, event: &Event, act: Act) -> Verdict {
        turn(contact, event, act, Phase::Hold, Phase::Talk)
    }

    /// Counts a transfer and ends its leg.
    pub fn transferred(&mut self, contact: &mut Contact, event: &Event, act: Act) -> Verdict {
        let agent_id = event.text("agent_id");
        let Some(leg) = contact.leg_of(agent_id.as_deref(), Leg::is_in_progress) else {
            return Verdict::Inconsistent;
        };
        if act.time_ms < contact.legs[leg].since_ms {
            return Verdict::Inconsistent;
        }
        contact.remember(event);
        let dims = contact.legs[leg].dims.clone();
        let kind = match event.choice("kind", "blind").as_str() {
            "blind" => "transfers_blind",
            "consult" => "transfers_consult",
            "queue" => "transfers_queue",
            _ => "transfers_other",
        };
        self.count(contact, act, &dims, "transfers");
        self.count(contact, act, &dims, kind);
        if let Some(was_passed) = event.flag("context_passed") {
            self.count(contact, act, &dims, "transfers_context_known");
            if was_passed {
                self.count(contact, act, &dims, "transfers_context_passed");
            }
        }
        self.end_leg(contact, leg, act);
        Verdict::Folded
    }

    /// Ends talk or hold of a leg; its wrap-up begins, or it is counted where there is none.
    pub fn end_leg(&mut self, contact: &mut Contact, index: usize, act: Act) {
        let timeout_ms = self.config.wrapup_timeout_ms(&contact.dims.channel);
        let leg = &mut contact.legs[index];
        leg.add_phase(act.time_ms);
        leg.phase = Phase::Wrapup;
        leg.since_ms = act.time_ms;
        leg.phase_step = act.step;
        let level = Open { what: "contacts_in_wrapup", from_ms: act.level_ms(), dims: leg.dims.clone() };
        if let Some(ended) = leg.level.replace(level) {
            self.close(contact, ended, act.level_ms());
        }
        if timeout_ms == 0 {
            self.count_leg(contact, index, None, act);
        }
    }

    /// Ends the wrap-up of a leg.
    pub fn wrapup_ended(&mut self, contact: &mut Contact, event: &Event, act: Act) -> Verdict {
        let agent_id = event.text("agent_id");
        let Some(leg) = contact.leg_of(agent_id.as_deref(), |leg| leg.phase == Phase::Wrapup) else {
            return Verdict::Inconsistent;
        };
        let wrapup_ms = act.time_ms - contact.legs[leg].since_ms;
        if wrapup_ms < 0 {
            return Verdict::Inconsistent;
        }
        contact.remember(event);
        self.count_leg(contact, leg, Some(wrapup_ms), act);
        Verdict::Folded
    }

    /// Counts a leg whose wrap-up is over, at the moment of `act`.
    pub fn count_leg(&mut self, contact: &mut Contact, index: usize, wrapup_ms: Option<i64>, act: Act) {
        let mut leg = contact.legs.remove(index);
        let without_wrapup_ms = leg.talk_ms + leg.hold_ms;
        let handle_ms = without_wrapup_ms + wrapup_ms.unwrap_or(0);
        self.count(contact, act, &leg.dims, "contacts_handled");
        self.time(contact, act, &leg.dims, "talk_time", leg.talk_ms);
        if leg.was_held {
            self.count(contact, act, &leg.dims, "legs_held");
            self.time(contact, act, &leg.dims, "hold_time", leg.hold_ms);
        }
        if let Some(wrapup_ms) = wrapup_ms {
            self.time(contact, act, &leg.dims, "wrapup_time", wrapup_ms);
        }
        self.time(contact, act, &leg.dims, "handle_time", handle_ms);
        self.time(contact, act, &leg.dims, "handle_time_without_wrapup", without_wrapup_ms);
        if let Some(level) = leg.level.take() {
            self.close(contact, level, act.level_ms());
        }
        contact.handled_ms += handle_ms;
        contact.last_counted_ms = contact.last_counted_ms.max(act.time_ms);
        self.complete(contact, act);
    }
}

impl Leg {
    /// Adds the phase that ends at `time_ms` to the time of its kind.
    fn add_phase(&mut self, time_ms: i64) {
        let phase_ms = time_ms - self.since_ms;
        match self.phase {
            Phase::Talk => self.talk_ms += phase_ms,
            Phase::Hold => self.hold_ms += phase_ms,
            Phase::Wrapup => {}
        }
    }
}

fn turn(contact: &mut Contact, event: &Event, act: Act, from: Phase, to: Phase) -> Verdict {
    let agent_id = event.text("agent_id");
    let Some(index) = contact.leg_of(agent_id.as_deref(), |leg| leg.phase == from) else {
        return Verdict::Inconsistent;
    };
    if act.time_ms < contact.legs[index].since_ms {
        return Verdict::Inconsistent;
    }
    contact.remember(event);
    let leg = &mut contact.legs[index];
    leg.add_phase(act.time_ms);
    leg.phase = to;
    leg.since_ms = act.time_ms;
    leg.was_held = true;
    Verdict::Folded
}
