//! The queue visit: it begins, and ends by an answer, an abandon or a flow-out.

use super::{Fit, Life};
use crate::event::{Channel, Event, FlowOut, Party};
use crate::fold::contact::{Contact, Visit};
use crate::kpi::groups::Dimension;
use crate::measure::ids::{Count, Level, Span, Tally};
use crate::time::EventMs;

impl Life<'_> {
    pub(super) fn queued(&mut self, contact: &mut Contact, event: &Event<'_>) -> Fit {
        if contact.ended.is_some_and(|ended| event.time < ended) {
            return Fit::Inconsistent;
        }
        if let Some(visit) = &contact.visit {
            let queue = self.places.names.text(visit.dims[Dimension::Queue.index()]);
            if queue == event.queue || event.time < visit.queued {
                return Fit::Inconsistent;
            }
            self.flow_out(contact, event.time, FlowOut::Other);
        }
        self.remember(contact, event);
        contact.ended = None;
        contact.left = false;
        contact.visits += 1;
        contact.first_queued.get_or_insert(event.time);
        self.begin_visit(contact, event.time);
        Fit::Folded
    }

    fn begin_visit(&mut self, contact: &mut Contact, at: EventMs) {
        let group = self.places.contact_group(&contact.dims);
        let threshold_ms = self.places.threshold_ms(contact.channel, &group.dims);
        self.sink.count(&group, at, Count::ContactsOffered);
        if threshold_ms.is_none() {
            self.sink.count(&group, at, Count::OfferedUnjudged);
        }
        self.sink.level(&group, at, Level::Waiting, 1);
        let risk_horizon_ms = self.config.risk_horizon_ms[usize::from(contact.channel.number())];
        self.now.visit_began(&group.dims, self.key, at, (threshold_ms, risk_horizon_ms));
        let first_beyond_ms = i64::from(!self.config.within_strict);
        let breach_at = threshold_ms.map(|threshold_ms| at.plus(threshold_ms + first_beyond_ms));
        contact.visit = Some(Visit { queued: at, dims: group.dims, breach_at, breaching: false });
    }

    /// Takes the open visit off the contact and out of the levels.
    pub(super) fn leave_queue(&mut self, contact: &mut Contact, at: EventMs) -> Option<Visit> {
        let visit = contact.visit.take()?;
        let group = self.places.contact_group(&visit.dims);
        self.sink.level(&group, at, Level::Waiting, -1);
        if let Some(breach_at) = visit.breach_at
            && (visit.breaching || at > breach_at)
        {
            if !visit.breaching {
                self.sink.level(&group, breach_at, Level::Breaching, 1);
            }
            self.sink.level(&group, at.max(breach_at), Level::Breaching, -1);
        }
        self.now.visit_ended(&visit.dims, self.key, visit.queued);
        Some(visit)
    }

    /// The visit ends by an answer: wait, threshold, entry.
    pub(super) fn answer_visit(&mut self, contact: &mut Contact, at: EventMs) -> Option<Visit> {
        let visit = self.leave_queue(contact, at)?;
        let group = self.places.contact_group(&visit.dims);
        let wait_ms = at.since(visit.queued);
        self.sink.count(&group, at, Count::ContactsAnswered);
        self.sink.value(&group, at, Span::WaitAnswered, wait_ms);
        match self.places.threshold_ms(contact.channel, &visit.dims) {
            None => self.sink.count(&group, at, Count::AnsweredUnjudged),
            Some(threshold_ms) => {
                let within = self.is_within(wait_ms, threshold_ms);
                let tally = if within { Tally::AnsweredWithin } else { Tally::AnsweredBeyond };
                self.sink.tally(&group, at, tally, threshold_ms);
            }
        }
        if !contact.entered {
            contact.entered = true;
            self.sink.count(&group, at, Count::ContactsEntered);
        }
        Some(visit)
    }

    pub(super) fn abandoned(&mut self, contact: &mut Contact, event: &Event<'_>, by: Party) -> Fit {
        if !is_waiting_at(contact, event.time) {
            return Fit::Inconsistent;
        }
        self.remember(contact, event);
        match by {
            Party::System => self.flow_out(contact, event.time, FlowOut::System),
            Party::Customer | Party::Agent | Party::Other => self.abandon(contact, event.time),
        }
        contact.rings.clear();
        contact.left = !contact.is_connected();
        Fit::Folded
    }

    /// The customer leaves the visit.
    pub(super) fn abandon(&mut self, contact: &mut Contact, at: EventMs) {
        let Some(visit) = self.leave_queue(contact, at) else { return };
        self.leave_awaiting(contact, at);
        let group = self.places.contact_group(&visit.dims);
        let wait_ms = at.since(visit.queued);
        let short = wait_ms < self.config.short_abandon_ms && contact.visits == 1;
        self.sink.count(&group, at, Count::ContactsAbandoned);
        self.sink.value(&group, at, Span::WaitAbandoned, wait_ms);
        if short {
            self.sink.count(&group, at, Count::ContactsShortAbandoned);
        } else if !contact.entered {
            contact.entered = true;
            self.sink.count(&group, at, Count::ContactsEntered);
            self.sink.count(&group, at, Count::ContactsEnteredAbandoned);
        }
        match self.places.threshold_ms(contact.channel, &visit.dims) {
            None => {
                self.sink.count(&group, at, Count::AbandonedUnjudged);
                if short {
                    self.sink.count(&group, at, Count::ShortUnjudged);
                }
            }
            Some(threshold_ms) => {
                let within = self.is_within(wait_ms, threshold_ms);
                let tally = if within { Tally::AbandonedWithin } else { Tally::AbandonedBeyond };
                self.sink.tally(&group, at, tally, threshold_ms);
            }
        }
    }

    pub(super) fn flowed_out(&mut self, contact: &mut Contact, event: &Event<'_>, reason: FlowOut) -> Fit {
        if !is_waiting_at(contact, event.time) {
            return Fit::Inconsistent;
        }
        self.remember(contact, event);
        self.flow_out(contact, event.time, reason);
        contact.rings.clear();
        contact.left = !contact.is_connected();
        Fit::Folded
    }

    /// The visit ends otherwise.
    pub(super) fn flow_out(&mut self, contact: &mut Contact, at: EventMs, reason: FlowOut) {
        let Some(visit) = self.leave_queue(contact, at) else { return };
        let group = self.places.contact_group(&visit.dims);
        let wait_ms = at.since(visit.queued);
        self.sink.count(&group, at, Count::ContactsFlowedOut);
        self.sink.count(&group, at, flow_out_count(reason));
        self.sink.value(&group, at, Span::WaitFlowedOut, wait_ms);
        if reason != FlowOut::Callback {
            return;
        }
        self.sink.count(&group, at, Count::CallbacksRequested);
        if let Some(threshold_ms) = self.places.threshold_ms(contact.channel, &visit.dims)
            && self.is_within(wait_ms, threshold_ms)
        {
            self.sink.tally(&group, at, Tally::CallbackWithin, threshold_ms);
        }
    }
}

/// Whether a visit is open that had begun by `at`.
fn is_waiting_at(contact: &Contact, at: EventMs) -> bool {
    contact.visit.as_ref().is_some_and(|visit| at >= visit.queued)
}

const fn flow_out_count(reason: FlowOut) -> Count {
    match reason {
        FlowOut::Timeout => Count::FlowedOutTimeout,
        FlowOut::Overflow => Count::FlowedOutOverflow,
        FlowOut::Transfer => Count::FlowedOutTransfer,
        FlowOut::Key => Count::FlowedOutKey,
        FlowOut::Callback => Count::FlowedOutCallback,
        FlowOut::Voicemail => Count::FlowedOutVoicemail,
        FlowOut::Closed => Count::FlowedOutClosed,
        FlowOut::Full => Count::FlowedOutFull,
        FlowOut::Empty => Count::FlowedOutEmpty,
        FlowOut::System => Count::FlowedOutSystem,
        FlowOut::Other => Count::FlowedOutOther,
    }
}

/// Voice, video and callback: the answer is the first response.
pub(super) const fn answer_is_response(channel: Channel) -> bool {
    matches!(channel, Channel::Voice | Channel::Video | Channel::Callback)
}
