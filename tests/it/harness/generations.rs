//! How often the consumer groups of a broker have rebalanced, from the broker's own log of them, and what they own.
//!
//! The classic group protocol numbers each rebalance, and the coordinator writes the number beside the group's
//! members. Must never know what the groups read.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::kafka::Broker;

/// Where coordinators keep groups; the harness gives it one partition.
const TOPIC: &str = "__consumer_offsets";
/// The version of a key that names a group's members.
const GROUP_KEY: i16 = 2;
/// From this version of a value on, lengths are compact.
const COMPACT_FROM: i16 = 4;

/// Follows the generations of all groups.
pub struct Generations {
    consumer: BaseConsumer,
    known: BTreeMap<String, i32>,
}

impl Generations {
    /// Begins at the first generation that the broker still knows.
    pub fn follow(broker: &Broker) -> Generations {
        let mut config = broker.client();
        config.set("group.id", "harness-generations").set("enable.auto.commit", "false");
        config.set("isolation.level", "read_uncommitted").set("auto.offset.reset", "earliest");
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let mut from = TopicPartitionList::new();
        from.add_partition_offset(TOPIC, 0, Offset::Beginning).expect("an offset");
        consumer.assign(&from).expect("an assignment");
        Generations { consumer, known: BTreeMap::new() }
    }

    /// Rebalances of the groups whose names begin with `prefix`, as far as the broker has told; never waits long.
    pub fn count(&mut self, prefix: &str) -> u32 {
        // While the broker is away there are errors instead of records; it tells the rest later.
        while let Some(polled) = self.consumer.poll(Duration::from_millis(5)) {
            let Ok(message) = polled else { break };
            let found = group(message.key().unwrap_or_default())
                .zip(generation(message.payload().unwrap_or_default()));
            if let Some((group, generation)) = found {
                let known = self.known.entry(group).or_insert(0);
                *known = generation.max(*known);
            }
        }
        let ours = self.known.iter().filter(|(group, _)| group.starts_with(prefix));
        ours.map(|(_, generation)| generation.unsigned_abs()).sum()
    }
}

/// The partitions of a topic that the members of a stable group own, one entry each; none while the group is not stable.
pub fn owned(asker: &BaseConsumer, group: &str, topic: &str) -> Option<Vec<i32>> {
    let list = asker.fetch_group_list(Some(group), Duration::from_secs(2)).ok()?;
    let group = list.groups().first().filter(|group| group.state() == "Stable")?;
    let shares = group.members().iter().map(|member| share(member.assignment().unwrap_or_default(), topic));
    let mut owned: Vec<i32> = shares.flatten().collect();
    owned.sort_unstable();
    Some(owned)
}

/// What an assignment of one topic at most gives of `topic`.
fn share(bytes: &[u8], topic: &str) -> Vec<i32> {
    let name = [&(topic.len() as u16).to_be_bytes()[..], topic.as_bytes()].concat();
    let Some(at) = bytes.windows(name.len()).position(|part| part == name) else { return Vec::new() };
    let numbers = bytes[at + name.len()..]
        .chunks_exact(4)
        .map(|four| i32::from_be_bytes([four[0], four[1], four[2], four[3]]));
    let numbers: Vec<i32> = numbers.collect();
    let count = numbers.first().map_or(0, |count| count.unsigned_abs() as usize);
    numbers[1..].iter().take(count).copied().collect()
}

/// The group whose members stand under a key.
fn group(key: &[u8]) -> Option<String> {
    let (version, rest) = short(key)?;
    let (length, rest) = short(rest)?;
    let name = rest.get(..usize::try_from(length).ok()?)?;
    (version == GROUP_KEY).then(|| String::from_utf8_lossy(name).into_owned())
}

/// The generation in a value: after the version and the name of the protocol's type.
fn generation(value: &[u8]) -> Option<i32> {
    let (version, rest) = short(value)?;
    let (length, rest) = match version {
        COMPACT_FROM.. => (i16::from(*rest.first()?) - 1, rest.get(1..)?),
        _ => short(rest)?,
    };
    let rest = rest.get(usize::try_from(length).ok()?..)?;
    Some(i32::from_be_bytes(rest.get(..4)?.try_into().ok()?))
}

fn short(bytes: &[u8]) -> Option<(i16, &[u8])> {
    let (head, rest) = bytes.split_at_checked(2)?;
    Some((i16::from_be_bytes(head.try_into().ok()?), rest))
}

#[test]
fn a_share_is_read() {
    let bytes =
        [&[0, 1, 0, 0, 0, 1, 0, 3][..], b"t-1", &[0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 1, 0, 0, 0, 0, 0]].concat();
    assert_eq!(
        (share(&bytes, "t-1"), share(&bytes, "t-2"), share(&[], "t-1")),
        (vec![4, 256], vec![], vec![])
    );
}

#[test]
fn generations_are_read_from_both_forms() {
    let key = [&[0, 2, 0, 3][..], b"a.b"].concat();
    assert_eq!(group(&key).as_deref(), Some("a.b"));
    assert_eq!(group(&[&[0, 1, 0, 3][..], b"a.b"].concat()), None);
    let long = [&[0, 3, 0, 8][..], b"consumer", &[0, 0, 1, 2, 9]].concat();
    let compact = [&[0, 4, 9][..], b"consumer", &[0, 0, 1, 2, 9]].concat();
    assert_eq!((generation(&long), generation(&compact)), (Some(258), Some(258)));
    assert_eq!(generation(&[0, 3, 0, 8]), None);
}
