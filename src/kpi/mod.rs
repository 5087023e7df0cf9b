//! KPIs: the catalogue, formulas, targets, grouping sets, the published record and the metric families.
//!
//! Read [`catalog`] first: every name that leaves the program stands there with its definition. The room computes
//! from sums that it is given; it must never know where they came from, or read a clock.

pub mod catalog;
pub mod expose;
pub mod exposed;
pub mod facts;
pub mod families;
pub mod figure;
pub mod groups;
mod json;
pub mod print;
pub mod record;
mod record_levels;
pub mod rules;
pub mod service_level;
pub mod targets;
mod window_families;
