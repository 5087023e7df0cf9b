//! The agent's leg: ring, talk, hold, transfer, end, wrap-up, and the moment at which it is counted.

use super::visit::answer_is_response;
use super::{Fit, Life};
use crate::event::{Event, FlowOut, OfferFailure, Party, TransferKind};
use crate::fold::contact::{Contact, Leg, LegState, PARTIES_MAX, Response, Ring};
use crate::kpi::groups::Dimension;
use crate::measure::ids::{Count, Level, Span};
use crate::time::{EventMs, Millis};

impl Life<'_> {
    pub(super) fn offered(&mut self, contact: &mut Contact, event: &Event<'_>) -> Fit {
        self.remember(contact, event);
        let agent_key = self.agent_key;
        contact.rings.retain(|ring| ring.agent_key != agent_key);
        if contact.rings.len() < PARTIES_MAX {
            contact.rings.push(Ring { agent_key, began: event.time });
        }
        Fit::Folded
    }

    pub(super) fn offer_failed(
        &mut self,
        contact: &mut Contact,
        event: &Event<'_>,
        reason: OfferFailure,
    ) -> Fit {
        self.remember(contact, event);
        let group = self.places.leg_group(&contact.dims, contact.agent_key != 0);
        if reason != OfferFailure::Canceled {
            self.sink.count(&group, event.time, Count::AgentNonResponse);
        }
        if let Some(ring_ms) = self.end_ring(contact, event.time) {
            self.sink.value(&group, event.time, Span::Ring, ring_ms);
        }
        Fit::Folded
    }

    /// Ends the ring of the event's agent, if it had begun by `at`.
    fn end_ring(&self, contact: &mut Contact, at: EventMs) -> Option<Millis> {
        let agent_key = self.agent_key;
        let place = contact.rings.iter().position(|ring| ring.agent_key == agent_key && ring.began <= at)?;
        Some(at.since(contact.rings.remove(place).began))
    }

    pub(super) fn answered(&mut self, contact: &mut Contact, event: &Event<'_>) -> Fit {
        let at = event.time;
        let fits = match (&contact.visit, contact.ended) {
            (Some(visit), _) => at >= visit.queued,
            (None, Some(ended)) => at >= ended && !contact.is_connected(),
            (None, None) => !contact.is_connected(),
        };
        if !fits || contact.legs.len() >= PARTIES_MAX {
            return Fit::Inconsistent;
        }
        self.remember(contact, event);
        self.answer(contact, at);
        Fit::Folded
    }

    /// An agent takes the contact: a visit that is open ends, a leg begins.
    pub(super) fn answer(&mut self, contact: &mut Contact, at: EventMs) {
        let mut dims = contact.dims;
        if let Some(visit) = self.answer_visit(contact, at) {
            let (team, agent) = (Dimension::Team.index(), Dimension::Agent.index());
            let party = (dims[team], dims[agent]);
            dims = visit.dims;
            (dims[team], dims[agent]) = party;
            if answer_is_response(contact.channel) && contact.response != Response::Done {
                let since = contact.first_queued.unwrap_or(visit.queued);
                self.first_response(contact, at, since, &dims);
            }
        }
        let agent_key = contact.agent_key;
        if let Some(ring_ms) = self.end_ring(contact, at) {
            let group = self.places.leg_group(&dims, agent_key != 0);
            self.sink.value(&group, at, Span::Ring, ring_ms);
        }
        contact.rings.clear();
        contact.ended = None;
        contact.left = false;
        contact.legs_begun += 1;
        let group = self.places.contact_group(&dims);
        self.sink.level(&group, at, Level::InProgress, 1);
        let (talk_ms, hold_ms) = (0, 0);
        let state = LegState::Talk;
        contact.legs.reserve_exact(1);
        contact.legs.push(Leg { agent_key, dims, state, since: at, talk_ms, hold_ms, held: false });
    }

    pub(super) fn held(&mut self, contact: &mut Contact, event: &Event<'_>) -> Fit {
        let Some(place) = contact.leg_of(self.agent_key, |leg| leg.state == LegState::Talk) else {
            return Fit::Inconsistent;
        };
        if event.time < contact.legs[place].since {
            return Fit::Inconsistent;
        }
        self.remember(contact, event);
        contact.legs[place].turn(event.time, LegState::Hold);
        contact.legs[place].held = true;
        Fit::Folded
    }

    pub(super) fn resumed(&mut self, contact: &mut Contact, event: &Event<'_>) -> Fit {
        let Some(place) = contact.leg_of(self.agent_key, |leg| leg.state == LegState::Hold) else {
            return Fit::Inconsistent;
        };
        if event.time < contact.legs[place].since {
            return Fit::Inconsistent;
        }
        self.remember(contact, event);
        contact.legs[place].turn(event.time, LegState::Talk);
        Fit::Folded
    }

    pub(super) fn transferred(
        &mut self,
        contact: &mut Contact,
        event: &Event<'_>,
        kind: TransferKind,
        context_passed: Option<bool>,
    ) -> Fit {
        let Some(place) = contact.leg_of(self.agent_key, |leg| leg.state != LegState::Wrapup) else {
            return Fit::Inconsistent;
        };
        if event.time < contact.legs[place].since {
            return Fit::Inconsistent;
        }
        self.remember(contact, event);
        let (at, leg) = (event.time, &contact.legs[place]);
        let group = self.places.leg_group(&leg.dims, leg.agent_key != 0);
        self.sink.count(&group, at, Count::Transfers);
        self.sink.count(&group, at, transfer_count(kind));
        if let Some(passed) = context_passed {
            self.sink.count(&group, at, Count::TransfersContextKnown);
            if passed {
                self.sink.count(&group, at, Count::TransfersContextPassed);
            }
        }
        self.end_leg(contact, place, at);
        Fit::Folded
    }

    pub(super) fn ended(&mut self, contact: &mut Contact, event: &Event<'_>, by: Party) -> Fit {
        let at = event.time;
        if contact.ended.is_some() {
            return Fit::Inconsistent;
        }
        if self.agent_key != 0 && contact.is_connected() {
            let leg = contact.leg_of(self.agent_key, |leg| leg.state != LegState::Wrapup);
            let Some(place) = leg.filter(|place| at >= contact.legs[*place].since) else {
                return Fit::Inconsistent;
            };
            self.remember(contact, event);
            self.end_leg(contact, place, at);
            if !contact.is_connected() && contact.visit.is_none() {
                self.end_contact(contact, at);
            }
            return Fit::Folded;
        }
        let began_later = contact.legs.iter().any(|leg| leg.state != LegState::Wrapup && leg.since > at)
            || contact.visit.as_ref().is_some_and(|visit| visit.queued > at);
        if began_later {
            return Fit::Inconsistent;
        }
        self.remember(contact, event);
        while let Some(place) = contact.legs.iter().position(|leg| leg.state != LegState::Wrapup) {
            self.end_leg(contact, place, at);
        }
        if contact.visit.is_some() {
            match by {
                Party::Customer | Party::Other => self.abandon(contact, at),
                Party::Agent | Party::System => self.flow_out(contact, at, FlowOut::System),
            }
        }
        if contact.visits == 0 && contact.legs_begun == 0 {
            let group = self.places.contact_group(&contact.dims);
            self.sink.count(&group, at, Count::ContactsEndedBeforeQueue);
        }
        self.end_contact(contact, at);
        Fit::Folded
    }

    fn end_contact(&mut self, contact: &mut Contact, at: EventMs) {
        contact.rings.clear();
        self.leave_awaiting(contact, at);
        contact.ended = Some(at);
        self.complete(contact);
    }

    /// Talk or hold ends; wrap-up begins, or is over at once where the channel has none.
    fn end_leg(&mut self, contact: &mut Contact, place: usize, at: EventMs) {
        let leg = &mut contact.legs[place];
        leg.turn(at, LegState::Wrapup);
        let group = self.places.contact_group(&leg.dims);
        self.sink.level(&group, at, Level::InProgress, -1);
        if self.wrapup_timeout_ms(contact) == 0 {
            self.count_leg(contact, place, at, None);
        } else {
            self.sink.level(&group, at, Level::InWrapup, 1);
        }
    }

    pub(super) fn wrapup_ended(&mut self, contact: &mut Contact, event: &Event<'_>) -> Fit {
        let Some(place) = contact.leg_of(self.agent_key, |leg| leg.state == LegState::Wrapup) else {
            return Fit::Inconsistent;
        };
        if event.time < contact.legs[place].since {
            return Fit::Inconsistent;
        }
        self.remember(contact, event);
        let wrapup_ms = event.time.since(contact.legs[place].since);
        self.end_wrapup(contact, place, event.time, Some(wrapup_ms));
        Fit::Folded
    }

    /// The wrap-up of a leg is over at `at`.
    pub(super) fn end_wrapup(
        &mut self,
        contact: &mut Contact,
        place: usize,
        at: EventMs,
        wrapup_ms: Option<Millis>,
    ) {
        let group = self.places.contact_group(&contact.legs[place].dims);
        self.sink.level(&group, at, Level::InWrapup, -1);
        self.count_leg(contact, place, at, wrapup_ms);
    }

    /// Counts a leg as handled, all of it at `at`.
    fn count_leg(&mut self, contact: &mut Contact, place: usize, at: EventMs, wrapup_ms: Option<Millis>) {
        let leg = contact.legs.remove(place);
        let group = self.places.leg_group(&leg.dims, leg.agent_key != 0);
        let connected_ms = leg.talk_ms + leg.hold_ms;
        let handle_ms = connected_ms + wrapup_ms.unwrap_or(0);
        self.sink.count(&group, at, Count::ContactsHandled);
        self.sink.value(&group, at, Span::Talk, leg.talk_ms);
        if leg.held {
            self.sink.count(&group, at, Count::LegsHeld);
            self.sink.value(&group, at, Span::Hold, leg.hold_ms);
        }
        if let Some(wrapup_ms) = wrapup_ms {
            self.sink.value(&group, at, Span::Wrapup, wrapup_ms);
        }
        self.sink.value(&group, at, Span::Handle, handle_ms);
        self.sink.value(&group, at, Span::HandleWithoutWrapup, connected_ms);
        contact.handled_ms += handle_ms;
        contact.handled_at = contact.handled_at.max(at);
        self.complete(contact);
    }

    /// Counts the contact as completed once it has ended and its last leg is counted.
    fn complete(&mut self, contact: &mut Contact) {
        let Some(ended) = contact.ended.filter(|_| contact.legs.is_empty() && !contact.completed) else {
            return;
        };
        contact.completed = true;
        // It is remembered for a while yet; room for legs is most of what it takes.
        contact.legs.shrink_to_fit();
        contact.rings.shrink_to_fit();
        if contact.legs_begun > 0 {
            let at = ended.max(contact.handled_at);
            let group = self.places.contact_group(&contact.dims);
            self.sink.count(&group, at, Count::ContactsCompleted);
            self.sink.value(&group, at, Span::ContactHandle, contact.handled_ms);
        }
    }

    pub(super) const fn wrapup_timeout_ms(&self, contact: &Contact) -> Millis {
        self.config.wrapup_timeout_ms[contact.channel.number() as usize]
    }
}

const fn transfer_count(kind: TransferKind) -> Count {
    match kind {
        TransferKind::Blind => Count::TransfersBlind,
        TransferKind::Consult => Count::TransfersConsult,
        TransferKind::Queue => Count::TransfersQueue,
        TransferKind::Other => Count::TransfersOther,
    }
}
