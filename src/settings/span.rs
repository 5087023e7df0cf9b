//! Durations as people write them: `250ms`, `5s`, `1h30m`, `90d`.
//!
//! Whole numbers with units, the largest unit first, each at most once. A number without a unit is refused,
//! because nobody can tell what it means.

use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS, Millis, SECOND_MS};
use std::fmt::Write;

const UNITS: [(&str, Millis); 5] =
    [("d", DAY_MS), ("h", HOUR_MS), ("m", MINUTE_MS), ("s", SECOND_MS), ("ms", 1)];

/// The milliseconds of a written duration.
///
/// # Errors
/// A fragment that names the text and how a duration is written.
pub fn parse_span(text: &str) -> Result<Millis, String> {
    span_of(text).ok_or_else(|| format!("{text:?} is not a duration such as 250ms, 5s, 10m or 1h30m"))
}

fn span_of(text: &str) -> Option<Millis> {
    let mut rest = text;
    let mut sum_ms: Millis = 0;
    let mut smaller = UNITS.as_slice();
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(number_end);
        let unit_end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let at = smaller.iter().position(|(name, _)| *name == unit)?;
        let part_ms = number.parse::<Millis>().ok()?.checked_mul(smaller[at].1)?;
        sum_ms = sum_ms.checked_add(part_ms)?;
        smaller = &smaller[at + 1..];
        rest = tail;
    }
    (!text.is_empty()).then_some(sum_ms)
}

/// The duration as [`parse_span`] reads it; negative ones count as none.
#[must_use]
pub fn format_span(span_ms: Millis) -> String {
    let mut rest_ms = span_ms.max(0);
    let mut text = String::new();
    for (unit, unit_ms) in UNITS {
        let number = rest_ms / unit_ms;
        rest_ms %= unit_ms;
        if number > 0 {
            // Writing to a string cannot fail.
            let _ = write!(text, "{number}{unit}");
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_read_as_written() {
        for (text, ms) in [
            ("250ms", 250),
            ("5s", 5_000),
            ("10m", 600_000),
            ("1h30m", 5_400_000),
            ("90d", 90 * DAY_MS),
            ("1d2h3m4s5ms", DAY_MS + 2 * HOUR_MS + 3 * MINUTE_MS + 4_005),
            ("0s", 0),
        ] {
            assert_eq!(parse_span(text), Ok(ms), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_duration_is_refused() {
        for text in
            ["", "5", "s", "5 s", "-5s", "1.5h", "30m1h", "1s1s", "5 minutes", "5S", "99999999999999d"]
        {
            let error = parse_span(text).unwrap_err();
            assert!(error.starts_with(&format!("{text:?} is not a duration")), "{error}");
        }
    }

    proptest! {
        #[test]
        fn formatting_and_reading_are_inverse(ms in 0i64..400 * DAY_MS) {
            prop_assert_eq!(parse_span(&format_span(ms)), Ok(ms));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "[0-9dhms .-]{0,24}") {
            let _ = parse_span(&text);
        }
    }
}
