//! Mergeable aggregates, and the batch that carries them from fold to merge.
//!
//! Everything here merges: associative, commutative, with an empty element. Only this room knows the HDR library.

pub mod aggregate;
pub mod batch;
pub mod cells;
pub mod delta;
pub mod distribution;
pub mod ids;
pub mod store;
pub mod totals;
pub mod wire;
