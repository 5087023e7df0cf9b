//! Commands about topics and brokers: what they make, what they find, and what is refused with a remedy.
//!
//! Hardly any service runs here for longer than its refusal.

use std::collections::BTreeMap;
use std::process::Output;

use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use serde_json::json;

use crate::harness;
use crate::harness::guard::{Signal, output_within};
use crate::harness::kafka::Broker;
use crate::harness::process::Process;
use crate::harness::records::unique_name;
use crate::kafka_deployment::{Deployment, LIMIT, NEVER_IDLE, SHARDS, event, eventually, last_words};

fn refusal(output: &Output, code: i32) -> String {
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{error}");
    error
}

fn settings_of(kafka: &Broker, topic: &str) -> BTreeMap<String, String> {
    let admin: AdminClient<DefaultClientContext> = kafka.client().create().unwrap();
    let specifier = ResourceSpecifier::Topic(topic);
    let options = AdminOptions::new();
    let asked = admin.describe_configs([&specifier], &options);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let answer = runtime.block_on(asked).unwrap().remove(0).unwrap();
    answer.entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?))).collect()
}

#[test]
fn created_topics_have_their_policies_and_a_second_time_changes_nothing() {
    let Some(kafka) = harness::kafka() else { return };
    let deployment = Deployment::new(kafka, "made", 4, NEVER_IDLE);
    let said = deployment.create_topics();
    assert_eq!(said.lines().filter(|line| line.starts_with("created")).count(), 5, "{said}");
    let fold_state = deployment.topic(&format!("fold-state.{}", deployment.input));
    let topics = [
        (deployment.topic("partials"), SHARDS, "delete", "-1"),
        (deployment.topic("merge-state"), SHARDS, "compact", ""),
        (deployment.topic("kpis"), SHARDS, "compact,delete", "604800000"),
        (deployment.topic("dead-letters"), 1, "delete", "2592000000"),
        (fold_state, 4, "compact", ""),
    ];
    for (topic, partitions, policy, retention_ms) in topics {
        assert_eq!(kafka.partitions(&topic), partitions, "{topic}");
        let settings = settings_of(kafka, &topic);
        let words = |text: &str| {
            let mut words: Vec<String> = text.split(',').map(str::to_owned).collect();
            words.sort();
            words
        };
        assert_eq!(words(&settings["cleanup.policy"]), words(policy), "{topic}");
        assert!(retention_ms.is_empty() || settings["retention.ms"] == retention_ms, "{topic}: {settings:?}");
    }
    let again = deployment.create_topics();
    assert_eq!(again.lines().filter(|line| line.starts_with("exists")).count(), 5, "{again}");
}

fn set(kafka: &Broker, topic: &str, setting: &str, value: &str) {
    let admin: AdminClient<DefaultClientContext> = kafka.client().create().unwrap();
    let specifier = ResourceSpecifier::Topic(topic);
    // What is not named goes back to the broker's default.
    let change = AlterConfig::new(specifier).set(setting, value);
    let options = AdminOptions::new();
    let asked = admin.alter_configs([&change], &options);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(asked).unwrap().remove(0).unwrap();
}

#[test]
fn a_topic_that_loses_state_is_refused_and_one_that_takes_smaller_records_is_told() {
    let Some(kafka) = harness::kafka() else { return };
    let deployment = Deployment::new(kafka, "policy", 1, NEVER_IDLE);
    deployment.create_topics();
    let state = deployment.topic("merge-state");
    set(kafka, &state, "cleanup.policy", "delete");
    for command in [&["run"][..], &["topics", "create"]] {
        let error = refusal(&deployment.run(command), 1);
        let parts = [&state, "cleanup.policy=delete", "must have compact", "kafka-configs"];
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    }
    // With the broker's default of 1 MiB for the size of a batch.
    set(kafka, &state, "cleanup.policy", "compact");
    let said = String::from_utf8_lossy(&deployment.run(&["check", "--connect"]).stdout).into_owned();
    assert!(said.contains(&format!("topic {state} has max.message.bytes=1048588")), "{said}");
    let service = deployment.start_ready();
    assert!(service.output().contains("max.message.bytes=1048588"), "{}", service.output());
}

