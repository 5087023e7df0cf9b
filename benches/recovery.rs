//! Recovery after kill -9, under load: the same copy comes back, and another takes over.
//!
//! Prints how long new events are not seen on the kpis topic (`read_committed`): from the kill until each of ten queues, which
//! lie on all partitions, has shown an event that was produced after it.
//! `cargo bench --bench recovery [-- --rate 2000 --rounds 3 --session 10]`. It starts Apache Kafka as the tests do, or takes
//! `INTRADAY_TEST_KAFKA`. Figures are of this machine and this moment.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a bench ends where a test would fail, and its figures are its output"
)]

#[allow(dead_code, reason = "the live benches share it, and each uses a part")]
mod deployment;
#[path = "../tests/it/harness/mod.rs"]
#[expect(unused_imports, reason = "the harness's own tests are not part of a bench without a test runner")]
mod harness;
#[allow(dead_code, reason = "the live benches share it, and each uses a part")]
mod live;

use deployment::{Deployment, PARTITIONS, argument, noise};
use harness::kafka::Broker;
use live::{Center, Load, QUEUES, STEADY_AFTER, Watcher};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(120);
const HASH_KEY: &[u8; 16] = b"intraday-hash-v1";
const SHARDS: u32 = 8;
/// How long after a recovery the copies run before they are killed again.
const CALM: Duration = Duration::from_secs(8);

fn main() {
    let Some(kafka) = harness::kafka() else { return };
    let center = Center { events_per_s: argument("rate", 2_000), queues: 1_000, agents: 500 };
    let (rounds, session_s) = (argument("rounds", 3), argument("session", 10));
    println!("same copy back ({} events/s; {}):", center.events_per_s, noise());
    for _ in 0..rounds {
        same_back(kafka, center);
    }
    println!("another copy takes over (session_timeout {session_s} s; {}):", noise());
    for _ in 0..rounds {
        take_over(kafka, center, session_s);
    }
}

fn same_back(kafka: &'static Broker, center: Center) {
    let deployment = Deployment::new(kafka, "back", "");
    let mut copy = deployment.start("one");
    copy.ready(LIMIT);
    let load = Load::start(kafka.bootstrap(), &deployment.input, PARTITIONS, center);
    let watcher = watch(&deployment, &load);
    std::thread::sleep(STEADY_AFTER + CALM);
    let killed = Instant::now();
    copy.kill();
    let started = Instant::now();
    let mut copy = deployment.start("one");
    copy.ready(LIMIT);
    let ready = started.elapsed();
    std::thread::sleep(CALM);
    load.stop();
    std::thread::sleep(CALM);
    tell(&watcher.stop(), killed, &format!("ready {:.2} s after its start", ready.as_secs_f64()));
    copy.stop();
}

fn take_over(kafka: &'static Broker, center: Center, session_s: u64) {
    let settings = format!("kafka.session_timeout = \"{session_s}s\"");
    let deployment = Deployment::new(kafka, "over", &settings);
    let (mut one, mut two) = (deployment.start("one"), deployment.start("two"));
    one.ready(LIMIT);
    two.ready(LIMIT);
    let load = Load::start(kafka.bootstrap(), &deployment.input, PARTITIONS, center);
    let watcher = watch(&deployment, &load);
    std::thread::sleep(STEADY_AFTER + CALM);
    let killed = Instant::now();
    one.kill();
    two.wait_until("the take-over", LIMIT, || two_owns_all(&deployment));
    std::thread::sleep(Duration::from_secs(session_s) + 2 * CALM);
    load.stop();
    std::thread::sleep(CALM);
    tell(&watcher.stop(), killed, "");
    two.stop();
}

/// All partitions are worked on again once none of them lags by more than a moment.
fn two_owns_all(deployment: &Deployment) -> bool {
    deployment.lag("fold", &deployment.input) < 4_000
}

fn watch(deployment: &Deployment, load: &Load) -> Watcher {
    let shard = intraday::fold::commit::shard_of(HASH_KEY, live::TENANT, SHARDS);
    Watcher::of_topic(deployment.kafka.bootstrap(), &deployment.topic("kpis"), shard, &load.markers)
}

fn tell(seen: &[live::Seen], killed: Instant, more: &str) {
    let firsts: Vec<f64> = (0..QUEUES)
        .filter_map(|queue| {
            let after = seen.iter().filter(|one| one.queue == queue && one.intended >= killed);
            after.map(|one| one.at.duration_since(killed).as_secs_f64()).min_by(f64::total_cmp)
        })
        .collect();
    let worst = firsts.iter().copied().fold(0.0, f64::max);
    let best = firsts.iter().copied().fold(f64::INFINITY, f64::min);
    println!(
        "  new events are seen again {best:.2} s (first queue) to {worst:.2} s (last of {}) after the kill; {more}",
        firsts.len()
    );
}
