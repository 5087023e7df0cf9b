//! The story of one contact: its timers, and what opens, queues and rings it.
//!
//! It must never know windows or groups; it writes rows and spans.

use super::config::Config;
use super::contact_state::Phase;
use super::contact_state::{Act, Contact, MOST_AT_ONCE, Open, Ring, Verdict, Visit};
use super::event::Event;
use super::intake::{Accepted, Step, firing_step};
use super::ledger::{Amount, Dims, Family, Ledger, Row, Span};

enum Timer {
    Wrapup(usize),
    Expiry,
    Forget,
}

/// Tells stories of contacts into a ledger.
pub struct Teller<'a> {
    pub config: &'a Config,
    pub ledger: &'a mut Ledger,
    steps: &'a [Step],
    expired: i64,
}

/// Tells the story of one contact and gives how often it expired.
pub fn tell(config: &Config, steps: &[Step], story: &[Accepted], ledger: &mut Ledger) -> i64 {
    let mut teller = Teller { config, ledger, steps, expired: 0 };
    let mut contact = None;
    for accepted in story {
        let event = &accepted.event;
        contact = teller.run_timers(contact, accepted.step, event.time_ms);
        let mut act = Act::at(config, steps, accepted.step, event.time_ms);
        act.is_late = event.time_ms < act.floor_ms;
        let verdict = teller.judge(&mut contact, event, act);
        teller.ledger.verdicts.insert(accepted.coordinates, verdict.name());
    }
    if let Some(mut contact) = teller.run_timers(contact, steps.len() - 1, i64::MIN) {
        teller.end_levels(&mut contact, i64::MAX);
    }
    teller.expired
}

