//! `replay`: the pipeline over a file, without Kafka.

use super::cli::{OutputFormat, ReplayArgs};
use super::history::{History, HistoryLimits};
use super::lines::Lines;
use super::looks::Looks;
use super::{Failure, report, rows, settings, span_ms, wall_now};
use crate::event::{Limits, decode};
use crate::kpi::groups::{Dimension, GroupSet};
use crate::merge::MergeConfig;
use crate::pipeline::memory::{Memory, Output};
use crate::pipeline::{DeadLetter, KpiRecord, Record, Stop};
use crate::settings::Settings;
use crate::time::WallMs;
use crate::time::window::{SLICE_MS, Window, WindowKind};
use crate::time::{DAY_MS, MINUTE_MS, Millis, SECOND_MS};
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
/// Windows of records where none is asked for.
const WINDOWS: [&str; 2] = ["15m", "day"];
/// Event time between two samples of openmetrics where nothing is asked for, and its bounds.
const STEP: &str = "15s";
const STEP_MIN_MS: Millis = SECOND_MS;
const STEP_MAX_MS: Millis = 5 * MINUTE_MS;
/// Bytes of a history that stay in memory.
const KEPT_BYTES_MAX: usize = 64 << 20;

/// Replays a file.
pub fn replay(args: &ReplayArgs) -> Result<(), Failure> {
    let settings = settings(&args.config)?;
    refuse_same_files(args)?;
    let (fold, merge) = configs(&settings, args)?;
    let limits = Limits { max_record_bytes: fold.max_record_bytes };
    let sink = Sink::open(args, &merge)?;
    let mut replay = Replay {
        looks: looks(args, &settings)?,
        wall: wall_now(),
        future_ms: fold.max_future_skew_ms,
        limits,
        memory: Memory::new(&Arc::new(fold), &merge, TOPIC, 1),
        sink,
    };
    let mut lines = Lines::open(&args.input)?;
    let bar = progress(&lines);
    if args.sort {
        for (fed, (number, line)) in (1..).zip(sorted_lines(&mut lines, limits)?) {
            replay.feed((fed, number), &line)?;
        }
    } else {
        let (mut line, mut fed) = (Vec::new(), 0);
        while lines.next_into(&mut line)? {
            fed += 1;
            replay.feed((fed, lines.number), &line)?;
            bar.set_position(lines.position());
        }
    }
    bar.finish_and_clear();
    replay.end(lines.blank)
}

