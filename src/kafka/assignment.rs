//! The worker's partitions: how they come, go and are lost.
//!
//! The client's callback only notes a rebalance; it is answered here, after `poll` has returned.

use super::config::Mode;
use super::context::{Rebalance, answer};
use super::restore::{Begun, Order, Restorer};
use super::role::Role;
use super::seat::Seat;
use super::source::{Source, list_at};
use super::worker::{Worker, pause};
use crate::pipeline::StageKind;
use crate::pipeline::stage::Stop;
use rdkafka::consumer::Consumer;
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{Offset, TopicPartitionList};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a partition that is taken from us may delay the others for its last commit.
const LAST_COMMIT: Duration = Duration::from_secs(2);
/// How long the broker may take to say where partitions end, and how long one question waits.
const ENDS_TIMEOUT: Duration = Duration::from_secs(20);
const ENDS_ASK: Duration = Duration::from_secs(5);
const ENDS_PAUSE: Duration = Duration::from_millis(50);

impl<R: Role> Worker<R> {
    /// Answers what the group asked for since the last turn.
    pub(super) fn answer_rebalances(&mut self) -> Result<(), Stop> {
        while let Some(rebalance) = self.consumer.context().take_rebalance() {
            match rebalance {
                Rebalance::Assigned(sources) => self.assigned(&sources)?,
                Rebalance::Revoked(sources) => {
                    if self.seats.iter().any(|seat| seat.is_open() && sources.contains(&seat.source)) {
                        self.commit_last(LAST_COMMIT)?;
                    }
                    self.give_up(&sources)?;
                }
                Rebalance::Lost(sources) => self.give_up(&sources)?,
            }
        }
        Ok(())
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
        self.refuse_grown(sources)?;
        let list = self.ends(sources)?;
        let taken = match self.post.config.mode {
            Mode::ExactlyOnce => answer(&self.consumer, true, &list),
            Mode::None => self.consumer.assign(&list),
        };
        taken.map_err(|error| Stop(format!("the assignment cannot be taken: {error}")))?;
        if sources.is_empty() {
            return Ok(());
        }
        pause(&self.consumer, sources)?;
        let now = Instant::now();
        for source in sources {
            self.eras += 1;
            self.seats.retain(|seat| seat.source != *source);
            self.seats.push(Seat::new(source.clone(), self.eras, now));
        }
        self.restore(sources)
    }

    /// Where partitions begin until their stage is there and sets the true position: at the end, because it always exists,
    /// and as a number. The client looks a logical end up by itself, and where a seek overtakes that look-up, it repeats
    /// it half a second later and jumps over everything in between.
    fn ends(&self, sources: &[Source]) -> Result<TopicPartitionList, Stop> {
        let deadline = Instant::now() + ENDS_TIMEOUT;
        loop {
            let asked = list_at(sources, Offset::End).and_then(|list| match sources {
                [] => Ok(list),
                _ => self.consumer.offsets_for_times(list, ENDS_ASK),
            });
            let checked = asked.and_then(|list| {
                list.elements().iter().try_for_each(TopicPartitionListElem::error)?;
                Ok(list)
            });
            match checked {
                Ok(list) => return Ok(list),
                Err(_) if Instant::now() < deadline => std::thread::sleep(ENDS_PAUSE),
                Err(error) => {
                    return Err(Stop(format!("the ends of its partitions cannot be read: {error}")));
                }
            }
        }
    }

    /// A partition that did not exist at the start has no state topic partition, and moves keys.
    fn refuse_grown(&self, sources: &[Source]) -> Result<(), Stop> {
        let known = self.post.role.topics();
        for source in sources {
            let count = known.iter().find(|(topic, _)| **topic == *source.topic).map_or(0, |(_, n)| *n);
            if source.number() >= count {
                return Err(Stop(format!(
                    "{source} is new: the topic had {count} partitions at the start; \
                     contacts have moved between partitions, see the documentation on growing a topic"
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
        };
        let orders = self.seats.iter().filter(|seat| sources.contains(&seat.source)).map(order).collect();
        let restorer = Restorer {
            role: Arc::clone(&self.post.role),
            config: Arc::clone(&self.post.config),
            observer: Arc::clone(&self.post.observer),
            worker: self.post.name.clone(),
        };
        restorer.start(orders, &self.restored.0).map_err(|error| Stop(error.to_string()))
    }

    /// Seats the stages that were restored since the last turn.
    pub(super) fn take_restored(&mut self) -> Result<(), Stop> {
        while let Ok(restored) = self.restored.1.try_recv() {
            let Some(seat) = self.seats.iter_mut().find(|seat| seat.era == restored.era) else { continue };
            let Begun { stage, next, first } = restored.result?;
            seat.stage = Some(stage);
            seat.next = next;
            seat.first = first;
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
        pause(&self.consumer, sources)?;
        self.restore(sources)
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
        match R::KIND {
            StageKind::Fold => self.post.observer.withdraw_fold(&source.topic, source.number()),
            StageKind::Merge => self.post.observer.withdraw_merge(source.number()),
        }
    }

    pub(super) fn withdraw_all(&mut self) {
        for seat in std::mem::take(&mut self.seats) {
            self.withdraw(&seat.source);
        }
    }
}
