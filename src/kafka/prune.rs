//! Deletes partials that no restore needs any more: the broker keeps them for ever otherwise.
//!
//! Must never know: why they are not needed.

use super::client;
use super::config::{KafkaConfig, Mode};
use super::context::PlainContext;
use super::error::KafkaError;
use super::role::Role;
use super::source::Source;
use crate::pipeline::StageKind;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// How long the broker may take for it.
const TIMEOUT: Duration = Duration::from_secs(30);

type Answer = Pin<Box<dyn Future<Output = KafkaResult<TopicPartitionList>> + Send>>;

/// Asks for deletions now and then, and never waits for the answer.
pub struct Pruner {
    admin: AdminClient<PlainContext>,
    next: Instant,
    interval: Duration,
    asked: Option<Answer>,
    deleted: BTreeMap<Source, i64>,
}

impl Pruner {
    /// A pruner for merge; fold's input is not ours to delete, and the mock deletes nothing.
    ///
    /// # Errors
    /// The client cannot be made.
    pub fn new<R: Role>(config: &KafkaConfig) -> Result<Option<Pruner>, KafkaError> {
        if R::KIND != StageKind::Merge || config.mode == Mode::None {
            return Ok(None);
        }
        let admin = client::admin(config)
            .create_with_context(PlainContext::new(None))
            .map_err(KafkaError::client("the administration client"))?;
        let next = Instant::now() + config.prune_interval;
        Ok(Some(Pruner {
            admin,
            next,
            interval: config.prune_interval,
            asked: None,
            deleted: BTreeMap::new(),
        }))
    }

    /// Looks at the last answer, and asks again when it is time. `needed` names the least offset still needed.
    pub fn turn<'s>(&mut self, needed: impl Iterator<Item = (&'s Source, i64)>) {
        if let Some(asked) = &mut self.asked {
            match asked.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Ok(_)) => self.asked = None,
                Poll::Ready(Err(error)) => {
                    tracing::warn!(%error, "partials that are needed no more were not deleted");
                    self.deleted.clear();
                    self.asked = None;
                }
                Poll::Pending => return,
            }
        }
        let now = Instant::now();
        if now < self.next {
            return;
        }
        self.next = now + self.interval;
        let mut list = TopicPartitionList::new();
        for (source, offset) in needed {
            let deleted = self.deleted.entry(source.clone()).or_default();
            if offset > *deleted
                && list.add_partition_offset(&source.topic, source.partition, Offset::Offset(offset)).is_ok()
            {
                *deleted = offset;
            }
        }
        if list.count() > 0 {
            let options = AdminOptions::new().request_timeout(Some(TIMEOUT)).operation_timeout(Some(TIMEOUT));
            self.asked = Some(Box::pin(self.admin.delete_records(&list, &options)));
        }
    }
}
