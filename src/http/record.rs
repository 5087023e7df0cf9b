//! What the board reads of a KPI record: where it belongs, how new it is, a few values for sparklines.
//!
//! The record itself goes out as it came; nothing is computed from it here.

use serde::Deserialize;
use std::borrow::Cow;

/// Where a record belongs: its group and window, and what requests filter by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The record's key without the window start, as JSON: orders and names the group and window.
    pub id: String,
    /// The tenant.
    pub tenant: Box<str>,
    /// The grouping set, such as `tenant,channel,queue`.
    pub group_set: Box<str>,
    /// The window's name.
    pub window: Box<str>,
    /// The channel, where the group has one.
    pub channel: Option<Box<str>>,
    /// The queue, where the group has one.
    pub queue: Option<Box<str>>,
}

/// How new a record is; the greater is shown. At equal revisions corrected > final > live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Newness {
    /// Start of the window, milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// The record's revision.
    pub revision: i64,
    status: Status,
}

/// A point of a sparkline. What does not exist is absent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// When it was heard, milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// Ratio.
    pub service_level: Option<f32>,
    /// Ratio.
    pub abandon_rate: Option<f32>,
    /// Contacts.
    pub contacts_waiting: Option<f32>,
}

/// A record as the board reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Where it belongs.
    pub place: Place,
    /// How new it is.
    pub newness: Newness,
    /// Its values for sparklines.
    pub point: Point,
}

impl Reading {
    /// Reads the key and value of a record heard at `at_ms`; `None` if it is not a KPI record, or key and
    /// value speak of different groups.
    #[must_use]
    pub fn of(key: &str, value: &str, at_ms: i64) -> Option<Reading> {
        let Key(tenant, group_set, values, window, _start) = serde_json::from_str(key).ok()?;
        let record: Record<'_> = serde_json::from_str(value).ok()?;
        let agree =
            record.group.tenant == tenant && record.group_set == group_set && record.window.name == window;
        // A newline would end the data of an event early; JSON can always be written without.
        if !agree || value.contains(['\n', '\r']) {
            return None;
        }
        let id = serde_json::to_string(&(&tenant, &group_set, &values, &window)).ok()?;
        let kpi = |kpi: Option<Value>| kpi.and_then(|kpi| kpi.value).map(narrow);
        Some(Reading {
            place: Place {
                id,
                tenant: tenant.into(),
                group_set: group_set.into(),
                window: window.into(),
                channel: record.group.channel.map(Into::into),
                queue: record.group.queue.map(Into::into),
            },
            newness: Newness {
                start_ms: record.window.start_ms,
                revision: record.revision,
                status: record.status,
            },
            point: Point {
                at_ms,
                service_level: kpi(record.kpis.service_level),
                abandon_rate: kpi(record.kpis.abandon_rate),
                contacts_waiting: record.levels.contacts_waiting.and_then(|level| level.last).map(narrow),
            },
        })
    }
}

impl Point {
    /// Whether it says anything.
    #[must_use]
    pub fn has_value(&self) -> bool {
        self.service_level.is_some() || self.abandon_rate.is_some() || self.contacts_waiting.is_some()
    }
}

// A sparkline is a few pixels high: half the memory is worth more than the digits.
fn narrow(value: f64) -> f32 {
    value as f32
}

#[derive(Deserialize)]
struct Key<'a>(
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
    Vec<String>,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
);

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
enum Status {
    Live,
    Final,
    Corrected,
}

#[derive(Deserialize)]
struct Record<'a> {
    status: Status,
    revision: i64,
    #[serde(borrow)]
    group_set: Cow<'a, str>,
    #[serde(borrow)]
    group: Group<'a>,
    #[serde(borrow)]
    window: Window<'a>,
    #[serde(default)]
    kpis: Kpis,
    #[serde(default)]
    levels: Levels,
}

#[derive(Deserialize)]
struct Group<'a> {
    #[serde(borrow)]
    tenant: Cow<'a, str>,
    #[serde(borrow)]
    channel: Option<Cow<'a, str>>,
    #[serde(borrow)]
    queue: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Window<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    start_ms: i64,
}

#[derive(Default, Deserialize)]
struct Kpis {
    service_level: Option<Value>,
    abandon_rate: Option<Value>,
}

#[derive(Deserialize)]
struct Value {
    value: Option<f64>,
}

#[derive(Default, Deserialize)]
struct Levels {
    contacts_waiting: Option<Level>,
}

#[derive(Deserialize)]
struct Level {
    last: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = r#"["acme","tenant,channel,queue",["voice","bil\"ling"],"15m","2026-01-05T09:30:00Z"]"#;
    const VALUE: &str = r#"{"schema":"intraday.kpi.v1","status":"final","revision":7,
        "group_set":"tenant,channel,queue","group":{"tenant":"acme","channel":"voice","queue":"bil\"ling"},
        "window":{"name":"15m","kind":"tumbling","start_ms":1000,"end_ms":2000},
        "counts":{"contacts_offered":120},
        "kpis":{"service_level":{"value":0.75,"numerator":3,"denominator":4},"asa":{"value":1}},
        "levels":{"contacts_waiting":{"last":4,"max":11},"oldest_wait_start":"2026-01-05T09:40:31Z"}}"#;

    fn value() -> String {
        VALUE.replace('\n', "")
    }

    #[test]
    fn reads_what_it_needs() {
        let reading = Reading::of(KEY, &value(), 55).unwrap();
        assert_eq!(reading.place.id, r#"["acme","tenant,channel,queue",["voice","bil\"ling"],"15m"]"#);
        assert_eq!(reading.place.queue.as_deref(), Some("bil\"ling"));
        assert_eq!((reading.newness.start_ms, reading.newness.revision), (1_000, 7));
        let point = reading.point;
        assert_eq!((point.at_ms, point.service_level, point.contacts_waiting), (55, Some(0.75), Some(4.0)));
        assert_eq!(point.abandon_rate, None);
    }

    #[test]
    fn refuses_what_is_no_record_or_disagrees_with_its_key() {
        assert!(Reading::of(KEY, "", 0).is_none());
        assert!(Reading::of("nonsense", &value(), 0).is_none());
        assert!(Reading::of(KEY, VALUE, 0).is_none(), "has newlines");
        assert!(Reading::of(&KEY.replace("acme", "other"), &value(), 0).is_none());
        assert!(Reading::of(&KEY.replace("15m", "5m"), &value(), 0).is_none());
        assert!(Reading::of(KEY, &value().replace("final", "draft"), 0).is_none());
    }

    #[test]
    fn newer_is_later_start_then_revision_then_status() {
        let newness = |start_ms, revision, status| Newness { start_ms, revision, status };
        assert!(newness(2, 1, Status::Live) > newness(1, 9, Status::Corrected));
        assert!(newness(1, 2, Status::Live) > newness(1, 1, Status::Corrected));
        assert!(newness(1, 1, Status::Final) > newness(1, 1, Status::Live));
        assert!(newness(1, 1, Status::Corrected) > newness(1, 1, Status::Final));
    }
}
