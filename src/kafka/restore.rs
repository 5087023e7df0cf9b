//! Building the stage of a partition that came to us: from its state and offset, or new.
//!
//! Runs on threads of its own with clients of its own, so that partitions that stay keep running.
//! Must never know: the worker's consumer.

use super::client;
use super::clock::wall_now;
use super::config::{KafkaConfig, StartFrom};
use super::context::PlainContext;
use super::error::KafkaError;
use super::handover::Committed;
use super::observer::Observer;
use super::role::{Role, StateRecords};
use super::source::{Source, list_at};
use super::transaction::{committed, offsets_client};
use crate::fault::{self, Point};
use crate::pipeline::Record;
use crate::pipeline::stage::Stop;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError as ClientError;
use rdkafka::{Message, Offset};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

/// How long one question to the broker may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a restore waits for more state before it looks at the offset again.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Threads of one assignment: a restore mostly waits for the broker.
const THREADS: usize = 4;

/// A partition to be restored.
pub struct Order {
    /// The partition.
    pub source: Source,
    /// Which assignment of it this is for.
    pub era: u64,
    /// Set when nobody waits for it any more.
    pub cancelled: Arc<AtomicBool>,
}

/// A stage that can go on.
pub struct Begun<S> {
    /// The stage.
    pub stage: S,
    /// Next offset to take.
    pub next: i64,
    /// Nothing of the partition was committed before.
    pub first: bool,
}

/// What a restore came to.
pub struct Restored<S> {
    /// Which assignment of it this is for.
    pub era: u64,
    /// The stage, or why there is none.
    pub result: Result<Begun<S>, Stop>,
    /// How long it took.
    pub took: Duration,
}

/// Both ends of the way that restored stages take to their worker.
pub type Arrivals<S> = (Sender<Restored<S>>, Receiver<Restored<S>>);

/// Restores partitions of one role, a few at a time.
pub struct Restorer<R> {
    /// The kind of stage.
    pub role: Arc<R>,
    /// Settings of the Kafka side.
    pub config: Arc<KafkaConfig>,
    /// Hears of client errors.
    pub observer: Arc<dyn Observer>,
    /// The worker, for names.
    pub worker: String,
}

