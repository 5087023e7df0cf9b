//! Who is a member of a role's group, and which partitions each has.
//!
//! It must never know stages, nor how a member hears of what is decided here.

use std::collections::BTreeMap;

/// What a member is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// These partitions are yours now.
    Assigned(Vec<u32>),
    /// These partitions are to be given up in good order.
    Revoked(Vec<u32>),
    /// You were put out: everything was given away.
    Lost,
    /// Another process has joined under your name.
    Fenced,
}

/// Who says that it is a member, and of which generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Its name: a number that stays over restarts.
    pub name: usize,
    /// This start of it.
    pub member: u64,
    /// The generation that it last heard of.
    pub generation: u64,
}

/// A group of consumers.
#[derive(Debug)]
pub struct Group {
    /// Grows with each change of who has what.
    pub generation: u64,
    members: BTreeMap<usize, u64>,
    owners: Vec<Option<usize>>,
    moving: BTreeMap<u32, usize>,
}

impl Group {
    /// A group over so many partitions, without members.
    pub fn new(partitions: u32) -> Group {
        Group {
            generation: 0,
            members: BTreeMap::new(),
            owners: vec![None; partitions as usize],
            moving: BTreeMap::new(),
        }
    }

    /// Joins; a name that is known keeps its partitions. Returns what it has, and who had the name before.
    pub fn join(&mut self, name: usize, member: u64) -> (Vec<u32>, Option<u64>) {
        let before = self.members.insert(name, member);
        if before.is_none() {
            self.generation += 1;
        }
        (self.owned(name), before)
    }

    /// Puts a member out that was not heard of for too long.
    pub fn evict(&mut self, name: usize) -> Option<u64> {
        let member = self.members.remove(&name)?;
        self.generation += 1;
        self.owners.iter_mut().filter(|owner| **owner == Some(name)).for_each(|owner| *owner = None);
        Some(member)
    }

    /// A member leaves, if it still is one.
    pub fn leave(&mut self, member: u64) {
        if let Some(name) = self.members.iter().find(|(_, known)| **known == member).map(|(name, _)| *name) {
            self.evict(name);
        }
    }

    /// Begins to move a partition; returns the member that is to give it up.
    pub fn begin_move(&mut self, partition: u32, to: usize) -> Option<u64> {
        let owner = self.owners[partition as usize].filter(|owner| *owner != to)?;
        if self.moving.contains_key(&partition) || !self.members.contains_key(&to) {
            return None;
        }
        self.moving.insert(partition, to);
        self.members.get(&owner).copied()
    }

    /// A member has given partitions up.
    pub fn release(&mut self, Membership { name, member, .. }: Membership, partitions: &[u32]) {
        if !self.is_member(name, member) {
            return;
        }
        for partition in partitions {
            let owner = &mut self.owners[*partition as usize];
            if *owner == Some(name) {
                *owner = None;
                self.generation += 1;
            }
        }
    }

    /// Gives away what nobody has; `choose` picks one of so many members. Returns which member gets what.
    pub fn assign(&mut self, mut choose: impl FnMut(usize) -> usize) -> Vec<(u64, u32)> {
        let members: Vec<(usize, u64)> = self.members.iter().map(|(name, member)| (*name, *member)).collect();
        let mut given = Vec::new();
        for (partition, owner) in (0..).zip(&mut self.owners) {
            if owner.is_some() || members.is_empty() {
                continue;
            }
            let wished = self.moving.remove(&partition);
            let place = members.iter().position(|(name, _)| Some(*name) == wished);
            let (name, member) = members[place.unwrap_or_else(|| choose(members.len()))];
            *owner = Some(name);
            given.push((member, partition));
        }
        self.generation += u64::from(!given.is_empty());
        given
    }

    /// Whether the broker takes offsets from it.
    pub fn admits(&self, membership: &Membership) -> bool {
        self.is_member(membership.name, membership.member) && membership.generation == self.generation
    }

    /// Whether this start of the name is the member.
    pub fn is_member(&self, name: usize, member: u64) -> bool {
        self.members.get(&name) == Some(&member)
    }

    fn owned(&self, name: usize) -> Vec<u32> {
        (0..).zip(&self.owners).filter(|(_, owner)| **owner == Some(name)).map(|(at, _)| at).collect()
    }
}
