//! `replay`: the pipeline over a file, without Kafka.

use super::cli::{OutputFormat, ReplayArgs};
use super::lines::Lines;
use super::{Failure, report, rows, settings, wall_now};
use crate::event::{Limits, decode};
use crate::kpi::groups::{Dimension, GroupSet};
use crate::merge::MergeConfig;
use crate::pipeline::memory::{Memory, Output};
use crate::pipeline::{DeadLetter, KpiRecord, Record};
use crate::settings::Settings;
use crate::time::WallMs;
use crate::time::window::{SLICE_MS, Window, WindowKind};
use crate::time::{DAY_MS, Millis};
use base64::prelude::{BASE64_STANDARD, Engine};
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

const TOPIC: &str = "file";
/// The longest window that can be named by its length.
const LENGTH_MAX_MS: Millis = 7 * DAY_MS;
/// Events between two commits at most, so that results flow and memory stays small.
const COMMIT_EVERY: u64 = 20_000;

/// Replays a file.
pub fn replay(args: &ReplayArgs) -> Result<(), Failure> {
    let settings = settings(&args.config)?;
    refuse_same_files(args)?;
    let (fold, merge) = configs(&settings, args)?;
    let limits = Limits { max_record_bytes: fold.max_record_bytes };
    let mut memory = Memory::new(&Arc::new(fold), &merge, TOPIC, 1);
    let wall = wall_now();
    let mut lines = Lines::open(&args.input)?;
    let mut sink = Sink::open(args)?;
    let bar = progress(&lines);
    if args.sort {
        for (fed, (number, line)) in (1..).zip(sorted_lines(&mut lines, limits)?) {
            feed(&mut memory, (fed, number), &line, wall, &mut sink)?;
        }
    } else {
        let (mut line, mut fed) = (Vec::new(), 0);
        while lines.next_into(&mut line)? {
            fed += 1;
            feed(&mut memory, (fed, lines.number), &line, wall, &mut sink)?;
            bar.set_position(lines.position());
        }
    }
    let open = memory.folds()[0].open_contacts();
    memory.end(wall, &mut |output| sink.take(output)).map_err(|stop| Failure::Run(stop.to_string()))?;
    bar.finish_and_clear();
    sink.close()?;
    report::summary(&memory.reports()[0], open, lines.blank, sink.records);
    Ok(())
}

/// No output may be the input or another output: opening it would empty it.
fn refuse_same_files(args: &ReplayArgs) -> Result<(), Failure> {
    let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let outputs = [Some(args.output.as_path()), args.rejects.as_deref()];
    let mut seen = vec![real(&args.input)];
    for path in outputs.into_iter().flatten().filter(|path| path.as_os_str() != "-") {
        let path = real(path);
        if seen.contains(&path) {
            let name = path.display();
            return Err(Failure::Usage(format!(
                "{name}: named twice; input, output and rejects are three files"
            )));
        }
        seen.push(path);
    }
    Ok(())
}

/// Feeds the line `number` of the file, the `fed`-th that is fed.
fn feed(
    memory: &mut Memory,
    (fed, number): (u64, u64),
    line: &[u8],
    wall: WallMs,
    sink: &mut Sink,
) -> Result<(), Failure> {
    let offset = i64::try_from(number).unwrap_or(i64::MAX) - 1;
    let record = Record { offset, appended: None, wall, key: None, value: Some(line) };
    let stopped = |stop: crate::pipeline::Stop| Failure::Run(stop.to_string());
    memory.record(0, record, &mut |output| sink.take(output)).map_err(stopped)?;
    if fed.is_multiple_of(COMMIT_EVERY) {
        memory.commit(wall, &mut |output| sink.take(output)).map_err(stopped)?;
    }
    sink.check()
}

/// Configuration of a replay: the windows asked for, finals only, agents on demand.
fn configs(
    settings: &Settings,
    args: &ReplayArgs,
) -> Result<(crate::fold::FoldConfig, MergeConfig), Failure> {
    let mut fold = settings.fold_config();
    let mut merge = settings.merge_config(Vec::new());
    let mut windows = Vec::new();
    for name in &args.window {
        let known = merge.windows.iter().find(|window| window.name == *name).cloned();
        let window = known.or_else(|| length_window(name)).ok_or_else(|| {
            let names: Vec<&str> = merge.windows.iter().map(|window| window.name.as_str()).collect();
            Failure::Usage(format!(
                "--window {name:?}: not a window; there are {}, and any multiple of 10s up to 7d such as 30m",
                names.join(", ")
            ))
        })?;
        if matches!(window.kind, WindowKind::Sliding { .. }) {
            return Err(Failure::Usage(format!("--window {name:?}: a sliding window has no final records")));
        }
        if !windows.contains(&window) {
            windows.push(window);
        }
    }
    merge.windows = windows;
    merge.live_rate = 0;
    merge.hdr = args.hdr;
    if !args.agents {
        let sets: Vec<GroupSet> =
            merge.sets.iter().filter(|set| !set.has(Dimension::Agent)).cloned().collect();
        merge.sets.clone_from(&sets);
        fold.sets = sets;
    }
    Ok((fold, merge))
}

