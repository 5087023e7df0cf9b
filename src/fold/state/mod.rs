//! What the fold keeps in its state topic, and how a partition comes back from it.
//!
//! A commit writes what it changed, one bucket of everything, and a head; see `log` for the records. The room
//! knows bytes and keys; it never knows who stores them.

pub mod buckets;
mod entity;
mod fields;
pub mod fingerprints;
mod head;
pub mod log;
mod names;
mod part;
pub mod restore;

pub use log::{Position, StateLog};
pub use restore::{RestoreError, Restored, restore};

/// A record of the state topic: its key, and its value or a tombstone.
pub type StateRecord = (Vec<u8>, Option<Vec<u8>>);

/// Buckets that entities fall into by their key; each commit writes at most one of them whole.
pub const BUCKETS: usize = 128;

/// Commits whose changes are kept: slots of the ring of changes.
pub const RING: u64 = 256;

/// A bucket is never older than a round of buckets, so its changes still lie in the ring.
const _: () = assert!(RING >= 2 * BUCKETS as u64);

/// Bytes at which a record of several entries is closed; the broker's limit is 1 MiB, the product's 768 KiB.
pub const PART_BYTES: usize = 512 * 1024;
