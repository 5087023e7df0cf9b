//! Single situations, made by hand: what the seeds found once.
//!
//! They must never look inside a state record.

use std::rc::Rc;
use std::sync::Arc;

use intraday::fault::{self, Guard};
use intraday::kafka::fold_role::FoldRole;
use intraday::kafka::{KafkaConfig, TopicNames};
use intraday::pipeline::StageKind;

use super::broker::Topic;
use super::group::Event;
use super::plain;
use super::plan::{Faults, Plan, TOPIC};
use super::worker::Worker;
use super::world::World;

/// A worker of fold under a name, with all partitions.
fn worker(world: &mut World, name: usize) -> Worker<FoldRole> {
    let role = FoldRole {
        kafka: Arc::new(KafkaConfig::default()),
        fold: Arc::clone(&world.plan.engine.fold),
        inputs: vec![(TOPIC.to_owned(), world.plan.partitions)],
        names: TopicNames::new("sim"),
    };
    let member = world.new_member();
    let group = world.broker.group(StageKind::Fold);
    group.join(name, member);
    let given = group.assign(|_| 0);
    let generation = group.generation;
    let mut worker =
        Worker::new(Arc::new(role), super::group::Membership { name, member, generation }, 0, true);
    worker.inbox.push_back(Event::Assigned(given.into_iter().map(|(_, partition)| partition).collect()));
    worker
}

/// Everything that is to be done: a commit is decided, no marker of it is written.
fn commit(worker: &mut Worker<FoldRole>, world: &mut World) {
    for _ in 0..6 {
        worker.restore_step(world);
        worker.turn(world, true).unwrap();
        while worker.desk.is_busy() {
            worker.commit_step(world);
        }
    }
}

/// A partition moves after a commit without records; its offset is there, its state is not. Says whether the new
/// owner waits; `None` where the markers came in another order.
fn waits_for_the_state_of_a_heartbeat(seed: u64) -> Option<bool> {
    let plan = Rc::new(Plan { faults: Faults::NONE, ..Plan::new(1) });
    let plain = Rc::new(plain::run(&plan).unwrap());
    let mut world = World::new(seed, plan, plain);
    world.arrive(40);
    let mut first = worker(&mut world, 0);
    commit(&mut first, &mut world);
    while world.broker.write_marker(&mut world.dice) {}
    let before = world.broker.committed(StageKind::Fold, 0).unwrap().unwrap();
    world.pass(2_000);
    first.turn(&mut world, true).unwrap();
    while first.desk.is_busy() {
        first.commit_step(&mut world);
    }
    let after = loop {
        assert!(world.broker.write_marker(&mut world.dice), "the heartbeat was not committed");
        if let Ok(Some(after)) = world.broker.committed(StageKind::Fold, 0) {
            break after;
        }
    };
    assert_eq!((before.offset, before.mark == after.mark), (after.offset, false));
    if !world.broker.log((Topic::FoldState, 0)).is_unsettled() {
        return None;
    }
    world.broker.group(StageKind::Fold).evict(0);
    let mut second = worker(&mut world, 1);
    second.commit_step(&mut world);
    second.turn(&mut world, false).unwrap();
    for _ in 0..10 {
        second.restore_step(&mut world);
    }
    let waits = second.is_restoring(0);
    while world.broker.write_marker(&mut world.dice) {}
    for _ in 0..4 {
        second.restore_step(&mut world);
    }
    assert!(!second.is_restoring(0), "{:?}", second.restoring());
    Some(waits)
}

#[test]
fn a_partition_that_moves_after_a_heartbeat_waits_for_its_state() {
    let met: Vec<bool> = (0..20).filter_map(waits_for_the_state_of_a_heartbeat).collect();
    assert!(met.len() >= 3 && met.iter().all(|waits| *waits), "{met:?}");
    let without = fault::with_off(Guard::HeadEqualsOffset, || {
        (0..20).filter_map(waits_for_the_state_of_a_heartbeat).all(|waits| !waits)
    });
    assert!(without, "the situation is no longer the one that was found");
}