/// A tumbling window named by its length, such as `30m`, where the configuration has none of that name.
fn length_window(name: &str) -> Option<Window> {
    let length_ms = crate::settings::parse_span(name).ok()?;
    let whole = length_ms % SLICE_MS == 0 && (SLICE_MS..=LENGTH_MAX_MS).contains(&length_ms);
    whole.then(|| Window { name: name.to_owned(), kind: WindowKind::Tumbling { length_ms }, pace_ms: 1_000 })
}

/// All lines with their numbers, in the order of their events' time; those without a readable time come first.
fn sorted_lines(lines: &mut Lines, limits: Limits) -> Result<Vec<(u64, Vec<u8>)>, Failure> {
    let mut all: Vec<(Option<i64>, u64, Vec<u8>)> = Vec::new();
    let mut line = Vec::new();
    while lines.next_into(&mut line)? {
        let time = decode(&line, &limits).ok().map(|event| event.time.0);
        all.push((time, lines.number, line.clone()));
    }
    all.sort_by_key(|(time, _, _)| *time);
    Ok(all.into_iter().map(|(_, number, line)| (number, line)).collect())
}

fn progress(lines: &Lines) -> ProgressBar {
    // indicatif draws nothing where standard error is no terminal.
    let bar = match lines.size {
        Some(size) => ProgressBar::new(size),
        None => ProgressBar::no_length(),
    };
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} eta {eta}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Where records and rejected events go; the first error of writing is kept.
struct Sink {
    records: u64,
    format: OutputFormat,
    output: Box<dyn Write>,
    rejects: Option<Box<dyn Write>>,
    failed: Option<io::Error>,
}

impl Sink {
    fn open(args: &ReplayArgs) -> Result<Sink, Failure> {
        let mut output = create(&args.output)?;
        if args.output_format == OutputFormat::Csv {
            writeln!(output, "{}", rows::HEADER).map_err(|error| Failure::run("write the output", error))?;
        }
        let rejects = args.rejects.as_deref().map(create).transpose()?;
        Ok(Sink { records: 0, format: args.output_format, output, rejects, failed: None })
    }

    fn take(&mut self, output: Output) {
        let written = match output {
            Output::Kpi(record) => {
                self.records += 1;
                self.write_record(&record)
            }
            Output::DeadLetter(_, letter) => match &mut self.rejects {
                Some(rejects) => {
                    writeln!(rejects, "{}", reject_line(&letter))
                }
                None => Ok(()),
            },
        };
        if let Err(error) = written {
            self.failed.get_or_insert(error);
        }
    }

    fn write_record(&mut self, record: &KpiRecord) -> io::Result<()> {
        match self.format {
            OutputFormat::Ndjson => writeln!(self.output, "{}", record.value),
            OutputFormat::Csv => rows::write(&record.value, &mut self.output),
        }
    }

    fn check(&mut self) -> Result<(), Failure> {
        match self.failed.take() {
            Some(error) => Err(Failure::run("write the output", error)),
            None => Ok(()),
        }
    }

    fn close(&mut self) -> Result<(), Failure> {
        self.check()?;
        let flushed = self.output.flush().and_then(|()| self.rejects.as_mut().map_or(Ok(()), Write::flush));
        flushed.map_err(|error| Failure::run("write the output", error))
    }
}

/// A refused line: its text, or its bytes in base64 where they are no text.
fn reject_line(letter: &DeadLetter) -> serde_json::Value {
    let mut line = serde_json::json!({
        "line": letter.offset + 1,
        "reason": letter.reason,
        "detail": letter.detail,
    });
    let value = letter.value.as_deref().unwrap_or_default();
    match std::str::from_utf8(value) {
        Ok(text) => line["value"] = text.into(),
        Err(_) => line["value_base64"] = BASE64_STANDARD.encode(value).into(),
    }
    line
}

fn create(path: &Path) -> Result<Box<dyn Write>, Failure> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(BufWriter::with_capacity(1 << 18, io::stdout())));
    }
    let file = File::create(path).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
    Ok(Box::new(BufWriter::with_capacity(1 << 18, file)))
}
