//! Building the stage of a partition that came to us: from its state and offset, or new.
//!
//! Runs on threads of its own with clients of its own, so that partitions that stay keep running.
//! Must never know: the worker's consumer.

use super::client;
use super::clock::wall_now;
use super::config::{KafkaConfig, Mode, StartFrom};
use super::context::PlainContext;
use super::damper::{is_away, is_undecodable};
use super::error::KafkaError;
use super::handover::{Committed, same_commit};
use super::observer::Observer;
use super::progress::{Progress, Step};
use super::role::{Role, StateRecords};
use super::source::{Source, list_at};
use super::state_reader::StateReader;
use super::transaction::{committed, offsets_client};
use crate::fault::{self, Guard, Point};
use crate::pipeline::Record;
use crate::pipeline::stage::Stop;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError as ClientError;
use rdkafka::{Message, Offset};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

/// Pause before a restore begins again that brokers did not answer.
const AGAIN_PAUSE: Duration = Duration::from_secs(1);
/// Brokers answer late, or with nothing, while a transaction is pending on the offsets. One that hangs for ever was lost
/// by the brokers, and only they can end it.
const OFFSET_UNREAD: &str =
    "the committed offset cannot be read; if brokers are up, see kafka-transactions find-hanging";
/// How long one question to the broker may take.
pub const ASK_TIMEOUT: Duration = Duration::from_secs(20);

/// The only way to begin anew: the stages hold parts of each other's past.
const ANEW: &str = "begin anew under another service.id";

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
    /// Told how far it is.
    pub progress: Arc<Progress>,
}

/// A stage that can go on.
pub struct Begun<S> {
    /// The stage.
    pub stage: S,
    /// Next offset to take.
    pub next: i64,
    /// What the group had stored for the partition; nothing where nothing of it was committed before.
    pub stored: Option<Committed>,
}

/// Why a restore did not come to its end.
#[derive(Debug)]
pub(super) enum Hitch {
    /// Brokers do not answer: it begins again.
    Away(String),
    /// It never will.
    Final(Stop),
}

impl From<Stop> for Hitch {
    fn from(stop: Stop) -> Hitch {
        Hitch::Final(stop)
    }
}

