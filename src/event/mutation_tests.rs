//! Damaged, deep and escaped records: the decoder always answers, and answers the same.

use super::contract::TYPES;
use super::decode::{Limits, decode};
use super::field::Field;
use super::reject::{ALL_REASONS, Reject};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::RngSeed;
use std::time::{Duration, Instant};

const SAMPLES: [&str; 4] = [
    r#"{"id":"01J","type":"contact.answered","time":"2026-01-05T09:30:11.412Z","tenant":"acme","contact_id":"c-77","channel":"voice","queue":"billing","agent_id":"a-12"}"#,
    r#"{"id":"2","type":"agent.state_changed","time":1767605411412,"agent_id":7,"state":"available","reason":"gr\u00f6\u00dfe","queues":["a",9],"slots":[{"channel":"chat","active":1,"max":3}],"attributes":{"a":1.5,"b":[{}]}}"#,
    r#"{"id":"3","type":"survey.responded","time":"2026-01-05T09:30:11+01:00","kind":"csat","survey_id":"s","score":4.5e0,"scale_min":1,"scale_max":5,"higher_is_better":true,"x":{"y":[1,2,{"z":null}]}}"#,
    r#"{"id":"4","type":"forecast.interval","time":1767605411412,"queue":"größe","start":"2026-01-05T09:00:00Z","end":"2026-01-05T09:30:00Z","contacts":12.5,"aht_seconds":301}"#,
];

/// Decodes twice: the verdict must be one of the closed set, and both times the same.
fn judged(value: &[u8]) -> Result<(), TestCaseError> {
    let verdict = decode(value, &Limits::default());
    prop_assert_eq!(&verdict, &decode(value, &Limits::default()));
    if let Err(reject) = verdict {
        prop_assert!(ALL_REASONS.contains(&reject.reason()));
        prop_assert!(!reject.to_string().is_empty());
    }
    Ok(())
}

/// `text` as a JSON string in which each character chosen by `escape` is written as `\uXXXX`.
fn escaped(text: &str, escape: &[bool]) -> String {
    let mut json = String::from("\"");
    for (index, character) in text.chars().enumerate() {
        let forced = character < ' ' || character == '"' || character == '\\';
        if forced || escape.get(index).copied().unwrap_or(false) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                json.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            json.push(character);
        }
    }
    json + "\""
}

/// `{"id":…,` and a field `name` whose value nests `depth` arrays.
fn nested(name: &str, depth: usize) -> String {
    format!(
        r#"{{"{name}":{}{},"id":"e","type":"contact.created","time":1767605411412,"contact_id":"c"}}"#,
        "[".repeat(depth),
        "]".repeat(depth)
    )
}

/// Many cases, always the same ones.
fn fixed() -> ProptestConfig {
    let rng_seed = RngSeed::Fixed(7);
    ProptestConfig { cases: 2_000, failure_persistence: None, rng_seed, ..ProptestConfig::default() }
}

/// Values of all sorts, as JSON text.
const VALUES: &str = concat!(
    r#"null|true|-?[0-9]{1,20}|0\.[0-9]{1,9}|1e[0-9]{1,3}|"[a-z\\\\n]{0,4}"|"#,
    r#""2026-01-0[1-9]T0[0-9]:00:00Z"|\[\]|\{\}|\[1,"a"\]"#,
);

