//! The memory of ids seen: keyed 64-bit fingerprints in four generations of stream time.
//!
//! A generation spans a third of the horizon, so an id is remembered for the horizon at least. The
//! number of ids is bounded: a full generation is closed early and the oldest goes, which shortens the
//! horizon in effect and is counted.

use crate::time::{EventMs, Millis};
use std::collections::VecDeque;

const GENERATIONS: usize = 4;

/// Open addressing over non-zero fingerprints, at most half full.
#[derive(Clone, Debug, Default)]
struct FingerprintSet {
    slots: Vec<u64>,
    len: usize,
}

impl FingerprintSet {
    fn contains(&self, fingerprint: u64) -> bool {
        if self.slots.is_empty() {
            return false;
        }
        let mask = self.slots.len() - 1;
        let mut at = fingerprint as usize & mask;
        loop {
            match self.slots[at] {
                0 => return false,
                found if found == fingerprint => return true,
                _ => at = (at + 1) & mask,
            }
        }
    }

    fn insert(&mut self, fingerprint: u64) {
        if (self.len + 1) * 2 > self.slots.len() {
            let mut grown = FingerprintSet { slots: vec![0; (self.slots.len() * 2).max(1_024)], len: 0 };
            self.slots.iter().filter(|slot| **slot != 0).for_each(|slot| grown.place(*slot));
            *self = grown;
        }
        self.place(fingerprint);
    }

    fn place(&mut self, fingerprint: u64) {
        let mask = self.slots.len() - 1;
        let mut at = fingerprint as usize & mask;
        while self.slots[at] != 0 {
            at = (at + 1) & mask;
        }
        self.slots[at] = fingerprint;
        self.len += 1;
    }
}

/// A generation of the memory: its number over the partition's life, and the stream time at which it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GenerationId {
    /// Grows by 1 with each generation.
    pub serial: u64,
    /// Stream time of its first fingerprint.
    pub began: EventMs,
}

#[derive(Clone, Debug)]
struct Generation {
    id: GenerationId,
    span: i64,
    seen: FingerprintSet,
}

/// The memory of ids seen in one input partition.
#[derive(Clone, Debug)]
pub struct Dedup {
    span_ms: Millis,
    generation_max: usize,
    generations: VecDeque<Generation>,
    /// Generations closed before their time because they were full.
    pub closed_early: u64,
}

impl Dedup {
    /// A memory for `horizon_ms` of event time and at most `max_ids` ids.
    #[must_use]
    pub fn new(horizon_ms: Millis, max_ids: usize) -> Dedup {
        Dedup {
            span_ms: (horizon_ms / 3).max(1),
            generation_max: (max_ids / GENERATIONS).max(1),
            generations: VecDeque::new(),
            closed_early: 0,
        }
    }

    /// Whether the fingerprint was seen within the memory.
    #[must_use]
    pub fn contains(&self, fingerprint: u64) -> bool {
        self.generations.iter().rev().any(|generation| generation.seen.contains(non_zero(fingerprint)))
    }

    /// Remembers a fingerprint that was not seen, at the partition's stream time.
    pub fn insert(&mut self, fingerprint: u64, stream_time: EventMs) {
        let span = stream_time.0.div_euclid(self.span_ms);
        let open_new = match self.generations.back() {
            None => true,
            Some(newest) if span > newest.span => true,
            Some(newest) if newest.seen.len >= self.generation_max => {
                self.closed_early += 1;
                true
            }
            Some(_) => false,
        };
        if open_new {
            let span = self.generations.back().map_or(span, |newest| newest.span.max(span));
            let serial = self.newest().map_or(1, |newest| newest.serial + 1);
            let id = GenerationId { serial, began: stream_time };
            self.generations.push_back(Generation { id, span, seen: FingerprintSet::default() });
            let oldest_kept = span - GENERATIONS as i64;
            while self.generations.len() > GENERATIONS
                || self.generations.front().is_some_and(|oldest| oldest.span <= oldest_kept)
            {
                self.generations.pop_front();
            }
        }
        if let Some(newest) = self.generations.back_mut() {
            newest.seen.insert(non_zero(fingerprint));
        }
    }

    /// How many ids are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.generations.iter().map(|generation| generation.seen.len).sum()
    }

    /// Whether no id is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.generations.is_empty()
    }

    /// How far back ids are remembered now, milliseconds of event time.
    #[must_use]
    pub fn horizon_ms(&self, stream_time: EventMs) -> Millis {
        self.generations.front().map_or(0, |oldest| stream_time.since(oldest.id.began))
    }

    /// The newest generation. State records are cut along it.
    #[must_use]
    pub fn newest(&self) -> Option<GenerationId> {
        self.generations.back().map(|generation| generation.id)
    }

    /// The generations remembered, oldest first.
    pub fn generations(&self) -> impl Iterator<Item = GenerationId> {
        self.generations.iter().map(|generation| generation.id)
    }

    /// Puts a generation back, empty; generations come in the order of their making.
    pub fn restore(&mut self, id: GenerationId) {
        let span = id.began.0.div_euclid(self.span_ms);
        self.generations.push_back(Generation { id, span, seen: FingerprintSet::default() });
    }

    /// Puts a fingerprint back into its generation. Whether that is remembered and did not have it.
    pub fn remember(&mut self, serial: u64, fingerprint: u64) -> bool {
        let found = self.generations.iter_mut().find(|generation| generation.id.serial == serial);
        let Some(generation) = found else { return false };
        let fingerprint = non_zero(fingerprint);
        let new = !generation.seen.contains(fingerprint);
        if new {
            generation.seen.insert(fingerprint);
        }
        new
    }
}

/// 0 marks an empty slot, so the one fingerprint that is 0 counts as 1.
const fn non_zero(fingerprint: u64) -> u64 {
    if fingerprint == 0 { 1 } else { fingerprint }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_remembered_for_the_horizon_and_forgotten_a_third_later() {
        let mut dedup = Dedup::new(600_000, 1_000);
        dedup.insert(7, EventMs(0));
        for minute in 1..=10 {
            dedup.insert(100 + minute, EventMs(minute as i64 * 60_000));
            assert!(dedup.contains(7), "minute {minute}");
        }
        dedup.insert(0, EventMs(800_000));
        assert!(!dedup.contains(7));
        assert!(dedup.contains(0));
    }

    #[test]
    fn a_full_generation_pushes_out_the_oldest_and_is_counted() {
        let mut dedup = Dedup::new(600_000, 40);
        (1..=60).for_each(|id| dedup.insert(id, EventMs(0)));
        assert_eq!(dedup.len(), 40);
        assert_eq!(dedup.closed_early, 5);
        assert!(!dedup.contains(1));
        assert!(dedup.contains(60));
    }

    #[test]
    fn what_is_restored_is_remembered_alike() {
        let mut dedup = Dedup::new(600_000, 1_000);
        (1..500).for_each(|id| dedup.insert(id, EventMs(1_000)));
        let newest = dedup.newest().unwrap();
        let mut restored = Dedup::new(600_000, 1_000);
        restored.restore(newest);
        (1..500).for_each(|id| assert!(restored.remember(newest.serial, id)));
        assert!(!restored.remember(newest.serial, 7));
        assert!(!restored.remember(newest.serial + 1, 777));
        assert_eq!((restored.len(), restored.newest()), (dedup.len(), dedup.newest()));
    }
}
