//! A worker: the thread that owns one consumer and all stages of its partitions.
//!
//! No locks and no shared maps: what others know of the stages they are told after an acknowledged commit.
//! The files `intake`, `damage`, `assignment` and `commits` hold further parts of it.

use super::client;
use super::clock::{WatchedClock, wall_now};
use super::committer::Committer;
use super::config::{KafkaConfig, Mode};
use super::context::GroupContext;
use super::error::KafkaError;
use super::halt::Halt;
use super::handover::{Reply, Sealed};
use super::moment::Moment;
use super::observer::Observer;
use super::orphans::Orphans;
use super::pace::{Runner, waits};
use super::probe::{Doubt, Findings};
use super::prune::Pruner;
use super::restore::Arrivals;
use super::role::Role;
use super::seat::Seat;
use super::source::{Source, list_at};
use super::watchdog::{Turns, Watchdog};
use crate::pipeline::stage::Stop;
use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, Consumer};
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

/// How often a worker says that it is alive.
const BEAT_INTERVAL: Duration = Duration::from_millis(250);
/// A commit without an answer for this long is told to whoever asks for readiness.
const COMMIT_SLOW: Duration = Duration::from_secs(3);
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
    /// Hears that its threads turn.
    pub watchdog: Arc<Watchdog>,
}

