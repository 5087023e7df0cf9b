//! `[[thresholds]]`: thresholds and formulas of the service level by tenant, channel and queue.
//!
//! They are added to the shipped ones; one of the same scope takes the shipped one's place. The most specific
//! holds.

use super::fields::{Fields, Section};
use super::kinds::{Optional, Scalar, Word};
use super::lists::{repeated, scope_fields, scope_key};
use super::problem::{Path, Problems};
use super::tree::{Content, Node};
use crate::kpi::rules::{Formula, Rules, Scope, Thresholds, shipped_thresholds};
use crate::time::{DAY_MS, Millis};
use serde_json::Value as Json;

/// Most rows taken.
pub(super) const THRESHOLDS_MAX: usize = 10_000;
/// Longest threshold, milliseconds.
const THRESHOLD_MS_MAX: Millis = 90 * DAY_MS;

/// One row as written.
#[derive(Clone, Debug, Default)]
pub(super) struct ThresholdRow {
    scope: Scope,
    /// `Some(None)` is the word none: explicitly no threshold.
    #[expect(clippy::option_option, reason = "not written, none, and a number are three things")]
    threshold_ms: Option<Option<Millis>>,
    formula: Option<Formula>,
}

impl ThresholdRow {
    /// Tenant and queue, where both are named.
    pub(super) fn named_queue(&self) -> Option<(&str, &str)> {
        Some((self.scope.tenant.as_deref()?, self.scope.queue.as_deref()?))
    }

    /// The tenant, where it is named.
    pub(super) fn named_tenant(&self) -> Option<&str> {
        self.scope.tenant.as_deref()
    }
}

impl Section for ThresholdRow {
    fn fields(&mut self, fields: &mut impl Fields) {
        scope_fields(&mut self.scope, fields);
        fields.value("seconds", &mut self.threshold_ms, Optional(Seconds));
        fields.value(
            "formula",
            &mut self.formula,
            Optional(Word { all: &Formula::ALL, name: Formula::name }),
        );
    }

    fn check(&self, path: &Path, problems: &mut Problems<'_>) {
        if self.threshold_ms.is_none() && self.formula.is_none() {
            problems.add(&path.key("seconds"), "is missing; set seconds, or formula, or both");
        }
    }
}

/// What holds over all rows.
pub(super) fn check(rows: &[ThresholdRow], path: &Path, problems: &mut Problems<'_>) {
    repeated(rows, path, "", problems, |row| Some(scope_key(&row.scope)));
}

/// The shipped rows with those written in their places or after them.
pub(super) fn combine(written: &[ThresholdRow]) -> Vec<ThresholdRow> {
    let shipped = shipped_thresholds();
    let mut rows: Vec<ThresholdRow> = shipped
        .iter()
        .map(|(scope, threshold_ms)| ThresholdRow {
            scope: scope.clone(),
            threshold_ms: Some(*threshold_ms),
            formula: None,
        })
        .collect();
    for row in written {
        match rows.iter_mut().take(shipped.iter().count()).find(|known| known.scope == row.scope) {
            // A row that sets only a formula leaves the shipped threshold.
            Some(known) => {
                known.threshold_ms = row.threshold_ms.or(known.threshold_ms);
                known.formula = row.formula;
            }
            None => rows.push(row.clone()),
        }
    }
    rows
}

/// The thresholds of combined rows.
pub(super) fn thresholds(rows: &[ThresholdRow]) -> Thresholds {
    let rule = |row: &ThresholdRow| Some((row.scope.clone(), row.threshold_ms?));
    Rules::new(rows.iter().filter_map(rule).collect())
}

/// The formulas of combined rows.
pub(super) fn formulas(rows: &[ThresholdRow]) -> Rules<Formula> {
    let rule = |row: &ThresholdRow| Some((row.scope.clone(), row.formula?));
    Rules::new(rows.iter().filter_map(rule).collect())
}

/// A threshold in seconds with up to three decimals, or the word none.
#[derive(Clone, Copy)]
struct Seconds;

impl Scalar<Option<Millis>> for Seconds {
    fn parse(&self, node: &Node) -> Result<Option<Millis>, String> {
        let ms = match &node.content {
            Content::Text(text) if text == "none" => return Ok(None),
            Content::Integer(seconds) => seconds.checked_mul(1_000),
            // Bounded first, so that the conversion is exact enough and cannot overflow.
            #[expect(clippy::cast_possible_truncation, reason = "bounded to 90 days by the guard")]
            Content::Float(seconds) if seconds.abs() < 1e9 => Some((seconds * 1_000.0).round() as Millis),
            _ => None,
        };
        ms.filter(|ms| (1..=THRESHOLD_MS_MAX).contains(ms))
            .map(Some)
            .ok_or_else(|| "is not a number of seconds above 0 and up to 90 days, nor \"none\"".to_owned())
    }

    fn print(&self, value: &Option<Millis>) -> Option<Json> {
        Some(match value {
            None => Json::from("none"),
            Some(ms) if ms % 1_000 == 0 => Json::from(ms / 1_000),
            #[expect(clippy::cast_precision_loss, reason = "at most 90 days in milliseconds")]
            Some(ms) => Json::from(*ms as f64 / 1_000.0),
        })
    }
}
