//! Freshness: from the moment an event is to be produced to its being seen, on the kpis topic (`read_committed`) and on
//! /metrics, under a steady load.
//!
//! `cargo bench --bench freshness [-- --rate 20000 --seconds 60 --queues 1000 --quick]` runs at the defaults, then with
//! paces of 200 ms and a live rate of 10,000; `--quick` leaves the first out, `--defaults` the second. It starts Apache Kafka as the tests do, or
//! takes `INTRADAY_TEST_KAFKA`. Figures are of this machine and this moment: producer, broker and watchers share it.

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

use deployment::{Deployment, PARTITIONS, argument, flag, noise};
use live::{Center, Load, STEADY_AFTER, Seen, Watcher, latencies_ms, quantile};
use std::time::{Duration, Instant};

/// After its first event a queue is shown at 0 for 30 s on /metrics, so that rates see its first burst.
const ANNOUNCED_AFTER: Duration = Duration::from_secs(35);
/// Between a scrape of everything and the first marker that counts.
const CALM: Duration = Duration::from_secs(3);
/// How long after its last marker a run waits for what is not seen yet.
const LAST_LOOK: Duration = Duration::from_secs(8);
/// How long after each answer /metrics is asked again.
const ASK_INTERVAL: Duration = Duration::from_millis(10);
/// The default key of hashes, which places tenants on shards.
const HASH_KEY: &[u8; 16] = b"intraday-hash-v1";
const SHARDS: u32 = 8;

/// All shipped windows at a pace of 200 ms.
const QUICK: &str = r#"
[limits]
live_rate = 10000
[[windows]]
name = "5m"
kind = "sliding"
length = "5m"
pace = "200ms"
[[windows]]
name = "15m"
kind = "tumbling"
length = "15m"
pace = "200ms"
[[windows]]
name = "1h"
kind = "tumbling"
length = "1h"
pace = "200ms"
[[windows]]
name = "day"
kind = "day"
pace = "200ms"
"#;

fn main() {
    let Some(kafka) = harness::kafka() else { return };
    let center = Center {
        events_per_s: argument("rate", 20_000),
        queues: argument("queues", 1_000),
        agents: argument("agents", 1_000),
    };
    let seconds = argument("seconds", 60);
    if !flag("quick") {
        println!("defaults:");
        run(kafka, "", center, seconds);
    }
    if !flag("defaults") {
        println!("paces of 200 ms, live_rate 10,000:");
        run(kafka, QUICK, center, seconds);
    }
}

fn run(kafka: &'static harness::kafka::Broker, settings: &str, center: Center, seconds: u64) {
    let deployment = Deployment::new(kafka, "freshness", settings);
    let mut copy = deployment.start("one");
    copy.ready(Duration::from_secs(60));
    let load = Load::start(kafka.bootstrap(), &deployment.input, PARTITIONS, center);
    let shard = intraday::fold::commit::shard_of(HASH_KEY, live::TENANT, SHARDS);
    let on_topic = Watcher::of_topic(kafka.bootstrap(), &deployment.topic("kpis"), shard, &load.markers);
    let on_metrics = Watcher::of_metrics(&copy.address, ASK_INTERVAL, &load.markers);
    std::thread::sleep(STEADY_AFTER.max(ANNOUNCED_AFTER));
    let before = copy.scrape();
    // The scrape of everything is over and done with before the first marker counts.
    std::thread::sleep(CALM);
    let (from, sent, used) = (Instant::now(), load.sent(), copy.usage());
    std::thread::sleep(Duration::from_secs(seconds));
    let (to, now, sent_by_then) = (Instant::now(), copy.usage(), load.sent());
    let (lag, noise) = (deployment.lag("fold", &deployment.input), noise());
    std::thread::sleep(LAST_LOOK);
    let due = load.markers.between(from, to);
    let (revisions_s, after) = (from.elapsed() + CALM, copy.scrape());
    load.stop();
    let (wall_s, events) = (to.duration_since(from).as_secs_f64(), (sent_by_then - sent) as f64);
    let (revisions, cpu_s) = ("intraday_revisions_published_total", now.cpu_s - used.cpu_s);
    println!(
        "  {:.0} events/s over {} queues, {} agents; {:.0} KPI records/s; the service: {:.2} CPUs, {:.1} us per event, peak {:.0} MiB",
        events / wall_s,
        center.queues,
        center.agents,
        (after.sum(revisions, "") - before.sum(revisions, "")) / revisions_s.as_secs_f64(),
        cpu_s / wall_s,
        cpu_s * 1e6 / events,
        now.peak_mib,
    );
    println!(
        "  commits last: fold {:.1} ms, merge {:.1} ms (means); lag of the input {lag} events; {noise}",
        after.commit_ms("fold"),
        after.commit_ms("merge"),
    );
    tell("/metrics", &on_metrics.stop(), from, to, due);
    tell("kpis topic", &on_topic.stop(), from, to, due);
    copy.stop();
}

fn tell(place: &str, seen: &[Seen], from: Instant, to: Instant, due: usize) {
    let sorted = latencies_ms(seen, from, to);
    println!(
        "  event to {place}: p50 {:.0} ms, p90 {:.0} ms, p99 {:.0} ms, max {:.0} ms ({} of {due} markers seen)",
        quantile(&sorted, 0.5),
        quantile(&sorted, 0.9),
        quantile(&sorted, 0.99),
        quantile(&sorted, 1.0),
        sorted.len(),
    );
}
