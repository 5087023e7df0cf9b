//! Messages: turns of the conversation, first and next response.

use super::{Fit, Life};
use crate::event::{Author, Event, Visibility};
use crate::fold::contact::{Contact, PARTIES_MAX, Response};
use crate::measure::ids::Span;
use crate::time::EventMs;

impl Life<'_> {
    pub(super) fn message_sent(
        &mut self,
        contact: &mut Contact,
        event: &Event<'_>,
        author: Author,
        visibility: Visibility,
    ) -> Fit {
        let heard = visibility == Visibility::Public;
        match author {
            Author::Agent if heard => self.agent_wrote(contact, event),
            Author::Customer if heard => {
                self.remember(contact, event);
                self.customer_wrote(contact, event.time);
                Fit::Folded
            }
            _ => {
                self.remember(contact, event);
                Fit::Folded
            }
        }
    }

    fn customer_wrote(&mut self, contact: &mut Contact, at: EventMs) {
        contact.unanswered.get_or_insert(at);
        if contact.response == Response::Idle && !contact.responds_by_answer() {
            self.await_response(contact, at);
        }
    }

    fn agent_wrote(&mut self, contact: &mut Contact, event: &Event<'_>) -> Fit {
        let at = event.time;
        let answers = contact.visit.is_some() && !contact.responds_by_answer();
        let too_early = contact.visit.as_ref().is_some_and(|visit| at < visit.queued);
        if answers && (too_early || contact.legs.len() >= PARTIES_MAX) {
            return Fit::Inconsistent;
        }
        self.remember(contact, event);
        if answers {
            self.answer(contact, at);
        }
        let dims = contact.dims;
        if let Some(unanswered) = contact.unanswered.filter(|unanswered| at >= *unanswered) {
            contact.unanswered = None;
            let group = self.places.leg_group(&dims, contact.agent_key != 0);
            self.sink.value(&group, at, Span::NextResponse, at.since(unanswered));
        }
        if let Response::Awaiting { since, .. } = contact.response
            && at >= since
        {
            self.first_response(contact, at, since, &dims);
        }
        Fit::Folded
    }
}
