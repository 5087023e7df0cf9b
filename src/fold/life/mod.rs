//! What an event does to a contact: the transitions of `rulings.md`, one file per part of the life.
//!
//! A transition first finds out whether the event fits, then changes the contact and measures. It knows neither
//! the partition nor its clock: lateness is the floor of the sink.

mod leg;
mod message;
mod over;
mod visit;

pub use over::Fired;

use super::config::FoldConfig;
use super::contact::{Contact, Response};
use super::now::NowTable;
use super::place::Places;
use super::sink::{Dims, Sink};
use crate::event::{Author, Channel, Direction, Event, Kind};
use crate::measure::ids::{Count, Level, Span, Tally};
use crate::time::{EventMs, Millis};

/// Whether an event fitted the life of its contact or agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It did; state moved.
    Folded,
    /// It did not; nothing changed.
    Inconsistent,
    /// Nobody knows the contact; nothing changed.
    UnknownContact,
}

/// What transitions work with, for the contact of `key`.
pub struct Life<'a> {
    /// Settings.
    pub config: &'a FoldConfig,
    /// Names and groups.
    pub places: &'a mut Places,
    /// Where measurements go.
    pub sink: &'a mut Sink,
    /// What waits now.
    pub now: &'a mut NowTable,
    /// The contact's key.
    pub key: u64,
    /// Keyed hash of the event's agent; 0: none named.
    pub agent_key: u64,
}

/// Whether the event is part of a contact's life.
#[must_use]
pub const fn is_of_contact(kind: &Kind<'_>) -> bool {
    matches!(
        kind,
        Kind::ContactCreated
            | Kind::ContactQueued { .. }
            | Kind::ContactOffered
            | Kind::ContactOfferFailed { .. }
            | Kind::ContactAnswered
            | Kind::ContactAbandoned { .. }
            | Kind::ContactFlowedOut { .. }
            | Kind::ContactHeld
            | Kind::ContactResumed
            | Kind::ContactAgentJoined { .. }
            | Kind::ContactAgentLeft { .. }
            | Kind::ContactTransferred { .. }
            | Kind::ContactEnded { .. }
            | Kind::ContactWrapupEnded { .. }
            | Kind::ContactAssigned
            | Kind::ContactStatusChanged { .. }
            | Kind::ContactHandedOff { .. }
            | Kind::ContactResolved { .. }
            | Kind::ContactReopened
            | Kind::ContactEscalated { .. }
            | Kind::ContactDiscarded { .. }
            | Kind::ContactAttemptFailed { .. }
            | Kind::ContactFinal(_)
            | Kind::MessageSent { .. }
    )
}

/// Whether the event opens a contact that nobody knows.
#[must_use]
pub fn opens(event: &Event<'_>) -> bool {
    match event.kind {
        Kind::ContactCreated
        | Kind::ContactQueued { .. }
        | Kind::ContactFinal(_)
        | Kind::ContactAttemptFailed { .. }
        | Kind::MessageSent { .. } => true,
        Kind::ContactAnswered => {
            event.channel == Some(Channel::Callback) || event.direction == Some(Direction::Outbound)
        }
        _ => false,
    }
}

