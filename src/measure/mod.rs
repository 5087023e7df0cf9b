//! Mergeable aggregates, and the batch that carries them from fold to merge.
//!
//! Everything here merges: associative, commutative, with an empty element. Only this room knows the HDR library.
//!
//! From small to large: `cells` are the bins of an HDR histogram, a `distribution` is one duration with exact sums beside its
//! cells, an `aggregate` all sums of one group in one window. A `delta` is what one commit adds to them, a `batch` carries
//! deltas; `totals` are the counters for Prometheus; `store` and `wire` are the bytes.

pub mod aggregate;
pub mod batch;
pub mod cells;
pub mod delta;
pub mod distribution;
pub mod ids;
pub mod store;
pub mod totals;
pub mod wire;
