//! Client errors by kind, and how many lines of each may be written: a broker that is away makes thousands a second.
//!
//! Must never know: where lines go.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines of one kind that are let through in one span.
const LINES_MAX: u32 = 3;
/// The span.
const SPAN: Duration = Duration::from_secs(10);
/// Kinds that are told apart; further ones share one count.
const KINDS_MAX: usize = 64;

/// The code of an error, also of those of administration, which the client library leaves out.
#[must_use]
pub fn code(error: &KafkaError) -> Option<RDKafkaErrorCode> {
    match error {
        KafkaError::AdminOp(code) => Some(*code),
        other => other.rdkafka_error_code(),
    }
}

/// The kind of an error, of a closed set: a label of the counter of client errors.
#[must_use]
pub fn kind(error: &KafkaError) -> &'static str {
    use RDKafkaErrorCode as Code;
    match code(error) {
        Some(Code::AllBrokersDown) => "all_brokers_down",
        Some(Code::BrokerTransportFailure | Code::NetworkException) => "transport",
        Some(Code::Resolve) => "resolve",
        Some(Code::OperationTimedOut | Code::RequestTimedOut | Code::MessageTimedOut) => "timeout",
        Some(Code::Authentication | Code::SaslAuthenticationFailed | Code::SSL) => "authentication",
        Some(
            Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed,
        ) => "authorization",
        Some(Code::PollExceeded) => "max_poll_exceeded",
        Some(_) if is_undecodable(error) => "undecodable",
        _ => "other",
    }
}

/// Whether a batch cannot be decoded: another try gets the same bytes.
#[must_use]
pub fn is_undecodable(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::BadMessage
                | Code::BadCompression
                | Code::InvalidMessage
                | Code::NotImplemented
                | Code::MessageSizeTooLarge
                | Code::CriticalSystemResource
        )
    )
}

/// Whether the cause is that no broker answers: asking again later is all that can be done.
#[must_use]
pub fn is_away(error: &KafkaError) -> bool {
    matches!(kind(error), "all_brokers_down" | "transport" | "resolve" | "timeout") || is_moving(error)
}

/// Whether brokers answer, but have not yet agreed on who does what.
fn is_moving(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code(error),
        Some(
            Code::CoordinatorLoadInProgress
                | Code::CoordinatorNotAvailable
                | Code::NotCoordinator
                | Code::LeaderNotAvailable
                | Code::NotLeaderForPartition
                | Code::UnstableOffsetCommit
                | Code::WaitingForCoordinator
                | Code::UnknownPartition
                | Code::InProgress
                | Code::Outdated
        )
    )
}

/// Lets a few lines of each kind through and counts the rest.
#[derive(Debug, Default)]
pub struct Damper {
    kinds: Mutex<BTreeMap<String, Said>>,
}

#[derive(Debug)]
struct Said {
    since: Instant,
    lines: u32,
    held_back: u64,
}

impl Damper {
    /// A damper that has let nothing through.
    #[must_use]
    pub const fn new() -> Damper {
        Damper { kinds: Mutex::new(BTreeMap::new()) }
    }

    /// Whether a line of this kind may be written at `now`, and how many were held back before it.
    #[must_use]
    pub fn pass(&self, kind: &str, now: Instant) -> Option<u64> {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let key = if kinds.len() < KINDS_MAX || kinds.contains_key(kind) { kind } else { "" };
        let said = kinds.entry(key.to_owned()).or_insert(Said { since: now, lines: 0, held_back: 0 });
        if now.saturating_duration_since(said.since) >= SPAN {
            (said.since, said.lines) = (now, 0);
        }
        if said.lines >= LINES_MAX {
            said.held_back += 1;
            return None;
        }
        said.lines += 1;
        Some(std::mem::take(&mut said.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_becomes_a_few_lines_and_a_count() {
        let (damper, now) = (Damper::new(), Instant::now());
        let passed = (0..1_000).filter(|_| damper.pass("transport", now).is_some()).count();
        assert_eq!(passed, LINES_MAX as usize);
        assert_eq!(damper.pass("other", now), Some(0), "each kind has its own lines");
        assert_eq!(damper.pass("transport", now + SPAN), Some(1_000 - u64::from(LINES_MAX)));
        assert_eq!(damper.pass("transport", now + SPAN), Some(0));
    }

    #[test]
    fn kinds_without_end_share_one_count() {
        let (damper, now) = (Damper::new(), Instant::now());
        let passed = (0..1_000).filter(|n| damper.pass(&n.to_string(), now).is_some()).count();
        assert_eq!(passed, KINDS_MAX + LINES_MAX as usize);
    }

    #[test]
    fn errors_have_kinds_of_a_closed_set() {
        let of = |code| KafkaError::Global(code);
        assert_eq!(kind(&of(RDKafkaErrorCode::AllBrokersDown)), "all_brokers_down");
        assert_eq!(kind(&of(RDKafkaErrorCode::BadCompression)), "undecodable");
        assert_eq!(kind(&of(RDKafkaErrorCode::UnknownTopic)), "other");
        assert!(is_away(&of(RDKafkaErrorCode::BrokerTransportFailure)));
        assert!(
            is_away(&KafkaError::AdminOp(RDKafkaErrorCode::OperationTimedOut)),
            "an admin's question, too"
        );
        assert!(!is_away(&of(RDKafkaErrorCode::TopicAuthorizationFailed)));
    }
}
