//! The deduplication memory in the state topic: blocks that are packed, and the log of what is new.
//!
//! New fingerprints travel with the changes; blocks follow. The block that grows is rewritten from time to time, so
//! that the ring of changes never forgets what no block holds. A slot is taken again once its generation is forgotten.

use super::part::{read_fingerprints, read_generation, write_fingerprints, write_generation};
use super::{RING, StateRecord};
use crate::fold::dedup::GenerationId;
use crate::measure::wire::{Reader, WireError, Writer};

/// Fingerprints of a block.
pub(super) const BLOCK_LEN: usize = 8_192;

/// Commits after which a block that grew is written though it is not full.
const FLUSH_EVERY: u64 = 200;

/// What no block holds lies in the ring of changes.
const _: () = assert!(FLUSH_EVERY < RING);

/// Fingerprints remembered since the last commit, by generation.
#[derive(Clone, Debug, Default)]
pub struct FingerprintLog {
    fingerprints: Vec<u64>,
    /// Generations, each with the place at which its fingerprints begin.
    runs: Vec<(GenerationId, usize)>,
}

impl FingerprintLog {
    /// A fingerprint was remembered in `generation`, the newest.
    pub fn push(&mut self, generation: Option<GenerationId>, fingerprint: u64) {
        let Some(generation) = generation else { return };
        if self.runs.last().is_none_or(|(last, _)| *last != generation) {
            self.runs.push((generation, self.fingerprints.len()));
        }
        self.fingerprints.push(fingerprint);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fingerprints.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fingerprints.is_empty()
    }

    /// The fingerprints of each generation, in order.
    pub(super) fn runs(&self) -> impl Iterator<Item = (GenerationId, &[u64])> {
        self.runs.iter().enumerate().map(|(at, (generation, begin))| {
            let end = self.runs.get(at + 1).map_or(self.fingerprints.len(), |next| next.1);
            (*generation, &self.fingerprints[*begin..end])
        })
    }

    pub(super) fn clear(&mut self) {
        self.fingerprints.clear();
        self.runs.clear();
    }
}

#[derive(Clone, Debug)]
struct OpenBlock {
    slot: usize,
    generation: GenerationId,
    fingerprints: Vec<u64>,
    /// Whether the topic has it as it is.
    written: bool,
}

/// The blocks on the topic.
#[derive(Clone, Debug, Default)]
pub(super) struct FingerprintBlocks {
    /// Per slot the serial of the generation whose block lies there.
    slots: Vec<u64>,
    open: Option<OpenBlock>,
    /// The last commit whose fingerprints all lie in blocks.
    pub(super) held: u64,
}

impl FingerprintBlocks {
    /// Takes in what the commit `seq` remembered; `oldest` is the oldest generation remembered.
    pub(super) fn take(&mut self, log: &FingerprintLog, seq: u64, oldest: u64, out: &mut Vec<StateRecord>) {
        for (generation, fingerprints) in log.runs() {
            for fingerprint in fingerprints {
                if self.add(generation, *fingerprint, oldest, out).fingerprints.len() >= BLOCK_LEN {
                    self.flush(out);
                    self.open = None;
                }
            }
        }
        if seq - self.held >= FLUSH_EVERY {
            self.flush(out);
        }
        if self.open.as_ref().is_none_or(|open| open.written) {
            self.held = seq;
        }
    }

    /// Adds a fingerprint to the open block; one of another generation is written and closed.
    fn add(
        &mut self,
        generation: GenerationId,
        fingerprint: u64,
        oldest: u64,
        out: &mut Vec<StateRecord>,
    ) -> &OpenBlock {
        if self.open.as_ref().is_some_and(|open| open.generation != generation) {
            self.flush(out);
            self.open = None;
        }
        let slots = &mut self.slots;
        let open = self.open.get_or_insert_with(|| {
            let slot = slots.iter().position(|serial| *serial < oldest).unwrap_or(slots.len());
            if slot == slots.len() {
                slots.push(generation.serial);
            }
            slots[slot] = generation.serial;
            let fingerprints = Vec::with_capacity(BLOCK_LEN);
            OpenBlock { slot, generation, fingerprints, written: false }
        });
        open.fingerprints.push(fingerprint);
        open.written = false;
        open
    }

    fn flush(&mut self, out: &mut Vec<StateRecord>) {
        let Some(open) = self.open.as_mut().filter(|open| !open.written) else { return };
        let mut record = Writer::with_capacity(open.fingerprints.len() * 8 + 32);
        write_generation(open.generation, &mut record);
        write_fingerprints(&open.fingerprints, &mut record);
        out.push((format!("fingerprints/{}", open.slot).into_bytes(), Some(record.into_bytes())));
        open.written = true;
    }

    /// Puts a block of the topic back; one of the newest generation that is not full stays open.
    pub(super) fn restore(&mut self, slot: usize, block: Block, newest: Option<GenerationId>) {
        let Block { generation, fingerprints } = block;
        if self.slots.len() <= slot {
            self.slots.resize(slot + 1, 0);
        }
        self.slots[slot] = generation.serial;
        if Some(generation) == newest && fingerprints.len() < BLOCK_LEN {
            self.open = Some(OpenBlock { slot, generation, fingerprints, written: true });
        }
    }

    /// Puts a fingerprint back that no block of the topic holds.
    pub(super) fn restore_loose(&mut self, generation: GenerationId, fingerprint: u64, oldest: u64) {
        // What is written here was written by the commit that is being read back.
        self.add(generation, fingerprint, oldest, &mut Vec::new());
    }
}

/// A block as it is read.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) generation: GenerationId,
    pub(super) fingerprints: Vec<u64>,
}

pub(super) fn read_block(bytes: &[u8]) -> Result<Block, WireError> {
    let mut reader = Reader::new(bytes);
    Ok(Block { generation: read_generation(&mut reader)?, fingerprints: read_fingerprints(&mut reader)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::EventMs;

    #[test]
    fn blocks_are_written_when_full_or_closed_or_old_and_slots_are_taken_again() {
        let mut blocks = FingerprintBlocks::default();
        let generation = |serial| Some(GenerationId { serial, began: EventMs(serial as i64) });
        let mut take = |seq: u64, serial: u64, count: u64, oldest: u64| {
            let mut log = FingerprintLog::default();
            (0..count).for_each(|at| log.push(generation(serial), seq * 1_000_000 + at));
            let mut out = Vec::new();
            blocks.take(&log, seq, oldest, &mut out);
            let keys: Vec<String> = out.into_iter().map(|(key, _)| String::from_utf8(key).unwrap()).collect();
            (keys.join(" "), blocks.held)
        };
        assert_eq!(take(1, 1, 10, 1), (String::new(), 0));
        assert_eq!(take(2, 1, 8_192, 1), ("fingerprints/0".to_owned(), 0));
        assert_eq!(take(200, 1, 0, 1), ("fingerprints/1".to_owned(), 200));
        assert_eq!(take(201, 1, 0, 1), (String::new(), 201));
        assert_eq!(take(202, 1, 1, 1), (String::new(), 201));
        assert_eq!(take(203, 2, 1, 1), ("fingerprints/1".to_owned(), 201));
        assert_eq!(take(204, 3, 8_192, 2), ("fingerprints/2 fingerprints/0".to_owned(), 204));
    }
}
