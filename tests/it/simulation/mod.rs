//! Deterministic simulation above the Kafka seam: copies of the service in one thread, without a clock, on a log service
//! in memory. A seed decides batches, interleavings, crashes between any two effects, aborted and unknown commits,
//! zombies, restarts, moves; in the end the topics hold what a run without failures leaves, byte for byte.
//!
//! Stages, roles and `kafka::handover::fate` are the product's own; worker, committer and restore are retold step by step
//! in the files of the same names. `INTRADAY_TEST_SEEDS` says how many seeds per hundred of the usual run (100 are usual),
//! `INTRADAY_TEST_SEED` names a single one.

mod broker;
mod cases;
mod copies;
mod desk;
mod group;
mod log;
mod mutations;
mod plain;
mod plan;
mod process;
mod restore;
mod seen;
mod verdict;
mod worker;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::differential::settings;
use copies::Copies;
use plan::Plan;
use seen::Seen;

/// Seeds of the usual run.
const SEEDS: u64 = 1_000;
/// Seeds beyond them that once failed: a final forgotten, or told of one that never went out, where a copy died between
/// the parts of its state; a final of an aborted transaction that nothing took back; state read without the commit that
/// the offset was stored by.
const FORMER: [u64; 6] = [3_245, 3_323, 8_052, 10_796, 11_812, 12_027];
/// Seeds run at the same time.
const THREADS: usize = 2;

/// Runs a seed; says what came about, or what is wrong.
fn run(seed: u64) -> Result<Seen, String> {
    let plan = Rc::new(Plan::new(seed));
    let plain = Rc::new(plain::run(&plan).map_err(|stop| format!("the plain run stopped: {stop}"))?);
    let mut copies = Copies::new(seed, plan, plain);
    copies.run().map_err(|stop| format!("stopped: {stop}"))?;
    let said = verdict::verdict(&mut copies.world);
    if said.is_empty() { Ok(copies.world.seen) } else { Err(said) }
}

/// The same; a panic is something that is wrong, too.
fn judged(seed: u64) -> Result<Seen, String> {
    catch_unwind(AssertUnwindSafe(|| run(seed))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(text.unwrap_or_else(|| "it panicked".to_owned()))
    })
}

fn seeds() -> Vec<u64> {
    let asked = std::env::var("INTRADAY_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    asked.map_or_else(|| settings::seeds(SEEDS).chain(FORMER).collect(), |seed| vec![seed])
}

#[test]
fn a_thousand_troubled_runs_leave_what_an_untroubled_one_leaves() {
    let seeds = seeds();
    let next = AtomicU64::new(0);
    let share = || {
        let (mut all, mut wrong) = (Seen::default(), Vec::new());
        while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
            match judged(*seed) {
                Ok(seen) => all.add(&seen),
                Err(said) => wrong.push((*seed, said)),
            }
        }
        (all, wrong)
    };
    let shares = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(share)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let (mut all, mut wrong) = (Seen::default(), Vec::new());
    for (seen, some) in shares {
        all.add(&seen);
        wrong.extend(some);
    }
    wrong.sort_unstable();
    if let Some((seed, said)) = wrong.first() {
        panic!(
            "{} of {} seeds failed ({:?}), the first is {seed}; repeat it with\n  INTRADAY_TEST_SEED={seed} cargo test \
             --test it simulation::a_thousand\n{said}",
            wrong.len(),
            seeds.len(),
            wrong.iter().take(30).map(|(seed, _)| seed).collect::<Vec<_>>()
        );
    }
    eprintln!("{} seeds: {all}", seeds.len());
    if seeds.len() as u64 >= SEEDS {
        assert_eq!(all.missing(), "", "{all}");
    }
}