proptest! {
    #![proptest_config(fixed())]

    #[test]
    fn flipped_bits_give_an_event_or_a_reason(
        sample in 0..SAMPLES.len(),
        flips in prop::collection::vec((any::<Index>(), 0_u8..8), 1..6),
    ) {
        let mut value = SAMPLES[sample].as_bytes().to_vec();
        for (place, bit) in flips {
            let place = place.index(value.len());
            value[place] ^= 1 << bit;
        }
        judged(&value)?;
    }

    #[test]
    fn cut_and_spliced_records_give_an_event_or_a_reason(
        one in 0..SAMPLES.len(),
        other in 0..SAMPLES.len(),
        cut in any::<Index>(),
        from in any::<Index>(),
    ) {
        let head = &SAMPLES[one].as_bytes()[..cut.index(SAMPLES[one].len())];
        judged(head)?;
        prop_assert!(decode(head, &Limits::default()).is_err());
        let tail = &SAMPLES[other].as_bytes()[from.index(SAMPLES[other].len())..];
        judged(&[head, tail].concat())?;
    }

    #[test]
    fn any_bytes_give_a_reason(value in prop::collection::vec(any::<u8>(), 0..200)) {
        judged(&value)?;
    }

    #[test]
    fn any_value_in_any_field_gives_an_event_or_a_reason(
        kind in 0..TYPES.len(),
        values in prop::collection::vec((0..Field::COUNT, VALUES), 0..12),
    ) {
        let mut text = format!(r#"{{"type":"{}""#, TYPES[kind].name);
        for (field, value) in values {
            text.push_str(&format!(r#","{}":{value}"#, Field::ALL[field].name()));
        }
        text.push('}');
        judged(text.as_bytes())?;
    }

    #[test]
    fn escaped_strings_mean_what_they_would_unescaped(
        queue in r#"[a-zé\u{1f600} "\\/]{1,12}"#,
        id in "\\PC{1,12}",
        escape in prop::collection::vec(any::<bool>(), 12),
    ) {
        let text = |escape: &[bool]| format!(
            r#"{{"id":{},"type":"contact.queued","time":1767605411412,"contact_id":"c",{}:{}}}"#,
            escaped(&id, escape), escaped("queue", escape), escaped(&queue, escape)
        );
        let (plain, other) = (text(&[]), text(&escape));
        let limits = Limits::default();
        let (plain, other) = (decode(plain.as_bytes(), &limits), decode(other.as_bytes(), &limits));
        prop_assert_eq!(&plain, &other);
        prop_assert_eq!(&*other.as_ref().unwrap().queue, queue.as_str());
        prop_assert_eq!(&*other.as_ref().unwrap().id, id.as_str());
    }
}

#[test]
fn deep_nesting_neither_overflows_nor_takes_long() {
    let limits = Limits { max_record_bytes: 4 << 20 };
    let began = Instant::now();
    let ignored = nested("x", 1_000_000);
    assert!(decode(ignored.as_bytes(), &limits).is_ok());
    let foreign = nested("score", 1_000_000);
    assert!(decode(foreign.as_bytes(), &limits).is_ok());
    let known = nested("queue", 1_000_000);
    assert_eq!(decode(known.as_bytes(), &limits), Err(Reject::WrongType("queue")));
    let open = nested("x", 1_000_000).replace(']', "");
    assert_eq!(decode(open.as_bytes(), &limits), Err(Reject::NotJson));
    let bare = "[".repeat(1_000_000);
    assert!(decode(bare.as_bytes(), &limits).is_err());
    let state =
        r#"{"id":"e","type":"agent.state_changed","time":1767605411412,"agent_id":"a","state":"busy","#;
    let slots = format!(
        r#"{state}"slots":[{{"max":1,"active":1,"x":{}1{}}}]}}"#,
        "[".repeat(1_000_000),
        "]".repeat(1_000_000)
    );
    assert!(decode(slots.as_bytes(), &limits).is_ok());
    // Milliseconds in truth; the bound only tells linear from quadratic.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn long_numbers_and_lists_take_no_longer_than_their_length() {
    let began = Instant::now();
    let base = r#"{"id":"e","time":1767605411412,"currency":"EUR","agent_id":"a","state":"busy""#;
    let amount = format!(r#"{base},"type":"cost.incurred","amount":0.{}}}"#, "1".repeat(900_000));
    assert!(decode(amount.as_bytes(), &Limits::default()).is_ok());
    let queues = format!(r#"{base},"type":"agent.state_changed","queues":[1{}]}}"#, ",1".repeat(450_000));
    assert_eq!(decode(queues.as_bytes(), &Limits::default()), Err(Reject::TooLong("queues")));
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}
