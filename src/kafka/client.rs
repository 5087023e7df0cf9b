//! The properties of each client: defaults, then `[kafka.client]`, then what the service owns.
//!
//! Must never know: topics, records, stages.

use super::config::{GroupProtocol, KafkaConfig, Mode};
use super::error::KafkaError;
use rdkafka::ClientConfig;
use std::time::Duration;

/// Properties (and aliases) that `[kafka.client]` must not set: guarantees hang on them.
pub const OWNED: &[&str] = &[
    "acks",
    "auto.offset.reset",
    "bootstrap.servers",
    "delivery.timeout.ms",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "enable.partition.eof",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "heartbeat.interval.ms",
    "isolation.level",
    "message.timeout.ms",
    "metadata.broker.list",
    "partition.assignment.strategy",
    "partitioner",
    "request.required.acks",
    "session.timeout.ms",
    "statistics.interval.ms",
    "test.mock.num.brokers",
    "transaction.timeout.ms",
    "transactional.id",
];

/// The largest record that is sent, and the largest batch that the service's own topics take.
pub const MESSAGE_BYTES_MAX: u32 = 8 * 1024 * 1024;
/// Longest time between two polls of a member.
const POLL_INTERVAL_MAX: Duration = Duration::from_secs(60);
/// How often clients report positions: lag and "at the end" follow it.
const STATISTICS_INTERVAL_MS: u64 = 1_000;

/// Refuses properties that the service owns.
///
/// # Errors
/// Names the first such property.
pub fn validate(config: &KafkaConfig) -> Result<(), KafkaError> {
    match config.client.keys().find(|property| OWNED.contains(&property.as_str())) {
        Some(property) => Err(KafkaError::OwnedProperty { property: property.clone() }),
        None => Ok(()),
    }
}

/// The consumer group of a role (`fold` or `merge`).
#[must_use]
pub fn group(config: &KafkaConfig, role: &str) -> String {
    format!("{}.{role}", config.id)
}

/// Of a client that only asks: metadata, administration.
#[must_use]
pub fn admin(config: &KafkaConfig) -> ClientConfig {
    assemble(config, "admin", &[], &[])
}

/// Of a worker's consumer, a member of its group (or assigned by number, where transactions are off).
#[must_use]
pub fn member(config: &KafkaConfig, role: &str, worker: &str) -> ClientConfig {
    // A fetch costs more than the events in it: input is fetched in batches, within the freshness goal.
    // Batches of partials are few and large and are taken as they come.
    let fetch: &[(&str, &str)] = match role {
        "fold" => &[("fetch.min.bytes", "16384"), ("fetch.wait.max.ms", "25")],
        _ => &[("fetch.min.bytes", "1"), ("fetch.wait.max.ms", "100")],
    };
    let mut client = consumer(config, role, worker, fetch);
    client.set("statistics.interval.ms", STATISTICS_INTERVAL_MS.to_string());
    if config.mode == Mode::None {
        return client;
    }
    // A worker polls many times a second. One that does not is stuck, and others should have its partitions sooner than
    // the default of 5 min.
    if !config.client.contains_key("max.poll.interval.ms") {
        client.set("max.poll.interval.ms", millis(POLL_INTERVAL_MAX.max(config.session_timeout)));
    }
    client.set("group.instance.id", format!("{}-{}-{worker}", config.id, config.instance));
    match config.group_protocol {
        GroupProtocol::Consumer => client.set("group.protocol", "consumer"),
        GroupProtocol::Classic => client
            .set("group.protocol", "classic")
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", millis(config.session_timeout))
            .set("heartbeat.interval.ms", millis(config.session_timeout / 5)),
    };
    client
}

/// Of a consumer that is told what to read and joins nothing: restore, the kpis tail, samples.
///
/// It names the role's group because committed offsets are asked for in that name.
#[must_use]
pub fn reader(config: &KafkaConfig, role: &str, purpose: &str) -> ClientConfig {
    consumer(config, role, purpose, &[("fetch.wait.max.ms", "100")])
}

/// Of a worker's producer, whose transactions may take `span`; transactional where the mode says so.
#[must_use]
pub fn producer(config: &KafkaConfig, worker: &str, span: Duration) -> ClientConfig {
    // A record that is not delivered must fail before its transaction does, so that the abort is ours.
    let message_timeout = span.saturating_sub(Duration::from_secs(2));
    let mut client = assemble(
        config,
        worker,
        &[
            ("compression.type", "lz4"),
            ("linger.ms", "1"),
            // The default of 100 ms would be added to each commit whose predecessor's markers are still being written.
            ("retry.backoff.ms", "5"),
            ("queue.buffering.max.kbytes", "65536"),
            // A single record above the default of 1 MB would be refused for ever.
            ("message.max.bytes", &MESSAGE_BYTES_MAX.to_string()),
        ],
        &[("acks", "all"), ("enable.idempotence", "true")],
    );
    client.set("message.timeout.ms", millis(message_timeout.max(Duration::from_secs(1))));
    if config.mode == Mode::ExactlyOnce {
        client
            .set("transactional.id", format!("{}-{}-{worker}", config.id, config.instance))
            .set("transaction.timeout.ms", millis(span));
    }
    client
}

