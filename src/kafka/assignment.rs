//! The worker's partitions: how they come, go and are lost.
//!
//! The client's callback only notes a rebalance; it is answered here, after `poll` has returned.

use super::config::Mode;
use super::context::{Rebalance, answer};
use super::observer::PartitionsMoved;
use super::restore::{Begun, Order, Restorer};
use super::role::Role;
use super::seat::Seat;
use super::source::{Source, list_at};
use super::worker::{Worker, pause};
use crate::pipeline::StageKind;
use crate::pipeline::stage::Stop;
use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long leaving a group may take at most.
const LEAVE: Duration = Duration::from_secs(1);
/// How long after the request to stop it must be done, whatever it was that took the time.
const LEAVE_BY: Duration = Duration::from_millis(3_200);
/// How long after the partitions were given back the client may take to send the message.
const LEAVE_SENT: Duration = Duration::from_millis(150);
/// Longest wait for a client that leaves.
const LEAVE_STEP: Duration = Duration::from_millis(20);
/// How long a partition that is taken from us may delay the others for its last commit.
const LAST_COMMIT: Duration = Duration::from_secs(2);

impl<R: Role> Worker<R> {
    /// Answers what the group asked for since the last turn.
    pub(super) fn answer_rebalances(&mut self) -> Result<(), Stop> {
        while let Some(rebalance) = self.consumer.context().take_rebalance() {
            match rebalance {
                Rebalance::Assigned(sources) => self.assigned(&sources)?,
                Rebalance::Revoked(sources) => {
                    self.moved(PartitionsMoved::Revoked, &sources);
                    if self.seats.iter().any(|seat| seat.is_open() && sources.contains(&seat.source)) {
                        self.commit_last(LAST_COMMIT)?;
                    }
                    self.give_up(&sources)?;
                }
                Rebalance::Lost(sources) => {
                    self.moved(PartitionsMoved::Lost, &sources);
                    self.give_up(&sources)?;
                }
            }
        }
        Ok(())
    }

    fn moved(&self, what: PartitionsMoved, sources: &[Source]) {
        self.post.observer.rebalanced(R::KIND, what, sources.len());
    }

    /// Without a group: partitions by number, shared among the role's workers in this process.
    pub(super) fn take_own_share(&mut self) -> Result<(), Stop> {
        let mut share = Vec::new();
        for (topic, partitions) in self.post.role.topics() {
            for partition in (0..partitions).filter(|number| number % self.post.of == self.post.number) {
                share.push(Source::new(&topic, i32::try_from(partition).unwrap_or(i32::MAX)));
            }
        }
        self.assigned(&share)
    }

    fn assigned(&mut self, sources: &[Source]) -> Result<(), Stop> {
        self.joined = true;
        self.moved(PartitionsMoved::Assigned, sources);
        self.refuse_grown(sources)?;
        // The group is answered at once, with no partition: each is added when its stage is there, at its true position.
        // To begin anywhere else and to seek later is no way. An end or beginning is asked for by the client, the pause
        // outdates the answer, it asks again half a second later, and an answer after the seek replaces the position.
        // Any other offset may not exist, and then the client reads the partition no more.
        if self.post.config.mode == Mode::ExactlyOnce {
            let none = TopicPartitionList::new();
            answer(&self.consumer, true, &none)
                .map_err(|error| Stop(format!("the assignment cannot be taken: {error}")))?;
        }
        if sources.is_empty() {
            return Ok(());
        }
        let now = Instant::now();
        for source in sources {
            self.eras += 1;
            self.seats.retain(|seat| seat.source != *source);
            self.seats.push(Seat::new(source.clone(), self.eras, now));
        }
        self.restore(sources)
    }

    /// A partition that did not exist at the start has no state topic partition, and moves keys.
    fn refuse_grown(&self, sources: &[Source]) -> Result<(), Stop> {
        let known = self.post.role.topics();
        for source in sources {
            let count = known.iter().find(|(topic, _)| **topic == *source.topic).map_or(0, |(_, n)| *n);
            if source.number() >= count {
                return Err(Stop(format!(
                    "{source} is new: the topic had {count} partitions at the start; \
                     contacts have moved between partitions; to go on see kafka.accept_partitions"
                )));
            }
        }
        Ok(())
    }

    pub(super) fn restore(&mut self, sources: &[Source]) -> Result<(), Stop> {
        let order = |seat: &Seat<R::Stage>| Order {
            source: seat.source.clone(),
            era: seat.era,
            cancelled: seat.cancelled(),
            progress: Arc::clone(&seat.progress),
        };
        let orders = self.seats.iter().filter(|seat| sources.contains(&seat.source)).map(order).collect();
        let restorer = Restorer {
            role: Arc::clone(&self.post.role),
            config: Arc::clone(&self.post.config),
            observer: Arc::clone(&self.post.observer),
            worker: self.post.name.clone(),
        };
        for source in sources {
            self.post.observer.restore_begun(R::KIND, &source.topic, source.number());
        }
        restorer.start(orders, &self.restored.0).map_err(|error| Stop(error.to_string()))
    }

