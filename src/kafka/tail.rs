//! The tail of the kpis topic: every copy reads all results, so that each can show all groups.
//!
//! Must never know: what a result says.

use super::client;
use super::clock::wall_now;
use super::config::KafkaConfig;
use super::context::PlainContext;
use super::error::KafkaError;
use super::halt::Halt;
use super::names::TopicNames;
use super::observer::Observer;
use super::source::{Source, list_at};
use crate::time::{MINUTE_MS, Millis};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError as ClientError;
use rdkafka::{Message, Offset, TopicPartitionList};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// How far back the tail begins.
const LOOK_BACK_MS: Millis = 3 * MINUTE_MS;
/// How long one question to the broker may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause before the beginning is asked for again.
const AGAIN_PAUSE: Duration = Duration::from_millis(500);
/// Longest wait for a record: how soon a stop is seen.
const WAIT: Duration = Duration::from_millis(100);

/// Starts the thread; `on_kpi` gets key and value of each record, in order within a shard.
///
/// # Errors
/// The client or the thread cannot be made.
pub fn start(
    config: &Arc<KafkaConfig>,
    observer: &Arc<dyn Observer>,
    halt: &Arc<Halt>,
    mut on_kpi: impl FnMut(&[u8], &[u8]) + Send + 'static,
) -> Result<JoinHandle<()>, KafkaError> {
    // It joins nothing; the group's name is only asked for because committed offsets could be.
    let consumer: BaseConsumer<PlainContext> = client::reader(config, "merge", "tail")
        .create_with_context(PlainContext::new(Some(Arc::clone(observer))))
        .map_err(KafkaError::client("the tail of the kpis topic"))?;
    let (config, halt) = (Arc::clone(config), Arc::clone(halt));
    let observer = Arc::clone(observer);
    std::thread::Builder::new()
        .name("tail-kpis".to_owned())
        .spawn(move || {
            if !begin(&consumer, &config, &*observer, &halt) {
                return;
            }
            while !halt.is_asked() {
                match consumer.poll(WAIT) {
                    Some(Ok(message)) => {
                        if let (Some(key), Some(value)) = (message.key(), message.payload()) {
                            on_kpi(key, value);
                        }
                    }
                    Some(Err(ClientError::PartitionEOF(_))) | None => {}
                    // The client has reported it and retries.
                    Some(Err(error)) => tracing::debug!(%error, "tail of the kpis topic"),
                }
            }
        })
        .map_err(|source| KafkaError::Thread { worker: "the tail of the kpis topic".to_owned(), source })
}

/// Sets the positions; says whether that was done before a stop.
fn begin(
    consumer: &BaseConsumer<PlainContext>,
    config: &KafkaConfig,
    observer: &dyn Observer,
    halt: &Halt,
) -> bool {
    let topic = TopicNames::new(&config.id).kpis;
    let shards: Vec<Source> = (0..config.shards)
        .map(|shard| Source::new(&topic, i32::try_from(shard).unwrap_or(i32::MAX)))
        .collect();
    while !halt.is_asked() {
        match positions(consumer, &shards).and_then(|list| consumer.assign(&list)) {
            Ok(()) => return true,
            Err(error) => {
                observer.client_error(&format!("tail of {topic}: {error}"));
                halt.pause(AGAIN_PAUSE);
            }
        }
    }
    false
}

fn positions(
    consumer: &BaseConsumer<PlainContext>,
    shards: &[Source],
) -> Result<TopicPartitionList, ClientError> {
    let since_ms = wall_now().0.saturating_sub(LOOK_BACK_MS).max(0);
    let asked = consumer.offsets_for_times(list_at(shards, Offset::Offset(since_ms))?, ASK_TIMEOUT)?;
    let mut list = TopicPartitionList::new();
    for element in asked.elements() {
        element.error()?;
        // Nothing that new: begin at the end.
        let offset = match element.offset() {
            offset @ Offset::Offset(_) => offset,
            _ => Offset::End,
        };
        list.add_partition_offset(element.topic(), element.partition(), offset)?;
    }
    Ok(list)
}
