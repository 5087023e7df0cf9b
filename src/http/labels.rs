//! Label values made fit to be read: no control characters, nothing that reorders or hides text.
//!
//! The text encoder escapes quotes, backslashes and newlines and lets the rest through. Names come from
//! whoever writes events, so the rest is made visible here instead of being dropped: two names that differ
//! stay different.

use std::borrow::Cow;
use std::fmt::Write;

/// `value` with each unfit character written out as `\u{…}`; unchanged if there is none.
#[must_use]
pub fn sanitised(value: &str) -> Cow<'_, str> {
    if !value.chars().any(is_unfit) {
        return Cow::Borrowed(value);
    }
    let mut fit = String::with_capacity(value.len() + 8);
    for character in value.chars() {
        if is_unfit(character) {
            // Writing to a string cannot fail.
            let _always_ok = write!(fit, "\\u{{{:x}}}", u32::from(character));
        } else {
            fit.push(character);
        }
    }
    Cow::Owned(fit)
}

fn is_unfit(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            // Arabic letter mark; zero width and direction marks; line separators and overrides;
            // isolates and invisible operators; byte order mark; interlinear annotation.
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_read_stays_as_it_is() {
        for value in ["", "billing", "a \"quoted\" \\ name", "Zahlung & Mahnung", "支払い", "\u{1f469}\u{1f3fd}"] {
            assert!(matches!(sanitised(value), Cow::Borrowed(same) if same == value));
        }
    }

    #[test]
    fn control_characters_and_overrides_are_written_out() {
        assert_eq!(sanitised("a\0b\nc\u{85}"), "a\\u{0}b\\u{a}c\\u{85}");
        assert_eq!(sanitised("pay\u{202e}lleb"), "pay\\u{202e}lleb");
        assert_eq!(sanitised("\u{2066}x\u{2069}\u{feff}"), "\\u{2066}x\\u{2069}\\u{feff}");
        assert_ne!(sanitised("a\u{1}"), sanitised("a\u{2}"));
    }
}
