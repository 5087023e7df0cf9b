//! JSON written by hand into a string: records are many, and their form is fixed.
//!
//! It must never know what it writes. Numbers are exact decimals of integers, or the shortest form of a float.

use super::figure::Amount;
use crate::time::Millis;
use std::fmt::Write as _;
use std::io;

/// A JSON string.
pub fn string(out: &mut String, text: &str) {
    if text.bytes().any(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        // Writing into a string fails only for bytes that are not UTF-8, which serde_json does not write.
        let _ = serde_json::to_writer(Utf8(out), text);
    } else {
        out.push('"');
        out.push_str(text);
        out.push('"');
    }
}

/// A whole number.
pub fn integer(out: &mut String, value: i64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push('-');
    }
    digits[at..].iter().for_each(|digit| out.push(char::from(*digit)));
}

/// A decimal of `value` / 10^`places`, without trailing zeros.
pub fn decimal(out: &mut String, value: i64, places: u32) {
    let scale = 10u64.pow(places);
    let magnitude = value.unsigned_abs();
    if value < 0 {
        out.push('-');
    }
    integer(out, i64::try_from(magnitude / scale).unwrap_or(i64::MAX));
    let (mut rest, mut unit) = (magnitude % scale, scale);
    if rest > 0 {
        out.push('.');
    }
    while rest > 0 {
        unit /= 10;
        out.push(char::from(b'0' + (rest / unit) as u8));
        rest %= unit;
    }
}

/// Milliseconds as seconds.
pub fn seconds(out: &mut String, value_ms: Millis) {
    decimal(out, value_ms, 3);
}

/// A count, or a time in seconds.
pub fn amount(out: &mut String, amount: Amount) {
    match amount {
        Amount::Count(count) => integer(out, count),
        Amount::Millis(value_ms) => seconds(out, value_ms),
    }
}

/// The shortest form of a float that reads back as the same.
pub fn float(out: &mut String, value: f64) {
    // As in `string`.
    let _ = serde_json::to_writer(Utf8(out), &value);
}

/// A time as a JSON string: RFC 3339 in UTC, with three decimals where there are milliseconds.
pub fn time(out: &mut String, ms: i64) {
    out.push('"');
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(timestamp) if ms % 1_000 == 0 => {
            let _ = write!(out, "{timestamp}");
        }
        Ok(timestamp) => {
            let _ = write!(out, "{timestamp:.3}");
        }
        Err(_) => {
            let _ = write!(out, "{ms}ms");
        }
    }
    out.push('"');
}

struct Utf8<'a>(&'a mut String);

impl io::Write for Utf8<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = std::str::from_utf8(bytes).map_err(io::Error::other)?;
        self.0.push_str(text);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(write: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    #[test]
    fn numbers_are_exact_and_have_no_needless_digits() {
        assert_eq!(written(|out| seconds(out, 12_345)), "12.345");
        assert_eq!(written(|out| seconds(out, -50)), "-0.05");
        assert_eq!(written(|out| seconds(out, 60_000)), "60");
        assert_eq!(written(|out| decimal(out, 3_200_001, 6)), "3.200001");
        assert_eq!(written(|out| integer(out, i64::MIN)), i64::MIN.to_string());
        assert_eq!(written(|out| float(out, 84.0 / 106.0)), "0.7924528301886793");
    }

    #[test]
    fn times_have_milliseconds_where_there_are_any() {
        assert_eq!(written(|out| time(out, 1_767_605_400_000)), "\"2026-01-05T09:30:00Z\"");
        assert_eq!(written(|out| time(out, 1_767_605_400_400)), "\"2026-01-05T09:30:00.400Z\"");
    }

    proptest! {
        #[test]
        fn strings_read_back(text in ".*") {
            let read: String = serde_json::from_str(&written(|out| string(out, &text))).unwrap();
            prop_assert_eq!(read, text);
        }
    }
}
