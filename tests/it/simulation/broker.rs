//! The log service: topics, transactions, fencing by epoch, offsets of groups with their marks.
//!
//! A transaction is decided first; its markers then reach each partition and the offsets in any order. It must never
//! know stages, nor what a record says.

use std::collections::{BTreeMap, BTreeSet};

use intraday::kafka::handover::Committed;
use intraday::pipeline::StageKind;

use super::group::{Group, Membership};
use super::log::{Content, Log};
use crate::scenario::dice::Dice;

/// The topics of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Events.
    Input,
    /// Batches.
    Partials,
    /// State of fold.
    FoldState,
    /// State of merge.
    MergeState,
    /// Results.
    Kpis,
    /// Late and rejected records.
    DeadLetters,
}

/// A partition of a topic.
pub type Place = (Topic, u32);

/// A producer as the broker knows it: its transactional id and epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    name: String,
    epoch: u32,
}

/// Why the broker refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A newer producer of the same id exists, or the transaction was ended for it.
    Fenced,
    /// Not a member of the group's generation.
    NotMember,
}

/// The offset of an input partition or shard is pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending;

/// An offset on its way.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Whose group.
    pub kind: StageKind,
    /// The partition.
    pub partition: u32,
    /// Where the commit began.
    pub from: i64,
    /// What is to be stored.
    pub committed: Committed,
}

#[derive(Debug, Default)]
struct Producer {
    epoch: u32,
    transaction: Option<u64>,
}

#[derive(Debug, Default)]
struct Transaction {
    places: BTreeSet<Place>,
    offsets: Vec<Stored>,
    /// Decided: committed or aborted.
    verdict: Option<bool>,
}

/// The log service.
#[derive(Debug)]
pub struct Broker {
    logs: BTreeMap<Place, Log>,
    producers: BTreeMap<String, Producer>,
    transactions: BTreeMap<u64, Transaction>,
    offsets: BTreeMap<(StageKind, u32), Committed>,
    begun: u64,
    /// The group of fold, then that of merge.
    groups: [Group; 2],
    /// A commit that did not begin where the last one ended: what must never happen.
    pub broken: Option<String>,
}

impl Broker {
    /// An empty service with so many input partitions and shards.
    pub fn new(partitions: u32, shards: u32) -> Broker {
        Broker {
            logs: BTreeMap::new(),
            producers: BTreeMap::new(),
            transactions: BTreeMap::new(),
            offsets: BTreeMap::new(),
            begun: 0,
            groups: [Group::new(partitions), Group::new(shards)],
            broken: None,
        }
    }

    /// The group of a role.
    pub fn group(&mut self, kind: StageKind) -> &mut Group {
        &mut self.groups[usize::from(kind == StageKind::Merge)]
    }

    /// A partition.
    pub fn log(&mut self, place: Place) -> &mut Log {
        self.logs.entry(place).or_default()
    }

    /// Initialises a producer: what an earlier one of the same id left open is ended first.
    pub fn open(&mut self, name: &str) -> Session {
        let producer = self.producers.entry(name.to_owned()).or_default();
        producer.epoch += 1;
        let epoch = producer.epoch;
        self.finish(name, false);
        Session { name: name.to_owned(), epoch }
    }

    /// The broker loses patience with a transaction that is open for too long.
    pub fn expire(&mut self, name: &str) {
        if self.undecided(name).is_some() {
            let _ = self.open(name);
        }
    }

    /// Transactional ids with a transaction that is not decided.
    pub fn waiting(&self) -> Vec<String> {
        self.producers.keys().filter(|name| self.undecided(name).is_some()).cloned().collect()
    }

    /// How far everything has come: records written, and the sum of all offsets stored.
    pub fn progress(&self) -> (usize, i64) {
        let records = self.logs.values().map(|log| log.written).sum();
        (records, self.offsets.values().map(|committed| committed.offset).sum())
    }

    /// A copy with a transaction that is decided and not yet marked everywhere.
    pub fn ending(&self) -> Option<usize> {
        let is_marking = |transaction: &u64| {
            self.transactions.get(transaction).is_some_and(|open| open.verdict == Some(true))
        };
        let marking =
            self.producers.iter().find(|(_, producer)| producer.transaction.as_ref().is_some_and(is_marking));
        marking.and_then(|(name, _)| name.rsplit('-').next()?.parse().ok())
    }

    /// Appends without a transaction.
    pub fn append(&mut self, place: Place, content: Content) {
        self.log(place).append(None, content);
    }

    /// Whether a newer producer of the same id exists.
    pub fn is_fenced(&self, session: &Session) -> bool {
        self.check(session).is_err()
    }

    /// Stores an offset without a transaction.
    pub fn store(&mut self, stored: Stored) {
        self.offsets.insert((stored.kind, stored.partition), stored.committed);
    }

