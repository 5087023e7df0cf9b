//! The free `attributes` of an event, kept as text until a configured name asks for them.
//!
//! Which names may become dimensions is not known here.

use super::cell::{Cell, unprintable};
use super::envelope::Str;
use super::field::Field;
use super::record::MAX_TEXT_BYTES;
use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// An object of scalars, unread.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Attributes<'a>(Option<&'a str>);

impl<'a> Attributes<'a> {
    /// No attributes.
    pub const NONE: Attributes<'static> = Attributes(None);

    /// The attributes that stand in `cell`; `None` if it is no object.
    pub(super) fn of(cell: Cell<'a>) -> Option<Attributes<'a>> {
        cell.text.starts_with('{').then_some(Attributes(Some(cell.text)))
    }

    /// Whether the event has the field at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Gives `visit` each attribute (name, value) in the order of the record.
    ///
    /// Strings are given by their meaning, numbers, `true` and `false` as written. What cannot be
    /// a dimension is passed over: null, arrays, objects, names and values that are empty, longer
    /// than 128 bytes or not printable. A name that stands twice is given twice.
    pub fn for_each(&self, visit: impl FnMut(&str, &str)) {
        if let Some(text) = self.0 {
            let mut json = serde_json::Deserializer::from_str(text);
            // The text was read as JSON before, so the one possible error is a name with a lone
            // surrogate: such an object has no readable rest.
            let _unreadable_rest = json.deserialize_map(Scalars(visit));
        }
    }
}

impl fmt::Debug for Attributes<'_> {
    /// Says only whether there are any: their content may be personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "Attributes(none)" } else { "Attributes(some)" })
    }
}

struct Scalars<F>(F);

impl<'de, F: FnMut(&str, &str)> Visitor<'de> for Scalars<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some((name, value)) = map.next_entry::<Cow<'de, str>, &RawValue>()? {
            let value = scalar(value.get()).filter(|value| presentable(value));
            if let Some(value) = value.filter(|_| presentable(&name)) {
                (self.0)(&name, &value);
            }
        }
        Ok(())
    }
}

/// A scalar's meaning as text; `None` for null, arrays, objects and strings without a meaning.
fn scalar(text: &str) -> Option<Str<'_>> {
    match text.as_bytes().first()? {
        b'"' => Cell { field: Field::Attributes, text }.string().ok(),
        b'n' | b'[' | b'{' => None,
        _ => Some(Str::Borrowed(text)),
    }
}

fn presentable(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_TEXT_BYTES && !text.chars().any(unprintable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        let mut seen = Vec::new();
        Attributes(Some(text)).for_each(|name, value| seen.push((name.to_owned(), value.to_owned())));
        seen
    }

    #[test]
    fn scalars_are_given_in_order_and_the_rest_passed_over() {
        let seen =
            read(r#"{"z":"a\u0062","n":1.50,"t":true,"x":null,"l":[1],"o":{"a":1},"e":"","c":"\n","a":"z"}"#);
        let expected = [("z", "ab"), ("n", "1.50"), ("t", "true"), ("a", "z")];
        assert_eq!(seen, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn none_are_none() {
        let mut calls = 0;
        Attributes::NONE.for_each(|_, _| calls += 1);
        assert_eq!(calls, 0);
        assert!(Attributes::NONE.is_empty());
        assert_eq!(read(r#"{"\ud800":1,"a":2}"#), []);
    }
}
