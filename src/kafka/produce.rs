//! A producer of events for the demo and the generator.
//!
//! Must never know: what an event says.

use super::client;
use super::config::KafkaConfig;
use super::context::DeliveryContext;
use super::error::KafkaError;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::time::{Duration, Instant};

/// Records between two looks at delivery reports.
const SERVE_EVERY: u32 = 256;
/// How long a full queue may stay full.
const FULL_TIMEOUT: Duration = Duration::from_secs(30);

/// Sends events to one topic, partitioned by key as JVM producers do.
pub struct EventProducer {
    producer: BaseProducer<DeliveryContext>,
    topic: String,
    since_served: u32,
}

impl EventProducer {
    /// A producer for `topic`.
    ///
    /// # Errors
    /// A client property is refused.
    pub fn new(config: &KafkaConfig, topic: &str) -> Result<EventProducer, KafkaError> {
        client::validate(config)?;
        let producer: BaseProducer<DeliveryContext> = client::event_producer(config)
            .create_with_context(DeliveryContext::new(None))
            .map_err(KafkaError::client("the producer of events"))?;
        // Without it the first record would wait for a timer, up to a second.
        producer
            .client()
            .fetch_metadata(Some(topic), FULL_TIMEOUT)
            .map_err(KafkaError::client(format!("asking {} for topic {topic}", config.brokers)))?;
        Ok(EventProducer { producer, topic: topic.to_owned(), since_served: 0 })
    }

    /// Serves delivery reports; for pauses between sends.
    pub fn poll(&self) {
        self.producer.poll(Duration::ZERO);
    }

    /// Queues an event; waits while the queue is full.
    ///
    /// # Errors
    /// An earlier event was not delivered, or the queue stays full.
    pub fn send(&mut self, key: &[u8], value: &[u8]) -> Result<(), KafkaError> {
        self.since_served += 1;
        if self.since_served >= SERVE_EVERY {
            self.since_served = 0;
            self.producer.poll(Duration::ZERO);
            self.delivered()?;
        }
        let deadline = Instant::now() + FULL_TIMEOUT;
        let mut record = BaseRecord::to(&self.topic).key(key).payload(value);
        while let Err((error, back)) = self.producer.send(record) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) || Instant::now() >= deadline {
                return Err(KafkaError::client(format!("sending to {}", self.topic))(error));
            }
            record = back;
            self.producer.poll(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Events queued and not yet delivered.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        usize::try_from(self.producer.in_flight_count()).unwrap_or(0)
    }

    /// Waits until all events are delivered.
    ///
    /// # Errors
    /// One was not, or not in time.
    pub fn flush(&mut self, timeout: Duration) -> Result<(), KafkaError> {
        let deadline = Instant::now() + timeout;
        while self.producer.in_flight_count() > 0 {
            if Instant::now() >= deadline {
                let late = ClientError::Flush(RDKafkaErrorCode::OperationTimedOut);
                return Err(KafkaError::client(format!("flushing to {}", self.topic))(late));
            }
            self.producer.poll(Duration::from_millis(1));
        }
        self.delivered()
    }

    fn delivered(&self) -> Result<(), KafkaError> {
        match self.producer.context().take_failure() {
            None => Ok(()),
            Some(code) => {
                let lost = ClientError::MessageProduction(code);
                Err(KafkaError::client(format!("delivering to {}", self.topic))(lost))
            }
        }
    }
}
