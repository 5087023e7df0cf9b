//! The text of a JSON number as a scaled integer, exactly.
//!
//! State holds no floats, so money and scores become integers of a fixed number of decimal places
//! straight from the digits. The text is one that the JSON reader has found to be a number.

/// A number times a power of ten, rounded to a whole one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scaled {
    /// The rounded value; halves go away from zero.
    pub value: i64,
    /// Whether nothing was rounded away.
    pub exact: bool,
}

/// `number` times ten to the power of `places`; `None` beyond the range of i64.
pub(super) fn scaled(number: &str, places: i64) -> Option<Scaled> {
    let (negative, unsigned) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent_of(exponent)),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    // So many digits, counted from the first, belong to the whole part of the scaled number.
    let kept = i64::try_from(whole.len()).ok()? + exponent + places;
    let mut value: i64 = 0;
    let mut exact = true;
    let mut position: i64 = 0;
    for byte in whole.bytes().chain(fraction.bytes()) {
        let digit = i64::from(byte - b'0');
        if position < kept {
            value = value.checked_mul(10)?.checked_add(digit)?;
        } else {
            exact &= digit == 0;
            if position == kept && digit >= 5 {
                value = value.checked_add(1)?;
            }
        }
        position += 1;
    }
    // Trailing zeros that an exponent stands for; a zero stays one however many they are.
    while position < kept && value != 0 {
        value = value.checked_mul(10)?;
        position += 1;
    }
    let value = if negative { -value } else { value };
    Some(Scaled { value, exact })
}

/// An exponent, held within a range that no record's length can make up for.
fn exponent_of(text: &str) -> i64 {
    const FAR: i64 = 1 << 40;
    match text.strip_prefix('+').unwrap_or(text).parse::<i64>() {
        Ok(exponent) => exponent.clamp(-FAR, FAR),
        Err(_) if text.starts_with('-') => -FAR,
        Err(_) => FAR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn exact(value: i64) -> Scaled {
        Scaled { value, exact: true }
    }

    const fn rounded(value: i64) -> Scaled {
        Scaled { value, exact: false }
    }

    #[test]
    fn digits_are_taken_as_written() {
        assert_eq!(scaled("12.34", 6), Some(exact(12_340_000)));
        assert_eq!(scaled("-0.1", 6), Some(exact(-100_000)));
        assert_eq!(scaled("0", 6), Some(exact(0)));
        assert_eq!(scaled("-0", 6), Some(exact(0)));
        assert_eq!(scaled("1.5e3", 0), Some(exact(1_500)));
        assert_eq!(scaled("150E-2", 1), Some(exact(15)));
        assert_eq!(scaled("1.0", 0), Some(exact(1)));
        assert_eq!(scaled("9007199254740993.000001", 2), Some(rounded(900_719_925_474_099_300)));
    }

    #[test]
    fn halves_go_away_from_zero() {
        assert_eq!(scaled("0.0000005", 6), Some(rounded(1)));
        assert_eq!(scaled("-0.0000005", 6), Some(rounded(-1)));
        assert_eq!(scaled("0.00000049", 6), Some(rounded(0)));
        assert_eq!(scaled("9e-8", 6), Some(rounded(0)));
        assert_eq!(scaled("1.9999999", 6), Some(rounded(2_000_000)));
    }

    #[test]
    fn far_exponents_neither_overflow_nor_take_long() {
        assert_eq!(scaled("1e999999999999999999999", 6), None);
        assert_eq!(scaled("0e999999999999999999999", 6), Some(exact(0)));
        assert_eq!(scaled("1e-999999999999999999999", 6), Some(rounded(0)));
        assert_eq!(scaled("9223372036854775808", 0), None);
        assert_eq!(scaled("9223372036854775807", 0), Some(exact(i64::MAX)));
    }

    proptest! {
        #[test]
        fn micro_units_survive_being_written_out(micros in -1_000_000_000_000_i64..1_000_000_000_000) {
            let sign = if micros < 0 { "-" } else { "" };
            let size = micros.unsigned_abs();
            let text = format!("{sign}{}.{:06}", size / 1_000_000, size % 1_000_000);
            prop_assert_eq!(scaled(&text, 6), Some(exact(micros)));
            prop_assert_eq!(scaled(&format!("{micros}e-6"), 6), Some(exact(micros)));
        }
    }
}
