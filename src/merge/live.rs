//! Which groups have a live record due, oldest change first, window by window; groups with an agent after all others.

use super::groups::GroupId;
use std::collections::VecDeque;

/// The groups that changed since their last live record.
#[derive(Debug, Default)]
pub struct LiveQueue {
    windows: Vec<WindowQueue>,
}

#[derive(Debug, Default)]
struct WindowQueue {
    groups: VecDeque<GroupId>,
    agents: VecDeque<GroupId>,
    /// By group: whether it stands in one of the queues.
    queued: Vec<bool>,
}

impl LiveQueue {
    /// Empty queues for so many windows.
    #[must_use]
    pub fn new(windows: usize) -> LiveQueue {
        LiveQueue { windows: (0..windows).map(|_| WindowQueue::default()).collect() }
    }

    /// A group changed in a window.
    pub fn push(&mut self, window: usize, group: GroupId, has_agent: bool) {
        let queue = &mut self.windows[window];
        let at = group as usize;
        if queue.queued.len() <= at {
            queue.queued.resize(at + 1, false);
        }
        if !std::mem::replace(&mut queue.queued[at], true) {
            if has_agent { queue.agents.push_back(group) } else { queue.groups.push_back(group) }
        }
    }

    /// Takes the group that changed first.
    pub fn pop(&mut self, window: usize, agents: bool) -> Option<GroupId> {
        let queue = &mut self.windows[window];
        let group = if agents { queue.agents.pop_front() } else { queue.groups.pop_front() }?;
        queue.queued[group as usize] = false;
        Some(group)
    }

    /// How many groups wait in a window.
    #[must_use]
    pub fn waiting(&self, window: usize) -> usize {
        self.windows[window].groups.len() + self.windows[window].agents.len()
    }

    /// Forgets everything that waits.
    pub fn clear(&mut self) {
        self.windows.iter_mut().for_each(|queue| *queue = WindowQueue::default());
    }
}
