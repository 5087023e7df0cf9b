//! A copy joins while events flow: partitions that stay keep committing while another moves, under both group
//! protocols; and a partition that waits for slower ones goes on when either of them moves.
//!
//! The judge of the results is `replay` of the same events in one process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde_json::json;

use crate::harness;
use crate::harness::guard::Signal;
use crate::harness::kafka::Broker;
use crate::harness::records::Outgoing;
use crate::kafka_copies::{Copy, Hurry, LAST_MS, assert_as_replayed, feed, replay, simulated, until};
use crate::kafka_deployment::{Deployment, NEVER_IDLE, event, last_words};

const PARTITIONS: i32 = 4;
/// Longer than a copy is suspended here.
const SESSION: (&str, &str) = ("INTRADAY__KAFKA__SESSION_TIMEOUT", "12s");
/// How many commits of a partition that stays are waited for while others move.
const COMMITS: usize = 5;

#[test]
fn partitions_that_stay_keep_running_under_the_classic_protocol() {
    partitions_that_stay_keep_running("classic");
}

#[test]
fn partitions_that_stay_keep_running_under_the_consumer_protocol() {
    partitions_that_stay_keep_running("consumer");
}

fn partitions_that_stay_keep_running(protocol: &str) {
    let Some(kafka) = harness::kafka() else { return };
    let deployment = Deployment::new(kafka, &format!("moving-{protocol}"), PARTITIONS, NEVER_IDLE);
    deployment.create_topics();
    let settings =
        [SESSION, ("INTRADAY__KAFKA__GROUP_PROTOCOL", protocol), ("INTRADAY__KAFKA__LEAVE_ON_STOP", "false")];
    let (mut one, mut two) = (Copy::new("one", &settings), Copy::new("two", &settings));
    let mut events = simulated(&deployment, 5, "1h", PARTITIONS);
    let hurry = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let feeding = feed(scope, &deployment, &events, Duration::from_secs(120), &hurry);
        let pace = Hurry(&hurry);
        one.start_ready(&deployment);
        until("all partitions with the first copy", || match one.partitions().len() {
            4 => Ok(()),
            count => Err(format!("{count}")),
        });
        two.start(&deployment);
        // From the moment at which the first copy gives some up to the one at which the second has them, they are with
        // nobody; the second is suspended in between, so that this lasts.
        let stay = until("partitions given up", || {
            let held = one.partitions();
            if held.len() < 4 && !held.is_empty() { Ok(held) } else { Err(format!("{held:?} are held")) }
        });
        two.signal(Signal::Stop);
        let advanced = advances(&deployment, &stay);
        two.signal(Signal::Continue);
        assert!(advanced.values().all(|count| *count >= COMMITS), "{advanced:?}");
        until("all partitions with one copy each", || {
            let (of_one, of_two) = (one.partitions(), two.partitions());
            let all = of_one.union(&of_two).count() == 4 && of_one.is_disjoint(&of_two);
            if all && !of_two.is_empty() { Ok(()) } else { Err(format!("{of_one:?} and {of_two:?}")) }
        });
        two.wait_ready();
        // A member that goes and comes back under its name: nothing moves, and it goes on where it was.
        let (before, stays) = (two.partitions(), one.partitions());
        two.stop(Signal::Term);
        two.start_ready(&deployment);
        until("the same partitions after the restart", || {
            let (of_one, of_two) = (one.partitions(), two.partitions());
            if of_two == before && of_one == stays {
                Ok(())
            } else {
                Err(format!("{of_one:?} and {of_two:?}"))
            }
        });
        drop(pace);
        feeding.join().unwrap();
    });
    let last = last_words(PARTITIONS, LAST_MS);
    deployment.produce(&last);
    events.extend(last);
    assert_as_replayed(&deployment, &mut one, &replay(&deployment, &events, &[]));
    assert_eq!(deployment.folded_count(), events.len() as i64);
    one.stop(Signal::Term);
    two.stop(Signal::Term);
}

