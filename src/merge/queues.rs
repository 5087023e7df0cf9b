//! Queues beside their groups: the agents that serve them, and the names that people know them by.
//!
//! An agent of two queues stands in both, so these are no levels of the groups of contacts and are never summed; the
//! live record of a queue carries them, and a change of them is a change of the queue.

use super::expose::QUEUE_NAMES_FROM;
use super::groups::GroupId;
use super::shard::Shard;
use crate::kpi::expose::expose_queue_name;
use crate::kpi::exposed::Exposed;
use crate::kpi::groups::Dimension;
use crate::measure::ids::Level;
use std::collections::{BTreeMap, BTreeSet};

/// Tenant and queue.
pub(super) type QueueKey = (String, String);

/// Where the groups of each queue are, one for each of its channels.
#[derive(Debug, Default)]
pub(super) struct Queues {
    groups: BTreeMap<QueueKey, Vec<GroupId>>,
    /// Groups looked at so far; those behind are new.
    looked_at: usize,
    /// Queues with a change among their agents since the last live records.
    pub(super) changed: BTreeSet<QueueKey>,
}

impl Shard {
    /// Takes note of groups that are new and exposes the names of queues that were not known.
    pub(super) fn expose_queue_names(&mut self, out: &mut Vec<Exposed>) {
        for group in self.queues.looked_at as GroupId..self.groups.len() as GroupId {
            if !self.groups.row(group).is_finest_contact {
                continue;
            }
            let text = |dimension| self.groups.text(group, dimension).to_owned();
            let key = (text(Dimension::Tenant), text(Dimension::Queue));
            // A contact that left before any queue belongs to none.
            if key.1.is_empty() {
                continue;
            }
            let number = self.queues.groups.len() as u32;
            let groups = self.queues.groups.entry(key.clone()).or_default();
            groups.push(group);
            if groups.len() == 1 {
                let name = self.config.queue_names.get(&key).unwrap_or(&key.1);
                out.push(expose_queue_name(QUEUE_NAMES_FROM + number, &key.0, &key.1, name));
            }
        }
        self.queues.looked_at = self.groups.len();
    }

    /// Puts queues whose agents changed into the live queues.
    pub(super) fn push_changed_queues(&mut self) {
        for key in std::mem::take(&mut self.queues.changed) {
            for group in self.queues.groups.get(&key).into_iter().flatten() {
                for window in 0..self.panes.len() + self.sliding.len() {
                    self.live.push(window, *group, false);
                }
            }
        }
    }

    /// Agents by state that serve the queue of a group; `None` where none was ever heard of.
    pub(super) fn serving(&self, group: GroupId) -> Option<[i64; Level::LEN]> {
        if self.queue_agents.is_empty() || !self.groups.row(group).is_finest_contact {
            return None;
        }
        let text = |dimension| self.groups.text(group, dimension).to_owned();
        self.queue_agents.get(&(text(Dimension::Tenant), text(Dimension::Queue))).copied()
    }
}