/// The looks of openmetrics; none for records.
fn looks(args: &ReplayArgs, settings: &Settings) -> Result<Option<Looks>, Failure> {
    if args.output_format != OutputFormat::OpenMetrics {
        return match &args.step {
            Some(_) => Err(Failure::Usage("--step is of --output-format openmetrics only".to_owned())),
            None => Ok(None),
        };
    }
    let text = args.step.as_deref().unwrap_or(STEP);
    let step_ms = span_ms("--step", text)?;
    if !(STEP_MIN_MS..=STEP_MAX_MS).contains(&step_ms) {
        // Prometheus takes a series that says nothing for longer as gone.
        return Err(Failure::Usage(format!("--step {text:?} is not within 1s and 5m")));
    }
    let idle_after_ms = Millis::try_from(settings.time.idle_after_ms).unwrap_or(Millis::MAX);
    Ok(Some(Looks::new(step_ms, idle_after_ms)))
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

/// The pipeline that a file goes through, and where its output goes.
struct Replay {
    memory: Memory,
    sink: Sink,
    looks: Option<Looks>,
    wall: WallMs,
    future_ms: Millis,
    limits: Limits,
}

impl Replay {
    /// Feeds the line `number` of the file, the `fed`-th that is fed.
    fn feed(&mut self, (fed, number): (u64, u64), line: &[u8]) -> Result<(), Failure> {
        let offset = i64::try_from(number).unwrap_or(i64::MAX) - 1;
        let mut wall = self.wall;
        if let Some(looks) = &mut self.looks {
            let time = decode(line, &self.limits).ok().map(|event| event.time);
            // An event of the future is refused and moves no time.
            if let Some(time) = time.filter(|time| time.0 <= self.wall.0.saturating_add(self.future_ms)) {
                self.sink.look(|history, rest| looks.before(time, &mut self.memory, history, rest))?;
            }
            wall = looks.wall();
        }
        let sink = &mut self.sink;
        let record = Record { offset, appended: Some(self.wall), wall, key: None, value: Some(line) };
        self.memory.record(0, record, &mut |output| sink.take(output)).map_err(stopped)?;
        if fed.is_multiple_of(COMMIT_EVERY) {
            self.memory.commit(wall, &mut |output| sink.take(output)).map_err(stopped)?;
        }
        sink.check()
    }

    /// End of the file: what is still open is closed, and what is left is written.
    fn end(mut self, blank: u64) -> Result<(), Failure> {
        let open = self.memory.folds()[0].open_contacts();
        if let Some(looks) = &mut self.looks {
            self.sink.look(|history, rest| looks.last(&mut self.memory, history, rest))?;
        }
        let history = self.sink.history.take();
        let sink = &mut self.sink;
        self.memory.end(self.wall, &mut |output| sink.take(output)).map_err(stopped)?;
        let mut written = format!("{} KPI records", sink.records);
        if let Some((looks, history)) = self.looks.zip(history) {
            written = format!("{} samples of {} series", history.samples(), history.series());
            if history.duplicates() > 0 {
                written.push_str(&format!(" ({} duplicates left out)", history.duplicates()));
            }
            let bar =
                ProgressBar::new(history.series() as u64).with_style(style("{bar:40} {pos}/{len} series"));
            looks.write(history, &mut sink.output, || bar.inc(1))?;
            bar.finish_and_clear();
        }
        sink.close()?;
        report::summary(&self.memory.reports()[0], open, blank, &written);
        Ok(())
    }
}

fn stopped(stop: Stop) -> Failure {
    Failure::Run(stop.to_string())
}

/// Configuration of a replay: the windows asked for, finals only, agents on demand.
fn configs(
    settings: &Settings,
    args: &ReplayArgs,
) -> Result<(crate::fold::FoldConfig, MergeConfig), Failure> {
    let mut fold = settings.fold_config();
    let mut merge = settings.merge_config(Vec::new());
    let metrics = args.output_format == OutputFormat::OpenMetrics;
    let on_metrics = |kind: WindowKind| matches!(kind, WindowKind::Sliding { .. } | WindowKind::Day);
    let names: Vec<String> = match (args.window.as_slice(), metrics) {
        ([], false) => WINDOWS.map(str::to_owned).to_vec(),
        ([], true) => {
            let shown = merge.windows.iter().filter(|window| on_metrics(window.kind));
            shown.map(|window| window.name.clone()).collect()
        }
        (named, _) => named.to_vec(),
    };
    let mut windows = Vec::new();
    for name in &names {
        let known = merge.windows.iter().find(|window| window.name == *name).cloned();
        let window = known.or_else(|| length_window(name)).ok_or_else(|| {
            let names: Vec<&str> = merge.windows.iter().map(|window| window.name.as_str()).collect();
            Failure::Usage(format!(
                "--window {name:?}: not a window; there are {}, and any multiple of 10s up to 7d such as 30m",
                names.join(", ")
            ))
        })?;
        if metrics && !on_metrics(window.kind) {
            return Err(Failure::Usage(format!(
                "--window {name:?}: /metrics has no such window, only sliding ones and days"
            )));
        }
        if !metrics && matches!(window.kind, WindowKind::Sliding { .. }) {
            return Err(Failure::Usage(format!("--window {name:?}: a sliding window has no final records")));
        }
        if !windows.contains(&window) {
            windows.push(window);
        }
    }
    merge.windows = windows;
    merge.live_rate = 0;
    merge.hdr = args.hdr;
    if !(args.agents || metrics && merge.expose_agents) {
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
    bar.with_style(style("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} eta {eta}"))
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Where records and rejected events go; the first error of writing is kept.
struct Sink {
    records: u64,
    format: OutputFormat,
    /// What openmetrics will be written from.
    history: Option<History>,
    output: Box<dyn Write>,
    rejects: Option<Box<dyn Write>>,
    failed: Option<io::Error>,
}

impl Sink {
    fn open(args: &ReplayArgs, merge: &MergeConfig) -> Result<Sink, Failure> {
        let mut output = create(&args.output)?;
        if args.output_format == OutputFormat::Csv {
            writeln!(output, "{}", rows::HEADER).map_err(|error| Failure::run("write the output", error))?;
        }
        let rejects = args.rejects.as_deref().map(create).transpose()?;
        let limits = HistoryLimits {
            samples_max: args.max_samples,
            series_max: merge.max_series * merge.shards as usize,
            kept_bytes_max: KEPT_BYTES_MAX,
        };
        let format = args.output_format;
        let history = (format == OutputFormat::OpenMetrics).then(|| History::new(limits));
        Ok(Sink { records: 0, format, history, output, rejects, failed: None })
    }

    /// Looks with the history in hand; what else the pipeline gives is taken as ever.
    fn look(
        &mut self,
        look: impl FnOnce(&mut History, &mut dyn FnMut(Output)) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let Some(mut history) = self.history.take() else { return Ok(()) };
        let looked = look(&mut history, &mut |output| self.take(output));
        self.history = Some(history);
        looked
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
            Output::Exposed(shard, exposed) => {
                if let Some(history) = &mut self.history {
                    exposed.into_iter().for_each(|exposed| history.show(shard, exposed));
                }
                Ok(())
            }
        };
        if let Err(error) = written {
            self.failed.get_or_insert(error);
        }
    }

    fn write_record(&mut self, record: &KpiRecord) -> io::Result<()> {
        match self.format {
            OutputFormat::Ndjson => writeln!(self.output, "{}", record.value),
            OutputFormat::Csv => rows::write(&record.value, &mut self.output),
            OutputFormat::OpenMetrics => Ok(()),
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
