//! `check`: configuration, brokers, and samples of events.

use super::cli::CheckArgs;
use super::lines::Lines;
use super::run::kafka_config;
use super::{Failure, settings, wall_now};
use crate::event::{Event, Kind, Limits, decode};
use crate::kafka::check::inspect;
use crate::settings::Settings;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;

/// Series that one queue has on /metrics with the default families, about.
const SERIES_PER_QUEUE: usize = 80;
/// Examples printed of each problem.
const EXAMPLES: usize = 3;

/// Checks what was asked for; exit code 64 if anything is wrong.
pub fn check(args: &CheckArgs) -> Result<(), Failure> {
    let settings = settings(&args.config)?;
    let mut problems = 0;
    say(&format!("configuration: valid, config epoch {:016x}", settings.config_epoch()));
    say(&format!(
        "metrics: about {SERIES_PER_QUEUE} series a queue, at most {} a shard",
        settings.merge_config(Vec::new()).max_series
    ));
    if args.connect {
        problems += connect(&settings)?;
    }
    if let Some(path) = &args.events {
        problems += lint(path, &settings)?;
    }
    if problems == 0 { Ok(()) } else { Err(Failure::Usage(format!("{problems} problems found"))) }
}

fn connect(settings: &Settings) -> Result<usize, Failure> {
    let mut sample = Sample::default();
    let limits = Limits::default();
    let found = inspect(&kafka_config(settings), |value| sample.take(value.unwrap_or_default(), limits))
        .map_err(|error| Failure::Usage(error.to_string()))?;
    say(&format!("brokers: {}", found.brokers.join(", ")));
    for (topic, partitions) in &found.inputs {
        say(&format!("input {topic}: {partitions} partitions"));
    }
    say(&format!("own topics present: {}", found.present.len()));
    for topic in &found.missing {
        say(&format!("own topic missing: {topic}; run intraday topics create"));
    }
    for oddity in &found.oddities {
        say(oddity);
    }
    sample.print();
    Ok(found.missing.len() + sample.problems())
}

fn lint(path: &Path, settings: &Settings) -> Result<usize, Failure> {
    let mut lines = Lines::open(path)?;
    let limits = Limits { max_record_bytes: settings.fold_config().max_record_bytes };
    let mut sample = Sample::default();
    let mut line = Vec::new();
    while lines.next_into(&mut line)? {
        if !line.iter().all(u8::is_ascii_whitespace) {
            sample.take(&line, limits);
        }
    }
    sample.print();
    Ok(sample.problems())
}

/// What a sample of events shows.
#[derive(Default)]
struct Sample {
    read: usize,
    decoded: usize,
    types: BTreeMap<&'static str, usize>,
    rejected: BTreeMap<String, Vec<u64>>,
    /// Number of the line that is read, where the sample is a file.
    line: u64,
    unknown_types: usize,
    unknown_values: usize,
    without_channel: usize,
    duplicates: usize,
    ids: BTreeSet<(String, String)>,
    skew_ms: Option<(i64, i64)>,
}

impl Sample {
    /// Takes one record and names what it is.
    fn take(&mut self, value: &[u8], limits: Limits) -> String {
        self.read += 1;
        match decode(value, &limits) {
            Err(reject) => {
                let at = if self.line > 0 { self.line } else { self.read as u64 };
                self.rejected.entry(reject.to_string()).or_default().push(at);
                reject.reason().to_owned()
            }
            Ok(event) => {
                self.decoded += 1;
                self.look_at(&event);
                event.kind.type_name().to_owned()
            }
        }
    }

    fn look_at(&mut self, event: &Event<'_>) {
        *self.types.entry(event.kind.type_name()).or_default() += 1;
        self.unknown_types += usize::from(event.kind == Kind::Unknown);
        self.unknown_values += event.unknown_values as usize;
        let opens = matches!(event.kind, Kind::ContactCreated | Kind::ContactQueued { .. });
        self.without_channel += usize::from(opens && event.channel.is_none());
        if !self.ids.insert((event.source.to_string(), event.id.to_string())) {
            self.duplicates += 1;
        }
        let ahead_ms = event.time.0 - wall_now().0;
        let (least, most) = self.skew_ms.unwrap_or((ahead_ms, ahead_ms));
        self.skew_ms = Some((least.min(ahead_ms), most.max(ahead_ms)));
    }

    fn problems(&self) -> usize {
        self.rejected.len()
            + usize::from(self.unknown_types > 0)
            + usize::from(self.unknown_values > 0)
            + usize::from(self.without_channel > 0)
    }

    fn print(&self) {
        if self.read == 0 {
            say("events: none read");
            return;
        }
        let percent = self.decoded * 100 / self.read;
        say(&format!("events: {} read, {} decoded ({percent} %)", self.read, self.decoded));
        for (name, count) in &self.types {
            say(&format!("  {name}: {count}"));
        }
        for (reason, lines) in &self.rejected {
            let examples: Vec<String> = lines.iter().take(EXAMPLES).map(ToString::to_string).collect();
            say(&format!("  rejected, {}: {reason} (lines {})", lines.len(), examples.join(", ")));
        }
        for (count, text) in [
            (self.unknown_types, "events of a type that is not in the contract"),
            (self.unknown_values, "values that are not in their vocabulary; they count as other"),
            (self.without_channel, "contacts opened without a channel; they have no threshold"),
            (self.duplicates, "ids that occur twice; the second counts as duplicate"),
        ] {
            if count > 0 {
                say(&format!("  {count} {text}"));
            }
        }
        if let Some((least, most)) = self.skew_ms {
            say(&format!("  times from {} s to {} s against this clock", least / 1_000, most / 1_000));
        }
    }
}

fn say(text: &str) {
    // A closed standard output is no reason to fail: the exit code says what was found.
    let _ = writeln!(std::io::stdout(), "{text}");
}
