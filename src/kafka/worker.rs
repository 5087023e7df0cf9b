//! A worker: the thread that owns one consumer and all stages of its partitions.
//!
//! No locks and no shared maps: what others know of the stages they are told after an acknowledged commit.
//! The files `assignment` and `commits` hold two further parts of it.

use super::client;
use super::clock::wall_now;
use super::committer::Committer;
use super::config::{KafkaConfig, Mode};
use super::context::GroupContext;
use super::error::KafkaError;
use super::halt::Halt;
use super::handover::{Reply, Sealed};
use super::observer::Observer;
use super::pace::{Runner, waits};
use super::prune::Pruner;
use super::restore::{Arrivals, is_gone};
use super::role::Role;
use super::seat::Seat;
use super::source::{Source, list_at};
use crate::pipeline::Record;
use crate::pipeline::stage::Stop;
use crate::time::WallMs;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message, Offset, Timestamp};
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

/// Records taken in one turn at most, so that commits and rebalances are not kept waiting.
const TURN_RECORDS: u32 = 20_000;
/// Longest wait for records.
const WAIT: Duration = Duration::from_millis(25);
/// Longest wait for records while a commit is in flight: its acknowledgement is to be seen soon.
const WAIT_IN_FLIGHT: Duration = Duration::from_millis(5);
/// How often an idle partition is marked again, so that its time goes on.
const IDLE_INTERVAL: Duration = Duration::from_secs(1);
/// How often a worker says that it is alive.
const BEAT_INTERVAL: Duration = Duration::from_millis(250);
/// How long the client may take to answer that a position is set.
const SEEK_CALL: Duration = Duration::from_secs(1);
/// How long a position may refuse to be set before the worker gives up.
const SEEK_TIMEOUT: Duration = Duration::from_secs(20);

/// What a worker needs to begin.
pub struct Post<R> {
    /// Role and number, as in `fold0`.
    pub name: String,
    /// Its number among `of` workers of the role in this process.
    pub number: u32,
    /// How many workers the role has in this process.
    pub of: u32,
    /// What it does.
    pub role: Arc<R>,
    /// Settings of the Kafka side.
    pub config: Arc<KafkaConfig>,
    /// Who is told.
    pub observer: Arc<dyn Observer>,
    /// Set when it is to stop in good order.
    pub halt: Arc<Halt>,
}

/// The thread's state.
pub struct Worker<R: Role> {
    pub(super) post: Post<R>,
    pub(super) consumer: BaseConsumer<GroupContext>,
    pub(super) committer: Committer,
    pub(super) seats: Vec<Seat<R::Stage>>,
    pub(super) eras: u64,
    pub(super) restored: Arrivals<R::Stage>,
    pub(super) flying: bool,
    pub(super) again: Vec<Sealed>,
    pub(super) refusals: u32,
    pub(super) next_commit: Instant,
    pub(super) marks: (u64, u64),
    pub(super) pruner: Option<Pruner>,
    pub(super) held: bool,
    pub(super) joined: bool,
    last_taken: usize,
    next_beat: Instant,
}

impl<R: Role> Worker<R> {
    /// Makes the consumer and starts the committer; joins nothing yet.
    ///
    /// # Errors
    /// A client or thread cannot be made.
    pub fn new(post: Post<R>) -> Result<Worker<R>, KafkaError> {
        let context = GroupContext::new(Arc::clone(&post.observer));
        let consumer: BaseConsumer<GroupContext> = client::member(&post.config, R::NAME, &post.name)
            .create_with_context(context)
            .map_err(KafkaError::client(format!("the consumer of {}", post.name)))?;
        let committer = Committer::start(&post.config, R::NAME, &post.name, &post.observer, &post.halt)?;
        let pruner = Pruner::new::<R>(&post.config)?;
        let now = Instant::now();
        Ok(Worker {
            consumer,
            committer,
            seats: Vec::new(),
            eras: 0,
            restored: std::sync::mpsc::channel(),
            flying: false,
            again: Vec::new(),
            refusals: 0,
            next_commit: now,
            marks: (u64::try_from(wall_now().0).unwrap_or(0), 0),
            pruner,
            held: false,
            joined: false,
            last_taken: 0,
            next_beat: now,
            post,
        })
    }

    /// Works until told to stop, then commits once more and leaves.
    ///
    /// # Errors
    /// Why it could not go on; nothing unacknowledged has been shown.
    pub fn run(mut self) -> Result<(), KafkaError> {
        let result = self.begin().and_then(|()| self.turns()).and_then(|()| self.finish());
        self.withdraw_all();
        self.beat("stopped");
        self.leave();
        let Worker { consumer, committer, post, .. } = self;
        drop(consumer);
        committer.end();
        result.map_err(|Stop(reason)| KafkaError::Stopped { worker: post.name, reason })
    }

