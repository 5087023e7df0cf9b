//! What a worker hands its committer, what comes back, and what a committed offset says of a commit.
//!
//! Must never know: producers, consumers, stages.

use super::source::Source;
use crate::fault::{self, Guard};
use crate::pipeline::Commit;
use crate::pipeline::stage::Stop;
use rdkafka::consumer::ConsumerGroupMetadata;
use std::time::Duration;

/// A commit on its way, with what is needed to judge its fate.
#[derive(Debug)]
pub struct Sealed {
    /// The partition whose offset it moves.
    pub source: Source,
    /// Which assignment of the partition made it; later ones do not care for its fate.
    pub era: u64,
    /// Unique to this commit over all copies and restarts; stored beside the offset.
    pub mark: String,
    /// Nothing of the partition was committed before.
    pub first: bool,
    /// What the commit follows: the offset and mark that the group has stored as far as its copy knows.
    pub stored: Option<Committed>,
    /// The commit.
    pub commit: Commit,
    /// With this commit acknowledged, records of the source below this are needed no more (merge).
    pub needed_from: Option<i64>,
}

/// Commits that go together, whole or not at all.
pub struct Handover {
    /// The commits of one worker.
    pub sealed: Vec<Sealed>,
    /// The worker's membership when it handed over: fences what a former owner sends.
    pub metadata: Option<ConsumerGroupMetadata>,
    /// The worker may have been out of the group since its last commit. A client that is put out and joins again keeps, and
    /// may be given, what another owned meanwhile, without a word to the application: its membership is then in order and
    /// its state is not. What the group has stored is looked at before anything is sent.
    pub doubt: bool,
}

/// What became of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Committed.
    Done,
    /// Nothing of it is visible: to be sent again while the partition is ours.
    Again,
    /// The offset is elsewhere: the partition's state is to be dropped and restored.
    Elsewhere,
}

/// Why a handover was not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing of it is visible.
    Aborted,
    /// It was not known; the stored offsets have told.
    Unknown,
    /// Another producer of the same name has come, or the broker has given this one up.
    Fenced,
}

/// The end of a handover.
pub struct Outcome {
    /// Its commits, each with its fate.
    pub sealed: Vec<(Sealed, Fate)>,
    /// How long it took.
    pub took: Duration,
    /// Records sent.
    pub records: usize,
    /// What went wrong, if anything did.
    pub trouble: Option<(Trouble, String)>,
}

/// What a committer tells its worker.
pub enum Reply {
    /// Its producer is initialised: former transactions of this worker are decided.
    Ready,
    /// A handover has ended.
    Ended(Outcome),
    /// It cannot go on; the worker must stop.
    Failed(String),
}

/// An offset as the group stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Next offset to read.
    pub offset: i64,
    /// The mark of the commit that stored it.
    pub mark: String,
}

impl Committed {
    /// The number of the commit that stored it, as the state of its stage counts; `None` where the mark has none.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        let (_, number) = self.mark.rsplit_once(NUMBER)?;
        u64::from_str_radix(number, 16).ok()
    }

    /// Whether a commit stored it. Tools that set offsets leave no mark, or that of another offset.
    #[must_use]
    pub fn is_of_a_commit(&self) -> bool {
        let mark = self.mark.split(NUMBER).next().unwrap_or_default();
        mark.rsplit_once('@').is_some_and(|(_, to)| to.parse() == Ok(self.offset))
    }
}

/// Comes before the number in a mark.
const NUMBER: char = '#';

/// The mark of a commit: what no other commit has, and its number where the state of its stage counts commits.
#[must_use]
pub fn mark(unique: &str, number: Option<u64>) -> String {
    number.map_or_else(|| unique.to_owned(), |number| format!("{unique}{NUMBER}{number:x}"))
}

/// Whether a state that ends with commit `number` is that of the stored offset. A commit without new records leaves the
/// offset where it was, so that the offset alone does not tell its state from the one before.
///
/// # Errors
/// They are of different commits: the state was not yet read to its end.
pub fn same_commit(number: Option<u64>, committed: &Committed) -> Result<(), Stop> {
    match (number, committed.number()) {
        (Some(state), Some(offset)) if state != offset && !fault::is_off(Guard::HeadEqualsOffset) => {
            Err(Stop(format!(
                "the state ends with commit {state} and offset {} was stored by commit {offset}: they are written \
                 together, so one of them was changed or not read to its end; restore both, or delete both",
                committed.offset
            )))
        }
        _ => Ok(()),
    }
}

