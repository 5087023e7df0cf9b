//! From a record's bytes to an [`Event`], or the reason why they are none.
//!
//! A pure function of the bytes and the [`Limits`]. The order of judgement is fixed, so that a
//! record with several faults always has the same reason: size, JSON, duplicate fields, then type,
//! id, time, source and tenant, then the rest of the envelope, then the type's own fields.

use super::attributes::Attributes;
use super::envelope::{Event, Str};
use super::field::Field;
use super::kind::Kind;
use super::own::kind;
use super::record::{MAX_TEXT_BYTES, Record};
use super::reject::Reject;

/// The longest `source`, in bytes.
pub(super) const MAX_SOURCE_BYTES: usize = 256;
/// The longest `tenant`, in bytes.
pub(super) const MAX_TENANT_BYTES: usize = 64;

/// What a record may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longer records are refused unread, in bytes.
    pub max_record_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { max_record_bytes: 1 << 20 }
    }
}

/// Reads one record.
///
/// Lengths of strings are limited in bytes. `null` and the empty string count as absent. Fields
/// that the contract does not have, or not for this type, are ignored whatever they hold. Of an
/// unknown type only id, source, tenant and time are read.
///
/// # Errors
/// The [`Reject`] that says what is wrong with the record.
pub fn decode<'a>(value: &'a [u8], limits: &Limits) -> Result<Event<'a>, Reject> {
    if value.len() > limits.max_record_bytes {
        return Err(Reject::TooLarge);
    }
    let text = std::str::from_utf8(value).map_err(|_| Reject::NotJson)?;
    if text.bytes().all(|byte| byte.is_ascii_whitespace()) {
        return Err(Reject::Empty);
    }
    let mut record = Record::new();
    record.read(text)?;
    let type_name = record.need(Field::Type)?.id(MAX_TEXT_BYTES)?;
    let id = record.need_id(Field::Id)?;
    let time = record.need(Field::Time)?.instant()?;
    let mut event = Event::bare(id, time, Kind::Unknown);
    if let Some(cell) = record.get(Field::Source) {
        event.source = cell.id(MAX_SOURCE_BYTES)?;
    }
    if let Some(tenant) = tenant(&record)? {
        event.tenant = tenant;
    }
    // The kind comes before the envelope, because a type of a later version may use a field of
    // ours in another way. Its faults still come after the envelope's.
    let kind = kind(&type_name, &mut record);
    if !matches!(kind, Ok(Kind::Unknown)) {
        envelope(&mut event, &mut record)?;
    }
    event.kind = kind?;
    event.unknown_values = record.unknown_values;
    Ok(event)
}

fn tenant<'a>(record: &Record<'a>) -> Result<Option<Str<'a>>, Reject> {
    let tenant = record.get(Field::Tenant).map(|cell| cell.name(MAX_TENANT_BYTES)).transpose()?;
    Ok(tenant.filter(|tenant| !tenant.is_empty()))
}

