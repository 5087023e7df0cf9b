//! A worker of a copy, turn by turn: what `kafka::worker`, `commits` and `assignment` do around the stages of a role.
//!
//! What becomes of a commit is decided by `kafka::handover::fate` itself, what a stage takes by the roles themselves.

use std::collections::VecDeque;
use std::sync::Arc;

use intraday::fault::{self, Guard};
use intraday::kafka::handover::{Fate, Sealed, mark};
use intraday::kafka::role::Role;
use intraday::kafka::source::Source;
use intraday::pipeline::{StageKind, Stop};
use intraday::time::WallMs;

use super::desk::{Desk, Handover, Reply};
use super::group::{Event, Membership};
use super::restore::{Restore, record_of, source_of};
use super::world::World;

/// A partition that the worker has.
struct Seat<S> {
    source: Source,
    era: u64,
    stage: Option<S>,
    next: i64,
    first: bool,
    needed_from: Option<i64>,
    restore: Restore,
}

/// A last commit before partitions go.
struct Leaving {
    /// Which go; none for all, because the copy stops.
    partitions: Option<Vec<u32>>,
    sealed_last: bool,
    /// Turns that it may take.
    patience: usize,
}

/// A worker.
pub struct Worker<R: Role> {
    role: Arc<R>,
    topic: String,
    seats: Vec<Seat<R::Stage>>,
    eras: u64,
    flying: bool,
    again: Vec<Sealed>,
    marks: u64,
    is_ready: bool,
    leaving: Option<Leaving>,
    replies: VecDeque<Reply>,
    /// What the group told and is not yet answered.
    pub inbox: VecDeque<Event>,
    /// Its membership as it knows it.
    pub membership: Membership,
    /// Was put out and has to join again.
    pub is_out: bool,
    /// Another process has its name.
    pub is_fenced: bool,
    /// Left in good order.
    pub has_stopped: bool,
    /// Its committer.
    pub desk: Desk,
    /// How far its clock is ahead of others, in milliseconds.
    skew_ms: i64,
}

impl<R: Role> Worker<R> {
    /// A worker that has nothing yet.
    pub fn new(role: Arc<R>, membership: Membership, skew_ms: i64, has_transactions: bool) -> Worker<R> {
        let topic = role.topics().first().map(|(topic, _)| topic.clone()).unwrap_or_default();
        let name = format!("{}-{}", R::NAME, membership.name);
        Worker {
            role,
            topic,
            seats: Vec::new(),
            eras: 0,
            flying: false,
            again: Vec::new(),
            marks: 0,
            is_ready: false,
            leaving: None,
            replies: VecDeque::new(),
            inbox: VecDeque::new(),
            membership,
            is_out: false,
            is_fenced: false,
            has_stopped: false,
            desk: Desk::new(name, R::KIND, has_transactions),
            skew_ms,
        }
    }

    /// A turn, in the order of the product's; how much each part does is chance. `eager` does all there is.
    pub fn turn(&mut self, world: &mut World, eager: bool) -> Result<(), Stop> {
        if self.has_stopped || !self.is_ready && self.replies.is_empty() {
            return Ok(());
        }
        self.take_replies(world);
        if self.leaving.is_some() {
            return self.leave(world);
        }
        self.answer(world);
        if self.leaving.is_some() {
            return Ok(());
        }
        self.intake(world, eager)?;
        if eager || world.dice.chance(30) {
            self.mark_idle(world);
        }
        if !self.flying && (eager || world.dice.chance(50)) {
            let sealed = match self.again.is_empty() {
                true => self.seal(world)?,
                false => std::mem::take(&mut self.again),
            };
            self.hand_over(sealed);
        }
        Ok(())
    }

    /// The next step of its committer.
    pub fn commit_step(&mut self, world: &mut World) {
        self.replies.extend(self.desk.step(world));
    }

    /// The next step of the restores.
    pub fn restore_step(&mut self, world: &mut World) {
        for seat in self.seats.iter_mut().filter(|seat| seat.stage.is_none()) {
            if let Some(begun) = seat.restore.step(&*self.role, &seat.source, world) {
                (seat.stage, seat.next, seat.first) = (Some(begun.stage), begun.next, begun.first);
            }
        }
    }

