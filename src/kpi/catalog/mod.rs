//! The catalogue: one row for every count, KPI, duration and level that leaves the program.
//!
//! To find a definition, search its name here: the row says it in words, and computes it in `compute`. Records,
//! metrics, documentation and `intraday catalog` are made from these rows. The rows stand by subject in the files
//! beside this one.

mod agents;
mod handling;
mod queue;
mod queue_counts;

use super::facts::Facts;
use super::figure::Figure;
use super::groups::SetFamily;
use crate::measure::ids::{Count, Level, Span, Tally};

/// The unit of a row's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// How many.
    Count,
    /// A share, usually 0..1.
    Ratio,
    /// Seconds, exact to the millisecond.
    Seconds,
    /// Average number of busy agents that the work needs.
    Erlangs,
    /// A moment.
    Timestamp,
}

impl Unit {
    /// The word in records and documentation.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Unit::Count => "count",
            Unit::Ratio => "ratio",
            Unit::Seconds => "seconds",
            Unit::Erlangs => "erlangs",
            Unit::Timestamp => "timestamp",
        }
    }
}

/// A level that is known only now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NowLevel {
    /// Beginning of the oldest open visit.
    OldestWait,
    /// Open visits whose threshold passes soon.
    AtRisk,
    /// Beginning of the oldest contact that awaits a first response.
    OldestAwaiting,
}

/// What a row is, and the measure behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// A count; in a record under `counts`.
    Count(Count),
    /// A tally, summed over its thresholds; in a record under `counts`.
    Tally(Tally),
    /// One amount divided by another of its kind; in a record under `kpis`.
    Ratio,
    /// A time per thing; in a record under `kpis`.
    Mean,
    /// Time per time; in a record under `kpis`.
    PerTime,
    /// A distribution, of one measure or the union of several; in a record under `durations`. One whose row computes
    /// something has its mean under `kpis` too.
    Duration(&'static [Span]),
    /// A level over the window; in a record under `levels`.
    Level(Level),
    /// A level of now; in a live record under `levels`.
    Now(NowLevel),
}

impl RowKind {
    /// The word in documentation.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            RowKind::Count(_) | RowKind::Tally(_) => "count",
            RowKind::Ratio => "ratio",
            RowKind::Mean => "mean",
            RowKind::PerTime => "time per time",
            RowKind::Duration(_) => "distribution",
            RowKind::Level(_) | RowKind::Now(_) => "level",
        }
    }
}

/// The grouping sets that a row is published on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Groups {
    /// Sets of contacts, the tenant's among them.
    Contacts,
    /// Sets of contacts that do not tell queues apart.
    WithoutQueue,
    /// Sets of contacts with channel and without queue.
    Channels,
    /// Sets of agents, the tenant's among them.
    Agents,
    /// All.
    All,
}

impl Groups {
    /// The words in documentation.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Groups::Contacts => "contacts",
            Groups::WithoutQueue => "contacts, without queue",
            Groups::Channels => "contacts, with channel and without queue",
            Groups::Agents => "agents",
            Groups::All => "contacts and agents",
        }
    }

    /// Whether a row of these sets belongs into a record of `facts`.
    #[must_use]
    pub fn hold(self, facts: &Facts<'_>) -> bool {
        let contacts = facts.family != SetFamily::Agents;
        match self {
            Groups::Contacts => contacts,
            Groups::WithoutQueue => contacts && !facts.has_queue,
            Groups::Channels => contacts && facts.has_channel && !facts.has_queue,
            Groups::Agents => facts.family != SetFamily::Contacts,
            Groups::All => true,
        }
    }
}

/// The records that a row is published in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Windows {
    /// Live and final records of all windows.
    All,
    /// Live records of all windows.
    Live,
}

impl Windows {
    /// The words in documentation.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Windows::All => "all",
            Windows::Live => "all, live records only",
        }
    }
}

/// A row of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The name in records, settings and the API; unique.
    pub name: &'static str,
    /// The unit of the value.
    pub unit: Unit,
    /// What it is, and the measure behind it.
    pub kind: RowKind,
    /// What it tells, in a phrase.
    pub help: &'static str,
    /// How it is computed, in words.
    pub formula: &'static str,
    /// Where the definition comes from.
    pub source: &'static str,
    /// The moment whose window it counts in.
    pub counted_at: &'static str,
    /// Types of events that it needs.
    pub events: &'static [&'static str],
    /// Grouping sets.
    pub groups: Groups,
    /// Records.
    pub windows: Windows,
    /// Its metric family (for a KPI: that of its finest set), if /metrics has it.
    pub family: Option<&'static str>,
    /// The figure of a KPI; `None` where it does not exist.
    pub compute: Option<fn(&Facts<'_>) -> Option<Figure>>,
}

