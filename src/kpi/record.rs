//! The published KPI record and its key: one JSON object for a group and a window, keys in a fixed order.
//!
//! What does not exist is absent. Everything but `status`, `revision`, `watermark`, `published_at` and levels of
//! now is a function of the facts. It must never know a topic, or when it is asked.

use super::catalog::{CATALOG, Groups, Row, RowKind, Unit};
use super::facts::Facts;
use super::figure::Figure;
use super::groups::{Dimension, GroupSet};
use super::json;
use super::service_level;
use super::targets::{Goal, Place, Target, Targets};
use crate::event::Channel;
use crate::measure::distribution::Distribution;
use crate::measure::ids::{Count, Tally};
use crate::time::window::{Pane, Window};
use crate::time::{EventMs, Millis, WallMs};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The form of the record, in its `schema` and in the header of the same name.
pub const SCHEMA: &str = "intraday.kpi.v1";

/// Counts that a record of contacts shows also at 0 once it shows anything of contacts.
const ALWAYS: [Count; 7] = [
    Count::ContactsOffered,
    Count::ContactsAnswered,
    Count::ContactsAbandoned,
    Count::ContactsShortAbandoned,
    Count::ContactsFlowedOut,
    Count::ContactsHandled,
    Count::ContactsCompleted,
];

/// What a record is made from.
#[derive(Clone, Copy, Debug)]
pub struct RecordInput<'a> {
    /// `live`, `final` or `corrected`.
    pub status: &'static str,
    /// Grows with each record of the group and window.
    pub revision: i64,
    /// The grouping set.
    pub set: &'a GroupSet,
    /// The values of the set's dimensions, the tenant first.
    pub values: &'a [&'a str],
    /// The window.
    pub window: &'a Window,
    /// Its place in time.
    pub pane: Pane,
    /// IANA name of the tenant's zone.
    pub timezone: &'a str,
    /// The least watermark; `None` before the first event of some source.
    pub watermark: Option<EventMs>,
    /// When the record was made.
    pub published: WallMs,
    /// The sums.
    pub facts: &'a Facts<'a>,
    /// Targets of all groups.
    pub targets: &'a Targets,
    /// Whether distributions carry their HDR form.
    pub hdr: bool,
    /// Of a sliding window: all panes share one key.
    pub latest: bool,
    /// Why a final came before its time: `forced`.
    pub reason: Option<&'static str>,
}

impl RecordInput<'_> {
    /// The record's key.
    #[must_use]
    pub fn key(&self) -> String {
        let start = (!self.latest).then_some(self.pane.start);
        render_key(self.set, self.values, &self.window.name, start)
    }
}

/// Appends the record to `out`.
pub fn render(input: &RecordInput<'_>, out: &mut String) {
    out.reserve(4_096);
    write_head(input, out);
    out.push_str(",\"counts\":{");
    write_counts(input.facts, out);
    out.push_str("},\"kpis\":{");
    write_kpis(input, out);
    out.push_str("},\"durations\":{");
    write_durations(input, out);
    out.push_str("},\"levels\":{");
    super::record_levels::write_levels(input.facts, out);
    out.push_str("}}");
}

/// The key of a record: a JSON array of tenant, set, the values after the tenant, window name and start; no start is
/// `latest`.
#[must_use]
pub fn render_key(set: &GroupSet, values: &[&str], window_name: &str, start: Option<EventMs>) -> String {
    let mut out = String::with_capacity(96);
    out.push('[');
    json::string(&mut out, values.first().copied().unwrap_or(""));
    out.push_str(",\"");
    write_set(set, &mut out);
    out.push_str("\",[");
    for (at, value) in values.iter().skip(1).enumerate() {
        if at > 0 {
            out.push(',');
        }
        json::string(&mut out, value);
    }
    out.push_str("],");
    json::string(&mut out, window_name);
    out.push(',');
    match start {
        Some(start) => json::time(&mut out, start.0),
        None => out.push_str("\"latest\""),
    }
    out.push(']');
    out
}

