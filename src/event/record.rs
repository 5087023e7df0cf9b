//! One JSON object as the texts of its known fields.
//!
//! The one pass over a record's bytes: keys are looked up, the values of known ones are kept as
//! slices of the record, all else is skipped without recursion however deep it nests. A field that
//! stands twice is remembered, not refused here, so that broken JSON always comes first.

use super::cell::Cell;
use super::envelope::Str;
use super::field::Field;
use super::reject::Reject;
use super::words::Word;
use crate::time::EventMs;
use serde::Deserializer;
use serde::de::{Deserialize, DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;
use std::fmt;

/// The longest id, and the longest name of a dimension, in bytes.
pub(super) const MAX_TEXT_BYTES: usize = 128;

/// The known fields of one object, and how many of its words were unknown so far.
pub(super) struct Record<'a> {
    texts: [Option<&'a str>; Field::COUNT],
    duplicate: Option<Field>,
    pub(super) unknown_values: u32,
}

impl<'a> Record<'a> {
    /// A record without fields.
    pub(super) const fn new() -> Record<'a> {
        Record { texts: [None; Field::COUNT], duplicate: None, unknown_values: 0 }
    }

    /// Takes in the fields of the one JSON object that `json` is. Not a constructor: the record
    /// is over a thousand bytes and is filled where it stands.
    pub(super) fn read(&mut self, json: &'a str) -> Result<(), Reject> {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let filled = Fill(self).deserialize(&mut deserializer).and_then(|()| deserializer.end());
        match (filled, self.duplicate) {
            (Ok(()), None) => Ok(()),
            (Ok(()), Some(field)) => Err(Reject::DuplicateField(field.name())),
            (Err(error), _) if error.classify() == Category::Data => Err(Reject::WrongType("event")),
            (Err(_), _) => Err(Reject::NotJson),
        }
    }

    /// The value of `field`, unless it is absent or null.
    pub(super) fn get(&self, field: Field) -> Option<Cell<'a>> {
        // Of all JSON values only null begins with this letter.
        self.texts[field as usize].filter(|text| !text.starts_with('n')).map(|text| Cell { field, text })
    }

    /// The value of `field`; absent, null and the empty string are missing.
    pub(super) fn need(&self, field: Field) -> Result<Cell<'a>, Reject> {
        self.get(field).filter(|cell| !cell.is_empty_string()).ok_or(Reject::MissingField(field.name()))
    }

    /// An identifier; empty if absent.
    pub(super) fn id(&self, field: Field) -> Result<Str<'a>, Reject> {
        self.get(field).map_or(Ok(Str::Borrowed("")), |cell| cell.id(MAX_TEXT_BYTES))
    }

    /// A name; empty if absent.
    pub(super) fn name(&self, field: Field) -> Result<Str<'a>, Reject> {
        self.get(field).map_or(Ok(Str::Borrowed("")), |cell| cell.name(MAX_TEXT_BYTES))
    }

    /// A required identifier.
    pub(super) fn need_id(&self, field: Field) -> Result<Str<'a>, Reject> {
        self.need(field)?.id(MAX_TEXT_BYTES)
    }

    /// A required name.
    pub(super) fn need_name(&self, field: Field) -> Result<Str<'a>, Reject> {
        self.need(field)?.name(MAX_TEXT_BYTES)
    }

    /// An optional time.
    pub(super) fn instant(&self, field: Field) -> Result<Option<EventMs>, Reject> {
        self.get(field).map(Cell::instant).transpose()
    }

    /// An optional truth value.
    pub(super) fn flag(&self, field: Field) -> Result<Option<bool>, Reject> {
        self.get(field).map(Cell::flag).transpose()
    }

    /// An optional whole number from 0 to `max`.
    pub(super) fn count(&self, field: Field, max: i64) -> Result<Option<i64>, Reject> {
        self.get(field).map(|cell| cell.count(max)).transpose()
    }

    /// An optional number from `min` to `max` whole units, in millionths.
    pub(super) fn micros(&self, field: Field, min: i64, max: i64) -> Result<Option<i64>, Reject> {
        self.get(field).map(|cell| cell.micros(min, max)).transpose()
    }

    /// An optional word of a vocabulary; the empty string is none.
    pub(super) fn word<W: Word>(&mut self, field: Field) -> Result<Option<W>, Reject> {
        match self.get(field).filter(|cell| !cell.is_empty_string()) {
            Some(cell) => self.word_of(cell).map(Some),
            None => Ok(None),
        }
    }

    /// A required word of a vocabulary.
    pub(super) fn need_word<W: Word>(&mut self, field: Field) -> Result<W, Reject> {
        let cell = self.need(field)?;
        self.word_of(cell)
    }

    /// The word that `cell` holds; an unknown one becomes `other` and is counted.
    pub(super) fn word_of<W: Word>(&mut self, cell: Cell<'a>) -> Result<W, Reject> {
        let word = cell.string()?;
        Ok(W::parse(&word).unwrap_or_else(|| {
            self.unknown_values = self.unknown_values.saturating_add(1);
            W::OTHER
        }))
    }
}