#[test]
fn what_is_missing_is_named_with_what_makes_it() {
    let Some(kafka) = harness::kafka() else { return };
    let deployment = Deployment::new(kafka, "missing", 1, NEVER_IDLE);
    let error = refusal(&deployment.run(&["run"]), 1);
    assert!(error.contains(&deployment.id) && error.contains("intraday topics create"), "{error}");

    let id = unique_name("no-input");
    let input = format!("{id}-events");
    let nothing = Deployment::without_input(kafka, id, input.clone(), NEVER_IDLE);
    for command in [&["run"][..], &["topics", "create"]] {
        let error = refusal(&nothing.run(command), 1);
        assert!(error.contains(&input) && error.contains("does not exist"), "{error}");
    }
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_known_one() {
    let Some(kafka) = harness::kafka() else { return };
    let deployment =
        Deployment::without_input(kafka, unique_name("key"), "none".to_owned(), "idle_aftr = \"5s\"");
    for command in [&["run"][..], &["check"], &["topics", "create"]] {
        let error = refusal(&deployment.run(command), 64);
        assert!(error.contains("time.idle_aftr") && error.contains("idle_after"), "{error}");
        assert!(error.contains("intraday.toml"), "{error}");
    }
}

#[test]
fn check_asks_the_brokers_and_looks_at_the_input() {
    let Some(kafka) = harness::kafka() else { return };
    let deployment = Deployment::new(kafka, "check", 2, NEVER_IDLE);
    let before = deployment.run(&["check", "--connect"]);
    assert_eq!(before.status.code(), Some(64));
    let said = String::from_utf8_lossy(&before.stdout).into_owned();
    assert_eq!(said.matches("own topic missing").count(), 5, "{said}");
    assert!(said.contains("intraday topics create") && said.contains("events: none read"), "{said}");

    deployment.create_topics();
    let good = json!({"id": "1", "type": "contact.queued", "time": 1_767_600_000_000_i64, "contact_id": "c",
        "channel": "voice", "queue": "sales"});
    deployment.produce(&[event(0, "c", &good.to_string())]);
    let fine = deployment.run(&["check", "--connect"]);
    let said = String::from_utf8_lossy(&fine.stdout).into_owned();
    assert_eq!(fine.status.code(), Some(0), "{said}");
    for part in ["configuration: valid", kafka.bootstrap(), "2 partitions", "1 read, 1 decoded (100 %)"] {
        assert!(said.contains(part), "no {part:?} in:\n{said}");
    }

    deployment.produce(&[event(1, "d", "{\"id\":\"2\"}"), event(1, "e", "no json")]);
    let bad = deployment.run(&["check", "--connect"]);
    let said = String::from_utf8_lossy(&bad.stdout).into_owned();
    assert_eq!(bad.status.code(), Some(64), "{said}");
    assert!(said.contains("3 read, 1 decoded (33 %)") && said.contains("rejected, 1"), "{said}");
}

#[test]
fn a_grown_input_is_refused_until_its_count_is_accepted() {
    let Some(kafka) = harness::kafka() else { return };
    let deployment = Deployment::new(kafka, "grown", 2, NEVER_IDLE);
    deployment.create_topics();
    let mut service = deployment.start_ready();
    kafka.grow_topic(&deployment.input, 3);
    // It learns of it when its client next asks for the topic, or at its next start. It leaves the group: one that is killed
    // has its former partitions back without a round, and the new one waits for the next.
    service.signal(Signal::Term);
    service.exit_within(LIMIT);
    let error = refusal(&deployment.run(&["run"]), 1);
    assert!(error.contains("kafka.accept_partitions = 3"), "{error}");

    let accept = |arguments: &[&str]| {
        let mut command = deployment.command(arguments);
        command.env("INTRADAY__KAFKA__ACCEPT_PARTITIONS", "3");
        command
    };
    let error = refusal(&output_within(&mut accept(&["run"]), b"", LIMIT).unwrap(), 1);
    assert!(error.contains("intraday topics create"), "{error}");
    let made = output_within(&mut accept(&["topics", "create"]), b"", LIMIT).unwrap();
    let said = String::from_utf8_lossy(&made.stdout).into_owned();
    assert!(said.contains(&format!("grown    {}", deployment.topic("fold-state"))), "{said}");
    let mut service = Process::start(&accept(&["run"]));
    service.wait_for_http(&deployment.url("/readyz"), LIMIT);
    deployment.produce(&last_words(3, 1_767_600_000_000));
    eventually(&mut service, "all three partitions", || match deployment.folded().len() {
        3 => Ok(()),
        count => Err(format!("{count}")),
    });
}
