//! A time of the contract: RFC 3339 with an offset, as milliseconds.
//!
//! Written by hand because every event has one: the fixed places of the format are read directly.
//! `T`, `t` or a space stands between date and time, `Z`, `z` or `+hh:mm` at the end. Digits of
//! the second beyond milliseconds are cut. A leap second counts as the second before it.

use crate::time::{DAY_MS, EventMs, HOUR_MS, MINUTE_MS, SECOND_MS};

/// The earliest time that is taken: 2000-01-01T00:00:00Z.
pub const EARLIEST: EventMs = EventMs(946_684_800_000);
/// The latest time that is taken: 2100-01-01T00:00:00Z.
pub const LATEST: EventMs = EventMs(4_102_444_800_000);

/// `text` as a time; `None` if it is not RFC 3339 with an offset. The range is the caller's.
pub(super) fn parse_rfc3339(text: &str) -> Option<EventMs> {
    let (fixed, rest) = text.as_bytes().split_first_chunk::<19>()?;
    let separators =
        [fixed[4], fixed[7], fixed[13], fixed[16]] == *b"--::" && matches!(fixed[10], b'T' | b't' | b' ');
    if !separators {
        return None;
    }
    let year = two(fixed[0], fixed[1])? * 100 + two(fixed[2], fixed[3])?;
    let month = two(fixed[5], fixed[6])?;
    let day = two(fixed[8], fixed[9])?;
    let hour = two(fixed[11], fixed[12])?;
    let minute = two(fixed[14], fixed[15])?;
    let second = two(fixed[17], fixed[18])?;
    if !(1..=12).contains(&month) || day < 1 || day > days_of_month(year, month) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (fraction_ms, offset) = fraction(rest)?;
    let local_ms = days_from_civil(year, month, day) * DAY_MS
        + hour * HOUR_MS
        + minute * MINUTE_MS
        + second.min(59) * SECOND_MS
        + fraction_ms;
    Some(EventMs(local_ms - offset_ms(offset)?))
}

/// The number of two ASCII digits.
fn two(tens: u8, ones: u8) -> Option<i64> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| i64::from(tens) * 10 + i64::from(ones))
}

/// The milliseconds of an optional fraction of a second, and what comes after it.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let Some((b'.', digits)) = rest.split_first() else {
        return Some((0, rest));
    };
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 {
        return None;
    }
    let (digits, rest) = digits.split_at(length);
    let mut ms = 0;
    for place in 0..3 {
        let digit = digits.get(place).map_or(0, |byte| byte - b'0');
        ms = ms * 10 + i64::from(digit);
    }
    Some((ms, rest))
}

/// How far the local time is ahead of UTC.
fn offset_ms(offset: &[u8]) -> Option<i64> {
    match *offset {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (two(h1, h2)?, two(m1, m2)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let ahead_ms = hours * HOUR_MS + minutes * MINUTE_MS;
            Some(if sign == b'-' { -ahead_ms } else { ahead_ms })
        }
        _ => None,
    }
}

const fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date of the Gregorian calendar, year 0 and later.
///
/// The year is made to begin in March, so that the leap day is its last and the months before it
/// follow one linear rule.
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let march_year = if month <= 2 { year - 1 } else { year };
    let march_month = (month + 9) % 12;
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    let leap_days = march_year.div_euclid(4) - march_year.div_euclid(100) + march_year.div_euclid(400);
    march_year * 365 + leap_days + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ms(text: &str) -> Option<i64> {
        parse_rfc3339(text).map(|time| time.0)
    }

    #[test]
    fn known_times_are_read() {
        assert_eq!(ms("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(parse_rfc3339("2000-01-01T00:00:00Z"), Some(EARLIEST));
        assert_eq!(parse_rfc3339("2100-01-01T00:00:00Z"), Some(LATEST));
        assert_eq!(ms("2026-01-05T09:30:11.412Z"), Some(1_767_605_411_412));
        assert_eq!(ms("2026-01-05t09:30:11.412z"), Some(1_767_605_411_412));
        assert_eq!(ms("2026-01-05 10:30:11.4129999+01:00"), Some(1_767_605_411_412));
        assert_eq!(ms("2026-01-05T04:00:11.4-05:30"), Some(1_767_605_411_400));
        assert_eq!(ms("2016-12-31T23:59:60Z"), ms("2016-12-31T23:59:59Z"));
    }

    #[test]
    fn what_is_not_rfc3339_is_refused() {
        let wrong = [
            "",
            "2026",
            "2026-01-05",
            "2026-01-05T09:30:11",
            "2026-01-05T09:30Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-05T24:00:00Z",
            "2026-01-05T09:60:00Z",
            "2026-01-05T09:30:61Z",
            "2026-01-05T09:30:11.Z",
            "2026-01-05T09:30:11,5Z",
            "2026-01-05T09:30:11+01",
            "2026-01-05T09:30:11+0100",
            "2026-01-05T09:30:11+24:00",
            "2026-01-05T09:30:11Z ",
            " 2026-01-05T09:30:11Z",
            "2026-01-05T09:30:11Z[UTC]",
            "+002026-01-05T09:30:11Z",
            "2026/01/05T09:30:11Z",
            "2026-01-05T09:30:1é",
            "２026-01-05T09:30:11Z",
        ];
        for text in wrong {
            assert_eq!(ms(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_instant_reads_as_the_calendar_library_wrote_it(at in -2_000_000_000_000_i64..5_000_000_000_000) {
            let timestamp = jiff::Timestamp::from_millisecond(at).unwrap();
            prop_assert_eq!(ms(&format!("{timestamp:.3}")), Some(at));
        }

        #[test]
        fn offsets_agree_with_the_calendar_library(at in 0_i64..5_000_000_000, minutes in -1_439_i32..1_440) {
            let offset = jiff::tz::Offset::from_seconds(minutes * 60).unwrap();
            let text = jiff::Timestamp::from_second(at).unwrap().display_with_offset(offset).to_string();
            prop_assert_eq!(ms(&text), Some(at * 1_000), "{}", text);
        }
    }
}