/// Fills a record in place.
struct Fill<'r, 'a>(&'r mut Record<'a>);

impl<'de> DeserializeSeed<'de> for Fill<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Fill<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = map.next_key()? {
            let Some(field) = key else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let text = map.next_value::<&RawValue>()?.get();
            let before = self.0.texts[field as usize].replace(text);
            if before.is_some() && self.0.duplicate.is_none() {
                self.0.duplicate = Some(field);
            }
        }
        Ok(())
    }
}

/// A key: the known field of that name, if it is one.
struct Key(Option<Field>);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_identifier(KeyVisitor)
    }
}

struct KeyVisitor;

impl Visitor<'_> for KeyVisitor {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Key, E> {
        Ok(Key(Field::parse(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::words::Channel;
    use super::*;

    fn read(json: &str) -> Result<Record<'_>, Reject> {
        let mut record = Record::new();
        record.read(json).map(|()| record)
    }

    fn refused(json: &str) -> Option<Reject> {
        read(json).err()
    }

    #[test]
    fn known_fields_are_kept_as_they_stand() {
        let record = read(r#" {"id" : "a" , "x":{"id":"b"}, "due": [1, 2], "team":null} "#).ok().unwrap();
        assert_eq!(record.get(Field::Id).map(|cell| cell.text), Some("\"a\""));
        assert_eq!(record.get(Field::Due).map(|cell| cell.text), Some("[1, 2]"));
        assert!(record.get(Field::Team).is_none());
        assert!(record.get(Field::Queue).is_none());
    }

    #[test]
    fn a_field_that_stands_twice_is_refused_also_with_null_or_escapes() {
        assert_eq!(refused(r#"{"id":"a","id":"a"}"#), Some(Reject::DuplicateField("id")));
        assert_eq!(refused(r#"{"id":null,"id":"a"}"#), Some(Reject::DuplicateField("id")));
        assert_eq!(refused(r#"{"\u0069d":"a","id":"a"}"#), Some(Reject::DuplicateField("id")));
        assert_eq!(refused(r#"{"x":1,"x":2}"#), None);
        assert_eq!(refused(r#"{"id":"a","id":"a""#), Some(Reject::NotJson));
    }

    #[test]
    fn only_one_json_object_is_a_record() {
        for text in [
            "{",
            "{}}",
            "{} {}",
            "{'id':1}",
            "{\"id\":01}",
            "{\"id\":\"a\n\"}",
            "{\"a\":}",
            "\u{feff}{}",
            "x",
        ] {
            assert_eq!(refused(text), Some(Reject::NotJson), "{text:?}");
        }
        for text in ["[]", "1", "\"{}\"", "null", "true"] {
            assert_eq!(refused(text), Some(Reject::WrongType("event")), "{text:?}");
        }
    }

    #[test]
    fn words_are_counted_when_unknown() {
        let mut record = read(r#"{"channel":"fax","direction":""}"#).ok().unwrap();
        assert_eq!(record.word::<Channel>(Field::Channel), Ok(Some(Channel::Other)));
        assert_eq!(record.word::<Channel>(Field::Direction), Ok(None));
        assert_eq!(record.unknown_values, 1);
    }
}
