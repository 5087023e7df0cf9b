//! What /metrics would have shown, step by step: the series of a replay over time, kept small.
//!
//! Most series change seldom, so a column keeps runs of equal values. What all columns hold beyond a size goes to a
//! temporary file. It knows families by number; it never knows events or the text form.

use crate::http::labels::sanitised;
use crate::kpi::exposed::{Exposed, Series, SeriesValue};
use crate::measure::wire::{Reader, WireError, Writer};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::rc::Rc;

/// Label names and values.
pub type Labels = Vec<(&'static str, String)>;

/// What a history may hold.
#[derive(Clone, Copy, Debug)]
pub struct HistoryLimits {
    /// Lines of text that it may come to.
    pub samples_max: u64,
    /// Series.
    pub series_max: usize,
    /// Bytes of runs in memory; beyond it they go to a file.
    pub kept_bytes_max: usize,
}

/// Why a history cannot go on.
#[derive(Debug)]
pub enum HistoryError {
    /// More samples than allowed.
    Samples(u64),
    /// More series than allowed.
    Series(usize),
    /// The temporary file cannot be written or read.
    Spill(io::Error),
}

/// Series over steps.
#[derive(Debug)]
pub struct History {
    limits: HistoryLimits,
    /// The step that is being filled.
    step: u64,
    columns: Vec<Column>,
    places: BTreeMap<Rc<Key>, usize>,
    /// By shard and group: its columns, in the order in which they were shown.
    groups: BTreeMap<(u32, u32), Vec<usize>>,
    /// Lines that a step now comes to.
    lines: u64,
    samples: u64,
    duplicates: u64,
    overflow: bool,
    kept_bytes: usize,
    spill: Option<Spill>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    family: usize,
    labels: Labels,
}

/// One series.
#[derive(Debug)]
struct Column {
    key: Rc<Key>,
    /// Who shows it now; another who would is a duplicate.
    shown_by: Option<(u32, u32)>,
    /// The value now, and the step from which it holds.
    run: Option<(u64, SeriesValue)>,
    /// The step after the last that was written down.
    next: u64,
    runs: Writer,
    spilled: Vec<(u64, usize)>,
    bounds: Vec<f64>,
}

#[derive(Debug)]
struct Spill {
    file: File,
    bytes: u64,
}

impl History {
    /// An empty history, at step 0.
    pub fn new(limits: HistoryLimits) -> History {
        History {
            limits,
            step: 0,
            columns: Vec::new(),
            places: BTreeMap::new(),
            groups: BTreeMap::new(),
            lines: 0,
            samples: 0,
            duplicates: 0,
            overflow: false,
            kept_bytes: 0,
            spill: None,
        }
    }

    /// Takes what a group shows from this step on, in place of what it showed.
    pub fn show(&mut self, shard: u32, exposed: Exposed) {
        let group = (shard, exposed.group);
        let before = self.groups.remove(&group).unwrap_or_default();
        let mut own = exposed.labels;
        own.iter_mut().for_each(|(_, value)| *value = sanitised(value).into_owned());
        let mut now = Vec::with_capacity(exposed.series.len());
        for (at, series) in exposed.series.into_iter().enumerate() {
            let same = before.get(at).copied().filter(|id| self.columns[*id].is_of(&own, &series));
            let Some(id) = same.or_else(|| self.column(&own, &series)) else { continue };
            let column = &mut self.columns[id];
            if column.shown_by.is_some_and(|other| other != group) {
                self.duplicates += 1;
                continue;
            }
            column.shown_by = Some(group);
            if column.run.is_none() {
                self.lines += lines_of(&series.value);
            }
            self.kept_bytes += column.set(self.step, series.value);
            now.push(id);
        }
        if before != now {
            self.end_missing(&before, &now);
        }
        if !now.is_empty() {
            self.groups.insert(group, now);
        }
    }

    /// The step is over.
    pub fn step(&mut self) -> Result<(), HistoryError> {
        self.step += 1;
        self.samples = self.samples.saturating_add(self.lines);
        if self.samples > self.limits.samples_max {
            return Err(HistoryError::Samples(self.limits.samples_max));
        }
        if self.overflow {
            return Err(HistoryError::Series(self.limits.series_max));
        }
        if self.kept_bytes > self.limits.kept_bytes_max {
            self.spill().map_err(HistoryError::Spill)?;
        }
        Ok(())
    }

    /// Lines that all steps so far come to.
    pub const fn samples(&self) -> u64 {
        self.samples
    }

    /// Series that were shown at any time.
    pub fn series(&self) -> usize {
        self.columns.len()
    }

    /// Series left out, counted each time, because another group had the same name and labels.
    pub const fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// Hands over every series in the order of families, then labels: family, labels, bounds of a histogram, and each
    /// run as first step, number of steps and value.
    pub fn read(
        mut self,
        mut take: impl FnMut(usize, &Labels, &[f64], &[(u64, u64, SeriesValue)]) -> io::Result<()>,
    ) -> Result<(), HistoryError> {
        let mut bytes = Vec::new();
        for id in std::mem::take(&mut self.places).into_values() {
            let column = &mut self.columns[id];
            column.end(self.step);
            bytes.clear();
            for (at, length) in &column.spilled {
                let Some(spill) = &mut self.spill else { continue };
                spill.read(*at, *length, &mut bytes).map_err(HistoryError::Spill)?;
            }
            bytes.extend_from_slice(column.runs.as_slice());
            let runs = column.read(&bytes).map_err(|error| HistoryError::Spill(io::Error::other(error)))?;
            take(column.key.family, &column.key.labels, &column.bounds, &runs)
                .map_err(HistoryError::Spill)?;
        }
        Ok(())
    }

    /// The column of a series, made where there is none; none beyond the limit.
    fn column(&mut self, own: &[(&'static str, String)], series: &Series) -> Option<usize> {
        let labels = own.iter().chain(series.labels.iter()).cloned().collect();
        let key = Rc::new(Key { family: series.family, labels });
        if let Some(id) = self.places.get(&key) {
            return Some(*id);
        }
        if self.columns.len() >= self.limits.series_max {
            self.overflow = true;
            return None;
        }
        let id = self.columns.len();
        self.places.insert(Rc::clone(&key), id);
        let (runs, spilled, bounds) = (Writer::default(), Vec::new(), Vec::new());
        self.columns.push(Column { key, shown_by: None, run: None, next: 0, runs, spilled, bounds });
        Some(id)
    }

    /// Ends those of `before` that are not in `now`.
    fn end_missing(&mut self, before: &[usize], now: &[usize]) {
        let shown: std::collections::BTreeSet<&usize> = now.iter().collect();
        for id in before.iter().filter(|id| !shown.contains(id)) {
            let column = &mut self.columns[*id];
            column.shown_by = None;
            self.lines -= column.run.as_ref().map_or(0, |(_, value)| lines_of(value));
            self.kept_bytes += column.end(self.step);
        }
    }

    fn spill(&mut self) -> io::Result<()> {
        let spill = match &mut self.spill {
            Some(spill) => spill,
            none => none.insert(Spill { file: tempfile::tempfile()?, bytes: 0 }),
        };
        for column in self.columns.iter_mut().filter(|column| !column.runs.is_empty()) {
            column.spilled.push((spill.bytes, column.runs.len()));
            spill.append(column.runs.as_slice())?;
            column.runs.clear();
        }
        self.kept_bytes = 0;
        Ok(())
    }
}

impl Column {
    fn is_of(&self, own: &[(&'static str, String)], series: &Series) -> bool {
        self.key.family == series.family
            && self.key.labels.len() == own.len() + series.labels.len()
            && self.key.labels.iter().eq(own.iter().chain(series.labels.iter()))
    }

    /// From `step` on it has this value; returns the bytes that this cost.
    fn set(&mut self, step: u64, value: SeriesValue) -> usize {
        if self.run.as_ref().is_some_and(|(_, now)| *now == value) {
            return 0;
        }
        let cost = self.end(step);
        if let (SeriesValue::Histogram { buckets, .. }, true) = (&value, self.bounds.is_empty()) {
            self.bounds = buckets.iter().map(|(bound, _)| *bound).collect();
        }
        self.run = Some((step, value));
        cost
    }

    /// From `step` on it has no value; returns the bytes that this cost.
    fn end(&mut self, step: u64) -> usize {
        let Some((from, value)) = self.run.take().filter(|(from, _)| *from < step) else { return 0 };
        let before = self.runs.len();
        self.runs.unsigned(from - self.next);
        self.runs.unsigned(step - from);
        self.next = step;
        match value {
            SeriesValue::Number(number) => self.runs.fixed(number.to_bits()),
            SeriesValue::Histogram { buckets, sum, count } => {
                self.runs.fixed(sum.to_bits());
                self.runs.unsigned(count);
                buckets.iter().for_each(|(_, cumulative)| self.runs.unsigned(*cumulative));
            }
        }
        self.runs.len() - before
    }

    fn read(&self, bytes: &[u8]) -> Result<Vec<(u64, u64, SeriesValue)>, WireError> {
        let (mut reader, mut next, mut runs) = (Reader::new(bytes), 0, Vec::new());
        while !reader.at_end() {
            let from = next + reader.unsigned()?;
            let steps = reader.unsigned()?;
            let number = f64::from_bits(reader.fixed()?);
            let value = if self.bounds.is_empty() {
                SeriesValue::Number(number)
            } else {
                let count = reader.unsigned()?;
                let bounds = self.bounds.iter().map(|bound| Ok((*bound, reader.unsigned()?)));
                SeriesValue::Histogram { buckets: bounds.collect::<Result<_, _>>()?, sum: number, count }
            };
            runs.push((from, steps, value));
            next = from + steps;
        }
        Ok(runs)
    }
}

impl Spill {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn read(&mut self, at: u64, length: usize, into: &mut Vec<u8>) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(at))?;
        let before = into.len();
        into.resize(before + length, 0);
        self.file.read_exact(&mut into[before..])
    }
}

/// Lines that a value is written as: a bucket each, the last bucket, count and sum.
fn lines_of(value: &SeriesValue) -> u64 {
    match value {
        SeriesValue::Number(_) => 1,
        SeriesValue::Histogram { buckets, .. } => buckets.len() as u64 + 3,
    }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
