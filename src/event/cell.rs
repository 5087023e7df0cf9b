//! One JSON value of a known field, read as the type that the contract gives it.
//!
//! A cell is the value's own text, checked to be JSON and not yet looked at further: what a type
//! does not need is never parsed. Nothing here knows which type it reads for.

use super::decimal::scaled;
use super::envelope::Str;
use super::field::Field;
use super::instant::{EARLIEST, LATEST, parse_rfc3339};
use super::reject::Reject;
use crate::time::EventMs;
use serde::Deserializer;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// The text of one JSON value, never `null`, and the field that it stands in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell<'a> {
    pub(super) field: Field,
    pub(super) text: &'a str,
}

impl<'a> Cell<'a> {
    fn wrong_type(self) -> Reject {
        Reject::WrongType(self.field.name())
    }

    fn bad_value(self) -> Reject {
        Reject::BadValue(self.field.name())
    }

    /// Whether this is `""`, which counts as absent.
    pub(super) fn is_empty_string(self) -> bool {
        self.text.len() == 2 && self.text.starts_with('"')
    }

    /// A string; borrowed unless it has escapes.
    pub(super) fn string(self) -> Result<Str<'a>, Reject> {
        let body = self.body().ok_or_else(|| self.wrong_type())?;
        self.unescaped(body, body.as_bytes().contains(&b'\\'))
    }

    /// A string of at most `max_bytes` bytes, any characters.
    pub(super) fn id(self, max_bytes: usize) -> Result<Str<'a>, Reject> {
        let string = self.string()?;
        self.within(string, max_bytes)
    }

    /// A string of at most `max_bytes` bytes, or the digits of an integer, fit to be shown: no
    /// control characters and none that turn the direction of writing.
    pub(super) fn name(self, max_bytes: usize) -> Result<Str<'a>, Reject> {
        let Some(body) = self.body() else {
            let digits = self.text.strip_prefix('-').unwrap_or(self.text);
            if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(self.wrong_type());
            }
            return self.within(Str::Borrowed(self.text), max_bytes);
        };
        // One pass tells the common case, plain ASCII without escapes, from all others.
        // It has no early end, so that the compiler can look at many bytes at once.
        let odd = body.bytes().fold(0, |odd, byte| odd | u8::from(byte >= 0x7f) | u8::from(byte == b'\\'));
        if odd == 0 {
            return self.within(Str::Borrowed(body), max_bytes);
        }
        let string = self.unescaped(body, true)?;
        if string.chars().any(unprintable) {
            return Err(self.bad_value());
        }
        self.within(string, max_bytes)
    }

    /// A time within the contract's range.
    pub(super) fn instant(self) -> Result<EventMs, Reject> {
        let time = match self.text.as_bytes() {
            [b'"', ..] => parse_rfc3339(&self.string()?),
            [b'-' | b'0'..=b'9', ..] => {
                scaled(self.text, 0).filter(|ms| ms.exact).map(|ms| EventMs(ms.value))
            }
            _ => return Err(self.wrong_type()),
        };
        time.filter(|time| (EARLIEST..=LATEST).contains(time)).ok_or(Reject::BadTime(self.field.name()))
    }

    /// `true` or `false`.
    pub(super) fn flag(self) -> Result<bool, Reject> {
        match self.text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(self.wrong_type()),
        }
    }

    /// A whole number from 0 to `max`.
    pub(super) fn count(self, max: i64) -> Result<i64, Reject> {
        if !self.is_number() {
            return Err(self.wrong_type());
        }
        let number = scaled(self.text, 0).ok_or_else(|| self.bad_value())?;
        if !number.exact {
            return Err(self.wrong_type());
        }
        if (0..=max).contains(&number.value) { Ok(number.value) } else { Err(self.bad_value()) }
    }

    /// A decimal number from `min` to `max` whole units, in millionths.
    pub(super) fn micros(self, min: i64, max: i64) -> Result<i64, Reject> {
        if !self.is_number() {
            return Err(self.wrong_type());
        }
        let number = scaled(self.text, 6).ok_or_else(|| self.bad_value())?;
        let range = min.saturating_mul(MICROS)..=max.saturating_mul(MICROS);
        if range.contains(&number.value) { Ok(number.value) } else { Err(self.bad_value()) }
    }

    /// The elements of an array as cells of the same field, at most `max`.
    pub(super) fn elements(self, max: usize) -> Result<Vec<Cell<'a>>, Reject> {
        if !self.text.starts_with('[') {
            return Err(self.wrong_type());
        }
        let mut json = serde_json::Deserializer::from_str(self.text);
        let texts = json.deserialize_seq(Elements { max }).map_err(|_| self.bad_value())?;
        let texts = texts.ok_or(Reject::TooLong(self.field.name()))?;
        Ok(texts.into_iter().map(|text| Cell { text, ..self }).collect())
    }

    /// What stands between the quotes of a string; `None` for any other value.
    fn body(self) -> Option<&'a str> {
        self.text.strip_prefix('"')?.strip_suffix('"')
    }

    fn is_number(self) -> bool {
        matches!(self.text.as_bytes(), [b'-' | b'0'..=b'9', ..])
    }

    /// The meaning of a string's text. Fails on an escaped lone surrogate, which has none.
    fn unescaped(self, body: &'a str, escaped: bool) -> Result<Str<'a>, Reject> {
        if !escaped {
            return Ok(Str::Borrowed(body));
        }
        serde_json::from_str(self.text).map(Str::Owned).map_err(|_| self.bad_value())
    }

    fn within(self, string: Str<'a>, max_bytes: usize) -> Result<Str<'a>, Reject> {
        if string.len() > max_bytes { Err(Reject::TooLong(self.field.name())) } else { Ok(string) }
    }
}

/// Millionths of a unit.
const MICROS: i64 = 1_000_000;

/// Characters that a name never has: controls, and those that turn the direction of writing, by
/// which one name can be made to look like another.
pub(super) fn unprintable(character: char) -> bool {
    character.is_control() || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Reads an array's elements as texts; `None` if there are more than `max`.
struct Elements {
    max: usize,
}

impl<'de> Visitor<'de> for Elements {
    type Value = Option<Vec<&'de str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = elements.next_element::<&RawValue>()? {
            if texts.len() == self.max {
                while elements.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(None);
            }
            texts.push(text.get());
        }
        Ok(Some(texts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(text: &str) -> Cell<'_> {
        Cell { field: Field::Queue, text }
    }

    #[test]
    fn strings_are_borrowed_unless_escaped() {
        assert!(matches!(cell(r#""billing""#).name(128), Ok(Str::Borrowed("billing"))));
        assert!(matches!(cell(r#""größe""#).id(128), Ok(Str::Borrowed("größe"))));
        assert_eq!(cell(r#""bill\u0069ng""#).name(128).as_deref(), Ok("billing"));
        assert_eq!(cell(r#""\ud83d\ude00""#).name(128).as_deref(), Ok("\u{1f600}"));
        assert_eq!(cell(r#""\ud83d""#).name(128), Err(Reject::BadValue("queue")));
    }

    #[test]
    fn integers_are_names_and_other_numbers_are_not() {
        assert_eq!(cell("42").name(128).as_deref(), Ok("42"));
        assert_eq!(cell("-7").name(128).as_deref(), Ok("-7"));
        for text in ["4.2", "1e3", "true", "{}", "[]"] {
            assert_eq!(cell(text).name(128), Err(Reject::WrongType("queue")), "{text}");
        }
        assert_eq!(cell("42").id(128), Err(Reject::WrongType("queue")));
    }

    #[test]
    fn names_that_do_not_print_are_refused_and_ids_keep_them() {
        for text in
            [r#""a\u0000b""#, r#""a\nb""#, "\"a\u{7f}b\"", "\"a\u{85}b\"", "\"a\u{202e}b\"", "\"\u{2066}\""]
        {
            assert_eq!(cell(text).name(128), Err(Reject::BadValue("queue")), "{text:?}");
            assert!(cell(text).id(128).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn length_is_counted_in_bytes_of_the_meaning() {
        assert_eq!(cell(r#""ab""#).name(2).as_deref(), Ok("ab"));
        assert_eq!(cell(r#""abc""#).name(2), Err(Reject::TooLong("queue")));
        assert_eq!(cell(r#""\u0061b""#).id(2).as_deref(), Ok("ab"));
        assert_eq!(cell(r#""éa""#).id(2), Err(Reject::TooLong("queue")));
    }

    #[test]
    fn times_are_checked_for_range_and_form() {
        assert_eq!(cell("1767605411412").instant(), Ok(EventMs(1_767_605_411_412)));
        assert_eq!(cell("1.767605411412e12").instant(), Ok(EventMs(1_767_605_411_412)));
        assert_eq!(cell("946684800000").instant(), Ok(EARLIEST));
        for text in ["946684799999", "4102444800001", "1767605411412.5", "-1", "1e400", r#""noon""#] {
            assert_eq!(cell(text).instant(), Err(Reject::BadTime("queue")), "{text}");
        }
        assert_eq!(cell("true").instant(), Err(Reject::WrongType("queue")));
    }

    #[test]
    fn numbers_keep_to_their_range() {
        assert_eq!(cell("3").count(3), Ok(3));
        assert_eq!(cell("3.0").count(3), Ok(3));
        assert_eq!(cell("4").count(3), Err(Reject::BadValue("queue")));
        assert_eq!(cell("-1").count(3), Err(Reject::BadValue("queue")));
        assert_eq!(cell("0.5").count(3), Err(Reject::WrongType("queue")));
        assert_eq!(cell("\"3\"").count(3), Err(Reject::WrongType("queue")));
        assert_eq!(cell("-0.25").micros(-1, 1), Ok(-250_000));
        assert_eq!(cell("1.000001").micros(-1, 1), Err(Reject::BadValue("queue")));
    }

    #[test]
    fn lists_have_a_limit() {
        let texts: Vec<&str> =
            cell(r#"[1, "b" ,{"c":[]}]"#).elements(3).unwrap().iter().map(|element| element.text).collect();
        assert_eq!(texts, ["1", "\"b\"", "{\"c\":[]}"]);
        assert_eq!(cell("[1,2,3,4]").elements(3).unwrap_err(), Reject::TooLong("queue"));
        assert_eq!(cell("{}").elements(3).unwrap_err(), Reject::WrongType("queue"));
    }
}