    /// Begins to stop in good order.
    pub fn stop(&mut self, patience: usize) {
        if self.leaving.as_ref().is_none_or(|leaving| leaving.partitions.is_some()) {
            self.leaving = Some(Leaving { partitions: None, sealed_last: false, patience });
        }
    }

    /// Is a member again, with these partitions.
    pub fn join(&mut self, membership: Membership, partitions: Vec<u32>) {
        self.is_out = false;
        self.membership = membership;
        self.inbox.push_back(Event::Assigned(partitions));
    }

    /// Records of its sources below these offsets are needed no more.
    pub fn needed_from(&self) -> impl Iterator<Item = (u32, i64)> {
        self.seats.iter().filter_map(|seat| Some((seat.source.number(), seat.needed_from?)))
    }

    /// Whether a partition is being restored, and why it is not yet there.
    pub fn restoring(&self) -> Option<&str> {
        self.seats.iter().find(|seat| seat.stage.is_none()).map(|seat| seat.restore.last.as_str())
    }

    /// Whether this partition is being restored.
    pub fn is_restoring(&self, partition: u32) -> bool {
        self.seats.iter().any(|seat| seat.source.number() == partition && seat.stage.is_none())
    }

    /// Whether it waits for nothing but records. Commits may still be under way: merge takes one for what it shows.
    pub fn is_settled(&self) -> bool {
        self.again.is_empty() && self.inbox.is_empty() && self.leaving.is_none() && self.restoring().is_none()
    }

    fn wall(&self, world: &World) -> WallMs {
        WallMs(world.wall.0 + self.skew_ms)
    }

    /// Answers what the group told.
    fn answer(&mut self, world: &mut World) {
        while let Some(event) = self.inbox.pop_front() {
            match event {
                Event::Assigned(partitions) => self.assigned(&partitions),
                Event::Revoked(partitions) => {
                    let goes = |seat: &Seat<R::Stage>| partitions.contains(&seat.source.number());
                    let is_open = self.seats.iter().any(|seat| seat.stage.is_some() && goes(seat));
                    let patience = if is_open { world.dice.below(12) } else { 0 };
                    let partitions = Some(partitions);
                    self.leaving = Some(Leaving { partitions, sealed_last: false, patience });
                    return;
                }
                Event::Lost => {
                    self.seats.clear();
                    self.again.clear();
                    self.is_out = true;
                }
                Event::Fenced => self.is_fenced = true,
            }
        }
        let group = world.broker.group(R::KIND);
        if group.is_member(self.membership.name, self.membership.member) {
            self.membership.generation = group.generation;
        }
    }

    fn assigned(&mut self, partitions: &[u32]) {
        for partition in partitions {
            self.eras += 1;
            self.seats.retain(|seat| seat.source.number() != *partition);
            self.seats.push(Seat {
                source: Source::new(&self.topic, i32::try_from(*partition).unwrap_or(0)),
                era: self.eras,
                stage: None,
                next: 0,
                first: false,
                needed_from: None,
                restore: Restore::default(),
            });
        }
    }

    /// What goes is committed first, within its patience.
    fn leave(&mut self, world: &mut World) -> Result<(), Stop> {
        let Some(mut leaving) = self.leaving.take() else { return Ok(()) };
        while !self.flying && leaving.patience > 0 {
            let sealed = if !self.again.is_empty() {
                std::mem::take(&mut self.again)
            } else if leaving.sealed_last {
                leaving.patience = 0;
                break;
            } else {
                leaving.sealed_last = true;
                self.seal(world)?
            };
            self.hand_over(sealed);
        }
        if leaving.patience > 0 {
            leaving.patience -= 1;
            self.leaving = Some(leaving);
            return Ok(());
        }
        match leaving.partitions {
            Some(partitions) => {
                let goes = |source: &Source| partitions.contains(&source.number());
                self.seats.retain(|seat| !goes(&seat.source));
                self.again.retain(|sealed| !goes(&sealed.source));
                world.broker.group(R::KIND).release(self.membership, &partitions);
            }
            None => {
                self.seats.clear();
                self.has_stopped = true;
            }
        }
        Ok(())
    }

