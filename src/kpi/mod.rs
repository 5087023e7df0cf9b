//! KPIs: the catalogue, formulas, targets, grouping sets, and the published record.
pub mod exposed;
pub mod families;
pub mod groups;
pub mod rules;
pub mod targets;
