//! A shell without Kafka: what the stages write is kept as topics would keep it, stages stop and are restored from it.
//!
//! It must never look inside a batch, a state record or a KPI record.

use std::collections::BTreeMap;

use intraday::pipeline::memory::{Output, end_of_windows};
use intraday::pipeline::{Commit, Effect, FoldInput, FoldStage, MergeInput, MergeStage};
use intraday::time::WallMs;

use super::engine::{Left, TOPIC, record_of};
use super::settings::Engine;
use crate::reference::Input;
use crate::scenario::dice::Dice;

type State = BTreeMap<Vec<u8>, Vec<u8>>;

/// What the shell does to the stages, in a hundred turns each.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The stage stops after a commit and is restored.
    pub stop_after_commit: i64,
    /// The stage stops in the middle of things: what was not committed is lost and read again.
    pub stop_before_commit: i64,
    /// A batch is written twice.
    pub write_twice: i64,
    /// The most records between two turns.
    pub stride: i64,
}

/// Stage 1 of a partition with its topic and state.
struct FoldSeat<'i> {
    inputs: Vec<&'i Input>,
    next: usize,
    committed: i64,
    state: State,
    stage: FoldStage,
}

/// Stage 2 of a shard with its topic and state.
struct MergeSeat {
    log: Vec<Option<Vec<u8>>>,
    next: i64,
    committed: i64,
    state: State,
    stage: MergeStage,
}

/// Both stages, and what carries their writings.
pub struct Shell<'i> {
    engine: Engine,
    plan: Plan,
    folds: Vec<FoldSeat<'i>>,
    merges: Vec<MergeSeat>,
    left: Left,
    wall: WallMs,
    dice: Dice,
    /// How many times a stage was restored.
    pub restored: usize,
}

