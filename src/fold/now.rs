//! Levels of now: who waits, since when, past the threshold or close to it.
//!
//! Absolute figures of this source, sent when they change and replaced by the reader; they serve live output only.
//! "Now" is the partition's stream time.

use super::sink::Dims;
use crate::ids::DenseMap;
use crate::measure::batch::NowLevels;
use crate::time::{EventMs, Millis};
use std::collections::BTreeSet;

/// What waits in one group.
#[derive(Clone, Debug, Default)]
struct Waiting {
    visits: BTreeSet<(EventMs, u64)>,
    responses: BTreeSet<(EventMs, u64)>,
    threshold_ms: Option<Millis>,
    risk_horizon_ms: Millis,
    sent: NowLevels,
}

/// What waits, by group.
#[derive(Debug, Default)]
pub struct NowTable {
    groups: DenseMap<Dims, Waiting>,
}

impl NowTable {
    /// A visit of `contact` began in the group, judged by `threshold_ms`.
    pub fn visit_began(
        &mut self,
        dims: &Dims,
        contact: u64,
        queued: EventMs,
        judged_ms: (Option<Millis>, Millis),
    ) {
        let group = self.groups.entry(*dims).or_default();
        (group.threshold_ms, group.risk_horizon_ms) = judged_ms;
        group.visits.insert((queued, contact));
    }

    /// The visit of `contact` that began at `queued` is over.
    pub fn visit_ended(&mut self, dims: &Dims, contact: u64, queued: EventMs) {
        if let Some(group) = self.groups.get_mut(dims) {
            group.visits.remove(&(queued, contact));
        }
    }

    /// A first response of `contact` is due since `since`.
    pub fn response_due(&mut self, dims: &Dims, contact: u64, since: EventMs) {
        self.groups.entry(*dims).or_default().responses.insert((since, contact));
    }

    /// The first response of `contact` is due no more.
    pub fn response_over(&mut self, dims: &Dims, contact: u64, since: EventMs) {
        if let Some(group) = self.groups.get_mut(dims) {
            group.responses.remove(&(since, contact));
        }
    }

    /// Hands over the groups whose figures at `now` differ from those handed over before, in the order of their dimensions.
    pub fn changes(&mut self, now: EventMs, mut each: impl FnMut(&Dims, &NowLevels)) {
        let mut changed: Vec<(Dims, NowLevels)> = Vec::new();
        #[expect(clippy::iter_over_hash_type, reason = "what is collected is sorted below")]
        for (dims, group) in &mut self.groups {
            let levels = group.levels(now);
            if levels != group.sent {
                group.sent = levels;
                changed.push((*dims, levels));
            }
        }
        self.groups.retain(|_, group| !group.is_empty());
        changed.sort_unstable_by_key(|(dims, _)| *dims);
        for (dims, levels) in &changed {
            each(dims, levels);
        }
    }

    /// Makes the next [`NowTable::changes`] hand over everything, as after a restore.
    pub fn forget_sent(&mut self) {
        self.groups.values_mut().for_each(|group| group.sent = NowLevels::default());
    }
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.visits.is_empty() && self.responses.is_empty()
    }

    fn levels(&self, now: EventMs) -> NowLevels {
        let queued_before = |at: EventMs| {
            if self.visits.first().is_none_or(|first| first.0 >= at) {
                return 0;
            }
            self.visits.range(..(at, 0)).count() as u32
        };
        let (mut breaching, mut at_risk) = (0, 0);
        if let Some(threshold_ms) = self.threshold_ms {
            breaching = queued_before(now.plus(-threshold_ms));
            at_risk = queued_before(now.plus(self.risk_horizon_ms - threshold_ms)) - breaching;
        }
        NowLevels {
            waiting: self.visits.len() as u32,
            oldest: self.visits.first().map(|first| first.0),
            breaching,
            at_risk,
            awaiting: self.responses.len() as u32,
            oldest_awaiting: self.responses.first().map(|first| first.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Sym;

    #[test]
    fn waiting_breaching_and_at_risk_follow_now_and_are_sent_when_they_change() {
        let mut table = NowTable::default();
        let dims = [Sym::EMPTY; 10];
        table.visit_began(&dims, 1, EventMs(1_000), (Some(20_000), 10_000));
        table.visit_began(&dims, 2, EventMs(9_000), (Some(20_000), 10_000));
        let at = |table: &mut NowTable, now: i64| {
            let mut seen = Vec::new();
            table.changes(EventMs(now), |_, levels| seen.push(*levels));
            seen
        };
        let first = at(&mut table, 10_000)[0];
        assert_eq!((first.waiting, first.breaching, first.at_risk), (2, 0, 0));
        assert_eq!(first.oldest, Some(EventMs(1_000)));
        assert!(at(&mut table, 10_500).is_empty());
        let risky = at(&mut table, 21_001)[0];
        assert_eq!((risky.breaching, risky.at_risk), (1, 1));
        table.visit_ended(&dims, 1, EventMs(1_000));
        table.visit_ended(&dims, 2, EventMs(9_000));
        assert_eq!(at(&mut table, 22_000), [NowLevels::default()]);
        assert!(table.groups.is_empty());
    }
}