    /// Seats the stages that were restored since the last turn.
    pub(super) fn take_restored(&mut self) -> Result<(), Stop> {
        while let Ok(restored) = self.restored.1.try_recv() {
            let Some(seat) = self.seats.iter_mut().find(|seat| seat.era == restored.era) else { continue };
            let Begun { stage, next, stored } = restored.result?;
            seat.stage = Some(stage);
            seat.next = next;
            seat.first = stored.is_none();
            seat.stored = stored;
            seat.seeking = Some(Instant::now());
            let source = &seat.source;
            self.post.observer.restored(R::KIND, &source.topic, source.number(), next, restored.took);
        }
        Ok(())
    }

    /// The offset of these seats is elsewhere: their state is dropped and restored.
    pub(super) fn start_over(&mut self, sources: &[Source]) -> Result<(), Stop> {
        let now = Instant::now();
        for place in 0..self.seats.len() {
            let Some(seat) = self.seats.get_mut(place).filter(|seat| sources.contains(&seat.source)) else {
                continue;
            };
            self.eras += 1;
            seat.reset(self.eras, now);
            let source = seat.source.clone();
            self.withdraw(&source);
        }
        let placed = self.seats.iter().filter(|seat| seat.placed && sources.contains(&seat.source));
        pause(&self.consumer, placed.map(|seat| &seat.source))?;
        self.restore(sources)
    }

    /// Lets the consumer read the partition of a seat from where its stage goes on.
    pub(super) fn place(&self, seat: &Seat<R::Stage>) -> Result<(), KafkaError> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&seat.source.topic, seat.source.partition, Offset::Offset(seat.next))?;
        // Also without a group: where the whole is assigned anew while a partition of the last whole still stops, the
        // client stops it a second time and ends the process by an assertion.
        self.consumer.incremental_assign(&list)
    }

    /// Takes these from the consumer for now; they stay ours.
    pub(super) fn displace(&mut self, sources: &[Source]) -> Result<(), Stop> {
        let failed = |error: KafkaError| Stop(format!("partitions cannot be put back: {error}"));
        let placed = self.seats.iter().filter(|seat| seat.placed && sources.contains(&seat.source));
        let list = list_at(placed.map(|seat| &seat.source), Offset::Invalid).map_err(failed)?;
        self.consumer.incremental_unassign(&list).map_err(failed)?;
        for seat in self.seats.iter_mut().filter(|seat| sources.contains(&seat.source)) {
            seat.placed = false;
        }
        Ok(())
    }

    fn give_up(&mut self, sources: &[Source]) -> Result<(), Stop> {
        for source in sources {
            self.withdraw(source);
        }
        self.seats.retain(|seat| !sources.contains(&seat.source));
        self.again.retain(|sealed| !sources.contains(&sealed.source));
        list_at(sources, Offset::Invalid)
            .and_then(|list| answer(&self.consumer, false, &list))
            .map_err(|error| Stop(format!("partitions cannot be given up: {error}")))
    }

    fn withdraw(&self, source: &Source) {
        self.post.observer.restore_given_up(R::KIND, &source.topic, source.number());
        match R::KIND {
            StageKind::Fold => self.post.observer.withdraw_fold(&source.topic, source.number()),
            StageKind::Merge => self.post.observer.withdraw_merge(&source.topic, source.number()),
        }
    }

    /// Gives the group back what is left and tells it that we go, so that others take over at once.
    ///
    /// The client never tells it for a static member that closes, but does for one that unsubscribes first.
    pub(super) fn leave(&mut self) {
        let context = self.consumer.context();
        // From here on the client waits inside its own calls; deferred answers would hang it.
        context.close();
        while let Some(rebalance) = context.take_rebalance() {
            let (assigned, sources) = match rebalance {
                Rebalance::Assigned(_) => (true, Vec::new()),
                Rebalance::Revoked(sources) | Rebalance::Lost(sources) => (false, sources),
            };
            let answered =
                list_at(&sources, Offset::Invalid).and_then(|list| answer(&self.consumer, assigned, &list));
            if let Err(error) = answered {
                tracing::debug!(%error, "answering a rebalance before leaving");
            }
        }
        if self.post.config.mode == Mode::None || !self.joined || !self.post.config.leave_on_stop {
            return;
        }
        self.consumer.unsubscribe();
        let deadline = self.post.halt.cut(Instant::now() + LEAVE, LEAVE_BY);
        let mut given_back = None;
        while Instant::now() < deadline {
            // What is still delivered is not taken: it is nobody's any more.
            drop(self.consumer.poll(LEAVE_STEP));
            if self.consumer.context().has_given_back() {
                let since = *given_back.get_or_insert_with(Instant::now);
                if since.elapsed() >= LEAVE_SENT {
                    return;
                }
            }
        }
    }

    pub(super) fn withdraw_all(&mut self) {
        for seat in std::mem::take(&mut self.seats) {
            self.withdraw(&seat.source);
        }
    }
}