/// Where the targets of a group are looked for.
#[must_use]
pub fn place_of<'a>(set: &GroupSet, values: &[&'a str]) -> Place<'a> {
    let value = |dimension| {
        let at = set.dimensions.iter().position(|of| *of == dimension)?;
        values.get(at).copied()
    };
    (
        value(Dimension::Tenant).unwrap_or(""),
        value(Dimension::Channel).and_then(Channel::parse),
        value(Dimension::Queue).unwrap_or(""),
    )
}

fn write_head(input: &RecordInput<'_>, out: &mut String) {
    out.push_str("{\"schema\":\"");
    out.push_str(SCHEMA);
    out.push_str("\",\"status\":\"");
    out.push_str(input.status);
    out.push_str("\",\"revision\":");
    json::integer(out, input.revision);
    if let Some(reason) = input.reason {
        out.push_str(",\"reason\":\"");
        out.push_str(reason);
        out.push('"');
    }
    out.push_str(",\"group_set\":\"");
    write_set(input.set, out);
    out.push_str("\",\"group\":{");
    for (at, (dimension, value)) in input.set.dimensions.iter().zip(input.values).enumerate() {
        name(dimension.name(), at == 0, out);
        json::string(out, value);
    }
    out.push_str("},\"window\":{\"name\":");
    json::string(out, &input.window.name);
    out.push_str(",\"kind\":\"");
    out.push_str(input.window.kind.name());
    out.push_str("\",\"attribution\":\"event\",\"start\":");
    json::time(out, input.pane.start.0);
    out.push_str(",\"end\":");
    json::time(out, input.pane.end.0);
    out.push_str(",\"start_ms\":");
    json::integer(out, input.pane.start.0);
    out.push_str(",\"end_ms\":");
    json::integer(out, input.pane.end.0);
    out.push_str(",\"timezone\":");
    json::string(out, input.timezone);
    out.push('}');
    if let Some(watermark) = input.watermark {
        out.push_str(",\"watermark\":");
        json::time(out, watermark.0);
    }
    out.push_str(",\"published_at\":");
    json::time(out, input.published.0);
}

fn write_set(set: &GroupSet, out: &mut String) {
    for (at, dimension) in set.dimensions.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        out.push_str(dimension.name());
    }
}

/// A key of an object, with the comma before it unless it is the first.
pub(super) fn name(key: &str, first: bool, out: &mut String) {
    out.push_str(if first { "\"" } else { ",\"" });
    out.push_str(key);
    out.push_str("\":");
}

pub(super) fn rows<'a>(facts: &'a Facts<'_>) -> impl Iterator<Item = &'static Row> + 'a {
    CATALOG.iter().filter(|row| row.groups.hold(facts))
}

fn write_counts(facts: &Facts<'_>, out: &mut String) {
    let has_contacts = Groups::Contacts.hold(facts) && facts.aggregate.has_counts();
    let is_judged = service_level::is_judged(facts);
    let mut first = true;
    for row in rows(facts) {
        let (value, even_zero) = match row.kind {
            RowKind::Count(count) => (facts.count(count), has_contacts && ALWAYS.contains(&count)),
            RowKind::Tally(tally) => (facts.tally(tally), tally == Tally::AnsweredWithin && is_judged),
            _ => continue,
        };
        if value != 0 || even_zero {
            name(row.name, first, out);
            json::integer(out, value);
            first = false;
        }
    }
}

