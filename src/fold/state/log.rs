//! What each commit writes to the state topic, and where on the topic things lie.
//!
//! | key | holds |
//! | --- | --- |
//! | `head` | what must fit, where the state stands, small counts |
//! | `changes/<commit mod RING>/<part>` | entities and fingerprints that the commit changed |
//! | `bucket/<n>/<part>` | one bucket of entities, whole; a commit writes the next one if it changed since |
//! | `fingerprints/<n>` | blocks of the deduplication memory |
//! | `names/<n>` | blocks of admitted names |
//!
//! A restore takes buckets, then the changes that are newer than each. A bucket's turn comes every `BUCKETS` commits,
//! and the ring is twice as long, so whatever a bucket lacks lies in the ring.

use super::buckets::bucket_of;
use super::fingerprints::FingerprintBlocks;
use super::head::{Head, layout_of, write_head};
use super::names::NameBlocks;
use super::part::PartWriter;
use super::{BUCKETS, RING, StateRecord};
use crate::fold::partition::Fold;
use crate::fold::timers::Entity;
use crate::time::EventMs;

/// Where a commit brings its stage.
#[derive(Clone, Copy, Debug)]
pub struct Position<'a> {
    /// Epoch of the source.
    pub epoch: u64,
    /// Next input offset.
    pub to: i64,
    /// Last batch of each shard.
    pub shard_seqs: &'a [u64],
}

/// What lies on the state topic.
#[derive(Clone, Debug)]
pub struct StateLog {
    pub(super) seq: u64,
    pub(super) changes_seq: u64,
    /// Parts that lie in each slot of the ring of changes.
    pub(super) changes_parts: Vec<u64>,
    pub(super) bucket_parts: Vec<u64>,
    /// Buckets that changed since they were written.
    pub(super) stale: Vec<bool>,
    pub(super) blocks: FingerprintBlocks,
    pub(super) names: NameBlocks,
}

impl Default for StateLog {
    fn default() -> Self {
        StateLog {
            seq: 0,
            changes_seq: 0,
            changes_parts: vec![0; RING as usize],
            bucket_parts: vec![0; BUCKETS],
            stale: vec![false; BUCKETS],
            blocks: FingerprintBlocks::default(),
            names: NameBlocks::default(),
        }
    }
}

impl StateLog {
    /// Commits written so far, over the partition's life.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// The state records of the next commit. What changed in the fold counts as written from here on.
    #[must_use]
    pub fn write(&mut self, fold: &mut Fold, position: &Position<'_>) -> Vec<StateRecord> {
        self.seq += 1;
        let mut out = Vec::with_capacity(4);
        self.write_changes(fold, &mut out);
        let oldest = fold.dedup.generations().next().map_or(0, |oldest| oldest.serial);
        self.blocks.take(&fold.fingerprints, self.seq, oldest, &mut out);
        fold.fingerprints.clear();
        self.write_bucket(fold, &mut out);
        self.names.take(&fold.places.names, &mut out);
        let head = write_head(&self.head(fold, position), &layout_of(&fold.config));
        out.push((b"head".to_vec(), Some(head)));
        out
    }

    fn write_changes(&mut self, fold: &mut Fold, out: &mut Vec<StateRecord>) {
        if fold.changed.is_empty() && fold.fingerprints.is_empty() {
            return;
        }
        let mut parts = PartWriter::new(base_of(fold));
        for entity in fold.changed.drain(..) {
            let (Entity::Contact(key) | Entity::Agent(key)) = entity;
            self.stale[bucket_of(key)] = true;
            match entity {
                Entity::Contact(key) => match fold.contacts.get_mut(key) {
                    None => parts.contact(key, None),
                    // It went, came again and is written already.
                    Some(contact) if !contact.changed => {}
                    Some(contact) => {
                        contact.changed = false;
                        parts.contact(key, Some(contact));
                    }
                },
                Entity::Agent(key) => match fold.agents.get_mut(key) {
                    None => parts.agent(key, None),
                    Some(agent) if !agent.changed => {}
                    Some(agent) => {
                        agent.changed = false;
                        parts.agent(key, Some(agent));
                    }
                },
            }
        }
        for (generation, fingerprints) in fold.fingerprints.runs() {
            parts.fingerprints(generation, fingerprints);
        }
        let slot = self.seq % RING;
        let prefix = format!("changes/{slot}");
        let written = parts.finish(&prefix, self.seq, self.changes_seq, out);
        forget_parts(&prefix, written, &mut self.changes_parts[slot as usize], out);
        self.changes_seq = self.seq;
    }

    fn write_bucket(&mut self, fold: &Fold, out: &mut Vec<StateRecord>) {
        let bucket = (self.seq % BUCKETS as u64) as usize;
        if !std::mem::take(&mut self.stale[bucket]) {
            return;
        }
        let mut parts = PartWriter::new(base_of(fold));
        for (key, contact) in fold.contacts.bucket_in_order(bucket) {
            parts.contact(key, Some(contact));
        }
        for (key, agent) in fold.agents.bucket_in_order(bucket) {
            parts.agent(key, Some(agent));
        }
        let prefix = format!("bucket/{bucket}");
        let written = parts.finish(&prefix, self.seq, 0, out);
        forget_parts(&prefix, written, &mut self.bucket_parts[bucket], out);
    }

    fn head(&self, fold: &Fold, position: &Position<'_>) -> Head {
        Head {
            config_epoch: fold.config.config_epoch,
            epoch: position.epoch,
            seq: self.seq,
            changes_seq: self.changes_seq,
            held: self.blocks.held,
            to: position.to,
            clock: fold.clock.clone(),
            shard_seqs: position.shard_seqs.to_vec(),
            conservation: fold.conservation.counts().to_vec(),
            side: fold.side.clone(),
            overflow: fold.places.names.overflow,
            closed_early: fold.dedup.closed_early,
            generations: fold.dedup.generations().collect(),
            ids: fold.dedup.len() as u64,
            names: fold.places.names.len() as u64,
            contacts: fold.contacts.len() as u64,
            agents: fold.agents.len() as u64,
        }
    }
}

/// Times of a commit's entities are told from its stream time.
fn base_of(fold: &Fold) -> EventMs {
    fold.clock.stream_time.unwrap_or_default()
}

/// Tombstones for the parts beyond `written` that lay there before.
fn forget_parts(prefix: &str, written: u64, lay: &mut u64, out: &mut Vec<StateRecord>) {
    out.extend((written..*lay).map(|part| (format!("{prefix}/{part}").into_bytes(), None)));
    *lay = written;
}
