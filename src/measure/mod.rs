//! Mergeable aggregates, and the batch that carries them from fold to merge.
//!
//! Everything here merges: associative, commutative, with an empty element. Only this room knows the HDR form; its tests hold
//! it to the library.
//!
//! From small to large: `cells` are the bins of an HDR histogram, a `distribution` is one duration with exact sums beside its
//! cells, an `aggregate` all sums of one group in one window. A `delta` is what one commit adds to them, `packed` one
//! that is kept; a `batch` carries deltas; `totals` are the counters for Prometheus; `store` and `wire` are the bytes,
//! `ordinals` the places in them.

pub mod aggregate;
pub mod batch;
pub mod cells;
pub mod delta;
pub mod distribution;
pub mod ids;
pub mod ordinals;
pub mod packed;
pub mod store;
pub mod totals;
pub mod wire;
