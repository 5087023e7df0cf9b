//! The group says that another member has our name. That may be another process, or ourselves: after a broker's silence
//! of more than a session the client joins anew, and what it had said before is answered as if a stranger had said it.
//!
//! A stranger goes on telling the group that it lives; what is left of ourselves does not and is gone after a session.

use super::client;
use super::context::{GroupContext, PlainContext};
use super::role::Role;
use super::worker::Worker;
use crate::pipeline::stage::Stop;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::groups::GroupInfo;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often the group is asked who is in it.
const ASK_STEP: Duration = Duration::from_millis(500);
/// How long one answer may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(2);
/// Sessions after which what is left of ourselves must be gone, also where the group is sharing its partitions anew.
const SESSIONS: u32 = 3;

impl<R: Role> Worker<R> {
    /// Drops everything without a commit, then joins anew if the name is nobody's.
    ///
    /// # Errors
    /// Another process has it.
    pub(super) fn fenced(&mut self) -> Result<(), Stop> {
        tracing::warn!(worker = self.post.name, "fenced off; looking whether another process has this name");
        self.withdraw_all();
        self.again.clear();
        (self.joined, self.held) = (false, false);
        let asker: BaseConsumer<PlainContext> = client::reader(&self.post.config, R::NAME, &self.post.name)
            .create_with_context(PlainContext::new(Some(Arc::clone(&self.post.observer))))
            .map_err(|error| Stop(format!("cannot make a client to ask for the group: {error}")))?;
        let mut deadline = Instant::now() + self.post.config.session_timeout * SESSIONS;
        while !self.post.halt.is_asked() {
            self.turns.turn();
            self.beat("looking whether another process has this name");
            match self.has_namesake(&asker) {
                Ok(false) => return self.rejoin(),
                Ok(true) if Instant::now() >= deadline => {
                    return Err(Stop(format!(
                        "another process has joined as service.instance \"{}\"; give each copy its own",
                        self.post.config.instance
                    )));
                }
                Ok(true) => {}
                // While brokers are away nobody can tell them that it lives.
                Err(_) => deadline = Instant::now() + self.post.config.session_timeout * SESSIONS,
            }
            self.post.halt.pause(ASK_STEP);
        }
        Ok(())
    }

    /// Whether the group has a member with our name; clients are named as members are.
    fn has_namesake(&self, asker: &BaseConsumer<PlainContext>) -> Result<bool, rdkafka::error::KafkaError> {
        let config = &self.post.config;
        let group = client::group(config, R::NAME);
        let name = format!("{}-{}-{}", config.id, config.instance, self.post.name);
        let list = asker.fetch_group_list(Some(&group), ASK_TIMEOUT)?;
        Ok(list.groups().iter().flat_map(GroupInfo::members).any(|member| member.client_id() == name))
    }

    fn rejoin(&mut self) -> Result<(), Stop> {
        let context = GroupContext::new(Arc::clone(&self.post.observer));
        let consumer: BaseConsumer<GroupContext> =
            client::member(&self.post.config, R::NAME, &self.post.name)
                .create_with_context(context)
                .map_err(|error| Stop(format!("cannot make the consumer of {}: {error}", self.post.name)))?;
        // A client that closes waits inside its own calls; deferred answers would hang it.
        self.consumer.context().close();
        self.consumer = consumer;
        self.subscribe()?;
        tracing::info!(worker = self.post.name, "joined anew: nobody else has this name");
        Ok(())
    }
}
