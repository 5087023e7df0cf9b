//! What `check --connect` finds: brokers, topics, and a sample of the input.
//!
//! Must never know: how a record is decoded; the caller sorts each into a result.

use super::client;
use super::config::KafkaConfig;
use super::context::PlainContext;
use super::error::KafkaError;
use super::source::Source;
use super::topic_settings;
use super::topics::{asker, inputs, partitions, plan};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError as ClientError;
use rdkafka::{Message, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Records of the input that are looked at.
pub const SAMPLE_RECORDS: u32 = 100;
/// How long the sample may take.
const SAMPLE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long one question to the broker may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(10);

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Brokers, as `host:port`.
    pub brokers: Vec<String>,
    /// Input topics with their partitions.
    pub inputs: Vec<(String, u32)>,
    /// The service's own topics that are there.
    pub present: Vec<String>,
    /// The service's own topics that are missing: `intraday topics create` makes them.
    pub missing: Vec<String>,
    /// What is odd about the settings of those that are there, in sentences.
    pub oddities: Vec<String>,
    /// Records of the sample by result.
    pub sample: BTreeMap<String, u64>,
}

/// Looks at brokers and topics, and hands the newest records of the input to `sort`, which names a result.
///
/// # Errors
/// Brokers cannot be reached, an input topic does not exist, or one of ours loses records that a restart needs.
pub fn inspect(
    config: &KafkaConfig,
    mut sort: impl FnMut(Option<&[u8]>) -> String,
) -> Result<Inspection, KafkaError> {
    client::validate(config)?;
    let asker = asker(config)?;
    let metadata = asker
        .fetch_metadata(config.input_topics.first().map(String::as_str), ASK_TIMEOUT)
        .map_err(KafkaError::client(format!("asking {}", config.brokers)))?;
    let mut found = Inspection {
        brokers: metadata.brokers().iter().map(|b| format!("{}:{}", b.host(), b.port())).collect(),
        inputs: inputs(config)?,
        ..Inspection::default()
    };
    found.brokers.sort();
    let mut present = Vec::new();
    for topic in plan(config, &found.inputs) {
        match partitions(&asker, config, &topic.name)? {
            Some(_) => present.push(topic),
            None => found.missing.push(topic.name),
        }
    }
    found.oddities = topic_settings::oddities(config, &present)?;
    found.present = present.into_iter().map(|topic| topic.name).collect();
    let failed = KafkaError::client("reading a sample of the input");
    sample(config, &found.inputs, |value| *found.sample.entry(sort(value)).or_default() += 1)
        .map_err(failed)?;
    Ok(found)
}

/// Hands over the newest records, shared among all partitions.
fn sample(
    config: &KafkaConfig,
    inputs: &[(String, u32)],
    mut each: impl FnMut(Option<&[u8]>),
) -> Result<(), ClientError> {
    let consumer: BaseConsumer<PlainContext> =
        client::reader(config, "fold", "sample").create_with_context(PlainContext::new(None))?;
    let sources: Vec<Source> = inputs
        .iter()
        .flat_map(|(topic, count)| {
            (0..*count).map(|number| Source::new(topic, i32::try_from(number).unwrap_or(i32::MAX)))
        })
        .collect();
    let share = i64::from(SAMPLE_RECORDS).div_euclid(i64::try_from(sources.len()).unwrap_or(1).max(1)).max(1);
    let mut list = TopicPartitionList::new();
    let mut open = 0;
    for source in &sources {
        let (low, high) = consumer.fetch_watermarks(&source.topic, source.partition, ASK_TIMEOUT)?;
        if high > low {
            let from = Offset::Offset(low.max(high - share));
            list.add_partition_offset(&source.topic, source.partition, from)?;
            open += 1;
        }
    }
    if open == 0 {
        return Ok(());
    }
    consumer.assign(&list)?;
    let deadline = Instant::now() + SAMPLE_TIMEOUT;
    let mut taken = 0;
    while taken < SAMPLE_RECORDS && open > 0 && Instant::now() < deadline {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                taken += 1;
                each(message.payload());
            }
            Some(Err(ClientError::PartitionEOF(_))) => open -= 1,
            Some(Err(error)) => return Err(error),
            None => {}
        }
    }
    Ok(())
}
