//! Looking at a position that gives no records: whether the batch there can be decoded, and where it ends.
//!
//! Runs on a thread of its own with clients of its own. A batch that cannot be decoded fails the same way at each of its
//! offsets, and the client names neither partition nor last offset; so the offset after it is found by trying.
//! Must never know: the worker's consumer, what is done about it.

use super::client;
use super::config::KafkaConfig;
use super::context::PlainContext;
use super::damper::is_undecodable;
use super::error::KafkaError;
use super::observer::Observer;
use super::source::{Source, list_at};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError as ClientError;
use rdkafka::{Message, Offset};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

/// How often a batch must fail in the same way before it is passed over.
pub const ATTEMPTS: u32 = 3;
/// How long a look waits for a record, the end or an error.
const LOOK: Duration = Duration::from_secs(10);
/// Longest single wait of a look.
const STEP: Duration = Duration::from_millis(100);
/// How long one question to the broker may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(10);

/// A position in doubt.
#[derive(Clone, Debug)]
pub struct Doubt {
    /// The partition.
    pub source: Source,
    /// Which assignment of it this is.
    pub era: u64,
    /// The next offset to take.
    pub next: i64,
}

/// What was found at a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Records can be read there.
    Readable,
    /// There is nothing to be read.
    AtEnd,
    /// The partition begins later.
    Gone {
        /// Its first offset.
        begin: i64,
    },
    /// A batch that cannot be decoded.
    Damaged {
        /// The last offset of it.
        last: i64,
        /// What the client says.
        reason: String,
    },
    /// Brokers did not answer; nothing is known.
    Away(String),
}

/// A position with what was found there.
pub type Found = (Doubt, Finding);

/// Both ends of the way that findings take to their worker.
pub type Findings = (Sender<Found>, Receiver<Found>);

/// What one look at an offset gave.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Look {
    Record,
    End,
    Bad(String),
    Silent,
}

/// Starts a thread that looks at each position and says what it found.
///
/// # Errors
/// The system gives no thread.
pub fn start(
    config: &Arc<KafkaConfig>,
    role: &'static str,
    worker: &str,
    observer: &Arc<dyn Observer>,
    doubts: Vec<Doubt>,
    findings: &Sender<Found>,
) -> Result<(), KafkaError> {
    let (config, observer, findings) = (Arc::clone(config), Arc::clone(observer), findings.clone());
    let name = format!("{worker}-probe");
    std::thread::Builder::new()
        .name(name.clone())
        .spawn(move || {
            let made = reader(&config, role, &name, observer);
            for doubt in doubts {
                let finding = match &made {
                    Ok(reader) => {
                        examine(reader, &doubt).unwrap_or_else(|error| Finding::Away(error.to_string()))
                    }
                    Err(error) => Finding::Away(error.to_string()),
                };
                // A worker that is gone does not read findings.
                let _ = findings.send((doubt, finding));
            }
        })
        .map(drop)
        .map_err(|source| KafkaError::Thread { worker: format!("the probe of {worker}"), source })
}

fn reader(
    config: &KafkaConfig,
    role: &str,
    name: &str,
    observer: Arc<dyn Observer>,
) -> Result<BaseConsumer<PlainContext>, ClientError> {
    let mut properties = client::reader(config, role, name);
    // Each look is an assignment of its own; nothing may be kept waiting for the failure before it.
    properties.set("fetch.wait.max.ms", "10").set("fetch.error.backoff.ms", "0");
    properties.create_with_context(PlainContext::new(Some(observer)))
}

fn examine(reader: &BaseConsumer<PlainContext>, doubt: &Doubt) -> Result<Finding, ClientError> {
    let Doubt { source, next, .. } = doubt;
    // Without it the client would look for the topic's leader on a timer, up to a second later.
    reader.fetch_metadata(Some(&source.topic), ASK_TIMEOUT)?;
    let (begin, end) = reader.fetch_watermarks(&source.topic, source.partition, ASK_TIMEOUT)?;
    if *next < begin {
        return Ok(Finding::Gone { begin });
    }
    judge(*next, end, |offset| look(reader, source, offset))
}

