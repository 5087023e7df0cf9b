//! OpenMetrics text with timestamps: what `promtool tsdb create-blocks-from openmetrics` reads.
//!
//! Names, labels and bounds are those of /metrics, so that history and what is scraped are the same series. It knows
//! the form and never which values there are.

use crate::kpi::exposed::{Family, FamilyKind, SeriesValue};
use crate::time::EventMs;
use std::fmt::Write as _;
use std::io::{self, Write};

/// The last line.
pub const END: &str = "# EOF\n";

/// Writes what precedes the series of a family.
pub fn write_family(family: &Family, out: &mut dyn Write) -> io::Result<()> {
    let (name, kind) = match family.kind {
        // A counter's family is named without the end of its samples' name.
        FamilyKind::Counter => (family.name.strip_suffix("_total").unwrap_or(family.name), "counter"),
        FamilyKind::Gauge => (family.name, "gauge"),
        FamilyKind::Histogram => (family.name, "histogram"),
    };
    writeln!(out, "# HELP {name} {}\n# TYPE {name} {kind}", escaped(family.help))
}

/// One series, ready to be written moment by moment.
pub struct SeriesText {
    /// What stands before the number of a counter or gauge; of a histogram, of its sum and of its count.
    plain: [String; 2],
    /// What stands before the numbers of a histogram's buckets, `+Inf` last.
    buckets: Vec<String>,
    line: String,
}

impl SeriesText {
    /// A series of a family; `labels` are in their order, `bounds` those of a histogram.
    pub fn new(family: &Family, labels: &[(&'static str, String)], bounds: &[f64]) -> SeriesText {
        let name = family.name;
        let is_histogram = family.kind == FamilyKind::Histogram;
        let [first, second] = if is_histogram { ["_sum", "_count"] } else { ["", ""] };
        let bucket = |bound: &str| start(&format!("{name}_bucket"), labels, Some(bound));
        let buckets = bounds.iter().map(|bound| bucket(&number(*bound)));
        SeriesText {
            plain: [first, second].map(|end| start(&format!("{name}{end}"), labels, None)),
            buckets: if is_histogram { buckets.chain([bucket("+Inf")]).collect() } else { Vec::new() },
            line: String::new(),
        }
    }

    /// Writes the lines of one moment; returns how many.
    pub fn write(&mut self, at: EventMs, value: &SeriesValue, out: &mut dyn Write) -> io::Result<u64> {
        let at = seconds(at);
        self.line.clear();
        let [first, second] = &self.plain;
        let mut add = |start: &str, value: &str| {
            // Writing to a string cannot fail.
            let _always_ok = writeln!(self.line, "{start}{value} {at}");
        };
        let lines = match value {
            SeriesValue::Number(value) => {
                add(first, &number(*value));
                1
            }
            SeriesValue::Histogram { buckets, sum, count } => {
                for (start, (_, cumulative)) in self.buckets.iter().zip(buckets) {
                    add(start, &cumulative.to_string());
                }
                if let Some(start) = self.buckets.last() {
                    add(start, &count.to_string());
                }
                add(second, &count.to_string());
                add(first, &number(*sum));
                buckets.len() as u64 + 3
            }
        };
        out.write_all(self.line.as_bytes())?;
        Ok(lines)
    }
}

fn start(name: &str, labels: &[(&'static str, String)], bound: Option<&str>) -> String {
    let labels = labels.iter().map(|(label, value)| (*label, value.as_str()));
    let pairs = labels.chain(bound.map(|bound| ("le", bound)));
    let pairs: Vec<String> = pairs.map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
    if pairs.is_empty() { format!("{name} ") } else { format!("{name}{{{}}} ", pairs.join(",")) }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"")
}

fn number(value: f64) -> String {
    if value == f64::INFINITY {
        "+Inf".to_owned()
    } else if value == f64::NEG_INFINITY {
        "-Inf".to_owned()
    } else {
        value.to_string()
    }
}

fn seconds(at: EventMs) -> String {
    let (whole, rest_ms) = (at.0.div_euclid(1_000), at.0.rem_euclid(1_000));
    if rest_ms == 0 { whole.to_string() } else { format!("{whole}.{rest_ms:03}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::families::FAMILIES;
    use std::collections::BTreeSet;

    fn text(kind: FamilyKind, name: &'static str, value: &SeriesValue, bounds: &[f64]) -> String {
        let family = Family { name, help: "a \"b\" \\ c", kind };
        let mut out = Vec::new();
        write_family(&family, &mut out).unwrap();
        let labels = [("tenant", "ac\"me".to_owned())];
        let mut series = SeriesText::new(&family, &labels, bounds);
        let lines = series.write(EventMs(1_767_605_415_250), value, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(lines, text.lines().count() as u64 - 2);
        text
    }

    #[test]
    fn a_counter_is_named_without_total_and_its_samples_with_it() {
        let found = text(FamilyKind::Counter, "calls_total", &SeriesValue::Number(5.0), &[]);
        let wanted = "# HELP calls a \\\"b\\\" \\\\ c\n# TYPE calls counter\n\
                      calls_total{tenant=\"ac\\\"me\"} 5 1767605415.250\n";
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_histogram_is_written_point_by_point() {
        let value = SeriesValue::Histogram { buckets: Box::new([(0.5, 1), (10.0, 3)]), sum: 21.5, count: 4 };
        let found = text(FamilyKind::Histogram, "wait_seconds", &value, &[0.5, 10.0]);
        let lines: Vec<&str> = found.lines().skip(2).map(|line| line.split(' ').next().unwrap()).collect();
        let labels = "{tenant=\"ac\\\"me\"}";
        let bucket = |bound: &str| format!("wait_seconds_bucket{{tenant=\"ac\\\"me\",le=\"{bound}\"}}");
        let plain = |end: &str| format!("wait_seconds_{end}{labels}");
        assert_eq!(lines, [bucket("0.5"), bucket("10"), bucket("+Inf"), plain("count"), plain("sum")]);
        assert!(found.contains("+Inf\"} 4 ") && found.contains("_sum{tenant=\"ac\\\"me\"} 21.5 "), "{found}");
    }

    #[test]
    fn families_have_names_of_their_own_without_total_too() {
        let names: BTreeSet<&str> =
            FAMILIES.iter().map(|family| family.name.strip_suffix("_total").unwrap_or(family.name)).collect();
        assert_eq!(names.len(), FAMILIES.len());
    }
}
