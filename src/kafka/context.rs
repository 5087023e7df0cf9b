//! What the clients call back: logs, errors, rebalances, positions, deliveries. Callbacks only note and return.
//!
//! Must never know: stages. Whoever polls a client takes the notes afterwards.

use super::damper::{self, Damper};
use super::observer::Observer;
use super::source::Source;
use rdkafka::TopicPartitionList;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryResult, ProducerContext};
use rdkafka::types::RDKafkaRespErr;
use serde::Deserialize;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// What all clients of the process report together: a broker that is away is one event, not one for each client.
static LINES: Damper = Damper::new();

/// A broker that a partition is read from answers several times a second; one that was silent for this long is away.
const SILENCE_MAX_US: i64 = 2_000_000;

/// A change of a worker's partitions, to be answered after `poll` has returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rebalance {
    /// These came.
    Assigned(Vec<Source>),
    /// These go; what is in flight may still be committed.
    Revoked(Vec<Source>),
    /// These are gone: others may own them already.
    Lost(Vec<Source>),
}

/// Where the end of a partition is, as the client knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionEnd {
    /// The partition.
    pub source: Source,
    /// The offset at which its readable records end.
    pub end: i64,
    /// Whether nothing is left to be polled.
    pub reached: bool,
    /// Whether the broker that it is read from answers at this moment; else it is what the client remembers.
    pub told: bool,
}

/// Callbacks of a worker's consumer.
pub struct GroupContext {
    observer: Arc<dyn Observer>,
    rebalances: Mutex<VecDeque<Rebalance>>,
    pending: AtomicBool,
    ends: Mutex<Vec<PartitionEnd>>,
    closing: AtomicBool,
    given_back: AtomicBool,
}

impl GroupContext {
    /// Callbacks that report errors to `observer`.
    pub fn new(observer: Arc<dyn Observer>) -> GroupContext {
        GroupContext {
            observer,
            rebalances: Mutex::default(),
            pending: AtomicBool::new(false),
            ends: Mutex::default(),
            closing: AtomicBool::new(false),
            given_back: AtomicBool::new(false),
        }
    }

    /// Whether a rebalance waits for an answer.
    pub fn has_rebalance(&self) -> bool {
        self.pending.load(Ordering::Acquire)
    }

    /// The oldest unanswered rebalance.
    pub fn take_rebalance(&self) -> Option<Rebalance> {
        let mut rebalances = lock(&self.rebalances);
        let rebalance = rebalances.pop_front();
        self.pending.store(!rebalances.is_empty(), Ordering::Release);
        rebalance
    }

    /// The ends reported since the last call.
    pub fn take_ends(&self) -> Vec<PartitionEnd> {
        std::mem::take(&mut *lock(&self.ends))
    }

    /// From now on rebalances are answered inside the callback: a consumer that closes waits for the answer.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    /// Whether partitions were given back since [`GroupContext::close`].
    pub fn has_given_back(&self) -> bool {
        self.given_back.load(Ordering::Acquire)
    }
}

impl ClientContext for GroupContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        report(Some(&*self.observer), &error, reason);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        // Only positions are read: decoding all of it would cost as much as a thousand events.
        if let Ok(statistics) = serde_json::from_slice::<Statistics>(statistics) {
            *lock(&self.ends) = statistics.ends();
        }
    }
}

impl ConsumerContext for GroupContext {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, what: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let assigned = what == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.closing.load(Ordering::Acquire) {
            if let Err(error) = answer(consumer, assigned, list) {
                tracing::warn!(%error, "answering a rebalance while closing");
            }
            self.given_back.store(!assigned, Ordering::Release);
            return;
        }
        let sources = list.elements().iter().map(|e| Source::new(e.topic(), e.partition())).collect();
        let rebalance = match (assigned, consumer.assignment_lost()) {
            (true, _) => Rebalance::Assigned(sources),
            (false, false) => Rebalance::Revoked(sources),
            (false, true) => Rebalance::Lost(sources),
        };
        lock(&self.rebalances).push_back(rebalance);
        self.pending.store(true, Ordering::Release);
    }
}

