//! `[kafka]`: brokers, topics, and how the work is cut. It names no client library.

use super::client::{Client, Properties};
use super::fields::{Fields, Section};
use super::kinds::{Count, Flag, List, Span, Text, Word};
use super::problem::{Path, Problems};
use super::service::is_name_char;
use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS, Millis, SECOND_MS};
use std::collections::BTreeMap;

/// How the members of a consumer group agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupProtocol {
    /// The protocol of all brokers.
    #[default]
    Classic,
    /// That of KIP-848: the broker assigns.
    Consumer,
}

impl GroupProtocol {
    /// The word in configuration and client.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            GroupProtocol::Classic => "classic",
            GroupProtocol::Consumer => "consumer",
        }
    }
}

/// The section.
#[derive(Clone, Debug)]
pub struct Kafka {
    /// Brokers to begin with, `host:port`.
    pub brokers: Vec<String>,
    /// Topics with events.
    pub input_topics: Vec<String>,
    /// Shards of merge: fixed when the topics are created.
    pub shards: u32,
    /// Threads of stage 1.
    pub fold_workers: usize,
    /// Threads of stage 2.
    pub merge_workers: usize,
    /// How the members of a group agree.
    pub group_protocol: GroupProtocol,
    /// A member silent for this long loses its partitions, milliseconds.
    pub session_timeout_ms: Millis,
    /// A copy that stops in good order leaves its groups.
    pub leave_on_stop: bool,
    /// A transaction open for this long is aborted by the broker, milliseconds.
    pub transaction_timeout_ms: Millis,
    /// Replicas of the topics that `topics create` makes; -1: the broker's default.
    pub replication_factor: i32,
    /// How long KPI records are kept, milliseconds.
    pub kpis_retention_ms: Millis,
    pub(super) client: Client,
}

impl Kafka {
    /// Properties passed through to the client, secrets among them: not for print.
    #[must_use]
    pub fn client_properties(&self) -> BTreeMap<String, String> {
        self.client.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

impl Default for Kafka {
    fn default() -> Self {
        Kafka {
            brokers: vec!["localhost:9092".to_owned()],
            input_topics: vec!["contact-center-events".to_owned()],
            shards: 8,
            fold_workers: 1,
            merge_workers: 1,
            group_protocol: GroupProtocol::default(),
            session_timeout_ms: 10 * SECOND_MS,
            leave_on_stop: true,
            transaction_timeout_ms: 10 * SECOND_MS,
            replication_factor: -1,
            kpis_retention_ms: 30 * DAY_MS,
            client: Client::default(),
        }
    }
}

impl Section for Kafka {
    fn fields(&mut self, fields: &mut impl Fields) {
        let address = Text { bytes_max: 300 };
        fields.field("brokers", &mut self.brokers, List { item: address, items_max: 100 });
        let topic = Text { bytes_max: 200 };
        fields.field("input_topics", &mut self.input_topics, List { item: topic, items_max: 50 });
        fields.value("shards", &mut self.shards, Count { least: 1, most: 1_024 });
        fields.value("fold_workers", &mut self.fold_workers, Count { least: 1, most: 64 });
        fields.value("merge_workers", &mut self.merge_workers, Count { least: 1, most: 64 });
        let protocols = &[GroupProtocol::Classic, GroupProtocol::Consumer];
        fields.value(
            "group_protocol",
            &mut self.group_protocol,
            Word { all: protocols, name: GroupProtocol::name },
        );
        let session = Span { least_ms: SECOND_MS, most_ms: 30 * MINUTE_MS };
        fields.value("session_timeout", &mut self.session_timeout_ms, session);
        fields.value("leave_on_stop", &mut self.leave_on_stop, Flag);
        let transaction = Span { least_ms: SECOND_MS, most_ms: 15 * MINUTE_MS };
        fields.value("transaction_timeout", &mut self.transaction_timeout_ms, transaction);
        fields.value("replication_factor", &mut self.replication_factor, Count { least: -1, most: 32 });
        let retention = Span { least_ms: HOUR_MS, most_ms: 3_660 * DAY_MS };
        fields.value("kpis_retention", &mut self.kpis_retention_ms, retention);
        fields.field("client", &mut self.client, Properties);
    }

    fn check(&self, path: &Path, problems: &mut Problems<'_>) {
        for (key, list) in [("brokers", &self.brokers), ("input_topics", &self.input_topics)] {
            if list.is_empty() {
                problems.add(&path.key(key), "is empty; name at least one");
            }
        }
        let topics = path.key("input_topics");
        for (at, topic) in self.input_topics.iter().enumerate() {
            if !topic.chars().all(is_name_char) || topic == "." || topic == ".." {
                problems.add(&topics.item(at), format!("{topic:?} is not a name of a topic"));
            }
            if self.input_topics[..at].contains(topic) {
                problems.add(&topics.item(at), format!("{topic} stands here twice; remove one"));
            }
        }
        if self.replication_factor == 0 {
            problems.add(
                &path.key("replication_factor"),
                "0 is not a number of replicas; -1 is the broker's default",
            );
        }
    }
}
