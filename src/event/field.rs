//! Every field name of the contract as a dense number, and the way from a name to it.
//!
//! The decoder looks a name up for every key of every record, so the lookup is one hash and one
//! comparison. This file must never know which type carries which field.

macro_rules! fields {
    ($($variant:ident $name:literal),+ $(,)?) => {
        /// A field that the decoder knows, of the envelope or of some type.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        #[expect(missing_docs, reason = "each variant is its field's name, documented in the contract")]
        pub enum Field { $($variant,)+ }

        const ALL_FIELDS: &[Field] = &[$(Field::$variant,)+];
        const NAMES: &[&str] = &[$($name,)+];
    };
}

fields! {
    Id "id", Type "type", Time "time", Source "source", Tenant "tenant", ContactId "contact_id",
    ConversationId "conversation_id", CustomerId "customer_id", Channel "channel",
    Direction "direction", Queue "queue", Team "team", AgentId "agent_id", Language "language",
    Category "category", Priority "priority", CustomerTier "customer_tier", Region "region",
    Attributes "attributes",
    Due "due", Reason "reason", By "by", Role "role", Kind "kind", ToQueue "to_queue",
    ToAgent "to_agent", ContextPassed "context_passed", Disposition "disposition",
    Status "status", From "from", Requested "requested", FirstContact "first_contact",
    ToTeam "to_team", Justified "justified", Into "into", Outcome "outcome", WaitMs "wait_ms",
    RingMs "ring_ms", TalkMs "talk_ms", HoldMs "hold_ms", WrapupMs "wrapup_ms",
    QueuedAt "queued_at", AnsweredAt "answered_at", EndedAt "ended_at", Author "author",
    Visibility "visibility", State "state", Queues "queues", Slots "slots", Name "name",
    SurveyId "survey_id", Score "score", ScaleMin "scale_min", ScaleMax "scale_max",
    HigherIsBetter "higher_is_better", Dimension "dimension", Expectation "expectation",
    Perception "perception", SessionId "session_id", HumanRequested "human_requested",
    Turns "turns", Participant "participant", Label "label", Model "model",
    Sentiment "sentiment", Amount "amount", Currency "currency", Value "value",
    Accepted "accepted", Campaign "campaign", Converted "converted", Count "count",
    Revenue "revenue", AsOf "as_of", AcquiredAt "acquired_at", Delta "delta", Start "start",
    End "end", Productive "productive", Contacts "contacts", AhtSeconds "aht_seconds",
    Agents "agents",
}

impl Field {
    /// How many fields there are.
    pub const COUNT: usize = ALL_FIELDS.len();
    /// Every field, the envelope's first.
    pub const ALL: &'static [Field] = ALL_FIELDS;

    /// The name in the JSON object.
    #[must_use]
    pub const fn name(self) -> &'static str {
        NAMES[self as usize]
    }

    /// The field of this name, letter for letter.
    #[must_use]
    pub fn parse(name: &str) -> Option<Field> {
        let mut slot = hash(name.as_bytes());
        // Ends at an empty slot at the latest: the table is more than half empty.
        loop {
            let index = usize::from(TABLE[slot]);
            if index >= Field::COUNT {
                return None;
            }
            if NAMES[index] == name {
                return Some(ALL_FIELDS[index]);
            }
            slot = (slot + 1) % SLOTS;
        }
    }
}

const SLOTS: usize = 256;
const EMPTY: u8 = u8::MAX;
const TABLE: [u8; SLOTS] = table();

const fn hash(name: &[u8]) -> usize {
    if name.is_empty() {
        return 0;
    }
    let first = name[0] as usize;
    let middle = name[name.len() / 2] as usize;
    let last = name[name.len() - 1] as usize;
    (first * 7 + middle * 31 + last * 67 + name.len() * 13) % SLOTS
}

/// Open addressing with the next free slot on a collision, built when the crate is compiled.
const fn table() -> [u8; SLOTS] {
    const { assert!(Field::COUNT < SLOTS / 2, "too many fields for the table: raise SLOTS") };
    let mut table = [EMPTY; SLOTS];
    let mut index = 0;
    while index < Field::COUNT {
        let mut slot = hash(NAMES[index].as_bytes());
        while table[slot] != EMPTY {
            slot = (slot + 1) % SLOTS;
        }
        table[slot] = index as u8;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_field() {
        for field in Field::ALL {
            assert_eq!(Field::parse(field.name()), Some(*field));
        }
        let mut names = NAMES.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Field::COUNT);
    }

    #[test]
    fn other_names_are_no_field() {
        for name in ["", "i", "ID", "ids", "typ", "contact-id", "agent_id ", "é"] {
            assert_eq!(Field::parse(name), None, "{name:?}");
        }
    }

    #[test]
    fn names_are_found_within_a_few_steps() {
        for field in Field::ALL {
            let mut slot = hash(field.name().as_bytes());
            let mut steps = 1;
            while usize::from(TABLE[slot]) != *field as usize {
                slot = (slot + 1) % SLOTS;
                steps += 1;
            }
            assert!(steps <= 6, "{} takes {steps} steps", field.name());
        }
    }
}
