//! The measures and their stable numbers.
//!
//! A number, once given, keeps its meaning: it stands in batches and in state. New measures get new
//! numbers; a reader skips and counts the numbers it does not know.

/// Declares an enumeration of measures with stable wire numbers and record names.
macro_rules! measures {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $number:literal, $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name { $($(#[$vdoc])* $variant = $number,)* }

        impl $name {
            /// All of them, in the order of their numbers.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];
            /// How many there are; `index()` is less.
            pub const LEN: usize = Self::ALL.len();

            /// The name in records and configuration.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }

            /// The number on the wire.
            #[must_use]
            pub const fn number(self) -> u8 {
                self as u8
            }

            /// The measure of a number on the wire, if it is known.
            #[must_use]
            pub const fn from_number(number: u64) -> Option<$name> {
                match number { $($number => Some($name::$variant),)* _ => None }
            }

            /// A dense index, for arrays.
            #[must_use]
            pub const fn index(self) -> usize {
                self as usize
            }
        }
    };
}

measures! {
    /// Counts: exact, signed (a correction may retract).
    Count {
        /// Requests opened.
        ContactsCreated = 0, "contacts_created";
        /// Queue visits begun.
        ContactsOffered = 1, "contacts_offered";
        /// Visits ended by an answer.
        ContactsAnswered = 2, "contacts_answered";
        /// Visits left by the customer before an answer.
        ContactsAbandoned = 3, "contacts_abandoned";
        /// Those of them shorter than `short_abandon`, first visit of a contact only.
        ContactsShortAbandoned = 4, "contacts_short_abandoned";
        /// Visits left otherwise.
        ContactsFlowedOut = 5, "contacts_flowed_out";
        /// Contacts left in the menu.
        ContactsEndedBeforeQueue = 6, "contacts_ended_before_queue";
        /// Contacts at their first answer or not short abandon.
        ContactsEntered = 7, "contacts_entered";
        /// Those of them that abandoned.
        ContactsEnteredAbandoned = 8, "contacts_entered_abandoned";
        /// Flow-outs by callback.
        CallbacksRequested = 9, "callbacks_requested";
        /// Legs handled.
        ContactsHandled = 10, "contacts_handled";
        /// Contacts over, wrap-ups included.
        ContactsCompleted = 11, "contacts_completed";
        /// Handled legs that were on hold at least once.
        LegsHeld = 12, "legs_held";
        /// Transfers away from a leg.
        Transfers = 13, "transfers";
        /// Blind transfers.
        TransfersBlind = 14, "transfers_blind";
        /// Transfers after a consultation.
        TransfersConsult = 15, "transfers_consult";
        /// Transfers to a queue.
        TransfersQueue = 16, "transfers_queue";
        /// Transfers of another kind.
        TransfersOther = 17, "transfers_other";
        /// Transfers that said whether context was passed.
        TransfersContextKnown = 18, "transfers_context_known";
        /// Transfers with context passed.
        TransfersContextPassed = 19, "transfers_context_passed";
        /// Offers missed, rejected or failed.
        AgentNonResponse = 20, "agent_non_response";
        /// Visits begun without a threshold to judge by.
        OfferedUnjudged = 21, "contacts_offered_unjudged";
        /// Visits answered without a threshold to judge by.
        AnsweredUnjudged = 22, "contacts_answered_unjudged";
        /// Visits abandoned without a threshold to judge by.
        AbandonedUnjudged = 23, "contacts_abandoned_unjudged";
        /// Short abandons without a threshold to judge by.
        ShortUnjudged = 24, "contacts_short_abandoned_unjudged";
        /// Flow-outs after a timeout.
        FlowedOutTimeout = 25, "contacts_flowed_out_timeout";
        /// Flow-outs by overflow.
        FlowedOutOverflow = 26, "contacts_flowed_out_overflow";
        /// Flow-outs by transfer.
        FlowedOutTransfer = 27, "contacts_flowed_out_transfer";
        /// Flow-outs by a key.
        FlowedOutKey = 28, "contacts_flowed_out_key";
        /// Flow-outs by a callback request.
        FlowedOutCallback = 29, "contacts_flowed_out_callback";
        /// Flow-outs to voicemail.
        FlowedOutVoicemail = 30, "contacts_flowed_out_voicemail";
        /// Flow-outs because the queue was closed.
        FlowedOutClosed = 31, "contacts_flowed_out_closed";
        /// Flow-outs because the queue was full.
        FlowedOutFull = 32, "contacts_flowed_out_full";
        /// Flow-outs because nobody served the queue.
        FlowedOutEmpty = 33, "contacts_flowed_out_empty";
        /// Flow-outs by the system.
        FlowedOutSystem = 34, "contacts_flowed_out_system";
        /// Flow-outs for another reason.
        FlowedOutOther = 35, "contacts_flowed_out_other";
    }
}

measures! {
    /// Tallies by a parameter: the threshold in milliseconds that the outcome was judged by.
    Tally {
        /// Answered with wait within the threshold.
        AnsweredWithin = 0, "contacts_answered_within_threshold";
        /// Answered beyond it.
        AnsweredBeyond = 1, "contacts_answered_beyond_threshold";
        /// Abandoned within it, short abandons included.
        AbandonedWithin = 2, "contacts_abandoned_within_threshold";
        /// Abandoned beyond it.
        AbandonedBeyond = 3, "contacts_abandoned_beyond_threshold";
        /// Left by a callback request within it.
        CallbackWithin = 4, "callbacks_requested_within_threshold";
        /// First responses within their threshold.
        FirstResponseWithin = 5, "first_response_within_threshold";
        /// First responses beyond it.
        FirstResponseBeyond = 6, "first_response_beyond_threshold";
    }
}

measures! {
    /// Durations: count, sum, min, max exact; quantiles from HDR cells.
    Span {
        /// Wait of the answered.
        WaitAnswered = 0, "wait_answered";
        /// Wait of the abandoned.
        WaitAbandoned = 1, "wait_abandoned";
        /// Wait of those that flowed out.
        WaitFlowedOut = 2, "wait_flowed_out";
        /// Ring until the answer or its failure.
        Ring = 3, "ring_time";
        /// Talk of a handled leg.
        Talk = 4, "talk_time";
        /// Hold of a handled leg that was held.
        Hold = 5, "hold_time";
        /// Wrap-up of a handled leg.
        Wrapup = 6, "wrapup_time";
        /// Talk + hold + wrap-up of a handled leg.
        Handle = 7, "handle_time";
        /// Talk + hold of a handled leg.
        HandleWithoutWrapup = 8, "handle_time_without_wrapup";
        /// All legs of a completed contact.
        ContactHandle = 9, "contact_handle_time";
        /// First response of a human.
        FirstResponse = 10, "first_response_time";
        /// Oldest unanswered customer message to the next public reply.
        NextResponse = 11, "next_response_time";
    }
}

measures! {
    /// Levels: sums of +1 and −1 over time.
    Level {
        /// Visits open.
        Waiting = 0, "contacts_waiting";
        /// Visits open past their threshold.
        Breaching = 1, "contacts_breaching";
        /// Legs in talk or hold.
        InProgress = 2, "contacts_in_progress";
        /// Legs in wrap-up.
        InWrapup = 3, "contacts_in_wrapup";
        /// Contacts whose first response is due.
        AwaitingFirstResponse = 4, "awaiting_first_response";
        /// Agents available.
        AgentsAvailable = 5, "agents_available";
        /// Agents ringing.
        AgentsRinging = 6, "agents_ringing";
        /// Agents on a contact.
        AgentsContact = 7, "agents_contact";
        /// Agents in wrap-up.
        AgentsWrapup = 8, "agents_wrapup";
        /// Agents who did not respond.
        AgentsNotResponding = 9, "agents_not_responding";
        /// Agents on work that is not routed.
        AgentsNonAcd = 10, "agents_non_acd";
        /// Agents on a break.
        AgentsBreak = 11, "agents_break";
        /// Agents at lunch.
        AgentsLunch = 12, "agents_lunch";
        /// Agents in training.
        AgentsTraining = 13, "agents_training";
        /// Agents in a meeting.
        AgentsMeeting = 14, "agents_meeting";
        /// Agents busy otherwise.
        AgentsBusy = 15, "agents_busy";
        /// Agents in another state.
        AgentsOther = 16, "agents_other";
        /// Slots with a contact.
        SlotsActive = 17, "slots_active";
        /// Slots there are.
        SlotsMax = 18, "slots_max";
    }
}

impl Level {
    /// The levels that are agents by state; all states but offline.
    pub const AGENT_STATES: std::ops::RangeInclusive<usize> = 5..=16;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_dense_indexes_and_names_are_unique() {
        let mut names = std::collections::BTreeSet::new();
        for (index, count) in Count::ALL.iter().enumerate() {
            assert_eq!(count.index(), index);
            assert_eq!(Count::from_number(index as u64), Some(*count));
            assert!(names.insert(count.name()));
        }
        for (index, level) in Level::ALL.iter().enumerate() {
            assert_eq!(level.index(), index);
            assert!(names.insert(level.name()));
        }
        for (index, span) in Span::ALL.iter().enumerate() {
            assert_eq!(span.index(), index);
            assert!(names.insert(span.name()));
        }
        assert_eq!(Count::from_number(Count::LEN as u64), None);
    }
}
