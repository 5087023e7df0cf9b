//! What /metrics shows of a group: families and values, made by merge, rendered by http.
//!
//! A family is a row of [`super::families::FAMILIES`]; a series names it by its place there. There are a hundred series a
//! queue, so that they are kept small and share their labels.

use std::sync::Arc;

/// A label: name and value.
pub type Label = (&'static str, String);

/// The type of a metric family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FamilyKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Cumulative classic buckets.
    Histogram,
}

/// A metric family: every name and help stands in one table.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Full name, base unit last.
    pub name: &'static str,
    /// Begins with the KPI's name and says which clock it follows.
    pub help: &'static str,
    /// Counter, gauge or histogram.
    pub kind: FamilyKind,
}

/// A value of a series.
#[derive(Clone, Debug, PartialEq)]
pub enum SeriesValue {
    /// Of a counter or gauge.
    Number(f64),
    /// Of a histogram.
    Histogram {
        /// Upper bounds (base unit) and cumulative counts, ascending, without +Inf.
        buckets: Box<[(f64, u64)]>,
        /// Sum of all values, base unit.
        sum: f64,
        /// Number of values.
        count: u64,
    },
}

/// One series of a group, beside the group's own labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Place in the table of families.
    pub family: usize,
    /// Labels beyond the group's, such as `window` or `q`.
    pub labels: Arc<[Label]>,
    /// The value.
    pub value: SeriesValue,
}

/// All series of one group; replaces what was exposed for the group before.
#[derive(Clone, Debug, PartialEq)]
pub struct Exposed {
    /// The group within its shard: stable for the life of the shard on this copy.
    pub group: u32,
    /// The group's labels, such as `tenant`, `channel`, `queue`.
    pub labels: Vec<Label>,
    /// Its series; empty: the group is exposed no more.
    pub series: Vec<Series>,
}