impl<'i> Shell<'i> {
    /// A shell over inputs of which nothing was read yet.
    pub fn new(engine: &Engine, inputs: &'i [Input], plan: Plan, seed: u64) -> Shell<'i> {
        let partitions = super::engine::partitions(inputs);
        let mut engine = engine.clone();
        engine.merge.sources = vec![(TOPIC.to_owned(), partitions)];
        let folds = (0..partitions).map(|partition| FoldSeat {
            inputs: inputs.iter().filter(|input| input.partition == partition).collect(),
            next: 0,
            committed: 0,
            state: State::new(),
            stage: FoldStage::new(engine.fold.clone(), TOPIC, partition, 0),
        });
        let folds = folds.collect();
        let shared = std::sync::Arc::new(engine.merge.clone());
        let merges = (0..engine.fold.shards).map(|shard| MergeSeat {
            log: Vec::new(),
            next: 0,
            committed: 0,
            state: State::new(),
            stage: MergeStage::new(shared.clone(), shard, 0),
        });
        let merges = merges.collect();
        let (left, wall, dice) = (Left::default(), WallMs(0), Dice::new(seed));
        Shell { engine, plan, folds, merges, left, wall, dice, restored: 0 }
    }

    /// Runs to the end of all inputs, turn by turn as the dice fall.
    pub fn run(mut self) -> (Left, usize) {
        while self.folds.iter().any(|seat| seat.next < seat.inputs.len()) {
            let partition = self.dice.below(self.folds.len());
            self.read(partition);
            if self.dice.chance(self.plan.stop_before_commit) {
                self.restore_fold(partition);
            } else if self.dice.chance(60) {
                self.commit_fold(partition);
                if self.dice.chance(self.plan.stop_after_commit) {
                    self.restore_fold(partition);
                }
            }
            let shard = self.dice.below(self.merges.len());
            self.take_batches(shard);
            if self.dice.chance(self.plan.stop_before_commit) {
                self.restore_merge(shard);
            } else if self.dice.chance(60) {
                self.publish(shard);
                if self.dice.chance(self.plan.stop_after_commit) {
                    self.restore_merge(shard);
                }
            }
        }
        self.end();
        (self.left, self.restored)
    }

    /// Reads half of each partition, publishes for the first time, restores every merge, and reads the rest.
    pub fn stop_after_first_publish(mut self) -> Left {
        for partition in 0..self.folds.len() {
            let half = self.folds[partition].inputs.len() / 2;
            self.read_some(partition, half);
            self.commit_fold(partition);
        }
        for shard in 0..self.merges.len() {
            let all = self.merges[shard].log.len() as i64;
            self.merges[shard].feed(all);
            self.publish(shard);
            self.restore_merge(shard);
        }
        (0..self.folds.len()).for_each(|partition| self.read_some(partition, usize::MAX));
        self.end();
        self.left
    }

    fn read(&mut self, partition: usize) {
        let count = self.dice.between(0, self.plan.stride) as usize;
        self.read_some(partition, count);
    }

    fn read_some(&mut self, partition: usize, count: usize) {
        let seat = &mut self.folds[partition];
        for input in seat.inputs.iter().skip(seat.next).take(count) {
            self.wall = self.wall.max(WallMs(input.wall_ms));
            seat.stage.step(FoldInput::Record(record_of(input)));
            seat.next += 1;
        }
    }

    fn commit_fold(&mut self, partition: usize) {
        let seat = &mut self.folds[partition];
        let Some(Commit { from, to, effects, .. }) = seat.stage.commit(self.wall) else { return };
        assert_eq!(from, seat.committed, "a commit begins where the last one ended");
        seat.committed = to;
        for effect in effects {
            match effect {
                Effect::Batch { shard, bytes } => {
                    let copies = if self.dice.chance(self.plan.write_twice) { 2 } else { 1 };
                    let log = &mut self.merges[shard as usize].log;
                    (0..copies).for_each(|_| log.push(Some(bytes.clone())));
                }
                Effect::State { key, value } => keep(&mut seat.state, key, value),
                Effect::DeadLetter(letter) => self.left.take(Output::DeadLetter(partition as u32, letter)),
                Effect::Kpi(record) => panic!("a fold wrote {}", record.key),
            }
        }
    }

    /// The fold stops without a word; another continues from what was committed.
    fn restore_fold(&mut self, partition: usize) {
        self.restored += 1;
        let seat = &mut self.folds[partition];
        let (config, of, at) = (self.engine.fold.clone(), partition as u32, seat.committed);
        seat.stage = if seat.state.is_empty() {
            FoldStage::new(config, TOPIC, of, at)
        } else {
            FoldStage::restore(config, TOPIC, of, at, kept(&seat.state)).unwrap()
        };
        seat.next = seat.inputs.iter().take_while(|input| input.offset < at).count();
    }

    /// Takes some of the batches that lie in the shard's topic.
    fn take_batches(&mut self, shard: usize) {
        let seat = &mut self.merges[shard];
        let there = seat.log.len() as i64 - seat.next;
        let count = if self.dice.chance(70) { there } else { self.dice.between(0, there) };
        seat.feed(seat.next + count);
    }

    fn publish(&mut self, shard: usize) {
        let seat = &mut self.merges[shard];
        seat.stage.step(MergeInput::Publish { wall: self.wall }).unwrap();
        let Some(Commit { from, to, effects, .. }) = seat.stage.commit() else { return };
        assert_eq!((from, to), (seat.committed, seat.next), "a commit covers what was taken");
        seat.committed = to;
        for effect in effects {
            match effect {
                Effect::State { key, value } => keep(&mut seat.state, key, value),
                Effect::Kpi(record) => self.left.record(record),
                other => panic!("a merge wrote {other:?}"),
            }
        }
        let unneeded = seat.stage.needed_from() as usize;
        seat.log.iter_mut().take(unneeded).for_each(|batch| *batch = None);
    }

    /// The merge stops without a word; another continues from what was committed.
    fn restore_merge(&mut self, shard: usize) {
        self.restored += 1;
        let config = std::sync::Arc::new(self.engine.merge.clone());
        let seat = &mut self.merges[shard];
        let (of, committed) = (shard as u32, seat.committed);
        seat.stage = if seat.state.is_empty() {
            assert_eq!(committed, 0, "what was committed has state");
            MergeStage::new(config, of, 0)
        } else {
            MergeStage::restore(config, of, committed, kept(&seat.state)).unwrap()
        };
        seat.next = seat.stage.replay_from();
        seat.feed(committed);
    }

    fn end(&mut self) {
        (0..self.folds.len()).for_each(|partition| self.commit_fold(partition));
        let last = self.folds.iter().filter_map(|seat| seat.stage.stream_time()).max();
        if let Some(levels_stop) = last {
            let until = end_of_windows(&self.engine.merge, levels_stop);
            for seat in &mut self.folds {
                seat.stage.step(FoldInput::End { levels_stop, until });
            }
        }
        (0..self.folds.len()).for_each(|partition| self.commit_fold(partition));
        for shard in 0..self.merges.len() {
            let all = self.merges[shard].log.len() as i64;
            self.merges[shard].feed(all);
            self.publish(shard);
        }
    }
}

impl MergeSeat {
    fn feed(&mut self, until: i64) {
        for offset in self.next..until {
            let bytes = self.log[offset as usize].as_deref().expect("a batch that is needed was deleted");
            self.stage.step(MergeInput::Batch { offset, bytes }).unwrap();
        }
        self.next = self.next.max(until);
    }
}

fn keep(state: &mut State, key: Vec<u8>, value: Option<Vec<u8>>) {
    match value {
        Some(value) => drop(state.insert(key, value)),
        None => drop(state.remove(&key)),
    }
}

fn kept(state: &State) -> impl Iterator<Item = (&[u8], &[u8])> {
    state.iter().map(|(key, value)| (key.as_slice(), value.as_slice()))
}
