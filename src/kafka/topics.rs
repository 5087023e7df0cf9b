//! The service's topics: what they must be, creating them, and checking them before the service starts.
//!
//! Must never know: what stands in the records.

use super::client;
use super::config::KafkaConfig;
use super::context::PlainContext;
use super::error::KafkaError;
use super::names::TopicNames;
use super::topic_settings;
use super::wait::wait_for;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use std::time::{Duration, Instant};

/// How long one question to the broker may take.
pub(super) const ASK_TIMEOUT: Duration = Duration::from_secs(15);
/// How often a new topic is looked for.
const SHOWN_STEP: Duration = Duration::from_millis(50);
/// Above the largest dead letter: 512 KiB with its headers.
const LETTER_BYTES_MAX: u32 = 2 * 1024 * 1024;

/// What a topic must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPlan {
    /// Its name.
    pub name: String,
    /// Its partitions.
    pub partitions: u32,
    /// It has as many partitions as an input topic, whatever those are.
    pub follows_input: bool,
    /// A restart needs its records, so they must be cleaned as planned.
    pub holds_state: bool,
    /// Its settings.
    pub settings: Vec<(&'static str, String)>,
}

/// What `create` did about a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// It was made.
    New,
    /// It was there and is as it must be.
    Existed,
    /// It was there and was given more partitions, as its input has.
    Grown,
}

/// The service's own topics for these inputs (topic, partitions).
#[must_use]
pub fn plan(config: &KafkaConfig, inputs: &[(String, u32)]) -> Vec<TopicPlan> {
    let names = TopicNames::new(&config.id);
    let topic = |name: &str, partitions: u32, settings: &[(&'static str, &str)]| {
        let holds_state = name != names.kpis && name != names.dead_letters;
        let bytes_max =
            if name == names.dead_letters { LETTER_BYTES_MAX } else { client::MESSAGE_BYTES_MAX }.to_string();
        let size = [("max.message.bytes", bytes_max.as_str())];
        let settings = settings.iter().chain(&size).map(|(key, value)| (*key, (*value).to_owned())).collect();
        TopicPlan { name: name.to_owned(), partitions, follows_input: false, holds_state, settings }
    };
    // Small segments, cleaned early: a restore reads the whole partition. Only closed segments are cleaned.
    let state = [
        ("cleanup.policy", "compact"),
        ("segment.bytes", "16777216"),
        ("segment.ms", "600000"),
        ("min.cleanable.dirty.ratio", "0.2"),
        ("delete.retention.ms", "3600000"),
    ];
    // Records go when no restore needs them any more; merge says when.
    let partials = [
        ("cleanup.policy", "delete"),
        ("retention.ms", "-1"),
        ("retention.bytes", "-1"),
        ("segment.bytes", "67108864"),
    ];
    let retention_ms = config.kpis_retention.as_millis().to_string();
    let kpis = [
        ("cleanup.policy", "compact,delete"),
        ("retention.ms", retention_ms.as_str()),
        ("segment.bytes", "67108864"),
    ];
    let dead_letters = [("cleanup.policy", "delete"), ("retention.ms", "2592000000")];
    let mut plan = vec![
        topic(&names.partials, config.shards, &partials),
        topic(&names.merge_state, config.shards, &state),
        topic(&names.kpis, config.shards, &kpis),
        topic(&names.dead_letters, 1, &dead_letters),
    ];
    for (input, partitions) in inputs {
        let state = topic(&names.fold_state(input), *partitions, &state);
        plan.push(TopicPlan { follows_input: true, ..state });
    }
    plan
}

/// The input topics with their partitions, as they are now.
///
/// # Errors
/// Brokers cannot be reached, or an input topic does not exist.
pub fn inputs(config: &KafkaConfig) -> Result<Vec<(String, u32)>, KafkaError> {
    inputs_by(&asker(config)?, config)
}

/// Checks before a start that all topics exist with the partitions and policies that they must have. Returns the inputs.
///
/// # Errors
/// Names the topic and what to do.
pub fn check(config: &KafkaConfig) -> Result<Vec<(String, u32)>, KafkaError> {
    let asker = asker(config)?;
    let inputs = inputs_by(&asker, config)?;
    let plan = plan(config, &inputs);
    for topic in &plan {
        match partitions(&asker, config, &topic.name)? {
            None => {
                return Err(KafkaError::Topic(format!(
                    "topic {} does not exist; run `intraday topics create` with the same configuration",
                    topic.name
                )));
            }
            Some(found) if is_accepted(config, topic, found) => {
                return Err(KafkaError::Topic(format!(
                    "topic {} has {found} partitions and its input {}; run `intraday topics create` with the same configuration",
                    topic.name, topic.partitions
                )));
            }
            Some(found) => refuse_other_count(topic, found)?,
        }
    }
    for oddity in topic_settings::oddities(config, &plan)? {
        tracing::warn!("{oddity}");
    }
    Ok(inputs)
}

/// Creates the topics that are missing and checks those that exist.
///
/// # Errors
/// An input topic does not exist; a topic exists and is not as it must be; the broker refuses.
pub fn create(config: &KafkaConfig) -> Result<Vec<(TopicPlan, Created)>, KafkaError> {
    let asker = asker(config)?;
    let inputs = inputs_by(&asker, config)?;
    let admin = admin(config)?;
    let mut done = Vec::new();
    for topic in plan(config, &inputs) {
        let state = match partitions(&asker, config, &topic.name)? {
            Some(found) if is_accepted(config, &topic, found) => {
                grow(&admin, &topic)?;
                Created::Grown
            }
            Some(found) => {
                refuse_other_count(&topic, found)?;
                topic_settings::refuse_other_policy(&admin, &topic)?;
                Created::Existed
            }
            None => {
                create_one(&admin, config, &topic)?;
                Created::New
            }
        };
        done.push((topic, state));
    }
    done.iter().try_for_each(|(topic, _)| await_shown(&asker, config, &topic.name))?;
    Ok(done)
}

/// A broker says that a topic was created before it shows it to others: a start right after would miss it.
fn await_shown(
    asker: &BaseConsumer<PlainContext>,
    config: &KafkaConfig,
    topic: &str,
) -> Result<(), KafkaError> {
    let deadline = Instant::now() + ASK_TIMEOUT;
    while partitions(asker, config, topic)?.is_none() {
        if Instant::now() >= deadline {
            return Err(KafkaError::Topic(format!(
                "topic {topic} was created, but the broker does not show it; look at its log and run this again"
            )));
        }
        std::thread::sleep(SHOWN_STEP);
    }
    Ok(())
}

fn create_one(
    admin: &AdminClient<PlainContext>,
    config: &KafkaConfig,
    topic: &TopicPlan,
) -> Result<(), KafkaError> {
    // -1: as many replicas as the broker's default says.
    let replication = TopicReplication::Fixed(config.replication.unwrap_or(-1));
    let count = i32::try_from(topic.partitions).unwrap_or(i32::MAX);
    let mut new = NewTopic::new(&topic.name, count, replication);
    for (setting, value) in &topic.settings {
        new = new.set(setting, value);
    }
    let options = options();
    let refused = |why: String| KafkaError::Topic(format!("topic {} was not created: {why}", topic.name));
    let answer = wait_for(admin.create_topics([&new], &options), ASK_TIMEOUT)
        .ok_or_else(|| refused("the broker did not answer in time".to_owned()))?
        .map_err(|error| refused(error.to_string()))?;
    match answer.into_iter().next() {
        Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists)) | Ok(_)) => Ok(()),
        Some(Err((_, code))) => Err(refused(code.to_string())),
        None => Err(refused("the broker said nothing of it".to_owned())),
    }
}

