//! What the Kafka side of the service is told: names, intervals, limits. Values only.
//!
//! Must never know: where they come from, nor what the records mean.

use crate::time::{MINUTE_MS, Millis};
use std::collections::BTreeMap;
use std::time::Duration;

/// How results and offsets are kept together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One Kafka transaction per commit.
    ExactlyOnce,
    /// An idempotent producer, then the offsets: for the demo's embedded broker, whose transactions are cosmetic.
    /// Partitions are assigned by number, without a group.
    None,
}

/// Where a partition begins that has neither state nor offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartFrom {
    /// At its oldest record.
    Earliest,
    /// At its end.
    Latest,
    /// At the first record with a broker timestamp of at most this long ago.
    AgoMs(Millis),
}

/// Which group protocol the workers join with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupProtocol {
    /// The classic one, cooperative-sticky with static membership.
    Classic,
    /// KIP-848; session timeout and heartbeats are the broker's.
    Consumer,
}

/// Settings of the Kafka side, resolved.
#[derive(Clone, Debug)]
pub struct KafkaConfig {
    /// Prefix of topics, groups and transactional ids.
    pub id: String,
    /// Tells copies apart; stable over restarts.
    pub instance: String,
    /// Bootstrap servers, comma-separated.
    pub brokers: String,
    /// Topics with events.
    pub input_topics: Vec<String>,
    /// Client properties passed through, except those in [`super::client::OWNED`].
    pub client: BTreeMap<String, String>,
    /// How results and offsets are kept together.
    pub mode: Mode,
    /// Where a new input partition begins.
    pub start_from: StartFrom,
    /// Shards of merge: partitions of partials, merge-state and kpis.
    pub shards: u32,
    /// Fold workers of this process.
    pub fold_workers: u32,
    /// Merge workers of this process.
    pub merge_workers: u32,
    /// Pace of fold's commits.
    pub commit_interval: Duration,
    /// Pace of merge's publish ticks.
    pub publish_interval: Duration,
    /// After this long without a heartbeat the group gives a worker's partitions away.
    pub session_timeout: Duration,
    /// After this long the broker aborts an open transaction.
    pub transaction_timeout: Duration,
    /// A partition that has been at its end and silent for this long is idle.
    pub idle_after: Duration,
    /// While catching up, a partition further ahead (event time) of the slowest one than this waits.
    pub max_ahead_ms: Millis,
    /// The protocol of the groups.
    pub group_protocol: GroupProtocol,
    /// A copy that stops in good order leaves its groups: others take over at once instead of after the session timeout.
    pub leave_on_stop: bool,
    /// A thread that makes no turn for this long ends the service; at least six times the transaction timeout.
    pub stuck_after: Duration,
    /// How often merge deletes partials that no restore needs.
    pub prune_interval: Duration,
    /// How long a restore waits for state that the committed offset promises.
    pub restore_timeout: Duration,
    /// An input topic may have grown to this many partitions.
    pub accept_partitions: Option<u32>,
    /// Replicas of topics that are created; `None`: the broker's default.
    pub replication: Option<i32>,
    /// How long records of the kpis topic are kept, where it is created.
    pub kpis_retention: Duration,
}

impl Default for KafkaConfig {
    fn default() -> Self {
        KafkaConfig {
            id: "intraday".to_owned(),
            instance: "0".to_owned(),
            brokers: "127.0.0.1:9092".to_owned(),
            input_topics: vec!["contact-center.events".to_owned()],
            client: BTreeMap::new(),
            mode: Mode::ExactlyOnce,
            start_from: StartFrom::AgoMs(24 * 60 * MINUTE_MS),
            shards: 8,
            fold_workers: 1,
            merge_workers: 1,
            commit_interval: Duration::from_millis(100),
            publish_interval: Duration::from_millis(200),
            session_timeout: Duration::from_secs(10),
            transaction_timeout: Duration::from_secs(10),
            idle_after: Duration::from_secs(5),
            max_ahead_ms: 5 * MINUTE_MS,
            group_protocol: GroupProtocol::Classic,
            leave_on_stop: true,
            stuck_after: Duration::from_secs(90),
            prune_interval: Duration::from_secs(60),
            restore_timeout: Duration::from_secs(30),
            accept_partitions: None,
            replication: None,
            kpis_retention: Duration::from_secs(30 * 24 * 3_600),
        }
    }
}
