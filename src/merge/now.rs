//! Levels of now: what each source says of who waits, and their sums by group.
//!
//! A source's word replaces its last one. It knows neither windows nor what waiting means.

use super::groups::{BaseId, GroupId};
use super::shard::Shard;
use crate::measure::batch::{Family, NowLevels};
use crate::time::EventMs;

impl Shard {
    /// Takes what a source says of a base; the groups that it is added to are shown again.
    pub(super) fn set_now(&mut self, base: BaseId, source: usize, levels: NowLevels) {
        self.note_now(base, source, levels);
        for at in 0..self.groups.base_row(base).targets.len() {
            let group = self.groups.base_row(base).targets[at];
            self.expose_due(group);
            for place in 0..self.panes.len() {
                self.live.push(place, group, false);
            }
        }
    }

    /// Keeps what a source says of a base. Only contacts wait: of others nothing is kept.
    pub(super) fn note_now(&mut self, base: BaseId, source: usize, levels: NowLevels) {
        if self.groups.base_row(base).family != Family::Contact {
            return;
        }
        let sources = self.now.entry(base).or_default();
        let waited = !sources.is_empty();
        if levels == NowLevels::default() {
            sources.remove(&source);
        } else {
            sources.insert(source, levels);
        }
        let waits = !sources.is_empty();
        if !waits {
            self.now.remove(&base);
        }
        if waited != waits {
            self.groups.set_waiting(base, waits);
        }
    }

    /// Levels of now of a group, over all sources.
    pub(super) fn now_of(&self, group: GroupId) -> NowLevels {
        let mut all = NowLevels::default();
        for base in &self.groups.row(group).waiting {
            for levels in self.now.get(base).into_iter().flat_map(|sources| sources.values()) {
                all.waiting += levels.waiting;
                all.breaching += levels.breaching;
                all.at_risk += levels.at_risk;
                all.awaiting += levels.awaiting;
                all.oldest = least(all.oldest, levels.oldest);
                all.oldest_awaiting = least(all.oldest_awaiting, levels.oldest_awaiting);
            }
        }
        all
    }
}

fn least(one: Option<EventMs>, other: Option<EventMs>) -> Option<EventMs> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
