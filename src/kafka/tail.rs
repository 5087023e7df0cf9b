//! The tail of the kpis topic: every copy reads all results, so that each can show all groups.
//!
//! Must never know: what a result says.

use super::client;
use super::clock::wall_now;
use super::config::KafkaConfig;
use super::context::PlainContext;
use super::damper::is_undecodable;
use super::error::KafkaError;
use super::halt::Halt;
use super::names::TopicNames;
use super::observer::Observer;
use super::restore::is_gone;
use super::source::{Source, list_at};
use super::watchdog::Turns;
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
    turns: Turns,
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
            let topic = TopicNames::new(&config.id).kpis;
            let shards: Vec<Source> = (0..config.shards)
                .map(|shard| Source::new(&topic, i32::try_from(shard).unwrap_or(i32::MAX)))
                .collect();
            let mut from = Some(Begin::Back);
            while !halt.is_asked() {
                turns.turn();
                if let Some(begin) = from {
                    match positions(&consumer, &shards, begin).and_then(|list| consumer.assign(&list)) {
                        Ok(()) => from = None,
                        Err(error) => {
                            observer.client_error(super::damper::kind(&error));
                            tracing::warn!(topic, %error, "the tail waits");
                            halt.pause(AGAIN_PAUSE);
                        }
                    }
                    continue;
                }
                match consumer.poll(WAIT) {
                    Some(Ok(message)) => {
                        if let (Some(key), Some(value)) = (message.key(), message.payload()) {
                            on_kpi(key, value);
                        }
                    }
                    Some(Err(ClientError::PartitionEOF(_))) | None => {}
                    Some(Err(error)) => {
                        from = again(&error);
                        match from {
                            Some(_) => {
                                observer.client_error(super::damper::kind(&error));
                                tracing::warn!(topic, %error, ?from, "the tail begins again");
                                halt.pause(AGAIN_PAUSE);
                            }
                            // The client has reported it and retries.
                            None => tracing::debug!(%error, "tail of the kpis topic"),
                        }
                    }
                }
            }
        })
        .map_err(|source| KafkaError::Thread { worker: "the tail of the kpis topic".to_owned(), source })
}

/// Where the tail begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begin {
    /// A little back in time.
    Back,
    /// At the end.
    End,
}

/// Where it begins again after an error after which the client reads a shard no more.
fn again(error: &ClientError) -> Option<Begin> {
    if is_undecodable(error) {
        // It would meet the same batch again; what is current is published again within a minute.
        Some(Begin::End)
    } else {
        is_gone(error).then_some(Begin::Back)
    }
}

fn positions(
    consumer: &BaseConsumer<PlainContext>,
    shards: &[Source],
    begin: Begin,
) -> Result<TopicPartitionList, ClientError> {
    if begin == Begin::End {
        return list_at(shards, Offset::End);
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::error::RDKafkaErrorCode as Code;

    #[test]
    fn what_the_client_does_not_retry_makes_the_tail_begin_again() {
        let of = |code| again(&ClientError::MessageConsumption(code));
        assert_eq!(of(Code::AutoOffsetReset), Some(Begin::Back));
        assert_eq!(of(Code::OffsetOutOfRange), Some(Begin::Back));
        assert_eq!(of(Code::BadCompression), Some(Begin::End));
        assert_eq!(of(Code::BrokerTransportFailure), None);
    }
}
