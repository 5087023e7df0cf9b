//! Brokers that are away, partial results that are gone or foreign, and threads that stand still.
//!
//! An outage is waited out; what breaks a guarantee, or hangs, ends the process with a reason.
//! `INTRADAY_TEST_OUTAGE_S` sets how long brokers are away.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::harness;
use crate::harness::guard::Signal;
use crate::harness::http;
use crate::harness::kafka::Broker;
use crate::harness::process::Process;
use crate::harness::records::Outgoing;
use crate::kafka_deployment::{Deployment, LIMIT, NEVER_IDLE, SHARDS, event, eventually, last_words};
use crate::kafka_restart::{LAST_MS, PARTITIONS, assert_as_replayed, placed, simulated};

const BYTES_PER_S: u32 = 20_000;
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// A thread that stands still is given up after `stuck_after` or six transactions; the test's are short.
const SHORT: [(&str, &str); 2] =
    [("INTRADAY__KAFKA__STUCK_AFTER", "5s"), ("INTRADAY__KAFKA__TRANSACTION_TIMEOUT", "1s")];

fn start(deployment: &Deployment, environment: &[(&str, &str)]) -> Process {
    let mut command = deployment.command(&["run"]);
    command.envs(environment.iter().copied());
    Process::start(&command)
}

/// Waits until readiness is refused with a text that contains `part`.
fn refuses(deployment: &Deployment, service: &mut Process, part: &str) {
    eventually(service, part, || match http::get(&deployment.url("/readyz"), &[]) {
        Ok(answer) if answer.status == 503 && answer.body.contains(part) => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

/// Waits for the end by itself, with code 1 and a text that contains all `parts`.
fn ends_with(mut service: Process, parts: &[&str]) {
    let status = service.exit_within(LIMIT);
    let output = service.output();
    assert_eq!(status.code(), Some(1), "{output}");
    let said = output.lines().rev().find(|line| line.starts_with("intraday: ")).unwrap_or_default();
    assert!(parts.iter().all(|part| said.contains(part)), "{parts:?} in {said}");
}

fn stop(mut service: Process) {
    service.signal(Signal::Term);
    assert_eq!(service.exit_within(STOP_LIMIT).code(), Some(0), "{}", service.output());
}

#[test]
fn an_outage_is_waited_out_and_told() {
    let Some(kafka) = Broker::start_own() else { return };
    // Deployments want a broker that lives as long as the process.
    let kafka: &'static Broker = Box::leak(Box::new(kafka));
    let away: u64 = std::env::var("INTRADAY_TEST_OUTAGE_S").map_or(15, |text| text.parse().unwrap());
    let away = Duration::from_secs(away);
    let deployment = Deployment::new(kafka, "outage", PARTITIONS, NEVER_IDLE);
    deployment.create_topics();
    let mut events = placed(&simulated(&deployment));
    let parts: Vec<&[Outgoing]> = events.chunks(events.len().div_ceil(4)).collect();

    // Away at the start: it serves, says what it waits for, and begins when it can.
    kafka.kill();
    let mut service = deployment.start();
    refuses(&deployment, &mut service, "waiting for brokers");
    kafka.restart();
    service.wait_for_http(&deployment.url("/readyz"), LIMIT);

    let mut count = 0;
    for (silent, part) in [(false, parts[0]), (true, parts[1]), (false, parts[2])] {
        deployment.produce(part);
        count += part.len() as i64;
        let began = Instant::now();
        if silent {
            kafka.pause();
        } else {
            kafka.kill();
        }
        refuses(&deployment, &mut service, "waiting for commits");
        std::thread::sleep(away.saturating_sub(began.elapsed()));
        if silent {
            kafka.resume();
        } else {
            kafka.restart();
        }
        service.wait_for_http(&deployment.url("/readyz"), LIMIT);
        eventually(&mut service, "the commits of the outage", || match deployment.folded_count() {
            folded if folded == count => Ok(()),
            folded => Err(format!("{folded} of {count}")),
        });
    }
    let lines = service.output().lines().count();
    assert!(lines < 500, "{lines} lines of log:\n{}", service.output());
    let metrics = http::get(&deployment.url("/metrics"), &[]).unwrap().body;
    assert!(metrics.contains("intraday_kafka_client_errors_total{kind=\"all_brokers_down\"}"), "{metrics}");

    deployment.produce(parts[3]);
    let last = last_words(PARTITIONS, LAST_MS);
    deployment.produce(&last);
    events.extend(last);
    assert_as_replayed(&deployment, &mut service, &events);
    stop(service);
    assert!(!kafka.has_dropped_markers());
}

/// The sum of a metric's series that have `part` in their labels.
fn metric(deployment: &Deployment, name: &str, part: &str) -> f64 {
    let Ok(answer) = http::get(&deployment.url("/metrics"), &[]) else { return 0.0 };
    let is_it = |line: &&str| line.starts_with(&format!("{name}{{")) && line.contains(part);
    let number = |line: &str| line.rsplit(' ').next().and_then(|number| number.parse::<f64>().ok());
    answer.body.lines().filter(is_it).filter_map(number).sum()
}

#[test]
fn what_producers_spooled_in_an_outage_is_not_late() {
    let Some(kafka) = Broker::start_own() else { return };
    let kafka: &'static Broker = Box::leak(Box::new(kafka));
    let brisk = "idle_after = \"1s\"\nallowed_lateness = \"1s\"\ngrace = \"1s\"";
    let deployment = Deployment::new(kafka, "spooled", 1, brisk);
    deployment.create_topics();
    let mut service = deployment.start_ready();
    let stream_time_s =
        |deployment: &Deployment| metric(deployment, "intraday_stream_time_timestamp_seconds", "");
    let moved_past = |service: &mut Process, time_s: f64| {
        eventually(service, "the time of a silent partition goes on", || match stream_time_s(&deployment) {
            found if found > time_s => Ok(()),
            found => Err(format!("{found}, not past {time_s}")),
        });
    };
    let began_ms = wall_ms();
    deployment.produce(&last_words(1, began_ms));
    moved_past(&mut service, began_ms as f64 / 1_000.0 + 1.0);

    kafka.pause();
    let away_ms = wall_ms();
    std::thread::sleep(Duration::from_secs(25));
    kafka.resume();
    // Of the time in which the brokers were away, by a producer that is slow to notice that they are back.
    std::thread::sleep(Duration::from_secs(3));
    let spooled: Vec<Outgoing> = (8..16)
        .map(|second| {
            let (id, time_ms) = (format!("spooled-{second}"), away_ms + second * 1_000);
            let value = format!(
                r#"{{"id":"{id}","type":"agent.heartbeat","time":{time_ms},"tenant":"t","agent_id":"a"}}"#
            );
            event(0, "a", &value)
        })
        .collect();
    deployment.produce(&spooled);
    let count = 1.0 + spooled.len() as f64;
    eventually(&mut service, "all records", || match metric(&deployment, "intraday_events_total", "") {
        found if found >= count => Ok(()),
        found => Err(format!("{found} of {count}")),
    });
    let folded = metric(&deployment, "intraday_events_total", "result=\"folded\"");
    let page = http::get(&deployment.url("/metrics"), &[]).unwrap().body;
    let results: Vec<&str> = page.lines().filter(|line| line.starts_with("intraday_events_total")).collect();
    assert_eq!(folded, count, "{results:#?}");
    // The partition is silent again, and its time goes on.
    moved_past(&mut service, (away_ms + 25_000) as f64 / 1_000.0);
    stop(service);
}

fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_millis() as i64
}

#[test]
fn a_commit_that_does_not_go_through_in_time_gets_more_of_it() {
    let Some(kafka) = Broker::start_own() else { return };
    let kafka: &'static Broker = Box::leak(Box::new(kafka));
    let deployment = Deployment::new(kafka, "slow", PARTITIONS, NEVER_IDLE);
    deployment.create_topics();
    let mut events = placed(&simulated(&deployment));
    let last = last_words(PARTITIONS, LAST_MS);
    events.extend(last);
    deployment.produce(&events);
    // A commit of all partitions takes some three times as long as a transaction usually may.
    kafka.throttle(&format!("{}-one-fold0", deployment.id), BYTES_PER_S);
    let mut service = start(&deployment, &[("INTRADAY__KAFKA__TRANSACTION_TIMEOUT", "5s")]);
    let start = Instant::now();
    while deployment.folded_count() < events.len() as i64 {
        assert!(service.is_running() && start.elapsed() < LIMIT * 4, "{}", service.output());
        std::thread::sleep(Duration::from_millis(200));
    }
    let output = service.output();
    assert!(output.contains("a commit needs more time") && output.contains(" records, of "), "{output}");
    assert_as_replayed(&deployment, &mut service, &events);
    stop(service);
}

#[test]
fn a_thread_that_stands_still_ends_the_process_with_a_reason() {
    let Some(kafka) = harness::kafka() else { return };
    for (fault, name) in [("block:heard:2", "0 stopped"), ("block:sent:2", "the committer of")] {
        let deployment = Deployment::new(kafka, "still", PARTITIONS, NEVER_IDLE);
        deployment.create_topics();
        deployment.produce(&last_words(PARTITIONS, LAST_MS));
        let mut environment = SHORT.to_vec();
        environment.push(("INTRADAY_FAULT", fault));
        ends_with(start(&deployment, &environment), &[name, "made no turn"]);
    }
}

#[test]
fn partials_are_deleted_below_what_a_restart_needs_and_no_further() {
    let Some(kafka) = harness::kafka() else { return };
    let deployment = Deployment::new(kafka, "prune", PARTITIONS, NEVER_IDLE);
    deployment.create_topics();
    let partials = deployment.topic("partials");
    let often = [("INTRADAY__KAFKA__PRUNE_INTERVAL", "1s")];
    let events = placed(&simulated(&deployment));
    let (before, after) = events.split_at(events.len() / 2);
    deployment.produce(before);
    let mut service = start(&deployment, &often);
    eventually(&mut service, "the first half", || match deployment.folded_count() {
        folded if folded == before.len() as i64 => Ok(()),
        folded => Err(format!("{folded}")),
    });
    stop(service);

    // The state that a restart begins with holds the first half, so its batches go.
    let mut service = start(&deployment, &often);
    let begins = eventually(&mut service, "a later begin of the partials", || {
        let marks = kafka.watermarks(&partials);
        match marks.values().all(|(low, high)| *low > 0 && low <= high) {
            true => Ok(marks),
            false => Err(format!("{marks:?}")),
        }
    });
    assert_eq!(begins.len() as i32, SHARDS);
    deployment.produce(after);
    service.signal(Signal::Kill);
    service.exit_within(STOP_LIMIT);
    let mut service = start(&deployment, &often);
    let mut events = events;
    let last = last_words(PARTITIONS, LAST_MS);
    deployment.produce(&last);
    events.extend(last);
    assert_as_replayed(&deployment, &mut service, &events);
    stop(service);
}

#[test]
fn a_gap_in_the_partials_stops_with_coordinates() {
    let Some(kafka) = harness::kafka() else { return };
    let deployment = Deployment::new(kafka, "gap", PARTITIONS, NEVER_IDLE);
    deployment.create_topics();
    let partials = deployment.topic("partials");
    deployment.produce(&last_words(PARTITIONS, LAST_MS));
    let mut service = deployment.start_ready();
    eventually(&mut service, "commits", || match deployment.folded_count() {
        folded if folded == i64::from(PARTITIONS) => Ok(()),
        folded => Err(format!("{folded}")),
    });
    // What merge has not yet taken, or still needs, is taken away: all of it.
    stop(service);
    for (partition, (_, high)) in kafka.watermarks(&partials) {
        kafka.delete_records(&partials, partition, high);
    }
    ends_with(deployment.start(), &["merge0 stopped", &partials, "offset"]);
}

#[test]
fn a_foreign_batch_in_the_partials_stops_with_coordinates() {
    let Some(kafka) = harness::kafka() else { return };
    let deployment = Deployment::new(kafka, "foreign", PARTITIONS, NEVER_IDLE);
    deployment.create_topics();
    let service = deployment.start_ready();
    let partials = deployment.topic("partials");
    kafka.produce_all(&partials, &[event(1, "k", "no batch of ours")]);
    ends_with(service, &["merge0 stopped", &format!("{partials}/1"), "offset"]);
}

#[test]
fn results_that_are_gone_before_they_were_read_stop_no_page() {
    let Some(kafka) = harness::kafka() else { return };
    let deployment = Deployment::new(kafka, "tail", 1, NEVER_IDLE);
    deployment.create_topics();
    let mut service = deployment.start_ready();
    let kpis = deployment.topic("kpis");
    let queued = |queue: &str| {
        let (id, time_ms) = (format!("c-{queue}"), wall_ms());
        let value = format!(
            r#"{{"id":"{id}","type":"contact.queued","time":{time_ms},"contact_id":"{id}","channel":"voice","queue":"{queue}"}}"#
        );
        deployment.produce(&[event(0, &id, &value)]);
    };
    let is_shown = |service: &mut Process, queue: &str| {
        eventually(service, "a queue on the page", || {
            let answer = http::get(&deployment.url("/api/v1/kpis"), &[("limit", "10000")])?;
            match answer.body.contains(&format!("\"{queue}\"")) {
                true => Ok(()),
                false => Err(answer.body),
            }
        });
    };
    queued("before");
    is_shown(&mut service, "before");

    // While it stands still, records come and go that it would have read next.
    service.signal(Signal::Stop);
    for (partition, (_, end)) in kafka.watermarks(&kpis) {
        kafka.produce(&kpis, partition, Some(b"k"), Some(b"{}"), None);
        kafka.delete_records(&kpis, partition, end + 1);
    }
    service.signal(Signal::Continue);
    queued("after");
    is_shown(&mut service, "after");
    assert!(service.output().contains("the tail begins again"), "{}", service.output());
    stop(service);
}
