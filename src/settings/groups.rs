//! `[[groups]]`: by which dimensions totals are published. A list in the configuration replaces the shipped
//! one.

use super::fields::{Fields, Section};
use super::kinds::{List, Word};
use super::lists::repeated;
use super::problem::{Path, Problems};
use crate::kpi::groups::{Dimension, GroupSet};

/// Most grouping sets taken.
pub(super) const GROUPS_MAX: usize = 32;

/// One grouping set as written; the tenant is always part of it.
#[derive(Clone, Debug, Default)]
pub(super) struct GroupRow {
    dimensions: Vec<Dimension>,
}

impl GroupRow {
    pub(super) fn of(set: &GroupSet) -> GroupRow {
        GroupRow { dimensions: set.dimensions.clone() }
    }

    pub(super) fn resolve(&self) -> GroupSet {
        GroupSet::new(&self.dimensions)
    }
}

impl Section for GroupRow {
    fn fields(&mut self, fields: &mut impl Fields) {
        let dimension = Word { all: &Dimension::ALL, name: Dimension::name };
        fields.field("dimensions", &mut self.dimensions, List { item: dimension, items_max: Dimension::LEN });
    }
}

/// What holds over all sets.
pub(super) fn check(rows: &[GroupRow], path: &Path, problems: &mut Problems<'_>) {
    if rows.is_empty() {
        problems.add(path, "is empty; define at least one grouping set");
    }
    repeated(rows, path, "dimensions", problems, |row| Some(row.resolve().dimensions));
}
