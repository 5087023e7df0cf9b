//! `[[targets]]`: what KPIs are held to.
//!
//! They are added to the shipped ones; one of the same KPI and scope and without dates takes the shipped
//! one's place, and `enabled = false` removes it. Which KPIs exist is not known here.

use super::fields::{Fields, Section};
use super::kinds::{Band, Count, Date, Flag, Number, Optional, Text};
use super::lists::{missing, repeated, scope_fields, scope_key};
use super::problem::{Path, Problems};
use crate::kpi::rules::Scope;
use crate::kpi::targets::{Goal, Target, Targets};
use crate::time::EventMs;

/// Most rows taken.
pub(super) const TARGETS_MAX: usize = 10_000;

/// One target as written.
#[derive(Clone, Debug)]
pub(super) struct TargetRow {
    pub(super) kpi: String,
    scope: Scope,
    at_least: Option<f64>,
    at_most: Option<f64>,
    band: Option<(f64, f64)>,
    warn: Option<f64>,
    min_count: Option<i64>,
    from: Option<EventMs>,
    until: Option<EventMs>,
    baseline: Option<f64>,
    enabled: bool,
}

impl Default for TargetRow {
    fn default() -> Self {
        TargetRow {
            kpi: String::new(),
            scope: Scope::default(),
            at_least: None,
            at_most: None,
            band: None,
            warn: None,
            min_count: None,
            from: None,
            until: None,
            baseline: None,
            enabled: true,
        }
    }
}

impl TargetRow {
    fn of(target: &Target) -> TargetRow {
        let mut row = TargetRow {
            kpi: target.kpi.clone(),
            scope: target.scope.clone(),
            warn: target.warn,
            min_count: Some(target.min_count),
            from: target.from,
            until: target.until,
            baseline: target.baseline,
            ..TargetRow::default()
        };
        match target.goal {
            Goal::AtLeast(goal) => row.at_least = Some(goal),
            Goal::AtMost(goal) => row.at_most = Some(goal),
            Goal::Band(least, most) => row.band = Some((least, most)),
        }
        row
    }

    fn goal(&self) -> Option<Goal> {
        match (self.at_least, self.at_most, self.band) {
            (Some(goal), None, None) => Some(Goal::AtLeast(goal)),
            (None, Some(goal), None) => Some(Goal::AtMost(goal)),
            (None, None, Some((least, most))) => Some(Goal::Band(least, most)),
            _ => None,
        }
    }

    fn has_no_goal(&self) -> bool {
        self.at_least.is_none() && self.at_most.is_none() && self.band.is_none()
    }

    fn resolve(&self) -> Option<Target> {
        let goal = self.goal().filter(|_| self.enabled)?;
        Some(Target {
            scope: self.scope.clone(),
            warn: self.warn,
            min_count: self.min_count.unwrap_or(Target::new("", goal).min_count),
            from: self.from,
            until: self.until,
            baseline: self.baseline,
            ..Target::new(&self.kpi, goal)
        })
    }

    /// Whether it stands in the place of a shipped target.
    fn replaces(&self, shipped: &Target) -> bool {
        self.kpi == shipped.kpi && self.scope == shipped.scope && self.from.is_none() && self.until.is_none()
    }
}

impl Section for TargetRow {
    fn fields(&mut self, fields: &mut impl Fields) {
        fields.value("kpi", &mut self.kpi, Text { bytes_max: 128 });
        scope_fields(&mut self.scope, fields);
        fields.value("at_least", &mut self.at_least, Optional(Number));
        fields.value("at_most", &mut self.at_most, Optional(Number));
        fields.value("band", &mut self.band, Optional(Band));
        fields.value("warn", &mut self.warn, Optional(Number));
        fields.value("min_count", &mut self.min_count, Optional(Count { least: 0, most: 1_000_000_000 }));
        fields.value("from", &mut self.from, Optional(Date));
        fields.value("until", &mut self.until, Optional(Date));
        fields.value("baseline", &mut self.baseline, Optional(Number));
        fields.value("enabled", &mut self.enabled, Flag);
    }

    fn check(&self, path: &Path, problems: &mut Problems<'_>) {
        missing(&[("kpi", self.kpi.is_empty())], path, problems);
        let switches_off = !self.enabled && self.has_no_goal();
        if switches_off && !self.kpi.is_empty() {
            if !Targets::shipped().iter().any(|shipped| self.replaces(shipped)) {
                let text = "removes nothing: no shipped target has this kpi and scope; remove the row";
                problems.add(&path.key("enabled"), text);
            }
        } else if !switches_off && self.goal().is_none() {
            problems.add(&path.key("at_least"), "set exactly one of at_least, at_most and band");
        }
        let warn_is_wrong = match (self.goal(), self.warn) {
            (Some(Goal::AtLeast(goal)), Some(warn)) => warn > goal,
            (Some(Goal::AtMost(goal)), Some(warn)) => warn < goal,
            (Some(Goal::Band(..)), Some(warn)) => warn < 0.0,
            _ => false,
        };
        if warn_is_wrong {
            let text = "is on the wrong side: below at_least, above at_most, or how far outside a band";
            problems.add(&path.key("warn"), text);
        }
        if self.from.zip(self.until).is_some_and(|(from, until)| from > until) {
            problems.add(&path.key("until"), "is before from; swap them");
        }
    }
}

/// What holds over all rows.
pub(super) fn check(rows: &[TargetRow], path: &Path, problems: &mut Problems<'_>) {
    let identity = |row: &TargetRow| {
        Some((row.kpi.clone(), scope_key(&row.scope), row.from, row.until)).filter(|_| !row.kpi.is_empty())
    };
    repeated(rows, path, "", problems, identity);
}

/// The shipped rows with those written in their places or after them; rows switched off stay, to be printed.
pub(super) fn combine(written: &[TargetRow]) -> Vec<TargetRow> {
    let shipped = Targets::shipped();
    let place = |row: &TargetRow| shipped.iter().position(|target| row.replaces(target));
    let mut rows: Vec<TargetRow> = shipped.iter().map(TargetRow::of).collect();
    for row in written {
        match place(row) {
            // A shipped target's least count holds for what takes its place, unless another is written.
            Some(at) => {
                rows[at] = TargetRow { min_count: row.min_count.or(rows[at].min_count), ..row.clone() }
            }
            None => rows.push(row.clone()),
        }
    }
    rows
}

/// The targets of combined rows.
pub(super) fn targets(rows: &[TargetRow]) -> Targets {
    Targets::new(rows.iter().filter_map(TargetRow::resolve).collect())
}