    fn take_replies(&mut self, world: &mut World) {
        while let Some(reply) = self.replies.pop_front() {
            let Reply::Ended(sealed) = reply else {
                self.is_ready = true;
                continue;
            };
            self.flying = false;
            for (sealed, fate) in sealed {
                world.seen.count(match fate {
                    Fate::Done => "commits done",
                    Fate::Again => "commits sent again",
                    Fate::Elsewhere => "commits found elsewhere",
                });
                match fate {
                    Fate::Done => self.acknowledge(&sealed),
                    Fate::Again if fault::is_off(Guard::SameValue) => self.read_again(&sealed),
                    Fate::Again => self.again.push(sealed),
                    Fate::Elsewhere => self.start_over(&sealed),
                }
            }
        }
    }

    fn acknowledge(&mut self, sealed: &Sealed) {
        if let Some(seat) = self.seats.iter_mut().find(|seat| seat.era == sealed.era) {
            seat.first = false;
            seat.needed_from = sealed.needed_from;
        }
    }

    /// The wrong way, as the product goes it with the guard off.
    fn read_again(&mut self, sealed: &Sealed) {
        for seat in self.seats.iter_mut().filter(|seat| seat.era == sealed.era) {
            seat.next = sealed.commit.from;
        }
    }

    fn start_over(&mut self, sealed: &Sealed) {
        if self.seats.iter().any(|seat| seat.era == sealed.era) {
            self.assigned(&[sealed.source.number()]);
        }
    }

    fn intake(&mut self, world: &mut World, eager: bool) -> Result<(), Stop> {
        for seat in &mut self.seats {
            let Some(stage) = &mut seat.stage else { continue };
            let most = if eager { usize::MAX } else { world.dice.below(24) };
            let wall = WallMs(world.wall.0 + self.skew_ms);
            let log = world.broker.log(source_of(R::KIND, seat.source.number()));
            for entry in log.committed(seat.next).take(most) {
                let at = |stop| Stop(format!("{} at offset {}: {stop}", seat.source, entry.offset));
                self.role.take(stage, record_of(entry, wall)).map_err(at)?;
                seat.next = entry.offset + 1;
            }
        }
        Ok(())
    }

    /// Marks those idle that have read all there is.
    fn mark_idle(&mut self, world: &mut World) {
        if R::KIND == StageKind::Merge {
            return;
        }
        for seat in &mut self.seats {
            let partition = seat.source.number();
            let Some(stage) = &mut seat.stage else { continue };
            let is_at_end =
                world.broker.log(source_of(R::KIND, partition)).committed(seat.next).next().is_none();
            if let (true, Some(wall)) = (is_at_end, world.mark(partition, seat.next)) {
                self.role.idle(stage, wall);
            }
        }
    }

    fn seal(&mut self, world: &mut World) -> Result<Vec<Sealed>, Stop> {
        let mut all = Vec::new();
        let wall = self.wall(world);
        for seat in &mut self.seats {
            let Some(stage) = seat.stage.as_mut() else { continue };
            let Some(commit) = self.role.seal(stage, wall)? else { continue };
            world.check(&commit);
            self.marks += 1;
            let unique = format!("{}-{:x}-{:x}", R::NAME, self.membership.member, self.marks);
            all.push(Sealed {
                source: seat.source.clone(),
                era: seat.era,
                mark: mark(&unique, self.role.commits(stage)),
                first: seat.first,
                stored: None,
                commit,
                needed_from: self.role.needed_from(stage),
            });
        }
        Ok(all)
    }

    /// Sends what is still its own.
    fn hand_over(&mut self, mut sealed: Vec<Sealed>) {
        sealed.retain(|one| self.seats.iter().any(|seat| seat.era == one.era));
        if !sealed.is_empty() {
            self.flying = true;
            self.desk.take(Handover { sealed, membership: self.membership });
        }
    }
}
