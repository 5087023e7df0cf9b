//! One native event as JSON, written field by field.
//!
//! It knows JSON and nothing of contact centers. Names of fields and plain texts are ours and need no
//! escaping; texts from a scenario come already quoted.

use crate::time::EventMs;

/// A JSON object under construction.
pub(super) struct Record {
    bytes: Vec<u8>,
}

impl Record {
    /// Opens an event with its envelope. `tenant` is a quoted JSON string.
    pub(super) fn open(kind: &str, run: &str, serial: u64, time: EventMs, tenant: &str) -> Record {
        let mut record = Record { bytes: Vec::with_capacity(320) };
        record.bytes.extend_from_slice(b"{\"id\":\"");
        record.bytes.extend_from_slice(run.as_bytes());
        record.bytes.push(b'-');
        push_decimal(&mut record.bytes, serial);
        record.bytes.push(b'"');
        record.text("type", kind).number("time", time.0).text("source", "simulator").quoted("tenant", tenant);
        record
    }

    /// A text that needs no escaping.
    pub(super) fn text(&mut self, name: &str, value: &str) -> &mut Record {
        self.name(name);
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(value.as_bytes());
        self.bytes.push(b'"');
        self
    }

    /// A text of the form `prefix-number`.
    pub(super) fn numbered(&mut self, name: &str, prefix: &str, value: u64) -> &mut Record {
        self.name(name);
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(prefix.as_bytes());
        push_decimal(&mut self.bytes, value);
        self.bytes.push(b'"');
        self
    }

    /// A value that is JSON already.
    pub(super) fn quoted(&mut self, name: &str, json: &str) -> &mut Record {
        self.name(name);
        self.bytes.extend_from_slice(json.as_bytes());
        self
    }

    /// A whole number.
    pub(super) fn number(&mut self, name: &str, value: i64) -> &mut Record {
        self.name(name);
        if value < 0 {
            self.bytes.push(b'-');
        }
        push_decimal(&mut self.bytes, value.unsigned_abs());
        self
    }

    /// The finished object.
    pub(super) fn close(mut self) -> Vec<u8> {
        self.bytes.push(b'}');
        self.bytes
    }

    fn name(&mut self, name: &str) {
        self.bytes.extend_from_slice(b",\"");
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(b"\":");
    }
}

/// `text` as a JSON string with its quotes.
pub(super) fn quote(text: &str) -> String {
    // Through Value's Display, which cannot fail.
    serde_json::Value::from(text).to_string()
}

fn push_decimal(bytes: &mut Vec<u8>, value: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut rest = value;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    bytes.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_the_json_one_expects() {
        let mut record = Record::open("contact.queued", "ab", u64::MAX, EventMs(-5), &quote("a\"b"));
        record.numbered("contact_id", "c-", 0).text("channel", "voice");
        let parsed: serde_json::Value = serde_json::from_slice(&record.close()).unwrap();
        let expected = serde_json::json!({
            "id": "ab-18446744073709551615", "type": "contact.queued", "time": -5, "source": "simulator",
            "tenant": "a\"b", "contact_id": "c-0", "channel": "voice",
        });
        assert_eq!(parsed, expected);
    }
}