/// Whether the state of an input that has grown may grow with it: the count is named in the configuration.
fn is_accepted(config: &KafkaConfig, topic: &TopicPlan, found: u32) -> bool {
    topic.follows_input && found < topic.partitions && config.accept_partitions == Some(topic.partitions)
}

fn grow(admin: &AdminClient<PlainContext>, topic: &TopicPlan) -> Result<(), KafkaError> {
    let refused = |why: String| KafkaError::Topic(format!("topic {} was not grown: {why}", topic.name));
    let (count, options) = (usize::try_from(topic.partitions).unwrap_or(usize::MAX), options());
    let more = NewPartitions::new(&topic.name, count);
    let answer = wait_for(admin.create_partitions([&more], &options), ASK_TIMEOUT)
        .ok_or_else(|| refused("the broker did not answer in time".to_owned()))?
        .map_err(|error| refused(error.to_string()))?;
    match answer.into_iter().next() {
        Some(Err((_, code))) => Err(refused(code.to_string())),
        _ => Ok(()),
    }
}

fn refuse_other_count(topic: &TopicPlan, found: u32) -> Result<(), KafkaError> {
    if found == topic.partitions {
        return Ok(());
    }
    if topic.follows_input && found < topic.partitions {
        return Err(KafkaError::Topic(format!(
            "topic {} has {found} partitions, because its input had so many; now that has {count}. Contacts and agents whose \
             keys moved count as unknown: to go on all the same set kafka.accept_partitions = {count}, run `intraday topics \
             create` and start again",
            topic.name,
            count = topic.partitions
        )));
    }
    Err(KafkaError::Topic(format!(
        "topic {} has {found} partitions and must have {}; they are fixed at creation: use another service.id, \
         or stop the service, delete its topics and group offsets and create them anew",
        topic.name, topic.partitions
    )))
}

