//! The settings of topics that exist: which lose what a restart needs, and which are merely odd.
//!
//! Must never know: how topics are made, what stands in the records.

use super::config::{KafkaConfig, Mode};
use super::context::PlainContext;
use super::damper::code;
use super::error::KafkaError;
use super::topics::{ASK_TIMEOUT, TopicPlan, admin, options};
use super::wait::wait_for;
use rdkafka::admin::{AdminClient, ResourceSpecifier};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use std::collections::{BTreeMap, BTreeSet};

const POLICY: &str = "cleanup.policy";
const BYTES_MAX: &str = "max.message.bytes";

type Settings = BTreeMap<String, String>;

/// Looks at the settings of these topics before a start: what is merely odd, in sentences.
///
/// # Errors
/// Brokers do not answer, or a topic loses records that are needed; says what to do.
pub fn oddities(config: &KafkaConfig, plan: &[TopicPlan]) -> Result<Vec<String>, KafkaError> {
    let mut odd = Vec::new();
    // A broker without transactions, as the embedded one, need not know such questions, and there are no guarantees.
    if config.mode == Mode::None {
        return Ok(odd);
    }
    let admin = &admin(config)?;
    for topic in plan {
        match describe(admin, topic)? {
            Ok(settings) => odd.extend(judge(topic, &settings)?),
            // Reading settings needs a right of its own, and the service can work without it.
            Err(why) => odd.push(format!(
                "the settings of topic {} cannot be read ({why}); see to it that its {POLICY} is {}",
                topic.name,
                wanted(topic)
            )),
        }
    }
    Ok(odd)
}

/// Refuses a topic whose records are cleaned otherwise than planned.
///
/// # Errors
/// Brokers do not answer or do not tell, or the policy is another one.
pub fn refuse_other_policy(admin: &AdminClient<PlainContext>, topic: &TopicPlan) -> Result<(), KafkaError> {
    let settings = describe(admin, topic)?.map_err(|why| {
        KafkaError::Topic(format!("the settings of topic {} cannot be read: {why}", topic.name))
    })?;
    other_policy(topic, &settings).map_or(Ok(()), |text| Err(KafkaError::Topic(text)))
}

/// The settings of a topic, or why the broker does not tell them.
fn describe(
    admin: &AdminClient<PlainContext>,
    topic: &TopicPlan,
) -> Result<Result<Settings, RDKafkaErrorCode>, KafkaError> {
    let failed =
        |error| KafkaError::client(format!("asking for the settings of topic {}", topic.name))(error);
    let specifier = ResourceSpecifier::Topic(&topic.name);
    let answer = wait_for(admin.describe_configs([&specifier], &options()), ASK_TIMEOUT)
        .unwrap_or(Err(ClientError::AdminOp(RDKafkaErrorCode::OperationTimedOut)));
    let resource = match answer {
        Ok(resources) => resources.into_iter().next().unwrap_or(Err(RDKafkaErrorCode::UnknownTopic)),
        Err(error) => match code(&error) {
            Some(code @ (RDKafkaErrorCode::UnsupportedFeature | RDKafkaErrorCode::UnsupportedVersion)) => {
                Err(code)
            }
            _ => return Err(failed(error)),
        },
    };
    let known = |resource: rdkafka::admin::ConfigResource| {
        let entries = resource.entries.into_iter();
        entries.filter_map(|entry| Some((entry.name, entry.value?))).collect()
    };
    Ok(resource.map(known))
}

/// What is odd about a topic, where it can be lived with.
fn judge(topic: &TopicPlan, settings: &Settings) -> Result<Vec<String>, KafkaError> {
    let mut odd = Vec::new();
    if let Some(text) = other_policy(topic, settings) {
        if topic.holds_state {
            return Err(KafkaError::Topic(text));
        }
        odd.push(text);
    }
    let bytes = |text: Option<&str>| text.and_then(|text| text.parse::<u32>().ok());
    let (found, wanted) =
        (bytes(settings.get(BYTES_MAX).map(String::as_str)), bytes(planned(topic, BYTES_MAX)));
    if let (Some(found), Some(wanted)) = (found, wanted)
        && found < wanted
    {
        odd.push(format!(
            "topic {} has {BYTES_MAX}={found}: a record above it would stop the service; raise it to {wanted} with \
             kafka-configs",
            topic.name
        ));
    }
    Ok(odd)
}

fn other_policy(topic: &TopicPlan, settings: &Settings) -> Option<String> {
    let found = settings.get(POLICY).map_or("", String::as_str);
    let wanted = wanted(topic);
    let loses = if topic.holds_state { ", or it loses records that a restart needs" } else { "" };
    (words(found) != words(wanted)).then(|| {
        format!(
            "topic {} has {POLICY}={found} and must have {wanted}{loses}; change it with kafka-configs",
            topic.name
        )
    })
}

fn wanted(topic: &TopicPlan) -> &str {
    planned(topic, POLICY).unwrap_or_default()
}

fn planned<'t>(topic: &'t TopicPlan, setting: &str) -> Option<&'t str> {
    topic.settings.iter().find(|(name, _)| *name == setting).map(|(_, value)| value.as_str())
}

fn words(list: &str) -> BTreeSet<&str> {
    list.split(',').map(str::trim).filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::client::MESSAGE_BYTES_MAX;
    use crate::kafka::topics::plan;

    fn settings(policy: &str, bytes_max: u32) -> Settings {
        [(POLICY, policy.to_owned()), (BYTES_MAX, bytes_max.to_string())]
            .map(|(key, value)| (key.to_owned(), value))
            .into()
    }

    #[test]
    fn a_topic_that_loses_state_is_refused_and_others_are_odd() {
        let plan = plan(&KafkaConfig::default(), &[("calls".to_owned(), 1)]);
        let of = |name: &str| plan.iter().find(|topic| topic.name.ends_with(name)).unwrap();
        for (name, policy) in
            [(".fold-state.calls", "delete"), (".merge-state", "compact,delete"), (".partials", "compact")]
        {
            let text = judge(of(name), &settings(policy, MESSAGE_BYTES_MAX)).unwrap_err().to_string();
            let needed = [name, &format!("cleanup.policy={policy}"), "kafka-configs", "a restart needs"];
            assert!(needed.iter().all(|part| text.contains(part)), "{text}");
        }
        assert_eq!(judge(of(".kpis"), &settings("compact", MESSAGE_BYTES_MAX)).unwrap().len(), 1);
        assert!(judge(of(".kpis"), &settings("delete, compact", MESSAGE_BYTES_MAX)).unwrap().is_empty());
    }

    #[test]
    fn a_topic_that_takes_smaller_records_is_told() {
        let plan = plan(&KafkaConfig::default(), &[]);
        for topic in &plan {
            let odd = judge(topic, &settings(wanted(topic), 1_048_588)).unwrap();
            assert!(odd.len() == 1 && odd[0].contains("max.message.bytes=1048588"), "{odd:?}");
        }
    }
}
