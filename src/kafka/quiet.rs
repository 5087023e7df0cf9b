//! The silence of a partition, and whether it means that there is nothing: only then may its time be moved by the clock.
//!
//! Producers spool while brokers are away, and what they then send lies in the past. So silence counts only while the
//! broker keeps saying where the end is and commits go through; after an outage what was spooled comes first.
//! Must never know: consumers, stages.

use std::time::{Duration, Instant};

/// How often an idle partition is marked again, so that its time goes on.
const MARK_INTERVAL: Duration = Duration::from_secs(1);
/// Ends are told each second; without word for this long the broker of the partition counts as away.
const WORD_MAX: Duration = Duration::from_secs(4);
/// A commit that is not acknowledged for this long: commits do not flow.
const COMMIT_MAX: Duration = Duration::from_secs(5);
/// After an outage a partition must be silent for as long as that lasted, up to this: clients pause for up to 10 s and
/// more before they connect again.
const RETURN_MAX: Duration = Duration::from_secs(20);

/// What is known of the silence of one partition.
#[derive(Clone, Copy, Debug)]
pub struct Quiet {
    at_end: bool,
    /// When something last came, the end was first seen, or brokers came back.
    since: Instant,
    /// When the broker last gave a record or said that the end is reached.
    word: Option<Instant>,
    /// Since when silence says nothing.
    away: Option<Instant>,
    /// How long it must be silent after an outage before it is marked.
    patience: Duration,
    /// When it was last marked.
    marked: Option<Instant>,
}

impl Quiet {
    /// A partition of which nothing is known.
    #[must_use]
    pub const fn new(now: Instant) -> Quiet {
        Quiet { at_end: false, since: now, word: None, away: None, patience: Duration::ZERO, marked: None }
    }

    /// A record came.
    pub const fn stir(&mut self, now: Instant) {
        self.at_end = false;
        self.marked = None;
        self.since = now;
        self.word = Some(now);
    }

    /// The broker says that the end is reached.
    pub const fn settle(&mut self, now: Instant) {
        self.word = Some(now);
        if !self.at_end {
            self.at_end = true;
            self.since = now;
        }
    }

    /// It is not read for a while.
    pub const fn leave_end(&mut self) {
        self.at_end = false;
    }

    /// Whether the end was seen and nothing came since.
    #[must_use]
    pub const fn is_at_end(&self) -> bool {
        self.at_end
    }

    /// Whether it is to be marked idle now. `unacknowledged` is when the oldest commit without an answer was handed over.
    pub fn is_due(&mut self, now: Instant, idle_after: Duration, unacknowledged: Option<Instant>) -> bool {
        let within = |at: Instant, span: Duration| now.saturating_duration_since(at) < span;
        let flows = unacknowledged.is_none_or(|at| within(at, COMMIT_MAX));
        let Some(word) = self.word else { return false };
        if !flows || !within(word, WORD_MAX) {
            self.away.get_or_insert(unacknowledged.map_or(word, |at| at.min(word)));
            return false;
        }
        if let Some(away) = self.away.take() {
            self.patience = self.patience.max(now.saturating_duration_since(away)).min(RETURN_MAX);
            self.since = now;
        }
        let silent = self.at_end && !within(self.since, idle_after.max(self.patience));
        if !silent || self.marked.is_some_and(|at| within(at, MARK_INTERVAL)) {
            return false;
        }
        self.patience = Duration::ZERO;
        self.marked = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE_AFTER: Duration = Duration::from_secs(5);

    /// What is so in a second of a script.
    #[derive(Clone, Copy)]
    enum Second {
        /// The broker tells the end, commits go through.
        Calm,
        /// A record comes.
        Record,
        /// The broker tells nothing, commits go through: another leads the partition.
        NoWord,
        /// Commits have no answer; the client still tells what it believes to be the end.
        NoCommits,
        /// Neither.
        Away,
    }
    use Second::{Away, Calm, NoCommits, NoWord, Record};

    /// The seconds at whose end a mark was due.
    fn marks(script: &[(u64, Second)]) -> Vec<u64> {
        let began = Instant::now();
        let (mut quiet, mut unacknowledged, mut due, mut at) = (Quiet::new(began), None, Vec::new(), 0);
        for (seconds, kind) in script {
            for _ in 0..*seconds {
                at += 1;
                let now = began + Duration::from_secs(at);
                match kind {
                    Record => quiet.stir(now),
                    Calm | NoCommits => quiet.settle(now),
                    NoWord | Away => {}
                }
                match kind {
                    NoCommits | Away => _ = unacknowledged.get_or_insert(now),
                    _ => unacknowledged = None,
                }
                if quiet.is_due(now, IDLE_AFTER, unacknowledged) {
                    due.push(at);
                }
            }
        }
        due
    }

    #[test]
    fn a_partition_at_its_end_is_marked_each_second_after_a_while_of_silence() {
        assert_eq!(marks(&[(1, Record), (7, Calm)]), [7, 8]);
        assert_eq!(marks(&[(1, Record), (4, Calm), (1, Record), (6, Calm)]), [12]);
        assert!(marks(&[(1, Record), (100, NoWord)]).is_empty(), "its end was never told");
    }

    #[test]
    fn an_outage_moves_no_time_and_afterwards_what_was_spooled_comes_first() {
        let before = [(1, Record), (6, Calm)];
        for outage in [NoWord, NoCommits, Away] {
            let script = [before.as_slice(), &[(7_200, outage), (19, Calm), (3, Record), (6, Calm)]].concat();
            let due = marks(&script);
            let last = due.iter().filter(|at| **at <= 7_207).max().copied();
            assert!(last <= Some(12), "marked in the outage: {due:?}");
            // 20 s of silence and a little less, then records: they were before any mark.
            assert!(!due.iter().any(|at| (7_208..=7_229).contains(at)), "marked too soon: {due:?}");
        }
    }

    #[test]
    fn a_short_outage_needs_as_long_a_silence_and_a_calm_partition_is_marked_again() {
        let due = marks(&[(1, Record), (6, Calm), (10, Away), (13, Calm)]);
        assert_eq!(due.iter().filter(|at| **at > 12).copied().collect::<Vec<_>>(), [29, 30]);
        let due = marks(&[(1, Record), (6, Calm), (10, Away), (1, Calm), (1, Record), (13, Calm)]);
        assert_eq!(due.iter().filter(|at| **at > 12).copied().collect::<Vec<_>>(), [31, 32]);
    }
}