/// How often the committed offset of each partition moves, until each has moved [`COMMITS`] times.
fn advances(deployment: &Deployment, stay: &BTreeSet<i32>) -> BTreeMap<i32, usize> {
    let mut seen: BTreeMap<i32, BTreeSet<i64>> = stay.iter().map(|at| (*at, BTreeSet::new())).collect();
    until("commits of the partitions that stay", || {
        for (partition, offset) in deployment.folded() {
            seen.entry(partition).and_modify(|offsets| _ = offsets.insert(offset));
        }
        let counts: BTreeMap<i32, usize> =
            seen.iter().map(|(at, offsets)| (*at, offsets.len() - 1)).collect();
        if counts.values().all(|count| *count >= COMMITS) { Ok(counts) } else { Err(format!("{counts:?}")) }
    })
}

/// A heartbeat of an agent; `number` makes it another one.
fn beat(partition: i32, number: i64, time_ms: i64) -> Outgoing {
    let agent = format!("a-{partition}");
    let value = json!({"id": format!("{agent}-{number}"), "type": "agent.heartbeat", "time": time_ms, "tenant": "acme",
        "agent_id": agent});
    event(partition, &agent, &value.to_string())
}

/// Little is fetched at a time, so that no partition is read to its end at once.
const SPARE: (&str, &str) = ("INTRADAY__KAFKA__CLIENT__QUEUED_MIN_MESSAGES", "1000");
const BACKOFF: (&str, &str) = ("INTRADAY__KAFKA__CLIENT__FETCH_QUEUE_BACKOFF_MS", "1000");
/// Event time of the first beat.
const START_MS: i64 = 1_767_600_000_000;
/// Records by which the slow partition, in which little time passes, is kept from its end.
const SLOW: i64 = 50_000;
/// Records of the fast one, in which a second passes with each: more than a worker takes in one turn.
const FAST: i64 = 30_000;

#[test]
fn a_partition_that_waits_goes_on_when_the_slow_one_or_itself_moves() {
    let Some(kafka) = harness::kafka() else { return };
    // Which of the two moves is the group's affair: with either as the slow one, it is once the slow one that leaves the
    // one that waits behind, and once the one that waits.
    let moved: BTreeSet<bool> = std::thread::scope(|scope| {
        let cases = [0, 1].map(|slow| scope.spawn(move || wait_and_move(kafka, slow) == slow));
        cases.into_iter().map(|case| case.join().expect("a case that held")).collect()
    });
    assert_eq!(moved.len(), 2, "only one of the cases came about: {moved:?}");
}

/// Returns the partition that moved.
fn wait_and_move(kafka: &'static Broker, slow: i32) -> i32 {
    let fast = 1 - slow;
    let deployment = Deployment::new(kafka, &format!("waiting-{slow}"), 2, NEVER_IDLE);
    deployment.create_topics();
    let mut produced = 0;
    let mut slow_goes_on = || {
        let folded = deployment.folded();
        if produced - folded.get(&slow).copied().unwrap_or_default() < SLOW {
            let more = (produced..produced + SLOW).map(|number| beat(slow, number, START_MS + number / 10));
            deployment.produce(&more.collect::<Vec<_>>());
            produced += SLOW;
        }
        (produced, folded)
    };
    slow_goes_on();
    let times = (0..FAST).map(|number| beat(fast, number, START_MS + number * 1_000));
    deployment.produce(&times.collect::<Vec<_>>());
    let settings = [SESSION, SPARE, BACKOFF];
    let (mut one, mut two) = (Copy::new("one", &settings), Copy::new("two", &settings));
    one.start(&deployment);
    let mut seen = BTreeSet::new();
    until("the fast partition waits", || {
        let (_, folded) = slow_goes_on();
        match (folded.get(&slow), folded.get(&fast)) {
            // It stands while the slow one moves.
            (Some(behind), Some(ahead)) if *ahead < FAST => seen.insert((*ahead, *behind)),
            _ => false,
        };
        let stood =
            seen.iter().filter(|(ahead, _)| seen.iter().filter(|(at, _)| at == ahead).count() > COMMITS);
        if stood.count() > 0 { Ok(()) } else { Err(format!("{folded:?}")) }
    });
    two.start(&deployment);
    let moved = until("a partition with the second copy", || {
        slow_goes_on();
        two.partitions().into_iter().next().ok_or_else(|| "none".to_owned())
    });
    until("the end of both partitions", || {
        let folded = deployment.folded();
        let ends = [(slow, produced), (fast, FAST)];
        if ends.iter().all(|(at, end)| folded.get(at) == Some(end)) {
            Ok(())
        } else {
            Err(format!("{folded:?}"))
        }
    });
    one.stop(Signal::Term);
    two.stop(Signal::Term);
    moved
}