impl Life<'_> {
    /// A contact opened by `event`, before the event itself is applied.
    pub fn open(&mut self, event: &Event<'_>) -> Contact {
        // Without a channel it lives as `other` does, under the empty name.
        let channel = event.channel.unwrap_or(Channel::Other);
        let inbound = event.direction.unwrap_or(Direction::Inbound) == Direction::Inbound;
        let mut dims = self.places.tenant_dims(event);
        if event.channel.is_some() {
            self.places.set_channel(&mut dims, channel);
        }
        let mut contact = Contact::new(channel, inbound, dims, event.time);
        if contact.responds_by_answer() || !inbound {
            return contact;
        }
        match event.kind {
            Kind::MessageSent { author: Author::Agent, .. } => contact.response = Response::Done,
            Kind::ContactCreated | Kind::ContactQueued { .. } | Kind::MessageSent { .. } => {
                self.places.remember(&mut contact.dims, event);
                self.await_response(&mut contact, event.time);
            }
            _ => {}
        }
        contact
    }

    /// Applies an event to a known contact.
    pub fn apply(&mut self, contact: &mut Contact, event: &Event<'_>) -> Fit {
        let was_completed = contact.completed;
        let fit = if contact.inbound { self.transition(contact, event) } else { pass(contact, event) };
        // What comes after the completion does nothing: it does not keep the contact remembered either.
        if fit == Fit::Folded && !was_completed {
            contact.last = contact.last.max(event.time);
        }
        fit
    }

    fn transition(&mut self, contact: &mut Contact, event: &Event<'_>) -> Fit {
        match (&event.kind, contact.completed) {
            (Kind::ContactFinal(_) | Kind::ContactAttemptFailed { .. }, _)
            | (Kind::MessageSent { .. }, true) => Fit::Folded,
            (Kind::MessageSent { author, visibility }, false) => {
                self.message_sent(contact, event, *author, *visibility)
            }
            (kind, _) if !is_built(kind) => Fit::Folded,
            (_, true) => Fit::Inconsistent,
            (Kind::ContactCreated, false) => self.created(contact, event),
            (Kind::ContactQueued { .. }, false) => self.queued(contact, event),
            (Kind::ContactOffered, false) => self.offered(contact, event),
            (Kind::ContactOfferFailed { reason }, false) => self.offer_failed(contact, event, *reason),
            (Kind::ContactAnswered, false) => self.answered(contact, event),
            (Kind::ContactAbandoned { by }, false) => self.abandoned(contact, event, *by),
            (Kind::ContactFlowedOut { reason }, false) => self.flowed_out(contact, event, *reason),
            (Kind::ContactHeld, false) => self.held(contact, event),
            (Kind::ContactResumed, false) => self.resumed(contact, event),
            (Kind::ContactTransferred { kind, context_passed, .. }, false) => {
                self.transferred(contact, event, *kind, *context_passed)
            }
            (Kind::ContactEnded { by }, false) => self.ended(contact, event, *by),
            (Kind::ContactWrapupEnded { .. }, false) => self.wrapup_ended(contact, event),
            _ => Fit::Folded,
        }
    }

    fn created(&mut self, contact: &mut Contact, event: &Event<'_>) -> Fit {
        if contact.created {
            return Fit::Inconsistent;
        }
        self.remember(contact, event);
        contact.created = true;
        let group = self.places.contact_group(&contact.dims);
        self.sink.count(&group, event.time, Count::ContactsCreated);
        if !contact.responds_by_answer() {
            self.begin_response_earlier(contact, event.time);
        }
        Fit::Folded
    }

    /// Remembers what a fitting event names.
    fn remember(&mut self, contact: &mut Contact, event: &Event<'_>) {
        self.places.remember(&mut contact.dims, event);
        if self.agent_key != 0 {
            contact.agent_key = self.agent_key;
        }
    }

    /// The response cycle begins at `since`, under the dimensions as they are.
    fn await_response(&mut self, contact: &mut Contact, since: EventMs) {
        let group = self.places.contact_group(&contact.dims);
        self.sink.level(&group, since, Level::AwaitingFirstResponse, 1);
        self.now.response_due(&group.dims, self.key, since);
        contact.response = Response::Awaiting { since, dims: group.dims, in_level: true };
    }

    /// `created` came after other events: the cycle began when it says.
    fn begin_response_earlier(&mut self, contact: &mut Contact, created: EventMs) {
        match &mut contact.response {
            Response::Idle => self.await_response(contact, created),
            Response::Awaiting { since, dims, in_level } if created < *since => {
                if *in_level {
                    let group = self.places.contact_group(dims);
                    self.sink.level(&group, created, Level::AwaitingFirstResponse, 1);
                    self.sink.level(&group, *since, Level::AwaitingFirstResponse, -1);
                    self.now.response_over(dims, self.key, *since);
                    self.now.response_due(dims, self.key, created);
                }
                *since = created;
            }
            Response::Awaiting { .. } | Response::Done => {}
        }
    }

    /// The contact is no longer among those that await a first response.
    fn leave_awaiting(&mut self, contact: &mut Contact, at: EventMs) {
        if let Response::Awaiting { since, dims, in_level } = &mut contact.response
            && *in_level
        {
            let group = self.places.contact_group(dims);
            self.sink.level(&group, at.max(*since), Level::AwaitingFirstResponse, -1);
            self.now.response_over(dims, self.key, *since);
            *in_level = false;
        }
    }

    /// Measures the first response: its time, and whether it met the threshold.
    fn first_response(&mut self, contact: &mut Contact, at: EventMs, since: EventMs, dims: &Dims) {
        self.leave_awaiting(contact, at);
        contact.response = Response::Done;
        let group = self.places.leg_group(dims, contact.agent_key != 0);
        let response_ms = at.since(since);
        self.sink.value(&group, at, Span::FirstResponse, response_ms);
        if let Some(threshold_ms) = self.places.threshold_ms(contact.channel, dims) {
            let within = self.is_within(response_ms, threshold_ms);
            let tally = if within { Tally::FirstResponseWithin } else { Tally::FirstResponseBeyond };
            self.sink.tally(&group, at, tally, threshold_ms);
        }
    }

    const fn is_within(&self, wait_ms: Millis, threshold_ms: Millis) -> bool {
        if self.config.within_strict { wait_ms < threshold_ms } else { wait_ms <= threshold_ms }
    }
}

/// Whether the type's KPIs are built: only then it can be inconsistent.
const fn is_built(kind: &Kind<'_>) -> bool {
    matches!(
        kind,
        Kind::ContactCreated
            | Kind::ContactQueued { .. }
            | Kind::ContactOffered
            | Kind::ContactOfferFailed { .. }
            | Kind::ContactAnswered
            | Kind::ContactAbandoned { .. }
            | Kind::ContactFlowedOut { .. }
            | Kind::ContactHeld
            | Kind::ContactResumed
            | Kind::ContactTransferred { .. }
            | Kind::ContactEnded { .. }
            | Kind::ContactWrapupEnded { .. }
    )
}

/// A contact that is not inbound is known until it ends, and not measured.
fn pass(contact: &mut Contact, event: &Event<'_>) -> Fit {
    if matches!(event.kind, Kind::ContactEnded { .. }) {
        contact.ended = Some(event.time);
        contact.completed = true;
    }
    Fit::Folded
}