/// The thread's state.
pub struct Worker<R: Role> {
    pub(super) post: Post<R>,
    pub(super) consumer: BaseConsumer<GroupContext>,
    pub(super) committer: Committer,
    pub(super) seats: Vec<Seat<R::Stage>>,
    pub(super) eras: u64,
    pub(super) restored: Arrivals<R::Stage>,
    pub(super) findings: Findings,
    /// Positions that brokers did not answer for, and when they are looked at again.
    pub(super) unanswered: Option<(Instant, Vec<Doubt>)>,
    pub(super) flying: bool,
    /// When the oldest commit that is not acknowledged was first handed over.
    pub(super) flown_since: Option<Instant>,
    pub(super) again: Vec<Sealed>,
    pub(super) refusals: u32,
    /// Why the last commit did not go through, until one does.
    pub(super) trouble: Option<String>,
    /// When a commit was acknowledged last.
    pub(super) acknowledged: Moment,
    pub(super) next_commit: Instant,
    pub(super) marks: (u64, u64),
    pub(super) pruner: Option<Pruner>,
    pub(super) held: bool,
    pub(super) joined: bool,
    pub(super) orphans: Orphans,
    pub(super) turns: Turns,
    pub(super) clock: WatchedClock,
    pub(super) last_taken: usize,
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
        let committing = post.watchdog.watch(&format!("the committer of {}", post.name));
        let committer =
            Committer::start(&post.config, R::NAME, &post.name, &post.observer, &post.halt, committing)?;
        let pruner = Pruner::new::<R>(&post.config)?;
        let now = Instant::now();
        Ok(Worker {
            consumer,
            committer,
            seats: Vec::new(),
            eras: 0,
            restored: std::sync::mpsc::channel(),
            findings: std::sync::mpsc::channel(),
            unanswered: None,
            flying: false,
            flown_since: None,
            again: Vec::new(),
            refusals: 0,
            trouble: None,
            acknowledged: Moment::now(),
            next_commit: now,
            marks: (u64::try_from(wall_now().0).unwrap_or(0), 0),
            pruner,
            held: false,
            joined: false,
            orphans: Orphans::new(now),
            turns: post.watchdog.watch(&post.name),
            clock: WatchedClock::new(),
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
            self.turns.turn();
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
        self.subscribe()
    }

    /// Joins the group.
    pub(super) fn subscribe(&self) -> Result<(), Stop> {
        let topics = self.post.role.topics();
        let names: Vec<&str> = topics.iter().map(|(topic, _)| topic.as_str()).collect();
        self.consumer.subscribe(&names).map_err(|error| Stop(format!("cannot join the group: {error}")))
    }

    fn turns(&mut self) -> Result<(), Stop> {
        while !self.post.halt.is_asked() {
            self.turns.turn();
            self.answer_rebalances()?;
            self.take_restored()?;
            self.take_replies()?;
            self.seek_restored()?;
            self.intake()?;
            self.read_ends();
            self.take_findings()?;
            self.doubt_stalled()?;
            self.mark_idle();
            self.keep_pace()?;
            self.commit_due()?;
            self.prune();
            self.look_for_orphans()?;
            if Instant::now() >= self.next_beat {
                let reason = self.waits_for();
                self.tell_progress();
                self.beat(&reason);
            }
        }
        Ok(())
    }

    fn mark_idle(&mut self) {
        let Some(idle_after) = self.post.role.idle_after().filter(|_| !self.held) else { return };
        let (now, wall) = (Instant::now(), self.clock.read().least);
        for seat in self.seats.iter_mut().filter(|seat| seat.is_open() && !seat.ahead) {
            if let (true, Some(stage)) =
                (seat.quiet.is_due(now, idle_after, self.flown_since), &mut seat.stage)
            {
                self.post.role.idle(stage, wall);
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
            at_end: seat.quiet.is_at_end(),
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
                seat.quiet.leave_end();
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
        for at in 0..self.seats.len() {
            if self.post.halt.is_asked() {
                return Ok(());
            }
            let Some(seat) = self.seats.get(at) else { continue };
            let (Some(since), true) = (seat.seeking, seat.stage.is_some()) else { continue };
            let source = &seat.source;
            let set = if seat.placed {
                let offset = Offset::Offset(seat.next);
                let sought = self.consumer.seek(&source.topic, source.partition, offset, SEEK_CALL);
                sought.and_then(|()| self.consumer.resume(&list_at([source], Offset::Invalid)?))
            } else {
                self.place(seat)
            };
            match set {
                Ok(()) => {
                    let Some(seat) = self.seats.get_mut(at) else { continue };
                    seat.placed = true;
                    seat.seeking = None;
                    seat.quiet.stir(Instant::now());
                }
                // An assignment takes a moment to reach the broker thread; until then it refuses positions.
                Err(_) if since.elapsed() < SEEK_TIMEOUT => {
                    let source = [source.clone()];
                    if seat.placed && since.elapsed() > SEEK_CALL {
                        self.displace(&source)?;
                    }
                }
                Err(error) => return Err(Stop(format!("{source} cannot be set to {}: {error}", seat.next))),
            }
        }
        Ok(())
    }

    /// What keeps the worker from being ready; empty for nothing.
    fn waits_for(&self) -> String {
        if let Some(seat) = self.seats.iter().find(|seat| self.joined && seat.stage.is_none()) {
            let (step, done, end) = seat.progress.seen();
            let left = self.seats.iter().filter(|seat| seat.stage.is_none()).count() - 1;
            return format!("restoring {}: {} {done} of {end}; {left} more", seat.source, step.name());
        }
        let waits = self.held || self.flown_since.is_some_and(|since| since.elapsed() > COMMIT_SLOW);
        if let (true, true, Some(trouble)) = (self.joined, waits, &self.trouble) {
            return format!("waiting for commits: {trouble}");
        }
        let reason = if !self.joined {
            "waiting for partitions"
        } else if self.seats.iter().any(|seat| seat.examined) {
            "looking at a batch that cannot be decoded"
        } else if waits {
            "waiting for commits: brokers are away or do not answer"
        } else if self.seats.iter().any(|seat| !seat.caught_up) {
            "catching up"
        } else {
            ""
        };
        reason.to_owned()
    }

    /// Tells how far restores are.
    fn tell_progress(&self) {
        for seat in self.seats.iter().filter(|seat| seat.stage.is_none()) {
            let (step, done, end) = seat.progress.seen();
            let source = &seat.source;
            self.post.observer.restoring(&source.topic, source.number(), step.name(), (done, end));
        }
    }

    pub(super) fn beat(&mut self, reason: &str) {
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