impl<R: Role> Restorer<R> {
    /// Starts a few threads; each result goes to `results` as soon as it is there.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(self, orders: Vec<Order>, results: &Sender<Restored<R::Stage>>) -> Result<(), KafkaError> {
        let restorer = Arc::new(self);
        let mut shares: Vec<Vec<Order>> = (0..THREADS).map(|_| Vec::new()).collect();
        for (order, place) in orders.into_iter().zip((0..THREADS).cycle()) {
            shares[place].push(order);
        }
        for share in shares.into_iter().filter(|share| !share.is_empty()) {
            let (restorer, results) = (Arc::clone(&restorer), results.clone());
            let worker = format!("the restore of {}", restorer.worker);
            std::thread::Builder::new()
                .name(format!("restore-{}", restorer.worker))
                .spawn(move || restorer.work(share, &results))
                .map(drop)
                .map_err(|source| KafkaError::Thread { worker, source })?;
        }
        Ok(())
    }

    fn work(&self, orders: Vec<Order>, results: &Sender<Restored<R::Stage>>) {
        let asker = offsets_client(&self.config, R::NAME, &self.worker, &self.observer).map_err(Stop);
        for order in orders {
            let begun_at = Instant::now();
            let result = match &asker {
                Ok(asker) => self.restore(asker, &order),
                Err(stop) => Err(stop.clone()),
            };
            if order.cancelled.load(Ordering::Relaxed) {
                continue;
            }
            let result = result.map_err(|stop| Stop(format!("cannot restore {}: {stop}", order.source)));
            // A worker that is gone does not read results.
            let _ = results.send(Restored { era: order.era, result, took: begun_at.elapsed() });
        }
    }

    fn restore(&self, asker: &BaseConsumer<PlainContext>, order: &Order) -> Result<Begun<R::Stage>, Stop> {
        let source = &order.source;
        let state_source = Source::new(&self.role.state_topic(source), source.partition);
        let mut state = StateReader::open(self, &state_source)?;
        let deadline = Instant::now() + self.config.restore_timeout;
        let mut tried = None;
        let mut last = Stop("nothing was read".to_owned());
        loop {
            // The offset first: state is written with it, so what is read later is at least as new.
            let offset = committed_offset(asker, source)?;
            state.read(order, deadline)?;
            match offset {
                None if state.records.is_empty() => return self.begin(asker, source),
                Some(offset) if !state.records.is_empty() => {
                    if tried != Some((offset, state.taken)) {
                        tried = Some((offset, state.taken));
                        match self.rebuild(order, offset, &state.records) {
                            Ok(begun) => {
                                fault::at(Point::Restored);
                                return Ok(begun);
                            }
                            Err(stop) => last = stop,
                        }
                    }
                }
                one_only => last = self.one_only(one_only, source, &state_source),
            }
            // The marker of the last transaction may reach the offsets before it reaches the state.
            if Instant::now() >= deadline || order.cancelled.load(Ordering::Relaxed) {
                return Err(last);
            }
        }
    }

    fn one_only(&self, offset: Option<i64>, source: &Source, state: &Source) -> Stop {
        let group = client::group(&self.config, R::NAME);
        Stop(match offset {
            Some(offset) => format!(
                "group {group} has offset {offset} for {source}, but {state} holds no state; \
                 restore the state topic, or delete the group's offset to begin anew"
            ),
            None => format!(
                "{state} holds state, but group {group} has no offset for {source}; \
                 restore the group's offset, or delete the state topic to begin anew"
            ),
        })
    }

    /// A partition that nobody has worked on before.
    fn begin(&self, client: &BaseConsumer<PlainContext>, source: &Source) -> Result<Begun<R::Stage>, Stop> {
        let (low, high) = client
            .fetch_watermarks(&source.topic, source.partition, ASK_TIMEOUT)
            .map_err(|error| Stop(format!("its first and last offset cannot be read: {error}")))?;
        let next = match self.role.start_from() {
            StartFrom::Earliest => low,
            StartFrom::Latest => high,
            StartFrom::AgoMs(ago_ms) => {
                let since_ms = wall_now().0.saturating_sub(ago_ms).max(0);
                offset_at(client, source, since_ms)?.unwrap_or(high).max(low)
            }
        };
        Ok(Begun { stage: self.role.fresh(source, next), next, first: true })
    }

    fn rebuild(&self, order: &Order, offset: i64, records: &StateRecords) -> Result<Begun<R::Stage>, Stop> {
        let mut stage = self.role.restore(&order.source, offset, records)?;
        if let Some(from) = self.role.replay_from(&stage).filter(|from| *from < offset) {
            self.replay(order, &mut stage, from, offset)?;
        }
        Ok(Begun { stage, next: offset, first: false })
    }

    /// Feeds the stage what it had read after its state was written, up to `until`; nothing is put out.
    fn replay(&self, order: &Order, stage: &mut R::Stage, from: i64, until: i64) -> Result<(), Stop> {
        let reader = self.reader(&order.source, Offset::Offset(from), "replay")?;
        let deadline = Instant::now() + self.config.restore_timeout;
        while !order.cancelled.load(Ordering::Relaxed) {
            // The record before the committed offset was read, so it is there. The end that readers are told says
            // nothing: after a broker's crash it is for a moment behind what was committed.
            if self.role.replay_from(stage).is_none_or(|next| next >= until) {
                return Ok(());
            }
            match reader.poll(Duration::from_millis(100)) {
                Some(Ok(message)) if message.offset() >= until => return Ok(()),
                Some(Ok(message)) => self.role.take(
                    stage,
                    Record {
                        offset: message.offset(),
                        appended: None,
                        wall: wall_now(),
                        key: message.key(),
                        value: message.payload(),
                    },
                )?,
                Some(Err(ClientError::PartitionEOF(_))) => {}
                Some(Err(error)) if is_gone(&error) => {
                    return Err(Stop(format!("its records from offset {from} are gone: {error}")));
                }
                Some(Err(error)) => tracing::warn!(%error, source = %order.source, "replaying"),
                None if Instant::now() >= deadline => {
                    return Err(Stop(format!("its records from {from} to {until} cannot be read in time")));
                }
                None => {}
            }
        }
        Err(Stop("no longer ours".to_owned()))
    }

    fn reader(
        &self,
        source: &Source,
        offset: Offset,
        purpose: &str,
    ) -> Result<BaseConsumer<PlainContext>, Stop> {
        let open = || -> Result<BaseConsumer<PlainContext>, ClientError> {
            let mut properties = client::reader(&self.config, R::NAME, &format!("{}-{purpose}", self.worker));
            // The notice of the end waits as long as an empty fetch does.
            properties.set("fetch.wait.max.ms", "10");
            let context = PlainContext::new(Some(Arc::clone(&self.observer)));
            let reader: BaseConsumer<PlainContext> = properties.create_with_context(context)?;
            // Without it the client would look for the topic's leader on a timer, up to a second later.
            reader.fetch_metadata(Some(&source.topic), ASK_TIMEOUT)?;
            reader.assign(&list_at([source], offset)?)?;
            Ok(reader)
        };
        open().map_err(|error| Stop(format!("{source} cannot be read: {error}")))
    }
}

