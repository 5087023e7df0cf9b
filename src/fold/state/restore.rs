//! A partition from its state records: checked, complete, and as it was.
//!
//! Whatever does not fit is refused with what to do; nothing is guessed. Timers and levels of now follow from the
//! entities, so they are made again and not read.

use super::buckets::{Buckets, bucket_of};
use super::fingerprints::{Block, read_block};
use super::head::{Head, STATE_FORMAT, layout_of, read_head, read_layout};
use super::log::StateLog;
use super::names::NameTable;
use super::part::{Entry, PartHead, read_entry, read_part};
use super::{BUCKETS, RING};
use crate::fault::{self, Guard};
use crate::fold::config::FoldConfig;
use crate::fold::contact::Response;
use crate::fold::life::Life;
use crate::fold::names::Admission;
use crate::fold::partition::Fold;
use crate::fold::timers::Entity;
use crate::measure::wire::{Reader, WireError};
use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;

/// Why a partition does not come back from its state.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RestoreError {
    /// There is no head.
    #[error("the state has no head: restore the state topic, or begin anew under another service.id")]
    NoHead,
    /// Written by a program of another format.
    #[error(
        "the state is of format {found} and this program reads {STATE_FORMAT}: run the program that wrote it, or begin \
         anew under another service.id"
    )]
    Format {
        /// Its format.
        found: u8,
    },
    /// What cannot change under existing state changed.
    #[error(
        "the state was written with another layout, {name} was {found:#x} and is {asked:#x}: set it back, or begin \
         anew under another service.id"
    )]
    Layout {
        /// What changed.
        name: &'static str,
        /// As the state has it.
        found: u64,
        /// As configured.
        asked: u64,
    },
    /// State and committed offset are of different commits.
    #[error(
        "the state ends at offset {state} and the committed offset is {committed}: they are written together, so one \
         of them was changed; set the committed offset to {state}, or begin anew under another service.id"
    )]
    Offset {
        /// Where the state ends.
        state: i64,
        /// The committed offset.
        committed: i64,
    },
    /// A record cannot be read.
    #[error(
        "state record `{key}` cannot be used ({reason}): restore the state topic, or begin anew under another \
         service.id"
    )]
    Damaged {
        /// Its key.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// Records are missing, or of another time than the rest.
    #[error(
        "the state has {found} {what} and its head says {said}: restore the state topic, or begin anew under another \
         service.id"
    )]
    Incomplete {
        /// Of what.
        what: &'static str,
        /// How many the head says.
        said: u64,
        /// How many there are.
        found: u64,
    },
}

/// A partition that came back.
pub struct Restored {
    /// The partition.
    pub fold: Fold,
    /// What lies on its state topic.
    pub log: StateLog,
    /// The epoch of the source so far.
    pub epoch: u64,
    /// Last batch of each shard.
    pub shard_seqs: Vec<u64>,
}

/// Restores a partition from the last value per key of its state topic, to continue at `offset`.
///
/// # Errors
/// The state does not fit the configuration or the offset, or is damaged.
pub fn restore<'a>(
    config: &Arc<FoldConfig>,
    offset: i64,
    records: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<Restored, RestoreError> {
    let found = Found::sort(records)?;
    let head = check_head(config, offset, found.head.ok_or(RestoreError::NoHead)?)?;
    let mut names = NameTable::new();
    for (at, (block, bytes)) in found.names.iter().enumerate() {
        if *block != at as u64 {
            return Err(damaged(format!("names/{block}"), format!("names/{at} is missing")));
        }
        names.read(bytes).map_err(|error| damaged(format!("names/{block}"), error))?;
    }
    expect("admitted names", head.names, names.admitted.len())?;
    let mut restoring =
        Restoring { fold: Fold::new(config), log: StateLog::default(), names: names.strings.len(), head };
    let room = (config.max_names, config.max_tenants);
    restoring.fold.places.names =
        Admission::resume(room, &config.configured_names, &names.strings, &names.admitted);
    restoring.log.names = names.blocks();
    restoring.put_counts();
    restoring.read_blocks(found.fingerprints)?;
    let as_of = restoring.read_buckets(found.buckets)?;
    restoring.read_changes(found.changes, &as_of)?;
    let Restoring { mut fold, log, head, .. } = restoring;
    expect("contacts", head.contacts, fold.contacts.len())?;
    expect("agents", head.agents, fold.agents.len())?;
    expect("fingerprints", head.ids, fold.dedup.len())?;
    wind_up(&mut fold);
    Ok(Restored { fold, log, epoch: head.epoch, shard_seqs: head.shard_seqs })
}

