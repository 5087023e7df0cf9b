//! What tests do with a broker's topics, whole and blocking: make, write, read to the end, ask offsets.
//!
//! Each call has a limit and panics with the broker's answer when it fails. Must never know what the
//! records mean.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::{Client, ClientContext, DefaultClientContext};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, DeliveryResult, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, NoCustomPartitioner, Producer, ProducerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::kafka::Broker;

const LIMIT: Duration = Duration::from_secs(30);

/// Which records a reader sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Those of committed transactions, up to the first open one.
    Committed,
    /// All, aborted ones too.
    Uncommitted,
}

/// A record as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The partition.
    pub partition: i32,
    /// The offset in it.
    pub offset: i64,
    /// Milliseconds since the Unix epoch; none in a record without a timestamp.
    pub timestamp_ms: Option<i64>,
    /// The key.
    pub key: Option<Vec<u8>>,
    /// The value; none is a tombstone.
    pub value: Option<Vec<u8>>,
    /// The headers, in their order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// A record to write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// The partition.
    pub partition: i32,
    /// The key.
    pub key: Option<Vec<u8>>,
    /// The value; none is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Milliseconds since the Unix epoch; none leaves it to the client's clock.
    pub timestamp_ms: Option<i64>,
    /// The headers, in their order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// A name that no other test and no other run uses, for topics, groups and transactional ids.
pub fn unique_name(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{prefix}-{}-{}-{number}", since.as_millis(), std::process::id())
}

/// How many brokers the cluster at `bootstrap` says it has; fails where none answers within `limit`.
pub fn brokers(bootstrap: &str, limit: Duration) -> Result<usize, String> {
    let asked = consumer(&client(bootstrap)).fetch_metadata(None, limit);
    let count = asked.map_err(|e| format!("no metadata from {bootstrap}: {e}"))?.brokers().len();
    if count == 0 { Err(format!("the metadata of {bootstrap} name no broker")) } else { Ok(count) }
}

impl Broker {
    /// The settings of a client of this broker, to add to.
    pub fn client(&self) -> ClientConfig {
        client(self.bootstrap())
    }

