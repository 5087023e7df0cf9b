//! Why a Kafka operation failed, in words that name the thing and the remedy.
//!
//! Must never know: what the service does with the records.

use rdkafka::error::KafkaError as ClientError;

/// Why the Kafka side of the service could not start, go on or finish.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KafkaError {
    /// A property of `[kafka.client]` that the service sets itself.
    #[error("kafka.client property `{property}` belongs to the service; remove it from [kafka.client]")]
    OwnedProperty {
        /// The property.
        property: String,
    },
    /// A client could not be made or asked.
    #[error("kafka: {purpose}: {source}")]
    Client {
        /// What was being done.
        purpose: String,
        /// What the client library said.
        source: ClientError,
    },
    /// A topic is missing or is not as it must be.
    #[error("{0}")]
    Topic(String),
    /// A worker stopped: a guarantee is broken, state does not fit or a client is beyond repair.
    #[error("{worker} stopped: {reason}")]
    Stopped {
        /// The worker.
        worker: String,
        /// Why, with coordinates.
        reason: String,
    },
    /// A thread could not be started.
    #[error("cannot start a thread for {worker}: {source}")]
    Thread {
        /// What the thread is for.
        worker: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Threads were still at work when the deadline passed.
    #[error("{0} still at work at the deadline; what they had not committed is redone at the next start")]
    Deadline(String),
}

impl KafkaError {
    /// Whether no broker answered: asking again later is all that can be done.
    #[must_use]
    pub fn is_away(&self) -> bool {
        matches!(self, KafkaError::Client { source, .. } if super::damper::is_away(source))
    }

    /// A client error with what was being done.
    pub(super) fn client(purpose: impl Into<String>) -> impl FnOnce(ClientError) -> KafkaError {
        let purpose = purpose.into();
        move |source| KafkaError::Client { purpose, source }
    }
}