pub(super) fn hitch(what: &str, error: &ClientError) -> Hitch {
    let text = format!("{what}: {error}");
    if is_away(error) { Hitch::Away(text) } else { Hitch::Final(Stop(text)) }
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
                Ok(asker) => self.restore_at_last(asker, &order),
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

    /// Restores, however long brokers are away.
    fn restore_at_last(
        &self,
        asker: &BaseConsumer<PlainContext>,
        order: &Order,
    ) -> Result<Begun<R::Stage>, Stop> {
        loop {
            match self.restore(asker, order) {
                Ok(begun) => return Ok(begun),
                Err(Hitch::Final(stop)) => return Err(stop),
                Err(Hitch::Away(reason)) if order.cancelled.load(Ordering::Relaxed) => {
                    return Err(Stop(reason));
                }
                Err(Hitch::Away(reason)) => {
                    tracing::warn!(source = %order.source, reason, "a restore begins again");
                    std::thread::sleep(AGAIN_PAUSE);
                }
            }
        }
    }

    fn restore(&self, asker: &BaseConsumer<PlainContext>, order: &Order) -> Result<Begun<R::Stage>, Hitch> {
        let source = &order.source;
        let state_source = Source::new(&self.role.state_topic(source), source.partition);
        let mut state = StateReader::open(self, &state_source)?;
        // For silence: a large state that keeps coming may take longer.
        let mut deadline = Instant::now() + self.config.restore_timeout;
        let mut tried = None;
        let mut last = Stop("nothing was read".to_owned());
        loop {
            // The offset first: state is written with it, so what is read later is at least as new.
            let stored = committed_offset(asker, source)?;
            if !fault::is_off(Guard::HeadEqualsOffset) {
                state.settle(self, order, deadline)?;
            }
            deadline = state.read(order, deadline, self.config.restore_timeout)?;
            match &stored {
                None if state.records.is_empty() => return self.begin(asker, source),
                Some(stored) if !state.records.is_empty() => {
                    let found = Some((stored.clone(), state.taken));
                    if tried != found {
                        tried = found;
                        match self.rebuild(order, stored, &state.records) {
                            Ok(begun) => {
                                fault::at(Point::Restored);
                                return Ok(begun);
                            }
                            Err(Hitch::Final(stop)) => last = stop,
                            Err(away) => return Err(away),
                        }
                    }
                }
                one_only => {
                    let offset = one_only.as_ref().map(|stored| stored.offset);
                    last = self.one_only(offset, source, &state_source);
                }
            }
            // The marker of the last transaction may reach the offsets before it reaches the state.
            if Instant::now() >= deadline || order.cancelled.load(Ordering::Relaxed) {
                return Err(last.into());
            }
        }
    }

    fn one_only(&self, offset: Option<i64>, source: &Source, state: &Source) -> Stop {
        let group = client::group(&self.config, R::NAME);
        Stop(match offset {
            Some(offset) => format!(
                "group {group} has offset {offset} for {source}, but {state} holds no state: \
                 restore the state topic, or {ANEW}"
            ),
            None => format!(
                "{state} holds state, but group {group} has no offset for {source}: \
                 set the offset that it had, or {ANEW}"
            ),
        })
    }

    /// A partition that nobody has worked on before.
    fn begin(&self, client: &BaseConsumer<PlainContext>, source: &Source) -> Result<Begun<R::Stage>, Hitch> {
        let (low, high) = client
            .fetch_watermarks(&source.topic, source.partition, ASK_TIMEOUT)
            .map_err(|error| hitch("its first and last offset cannot be read", &error))?;
        let next = match self.role.start_from() {
            StartFrom::Earliest => low,
            StartFrom::Latest => high,
            StartFrom::AgoMs(ago_ms) => {
                let since_ms = wall_now().0.saturating_sub(ago_ms).max(0);
                offset_at(client, source, since_ms)?.unwrap_or(high).max(low)
            }
        };
        Ok(Begun { stage: self.role.fresh(source, next), next, stored: None })
    }

    fn rebuild(
        &self,
        order: &Order,
        stored: &Committed,
        records: &StateRecords,
    ) -> Result<Begun<R::Stage>, Hitch> {
        let (source, offset) = (&order.source, stored.offset);
        let group = client::group(&self.config, R::NAME);
        let stopped = |stop: Stop| Stop(format!("{stop} (group {group})"));
        let mut stage = self.role.restore(source, offset, records).map_err(stopped)?;
        same_commit(self.role.commits(&stage), stored)?;
        if let Some(from) = self.role.replay_from(&stage).filter(|from| *from != offset) {
            // What went out up to an offset is known of commits alone. At the state's own offset nothing is lost.
            if self.config.mode == Mode::ExactlyOnce && !stored.is_of_a_commit() {
                return Err(Stop(format!(
                    "group {group} has offset {offset} for {source}, which no commit of this service has stored: it was \
                     set by hand, and which results went out is not known; set it to {from}, from where results are \
                     published once more and equal, or {ANEW}"
                ))
                .into());
            }
            self.replay(order, &mut stage, from, offset)?;
        }
        Ok(Begun { stage, next: offset, stored: Some(stored.clone()) })
    }

    /// Feeds the stage what it had read after its state was written, up to `until`; nothing is put out.
    fn replay(&self, order: &Order, stage: &mut R::Stage, from: i64, until: i64) -> Result<(), Hitch> {
        let mut next = from;
        order.progress.tell(Step::Replay, 0, until - from);
        let reader = self.reader(&order.source, Offset::Offset(from), "replay")?;
        let mut deadline = Instant::now() + self.config.restore_timeout;
        while !order.cancelled.load(Ordering::Relaxed) {
            // The record before the committed offset was read, so it is there. The end that readers are told says
            // nothing: after a broker's crash it is for a moment behind what was committed.
            if self.role.replay_from(stage).is_none_or(|next| next >= until) {
                return Ok(());
            }
            match reader.poll(Duration::from_millis(100)) {
                Some(Ok(message)) if message.offset() >= until => return Ok(()),
                Some(Ok(message)) => {
                    next = message.offset() + 1;
                    deadline = Instant::now() + self.config.restore_timeout;
                    order.progress.tell(Step::Replay, next - from, until - from);
                    self.role.take(
                        stage,
                        Record {
                            offset: message.offset(),
                            appended: None,
                            wall: wall_now(),
                            key: message.key(),
                            value: message.payload(),
                        },
                    )?;
                }
                Some(Err(ClientError::PartitionEOF(_))) => {}
                Some(Err(error)) if is_gone(&error) => {
                    return Err(Stop(format!(
                        "its records from offset {from} are gone ({error}): restore the topic, or {ANEW}"
                    ))
                    .into());
                }
                Some(Err(error)) if is_undecodable(&error) => {
                    return Err(undecodable(&order.source, next, &error).into());
                }
                Some(Err(error)) if Instant::now() < deadline => {
                    tracing::warn!(%error, source = %order.source, "replaying");
                }
                Some(Err(_)) | None if Instant::now() >= deadline => {
                    return Err(Hitch::Away(format!(
                        "its records from {from} to {until} cannot be read in time"
                    )));
                }
                Some(Err(_)) | None => {}
            }
        }
        Err(Hitch::Final(Stop("no longer ours".to_owned())))
    }

    pub(super) fn reader(
        &self,
        source: &Source,
        offset: Offset,
        purpose: &str,
    ) -> Result<BaseConsumer<PlainContext>, Hitch> {
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
        open().map_err(|error| hitch(&format!("{source} cannot be read"), &error))
    }
}

fn committed_offset(
    client: &BaseConsumer<PlainContext>,
    source: &Source,
) -> Result<Option<Committed>, Hitch> {
    let found = committed(client, [source], ASK_TIMEOUT).map_err(|error| hitch(OFFSET_UNREAD, &error))?;
    Ok(found.into_iter().next().and_then(|(_, stored)| stored))
}

fn offset_at(
    client: &BaseConsumer<PlainContext>,
    source: &Source,
    since_ms: i64,
) -> Result<Option<i64>, Hitch> {
    let asked = list_at([source], Offset::Offset(since_ms))
        .and_then(|list| client.offsets_for_times(list, ASK_TIMEOUT))
        .map_err(|error| hitch("its offset at a time cannot be read", &error))?;
    Ok(asked.elements().first().and_then(|element| match element.offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    }))
}

/// Records of our own that cannot be decoded are lost: nothing may be passed over.
pub fn undecodable(source: &Source, next: i64, error: &ClientError) -> Stop {
    Stop(format!(
        "{source} holds a batch at or after offset {next} that cannot be decoded ({error}); \
         restore the topic, or begin anew under another service.id"
    ))
}

/// Whether the records asked for no longer exist.
pub fn is_gone(error: &ClientError) -> bool {
    use rdkafka::error::RDKafkaErrorCode::{AutoOffsetReset, OffsetOutOfRange};
    matches!(error.rdkafka_error_code(), Some(AutoOffsetReset | OffsetOutOfRange))
}

#[cfg(test)]
#[path = "restore_tests.rs"]
mod tests;
