//! KPI records as flat rows: one count, KPI or duration each, for spreadsheets and SQL.

use serde_json::Value;
use std::io::{self, Write};

/// The columns.
pub const HEADER: &str = "tenant,group_set,channel,queue,team,agent_id,window,window_start,window_end,status,revision,\
                          kind,name,unit,value,numerator,denominator,count,sum,min,max,p50,p90,p95,p99,target_status";

/// Writes the rows of one record.
pub fn write(record: &str, out: &mut dyn Write) -> io::Result<()> {
    let record: Value = serde_json::from_str(record)?;
    let group = |name: &str| text(&record["group"][name]);
    let place = [
        group("tenant"),
        text(&record["group_set"]),
        group("channel"),
        group("queue"),
        group("team"),
        group("agent_id"),
        text(&record["window"]["name"]),
        text(&record["window"]["start"]),
        text(&record["window"]["end"]),
        text(&record["status"]),
        text(&record["revision"]),
    ]
    .join(",");
    for (name, value) in entries(&record["counts"]) {
        writeln!(out, "{place},count,{name},count,{},,,,,,,,,,,", text(value))?;
    }
    for (name, kpi) in entries(&record["kpis"]) {
        let part = |part: &str| text(&kpi[part]);
        let figures = [part("unit"), part("value"), part("numerator"), part("denominator")].join(",");
        writeln!(out, "{place},kpi,{name},{figures},,,,,,,,,{}", part("status"))?;
    }
    for (name, duration) in entries(&record["durations"]) {
        let parts =
            ["count", "sum", "min", "max", "p50", "p90", "p95", "p99"].map(|part| text(&duration[part]));
        writeln!(out, "{place},duration,{name},{},,,,{},", text(&duration["unit"]), parts.join(","))?;
    }
    for (name, level) in entries(&record["levels"]) {
        if level.is_object() {
            let (last, mean, max) = (text(&level["last"]), text(&level["mean"]), text(&level["max"]));
            writeln!(out, "{place},level,{name},count,{last},,,,{mean},,{max},,,,,")?;
        }
    }
    Ok(())
}

fn entries(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object.as_object().into_iter().flatten()
}

/// A field of a row; quoted where it needs to be.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(string) if string.contains([',', '"', '\n', '\r']) => {
            format!("\"{}\"", string.replace('"', "\"\""))
        }
        Value::String(string) => string.clone(),
        other => other.to_string(),
    }
}