/// Parts by (slot or bucket, part).
type Parts<'a> = BTreeMap<(u64, u64), &'a [u8]>;

/// State records by kind.
#[derive(Default)]
struct Found<'a> {
    head: Option<&'a [u8]>,
    names: BTreeMap<u64, &'a [u8]>,
    fingerprints: BTreeMap<u64, &'a [u8]>,
    buckets: Parts<'a>,
    changes: Parts<'a>,
}

impl<'a> Found<'a> {
    fn sort(records: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Result<Found<'a>, RestoreError> {
        let mut found = Found::default();
        for (key, bytes) in records {
            let text = String::from_utf8_lossy(key);
            let mut segments = text.split('/');
            let kind = segments.next().unwrap_or_default();
            let numbers: Option<Vec<u64>> = segments.map(|segment| segment.parse().ok()).collect();
            match (kind, numbers.as_deref()) {
                ("head", Some([])) => found.head = Some(bytes),
                ("names", Some([block])) => _ = found.names.insert(*block, bytes),
                ("fingerprints", Some([slot])) => _ = found.fingerprints.insert(*slot, bytes),
                ("bucket", Some([bucket, part])) if *bucket < BUCKETS as u64 => {
                    found.buckets.insert((*bucket, *part), bytes);
                }
                ("changes", Some([slot, part])) if *slot < RING => {
                    found.changes.insert((*slot, *part), bytes);
                }
                _ => return Err(damaged(text.into_owned(), "no key of this program")),
            }
        }
        Ok(found)
    }
}

struct Restoring {
    fold: Fold,
    log: StateLog,
    head: Head,
    /// How many names entities may refer to.
    names: usize,
}

impl Restoring {
    fn put_counts(&mut self) {
        let (fold, head) = (&mut self.fold, &self.head);
        fold.clock = head.clock.clone();
        fold.conservation.restore(head.conservation.iter().copied());
        fold.side = head.side.clone();
        fold.places.names.overflow = head.overflow;
        fold.dedup.closed_early = head.closed_early;
        head.generations.iter().for_each(|generation| fold.dedup.restore(*generation));
        (self.log.seq, self.log.changes_seq, self.log.blocks.held) = (head.seq, head.changes_seq, head.held);
    }

    fn read_blocks(&mut self, blocks: BTreeMap<u64, &[u8]>) -> Result<(), RestoreError> {
        let count = blocks.len() as u64;
        for (slot, bytes) in blocks {
            let key = || format!("fingerprints/{slot}");
            if slot > count {
                return Err(damaged(key(), "slots before it are missing"));
            }
            let block: Block = read_block(bytes).map_err(|error| damaged(key(), error))?;
            for fingerprint in &block.fingerprints {
                self.fold.dedup.remember(block.generation.serial, *fingerprint);
            }
            self.log.blocks.restore(slot as usize, block, self.fold.dedup.newest());
        }
        Ok(())
    }

