//! The worker's commits: one in flight while the next fills; a refused one goes again before any other.

use super::handover::{Committed, Fate, Handover, Outcome, Reply, Sealed, mark};
use super::moment::Moment;
use super::role::Role;
use super::worker::{Worker, pause};
use crate::fault::{self, Guard, Point};
use crate::pipeline::stage::Stop;
use crate::pipeline::{Commit, StageKind};
use crate::time::WallMs;
use rdkafka::consumer::Consumer;
use std::sync::mpsc::{RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use super::clock::wall_now;

/// How long a full stage may wait for the commit in flight before its partitions are paused.
const FULL_WAIT: Duration = Duration::from_secs(1);
/// How long after the request to stop the last commit may still go on: the rest is for leaving, within 5 s in all.
const FINISH: Duration = Duration::from_millis(2_500);
/// How soon a wait for a commit sees a request to stop.
const REPLY_STEP: Duration = Duration::from_millis(50);
/// Longest pause before a refused commit goes again.
const AGAIN_PAUSE_MAX: Duration = Duration::from_secs(1);

impl<R: Role> Worker<R> {
    /// Takes and hands over a commit when one is due and none is in flight.
    pub(super) fn commit_due(&mut self) -> Result<(), Stop> {
        let is_full = |stage: &R::Stage| self.post.role.is_full(stage);
        let full = self.seats.iter().any(|seat| seat.stage.as_ref().is_some_and(is_full));
        if full && self.flying && !self.held {
            self.wait_for_reply(FULL_WAIT)?;
        }
        if full && !self.held && (self.flying || !self.again.is_empty()) {
            self.hold()?;
        }
        let now = Instant::now();
        let due = now >= self.next_commit || full && self.again.is_empty();
        if self.flying || !due {
            return Ok(());
        }
        let lag = self.seats.iter().map(|seat| seat.lag).sum();
        self.next_commit = now + self.post.role.interval(lag);
        let sealed = match self.again.is_empty() {
            true => self.seal(wall_now())?,
            false => std::mem::take(&mut self.again),
        };
        self.hand_over(sealed)
    }

    /// Hears what became of the commit in flight, if it is known.
    pub(super) fn take_replies(&mut self) -> Result<(), Stop> {
        loop {
            match self.committer.replies.try_recv() {
                Ok(reply) => self.hear(reply)?,
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => return Err(Stop("its committer ended".to_owned())),
            }
        }
    }

    /// Before partitions go: what they have is committed, within `patience`.
    pub(super) fn commit_last(&mut self, patience: Duration) -> Result<(), Stop> {
        let deadline = Instant::now() + patience;
        let mut sealed_last = false;
        loop {
            self.turns.turn();
            let left = self.post.halt.cut(deadline, FINISH).saturating_duration_since(Instant::now());
            if left.is_zero() {
                tracing::warn!(
                    worker = self.post.name,
                    "the last commit did not end in time; what is not committed is redone by whoever goes on"
                );
                return Ok(());
            }
            if !self.flying {
                let pause = self.next_commit.saturating_duration_since(Instant::now());
                let sealed = if !self.again.is_empty() {
                    std::thread::sleep(pause.min(left));
                    std::mem::take(&mut self.again)
                } else if sealed_last {
                    return Ok(());
                } else {
                    sealed_last = true;
                    self.seal(wall_now())?
                };
                self.hand_over(sealed)?;
                continue;
            }
            self.wait_for_reply(left.min(REPLY_STEP))?;
        }
    }

    /// The last commit of an orderly stop.
    pub(super) fn finish(&mut self) -> Result<(), Stop> {
        self.commit_last(FINISH)
    }

    /// Tells the broker which records are needed no more.
    pub(super) fn prune(&mut self) {
        let Some(pruner) = &mut self.pruner else { return };
        pruner.turn(self.seats.iter().filter_map(|seat| Some((&seat.source, seat.needed_from?))));
    }

    fn wait_for_reply(&mut self, patience: Duration) -> Result<(), Stop> {
        match self.committer.replies.recv_timeout(patience) {
            Ok(reply) => self.hear(reply),
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Err(RecvTimeoutError::Disconnected) => Err(Stop("its committer ended".to_owned())),
        }
    }

    fn seal(&mut self, wall: WallMs) -> Result<Vec<Sealed>, Stop> {
        let mut sealed = Vec::new();
        for seat in &mut self.seats {
            let Some(stage) = seat.stage.as_mut() else { continue };
            let commit = self.post.role.seal(stage, wall);
            let Some(commit) = commit.map_err(|stop| Stop(format!("{}: {stop}", seat.source)))? else {
                continue;
            };
            self.marks.1 += 1;
            let (started, number) = self.marks;
            let (instance, name) = (&self.post.config.instance, &self.post.name);
            let unique = format!("{instance}-{name}-{started:x}-{number:x}@{}", commit.to);
            sealed.push(Sealed {
                source: seat.source.clone(),
                era: seat.era,
                mark: mark(&unique, self.post.role.commits(stage)),
                first: seat.first,
                stored: seat.stored.clone(),
                commit,
                needed_from: self.post.role.needed_from(stage),
            });
        }
        Ok(sealed)
    }

    /// Sends what is still ours, with the membership of this moment.
    fn hand_over(&mut self, mut sealed: Vec<Sealed>) -> Result<(), Stop> {
        sealed.retain(|one| self.seats.iter().any(|seat| seat.era == one.era));
        if sealed.is_empty() {
            return Ok(());
        }
        let metadata = self.consumer.group_metadata();
        let doubt = self.refusals > 0 || self.acknowledged.is_long_ago(self.post.config.session_timeout / 2);
        self.flying = true;
        self.flown_since.get_or_insert_with(Instant::now);
        self.committer
            .handovers
            .send(Handover { sealed, metadata, doubt })
            .map_err(|_| Stop("its committer ended".to_owned()))
    }

    fn hear(&mut self, reply: Reply) -> Result<(), Stop> {
        let outcome = match reply {
            Reply::Ready => return Ok(()),
            Reply::Failed(reason) => return Err(Stop(reason)),
            Reply::Ended(outcome) => outcome,
        };
        fault::at(Point::Heard);
        self.flying = false;
        let Outcome { sealed, took, records, trouble } = outcome;
        self.post.observer.commit(R::KIND, trouble.as_ref().map(|(kind, _)| *kind), took, records);
        if let Some((kind, trouble)) = trouble {
            tracing::warn!(worker = self.post.name, ?kind, trouble, "a commit did not go through");
            self.refusals += 1;
            self.trouble = Some(trouble);
            let pause = Duration::from_millis(50 * u64::from(self.refusals)).min(AGAIN_PAUSE_MAX);
            self.next_commit = Instant::now() + pause;
        } else {
            self.refusals = 0;
            self.trouble = None;
            self.flown_since = None;
            self.acknowledged = Moment::now();
        }
        let mut elsewhere = Vec::new();
        for (sealed, fate) in sealed {
            match fate {
                Fate::Done => self.acknowledge(sealed),
                Fate::Again if fault::is_off(Guard::SameValue) => self.read_again(&sealed),
                Fate::Again => self.again.push(sealed),
                Fate::Elsewhere if self.seats.iter().any(|seat| seat.era == sealed.era) => {
                    elsewhere.push(sealed.source);
                }
                Fate::Elsewhere => {}
            }
        }
        if !elsewhere.is_empty() {
            self.start_over(&elsewhere)?;
        }
        if self.again.is_empty() {
            self.release();
        }
        Ok(())
    }

    /// The wrong way, which tests switch on to see it found: the stage has already folded what it now gets again.
    fn read_again(&mut self, sealed: &Sealed) {
        for seat in self.seats.iter_mut().filter(|seat| seat.era == sealed.era) {
            seat.next = sealed.commit.from;
            seat.seeking.get_or_insert(Instant::now());
        }
    }

    /// Only now may anybody see what the commit says.
    fn acknowledge(&mut self, sealed: Sealed) {
        let Some(seat) = self.seats.iter_mut().find(|seat| seat.era == sealed.era) else { return };
        seat.first = false;
        seat.stored = Some(Committed { offset: sealed.commit.to, mark: sealed.mark });
        seat.needed_from = sealed.needed_from;
        let observer = &self.post.observer;
        observer.acknowledged(&sealed.commit);
        let Commit { stage, partition, exposed, report, .. } = sealed.commit;
        seat.stream_time = report.stream_time;
        match stage {
            StageKind::Fold => observer.fold_report(&sealed.source.topic, partition, &report),
            StageKind::Merge => {
                observer.merge_report(partition, &report);
                observer.exposed(partition, exposed);
            }
        }
    }

    /// Commits do not keep up: nothing more is taken, but the group is still answered.
    fn hold(&mut self) -> Result<(), Stop> {
        self.held = true;
        pause(&self.consumer, self.seats.iter().filter(|seat| seat.placed).map(|seat| &seat.source))
    }

    fn release(&mut self) {
        if std::mem::take(&mut self.held) {
            let now = Instant::now();
            for seat in
                self.seats.iter_mut().filter(|seat| seat.stage.is_some() && !seat.ahead && !seat.examined)
            {
                seat.seeking.get_or_insert(now);
            }
        }
    }
}
