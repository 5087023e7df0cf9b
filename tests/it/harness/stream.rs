//! A producer that does not stop: records at a steady rate from a thread of its own, whatever the broker does.
//!
//! It is patient with a broker that comes and goes, and keeps the order within each partition. Must never know what
//! the records mean.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, Producer};

use super::kafka::Broker;
use super::records::{Deliveries, Outgoing, base_record};

/// How often records are sent.
const TURN: Duration = Duration::from_millis(10);
/// How long a record may wait for the broker.
const PATIENCE: Duration = Duration::from_secs(300);

/// The running producer.
pub struct Stream {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
}

impl Stream {
    /// Begins to send `records` in their order, `per_second` of them.
    pub fn start(broker: &Broker, topic: &str, records: Vec<Outgoing>, per_second: usize) -> Stream {
        let mut config = broker.client();
        config.set("enable.idempotence", "true").set("linger.ms", "5");
        config.set("message.timeout.ms", PATIENCE.as_millis().to_string());
        let producer = config.create_with_context(Deliveries::default()).expect("a producer");
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let work =
            Work { producer, topic: topic.to_owned(), stop: Arc::clone(&stop), sent: Arc::clone(&sent) };
        let thread = std::thread::spawn(move || work.run(&records, per_second));
        Stream { stop, sent, thread }
    }

    /// How many were sent so far.
    pub fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    /// Whether there are records left to send.
    pub fn is_flowing(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Sends no more, and waits until the broker has all that was sent. Returns how many that are.
    pub fn stop(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("a stream without failures");
        self.sent.load(Ordering::Relaxed)
    }
}

struct Work {
    producer: BaseProducer<Deliveries>,
    topic: String,
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
}

impl Work {
    fn run(self, records: &[Outgoing], per_second: usize) {
        let start = Instant::now();
        let mut next = 0;
        while next < records.len() && !self.stop.load(Ordering::Relaxed) {
            let due = (start.elapsed().as_millis() as usize * per_second / 1_000).min(records.len());
            for record in &records[next.min(due)..due] {
                self.send(record);
            }
            next = next.max(due);
            self.sent.store(next, Ordering::Relaxed);
            self.producer.poll(TURN);
        }
        self.producer.flush(PATIENCE).unwrap_or_else(|e| panic!("cannot flush to {}: {e}", self.topic));
        self.producer.context().assert_delivered(&self.topic, next);
    }

    fn send(&self, record: &Outgoing) {
        let mut send = base_record(&self.topic, record);
        while let Err((error, back)) = self.producer.send(send) {
            let full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
            assert!(full, "cannot produce to {}: {error}", self.topic);
            self.producer.poll(TURN);
            send = back;
        }
    }
}