/// Of a producer of events: partitions as JVM producers choose them.
#[must_use]
pub fn event_producer(config: &KafkaConfig) -> ClientConfig {
    assemble(
        config,
        "events",
        &[("compression.type", "lz4"), ("linger.ms", "5"), ("queue.buffering.max.kbytes", "65536")],
        &[("acks", "all"), ("enable.idempotence", "true"), ("partitioner", "murmur2_random")],
    )
}

fn consumer(config: &KafkaConfig, role: &str, name: &str, fetch: &[(&str, &str)]) -> ClientConfig {
    let mut defaults = vec![
        ("queued.max.messages.kbytes", "16384"),
        // At the default of 1 s a full queue would stop the fetches of its partition for so long.
        ("fetch.queue.backoff.ms", "5"),
        ("check.crcs", "true"),
        // What a batch can become: zstd is unpacked up to the second, the other codecs have no bound but the batch itself.
        ("fetch.max.bytes", "16777216"),
        ("receive.message.max.bytes", "33554432"),
    ];
    defaults.extend_from_slice(fetch);
    let isolation = match config.mode {
        Mode::ExactlyOnce => "read_committed",
        Mode::None => "read_uncommitted",
    };
    let mut client = assemble(
        config,
        name,
        &defaults,
        &[
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("enable.partition.eof", "true"),
            ("auto.offset.reset", "error"),
            ("isolation.level", isolation),
        ],
    );
    client.set("group.id", group(config, role));
    client
}

fn assemble(
    config: &KafkaConfig,
    name: &str,
    defaults: &[(&str, &str)],
    owned: &[(&str, &str)],
) -> ClientConfig {
    let mut client = ClientConfig::new();
    for (property, value) in defaults {
        client.set(*property, *value);
    }
    client.set("client.id", format!("{}-{}-{name}", config.id, config.instance));
    for (property, value) in &config.client {
        client.set(property, value);
    }
    client.set("bootstrap.servers", &config.brokers);
    for (property, value) in owned {
        client.set(*property, *value);
    }
    client
}

fn millis(span: Duration) -> String {
    span.as_millis().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_secs(10);

    fn config(client: &[(&str, &str)]) -> KafkaConfig {
        KafkaConfig {
            client: client.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            ..KafkaConfig::default()
        }
    }

    #[test]
    fn passed_properties_override_defaults_and_never_what_the_service_owns() {
        let config = config(&[("fetch.min.bytes", "1"), ("acks", "0"), ("sasl.mechanism", "PLAIN")]);
        let member = member(&config, "fold", "fold0");
        assert_eq!(member.get("fetch.min.bytes"), Some("1"));
        assert_eq!(member.get("sasl.mechanism"), Some("PLAIN"));
        assert_eq!(producer(&config, "fold0", SPAN).get("acks"), Some("all"));
        assert!(
            matches!(validate(&config), Err(KafkaError::OwnedProperty { property }) if property == "acks")
        );
    }

    #[test]
    fn names_are_stable_over_restarts_and_tell_workers_apart() {
        let config = config(&[]);
        let member = member(&config, "merge", "merge1");
        assert_eq!(member.get("group.id"), Some("intraday.merge"));
        assert_eq!(member.get("group.instance.id"), Some("intraday-0-merge1"));
        assert_eq!(producer(&config, "merge1", SPAN).get("transactional.id"), Some("intraday-0-merge1"));
        assert_eq!(member.get("isolation.level"), Some("read_committed"));
        assert_eq!(member.get("auto.offset.reset"), Some("error"));
    }

    #[test]
    fn a_record_fails_before_its_transaction_does() {
        let client = producer(&config(&[]), "fold0", SPAN);
        let ms = |property: &str| client.get(property).unwrap().parse::<u64>().unwrap();
        assert!(ms("message.timeout.ms") < ms("transaction.timeout.ms"));
    }

    #[test]
    fn without_transactions_nothing_is_joined_and_nothing_is_transactional() {
        let config = KafkaConfig { mode: Mode::None, ..config(&[]) };
        assert_eq!(member(&config, "fold", "fold0").get("group.instance.id"), None);
        assert_eq!(producer(&config, "fold0", SPAN).get("transactional.id"), None);
        assert_eq!(reader(&config, "fold", "restore").get("isolation.level"), Some("read_uncommitted"));
    }

    #[test]
    fn the_new_protocol_leaves_timeouts_to_the_broker() {
        let config = KafkaConfig { group_protocol: GroupProtocol::Consumer, ..config(&[]) };
        let member = member(&config, "fold", "fold0");
        assert_eq!(member.get("group.protocol"), Some("consumer"));
        assert_eq!(member.get("session.timeout.ms"), None);
        assert_eq!(member.get("partition.assignment.strategy"), None);
    }
}