    /// Makes a topic with configurations such as `("cleanup.policy", "compact")`.
    pub fn create_topic(&self, topic: &str, partitions: i32, configs: &[(&str, &str)]) {
        let mut new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        for (key, value) in configs {
            new = new.set(key, value);
        }
        let made = block_on(self.admin().create_topics([&new], &options())).expect("create_topics");
        assert!(made.iter().all(Result::is_ok), "cannot create topic {topic}: {made:?}");
        // The controller has it; a loaded broker hears of it a moment later.
        let (asker, start) = (consumer(&self.client()), Instant::now());
        while known_partitions(&asker, topic) < partitions {
            assert!(start.elapsed() < LIMIT, "the broker does not know topic {topic}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Gives a topic more partitions.
    pub fn grow_topic(&self, topic: &str, partitions: usize) {
        let more = NewPartitions::new(topic, partitions);
        let made = block_on(self.admin().create_partitions([&more], &options())).expect("create_partitions");
        assert!(made.iter().all(Result::is_ok), "cannot grow topic {topic}: {made:?}");
    }

    /// Removes a topic.
    pub fn delete_topic(&self, topic: &str) {
        let gone = block_on(self.admin().delete_topics(&[topic], &options())).expect("delete_topics");
        assert!(gone.iter().all(Result::is_ok), "cannot delete topic {topic}: {gone:?}");
    }

    /// Removes the records of a partition before `offset`.
    pub fn delete_records(&self, topic: &str, partition: i32, offset: i64) {
        let mut before = TopicPartitionList::new();
        before.add_partition_offset(topic, partition, Offset::Offset(offset)).expect("an offset");
        let left = block_on(self.admin().delete_records(&before, &options())).expect("delete_records");
        for element in left.elements() {
            assert!(element.error().is_ok(), "cannot delete records of {topic}: {:?}", element.error());
        }
    }

    /// Writes one record, waits until the broker has it and returns its offset.
    pub fn produce(
        &self,
        topic: &str,
        partition: i32,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp_ms: Option<i64>,
    ) -> i64 {
        let (key, value) = (key.map(<[u8]>::to_vec), value.map(<[u8]>::to_vec));
        let record = Outgoing { partition, key, value, timestamp_ms, headers: Vec::new() };
        let ends = self.produce_all(topic, &[record]);
        ends[&partition]
    }

    /// Writes records in their order, waits until the broker has them all and returns the greatest
    /// offset of each partition.
    pub fn produce_all(&self, topic: &str, records: &[Outgoing]) -> BTreeMap<i32, i64> {
        let mut config = self.client();
        config.set("enable.idempotence", "true");
        let producer: BaseProducer<Deliveries> =
            config.create_with_context(Deliveries::default()).expect("a producer");
        let start = Instant::now();
        for record in records {
            let mut send = base_record(topic, record);
            while let Err((error, back)) = producer.send(send) {
                let full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
                assert!(full && start.elapsed() < LIMIT, "cannot produce to {topic}: {error}");
                producer.poll(Duration::from_millis(20));
                send = back;
            }
        }
        learn_leaders(producer.client(), topic);
        producer.flush(LIMIT).unwrap_or_else(|e| panic!("cannot flush to {topic}: {e}"));
        producer.context().assert_delivered(topic, records.len())
    }

    /// A producer of a transactional id, which fences off older ones of the same id.
    pub fn transactional(&self, id: &str) -> BaseProducer {
        let mut config = self.client();
        // A transaction lasts as long as its test wants it, also on a slow machine.
        config.set("transactional.id", id).set("transaction.timeout.ms", "600000");
        let producer: BaseProducer = config.create().expect("a producer");
        producer.init_transactions(LIMIT).unwrap_or_else(|e| panic!("cannot init transactions of {id}: {e}"));
        producer
    }

    /// All records of a topic by partition and offset, up to its end (in [`Isolation::Committed`]: up
    /// to the first open transaction).
    pub fn read_all(&self, topic: &str, isolation: Isolation) -> Vec<Record> {
        let mut config = self.client();
        let level = match isolation {
            Isolation::Committed => "read_committed",
            Isolation::Uncommitted => "read_uncommitted",
        };
        config.set("isolation.level", level).set("enable.partition.eof", "true");
        let consumer = consumer(&config);
        let partitions = partitions(&consumer, topic);
        let mut from = TopicPartitionList::new();
        for partition in 0..partitions {
            from.add_partition_offset(topic, partition, Offset::Beginning).expect("an offset");
        }
        consumer.assign(&from).expect("an assignment");
        learn_leaders(consumer.client(), topic);
        let mut records = Vec::new();
        let mut open = partitions;
        let start = Instant::now();
        while open > 0 {
            assert!(start.elapsed() < LIMIT, "cannot read all of {topic} within {} s", LIMIT.as_secs());
            match consumer.poll(Duration::from_millis(100)) {
                None => {}
                Some(Ok(message)) => records.push(record(&message)),
                Some(Err(KafkaError::PartitionEOF(_))) => open -= 1,
                Some(Err(error)) => panic!("cannot read {topic}: {error}"),
            }
        }
        records.sort_by_key(|r| (r.partition, r.offset));
        records
    }

    /// The first offset and the one after the last, of each partition.
    pub fn watermarks(&self, topic: &str) -> BTreeMap<i32, (i64, i64)> {
        let consumer = consumer(self.client().set("isolation.level", "read_uncommitted"));
        let ask = |partition| {
            let marks = consumer.fetch_watermarks(topic, partition, LIMIT);
            (partition, marks.unwrap_or_else(|e| panic!("no watermarks of {topic}-{partition}: {e}")))
        };
        (0..partitions(&consumer, topic)).map(ask).collect()
    }

    /// The offsets that a group has committed; a partition without one is absent.
    pub fn committed(&self, group: &str, topic: &str) -> BTreeMap<i32, i64> {
        let consumer = consumer(self.client().set("group.id", group));
        let mut asked = TopicPartitionList::new();
        asked.add_partition_range(topic, 0, partitions(&consumer, topic) - 1);
        let start = Instant::now();
        // A broker that was away has to find out that it coordinates the group.
        let known = loop {
            match consumer.committed_offsets(asked.clone(), LIMIT) {
                Ok(known) => break known,
                Err(e) => assert!(start.elapsed() < LIMIT * 2, "no committed offsets of {group}: {e}"),
            }
            std::thread::sleep(Duration::from_millis(100));
        };
        let offsets = known.elements().into_iter().filter_map(|e| match e.offset() {
            Offset::Offset(offset) => Some((e.partition(), offset)),
            _ => None,
        });
        offsets.collect()
    }

    /// Whether there is such a topic.
    pub fn exists(&self, topic: &str) -> bool {
        known_partitions(&consumer(&self.client()), topic) > 0
    }

    /// How many partitions a topic has; panics where there is no such topic.
    pub fn partitions(&self, topic: &str) -> i32 {
        partitions(&consumer(&self.client()), topic)
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.client().create().expect("an admin client")
    }
}

/// What the broker has said of the records of one producer.
#[derive(Default)]
pub(super) struct Deliveries(Mutex<Delivered>);

impl Deliveries {
    /// Fails where not all of `count` records were delivered; returns the greatest offset of each partition.
    pub(super) fn assert_delivered(&self, topic: &str, count: usize) -> BTreeMap<i32, i64> {
        let delivered = self.0.lock().expect("the deliveries").clone();
        assert_eq!(delivered.failures, [], "cannot produce to {topic}");
        assert_eq!(delivered.count, count, "records of {topic} that the broker has");
        delivered.offsets
    }
}

#[derive(Clone, Debug, Default)]
struct Delivered {
    count: usize,
    offsets: BTreeMap<i32, i64>,
    failures: Vec<KafkaError>,
}

impl ClientContext for Deliveries {}

impl ProducerContext<NoCustomPartitioner> for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let mut delivered = self.0.lock().expect("the deliveries");
        match result {
            Ok(message) => {
                delivered.count += 1;
                let end = delivered.offsets.entry(message.partition()).or_insert(message.offset());
                *end = message.offset().max(*end);
            }
            Err((error, _)) => delivered.failures.push(error.clone()),
        }
    }
}

fn client(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    // Reconnecting quickly matters in tests that take the broker away.
    config.set("bootstrap.servers", bootstrap).set("reconnect.backoff.max.ms", "500");
    config
}

fn consumer(config: &ClientConfig) -> BaseConsumer {
    let mut config = config.clone();
    // assign() needs a group id as well; without a commit it leaves nothing behind.
    if config.get("group.id").is_none() {
        config.set("group.id", "harness");
    }
    // The end of a partition is told by an empty answer, which a broker otherwise holds for 500 ms.
    config.set("fetch.wait.max.ms", "20");
    config.set("enable.auto.commit", "false").create().expect("a consumer")
}

fn partitions(consumer: &BaseConsumer, topic: &str) -> i32 {
    let count = known_partitions(consumer, topic);
    assert!(count > 0, "no topic {topic}");
    count
}

/// The partitions of a topic as the broker knows it; 0 where it does not.
fn known_partitions(consumer: &BaseConsumer, topic: &str) -> i32 {
    let metadata = consumer.fetch_metadata(Some(topic), LIMIT);
    let metadata = metadata.unwrap_or_else(|e| panic!("no metadata of {topic}: {e}"));
    let count = metadata.topics().first().map_or(0, |t| t.partitions().len());
    i32::try_from(count).expect("few partitions")
}

/// Asks for the leaders of a topic that the client already uses. Left alone, librdkafka looks for
/// unknown leaders once a second, which would be most of a short test's time.
fn learn_leaders<C: ClientContext>(client: &Client<C>, topic: &str) {
    // Where the answer does not come, the call that needs it fails with the reason.
    let _ = client.fetch_metadata(Some(topic), LIMIT);
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(LIMIT)).operation_timeout(Some(LIMIT))
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

/// A record as the client takes it.
pub(super) fn base_record<'a>(topic: &'a str, record: &'a Outgoing) -> BaseRecord<'a, [u8], [u8]> {
    let mut base = BaseRecord::to(topic).partition(record.partition);
    base.key = record.key.as_deref();
    base.payload = record.value.as_deref();
    base.timestamp = record.timestamp_ms;
    if !record.headers.is_empty() {
        let mut headers = OwnedHeaders::new();
        for (key, value) in &record.headers {
            headers = headers.insert(Header { key, value: value.as_ref() });
        }
        base.headers = Some(headers);
    }
    base
}

fn record(message: &BorrowedMessage<'_>) -> Record {
    let headers = message.headers().map_or_else(Vec::new, |headers| {
        headers.iter().map(|h| (h.key.to_owned(), h.value.map(<[u8]>::to_vec))).collect()
    });
    Record {
        partition: message.partition(),
        offset: message.offset(),
        timestamp_ms: message.timestamp().to_millis(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers,
    }
}

#[cfg(test)]
#[path = "records_tests.rs"]
mod tests;
