//! One producer and one handover at a time: everything of it becomes visible, or nothing does.
//!
//! Must never know: workers, stages, what to do after a failure.

use super::client;
use super::config::{KafkaConfig, Mode};
use super::context::{DeliveryContext, PlainContext};
use super::delivery::Delivery;
use super::handover::{Committed, Handover, Sealed};
use super::names::TopicNames;
use super::observer::Observer;
use super::records::{draft, state_topic};
use super::source::{Source, list_at};
use super::watchdog::Turns;
use crate::fault::{self, Point};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::{Offset, TopicPartitionList};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How a handover failed.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nothing of it is or will become visible; the producer is fine.
    Aborted(String),
    /// It may or may not become visible; the producer must be replaced before anyone can tell.
    Unknown(String),
    /// As unknown, because another producer of the same name has come or the broker has given this one up.
    Fenced(String),
    /// It can never succeed as it is.
    Impossible(String),
}

impl Failure {
    /// The same with what was sent and delivered.
    fn with(self, story: &str) -> Failure {
        let told = |cause: String| format!("{cause}; delivered: {story}");
        match self {
            Failure::Aborted(cause) => Failure::Aborted(told(cause)),
            Failure::Unknown(cause) => Failure::Unknown(told(cause)),
            Failure::Fenced(cause) => Failure::Fenced(told(cause)),
            Failure::Impossible(cause) => Failure::Impossible(told(cause)),
        }
    }
}

/// How long one pause for delivery reports lasts; the whole wait has its own deadline.
const DRAIN_STEP: Duration = Duration::from_millis(1);

/// A producer with what it needs to commit offsets.
pub struct Line {
    producer: BaseProducer<DeliveryContext>,
    offsets: Option<BaseConsumer<PlainContext>>,
    names: TopicNames,
    mode: Mode,
    /// How long a broker may give no sign.
    patience: Duration,
    /// How long the broker lets a transaction be open.
    span: Duration,
    turns: Turns,
    slow: bool,
}

impl Line {
    /// A new producer whose transactions may take `span`. In transactions its initialisation ends what an earlier one of
    /// the same name left open.
    ///
    /// # Errors
    /// The broker cannot be reached in time or knows no transactions.
    pub fn open(
        config: &KafkaConfig,
        (role, worker): (&str, &str),
        observer: &Arc<dyn Observer>,
        span: Duration,
        turns: Turns,
    ) -> Result<Line, Failure> {
        let context = DeliveryContext::new(Some(Arc::clone(observer)));
        let producer: BaseProducer<DeliveryContext> = client::producer(config, worker, span)
            .create_with_context(context)
            .map_err(|error| Failure::Impossible(format!("cannot make the producer of {worker}: {error}")))?;
        let offsets = match config.mode {
            Mode::ExactlyOnce => {
                initialise(&producer, config.transaction_timeout, span)?;
                None
            }
            Mode::None => Some(offsets_client(config, role, worker, observer).map_err(Failure::Impossible)?),
        };
        let names = TopicNames::new(&config.id);
        // Without it the first record of each topic would wait for a timer, up to a second.
        for topic in own_topics(config, role, &names) {
            if let Err(error) = producer.client().fetch_metadata(Some(&topic), config.transaction_timeout) {
                return Err(Failure::Unknown(format!("asking for topic {topic}: {error}")));
            }
        }
        let (mode, patience) = (config.mode, config.transaction_timeout);
        Ok(Line { producer, offsets, names, mode, patience, span, turns, slow: false })
    }

    /// Serves the producer's events while nothing is handed over.
    pub fn serve(&self) {
        self.producer.poll(Duration::ZERO);
    }

    /// Whether the last handover failed for want of time alone: the broker took record after record.
    pub const fn is_slow(&self) -> bool {
        self.slow
    }

    /// Makes the handover visible, whole. Returns how many records it took.
    ///
    /// # Errors
    /// Says whether nothing of it, or an unknown part, can become visible.
    pub fn perform(&mut self, handover: &Handover) -> Result<usize, Failure> {
        self.producer.context().forget();
        self.slow = false;
        let mut delivery = Delivery::new(Instant::now(), self.patience, self.span);
        let result = match self.mode {
            Mode::ExactlyOnce => self.transact(handover, &mut delivery),
            Mode::None => self.produce(handover, &mut delivery),
        };
        match result {
            Ok(()) => Ok(delivery.records),
            Err(failure) => Err(failure.with(&delivery.story(Instant::now()))),
        }
    }

    fn transact(&mut self, handover: &Handover, delivery: &mut Delivery) -> Result<(), Failure> {
        self.producer.begin_transaction().map_err(|error| lost(&error, "begin"))?;
        fault::at(Point::Begun);
        let filled = self.fill(handover, delivery);
        self.slow = filled.is_err() && delivery.is_slow(Instant::now());
        let outcome = filled.and_then(|()| {
            fault::at(Point::Offsets);
            self.commit(delivery)?;
            fault::at(Point::Committed);
            Ok(())
        });
        match outcome {
            Err(Failure::Aborted(cause)) => self.abort(cause),
            Err(Failure::Impossible(cause)) => {
                // The stop is the message; whether the abort arrives matters no more, the broker does it in time.
                let _ = self.abort(String::new());
                Err(Failure::Impossible(cause))
            }
            other => other,
        }
    }