/// Reads a state partition and keeps the last value per key.
struct StateReader {
    reader: BaseConsumer<PlainContext>,
    records: StateRecords,
    taken: u64,
    ended: bool,
}

impl StateReader {
    fn open<R: Role>(restorer: &Restorer<R>, source: &Source) -> Result<StateReader, Stop> {
        let reader = restorer.reader(source, Offset::Beginning, "state")?;
        Ok(StateReader { reader, records: StateRecords::new(), taken: 0, ended: false })
    }

    /// Reads to the end at first; then what comes within a moment.
    fn read(&mut self, order: &Order, deadline: Instant) -> Result<(), Stop> {
        let until = if self.ended { Instant::now() + LOOK_AGAIN } else { deadline };
        // The deadline is for silence: a large state that keeps coming may take longer.
        while !order.cancelled.load(Ordering::Relaxed) {
            match self.reader.poll(Duration::from_millis(50)) {
                Some(Ok(message)) => {
                    let key = message.key().unwrap_or_default().to_vec();
                    self.taken += 1;
                    match message.payload() {
                        Some(value) => self.records.insert(key, value.to_vec()),
                        None => self.records.remove(&key),
                    };
                }
                Some(Err(ClientError::PartitionEOF(_))) => {
                    self.ended = true;
                    return Ok(());
                }
                Some(Err(error)) => tracing::warn!(%error, source = %order.source, "reading state"),
                None if Instant::now() < until => {}
                None if self.ended => return Ok(()),
                None => return Err(Stop("its state cannot be read to the end in time".to_owned())),
            }
        }
        Err(Stop("no longer ours".to_owned()))
    }
}

fn committed_offset(client: &BaseConsumer<PlainContext>, source: &Source) -> Result<Option<i64>, Stop> {
    let found = committed(client, [source], ASK_TIMEOUT)
        .map_err(|error| Stop(format!("the committed offset cannot be read: {error}")))?;
    Ok(found.into_iter().next().and_then(|(_, stored)| stored).map(|Committed { offset, .. }| offset))
}

fn offset_at(
    client: &BaseConsumer<PlainContext>,
    source: &Source,
    since_ms: i64,
) -> Result<Option<i64>, Stop> {
    let asked = list_at([source], Offset::Offset(since_ms))
        .and_then(|list| client.offsets_for_times(list, ASK_TIMEOUT))
        .map_err(|error| Stop(format!("its offset at a time cannot be read: {error}")))?;
    Ok(asked.elements().first().and_then(|element| match element.offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    }))
}

/// Whether the records asked for no longer exist.
pub fn is_gone(error: &ClientError) -> bool {
    use rdkafka::error::RDKafkaErrorCode::{AutoOffsetReset, OffsetOutOfRange};
    matches!(error.rdkafka_error_code(), Some(AutoOffsetReset | OffsetOutOfRange))
}

#[cfg(test)]
#[path = "restore_tests.rs"]
mod tests;