/// Tells the client that partitions were taken or given up, as its protocol asks.
///
/// # Errors
/// The client refuses, for instance because it is closing.
pub fn answer<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    assigned: bool,
    list: &TopicPartitionList,
) -> Result<(), KafkaError> {
    match (consumer.rebalance_protocol(), assigned) {
        (RebalanceProtocol::Cooperative, true) => consumer.incremental_assign(list),
        (RebalanceProtocol::Cooperative, false) => {
            // Those whose stages were not there yet were never added.
            let added = consumer.assignment()?;
            let mut ours = TopicPartitionList::new();
            for element in list.elements() {
                if added.find_partition(element.topic(), element.partition()).is_some() {
                    ours.add_partition(element.topic(), element.partition());
                }
            }
            consumer.incremental_unassign(&ours)
        }
        (_, true) => consumer.assign(list),
        (_, false) => consumer.unassign(),
    }
}

/// Callbacks of a consumer that joins nothing, and of administration.
pub struct PlainContext {
    observer: Option<Arc<dyn Observer>>,
    reason: Mutex<Option<String>>,
}

impl PlainContext {
    /// Callbacks that report errors to `observer`, if there is one.
    pub fn new(observer: Option<Arc<dyn Observer>>) -> PlainContext {
        PlainContext { observer, reason: Mutex::default() }
    }

    /// What the client said of the last error; names the batch, so that it is the same for all of its offsets.
    pub fn last_reason(&self) -> Option<String> {
        lock(&self.reason).clone()
    }
}

impl ClientContext for PlainContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        *lock(&self.reason) = Some(reason.to_owned());
        report(self.observer.as_deref(), &error, reason);
    }
}

impl ConsumerContext for PlainContext {}

/// Callbacks of a producer: what was delivered and what was not.
pub struct DeliveryContext {
    observer: Option<Arc<dyn Observer>>,
    delivered: AtomicUsize,
    failure: Mutex<Option<RDKafkaErrorCode>>,
}

impl DeliveryContext {
    /// Callbacks that report errors to `observer`, if there is one.
    pub fn new(observer: Option<Arc<dyn Observer>>) -> DeliveryContext {
        DeliveryContext { observer, delivered: AtomicUsize::new(0), failure: Mutex::new(None) }
    }

    /// Forgets what was delivered and what was not.
    pub fn forget(&self) {
        self.delivered.store(0, Ordering::Relaxed);
        self.take_failure();
    }

    /// Records delivered since they were forgotten.
    pub fn delivered(&self) -> usize {
        self.delivered.load(Ordering::Relaxed)
    }

    /// Why a record was not delivered since the last call; the first reason.
    pub fn take_failure(&self) -> Option<RDKafkaErrorCode> {
        lock(&self.failure).take()
    }
}

impl ClientContext for DeliveryContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        report(self.observer.as_deref(), &error, reason);
    }
}

impl ProducerContext for DeliveryContext {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => _ = self.delivered.fetch_add(1, Ordering::Relaxed),
            Err((error, _)) => {
                let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
                lock(&self.failure).get_or_insert(code);
            }
        }
    }
}

/// What is read of a client's statistics.
#[derive(Deserialize)]
struct Statistics {
    brokers: BTreeMap<String, BrokerStatistics>,
    topics: BTreeMap<String, TopicStatistics>,
}

#[derive(Deserialize)]
struct BrokerStatistics {
    nodeid: i32,
    state: String,
    /// Microseconds since it last sent anything; -1 if nothing on this connection.
    rxidle: i64,
}

impl BrokerStatistics {
    fn answers(&self) -> bool {
        self.state == "UP" && (0..SILENCE_MAX_US).contains(&self.rxidle)
    }
}

#[derive(Deserialize)]
struct TopicStatistics {
    partitions: BTreeMap<String, PartitionStatistics>,
}

