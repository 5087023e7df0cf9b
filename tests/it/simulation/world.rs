//! What all copies share: the log service, the time, the dice, the settings.
//!
//! It must never know copies.

use std::rc::Rc;

use intraday::pipeline::{Commit, StageKind};
use intraday::time::WallMs;

use super::broker::{Broker, Topic};
use super::log::Content;
use super::plain::Plain;
use super::plan::{Faults, Plan};
use super::seen::Seen;
use crate::scenario::dice::Dice;

/// What all copies share.
#[derive(Debug)]
pub struct World {
    /// The log service.
    pub broker: Broker,
    /// Chance.
    pub dice: Dice,
    /// The seed's run.
    pub plan: Rc<Plan>,
    /// What the run without failures found.
    pub plain: Rc<Plain>,
    /// How often things go wrong now.
    pub faults: Faults,
    /// The time.
    pub wall: WallMs,
    /// The first commit whose counts were wrong.
    pub unsound: Option<String>,
    /// What came about.
    pub seen: Seen,
    produced: usize,
    members: u64,
}

impl World {
    /// A world in which nothing happened.
    pub fn new(seed: u64, plan: Rc<Plan>, plain: Rc<Plain>) -> World {
        let wall = WallMs(plan.inputs.first().map_or(0, |input| input.wall_ms));
        World {
            broker: Broker::new(plan.partitions, plan.engine.fold.shards),
            dice: Dice::new(seed),
            faults: plan.faults,
            wall,
            unsound: None,
            seen: Seen::default(),
            produced: 0,
            members: 0,
            plan,
            plain,
        }
    }

    /// A number that no member had before.
    pub fn new_member(&mut self) -> u64 {
        self.members += 1;
        self.members
    }

    /// The next events arrive, and time goes on with them.
    pub fn arrive(&mut self, count: usize) {
        let plan = Rc::clone(&self.plan);
        for input in plan.inputs.iter().skip(self.produced).take(count) {
            self.wall = self.wall.max(WallMs(input.wall_ms));
            let content = Content::Event(input.value.clone(), input.wall_ms);
            self.broker.log((Topic::Input, input.partition)).append_at(input.offset, None, content);
            self.produced += 1;
        }
    }

    /// Whether all events have arrived.
    pub fn has_all(&self) -> bool {
        self.produced == self.plan.inputs.len()
    }

    /// Time goes on; events that are still to come hold it back.
    pub fn pass(&mut self, by_ms: i64) {
        let next = self.plan.inputs.get(self.produced).map_or(self.plan.end.0, |input| input.wall_ms);
        self.wall = WallMs((self.wall.0 + by_ms).min(next).max(self.wall.0));
    }

    /// How far a mark of idleness may go in a partition of which everything below `next` was read: not beyond what the
    /// next record brings about, for then an outcome would depend on the clock, which it may.
    pub fn mark(&self, partition: u32, next: i64) -> Option<WallMs> {
        let bound = match self.plain.stream_times[partition as usize].range(next..).next() {
            Some((_, stream_time)) => stream_time.map(|at| WallMs(at.0))?,
            None => self.plan.end,
        };
        Some(self.wall.min(bound))
    }

    /// Each record below the end of a commit must have one result.
    pub fn check(&mut self, commit: &Commit) {
        let below = self.plan.of_partition(commit.partition).filter(|input| input.offset < commit.to).count();
        let results: u64 = commit.report.results.iter().map(|row| row.2).sum();
        if commit.stage == StageKind::Fold && results != below as u64 {
            let place = (commit.partition, commit.to);
            self.unsound
                .get_or_insert(format!("of {below} records before {place:?} {results} have a result\n"));
        }
    }
}