/// What the stored offset says of a commit of unknown outcome, once no transaction of its producer is open.
#[must_use]
pub fn fate(sealed: &Sealed, committed: Option<&Committed>) -> Fate {
    let Commit { from, to, .. } = sealed.commit;
    match committed {
        Some(committed) if committed.mark == sealed.mark => Fate::Done,
        // A commit without new records (idle, heartbeat) leaves the offset where it was; only the mark tells.
        Some(committed) if committed.offset == from && !sealed.first => Fate::Again,
        None if sealed.first => Fate::Again,
        Some(committed) if committed.offset == to && committed.mark.is_empty() => Fate::Done,
        _ => Fate::Elsewhere,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::{StageKind, StageReport};

    fn sealed(from: i64, to: i64, first: bool) -> Sealed {
        let commit = Commit {
            stage: StageKind::Fold,
            partition: 0,
            from,
            to,
            effects: Vec::new(),
            exposed: Vec::new(),
            report: StageReport::default(),
        };
        let source = Source::new("events", 0);
        Sealed { source, era: 1, mark: "a-2".to_owned(), first, stored: None, commit, needed_from: None }
    }

    fn at(offset: i64, mark: &str) -> Committed {
        Committed { offset, mark: mark.to_owned() }
    }

    #[test]
    fn an_offset_says_which_commit_of_the_state_it_belongs_to() {
        assert_eq!(at(5, &mark("host-1-fold0-a-1f", Some(31))).number(), Some(31));
        for unnumbered in ["host-1-fold0-a-1f", "", "a#", "a#x"] {
            assert_eq!(at(5, unnumbered).number(), None, "{unnumbered}");
        }
        let stored = at(5, &mark("a", Some(7)));
        assert!(same_commit(Some(7), &stored).is_ok() && same_commit(None, &stored).is_ok());
        assert!(same_commit(Some(6), &at(5, "a")).is_ok());
        let stop = same_commit(Some(6), &stored).unwrap_err().0;
        assert!(stop.contains("commit 6") && stop.contains("commit 7"), "{stop}");
    }

    #[test]
    fn an_offset_set_by_hand_has_no_mark_of_its_own() {
        assert!(at(9, "a-fold0-1-2@9").is_of_a_commit());
        assert!(at(9, "a-fold0-1-2@9#1f").is_of_a_commit());
        assert!(!at(9, "").is_of_a_commit());
        assert!(!at(7, "a-fold0-1-2@9").is_of_a_commit());
    }

    #[test]
    fn the_committed_offset_decides_an_unknown_outcome() {
        for (case, from, to, first, committed, expected) in [
            ("went through", 5, 9, false, Some(at(9, "a-2")), Fate::Done),
            ("did not", 5, 9, false, Some(at(5, "a-1")), Fate::Again),
            ("another owner went on", 5, 9, false, Some(at(12, "b-7")), Fate::Elsewhere),
            ("another owner stopped at the same offset", 5, 9, false, Some(at(9, "b-7")), Fate::Elsewhere),
            ("first of the partition, did not", 5, 9, true, None, Fate::Again),
            ("first of the partition, went through", 5, 9, true, Some(at(9, "a-2")), Fate::Done),
            ("first here, but another owner began", 5, 9, true, Some(at(5, "b-1")), Fate::Elsewhere),
            ("offset gone", 5, 9, false, None, Fate::Elsewhere),
            ("no records, went through", 9, 9, false, Some(at(9, "a-2")), Fate::Done),
            ("no records, did not", 9, 9, false, Some(at(9, "a-1")), Fate::Again),
            ("broker without metadata", 5, 9, false, Some(at(9, "")), Fate::Done),
        ] {
            assert_eq!(fate(&sealed(from, to, first), committed.as_ref()), expected, "{case}");
        }
    }
}