/// A client that reads and sets what topics are.
pub(super) fn admin(config: &KafkaConfig) -> Result<AdminClient<PlainContext>, KafkaError> {
    client::admin(config)
        .create_with_context(PlainContext::new(None))
        .map_err(KafkaError::client("the administration client"))
}

/// A consumer that only asks: asking as a producer would create topics where brokers allow it.
pub(super) fn asker(config: &KafkaConfig) -> Result<BaseConsumer<PlainContext>, KafkaError> {
    client::reader(config, "fold", "ask")
        .create_with_context(PlainContext::new(None))
        .map_err(KafkaError::client("the client that asks for topics"))
}

fn inputs_by(
    asker: &BaseConsumer<PlainContext>,
    config: &KafkaConfig,
) -> Result<Vec<(String, u32)>, KafkaError> {
    let mut inputs = Vec::new();
    for topic in &config.input_topics {
        match partitions(asker, config, topic)? {
            Some(partitions) => inputs.push((topic.clone(), partitions)),
            None => {
                return Err(KafkaError::Topic(format!(
                    "input topic {topic} does not exist; create it, or correct kafka.input_topics"
                )));
            }
        }
    }
    if inputs.is_empty() {
        return Err(KafkaError::Topic("there is no input topic; name one in kafka.input_topics".to_owned()));
    }
    Ok(inputs)
}

/// How many partitions a topic has; `None` if it does not exist.
pub(super) fn partitions(
    asker: &BaseConsumer<PlainContext>,
    config: &KafkaConfig,
    topic: &str,
) -> Result<Option<u32>, KafkaError> {
    let metadata = asker
        .fetch_metadata(Some(topic), ASK_TIMEOUT)
        .map_err(KafkaError::client(format!("asking {} for topic {topic}", config.brokers)))?;
    let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else {
        return Ok(None);
    };
    match found.error().map(RDKafkaErrorCode::from) {
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => Ok(None),
        Some(code) => Err(KafkaError::Topic(format!("topic {topic} cannot be read: {code}"))),
        None if found.partitions().is_empty() => Ok(None),
        None => Ok(u32::try_from(found.partitions().len()).ok()),
    }
}

pub(super) fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(ASK_TIMEOUT)).operation_timeout(Some(ASK_TIMEOUT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_is_as_wide_as_its_input_and_everything_of_a_shard_lies_in_one_partition() {
        let config = KafkaConfig { id: "cc".to_owned(), shards: 4, ..KafkaConfig::default() };
        let plan = plan(&config, &[("calls".to_owned(), 12), ("chats".to_owned(), 3)]);
        let seen: Vec<_> = plan.iter().map(|topic| (topic.name.as_str(), topic.partitions)).collect();
        assert_eq!(
            seen,
            [
                ("cc.partials", 4),
                ("cc.merge-state", 4),
                ("cc.kpis", 4),
                ("cc.dead-letters", 1),
                ("cc.fold-state.calls", 12),
                ("cc.fold-state.chats", 3),
            ]
        );
    }

    #[test]
    fn only_state_is_compacted_alone_and_partials_are_never_deleted_by_time() {
        let plan = plan(&KafkaConfig::default(), &[("calls".to_owned(), 1)]);
        let setting = |name: &str, key: &str| {
            let topic = plan.iter().find(|topic| topic.name.ends_with(name)).unwrap();
            topic.settings.iter().find(|(k, _)| *k == key).map(|(_, v)| v.as_str())
        };
        assert_eq!(setting(".merge-state", "cleanup.policy"), Some("compact"));
        assert_eq!(setting(".fold-state.calls", "cleanup.policy"), Some("compact"));
        assert_eq!(setting(".partials", "retention.ms"), Some("-1"));
        assert_eq!(setting(".kpis", "cleanup.policy"), Some("compact,delete"));
    }

    #[test]
    fn another_count_of_partitions_names_the_remedy() {
        let topic = TopicPlan {
            name: "cc.kpis".to_owned(),
            partitions: 8,
            follows_input: false,
            holds_state: false,
            settings: Vec::new(),
        };
        assert!(refuse_other_count(&topic, 8).is_ok());
        let text = refuse_other_count(&topic, 6).unwrap_err().to_string();
        assert!(text.contains("cc.kpis has 6 partitions and must have 8"), "{text}");
        let state = TopicPlan { follows_input: true, ..topic };
        let text = refuse_other_count(&state, 6).unwrap_err().to_string();
        assert!(text.contains("kafka.accept_partitions = 8"), "{text}");
        let accepts = |count| KafkaConfig { accept_partitions: Some(count), ..KafkaConfig::default() };
        assert!(is_accepted(&accepts(8), &state, 6) && !is_accepted(&accepts(9), &state, 6));
        assert!(!is_accepted(&accepts(8), &state, 9), "an input never shrinks");
    }
}