    fn fill(&self, handover: &Handover, delivery: &mut Delivery) -> Result<(), Failure> {
        self.send(&handover.sealed, delivery)?;
        fault::at(Point::Sent);
        let metadata = handover
            .metadata
            .as_ref()
            .ok_or_else(|| Failure::Aborted("not a member of the group".to_owned()))?;
        let list = offsets(&handover.sealed).map_err(|error| Failure::Aborted(error.to_string()))?;
        let deadline = delivery.deadline(Instant::now());
        let send = || self.producer.send_offsets_to_transaction(&list, metadata, remaining(deadline));
        retried(deadline, "offsets", send)?;
        self.turns.turn();
        self.drain(delivery)
    }

    fn commit(&self, delivery: &Delivery) -> Result<(), Failure> {
        // The client's own flush would sleep 100 ms with records in flight; here none are.
        let deadline = delivery.deadline(Instant::now());
        retried(deadline, "commit", || self.producer.commit_transaction(remaining(deadline)))
    }

    /// Aborts with nothing in flight: an abort that meets a partition still being added is fatal to the client.
    fn abort(&self, cause: String) -> Result<(), Failure> {
        self.turns.turn();
        let deadline = Instant::now() + self.patience;
        while self.producer.in_flight_count() > 0 && Instant::now() < deadline {
            self.wait_a_little();
        }
        if self.producer.in_flight_count() > 0 {
            return Err(Failure::Unknown(format!("{cause}; records still in flight")));
        }
        match retried(deadline, "abort", || self.producer.abort_transaction(remaining(deadline))) {
            Ok(()) => Err(Failure::Aborted(cause)),
            Err(Failure::Fenced(text)) => Err(Failure::Fenced(format!("{cause}; {text}"))),
            Err(failure) => Err(Failure::Unknown(format!("{cause}; {failure:?}"))),
        }
    }

    fn produce(&mut self, handover: &Handover, delivery: &mut Delivery) -> Result<(), Failure> {
        let sent = self.send(&handover.sealed, delivery).and_then(|()| self.drain(delivery));
        self.slow = sent.is_err() && delivery.is_slow(Instant::now());
        sent?;
        if let (Some(client), Ok(list)) = (&self.offsets, offsets(&handover.sealed)) {
            // The records are delivered: sending them again would be ignored as seen, so a lost offset is only noted.
            if let Err(error) = client.commit(&list, CommitMode::Sync) {
                tracing::warn!(%error, "offsets not committed");
            }
            // The client's queue is served although nothing is read with it.
            let _ = client.poll(Duration::ZERO);
        }
        Ok(())
    }

    fn send(&self, sealed: &[Sealed], delivery: &mut Delivery) -> Result<(), Failure> {
        for one in sealed {
            let state = state_topic(&self.names, one);
            for effect in &one.commit.effects {
                let mut draft = draft(&self.names, &state, one, effect);
                let mut record = draft.record();
                delivery.sent(record.payload.map_or(0, <[u8]>::len) + record.key.map_or(0, <[u8]>::len));
                while let Err((error, back)) = self.producer.send(record) {
                    if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                        return Err(sending(&error, &back));
                    }
                    if delivery.is_over(Instant::now()) {
                        return Err(too_late());
                    }
                    record = back;
                    self.wait_a_little();
                    self.note(delivery);
                }
            }
            self.producer.poll(Duration::ZERO);
        }
        Ok(())
    }

    /// Progress is a turn: a large commit on a slow way is no thread that stands still.
    fn note(&self, delivery: &mut Delivery) {
        if delivery.note(self.producer.context().delivered(), Instant::now()) {
            self.turns.turn();
        }
    }

    /// Serves what has come, or pauses. A poll that waits would spin: of less than a millisecond the client waits nothing.
    fn wait_a_little(&self) {
        let before = self.producer.in_flight_count();
        self.producer.poll(Duration::ZERO);
        if self.producer.in_flight_count() == before {
            std::thread::sleep(DRAIN_STEP);
        }
    }

    fn drain(&self, delivery: &mut Delivery) -> Result<(), Failure> {
        while self.producer.in_flight_count() > 0 {
            if delivery.is_over(Instant::now()) {
                return Err(too_late());
            }
            self.wait_a_little();
            self.note(delivery);
        }
        self.note(delivery);
        match self.producer.context().take_failure() {
            None => Ok(()),
            Some(code) if is_permanent(code) => {
                Err(Failure::Impossible(format!("the broker refused a record: {code}")))
            }
            Some(code) => Err(Failure::Aborted(format!("a record was not delivered: {code}"))),
        }
    }
}

fn too_late() -> Failure {
    Failure::Aborted("records not delivered in time".to_owned())
}

