//! A partition of a topic, as the workers name it.

use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::{Offset, error::KafkaResult};
use std::fmt;
use std::sync::Arc;

/// A partition of a topic: of the input for fold, of the partials (a shard) for merge.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition; clients number them with a signed integer.
    pub partition: i32,
}

impl Source {
    /// The partition of the topic.
    #[must_use]
    pub fn new(topic: &str, partition: i32) -> Source {
        Source { topic: Arc::from(topic), partition }
    }

    /// The partition's number as stages count it.
    #[must_use]
    pub fn number(&self) -> u32 {
        u32::try_from(self.partition).unwrap_or(0)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// The list of these partitions as clients take it, each at `offset`.
///
/// # Errors
/// An offset that cannot be expressed; does not happen for the offsets used here.
pub fn list_at<'s>(
    sources: impl IntoIterator<Item = &'s Source>,
    offset: Offset,
) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for source in sources {
        list.add_partition_offset(&source.topic, source.partition, offset)?;
    }
    Ok(list)
}
