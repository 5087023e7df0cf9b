//! Copies of the service as the dice drive them: they start, work, stall, die, and take partitions from each other.
//!
//! It must never know what comes out.

use std::rc::Rc;
use std::sync::Arc;

use intraday::kafka::fold_role::FoldRole;
use intraday::kafka::merge_role::MergeRole;
use intraday::kafka::{KafkaConfig, StartFrom, TopicNames};
use intraday::pipeline::{StageKind, Stop};

use super::broker::Topic;
use super::desk::often;
use super::group::{Event, Membership};
use super::plain::Plain;
use super::plan::{Faults, Plan, TOPIC};
use super::process::{Copy, State};
use super::worker::Worker;
use super::world::World;

/// Rounds in which everything must come to rest once nothing goes wrong any more.
const REST_ROUNDS: usize = 4_000;
/// Turns after the last event arrived.
const TAIL_TURNS: usize = 160;
const KINDS: [StageKind; 2] = [StageKind::Fold, StageKind::Merge];

/// All copies in their world.
pub struct Copies {
    /// What they share.
    pub world: World,
    copies: Vec<Copy>,
    fold: Arc<FoldRole>,
    merge: Arc<MergeRole>,
}

impl Copies {
    /// No copy runs yet.
    pub fn new(seed: u64, plan: Rc<Plan>, plain: Rc<Plain>) -> Copies {
        let names = TopicNames::new("sim");
        let shards = plan.engine.fold.shards;
        let config = KafkaConfig { start_from: StartFrom::Earliest, shards, ..KafkaConfig::default() };
        let kafka = Arc::new(config);
        let fold = Arc::new(FoldRole {
            kafka: Arc::clone(&kafka),
            fold: Arc::clone(&plan.engine.fold),
            inputs: vec![(TOPIC.to_owned(), plan.partitions)],
            names: names.clone(),
        });
        let merge = Arc::new(MergeRole { kafka, merge: Arc::new(plan.engine.merge.clone()), names });
        Copies { world: World::new(seed, plan, plain), copies: Vec::new(), fold, merge }
    }

    /// Runs to the end: the seed's troubles first, then rest.
    pub fn run(&mut self) -> Result<(), Stop> {
        self.start(0);
        while !self.world.has_all() {
            self.turn()?;
        }
        for _ in 0..TAIL_TURNS {
            self.turn()?;
        }
        self.rest()
    }

    fn turn(&mut self) -> Result<(), Stop> {
        match self.world.dice.below(16) {
            0..=1 => {
                let count = self.world.dice.below(5);
                self.world.arrive(count);
            }
            2 => {
                // While events come, time goes with them.
                let most_ms = if self.world.has_all() { 2_400_000 } else { 4_000 };
                let by_ms = self.world.dice.between(0, most_ms);
                self.world.pass(by_ms);
            }
            3..=4 => _ = self.world.broker.write_marker(&mut self.world.dice),
            5 => self.keep_house(),
            6 => self.assign(),
            _ => self.work()?,
        }
        self.trouble();
        self.mend();
        Ok(())
    }

    /// One copy does a little.
    fn work(&mut self) -> Result<(), Stop> {
        if self.copies.is_empty() {
            return Ok(());
        }
        let at = self.world.dice.below(self.copies.len());
        let copy = &mut self.copies[at];
        match copy.state {
            State::Stalls => return Ok(()),
            State::Runs => copy.work(&mut self.world, false)?,
            State::Ends => copy.commit(&mut self.world, 3),
        }
        self.bury();
        Ok(())
    }

    /// What goes wrong in a turn.
    fn trouble(&mut self) {
        let faults = self.world.faults;
        if !self.copies.is_empty() {
            let at = self.world.dice.below(self.copies.len());
            if often(&mut self.world.dice, faults.crash) {
                self.world.seen.count("copies that died");
                let name = self.copies.remove(at).name;
                self.miss(name);
                return;
            }
            let copy = &mut self.copies[at];
            if copy.state == State::Runs && often(&mut self.world.dice, faults.stall) {
                self.world.seen.count("copies that stood still");
                let name = copy.name;
                copy.state = State::Stalls;
                self.miss(name);
            }
            let copy = &mut self.copies[at];
            if copy.state == State::Runs && often(&mut self.world.dice, faults.stop) {
                copy.fold.stop(self.world.dice.below(12));
                copy.merge.stop(self.world.dice.below(12));
            }
            let name = copy.name;
            if often(&mut self.world.dice, faults.impostor) {
                self.world.seen.count("copies under a name in use");
                self.start(name);
            }
        }
        // The moment after a commit matters most, so it is met more often.
        if let Some(name) = self.world.broker.ending()
            && often(&mut self.world.dice, 2 * faults.crash)
        {
            self.world.seen.count("copies that died after a commit");
            self.copies.retain(|copy| copy.name != name);
            self.evict(name);
            self.assign();
        }
        if often(&mut self.world.dice, faults.rebalance) {
            let kind = KINDS[self.world.dice.below(2)];
            self.move_one(kind);
        }
    }