fn write_kpis(input: &RecordInput<'_>, out: &mut String) {
    let place = place_of(input.set, input.values);
    let mut first = true;
    for row in rows(input.facts) {
        let Some(figure) = row.compute.and_then(|compute| compute(input.facts)) else { continue };
        name(row.name, first, out);
        first = false;
        write_figure(row.unit, figure, out);
        match row.name {
            "service_level" | "service_level_live" => {
                if let Some(threshold_ms) = input.facts.threshold_ms(&service_level::TALLIES) {
                    out.push_str(",\"formula\":\"");
                    out.push_str(input.facts.formula.name());
                    out.push('"');
                    write_threshold(threshold_ms, out);
                }
            }
            "first_response_within_target" => {
                let tallies = [Tally::FirstResponseWithin, Tally::FirstResponseBeyond];
                if let Some(threshold_ms) = input.facts.threshold_ms(&tallies) {
                    write_threshold(threshold_ms, out);
                }
            }
            _ => {}
        }
        if let Some(target) = input.targets.find(row.name, place, input.pane.start) {
            write_target(target, figure, out);
        }
        out.push('}');
    }
}

/// The object of a figure, left open.
fn write_figure(unit: Unit, figure: Figure, out: &mut String) {
    out.push_str("{\"value\":");
    match figure.mean_ms() {
        Some(mean_ms) => json::seconds(out, mean_ms),
        None => json::float(out, figure.value()),
    }
    out.push_str(",\"numerator\":");
    json::amount(out, figure.numerator);
    out.push_str(",\"denominator\":");
    json::amount(out, figure.denominator);
    out.push_str(",\"unit\":\"");
    out.push_str(unit.name());
    out.push('"');
}

fn write_threshold(threshold_ms: Millis, out: &mut String) {
    out.push_str(",\"threshold_seconds\":");
    json::seconds(out, threshold_ms);
}

fn write_target(target: &Target, figure: Figure, out: &mut String) {
    out.push_str(",\"target\":{");
    match target.goal {
        Goal::AtLeast(least) => {
            out.push_str("\"at_least\":");
            json::float(out, least);
        }
        Goal::AtMost(most) => {
            out.push_str("\"at_most\":");
            json::float(out, most);
        }
        Goal::Band(least, most) => {
            out.push_str("\"band\":[");
            json::float(out, least);
            out.push(',');
            json::float(out, most);
            out.push(']');
        }
    }
    if let Some(warn) = target.warn {
        out.push_str(",\"warn\":");
        json::float(out, warn);
    }
    out.push_str("},\"status\":\"");
    out.push_str(target.status(Some(figure.value()), figure.cases()).name());
    out.push('"');
    if let Some(progress) = target.progress(figure.value()) {
        out.push_str(",\"progress\":");
        json::float(out, progress);
    }
}

fn write_durations(input: &RecordInput<'_>, out: &mut String) {
    let mut first = true;
    for row in rows(input.facts) {
        let RowKind::Duration(spans) = row.kind else { continue };
        let Some(values) = input.facts.union(spans) else { continue };
        name(row.name, first, out);
        first = false;
        write_distribution(&values, out);
        if input.hdr {
            write_hdr(&values, out);
        }
        out.push('}');
    }
}

/// The object of a distribution, left open.
fn write_distribution(values: &Distribution, out: &mut String) {
    out.push_str("{\"unit\":\"seconds\",\"count\":");
    json::integer(out, i64::try_from(values.count).unwrap_or(i64::MAX));
    let quantiles_ms = values.quantiles_ms([500, 900, 950, 990]).unwrap_or_default();
    let [p50, p90, p95, p99] = quantiles_ms;
    for (key, value_ms) in [
        (",\"sum\":", values.sum_ms),
        (",\"min\":", values.min_ms),
        (",\"max\":", values.max_ms),
        (",\"p50\":", p50),
        (",\"p90\":", p90),
        (",\"p95\":", p95),
        (",\"p99\":", p99),
    ] {
        out.push_str(key);
        json::seconds(out, value_ms);
    }
}

fn write_hdr(values: &Distribution, out: &mut String) {
    out.push_str(",\"hdr_ms\":\"");
    STANDARD.encode_string(values.hdr_v2(), out);
    out.push('"');
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