    fn begin(&mut self) -> Result<(), Stop> {
        loop {
            self.beat("initialising transactions");
            if self.post.halt.is_asked() {
                return Ok(());
            }
            match self.committer.replies.recv_timeout(BEAT_INTERVAL) {
                Ok(Reply::Ready) => break,
                Ok(Reply::Failed(reason)) => return Err(Stop(reason)),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Reply::Ended(_)) | Err(RecvTimeoutError::Disconnected) => {
                    return Err(Stop("the committer ended at its start".to_owned()));
                }
            }
        }
        if self.post.config.mode == Mode::None {
            return self.take_own_share();
        }
        let topics = self.post.role.topics();
        let names: Vec<&str> = topics.iter().map(|(topic, _)| topic.as_str()).collect();
        self.consumer.subscribe(&names).map_err(|error| Stop(format!("cannot join the group: {error}")))
    }

    fn turns(&mut self) -> Result<(), Stop> {
        while !self.post.halt.is_asked() {
            self.answer_rebalances()?;
            self.take_restored()?;
            self.take_replies()?;
            self.seek_restored()?;
            self.intake()?;
            self.read_ends();
            self.mark_idle();
            self.keep_pace()?;
            self.commit_due()?;
            self.prune();
            if Instant::now() >= self.next_beat {
                let reason = self.waits_for();
                self.beat(reason);
            }
        }
        Ok(())
    }

    /// Takes what has come, at most a turn's worth; the clock is read once.
    fn intake(&mut self) -> Result<(), Stop> {
        let mut wait = match self.flying {
            true => WAIT_IN_FLIGHT,
            false => self.next_commit.saturating_duration_since(Instant::now()).min(WAIT),
        };
        let mut wall = None;
        for _ in 0..TURN_RECORDS {
            match self.consumer.poll(wait) {
                Some(Ok(message)) => {
                    let (wall, now) = *wall.get_or_insert_with(|| (wall_now(), Instant::now()));
                    if take(&*self.post.role, &mut self.seats, &mut self.last_taken, &message, wall, now)? {
                        return Ok(());
                    }
                }
                Some(Err(ClientError::PartitionEOF(partition))) => settle(&mut self.seats, partition),
                Some(Err(error)) => self.judge(&error)?,
                None => return Ok(()),
            }
            if self.consumer.context().has_rebalance() {
                return Ok(());
            }
            wait = Duration::ZERO;
        }
        Ok(())
    }

    /// What the consumer cannot deal with itself stops the worker; the rest it has reported and retries.
    fn judge(&self, error: &ClientError) -> Result<(), Stop> {
        if is_gone(error) {
            return Err(Stop(format!(
                "records that were not yet read are gone from the topic ({error}); \
                 raise its retention, or delete offsets and state to begin anew"
            )));
        }
        match (error, error.rdkafka_error_code()) {
            (_, Some(RDKafkaErrorCode::FencedInstanceId)) => Err(Stop(format!(
                "another process has joined as service.instance \"{}\"; give each copy its own",
                self.post.config.instance
            ))),
            (ClientError::MessageConsumptionFatal(_), _) => {
                Err(Stop(format!("the consumer failed: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// Positions as the client knows them: lag, and the end where its notice does not name the topic.
    fn read_ends(&mut self) {
        let now = Instant::now();
        for end in self.consumer.context().take_ends() {
            let Some(seat) = self.seats.iter_mut().find(|seat| seat.source == end.source) else { continue };
            if !seat.is_open() {
                continue;
            }
            if end.reached && !seat.ahead {
                seat.settle(now);
            }
            // Under steady load the end itself is seldom met: reaching what was the end counts as caught up.
            let target = *seat.target.get_or_insert(end.end);
            seat.caught_up |= seat.next >= target;
            let lag = if end.reached { 0 } else { end.end.saturating_sub(seat.next).max(0) };
            seat.lag = lag;
            self.post.observer.lag(&seat.source.topic, seat.source.number(), lag);
        }
    }

    fn mark_idle(&mut self) {
        let Some(idle_after) = self.post.role.idle_after().filter(|_| !self.held) else { return };
        let now = Instant::now();
        for seat in &mut self.seats {
            let quiet = seat.at_end && !seat.ahead && now.duration_since(seat.quiet_since) >= idle_after;
            let due = seat.marked_idle.is_none_or(|at| now.duration_since(at) >= IDLE_INTERVAL);
            if let (true, true, true, Some(stage)) = (quiet, due, seat.seeking.is_none(), &mut seat.stage) {
                seat.marked_idle = Some(now);
                self.post.role.idle(stage, wall_now());
            }
        }
    }

    fn keep_pace(&mut self) -> Result<(), Stop> {
        if self.post.role.idle_after().is_none() {
            return Ok(());
        }
        // Also with one seat: the slower ones that it waits for may have moved to another worker.
        let runner = |seat: &Seat<R::Stage>| Runner {
            stream_time: seat.stream_time,
            at_end: seat.at_end,
            waits: seat.ahead,
        };
        let runners: Vec<Runner> = self.seats.iter().map(runner).collect();
        let verdicts = waits(&runners, self.post.config.max_ahead_ms);
        for (seat, wait) in self.seats.iter_mut().zip(verdicts) {
            if !seat.is_open() || seat.ahead == wait {
                continue;
            }
            seat.ahead = wait;
            if wait {
                seat.at_end = false;
                pause(&self.consumer, [&seat.source])?;
            } else {
                seat.seeking = Some(Instant::now());
            }
        }
        Ok(())
    }

    /// Sets the consumer to where each restored or released seat goes on.
    pub(super) fn seek_restored(&mut self) -> Result<(), Stop> {
        if self.held {
            return Ok(());
        }
        for seat in &mut self.seats {
            if self.post.halt.is_asked() {
                return Ok(());
            }
            let (Some(since), true) = (seat.seeking, seat.stage.is_some()) else { continue };
            let source = &seat.source;
            let at = Offset::Offset(seat.next);
            let sought = self.consumer.seek(&source.topic, source.partition, at, SEEK_CALL);
            let resumed = sought.and_then(|()| self.consumer.resume(&list_at([source], Offset::Invalid)?));
            match resumed {
                Ok(()) => {
                    seat.seeking = None;
                    seat.stir(Instant::now());
                }
                // An assignment takes a moment to reach the broker thread; until then it refuses positions.
                Err(_) if since.elapsed() < SEEK_TIMEOUT => {}
                Err(error) => return Err(Stop(format!("{source} cannot be set to {}: {error}", seat.next))),
            }
        }
        Ok(())
    }

    /// What keeps the worker from being ready; empty for nothing.
    fn waits_for(&self) -> &'static str {
        if !self.joined {
            "waiting for partitions"
        } else if self.seats.iter().any(|seat| seat.stage.is_none()) {
            "restoring state"
        } else if self.held {
            "waiting for commits"
        } else if self.seats.iter().any(|seat| !seat.caught_up) {
            "catching up"
        } else {
            ""
        }
    }

    fn beat(&mut self, reason: &str) {
        self.post.observer.beat(&self.post.name, reason.is_empty(), reason);
        self.next_beat = Instant::now() + BEAT_INTERVAL;
    }
}

/// Stops records of these partitions; what was fetched of them is dropped by the client.
pub(super) fn pause<'s>(
    consumer: &BaseConsumer<GroupContext>,
    sources: impl IntoIterator<Item = &'s Source>,
) -> Result<(), Stop> {
    list_at(sources, Offset::Invalid)
        .and_then(|list| consumer.pause(&list))
        .map_err(|error| Stop(format!("partitions cannot be paused: {error}")))
}

/// Gives a record to its stage. Says whether the stage is full.
fn take<R: Role>(
    role: &R,
    seats: &mut [Seat<R::Stage>],
    last: &mut usize,
    message: &BorrowedMessage<'_>,
    wall: WallMs,
    now: Instant,
) -> Result<bool, Stop> {
    let (topic, partition, offset) = (message.topic(), message.partition(), message.offset());
    let is_it = |seat: &Seat<R::Stage>| seat.source.partition == partition && *seat.source.topic == *topic;
    // Records of one partition come in runs.
    if !seats.get(*last).is_some_and(is_it) {
        match seats.iter().position(is_it) {
            Some(place) => *last = place,
            None => return Ok(false),
        }
    }
    let Some(seat) = seats.get_mut(*last).filter(|seat| seat.is_open() && offset >= seat.next) else {
        return Ok(false);
    };
    seat.stir(now);
    let Some(stage) = &mut seat.stage else { return Ok(false) };
    let appended = match message.timestamp() {
        Timestamp::LogAppendTime(at) => Some(WallMs(at)),
        Timestamp::CreateTime(_) | Timestamp::NotAvailable => None,
    };
    let record = Record { offset, appended, wall, key: message.key(), value: message.payload() };
    role.take(stage, record).map_err(|stop| Stop(format!("{} at offset {offset}: {stop}", seat.source)))?;
    seat.next = offset + 1;
    Ok(role.is_full(stage))
}

/// Notes the end of a partition. The notice names no topic: where two topics have one, statistics tell.
fn settle<S>(seats: &mut [Seat<S>], partition: i32) {
    let now = Instant::now();
    let mut of_partition = seats.iter_mut().filter(|seat| seat.source.partition == partition);
    if let (Some(seat), None) = (of_partition.next(), of_partition.next())
        && seat.is_open()
    {
        seat.settle(now);
    }
}