    /// Puts the buckets back; returns the commit as of which each is.
    fn read_buckets(&mut self, parts: Parts<'_>) -> Result<Vec<u64>, RestoreError> {
        let mut as_of = vec![0; BUCKETS];
        let heads = self.part_heads("bucket", &parts)?;
        for (((bucket, part), bytes), head) in parts.into_iter().zip(heads) {
            let at = bucket as usize;
            as_of[at] = head.seq;
            self.log.bucket_parts[at] = head.parts;
            self.read_entries(bytes, None)
                .map_err(|error| damaged(format!("bucket/{bucket}/{part}"), error))?;
        }
        Ok(as_of)
    }

    /// Applies the changes that are newer than what they change.
    fn read_changes(&mut self, parts: Parts<'_>, as_of: &[u64]) -> Result<(), RestoreError> {
        let heads = self.part_heads("changes", &parts)?;
        let mut order: Vec<(PartHead, (u64, u64), &[u8])> = Vec::with_capacity(parts.len());
        for ((place, bytes), head) in parts.into_iter().zip(heads) {
            if head.seq % RING != place.0 {
                return Err(damaged(
                    format!("changes/{}/{}", place.0, place.1),
                    "it lies in the slot of another commit",
                ));
            }
            self.log.changes_parts[place.0 as usize] = head.parts;
            if self.is_in_ring(head.seq) {
                order.push((head, place, bytes));
            }
        }
        order.sort_unstable_by_key(|(head, ..)| (head.seq, head.part));
        self.check_chain(&order)?;
        for (head, (slot, part), bytes) in order {
            self.read_entries(bytes, Some((head.seq, as_of)))
                .map_err(|error| damaged(format!("changes/{slot}/{part}"), error))?;
        }
        Ok(())
    }

    /// Heads of parts, in their order; parts of one place are all there and of one commit, no later than the head's.
    fn part_heads(&self, kind: &str, parts: &Parts<'_>) -> Result<Vec<PartHead>, RestoreError> {
        let mut heads: Vec<PartHead> = Vec::with_capacity(parts.len());
        for ((place, part), bytes) in parts {
            let key = || format!("{kind}/{place}/{part}");
            let (head, _) = read_part(bytes).map_err(|error| damaged(key(), error))?;
            let before = heads.last().filter(|last| last.part + 1 < last.parts);
            let fits = match before {
                Some(last) => (head.part, head.seq, head.parts) == (last.part + 1, last.seq, last.parts),
                None => head.part == 0,
            };
            if head.part != *part || !fits {
                return Err(damaged(key(), "parts of this or of the record before it are missing"));
            }
            if head.seq > self.head.seq {
                return Err(damaged(
                    key(),
                    format!("of commit {} after the head's {}", head.seq, self.head.seq),
                ));
            }
            heads.push(head);
        }
        match heads.last() {
            Some(last) if last.part + 1 < last.parts => {
                Err(damaged(kind.to_owned(), "the last parts are missing"))
            }
            _ => Ok(heads),
        }
    }

    /// Whether a commit's changes still count: older ones are in every bucket that they touched.
    const fn is_in_ring(&self, seq: u64) -> bool {
        seq.saturating_add(RING) > self.head.seq
    }

    /// Each commit's changes name the changes before them, so a missing record shows.
    fn check_chain(&self, order: &[(PartHead, (u64, u64), &[u8])]) -> Result<(), RestoreError> {
        let mut wanted = self.head.changes_seq;
        for (head, ..) in order.iter().rev().filter(|(head, ..)| head.part == 0) {
            if head.seq == wanted {
                wanted = head.previous;
            }
        }
        if wanted == 0 || !self.is_in_ring(wanted) {
            return Ok(());
        }
        Err(damaged(format!("changes/{}/0", wanted % RING), format!("that of commit {wanted} is missing")))
    }