/// The fields of the envelope that a known type gives meaning to.
fn envelope<'a>(event: &mut Event<'a>, record: &mut Record<'a>) -> Result<(), Reject> {
    event.contact_id = record.id(Field::ContactId)?;
    event.conversation_id = record.id(Field::ConversationId)?;
    event.customer_id = record.id(Field::CustomerId)?;
    event.channel = record.word(Field::Channel)?;
    event.direction = record.word(Field::Direction)?;
    event.queue = record.name(Field::Queue)?;
    event.team = record.name(Field::Team)?;
    event.agent_id = record.name(Field::AgentId)?;
    event.language = record.name(Field::Language)?;
    event.category = record.name(Field::Category)?;
    event.priority = record.name(Field::Priority)?;
    event.customer_tier = record.name(Field::CustomerTier)?;
    event.region = record.name(Field::Region)?;
    if let Some(cell) = record.get(Field::Attributes) {
        event.attributes = Attributes::of(cell).ok_or(Reject::WrongType(Field::Attributes.name()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::words::{AgentState, Channel, Direction};
    use super::*;
    use crate::time::EventMs;

    fn read(text: &str) -> Result<Event<'_>, Reject> {
        decode(text.as_bytes(), &Limits::default())
    }

    fn with(fields: &str) -> String {
        format!(
            r#"{{"id":"e","type":"contact.queued","time":1767605411412,"contact_id":"c","queue":"q",{fields}}}"#
        )
    }

    #[test]
    fn the_example_of_the_contract_is_read() {
        let text = r#"{"id":"01J","type":"contact.answered","time":"2026-01-05T09:30:11.412Z","tenant":"acme",
            "contact_id":"c-77","channel":"voice","queue":"billing","agent_id":"a-12"}"#;
        let mut expected = Event::bare("01J".into(), EventMs(1_767_605_411_412), Kind::ContactAnswered);
        expected.tenant = "acme".into();
        expected.contact_id = "c-77".into();
        expected.channel = Some(Channel::Voice);
        expected.queue = "billing".into();
        expected.agent_id = "a-12".into();
        assert_eq!(read(text), Ok(expected));
    }

    #[test]
    fn absent_null_and_empty_are_the_same() {
        let text = with(
            r#""tenant":"","team":null,"direction":"","channel":null,"source":"","attributes":null,"due":null"#,
        );
        let event = read(&text).unwrap();
        assert_eq!((&*event.tenant, &*event.team, &*event.source), ("default", "", ""));
        assert_eq!((event.direction, event.channel, event.unknown_values), (None, None, 0));
        for field in ["id", "type", "time", "contact_id", "queue"] {
            let json: serde_json::Value = serde_json::from_str(&with(r#""x":1"#)).unwrap();
            for empty in [serde_json::Value::Null, "".into()] {
                let mut json = json.clone();
                json[field] = empty;
                assert_eq!(read(&json.to_string()), Err(Reject::MissingField(field)));
            }
        }
    }

    #[test]
    fn unknown_words_become_other_and_are_counted() {
        let text = with(r#""channel":"fax","direction":"sideways""#);
        let event = read(&text).unwrap();
        assert_eq!((event.channel, event.direction), (Some(Channel::Other), Some(Direction::Other)));
        assert_eq!(event.unknown_values, 2);
    }

    #[test]
    fn an_unknown_type_needs_only_id_type_and_time() {
        let text =
            r#"{"id":"e","type":"contact.teleported","time":1767605411412,"queue":{"new":1},"channel":[]}"#;
        assert_eq!(read(text).map(|event| event.kind), Ok(Kind::Unknown));
        for type_name in
            ["contact", "contact.", ".", "x.y", "agent.x", "survey.x", "customer.x", "Contact.created"]
        {
            let text = format!(r#"{{"id":"e","type":"{type_name}","time":1767605411412}}"#);
            assert_eq!(read(&text).map(|event| event.kind), Ok(Kind::Unknown), "{type_name}");
        }
        assert_eq!(read(r#"{"id":"e","type":"x"}"#), Err(Reject::MissingField("time")));
        assert_eq!(read(r#"{"id":"e","type":7,"time":1}"#), Err(Reject::WrongType("type")));
    }

    #[test]
    fn dimensions_take_integers_and_ids_do_not() {
        let text = with(r#""agent_id":42"#);
        assert_eq!(read(&text).map(|event| event.agent_id), Ok("42".into()));
        assert_eq!(read(&with(r#""customer_id":42"#)), Err(Reject::WrongType("customer_id")));
        assert_eq!(read(&with(r#""team":"a\u202eb""#)), Err(Reject::BadValue("team")));
        assert!(read(&with(r#""customer_id":"a\u0000b""#)).is_ok());
    }

    #[test]
    fn limits_of_length_are_those_of_the_contract() {
        for (field, max_bytes) in [("source", 256), ("tenant", 64), ("customer_id", 128), ("region", 128)] {
            let fits = with(&format!(r#""{field}":"{}""#, "x".repeat(max_bytes)));
            assert!(read(&fits).is_ok(), "{field}");
            let longer = with(&format!(r#""{field}":"{}""#, "x".repeat(max_bytes + 1)));
            assert_eq!(read(&longer), Err(Reject::TooLong(field)));
        }
    }

    #[test]
    fn bytes_that_are_no_record_have_their_reason() {
        let limits = Limits { max_record_bytes: 4 };
        assert_eq!(decode(b"", &limits), Err(Reject::Empty));
        assert_eq!(decode(b" \n\t", &limits), Err(Reject::Empty));
        assert_eq!(decode(b"     ", &limits), Err(Reject::TooLarge));
        assert_eq!(decode(b"{\xff}", &limits), Err(Reject::NotJson));
        assert_eq!(decode(b"[{}]", &limits), Err(Reject::WrongType("event")));
        assert_eq!(decode(b"{}", &limits), Err(Reject::MissingField("type")));
        assert_eq!(read("\u{feff}{}"), Err(Reject::NotJson));
    }

    #[test]
    fn agents_say_their_slots_and_queues() {
        let text = r#"{"id":"e","type":"agent.state_changed","time":1767605411412,"agent_id":7,"state":"available",
            "queues":["a",9],"slots":[{"channel":"chat","active":1,"max":3,"x":[]},{"active":0,"max":1},{"channel":"fax","active":0,"max":0}]}"#;
        let event = read(text).unwrap();
        let Kind::AgentStateChanged { state, queues, slots, .. } = event.kind else { panic!("wrong kind") };
        assert_eq!((state, queues.len(), slots.len()), (AgentState::Available, 2, 3));
        assert_eq!((slots[0].channel, slots[0].active, slots[0].max), (Some(Channel::Chat), 1, 3));
        assert_eq!((slots[1].channel, slots[2].channel), (None, Some(Channel::Other)));
        assert_eq!(event.unknown_values, 1);
        for wrong in
            [r#"[{"active":1}]"#, "[[null,1,1]]", r#"[{"active":1,"active":1,"max":1}]"#, "[1]", "{}"]
        {
            let text = format!(
                r#"{{"id":"e","type":"agent.state_changed","time":1767605411412,"agent_id":7,"state":"available","slots":{wrong}}}"#
            );
            assert_eq!(read(&text).map_err(Reject::field), Err(Some("slots")), "{wrong}");
        }
    }
}
