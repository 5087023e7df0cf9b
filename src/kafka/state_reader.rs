//! Reading the state of one partition: the last value per key, to an end at which no transaction is pending.
//!
//! Must never know: what the values mean.

use super::client;
use super::config::Mode;
use super::context::PlainContext;
use super::damper::is_undecodable;
use super::progress::Step;
use super::restore::{ASK_TIMEOUT, Hitch, Order, Restorer, hitch, undecodable};
use super::role::{Role, StateRecords};
use super::source::Source;
use crate::pipeline::stage::Stop;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError as ClientError;
use rdkafka::{Message, Offset};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How often a pending transaction is looked at.
const SETTLE_STEP: Duration = Duration::from_millis(20);
/// How long a restore waits for more state before it looks at the offset again.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Reads a state partition and keeps the last value per key.
pub struct StateReader {
    reader: BaseConsumer<PlainContext>,
    source: Source,
    /// The last value per key.
    pub records: StateRecords,
    /// Records read.
    pub taken: u64,
    next: i64,
    end: i64,
    ended: bool,
}

impl StateReader {
    /// A reader at the begin of the partition.
    pub(super) fn open<R: Role>(restorer: &Restorer<R>, source: &Source) -> Result<StateReader, Hitch> {
        let reader = restorer.reader(source, Offset::Beginning, "state")?;
        let source = source.clone();
        Ok(StateReader {
            reader,
            source,
            records: StateRecords::new(),
            taken: 0,
            next: 0,
            end: 0,
            ended: false,
        })
    }

    /// Waits until no transaction is pending on the state. The marker of the last one may reach the offsets before it
    /// reaches the state, and a commit without new records leaves the offset where it was: then older state would seem
    /// to fit.
    pub(super) fn settle<R: Role>(
        &mut self,
        restorer: &Restorer<R>,
        order: &Order,
        deadline: Instant,
    ) -> Result<(), Hitch> {
        if restorer.config.mode == Mode::None {
            return Ok(());
        }
        let Source { topic, partition } = &self.source;
        let end = |client: &BaseConsumer<PlainContext>| {
            let ends = client.fetch_watermarks(topic, *partition, ASK_TIMEOUT);
            ends.map_err(|error| hitch(&format!("the end of {} cannot be read", self.source), &error))
        };
        let mut properties = client::reader(&restorer.config, R::NAME, &format!("{}-end", restorer.worker));
        properties.set("isolation.level", "read_uncommitted");
        let all: BaseConsumer<PlainContext> = properties
            .create_with_context(PlainContext::new(Some(Arc::clone(&restorer.observer))))
            .map_err(|error| hitch("a client cannot be made", &error))?;
        let written = end(&all)?.1;
        while end(&self.reader)?.1 < written {
            if order.cancelled.load(Ordering::Relaxed) || Instant::now() >= deadline {
                return Err(Hitch::Away(format!("a transaction on {} stays pending", self.source)));
            }
            std::thread::sleep(SETTLE_STEP);
        }
        self.end = written;
        Ok(())
    }

    /// Reads to the end at first; then what comes within a moment. Each record moves the deadline to `silence` from then;
    /// returns where it came to lie.
    pub(super) fn read(
        &mut self,
        order: &Order,
        mut deadline: Instant,
        silence: Duration,
    ) -> Result<Instant, Hitch> {
        let look_again = Instant::now() + LOOK_AGAIN;
        while !order.cancelled.load(Ordering::Relaxed) {
            match self.reader.poll(Duration::from_millis(50)) {
                Some(Ok(message)) => {
                    let key = message.key().unwrap_or_default().to_vec();
                    self.taken += 1;
                    self.next = message.offset() + 1;
                    deadline = Instant::now() + silence;
                    order.progress.tell(Step::State, self.next, self.end);
                    match message.payload() {
                        Some(value) => self.records.insert(key, value.to_vec()),
                        None => self.records.remove(&key),
                    };
                }
                Some(Err(ClientError::PartitionEOF(_))) => {
                    self.ended = true;
                    return Ok(deadline);
                }
                Some(Err(error)) if is_undecodable(&error) => {
                    return Err(undecodable(&self.source, self.next, &error).into());
                }
                Some(Err(error)) if Instant::now() < deadline => {
                    tracing::warn!(%error, source = %order.source, "reading state");
                }
                None if Instant::now() < if self.ended { look_again } else { deadline } => {}
                _ if self.ended => return Ok(deadline),
                _ => return Err(Hitch::Away("its state cannot be read to the end in time".to_owned())),
            }
        }
        Err(Hitch::Final(Stop("no longer ours".to_owned())))
    }
}