    /// Puts the entries of a part back: of changes, those that are newer than the bucket or the blocks.
    fn read_entries(&mut self, bytes: &[u8], changes: Option<(u64, &[u64])>) -> Result<(), WireError> {
        let (head, mut reader): (PartHead, Reader<'_>) = read_part(bytes)?;
        let fold = &mut self.fold;
        while let Some(entry) = read_entry(&mut reader, head.base, self.names)? {
            let key = match &entry {
                Entry::Contact(key, _) | Entry::Agent(key, _) => Some(*key),
                Entry::Fingerprints(..) => None,
            };
            if let (Some(key), Some((seq, as_of))) = (key, changes) {
                let bucket = bucket_of(key);
                if seq <= as_of[bucket] {
                    continue;
                }
                self.log.stale[bucket] = true;
            }
            match entry {
                Entry::Contact(key, contact) => replace(&mut fold.contacts, key, contact),
                Entry::Agent(key, agent) => replace(&mut fold.agents, key, agent),
                Entry::Fingerprints(serial, fingerprints) if head.seq > self.head.held => {
                    let oldest = self.head.generations.first().map_or(0, |oldest| oldest.serial);
                    let generation = self.head.generations.iter().find(|known| known.serial == serial);
                    let Some(generation) = generation else { continue };
                    for fingerprint in fingerprints {
                        if fold.dedup.remember(serial, fingerprint) {
                            self.log.blocks.restore_loose(*generation, fingerprint, oldest);
                        }
                    }
                }
                Entry::Fingerprints(..) => {}
            }
        }
        Ok(())
    }
}

fn check_head(config: &FoldConfig, offset: i64, bytes: &[u8]) -> Result<Head, RestoreError> {
    let unreadable = |error: WireError| damaged("head".to_owned(), error);
    let (format, values, reader) = read_layout(bytes).map_err(unreadable)?;
    if format != STATE_FORMAT {
        return Err(RestoreError::Format { found: format });
    }
    for ((name, asked), found) in layout_of(config).into_iter().zip(values) {
        if found != asked {
            return Err(RestoreError::Layout { name, found, asked });
        }
    }
    let head = read_head(reader).map_err(unreadable)?;
    if head.to != offset && !fault::is_off(Guard::HeadEqualsOffset) {
        return Err(RestoreError::Offset { state: head.to, committed: offset });
    }
    expect("shards", u64::from(config.shards), head.shard_seqs.len())?;
    Ok(head)
}

/// Sets timers and levels of now as the entities say.
fn wind_up(fold: &mut Fold) {
    let Fold { config, places, sink, now, timers, contacts, agents, .. } = fold;
    for key in contacts.keys_in_order() {
        let Some(contact) = contacts.get_mut(key) else { continue };
        if let Some(visit) = &contact.visit {
            let threshold_ms = places.threshold_ms(contact.channel, &visit.dims);
            let risk_horizon_ms = config.risk_horizon_ms[usize::from(contact.channel.number())];
            now.visit_began(&visit.dims, key, visit.queued, (threshold_ms, risk_horizon_ms));
        }
        if let Response::Awaiting { since, dims, in_level: true } = &contact.response {
            now.response_due(dims, key, *since);
        }
        let life = Life { config, places: &mut *places, sink: &mut *sink, now: &mut *now, key, agent_key: 0 };
        contact.scheduled = life.due(contact);
        timers.push(contact.scheduled, Entity::Contact(key));
    }
    for key in agents.keys_in_order() {
        let Some(agent) = agents.get_mut(key) else { continue };
        agent.scheduled = agent.due(config);
        timers.push(agent.scheduled, Entity::Agent(key));
    }
}

fn replace<T>(entities: &mut Buckets<T>, key: u64, entity: Option<Box<T>>) {
    match entity {
        Some(entity) => _ = entities.put(key, *entity),
        None => _ = entities.remove(key),
    }
}

fn expect(what: &'static str, said: u64, found: usize) -> Result<(), RestoreError> {
    let found = found as u64;
    if said == found { Ok(()) } else { Err(RestoreError::Incomplete { what, said, found }) }
}

fn damaged(key: String, reason: impl ToString) -> RestoreError {
    RestoreError::Damaged { key, reason: reason.to_string() }
}