    /// Now and then the group knows at once that nothing is heard of a copy.
    fn miss(&mut self, name: usize) {
        if self.world.plan.transactions && self.world.dice.chance(40) {
            self.evict(name);
            self.assign();
        }
    }

    /// What the group, the broker and operators do about it.
    fn mend(&mut self) {
        let names = self.world.plan.copies;
        for name in 0..names {
            let runs = self.copies.iter().any(|copy| copy.name == name && copy.state != State::Ends);
            if !runs && often(&mut self.world.dice, 25) {
                self.start(name);
            }
            let is_deaf = !self.copies.iter().any(|copy| copy.name == name && copy.state == State::Runs);
            if is_deaf && often(&mut self.world.dice, 15) {
                self.evict(name);
            }
        }
        for copy in &mut self.copies {
            if copy.state == State::Stalls && often(&mut self.world.dice, 40) {
                copy.state = State::Runs;
            }
        }
        for name in self.world.broker.waiting() {
            if self.world.plan.transactions && often(&mut self.world.dice, 4) {
                self.world.broker.expire(&name);
            }
        }
        self.join_again();
    }

    /// Compacts state, deletes partials that nobody needs.
    fn keep_house(&mut self) {
        let World { broker, dice, plan, .. } = &mut self.world;
        let (topic, count) = match dice.below(2) {
            0 => (Topic::FoldState, plan.partitions),
            _ => (Topic::MergeState, plan.engine.fold.shards),
        };
        let restores =
            self.copies.iter().any(|copy| copy.fold.restoring().or(copy.merge.restoring()).is_some());
        let log = broker.log((topic, dice.below(count as usize) as u32));
        let until = dice.between(0, log.stable_end());
        log.compact(until, !restores && dice.chance(30));
        for copy in self.copies.iter().filter(|copy| copy.state == State::Runs) {
            for (shard, offset) in copy.merge.needed_from() {
                broker.log((Topic::Partials, shard)).delete_before(offset);
            }
        }
    }

    fn start(&mut self, name: usize) {
        let has_transactions = self.world.plan.transactions;
        let skew_ms = self.world.dice.between(-3_000, 3_000);
        let (of_fold, of_merge) = (self.join(StageKind::Fold, name), self.join(StageKind::Merge, name));
        let mut fold = Worker::new(Arc::clone(&self.fold), of_fold.0, skew_ms, has_transactions);
        let mut merge = Worker::new(Arc::clone(&self.merge), of_merge.0, skew_ms, has_transactions);
        fold.inbox.push_back(Event::Assigned(of_fold.1));
        merge.inbox.push_back(Event::Assigned(of_merge.1));
        self.copies.push(Copy { name, state: State::Runs, fold, merge });
    }

    /// Joins a group under a name; whoever had it is told.
    fn join(&mut self, kind: StageKind, name: usize) -> (Membership, Vec<u32>) {
        let member = self.world.new_member();
        let group = self.world.broker.group(kind);
        let (owned, before) = group.join(name, member);
        let generation = group.generation;
        if let Some(before) = before {
            self.tell(kind, before, Event::Fenced);
        }
        (Membership { name, member, generation }, owned)
    }

    fn tell(&mut self, kind: StageKind, member: u64, event: Event) {
        for copy in &mut self.copies {
            let (membership, inbox) = match kind {
                StageKind::Fold => (copy.fold.membership, &mut copy.fold.inbox),
                StageKind::Merge => (copy.merge.membership, &mut copy.merge.inbox),
            };
            if membership.member == member {
                inbox.push_back(event.clone());
            }
        }
    }

    fn evict(&mut self, name: usize) {
        for kind in KINDS {
            if let Some(member) = self.world.broker.group(kind).evict(name) {
                self.tell(kind, member, Event::Lost);
            }
        }
    }

