//! A partition of a topic: records, the markers that end transactions in it, and what a reader may see.
//!
//! It must never know who writes, nor how a transaction is decided.

use std::collections::{BTreeMap, BTreeSet};

use intraday::pipeline::{DeadLetter, KpiRecord};

/// What a record holds.
#[derive(Clone, Debug)]
pub enum Content {
    /// An event: its bytes, and when it was appended, in milliseconds.
    Event(Vec<u8>, i64),
    /// A batch of partials.
    Batch(Vec<u8>),
    /// A state record; no value is a tombstone.
    State(Vec<u8>, Option<Vec<u8>>),
    /// A result.
    Kpi(KpiRecord),
    /// A late or rejected record of an input partition.
    Letter(u32, DeadLetter),
}

/// A record in its place.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its offset.
    pub offset: i64,
    /// The transaction that wrote it; none where there are no transactions.
    pub transaction: Option<u64>,
    /// What it holds.
    pub content: Content,
}

/// A partition.
#[derive(Debug, Default)]
pub struct Log {
    /// Records below this were deleted.
    pub start: i64,
    /// Records ever written.
    pub written: usize,
    end: i64,
    entries: Vec<Entry>,
    /// Transactions that are not yet ended here, and the first offset of each.
    open: BTreeMap<u64, i64>,
    aborted: BTreeSet<u64>,
}

impl Log {
    /// Appends a record.
    pub fn append(&mut self, transaction: Option<u64>, content: Content) {
        self.append_at(self.end, transaction, content);
    }

    /// Appends a record at an offset that is not below the end.
    pub fn append_at(&mut self, offset: i64, transaction: Option<u64>, content: Content) {
        if let Some(transaction) = transaction {
            self.open.entry(transaction).or_insert(offset);
        }
        self.entries.push(Entry { offset, transaction, content });
        self.end = offset + 1;
        self.written += 1;
    }

    /// Appends the marker that ends a transaction here.
    pub fn mark(&mut self, transaction: u64, is_committed: bool) {
        self.open.remove(&transaction);
        if !is_committed {
            self.aborted.insert(transaction);
        }
        self.end += 1;
    }

    /// Whether a transaction is not yet ended here.
    pub fn is_unsettled(&self) -> bool {
        !self.open.is_empty()
    }

    /// Where a reader of what is committed has to wait.
    pub fn stable_end(&self) -> i64 {
        self.open.values().min().copied().unwrap_or(self.end)
    }

    /// What is committed from an offset on.
    pub fn committed(&self, from: i64) -> impl Iterator<Item = &Entry> {
        let until = self.stable_end();
        let first = self.entries.partition_point(|entry| entry.offset < from);
        let stable = self.entries[first..].iter().take_while(move |entry| entry.offset < until);
        stable.filter(|entry| entry.transaction.is_none_or(|of| !self.aborted.contains(&of)))
    }

    /// Everything, aborted or not.
    pub fn all(&self) -> &[Entry] {
        &self.entries
    }

    /// Deletes what lies before an offset.
    pub fn delete_before(&mut self, offset: i64) {
        self.start = self.start.max(offset);
        self.entries.retain(|entry| entry.offset >= offset);
    }

    /// Of what is stable and lies before `until`, keeps the last record of each key.
    pub fn compact(&mut self, until: i64, drops_tombstones: bool) {
        let until = until.min(self.stable_end());
        let mut last: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
        for entry in self.committed(0).filter(|entry| entry.offset < until) {
            if let Content::State(key, _) = &entry.content {
                last.insert(key.clone(), entry.offset);
            }
        }
        self.entries.retain(|entry| match &entry.content {
            Content::State(key, value) if entry.offset < until => {
                last.get(key) == Some(&entry.offset) && (value.is_some() || !drops_tombstones)
            }
            _ => true,
        });
    }
}