/// What the looks at a position and behind it come to.
fn judge<E>(next: i64, end: i64, mut look: impl FnMut(i64) -> Result<Look, E>) -> Result<Finding, E> {
    let first = look(next)?;
    for _ in 1..ATTEMPTS {
        match &first {
            Look::Record => return Ok(Finding::Readable),
            Look::End => return Ok(Finding::AtEnd),
            Look::Bad(_) | Look::Silent if look(next)? == first => {}
            Look::Bad(_) | Look::Silent => {
                return Ok(Finding::Away("each look gives something else".to_owned()));
            }
        }
    }
    if first == Look::Silent {
        // Silence says something only while the broker answers for the same partition elsewhere.
        if look(end)? != Look::End {
            return Ok(Finding::Away("the partition gives nothing, not even its end".to_owned()));
        }
        // One that was hanging and has just come back gives its records now.
        if look(next)? != Look::Silent {
            return Ok(Finding::Away("the partition was silent and is no longer".to_owned()));
        }
    }
    let last = last_alike(next, end, |offset| look(offset).map(|look| look == first))?;
    let reason = match first {
        Look::Bad(reason) => reason,
        _ => "the client gives neither records nor an error".to_owned(),
    };
    Ok(Finding::Damaged { last, reason })
}

/// The last offset below `end` that is like `first`: in growing steps, then in halves.
fn last_alike<E>(first: i64, end: i64, mut is_alike: impl FnMut(i64) -> Result<bool, E>) -> Result<i64, E> {
    let (mut alike, mut other, mut step) = (first, end.max(first + 1), 1);
    while alike + step < other {
        if is_alike(alike + step)? {
            alike += step;
            step *= 2;
        } else {
            other = alike + step;
        }
    }
    while alike + 1 < other {
        let middle = alike + (other - alike) / 2;
        if is_alike(middle)? {
            alike = middle;
        } else {
            other = middle;
        }
    }
    Ok(alike)
}

/// What comes first when the partition is read from `offset`.
fn look(reader: &BaseConsumer<PlainContext>, source: &Source, offset: i64) -> Result<Look, ClientError> {
    reader.assign(&list_at([source], Offset::Offset(offset))?)?;
    let deadline = Instant::now() + LOOK;
    let look = loop {
        match reader.poll(STEP) {
            Some(Ok(message)) if message.offset() >= offset => break Look::Record,
            Some(Err(ClientError::PartitionEOF(_))) => break Look::End,
            Some(Err(error)) if is_undecodable(&error) => {
                break Look::Bad(reader.context().last_reason().unwrap_or_else(|| error.to_string()));
            }
            _ if Instant::now() >= deadline => break Look::Silent,
            _ => {}
        }
    };
    reader.unassign()?;
    Ok(look)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_bad_batch_is_found_in_few_looks_and_never_beyond_it() {
        for (first, last, end) in
            [(0, 0, 1), (7, 7, 100), (7, 19, 20), (7, 19, 21), (7, 90_000, 1_000_000), (5, 99, 100)]
        {
            let mut looks = 0;
            let found: Result<i64, ()> = last_alike(first, end, |offset| {
                looks += 1;
                assert!(offset > first && offset < end);
                Ok(offset <= last)
            });
            assert_eq!(found, Ok(last));
            assert!(looks <= 40, "{looks} looks for {first}..{last}");
        }
    }

    #[test]
    fn a_broker_that_hung_and_comes_back_while_the_end_is_looked_at_loses_no_record() {
        let mut looks = 0;
        let found: Result<Finding, ()> = judge(5, 9, |offset| {
            looks += 1;
            let hangs = looks <= ATTEMPTS;
            Ok(if hangs {
                Look::Silent
            } else if offset == 9 {
                Look::End
            } else {
                Look::Record
            })
        });
        assert!(matches!(found, Ok(Finding::Away(_))), "{found:?}");
        let silent: Result<Finding, ()> =
            judge(5, 9, |offset| Ok(if offset == 9 { Look::End } else { Look::Silent }));
        assert!(matches!(silent, Ok(Finding::Damaged { last: 8, .. })), "{silent:?}");
    }

    #[test]
    fn what_follows_another_bad_batch_is_not_passed_over() {
        // Another batch is unlike the first: its failure names another offset.
        let found: Result<i64, ()> = last_alike(10, 100, |offset| Ok(offset <= 12));
        assert_eq!(found, Ok(12));
    }
}