    fn assign(&mut self) {
        for kind in KINDS {
            let World { broker, dice, .. } = &mut self.world;
            for (member, partition) in broker.group(kind).assign(|count| dice.below(count)) {
                self.tell(kind, member, Event::Assigned(vec![partition]));
            }
        }
    }

    fn move_one(&mut self, kind: StageKind) {
        let plan = Rc::clone(&self.world.plan);
        let count = if kind == StageKind::Fold { plan.partitions } else { plan.engine.fold.shards };
        let partition = self.world.dice.below(count as usize) as u32;
        let to = self.world.dice.below(plan.copies);
        if let Some(member) = self.world.broker.group(kind).begin_move(partition, to) {
            self.world.seen.count("partitions moved");
            self.tell(kind, member, Event::Revoked(vec![partition]));
        }
    }

    /// Those that were put out join again, unless another has their name.
    fn join_again(&mut self) {
        for at in 0..self.copies.len() {
            let copy = &self.copies[at];
            let name = copy.name;
            if copy.state != State::Runs || !(copy.fold.is_out || copy.merge.is_out) {
                continue;
            }
            let mut others = self.copies.iter().enumerate().filter(|(other, _)| *other != at);
            if others.any(|(_, other)| other.name == name && other.state != State::Ends) {
                self.copies[at].state = State::Ends;
                continue;
            }
            for kind in KINDS {
                let copy = &self.copies[at];
                let is_out = if kind == StageKind::Fold { copy.fold.is_out } else { copy.merge.is_out };
                if is_out {
                    let (membership, owned) = self.join(kind, name);
                    let copy = &mut self.copies[at];
                    match kind {
                        StageKind::Fold => copy.fold.join(membership, owned),
                        StageKind::Merge => copy.merge.join(membership, owned),
                    }
                }
            }
        }
    }

    /// Nothing goes wrong any more: everything must come to rest, with all that there is read and committed.
    fn rest(&mut self) -> Result<(), Stop> {
        self.world.faults = Faults::NONE;
        self.world.pass(self.world.plan.end.0);
        let (mut still_rounds, mut progress) = (0, (0, 0));
        for _ in 0..REST_ROUNDS {
            for name in 0..self.world.plan.copies {
                let lives = self.copies.iter().any(|copy| copy.name == name && copy.state != State::Ends);
                if !lives && name == 0 {
                    self.start(name);
                } else if !lives {
                    self.evict(name);
                }
            }
            self.assign();
            for at in 0..self.copies.len() {
                let copy = &mut self.copies[at];
                if copy.state == State::Ends {
                    copy.commit(&mut self.world, usize::MAX);
                } else {
                    copy.state = State::Runs;
                    copy.work(&mut self.world, true)?;
                }
            }
            self.bury();
            self.join_again();
            // Whoever could has ended his transaction by now; the rest are of the dead.
            self.world.broker.waiting().iter().for_each(|name| self.world.broker.expire(name));
            while self.world.broker.write_marker(&mut self.world.dice) {}
            let settled = self.copies.iter().all(|copy| copy.fold.is_settled() && copy.merge.is_settled());
            let before = std::mem::replace(&mut progress, self.world.broker.progress());
            still_rounds = if settled && before == progress { still_rounds + 1 } else { 0 };
            if still_rounds == 3 {
                return Ok(());
            }
        }
        let said = self.copies.iter().map(|copy| {
            let (fold, merge) = (copy.fold.restoring(), copy.merge.restoring());
            format!("copy {}: fold {fold:?}, merge {merge:?}; ", copy.name)
        });
        Err(Stop(format!("no rest after {REST_ROUNDS} rounds: {}", said.collect::<String>())))
    }

    /// Takes away what has ended. Of those that stopped in good order some tell the group, as configured.
    fn bury(&mut self) {
        for at in 0..self.copies.len() {
            let copy = &mut self.copies[at];
            let has_stopped = copy.fold.has_stopped && copy.merge.has_stopped;
            if copy.state == State::Ends || !has_stopped && !copy.fold.is_fenced && !copy.merge.is_fenced {
                continue;
            }
            copy.state = State::Ends;
            if has_stopped && self.world.dice.chance(50) {
                let members = [copy.fold.membership.member, copy.merge.membership.member];
                for (kind, member) in KINDS.into_iter().zip(members) {
                    self.world.broker.group(kind).leave(member);
                }
            }
        }
        self.copies.retain(|copy| {
            copy.state != State::Ends || copy.fold.desk.is_busy() || copy.merge.desk.is_busy()
        });
    }
}