    /// Appends within the producer's transaction, which begins with it.
    pub fn send(&mut self, session: &Session, place: Place, content: Content) -> Result<(), Refusal> {
        let transaction = self.transaction(session)?;
        if let Some(open) = self.transactions.get_mut(&transaction) {
            open.places.insert(place);
        }
        self.log(place).append(Some(transaction), content);
        Ok(())
    }

    /// Adds offsets to the producer's transaction.
    pub fn send_offsets(
        &mut self,
        session: &Session,
        membership: &Membership,
        offsets: Vec<Stored>,
    ) -> Result<(), Refusal> {
        let transaction = self.transaction(session)?;
        if !offsets.iter().all(|stored| self.group(stored.kind).admits(membership)) {
            return Err(Refusal::NotMember);
        }
        if let Some(open) = self.transactions.get_mut(&transaction) {
            open.offsets = offsets;
        }
        Ok(())
    }

    /// Decides the producer's transaction; its markers are still to be written.
    pub fn end(&mut self, session: &Session, commits: bool) -> Result<(), Refusal> {
        self.check(session)?;
        // Nothing was sent, so nothing was begun.
        let Some(transaction) = self.undecided(&session.name) else { return Ok(()) };
        if let Some(open) = self.transactions.get_mut(&transaction) {
            open.verdict = Some(commits);
            if open.places.is_empty() && open.offsets.is_empty() {
                self.transactions.remove(&transaction);
            }
        }
        Ok(())
    }

    /// The stored offset of a partition, once none is pending.
    pub fn committed(&self, kind: StageKind, partition: u32) -> Result<Option<Committed>, Pending> {
        let of_it = |stored: &Stored| (stored.kind, stored.partition) == (kind, partition);
        if self.transactions.values().any(|open| open.offsets.iter().any(of_it)) {
            return Err(Pending);
        }
        Ok(self.offsets.get(&(kind, partition)).cloned())
    }

    /// Writes one of the markers that are still to be written. Says whether there was one.
    pub fn write_marker(&mut self, dice: &mut Dice) -> bool {
        let decided: Vec<u64> =
            self.transactions.iter().filter(|(_, open)| open.verdict.is_some()).map(|(id, _)| *id).collect();
        if decided.is_empty() {
            return false;
        }
        let transaction = decided[dice.below(decided.len())];
        let Some(open) = self.transactions.get(&transaction) else { return false };
        let offsets_first = !open.offsets.is_empty() && dice.chance(40);
        let at = dice.below(open.places.len().max(1));
        let place = open.places.iter().nth(at).filter(|_| !offsets_first).copied();
        self.mark(transaction, place);
        true
    }

    /// Writes the marker of a transaction at a place, or to the offsets.
    fn mark(&mut self, transaction: u64, place: Option<Place>) {
        let Some(open) = self.transactions.get_mut(&transaction) else { return };
        let commits = open.verdict == Some(true);
        let offsets = match place {
            Some(place) => {
                open.places.remove(&place);
                Vec::new()
            }
            None => std::mem::take(&mut open.offsets),
        };
        if open.places.is_empty() && open.offsets.is_empty() {
            self.transactions.remove(&transaction);
        }
        if let Some(place) = place {
            self.log(place).mark(transaction, commits);
        }
        for stored in offsets.into_iter().filter(|_| commits) {
            let key = (stored.kind, stored.partition);
            let before = self.offsets.insert(key, stored.committed);
            if let Some(before) = before.filter(|before| before.offset != stored.from) {
                let said =
                    format!("{key:?} was at {} when a commit from {} came\n", before.offset, stored.from);
                self.broken.get_or_insert(said);
            }
        }
    }

    /// Ends the transaction of an id, aborting it if it is not decided, down to the last marker.
    fn finish(&mut self, name: &str, commits: bool) {
        let Some(transaction) = self.producers.get_mut(name).and_then(|producer| producer.transaction.take())
        else {
            return;
        };
        while let Some(open) = self.transactions.get_mut(&transaction) {
            open.verdict.get_or_insert(commits);
            let place = open.places.first().copied();
            self.mark(transaction, place);
        }
    }

    fn check(&self, session: &Session) -> Result<(), Refusal> {
        let is_current =
            self.producers.get(&session.name).is_some_and(|producer| producer.epoch == session.epoch);
        if is_current { Ok(()) } else { Err(Refusal::Fenced) }
    }

    fn undecided(&self, name: &str) -> Option<u64> {
        let transaction = self.producers.get(name)?.transaction?;
        self.transactions.get(&transaction).filter(|open| open.verdict.is_none()).map(|_| transaction)
    }

    /// The open transaction of a producer; a new one begins when all markers of the last are written.
    fn transaction(&mut self, session: &Session) -> Result<u64, Refusal> {
        self.check(session)?;
        if let Some(open) = self.undecided(&session.name) {
            return Ok(open);
        }
        self.finish(&session.name, false);
        self.begun += 1;
        self.transactions.insert(self.begun, Transaction::default());
        if let Some(producer) = self.producers.get_mut(&session.name) {
            producer.transaction = Some(self.begun);
        }
        Ok(self.begun)
    }
}
