//! Effects as records: topic, partition, key, value and headers of each.
//!
//! Must never know: transactions, offsets.

use super::handover::Sealed;
use super::names::TopicNames;
use super::source::Source;
use crate::pipeline::{DeadLetter, Effect, KpiRecord, StageKind};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::BaseRecord;

/// The schema that KPI records name in their headers.
pub const KPI_SCHEMA: &str = "intraday.kpi.v1";

/// A record before it has a key and value to borrow from.
#[derive(Debug)]
pub struct Draft<'a> {
    topic: &'a str,
    partition: Option<i32>,
    key: Option<Key<'a>>,
    value: Option<&'a [u8]>,
    headers: Option<OwnedHeaders>,
}

#[derive(Debug)]
enum Key<'a> {
    Borrowed(&'a [u8]),
    Made(String),
}

impl Draft<'_> {
    /// The record as a producer takes it.
    #[must_use]
    pub fn record(&mut self) -> BaseRecord<'_, [u8], [u8]> {
        let headers = self.headers.take();
        let mut record = BaseRecord::to(self.topic);
        record.partition = self.partition;
        record.key = self.key.as_ref().map(|key| match key {
            Key::Borrowed(bytes) => *bytes,
            Key::Made(text) => text.as_bytes(),
        });
        record.payload = self.value;
        record.headers = headers;
        record
    }
}

/// The record that performs `effect` of a commit; `state_topic` is the stage's own.
#[must_use]
pub fn draft<'a>(
    names: &'a TopicNames,
    state_topic: &'a str,
    sealed: &Sealed,
    effect: &'a Effect,
) -> Draft<'a> {
    let shard = sealed.source.partition;
    match effect {
        Effect::Batch { shard, bytes } => Draft {
            topic: &names.partials,
            partition: i32::try_from(*shard).ok(),
            key: None,
            value: Some(bytes),
            headers: None,
        },
        Effect::State { key, value } => Draft {
            topic: state_topic,
            partition: i32::try_from(sealed.commit.partition).ok(),
            key: Some(Key::Borrowed(key)),
            value: value.as_deref(),
            headers: None,
        },
        Effect::Kpi(kpi) => Draft {
            topic: &names.kpis,
            partition: Some(shard),
            key: Some(Key::Borrowed(kpi.key.as_bytes())),
            value: Some(kpi.value.as_bytes()),
            headers: Some(kpi_headers(kpi)),
        },
        Effect::DeadLetter(letter) => Draft {
            topic: &names.dead_letters,
            partition: None,
            key: Some(Key::Made(format!("{}/{}", sealed.source, letter.offset))),
            value: letter.value.as_deref(),
            headers: Some(dead_letter_headers(&sealed.source, letter)),
        },
    }
}

/// The state topic of a commit's stage.
#[must_use]
pub fn state_topic(names: &TopicNames, sealed: &Sealed) -> String {
    match sealed.commit.stage {
        StageKind::Fold => names.fold_state(&sealed.source.topic),
        StageKind::Merge => names.merge_state.clone(),
    }
}

fn kpi_headers(kpi: &KpiRecord) -> OwnedHeaders {
    let headers = with(OwnedHeaders::new_with_capacity(3), "schema", KPI_SCHEMA);
    let headers = with(headers, "status", kpi.status);
    with(headers, "revision", &kpi.revision.to_string())
}

fn dead_letter_headers(source: &Source, letter: &DeadLetter) -> OwnedHeaders {
    let mut headers = with(OwnedHeaders::new_with_capacity(9), "topic", &source.topic);
    headers = with(headers, "partition", &source.partition.to_string());
    headers = with(headers, "offset", &letter.offset.to_string());
    if let Some(last) = letter.last_offset {
        headers = with(headers, "last_offset", &last.to_string());
    }
    headers = with(headers, "reason", letter.reason);
    headers = with(headers, "detail", &letter.detail);
    if let Some(key) = &letter.key {
        headers = headers.insert(Header { key: "key", value: Some(key) });
    }
    if let Some(size) = letter.original_size {
        headers = with(headers, "truncated", "true");
        headers = with(headers, "original_size", &size.to_string());
    }
    headers
}

fn with(headers: OwnedHeaders, key: &str, value: &str) -> OwnedHeaders {
    headers.insert(Header { key, value: Some(value) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::{Commit, StageReport};
    use rdkafka::message::Headers;

    fn sealed(stage: StageKind) -> Sealed {
        let commit = Commit {
            stage,
            partition: 3,
            from: 0,
            to: 1,
            effects: Vec::new(),
            exposed: Vec::new(),
            report: StageReport::default(),
        };
        let source = Source::new("events", 3);
        Sealed { source, era: 0, mark: String::new(), first: false, stored: None, commit, needed_from: None }
    }

    fn texts(headers: &OwnedHeaders) -> Vec<(String, String)> {
        let text = |value: Option<&[u8]>| String::from_utf8(value.unwrap_or_default().to_vec()).unwrap();
        headers.iter().map(|header| (header.key.to_owned(), text(header.value))).collect()
    }

    #[test]
    fn each_effect_goes_to_its_topic_and_partition() {
        let names = TopicNames::new("id");
        let fold = sealed(StageKind::Fold);
        let state = state_topic(&names, &fold);
        assert_eq!(state, "id.fold-state.events");
        assert_eq!(state_topic(&names, &sealed(StageKind::Merge)), "id.merge-state");
        let batch = Effect::Batch { shard: 5, bytes: vec![1] };
        let mut draft_of = draft(&names, &state, &fold, &batch);
        let record = draft_of.record();
        assert_eq!((record.topic, record.partition), ("id.partials", Some(5)));
        let tombstone = Effect::State { key: vec![7], value: None };
        let mut draft_of = draft(&names, &state, &fold, &tombstone);
        let record = draft_of.record();
        assert_eq!((record.topic, record.partition), ("id.fold-state.events", Some(3)));
        assert_eq!((record.key, record.payload), (Some([7].as_slice()), None));
    }

    #[test]
    fn a_dead_letter_names_its_origin_and_its_cut() {
        let letter = DeadLetter {
            offset: 42,
            last_offset: None,
            reason: "late",
            detail: "by 2 h".to_owned(),
            key: Some(b"c1".to_vec()),
            value: Some(b"{".to_vec()),
            original_size: Some(600_000),
        };
        let effect = Effect::DeadLetter(letter);
        let (names, fold) = (TopicNames::new("id"), sealed(StageKind::Fold));
        let mut draft = draft(&names, "s", &fold, &effect);
        let headers = texts(draft.headers.as_ref().unwrap());
        let record = draft.record();
        assert_eq!(record.key, Some(b"events/3/42".as_slice()));
        assert!(headers.contains(&("original_size".to_owned(), "600000".to_owned())));
        assert!(headers.contains(&("reason".to_owned(), "late".to_owned())));
        assert!(headers.contains(&("key".to_owned(), "c1".to_owned())));
    }

    #[test]
    fn a_kpi_record_carries_schema_status_and_revision() {
        let kpi = KpiRecord { key: "[]".to_owned(), value: "{}".to_owned(), status: "final", revision: 7 };
        let headers = texts(&kpi_headers(&kpi));
        let expected = [("schema", "intraday.kpi.v1"), ("status", "final"), ("revision", "7")];
        assert_eq!(headers, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }
}