impl Teller<'_> {
    /// Fires what the watermark reaches up to a step, and what is due by the time of an event there.
    fn run_timers(&mut self, contact: Option<Contact>, until_step: usize, event_ms: i64) -> Option<Contact> {
        let mut contact = contact?;
        loop {
            let timers = self.timers(&contact).into_iter().filter_map(|(from, due_ms, timer)| {
                let reached = firing_step(self.steps, from, due_ms).filter(|step| *step <= until_step);
                let step = reached.or((due_ms <= event_ms).then_some(until_step))?;
                Some((step, due_ms, timer))
            });
            let next = timers.min_by_key(|(step, due_ms, _)| (*step, *due_ms));
            let Some((step, due_ms, timer)) = next else { return Some(contact) };
            let act = Act::at(self.config, self.steps, step, due_ms);
            match timer {
                Timer::Wrapup(leg) => self.count_leg(&mut contact, leg, None, act),
                Timer::Expiry => {
                    self.expired += 1;
                    self.end_levels(&mut contact, act.level_ms());
                    return None;
                }
                Timer::Forget => {
                    self.end_levels(&mut contact, act.level_ms());
                    return None;
                }
            }
            contact.note_quiet(step);
        }
    }

    /// What will fire, each from which step on and when due: wrap-ups, expiry, forgetting.
    fn timers(&self, contact: &Contact) -> Vec<(usize, i64, Timer)> {
        let mut timers = Vec::new();
        let timeout_ms = self.config.wrapup_timeout_ms(&contact.dims.channel);
        for (index, leg) in contact.legs.iter().enumerate() {
            if leg.phase == Phase::Wrapup {
                timers.push((leg.phase_step + 1, leg.since_ms + timeout_ms, Timer::Wrapup(index)));
            }
        }
        if !contact.is_over() {
            let due_ms = contact.opened_ms + self.config.max_age_ms(&contact.dims.channel);
            timers.push((contact.opened_step + 1, due_ms, Timer::Expiry));
        }
        if let Some(quiet_step) = contact.quiet_step {
            let from = quiet_step.max(contact.last_event_step + 1);
            timers.push((from, contact.last_event_ms + self.config.linger_ms, Timer::Forget));
        }
        timers
    }

    fn judge(&mut self, slot: &mut Option<Contact>, event: &Event, act: Act) -> Verdict {
        let kind = event.kind.as_str();
        if let Some(known) = slot.as_ref().filter(|contact| contact.is_over()) {
            let is_after = known.ended_ms.is_some_and(|ended_ms| event.time_ms >= ended_ms);
            match kind {
                "contact.created" | "contact.queued" if is_after => *slot = None,
                "message.sent" => return Verdict::Folded,
                _ if event.is_passing() || !known.is_inbound => return Verdict::Folded,
                _ => return Verdict::Inconsistent,
            }
        }
        let contact = match slot {
            Some(contact) => contact,
            None if opens(event) => {
                let mut contact = Contact::opened(event, act);
                let is_reply = kind == "message.sent" && event.choice("author", "") == "agent";
                contact.has_first_response = is_reply;
                if is_reply {
                    contact.remember(event);
                } else if !event.is_passing() {
                    contact.remember(event);
                    Self::start_cycle(&mut contact, act);
                }
                slot.insert(contact)
            }
            None => return Verdict::UnknownContact,
        };
        let verdict = self.apply(contact, event, act);
        if verdict == Verdict::Folded {
            contact.last_event_ms = contact.last_event_ms.max(event.time_ms);
            contact.last_event_step = act.step;
            contact.note_quiet(act.step);
        }
        verdict
    }

    fn apply(&mut self, contact: &mut Contact, event: &Event, act: Act) -> Verdict {
        if !contact.is_inbound {
            // Known and no more than that: nothing of it can be inconsistent.
            if event.kind == "contact.ended" {
                contact.ended_ms = Some(event.time_ms);
            }
            return Verdict::Folded;
        }
        match event.kind.as_str() {
            "contact.created" => self.created(contact, event, act),
            "contact.queued" => self.queued(contact, event, act),
            "contact.offered" => offered(contact, event, act),
            "contact.offer_failed" => self.offer_failed(contact, event, act),
            "contact.answered" => self.answered(contact, event, act),
            "contact.abandoned" => self.abandoned(contact, event, act),
            "contact.flowed_out" => self.flowed_out(contact, event, act),
            "contact.held" => Self::held(contact, event, act),
            "contact.resumed" => Self::resumed(contact, event, act),
            "contact.transferred" => self.transferred(contact, event, act),
            "contact.ended" => self.ended(contact, event, act),
            "contact.wrapup_ended" => self.wrapup_ended(contact, event, act),
            "message.sent" => self.message(contact, event, act),
            _ => Verdict::Folded,
        }
    }

    fn created(&mut self, contact: &mut Contact, event: &Event, act: Act) -> Verdict {
        if contact.is_created {
            return Verdict::Inconsistent;
        }
        contact.is_created = true;
        contact.remember(event);
        let dims = contact.dims.clone();
        self.count(contact, act, &dims, "contacts_created");
        if !contact.has_first_response {
            Self::move_cycle(contact, act);
        }
        Verdict::Folded
    }

    fn queued(&mut self, contact: &mut Contact, event: &Event, act: Act) -> Verdict {
        let queue = event.text("queue").unwrap_or_default();
        if let Some(visit) = &contact.visit
            && (visit.dims.queue == queue || act.time_ms < visit.queued_ms)
        {
            return Verdict::Inconsistent;
        }
        if contact.ended_ms.is_some_and(|ended_ms| act.time_ms < ended_ms) {
            return Verdict::Inconsistent;
        }
        if contact.visit.is_some() {
            self.flow_out(contact, "other", act);
        }
        contact.remember(event);
        contact.ended_ms = None;
        contact.has_left = false;
        let dims = contact.dims.clone();
        self.count(contact, act, &dims, "contacts_offered");
        let threshold_ms = self.config.threshold_ms(&dims.tenant, &dims.channel, &dims.queue);
        if threshold_ms.is_none() {
            self.count(contact, act, &dims, "offered_unjudged");
        }
        let open = |what, from_ms| Open { what, from_ms, dims: dims.clone() };
        let first_too_late_ms = i64::from(!self.config.within_strict) + act.time_ms;
        let breaching = threshold_ms.map(|threshold_ms| {
            open("contacts_breaching", (first_too_late_ms + threshold_ms).max(act.floor_ms))
        });
        contact.visit = Some(Visit {
            queued_ms: act.time_ms,
            is_first: contact.first_queued_ms.is_none(),
            threshold_ms,
            waiting: open("contacts_waiting", act.level_ms()),
            breaching,
            dims,
        });
        contact.first_queued_ms = contact.first_queued_ms.or(Some(act.time_ms));
        Verdict::Folded
    }

    fn offer_failed(&mut self, contact: &mut Contact, event: &Event, act: Act) -> Verdict {
        contact.remember(event);
        let dims = contact.dims.clone();
        if event.choice("reason", "other") != "canceled" {
            self.count(contact, act, &dims, "agent_non_response");
        }
        let agent_id = event.text("agent_id").unwrap_or_default();
        self.end_ring(contact, &agent_id, act);
        Verdict::Folded
    }

    /// Ends the ring of an agent, if it is known and did not begin later.
    pub fn end_ring(&mut self, contact: &mut Contact, agent_id: &str, act: Act) {
        let fits = |ring: &Ring| ring.agent_id == agent_id && ring.from_ms <= act.time_ms;
        if let Some(index) = contact.rings.iter().position(fits) {
            let ring = contact.rings.remove(index);
            let dims = contact.dims.clone();
            self.time(contact, act, &dims, "ring_time", act.time_ms - ring.from_ms);
        }
    }

    /// Writes down one more of `what`.
    pub fn count(&mut self, contact: &Contact, act: Act, dims: &Dims, what: &str) {
        self.write(contact, act, dims, what, Amount::Count(1));
    }

    /// Writes down a duration in milliseconds.
    pub fn time(&mut self, contact: &Contact, act: Act, dims: &Dims, what: &str, ms: i64) {
        self.write(contact, act, dims, what, Amount::Duration(ms));
    }

    fn write(&mut self, contact: &Contact, act: Act, dims: &Dims, what: &str, amount: Amount) {
        if contact.is_inbound && !act.is_late && act.time_ms >= act.floor_ms {
            let row = Row { time_ms: act.time_ms, dims: dims.clone(), what: what.to_owned(), amount };
            self.ledger.rows.push(row);
        }
    }

    /// Writes down a level that was held until `to_ms`.
    pub fn close(&mut self, contact: &Contact, open: Open, to_ms: i64) {
        if contact.is_inbound {
            let Open { what, from_ms, dims } = open;
            let what = what.to_owned();
            self.ledger.spans.push(Span { from_ms, to_ms, dims, family: Family::Contact, what, value: 1 });
        }
    }
}

fn opens(event: &Event) -> bool {
    match event.kind.as_str() {
        "contact.created"
        | "contact.queued"
        | "contact.final"
        | "contact.attempt_failed"
        | "message.sent" => true,
        "contact.answered" => {
            event.choice("direction", "inbound") == "outbound" || event.channel() == "callback"
        }
        _ => false,
    }
}

fn offered(contact: &mut Contact, event: &Event, act: Act) -> Verdict {
    contact.remember(event);
    let agent_id = event.text("agent_id").unwrap_or_default();
    contact.rings.retain(|ring| ring.agent_id != agent_id);
    if contact.rings.len() < MOST_AT_ONCE {
        contact.rings.push(Ring { agent_id, from_ms: act.time_ms });
    }
    Verdict::Folded
}
