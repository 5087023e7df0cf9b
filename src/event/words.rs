//! The closed vocabularies of the contract: one enum for each enumeration.
//!
//! Numbers are stable, because state and measures keep them: a new word takes the next number and
//! none is ever reused. `other` is 0 everywhere and stands for every word that is not in the list.
//! This file must never know which event carries which word.

/// A vocabulary: what the decoder needs to read one of its words.
pub trait Word: Copy + Sized + 'static {
    /// What an unknown word becomes.
    const OTHER: Self;

    /// The value that `word` names; `None` if the vocabulary does not have it.
    fn parse(word: &str) -> Option<Self>;
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident = $number:literal $word:literal),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name {
            /// A word that is not in the list.
            Other = 0,
            $(#[doc = concat!("`", $word, "`")] $variant = $number,)+
        }

        impl $name {
            /// Every value, in the order of the numbers.
            pub const ALL: &'static [$name] = &[$name::Other, $($name::$variant,)+];
            /// Every word, in the order of the numbers.
            pub const WORDS: &'static [&'static str] = &["other", $($word,)+];

            /// The word of this value.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $name::Other => "other",
                    $($name::$variant => $word,)+
                }
            }

            /// The stable number of this value.
            #[must_use]
            pub const fn number(self) -> u8 {
                self as u8
            }

            /// The value with this stable number.
            #[must_use]
            pub const fn from_number(number: u8) -> Option<$name> {
                match number {
                    0 => Some($name::Other),
                    $($number => Some($name::$variant),)+
                    _ => None,
                }
            }

            /// The value that `word` names, letter for letter.
            #[must_use]
            pub fn parse(word: &str) -> Option<$name> {
                match word {
                    "other" => Some($name::Other),
                    $($word => Some($name::$variant),)+
                    _ => None,
                }
            }
        }

        impl Word for $name {
            const OTHER: Self = $name::Other;

            fn parse(word: &str) -> Option<Self> {
                $name::parse(word)
            }
        }
    )+};
}

words! {
    /// How the customer and the center talk.
    Channel {
        Voice = 1 "voice", Video = 2 "video", Chat = 3 "chat", Messaging = 4 "messaging",
        Sms = 5 "sms", Social = 6 "social", Email = 7 "email", Callback = 8 "callback",
        Ticket = 9 "ticket", Task = 10 "task",
    }
    /// Who began the contact.
    Direction { Inbound = 1 "inbound", Outbound = 2 "outbound", Internal = 3 "internal" }
    /// Why an alerted agent did not answer.
    OfferFailure { Missed = 1 "missed", Rejected = 2 "rejected", Error = 3 "error", Canceled = 4 "canceled" }
    /// Who brought something about.
    Party { Customer = 1 "customer", Agent = 2 "agent", System = 3 "system" }
    /// Why a contact left a queue without an answer and without an abandon.
    FlowOut {
        Timeout = 1 "timeout", Overflow = 2 "overflow", Transfer = 3 "transfer", Key = 4 "key",
        Callback = 5 "callback", Voicemail = 6 "voicemail", Closed = 7 "closed", Full = 8 "full",
        Empty = 9 "empty", System = 10 "system",
    }
    /// What a further agent does on a contact.
    AgentRole { Consult = 1 "consult", Conference = 2 "conference", Monitor = 3 "monitor", Coach = 4 "coach" }
    /// How a contact is passed on.
    TransferKind { Blind = 1 "blind", Consult = 2 "consult", Queue = 3 "queue" }
    /// Where an asynchronous contact stands.
    ContactStatus {
        Open = 1 "open", PendingCustomer = 2 "pending_customer", OnHold = 3 "on_hold", Snoozed = 4 "snoozed",
    }
    /// What a human takes over from.
    Automaton { Bot = 1 "bot", Ivr = 2 "ivr" }
    /// Why a contact leaves every count.
    DiscardReason {
        Merged = 1 "merged", Spam = 2 "spam", Test = 3 "test", Duplicate = 4 "duplicate", Deleted = 5 "deleted",
    }
    /// Why an attempt to reach the customer gave no connection.
    AttemptFailure { Busy = 1 "busy", NoAnswer = 2 "no_answer", Voicemail = 3 "voicemail", Error = 4 "error" }
    /// How the platform's final record says a contact ended.
    FinalOutcome { Answered = 1 "answered", Abandoned = 2 "abandoned", FlowedOut = 3 "flowed_out" }
    /// Who wrote a message.
    Author { Customer = 1 "customer", Agent = 2 "agent", Bot = 3 "bot", System = 4 "system" }
    /// Who sees a message.
    Visibility { Public = 1 "public", Internal = 2 "internal" }
    /// What an agent does.
    AgentState {
        Offline = 1 "offline", Available = 2 "available", Ringing = 3 "ringing", Contact = 4 "contact",
        Wrapup = 5 "wrapup", NotResponding = 6 "not_responding", NonAcd = 7 "non_acd", Break = 8 "break",
        Lunch = 9 "lunch", Training = 10 "training", Meeting = 11 "meeting", Busy = 12 "busy",
    }
    /// What a survey asks.
    SurveyKind { Csat = 1 "csat", Nps = 2 "nps", Ces = 3 "ces", Servqual = 4 "servqual" }
    /// How a self-service or bot session ended.
    SessionOutcome {
        Resolved = 1 "resolved", Escalated = 2 "escalated", Abandoned = 3 "abandoned", Unknown = 4 "unknown",
    }
    /// Whose sentiment was scored.
    Participant { Customer = 1 "customer", Agent = 2 "agent" }
    /// A sentiment in one word.
    Sentiment { Positive = 1 "positive", Neutral = 2 "neutral", Negative = 3 "negative" }
    /// What money was spent on.
    CostKind {
        Wages = 1 "wages", Technology = 2 "technology", Facilities = 3 "facilities",
        Training = 4 "training", Management = 5 "management",
    }
    /// What was offered to a customer.
    OfferKind { Upsell = 1 "upsell", CrossSell = 2 "cross_sell", Renewal = 3 "renewal" }
    /// What a health signal is about.
    SignalKind { Payment = 1 "payment", Usage = 2 "usage" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_words_lead_back_to_the_value() {
        for (index, channel) in Channel::ALL.iter().enumerate() {
            assert_eq!(usize::from(channel.number()), index);
            assert_eq!(Channel::from_number(channel.number()), Some(*channel));
            assert_eq!(Channel::parse(channel.name()), Some(*channel));
            assert_eq!(Channel::WORDS[index], channel.name());
        }
        for state in AgentState::ALL {
            assert_eq!(AgentState::from_number(state.number()), Some(*state));
            assert_eq!(AgentState::parse(state.name()), Some(*state));
        }
        assert_eq!(AgentState::ALL.len(), 13);
        assert_eq!(Channel::ALL.len(), 11);
        assert_eq!(FlowOut::ALL.len(), 11);
    }

    #[test]
    fn words_are_matched_letter_for_letter() {
        assert_eq!(Channel::parse("Voice"), None);
        assert_eq!(Channel::parse(""), None);
        assert_eq!(Channel::from_number(11), None);
    }

    #[test]
    fn numbers_kept_in_state_do_not_move() {
        assert_eq!(Channel::Voice.number(), 1);
        assert_eq!(Channel::Task.number(), 10);
        assert_eq!(AgentState::Offline.number(), 1);
        assert_eq!(AgentState::Busy.number(), 12);
        assert_eq!(FlowOut::System.number(), 10);
    }
}
