//! `run`: the service, from settings to its end.

use super::Failure;
use super::observe::Watch;
use super::serve::Front;
use crate::kafka::{GroupProtocol, KafkaConfig, KafkaError, Mode, Service, Stages, StartFrom, topics};
use crate::settings::{self, Settings};
use crate::shutdown;
use crate::vitals::Beat;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

/// How long the last commit and the leaving may take, from the signal.
const STOP_PATIENCE: Duration = Duration::from_millis(3_600);
/// Pause before brokers that do not answer are asked again.
const ASK_PAUSE: Duration = Duration::from_secs(1);
/// How long connections may then take to end. Both together are less than the 5 s that a stop has.
const CLOSE_PATIENCE: Duration = Duration::from_millis(600);

/// Runs the service until a signal or a failure.
pub fn run(settings: &Settings) -> Result<(), Failure> {
    crate::telemetry::start();
    let mut signals = shutdown::listen().map_err(|error| Failure::run("listen for signals", error))?;
    let kafka = Arc::new(kafka_config(settings));
    let front = Front::open(settings, settings.http.listen)?;
    tracing::info!(address = %front.address(), id = %kafka.id, instance = %kafka.instance, "serving");
    let starting = front.health.worker("start");
    let (asked, asking) = (Arc::clone(&kafka), starting.clone());
    let Some(inputs) = front.unless_signal(&mut signals, move || check_at_last(&asked, &asking))? else {
        tracing::info!("stopped before the start");
        front.close(CLOSE_PATIENCE);
        return Ok(());
    };
    let inputs = inputs.map_err(|error| Failure::Run(error.to_string()))?;
    starting.retire();
    let stages = Stages {
        fold: Arc::new(settings.fold_config()),
        merge: Arc::new(settings.merge_config(inputs.clone())),
        inputs,
    };
    let watch = Arc::new(Watch::new(&front));
    let service = Service::start(kafka, stages, watch, front.board_feed())
        .map_err(|error| Failure::Run(error.to_string()))?;
    let service = Arc::new(service);
    let failure = front.until_signal_or(&mut signals, &service);
    let stopped = service.stop(STOP_PATIENCE);
    front.close(CLOSE_PATIENCE);
    if let Err(error) = stopped {
        tracing::warn!(%error, "not everything ended in time");
        if let Some(failure) = &failure {
            // Threads that stand still would outlive a return from here; the reason must be said before.
            let _ = writeln!(std::io::stderr(), "intraday: {failure}");
        }
        shutdown::exit_now(failure.is_some());
    }
    match failure {
        Some(error) => Err(Failure::Run(error)),
        None => {
            tracing::info!("stopped");
            Ok(())
        }
    }
}

/// Checks the topics, however long brokers are away: a signal is not kept waiting for it.
fn check_at_last(kafka: &KafkaConfig, starting: &Beat) -> Result<Vec<(String, u32)>, KafkaError> {
    loop {
        starting.beat();
        starting.reason("asking the brokers for the topics");
        match topics::check(kafka) {
            Err(error) if error.is_away() => {
                tracing::warn!(%error, "no broker answers; asking again");
                starting.reason(&format!("waiting for brokers: {error}"));
                starting.beat();
                std::thread::sleep(ASK_PAUSE);
            }
            outcome => return outcome,
        }
    }
}

/// The Kafka side of the settings.
pub fn kafka_config(settings: &Settings) -> KafkaConfig {
    let millis = |ms: i64| Duration::from_millis(ms.unsigned_abs());
    let host = settings::host_name(std::env::var("HOSTNAME").ok());
    KafkaConfig {
        id: settings.service.id.clone(),
        instance: settings.instance(&host),
        brokers: settings.kafka.brokers.join(","),
        input_topics: settings.kafka.input_topics.clone(),
        client: settings.kafka.client_properties(),
        mode: match settings.service.mode {
            settings::Mode::ExactlyOnce => Mode::ExactlyOnce,
            settings::Mode::None => Mode::None,
        },
        start_from: match settings.service.start_from {
            settings::StartFrom::Earliest => StartFrom::Earliest,
            settings::StartFrom::Latest => StartFrom::Latest,
            settings::StartFrom::Ago { ago_ms } => StartFrom::AgoMs(ago_ms),
        },
        shards: settings.kafka.shards,
        fold_workers: settings.kafka.fold_workers as u32,
        merge_workers: settings.kafka.merge_workers as u32,
        commit_interval: millis(settings.time.commit_interval_ms),
        publish_interval: millis(settings.time.publish_interval_ms),
        session_timeout: millis(settings.kafka.session_timeout_ms),
        stuck_after: millis(settings.kafka.stuck_after_ms),
        prune_interval: millis(settings.kafka.prune_interval_ms),
        leave_on_stop: settings.kafka.leave_on_stop,
        transaction_timeout: millis(settings.kafka.transaction_timeout_ms),
        restore_timeout: millis(settings.kafka.restore_timeout_ms),
        idle_after: millis(settings.time.idle_after_ms),
        max_ahead_ms: settings.time.max_ahead_ms,
        group_protocol: match settings.kafka.group_protocol {
            settings::GroupProtocol::Classic => GroupProtocol::Classic,
            settings::GroupProtocol::Consumer => GroupProtocol::Consumer,
        },
        accept_partitions: (settings.kafka.accept_partitions > 0).then_some(settings.kafka.accept_partitions),
        replication: (settings.kafka.replication_factor > 0).then_some(settings.kafka.replication_factor),
        kpis_retention: millis(settings.kafka.kpis_retention_ms),
    }
}