/// The offsets that the group has stored for these partitions; waits for pending transactions.
///
/// # Errors
/// The broker did not answer in time.
pub fn committed<'s>(
    client: &BaseConsumer<PlainContext>,
    sources: impl IntoIterator<Item = &'s Source>,
    timeout: Duration,
) -> Result<Vec<(Source, Option<Committed>)>, KafkaError> {
    let list = client.committed_offsets(list_at(sources, Offset::Invalid)?, timeout)?;
    let mut found = Vec::new();
    for element in list.elements() {
        element.error()?;
        let committed = match element.offset() {
            Offset::Offset(offset) => Some(Committed { offset, mark: element.metadata().to_owned() }),
            _ => None,
        };
        found.push((Source::new(element.topic(), element.partition()), committed));
    }
    Ok(found)
}

/// A client that reads and stores offsets in the group's name without joining it.
///
/// # Errors
/// The client cannot be made.
pub fn offsets_client(
    config: &KafkaConfig,
    role: &str,
    worker: &str,
    observer: &Arc<dyn Observer>,
) -> Result<BaseConsumer<PlainContext>, String> {
    client::reader(config, role, &format!("{worker}-offsets"))
        .create_with_context(PlainContext::new(Some(Arc::clone(observer))))
        .map_err(|error| format!("cannot make the offsets client of {worker}: {error}"))
}

fn initialise(
    producer: &BaseProducer<DeliveryContext>,
    timeout: Duration,
    span: Duration,
) -> Result<(), Failure> {
    producer.init_transactions(timeout).map_err(|error| match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::UnsupportedFeature | RDKafkaErrorCode::UnsupportedVersion) => {
            Failure::Impossible(format!(
                "the broker has no transactions ({error}); use one that has, or service.mode = \"none\" without guarantees"
            ))
        }
        Some(RDKafkaErrorCode::InvalidTransactionTimeout) => Failure::Impossible(format!(
            "brokers do not let a transaction be open for {} s ({error}); raise their transaction.max.timeout.ms",
            span.as_secs()
        )),
        Some(RDKafkaErrorCode::TransactionalIdAuthorizationFailed) => Failure::Impossible(format!(
            "not allowed to use this transactional id ({error}); grant WRITE and DESCRIBE on TransactionalId"
        )),
        _ => lost(&error, "transactions cannot be initialised"),
    })
}

fn own_topics(config: &KafkaConfig, role: &str, names: &TopicNames) -> Vec<String> {
    if role == "merge" {
        return vec![names.merge_state.clone(), names.kpis.clone()];
    }
    let state = config.input_topics.iter().map(|input| names.fold_state(input));
    state.chain([names.partials.clone(), names.dead_letters.clone()]).collect()
}

/// Repeats `call` while it asks for it; the deadline leaves the outcome unknown.
fn retried(
    deadline: Instant,
    what: &str,
    mut call: impl FnMut() -> Result<(), KafkaError>,
) -> Result<(), Failure> {
    loop {
        match call() {
            Ok(()) => return Ok(()),
            Err(KafkaError::Transaction(error)) if error.txn_requires_abort() => {
                return Err(Failure::Aborted(format!("{what}: {error}")));
            }
            Err(KafkaError::Transaction(error)) if error.is_retriable() && Instant::now() < deadline => {}
            Err(error) => return Err(lost(&error, what)),
        }
    }
}

fn offsets(sealed: &[Sealed]) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::new();
    for one in sealed {
        let mut element = list.add_partition(&one.source.topic, one.source.partition);
        element.set_offset(Offset::Offset(one.commit.to))?;
        element.set_metadata(&one.mark);
    }
    Ok(list)
}

fn sending(error: &KafkaError, record: &rdkafka::producer::BaseRecord<'_, [u8], [u8]>) -> Failure {
    let bytes = record.payload.map_or(0, <[u8]>::len);
    let text = format!("a record of {bytes} bytes for {}: {error}", record.topic);
    match error.rdkafka_error_code() {
        Some(code) if is_permanent(code) => Failure::Impossible(text),
        Some(RDKafkaErrorCode::Fenced) => Failure::Fenced(text),
        Some(RDKafkaErrorCode::Fatal | RDKafkaErrorCode::State) => Failure::Unknown(text),
        _ => Failure::Aborted(text),
    }
}

/// The producer is of no use any more: whether that is because another has taken its name.
fn lost(error: &KafkaError, what: &str) -> Failure {
    use RDKafkaErrorCode::{Fenced, InvalidProducerEpoch, ProducerFenced};
    let text = format!("{what}: {error}");
    match error.rdkafka_error_code() {
        Some(Fenced | ProducerFenced | InvalidProducerEpoch) => Failure::Fenced(text),
        _ => Failure::Unknown(text),
    }
}

/// Whether sending the same bytes again must fail the same way.
fn is_permanent(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::MessageSizeTooLarge
            | RDKafkaErrorCode::InvalidRecord
            | RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::UnknownPartition
            | RDKafkaErrorCode::UnknownTopic
    )
}

fn remaining(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(100))
}