/// All rows, in the order of records and documentation.
pub static CATALOG: &[Row] = &JOINED;

/// The row of a name.
#[must_use]
pub fn row(name: &str) -> Option<&'static Row> {
    CATALOG.iter().find(|row| row.name == name)
}

const PARTS: [&[Row]; 4] = [queue_counts::ROWS, queue::ROWS, handling::ROWS, agents::ROWS];
const LEN: usize = PARTS[0].len() + PARTS[1].len() + PARTS[2].len() + PARTS[3].len();
static JOINED: [Row; LEN] = joined();

const fn joined() -> [Row; LEN] {
    let mut rows = [PARTS[0][0]; LEN];
    let (mut part, mut at) = (0, 0);
    while part < PARTS.len() {
        let mut from = 0;
        while from < PARTS[part].len() {
            rows[at] = PARTS[part][from];
            from += 1;
            at += 1;
        }
        part += 1;
    }
    rows
}

/// What rows of a kind have in common, completed by `..` in the tables.
const BLANK: Row = Row {
    name: "",
    unit: Unit::Ratio,
    kind: RowKind::Ratio,
    help: "",
    formula: "",
    source: "",
    counted_at: "the moments of its counts",
    events: &[],
    groups: Groups::Contacts,
    windows: Windows::All,
    family: None,
    compute: None,
};

const fn count(count: Count) -> Row {
    Row { unit: Unit::Count, kind: RowKind::Count(count), formula: "1 each", ..BLANK }
}

const fn tally(tally: Tally) -> Row {
    Row { unit: Unit::Count, kind: RowKind::Tally(tally), formula: "1 each, over all thresholds", ..BLANK }
}

const fn duration(spans: &'static [Span]) -> Row {
    Row {
        unit: Unit::Seconds,
        kind: RowKind::Duration(spans),
        formula: "one value each; count, sum, min and max exact, p50, p90, p95, p99 by nearest rank",
        ..BLANK
    }
}

const fn level(level: Level) -> Row {
    Row {
        unit: Unit::Count,
        kind: RowKind::Level(level),
        formula: "+1 at the beginning, -1 at the end; last, max over slice ends, mean weighted by time",
        counted_at: "all the time",
        ..BLANK
    }
}

#[cfg(test)]
mod formula_tests;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::TYPES;
    use crate::kpi::families::FAMILIES;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_those_of_the_measures() {
        let names: BTreeSet<&str> = CATALOG.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), CATALOG.len());
        for row in CATALOG {
            match row.kind {
                RowKind::Count(count) => assert_eq!(row.name, count.name()),
                RowKind::Tally(tally) => assert_eq!(row.name, tally.name()),
                RowKind::Duration(&[span]) => assert_eq!(row.name, span.name()),
                RowKind::Level(level) => assert_eq!(row.name, level.name()),
                _ => {}
            }
        }
    }

    #[test]
    fn every_measure_has_its_row() {
        let has = |kind| CATALOG.iter().any(|row| row.kind == kind);
        assert!(Count::ALL.iter().all(|count| has(RowKind::Count(*count))));
        assert!(Tally::ALL.iter().all(|tally| has(RowKind::Tally(*tally))));
        assert!(Level::ALL.iter().all(|level| has(RowKind::Level(*level))));
        let singles = CATALOG.iter().filter_map(|row| match row.kind {
            RowKind::Duration(&[span]) => Some(span),
            _ => None,
        });
        assert_eq!(singles.collect::<BTreeSet<_>>().len(), Span::LEN);
    }

    #[test]
    fn every_row_is_complete() {
        for row in CATALOG {
            for text in [row.name, row.help, row.formula, row.source, row.counted_at] {
                assert!(!text.is_empty(), "{}", row.name);
            }
            assert!(!row.events.is_empty(), "{}", row.name);
            for event in row.events {
                assert!(TYPES.iter().any(|of| of.name == *event), "{}: {event}", row.name);
            }
            let is_kpi = matches!(row.kind, RowKind::Ratio | RowKind::Mean | RowKind::PerTime);
            let may_compute = is_kpi || matches!(row.kind, RowKind::Duration(_));
            assert!(row.compute.is_some() <= may_compute && is_kpi <= row.compute.is_some(), "{}", row.name);
        }
    }

    #[test]
    fn every_family_named_exists() {
        for row in CATALOG {
            if let Some(family) = row.family {
                assert!(FAMILIES.iter().any(|of| of.name == family), "{}: {family}", row.name);
            }
        }
    }
}
