//! The segment file of a partition: its batches, and how one is made such that a client cannot decode it.
//!
//! A broker hands out what stands in its log and does not look at it again, so that bytes changed in place are what
//! consumers get. Must never know what records mean.

use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;

/// Bytes of a batch before its records.
const HEADER: usize = 61;
/// Where the checksum stands; it covers everything after it.
const CHECKSUM_AT: usize = 17;
/// Where the low byte of the attributes stands: the codec is in its three lowest bits.
const CODEC_AT: usize = 22;
/// Where the difference of the last to the first offset stands.
const LAST_DELTA_AT: usize = 23;

/// A batch in the file.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Its first offset.
    pub first: i64,
    /// Its last offset.
    pub last: i64,
    path: PathBuf,
    at: u64,
    bytes: Vec<u8>,
}

/// What is done to a batch.
#[derive(Clone, Copy, Debug)]
pub enum Harm {
    /// A byte of a record is changed: the checksum is wrong.
    Checksum,
    /// The records are said to be compressed with this codec, and are not; the checksum is right.
    Codec(u8),
    /// The records are no records; the checksum is right.
    Records,
}

/// The batches of a segment file, in order.
pub fn batches(path: &std::path::Path) -> Vec<Batch> {
    let file = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut batches = Vec::new();
    let mut at = 0;
    while at + HEADER <= file.len() {
        let first = i64::from_be_bytes(file[at..at + 8].try_into().unwrap());
        let length = i32::from_be_bytes(file[at + 8..at + 12].try_into().unwrap());
        let end = at + 12 + usize::try_from(length).unwrap();
        let bytes = file[at..end].to_vec();
        let delta = i32::from_be_bytes(bytes[LAST_DELTA_AT..LAST_DELTA_AT + 4].try_into().unwrap());
        batches.push(Batch {
            first,
            last: first + i64::from(delta),
            path: path.to_owned(),
            at: at as u64,
            bytes,
        });
        at = end;
    }
    batches
}

impl Batch {
    /// Changes the batch in its file.
    pub fn spoil(mut self, harm: Harm) {
        match harm {
            Harm::Checksum => *self.bytes.last_mut().unwrap() ^= 0x55,
            Harm::Codec(codec) => self.bytes[CODEC_AT] = (self.bytes[CODEC_AT] & !7) | codec,
            Harm::Records => self.bytes[HEADER..].fill(0xff),
        }
        if !matches!(harm, Harm::Checksum) {
            let sum = crc32c(&self.bytes[CHECKSUM_AT + 4..]);
            self.bytes[CHECKSUM_AT..CHECKSUM_AT + 4].copy_from_slice(&sum.to_be_bytes());
        }
        let mut file = OpenOptions::new().write(true).open(&self.path).unwrap();
        file.seek(SeekFrom::Start(self.at)).unwrap();
        file.write_all(&self.bytes).unwrap();
    }
}

/// The checksum of batches (Castagnoli), bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _: u32| if sum & 1 == 1 { (sum >> 1) ^ 0x82f6_3b78 } else { sum >> 1 };
    !bytes.iter().fold(u32::MAX, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_known_one() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }
}
