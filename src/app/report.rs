//! Summaries on standard error: what became of the records of a run.

use crate::pipeline::StageReport;
use std::io::Write;

/// Prints what became of the records of a replay; `written` says what was written.
pub fn summary(report: &StageReport, open_contacts: usize, blank: u64, written: &str) {
    let mut text = String::new();
    let total: u64 = report.results.iter().map(|row| row.2).sum();
    text.push_str(&format!("{total} events read\n"));
    for (result, reason, count) in &report.results {
        if *count > 0 || *result == "folded" {
            let name = if reason.is_empty() { (*result).to_owned() } else { format!("{result} ({reason})") };
            text.push_str(&format!("  {name}: {count}\n"));
        }
    }
    if blank > 0 {
        text.push_str(&format!("  {blank} blank lines passed over\n"));
    }
    let figure = |name: &str| report.figures.iter().find(|row| row.0 == name).map_or(0, |row| row.1);
    text.push_str(&format!("{open_contacts} contacts still open at the end"));
    if figure("expired") > 0 {
        text.push_str(&format!(", {} expired without an end", figure("expired")));
    }
    text.push_str(&format!("\n{written} written\n"));
    // A closed standard error is no reason to fail.
    let _ = std::io::stderr().write_all(text.as_bytes());
}
