//! Why a record was refused.
//!
//! A small closed set: each reason is a label on a counter and a header of a dead letter, so it
//! never carries anything that came from outside, only the name of the field.

use thiserror::Error;

/// Why a record is no event. Fields are named by the contract, never by the record.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Reject {
    /// No bytes, or only white space.
    #[error("the record is empty: write one JSON object per record")]
    Empty,
    /// More bytes than `max_record_bytes`.
    #[error("the record is larger than max_record_bytes: send less or raise the limit")]
    TooLarge,
    /// Not UTF-8, not JSON, cut off, or something after the object.
    #[error("the record is not JSON: write one JSON object in UTF-8 without a byte order mark")]
    NotJson,
    /// A value of another type than the contract's; `event` if the record is no object.
    #[error("{0} has the wrong type: see the event schema")]
    WrongType(&'static str),
    /// A required field is absent, null or empty.
    #[error("{0} is missing: this type of event requires it")]
    MissingField(&'static str),
    /// A field that the contract knows stands twice in the object.
    #[error("{0} stands twice: write each field once")]
    DuplicateField(&'static str),
    /// A string of too many bytes, or a list of too many elements.
    #[error("{0} is too long: see the event schema for its limit")]
    TooLong(&'static str),
    /// A time that is not RFC 3339 with an offset or whole epoch milliseconds, or outside 2000 to 2100.
    #[error("{0} is no time between 2000 and 2100: write RFC 3339 with an offset, or epoch milliseconds")]
    BadTime(&'static str),
    /// A value of the right type that cannot be: out of range, or with characters that do not print.
    #[error("{0} has a value out of range or with control characters: see the event schema")]
    BadValue(&'static str),
    /// Further in the future than `max_future_skew`. Made by the fold, which knows the time.
    #[error("time is in the future: check the producer's clock or raise max_future_skew")]
    Future,
}

/// Every label that [`Reject::reason`] gives.
pub const ALL_REASONS: &[&str] = &[
    "empty",
    "too_large",
    "not_json",
    "wrong_type",
    "missing_field",
    "duplicate_field",
    "too_long",
    "bad_time",
    "bad_value",
    "future",
];

impl Reject {
    /// The label of this reason, one of [`ALL_REASONS`].
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Reject::Empty => "empty",
            Reject::TooLarge => "too_large",
            Reject::NotJson => "not_json",
            Reject::WrongType(_) => "wrong_type",
            Reject::MissingField(_) => "missing_field",
            Reject::DuplicateField(_) => "duplicate_field",
            Reject::TooLong(_) => "too_long",
            Reject::BadTime(_) => "bad_time",
            Reject::BadValue(_) => "bad_value",
            Reject::Future => "future",
        }
    }

    /// The field that is to blame, where one is.
    #[must_use]
    pub const fn field(self) -> Option<&'static str> {
        match self {
            Reject::WrongType(field)
            | Reject::MissingField(field)
            | Reject::DuplicateField(field)
            | Reject::TooLong(field)
            | Reject::BadTime(field)
            | Reject::BadValue(field) => Some(field),
            Reject::Empty | Reject::TooLarge | Reject::NotJson | Reject::Future => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_in_the_closed_set_once() {
        let rejects = [
            Reject::Empty,
            Reject::TooLarge,
            Reject::NotJson,
            Reject::WrongType("id"),
            Reject::MissingField("id"),
            Reject::DuplicateField("id"),
            Reject::TooLong("id"),
            Reject::BadTime("time"),
            Reject::BadValue("queue"),
            Reject::Future,
        ];
        let reasons: Vec<&str> = rejects.iter().map(|reject| reject.reason()).collect();
        assert_eq!(reasons, ALL_REASONS);
    }

    #[test]
    fn a_message_names_the_field_and_the_remedy() {
        let message = Reject::MissingField("queue").to_string();
        assert_eq!(message, "queue is missing: this type of event requires it");
        assert_eq!(Reject::MissingField("queue").field(), Some("queue"));
    }
}
