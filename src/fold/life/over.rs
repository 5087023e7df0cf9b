//! What time alone does to a contact: breach, wrap-up of 0, expiry; and what leaves it when it goes.

use super::Life;
use crate::fold::contact::{Contact, LegState};
use crate::measure::ids::Level;
use crate::time::EventMs;

/// What a timer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fired {
    /// The contact goes on.
    Moved,
    /// It was over or had left, and is forgotten.
    Forgotten,
    /// It was open for too long: its end is missing.
    Expired,
}

impl Life<'_> {
    /// The next moment at which time does something to the contact.
    #[must_use]
    pub fn due(&self, contact: &Contact) -> EventMs {
        let breach =
            contact.visit.as_ref().filter(|visit| !visit.breaching).and_then(|visit| visit.breach_at);
        let wrapup =
            contact.legs.iter().filter(|leg| leg.state == LegState::Wrapup).map(|leg| leg.since).min();
        let wrapup = wrapup.map(|since| since.plus(self.wrapup_timeout_ms(contact)));
        let forget = self.forget_at(contact);
        breach.into_iter().chain(wrapup).fold(forget, EventMs::min)
    }

    fn forget_at(&self, contact: &Contact) -> EventMs {
        let linger = contact.last.plus(self.config.linger_ms);
        let expiry = contact.first.plus(self.config.max_age_ms[usize::from(contact.channel.number())]);
        match (contact.completed, contact.left) {
            (true, _) => linger,
            // A leg in wrap-up is still to be counted.
            (false, true) if contact.legs.is_empty() => linger.min(expiry),
            (false, _) => expiry,
        }
    }

    /// Does what is due at `due`, one thing.
    pub fn fire(&mut self, contact: &mut Contact, due: EventMs) -> Fired {
        if let Some(visit) = &mut contact.visit
            && !visit.breaching
            && visit.breach_at == Some(due)
        {
            visit.breaching = true;
            let group = self.places.contact_group(&visit.dims);
            self.sink.level(&group, due, Level::Breaching, 1);
            return Fired::Moved;
        }
        let timeout_ms = self.wrapup_timeout_ms(contact);
        let over = |leg: &crate::fold::contact::Leg| {
            leg.state == LegState::Wrapup && leg.since.plus(timeout_ms) == due
        };
        if let Some(place) = contact.legs.iter().position(over) {
            self.end_wrapup(contact, place, due, None);
            return Fired::Moved;
        }
        if due < self.forget_at(contact) {
            // What the timer stood for is gone: the end of a file takes what is open out of its levels.
            return Fired::Moved;
        }
        let expired = !contact.completed && !contact.left;
        self.leave_levels(contact, due);
        if expired { Fired::Expired } else { Fired::Forgotten }
    }

    /// Takes the contact out of every level at `at`, measuring nothing.
    pub fn leave_levels(&mut self, contact: &mut Contact, at: EventMs) {
        self.leave_queue(contact, at);
        self.leave_awaiting(contact, at);
        for leg in &contact.legs {
            let group = self.places.contact_group(&leg.dims);
            let level = if leg.state == LegState::Wrapup { Level::InWrapup } else { Level::InProgress };
            self.sink.level(&group, at, level, -1);
        }
    }
}