#[derive(Deserialize)]
struct PartitionStatistics {
    partition: i32,
    broker: i32,
    fetch_state: String,
    fetchq_cnt: i64,
    next_offset: i64,
    ls_offset: i64,
    hi_offset: i64,
}

impl Statistics {
    fn ends(self) -> Vec<PartitionEnd> {
        let answers = |id: i32| self.brokers.values().any(|broker| broker.nodeid == id && broker.answers());
        let mut ends = Vec::new();
        for (topic, TopicStatistics { partitions }) in self.topics {
            for partition in partitions.into_values() {
                if partition.partition < 0 || partition.hi_offset < 0 || partition.fetch_state != "active" {
                    continue;
                }
                // Brokers that know no transactions report no last stable offset.
                let end = if partition.ls_offset < 0 { partition.hi_offset } else { partition.ls_offset };
                let reached = partition.fetchq_cnt == 0 && partition.next_offset >= end;
                let source = Source::new(&topic, partition.partition);
                ends.push(PartitionEnd { source, end, reached, told: answers(partition.broker) });
            }
        }
        ends
    }
}

fn report(observer: Option<&dyn Observer>, error: &KafkaError, reason: &str) {
    // The end of a partition comes the same way as errors do.
    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::PartitionEOF) {
        return;
    }
    let kind = damper::kind(error);
    if let Some(observer) = observer {
        observer.client_error(kind);
    }
    if let Some(held_back) = LINES.pass(kind, Instant::now()) {
        tracing::warn!(kind, %error, reason, held_back, "the Kafka client reported an error");
    }
}

fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    if !matches!(level, RDKafkaLogLevel::Debug) && LINES.pass(facility, Instant::now()).is_none() {
        return;
    }
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error => tracing::error!(target: "librdkafka", facility, "{message}"),
        RDKafkaLogLevel::Warning => tracing::warn!(target: "librdkafka", facility, "{message}"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
            tracing::info!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Debug => tracing::debug!(target: "librdkafka", facility, "{message}"),
    }
}

/// A lock whose holder panicked still holds whole values here: each is replaced in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_reached_when_nothing_is_left_to_fetch_or_to_poll() {
        let partition = |number: i32, broker: i32, state: &str, queued: i64, next: i64| {
            format!(
                "\"{number}\":{{\"partition\":{number},\"broker\":{broker},\"fetch_state\":\"{state}\",\
                 \"fetchq_cnt\":{queued},\"next_offset\":{next},\"ls_offset\":9,\"hi_offset\":12,\"other\":1}}"
            )
        };
        let broker = |id: i32, state: &str, idle_us: i64| {
            format!("\"b{id}\":{{\"nodeid\":{id},\"state\":\"{state}\",\"rxidle\":{idle_us}}}")
        };
        let brokers = [
            broker(-1, "INIT", -1),
            broker(1, "UP", 20_000),
            broker(2, "DOWN", 20_000),
            broker(3, "UP", 9_000_000),
        ];
        let partitions = [
            partition(0, 1, "active", 0, 9),
            partition(1, 1, "active", 2, 9),
            partition(2, 1, "none", 0, 9),
            partition(3, 2, "active", 0, 9),
            partition(4, 3, "active", 0, 9),
            partition(-1, -1, "active", 0, 9),
        ];
        let text = format!(
            "{{\"ts\":1,\"brokers\":{{{}}},\"topics\":{{\"t\":{{\"age\":1,\"partitions\":{{{}}}}}}}}}",
            brokers.join(","),
            partitions.join(","),
        );
        let ends = serde_json::from_str::<Statistics>(&text).unwrap().ends();
        let seen: Vec<_> =
            ends.iter().map(|end| (end.source.partition, end.end, end.reached, end.told)).collect();
        assert_eq!(seen, [(0, 9, true, true), (1, 9, false, true), (3, 9, true, false), (4, 9, true, false)]);
    }
}
