//! Partitions that the group has given to nobody: found by asking the group, cured by stepping out and in again.
//!
//! A cooperative group hands a partition over in two rounds: its owner gives it up, then asks for the second round. An owner
//! that dies between the two and is back under its name within the session gets the first round's share without any round,
//! has nothing to give up and asks for nothing. The partition then waits for the next change of the group, perhaps for ever.

use super::client;
use super::config::{GroupProtocol, Mode};
use super::role::Role;
use super::worker::Worker;
use crate::pipeline::stage::Stop;
use rdkafka::consumer::Consumer;
use rdkafka::groups::GroupInfo;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long the group's answer may hold up the worker.
const ASK_TIMEOUT: Duration = Duration::from_millis(500);
/// How long a worker stays out before it joins again.
const STAY_OUT: Duration = Duration::from_millis(500);
/// Looks in a row that must find the same before anything is done: a group that has just changed is not yet complete.
const LOOKS: u32 = 2;

/// What a worker knows of partitions without an owner.
pub struct Orphans {
    next_look: Instant,
    found: u32,
    back_at: Option<Instant>,
}

impl Orphans {
    /// Nothing is known yet.
    pub const fn new(now: Instant) -> Orphans {
        Orphans { next_look: now, found: 0, back_at: None }
    }
}

impl<R: Role> Worker<R> {
    /// Looks now and then, once a session; one worker of the group acts on what it finds.
    pub(super) fn look_for_orphans(&mut self) -> Result<(), Stop> {
        let now = Instant::now();
        if let Some(back_at) = self.orphans.back_at {
            if now >= back_at && self.seats.is_empty() {
                self.orphans.back_at = None;
                self.subscribe()?;
            }
            return Ok(());
        }
        let config = &self.post.config;
        let is_classic = config.mode == Mode::ExactlyOnce && config.group_protocol == GroupProtocol::Classic;
        if !is_classic || !self.joined || now < self.orphans.next_look {
            return Ok(());
        }
        self.orphans.next_look = now + config.session_timeout;
        let group = client::group(config, R::NAME);
        let own = format!("{}-{}-{}", config.id, config.instance, self.post.name);
        // While brokers are away there is nothing to be known.
        let Ok(list) = self.consumer.fetch_group_list(Some(&group), ASK_TIMEOUT) else { return Ok(()) };
        let Some((orphan, chosen)) =
            list.groups().first().and_then(|group| orphan(group, &self.post.role.topics()))
        else {
            self.orphans.found = 0;
            return Ok(());
        };
        self.orphans.found += 1;
        if self.orphans.found >= LOOKS && chosen == own {
            let (topic, partition) = orphan;
            tracing::warn!(
                worker = self.post.name,
                topic,
                partition,
                "nobody has this partition; joining again"
            );
            (self.orphans.found, self.orphans.back_at) = (0, Some(now + STAY_OUT));
            self.consumer.unsubscribe();
        }
        Ok(())
    }
}

/// The first partition without an owner, and the member that is to do something about it: the one with least to lose.
fn orphan(group: &GroupInfo, topics: &[(String, u32)]) -> Option<((String, u32), String)> {
    if group.state() != "Stable" {
        return None;
    }
    let mut owned = BTreeSet::new();
    let mut members = Vec::new();
    for member in group.members() {
        let share = shares(member.assignment().unwrap_or_default())?;
        members.push((share.len(), member.client_id().to_owned()));
        owned.extend(share);
    }
    let all =
        topics.iter().flat_map(|(topic, count)| (0..*count).map(move |partition| (topic.clone(), partition)));
    let orphan = all.into_iter().find(|partition| !owned.contains(partition))?;
    Some((orphan, members.into_iter().min()?.1))
}

/// Topics and partitions of an assignment in the consumer protocol's form; `None` where it is another.
fn shares(bytes: &[u8]) -> Option<Vec<(String, u32)>> {
    let mut shares = Vec::new();
    // A member that has just come has none.
    if bytes.is_empty() {
        return Some(shares);
    }
    let mut rest = bytes.get(2..)?;
    for _ in 0..number(&mut rest)? {
        let (length, after) = rest.split_at_checked(2)?;
        let length = u16::from_be_bytes(length.try_into().ok()?);
        let (topic, after) = after.split_at_checked(usize::from(length))?;
        rest = after;
        for _ in 0..number(&mut rest)? {
            shares.push((String::from_utf8_lossy(topic).into_owned(), number(&mut rest)?));
        }
    }
    Some(shares)
}

fn number(rest: &mut &[u8]) -> Option<u32> {
    let (head, after) = rest.split_at_checked(4)?;
    *rest = after;
    Some(u32::from_be_bytes(head.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_is_read_and_a_broken_one_is_none() {
        let bytes =
            [&[0, 1, 0, 0, 0, 1, 0, 3][..], b"t-1", &[0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 1, 0, 0, 0, 0, 0]];
        let bytes = bytes.concat();
        assert_eq!(shares(&bytes), Some(vec![("t-1".to_owned(), 4), ("t-1".to_owned(), 256)]));
        assert_eq!(shares(&bytes[..12]), None);
        assert_eq!(shares(&[]), Some(Vec::new()));
    }
}
