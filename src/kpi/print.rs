//! The catalogue as text and as JSON: KPIs, event types and metric families, printed from their tables.
//!
//! It must never say anything that does not stand in a table.

use super::catalog::{CATALOG, Row};
use super::exposed::FamilyKind;
use super::families::FAMILIES;
use crate::event::TYPES;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The catalogue in Markdown: a table of KPIs with their definitions, one of event types, one of metric families.
#[must_use]
pub fn catalog_markdown() -> String {
    let mut out = String::with_capacity(64 * 1_024);
    out.push_str("# KPI catalogue\n\n## KPIs\n\n");
    table(
        &mut out,
        &[
            "name",
            "kind",
            "unit",
            "tells",
            "computed as",
            "counts at",
            "events",
            "groups",
            "windows",
            "metric",
            "source",
        ],
        CATALOG.iter().map(columns),
    );
    out.push_str("\n## Event types\n\n");
    table(
        &mut out,
        &["type", "says"],
        TYPES.iter().map(|row| vec![format!("`{}`", row.name), row.meaning.to_owned()]),
    );
    out.push_str("\n## Metric families\n\n");
    table(
        &mut out,
        &["name", "type", "help"],
        FAMILIES.iter().map(|family| {
            vec![format!("`{}`", family.name), kind_name(family.kind).to_owned(), family.help.to_owned()]
        }),
    );
    out
}

/// The catalogue as JSON: `kpis`, `event_types`, `metric_families`; indented, with a final newline.
#[must_use]
pub fn catalog_json() -> String {
    let families = FAMILIES
        .iter()
        .map(|family| json!({"name": family.name, "type": kind_name(family.kind), "help": family.help}));
    let types = TYPES.iter().map(|row| json!({"type": row.name, "meaning": row.meaning}));
    let catalog = json!({
        "kpis": CATALOG.iter().map(row_json).collect::<Value>(),
        "event_types": types.collect::<Value>(),
        "metric_families": families.collect::<Value>(),
    });
    format!("{catalog:#}\n")
}

fn columns(row: &Row) -> Vec<String> {
    let words = [row.kind.name(), row.unit.name(), row.help, row.formula, row.counted_at];
    let mut columns = vec![format!("`{}`", row.name)];
    columns.extend(words.map(str::to_owned));
    columns.push(row.events.join(", "));
    columns.extend([row.groups.name(), row.windows.name()].map(str::to_owned));
    columns.push(row.family.map_or_else(String::new, |family| format!("`{family}`")));
    columns.push(row.source.to_owned());
    columns
}

fn row_json(row: &Row) -> Value {
    json!({
        "name": row.name,
        "kind": row.kind.name(),
        "unit": row.unit.name(),
        "help": row.help,
        "formula": row.formula,
        "source": row.source,
        "counted_at": row.counted_at,
        "events": row.events,
        "groups": row.groups.name(),
        "windows": row.windows.name(),
        "metric_family": row.family,
    })
}

const fn kind_name(kind: FamilyKind) -> &'static str {
    match kind {
        FamilyKind::Counter => "counter",
        FamilyKind::Gauge => "gauge",
        FamilyKind::Histogram => "histogram",
    }
}

fn table(out: &mut String, heads: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let _ = writeln!(out, "| {} |", heads.join(" | "));
    let _ = writeln!(out, "|{}", " --- |".repeat(heads.len()));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_markdown_has_a_line_for_every_row_of_every_table() {
        let text = catalog_markdown();
        let names = CATALOG.iter().map(|row| row.name).chain(TYPES.iter().map(|row| row.name));
        for name in names.chain(FAMILIES.iter().map(|family| family.name)) {
            assert_eq!(
                text.lines().filter(|line| line.starts_with(&format!("| `{name}` |"))).count(),
                1,
                "{name}"
            );
        }
        let columns = |line: &str| line.matches(" | ").count();
        let of_kpis = text.lines().find(|line| line.starts_with("| `abandon_rate`")).unwrap();
        assert_eq!(columns(of_kpis), 10);
    }

    #[test]
    fn the_json_reads_back_with_every_row() {
        let value: Value = serde_json::from_str(&catalog_json()).unwrap();
        assert_eq!(value["kpis"].as_array().unwrap().len(), CATALOG.len());
        assert_eq!(value["event_types"].as_array().unwrap().len(), TYPES.len());
        assert_eq!(value["metric_families"].as_array().unwrap().len(), FAMILIES.len());
        assert_eq!(value["kpis"][0]["name"], "contacts_created");
    }
}
