//! A copy of the service: a worker of each role, and what becomes of the process.
//!
//! It must never know other copies.

use intraday::kafka::fold_role::FoldRole;
use intraday::kafka::merge_role::MergeRole;
use intraday::kafka::role::Role;
use intraday::pipeline::Stop;

use super::worker::Worker;
use super::world::World;

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Works.
    Runs,
    /// Does nothing for a while, and does not know it.
    Stalls,
    /// Its workers are gone, its committers end what they are doing.
    Ends,
}

/// A process.
pub struct Copy {
    /// Its name: a number that stays over restarts.
    pub name: usize,
    /// What it does.
    pub state: State,
    /// Its worker of fold.
    pub fold: Worker<FoldRole>,
    /// Its worker of merge.
    pub merge: Worker<MergeRole>,
}

impl Copy {
    /// Both workers and what works for them do a little, or all there is.
    pub fn work(&mut self, world: &mut World, eager: bool) -> Result<(), Stop> {
        if eager || world.dice.chance(50) {
            act(&mut self.fold, world, eager)?;
        }
        if eager || world.dice.chance(50) {
            act(&mut self.merge, world, eager)?;
        }
        Ok(())
    }

    /// Its committers go on, and nothing else of it.
    pub fn commit(&mut self, world: &mut World, steps: usize) {
        steps_of(&mut self.fold, world, steps);
        steps_of(&mut self.merge, world, steps);
    }
}

fn act<R: Role>(worker: &mut Worker<R>, world: &mut World, eager: bool) -> Result<(), Stop> {
    if eager || world.dice.chance(60) {
        worker.restore_step(world);
    }
    let steps = if eager { usize::MAX } else { [0, 1, 3, 10, 80][world.dice.below(5)] };
    steps_of(worker, world, steps);
    if eager || world.dice.chance(60) {
        worker.turn(world, eager)?;
    }
    Ok(())
}

/// So many steps of a committer at most, until it has nothing to do or can only wait.
fn steps_of<R: Role>(worker: &mut Worker<R>, world: &mut World, steps: usize) {
    for _ in 0..steps.min(2_000) {
        if !worker.desk.is_busy() {
            return;
        }
        worker.commit_step(world);
    }
}
