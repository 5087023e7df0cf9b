//! How the sending of one commit goes on: how much of it is delivered, since when nothing more was, and until when.
//!
//! A broker that gives no sign is given up soon; one that takes record after record may take as long as the transaction
//! lasts. Must never know: producers, what the records are.

use std::time::{Duration, Instant};

/// Of a transaction's time so much is for sending, in fifths; the rest is for its offsets and its end.
const SENDING_FIFTHS: u32 = 4;

/// How often the time of a transaction is doubled at most.
const DOUBLED_MAX: u32 = 3;
/// Commits in a row that took less than half the usual time; then the usual time is enough again.
const CALM_COMMITS: u32 = 100;

/// How much time transactions have: the usual, or more where a commit did not get through in it. Readers wait for an
/// abandoned transaction as long as it may take, so nobody has more time than was needed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowance {
    doubled: u32,
    calm: u32,
}

impl Allowance {
    /// How long a transaction may take.
    #[must_use]
    pub fn span(self, usual: Duration) -> Duration {
        usual * (1 << self.doubled)
    }

    /// Counts a try that took so long and was slow or not; says whether there is more time from now on.
    pub fn count(&mut self, took: Duration, slow: bool, usual: Duration) -> bool {
        let calm = !slow && took < usual / 2;
        self.calm = if calm { self.calm.saturating_add(1) } else { 0 };
        let more = slow && self.doubled < DOUBLED_MAX;
        self.doubled += u32::from(more);
        more
    }

    /// Goes back to the usual time where that is enough; says whether it did.
    pub const fn relax(&mut self) -> bool {
        let relaxes = self.doubled > 0 && self.calm >= CALM_COMMITS;
        if relaxes {
            self.doubled = 0;
        }
        relaxes
    }
}

/// The sending of one commit.
#[derive(Clone, Copy, Debug)]
pub struct Delivery {
    begun: Instant,
    /// When the last record was delivered.
    last: Instant,
    /// Longest time without a delivery.
    silence: Duration,
    /// Longest time in all: what the broker gives the transaction.
    span: Duration,
    /// Records handed to the client.
    pub records: usize,
    bytes: usize,
    delivered: usize,
}

impl Delivery {
    /// Begins now; `silence` is the longest time without a delivery, `span` that of the whole transaction.
    #[must_use]
    pub const fn new(now: Instant, silence: Duration, span: Duration) -> Delivery {
        Delivery { begun: now, last: now, silence, span, records: 0, bytes: 0, delivered: 0 }
    }

    /// A record of so many bytes was handed to the client.
    pub const fn sent(&mut self, bytes: usize) {
        self.records += 1;
        self.bytes += bytes;
    }

    /// So many are delivered by now. Says whether there are more than before.
    pub const fn note(&mut self, delivered: usize, now: Instant) -> bool {
        let more = delivered > self.delivered;
        if more {
            self.delivered = delivered;
            self.last = now;
        }
        more
    }

    /// Whether waiting for deliveries is over.
    #[must_use]
    pub fn is_over(&self, now: Instant) -> bool {
        let sending = self.span * SENDING_FIFTHS / 5;
        now.saturating_duration_since(self.last) >= self.silence
            || now.saturating_duration_since(self.begun) >= sending
    }

    /// Whether, having failed now, it failed for want of time: it had a good part of it, and records were delivered.
    #[must_use]
    pub fn is_slow(&self, now: Instant) -> bool {
        self.delivered > 0
            && now.saturating_duration_since(self.begun) >= self.span / 3
            && now.saturating_duration_since(self.last) < self.silence
    }

    /// Until when one request about the transaction may take.
    #[must_use]
    pub fn deadline(&self, now: Instant) -> Instant {
        (now + self.silence).min(self.begun + self.span)
    }

    /// What was sent and delivered, for reasons.
    #[must_use]
    pub fn story(&self, now: Instant) -> String {
        format!(
            "{} of {} records, of {} bytes in all, in {} ms",
            self.delivered,
            self.records,
            self.bytes,
            now.saturating_duration_since(self.begun).as_millis()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn silence_ends_it_and_progress_lasts_as_long_as_the_transaction() {
        let began = Instant::now();
        let at = |seconds: u32| began + S * seconds;
        let mut silent = Delivery::new(began, S * 10, S * 40);
        silent.sent(100);
        assert!(!silent.is_over(at(9)) && silent.is_over(at(10)));
        assert!(!silent.is_slow(at(10)), "nothing was delivered");
        let mut going = Delivery::new(began, S * 10, S * 40);
        (0..40).for_each(|_| going.sent(1_000));
        for second in 1..32 {
            assert!(going.note(second as usize, at(second)) && !going.is_over(at(second)));
        }
        assert!(going.is_over(at(32)) && going.is_slow(at(32)));
        assert_eq!(going.story(at(32)), "31 of 40 records, of 40000 bytes in all, in 32000 ms");
        assert!(!going.is_slow(at(41)), "a broker that has fallen silent is not slow");
        let mut refused = Delivery::new(began, S * 10, S * 40);
        refused.note(1, at(1));
        assert!(!refused.is_slow(at(2)), "it was refused for another reason");
    }

    #[test]
    fn there_is_more_time_while_it_is_needed() {
        let mut allowance = Allowance::default();
        let spans: Vec<Duration> = (0..5)
            .map(|_| {
                allowance.count(S * 8, true, S * 10);
                allowance.span(S * 10)
            })
            .collect();
        assert_eq!(spans, [20, 40, 80, 80, 80].map(|seconds| S * seconds));
        for _ in 1..CALM_COMMITS {
            assert!(!allowance.count(S, false, S * 10) && !allowance.relax());
        }
        allowance.count(S * 6, false, S * 10);
        assert!(!allowance.relax(), "that one needed more than half");
        (0..CALM_COMMITS).for_each(|_| _ = allowance.count(S, false, S * 10));
        assert!(allowance.relax() && !allowance.relax());
        assert_eq!(allowance.span(S * 10), S * 10);
    }

    #[test]
    fn a_request_ends_with_the_transaction() {
        let began = Instant::now();
        let delivery = Delivery::new(began, S * 10, S * 40);
        assert_eq!(delivery.deadline(began), began + S * 10);
        assert_eq!(delivery.deadline(began + S * 35), began + S * 40);
    }
}
