//! The soak: a fixed rate for long, and whether memory, files and threads stay what they were.
//!
//! `cargo bench --bench soak -- --minutes 60 [--rate 2000 --queues 2000 --agents 200 --shipped]`. What the service remembers
//! for long by its settings is made short, so that it turns over many times and a leak is not hidden behind it; with
//! `--shipped` the settings are the shipped ones, and memory is flat only after two hours: then read the peak. It starts
//! Apache Kafka as the tests do, or takes `INTRADAY_TEST_KAFKA`. It ends with 1 where the verdict is bad.

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

use deployment::{Deployment, PARTITIONS, Usage, argument, flag, noise};
use live::{Center, Load};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const LOOK_EACH: Duration = Duration::from_secs(30);
/// Memory that may be gained in the second half: what an allocator keeps back differs by more than nothing.
const GROWTH_MIB: f64 = 16.0;
/// The same as a part of what there is.
const GROWTH_PART: f64 = 0.05;
/// Threads and files that may come and go: scrapes, connections that are made anew.
const SPARE: usize = 4;
/// Events that may wait to be folded at any look, in seconds of the load.
const LAG_S: f64 = 10.0;

/// Everything that is kept for long by default, kept for a minute or two.
const SHORT: &str = r#"
time.linger = "1m"
time.dedup_horizon = "1m"
time.allowed_lateness = "1m"
[[windows]]
name = "1m"
kind = "sliding"
length = "1m"
[[windows]]
name = "2m"
kind = "tumbling"
length = "2m"
[[windows]]
name = "day"
kind = "day"
"#;

/// What was seen at a look.
struct Look {
    minutes: f64,
    usage: Usage,
    lag: i64,
}

fn main() -> ExitCode {
    let Some(kafka) = harness::kafka() else { return ExitCode::SUCCESS };
    let minutes: f64 = argument("minutes", 10.0);
    let center = Center {
        events_per_s: argument("rate", 2_000),
        queues: argument("queues", 2_000),
        agents: argument("agents", 200),
    };
    let deployment = Deployment::new(kafka, "soak", if flag("shipped") { "" } else { SHORT });
    let mut copy = deployment.start("one");
    copy.ready(Duration::from_secs(60));
    let load = Load::start(kafka.bootstrap(), &deployment.input, PARTITIONS, center);
    let (began, cpu_s) = (Instant::now(), copy.usage().cpu_s);
    let mut looks = Vec::new();
    println!(
        "minutes  RSS MiB  peak MiB  files  threads  lag events  CPU %  groups  group-windows  contacts"
    );
    while began.elapsed().as_secs_f64() < minutes * 60.0 {
        std::thread::sleep(LOOK_EACH);
        assert!(copy.process.is_running(), "the service has ended:\n{}", copy.process.output());
        let (usage, lag) = (copy.usage(), deployment.lag("fold", &deployment.input));
        // As a Prometheus would: what a scrape costs is part of the figures.
        let shown = copy.scrape();
        let look = Look { minutes: began.elapsed().as_secs_f64() / 60.0, usage, lag };
        println!(
            "{:>7.1}  {:>7.1}  {:>8.1}  {:>5}  {:>7}  {:>10}  {:>5.0}  {:>6}  {:>13}  {:>8}",
            look.minutes,
            usage.resident_mib,
            usage.peak_mib,
            usage.files,
            usage.threads,
            lag,
            (usage.cpu_s - cpu_s) / began.elapsed().as_secs_f64() * 100.0,
            shown.sum("intraday_groups", ""),
            shown.sum("intraday_open_windows", ""),
            shown.sum("intraday_open_contacts", ""),
        );
        looks.push(look);
    }
    let sent = load.stop();
    copy.wait_until("everything is folded", Duration::from_secs(60), || {
        deployment.lag("fold", &deployment.input) == 0
    });
    let folded = copy.scrape().sum("intraday_events_total", "result=\"folded\"");
    copy.stop();
    println!("{sent} events sent, {folded} folded; {}", noise());
    let bad = judge(&looks, center.events_per_s as f64, sent as f64 - folded);
    bad.iter().for_each(|line| println!("BAD: {line}"));
    if bad.is_empty() || flag("shipped") { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What is not as it should be, by the second half of the looks; tells the slope.
fn judge(looks: &[Look], rate: f64, missing: f64) -> Vec<String> {
    let late = &looks[looks.len() / 2..];
    let (Some(first), Some(last)) = (late.first(), late.last()) else {
        return vec!["too short for a verdict".to_owned()];
    };
    let slope = slope(late);
    let span = last.minutes - first.minutes;
    let (growth, allowed) = (slope * span, GROWTH_MIB.max(first.usage.resident_mib * GROWTH_PART));
    println!(
        "second half ({span:.1} min): memory {slope:+.2} MiB a minute, {growth:+.1} MiB in all; allowed are {allowed:.0}"
    );
    let mut bad = Vec::new();
    if growth > allowed {
        bad.push("memory grows".to_owned());
    }
    for (name, from, to) in
        [("files", first.usage.files, last.usage.files), ("threads", first.usage.threads, last.usage.threads)]
    {
        if to > from + SPARE {
            bad.push(format!("{name} grow from {from} to {to}"));
        }
    }
    if let Some(look) = late.iter().find(|look| look.lag as f64 > LAG_S * rate) {
        bad.push(format!("{} events waited after {:.1} min", look.lag, look.minutes));
    }
    if missing.abs() > 0.5 {
        bad.push(format!("{missing} events were not folded"));
    }
    bad
}

/// The slope of memory by least squares, in MiB a minute.
fn slope(looks: &[Look]) -> f64 {
    let count = looks.len() as f64;
    let mean = |of: fn(&Look) -> f64| looks.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|look| look.minutes), mean(|look| look.usage.resident_mib));
    let over = looks.iter().map(|look| (look.minutes - x) * (look.usage.resident_mib - y)).sum::<f64>();
    let under = looks.iter().map(|look| (look.minutes - x).powi(2)).sum::<f64>();
    if under > 0.0 { over / under } else { 0.0 }
}
