//! What /metrics shows of a group: counters, window gauges, levels, targets, each as a series of its family.
//!
//! Each function adds to a list; the caller knows the group, its labels and when to ask. It must never know a
//! registry or the text format. A tier without a family for something does not show it.

use super::catalog::{CATALOG, Row, RowKind, Unit};
use super::exposed::{Exposed, Label, Series, SeriesValue};
use super::facts::Facts;
use super::families::family;
use super::figure::Amount;
use super::targets::{Goal, Place, Status, Targets};
use crate::measure::batch::NowLevels;
use crate::measure::ids::{Count, Level, Span, Tally};
use crate::measure::totals::{HISTOGRAMS, Totals};
use crate::time::{EventMs, Millis};
use std::sync::{Arc, LazyLock};

const SECOND_MS: f64 = 1_000.0;

/// A tier of groups: each has window families of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// The finest contact set.
    Queue,
    /// Contacts by channel.
    Channel,
    /// The tenant.
    Tenant,
    /// Agents by team.
    Team,
    /// Agents.
    Agent,
}

impl Tier {
    const ALL: [Tier; 5] = [Tier::Queue, Tier::Channel, Tier::Tenant, Tier::Team, Tier::Agent];

    /// How its window families begin.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Tier::Queue => "contact_center_",
            Tier::Channel => "contact_center_channel_",
            Tier::Tenant => "contact_center_tenant_",
            Tier::Team => "contact_center_team_",
            Tier::Agent => "contact_center_agent_",
        }
    }
}

/// Which optional counter families are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExposeInclude {
    /// Histograms of abandoned wait and first response, beside those of wait and handle time.
    pub histograms: bool,
}

/// Counters and histograms of a group of the finest contact set: always all of them, also at 0.
pub fn expose_counters(totals: &Totals, include: ExposeInclude, out: &mut Vec<Series>) {
    for counter in COUNTERS.iter() {
        let value = match counter.of {
            CounterOf::Count(count) => totals.count(count),
            CounterOf::Tally(tally) => totals.tally(tally),
            CounterOf::Revised => totals.revised(),
        };
        out.push(number(counter.family, &counter.labels, value as f64));
    }
    for (span, at) in HISTOGRAM_FAMILIES.iter() {
        let shipped = matches!(span, Span::WaitAnswered | Span::Handle);
        let Some(buckets) = totals.histogram(*span).filter(|_| shipped || include.histograms) else {
            continue;
        };
        let value = SeriesValue::Histogram {
            buckets: buckets.cumulative().map(|(bound_ms, count)| (seconds(bound_ms), count)).collect(),
            sum: buckets.sum_ms() as f64 / SECOND_MS,
            count: buckets.count(),
        };
        out.push(Series { family: *at, labels: none(), value });
    }
}

/// Gauges of a window: ratios with their denominators, quantiles, and whether targets are missed. For sliding
/// windows and `day`. With `quantiles` also 0.95 and 0.99, means, maxima and the waits of the abandoned.
pub fn expose_window(
    window_name: &str,
    facts: &Facts<'_>,
    tier: Tier,
    targets: &Targets,
    place: Place<'_>,
    quantiles: bool,
    out: &mut Vec<Series>,
) {
    let named = || ("window", window_name.to_owned());
    let window: Arc<[Label]> = Arc::new([named()]);
    for gauge in GAUGES.iter().filter(|gauge| gauge.row.groups.hold(facts)) {
        let Some(figure) = gauge.row.compute.and_then(|compute| compute(facts)) else { continue };
        let families = gauge.tiers[tier as usize];
        let is_mean = gauge.row.unit == Unit::Seconds;
        if let Some(value) = families.value.filter(|_| quantiles || !is_mean) {
            out.push(number(value, &window, figure.value()));
        }
        if let Some(denominator) = families.denominator {
            let amount = match figure.denominator {
                Amount::Count(count) => count as f64,
                Amount::Millis(time_ms) => seconds(time_ms),
            };
            out.push(number(denominator, &window, amount));
        }
        let target = targets.find(gauge.row.name, place, facts.pane.start);
        let status = target.map(|target| target.status(Some(figure.value()), figure.cases()));
        if let (Some(missed), Some(Status::Met | Status::AtRisk | Status::Missed)) =
            (MISSED[tier as usize], status)
        {
            let labels: Arc<[Label]> = Arc::new([named(), ("kpi", gauge.row.name.to_owned())]);
            out.push(number(missed, &labels, f64::from(u8::from(status == Some(Status::Missed)))));
        }
    }
    for (span, tiers) in QUANTILES.iter() {
        let Some(values) = facts.aggregate.span(*span).filter(|_| quantiles || *span != Span::WaitAbandoned)
        else {
            continue;
        };
        let (Some(at), Some(max)) = tiers[tier as usize] else { continue };
        let found = values.quantiles_ms([500, 900, 950, 990]).into_iter().flatten();
        let shown = if quantiles { 4 } else { 2 };
        for (q, value_ms) in ["0.5", "0.9", "0.95", "0.99"].into_iter().zip(found).take(shown) {
            out.push(number(at, &Arc::from([named(), ("q", q.to_owned())]), seconds(value_ms)));
        }
        if quantiles {
            out.push(number(max, &window, seconds(values.max_ms)));
        }
    }
}

/// Levels of a group: `current` are the additive levels now, `now` those that sources state. Contacts' for the finest
/// contact set, agents' for teams and, as states, for agents; other tiers are sums and have none.
pub fn expose_levels(current: &[i64; Level::LEN], now: &NowLevels, tier: Tier, out: &mut Vec<Series>) {
    let level = |level: Level| current[level.index()];
    let mut gauge = |name: &str, value: Option<f64>| {
        if let (Some(at), Some(value)) = (family(name), value) {
            out.push(number(at, &none(), value));
        }
    };
    let start = |at: Option<EventMs>| at.map(|at| seconds(at.0));
    match tier {
        Tier::Queue => {
            gauge("contact_center_contacts_waiting", Some(f64::from(now.waiting)));
            gauge("contact_center_contacts_breaching", Some(f64::from(now.breaching)));
            gauge("contact_center_sla_at_risk", Some(f64::from(now.at_risk)));
            gauge("contact_center_oldest_wait_start_timestamp_seconds", start(now.oldest));
            gauge("contact_center_contacts_in_progress", Some(level(Level::InProgress) as f64));
            gauge("contact_center_contacts_in_wrapup", Some(level(Level::InWrapup) as f64));
            gauge("contact_center_awaiting_first_response", Some(f64::from(now.awaiting)));
            gauge("contact_center_oldest_awaiting_start_timestamp_seconds", start(now.oldest_awaiting));
        }
        Tier::Team => {
            gauge("contact_center_slots_active", Some(level(Level::SlotsActive) as f64));
            gauge("contact_center_slots_max", Some(level(Level::SlotsMax) as f64));
            expose_states("contact_center_agents", current, |_| true, out);
        }
        Tier::Agent => expose_states("contact_center_agent_state", current, |agents| agents != 0, out),
        Tier::Channel | Tier::Tenant => {}
    }
}

/// Agents that serve a queue, by state.
pub fn expose_queue_agents(current: &[i64; Level::LEN], out: &mut Vec<Series>) {
    expose_states("contact_center_queue_agents", current, |_| true, out);
}

/// The name that people know a queue by, as a series to join with; `id` is the place of the exposed group.
#[must_use]
pub fn expose_queue_name(id: u32, tenant: &str, queue: &str, name: &str) -> Exposed {
    let labels = vec![("tenant", tenant.to_owned()), ("queue", queue.to_owned())];
    let named = |at| number(at, &Arc::from([("name", name.to_owned())]), 1.0);
    let series = family("contact_center_queue_info").map(named).into_iter().collect();
    Exposed { group: id, labels, series }
}

/// Event time up to which a tenant's figures are complete.
pub fn expose_data_timestamp(watermark: EventMs, out: &mut Vec<Series>) {
    if let Some(at) = family("contact_center_data_timestamp_seconds") {
        out.push(number(at, &none(), seconds(watermark.0)));
    }
}

/// The targets that hold for a group at a moment: once for each group, not for each window.
pub fn expose_target(tier: Tier, targets: &Targets, place: Place<'_>, at: EventMs, out: &mut Vec<Series>) {
    for gauge in GAUGES.iter() {
        let Some(family) = gauge.tiers[tier as usize].target else { continue };
        let Some(target) = targets.find(gauge.row.name, place, at) else { continue };
        let mut bound = |word: &str, value| {
            out.push(number(family, &Arc::from([("bound", word.to_owned())]), value));
        };
        match target.goal {
            Goal::AtLeast(least) => bound("at_least", least),
            Goal::AtMost(most) => bound("at_most", most),
            Goal::Band(least, most) => {
                bound("at_least", least);
                bound("at_most", most);
            }
        }
    }
}

fn expose_states(
    name: &str,
    current: &[i64; Level::LEN],
    shown: impl Fn(i64) -> bool,
    out: &mut Vec<Series>,
) {
    let Some(at) = family(name) else { return };
    for level in Level::AGENT_STATES.map(|index| Level::ALL[index]) {
        let agents = current[level.index()];
        if shown(agents) {
            let state = level.name().strip_prefix("agents_").unwrap_or(level.name());
            out.push(number(at, &Arc::from([("state", state.to_owned())]), agents as f64));
        }
    }
}

fn number(family: usize, labels: &Arc<[Label]>, value: f64) -> Series {
    Series { family, labels: Arc::clone(labels), value: SeriesValue::Number(value) }
}

/// No labels, shared by all series that have none.
fn none() -> Arc<[Label]> {
    static NONE: LazyLock<Arc<[Label]>> = LazyLock::new(|| Arc::new([]));
    Arc::clone(&NONE)
}

fn seconds(value_ms: Millis) -> f64 {
    value_ms as f64 / SECOND_MS
}

#[derive(Clone, Copy)]
enum CounterOf {
    Count(Count),
    Tally(Tally),
    Revised,
}

struct Counter {
    family: usize,
    labels: Arc<[Label]>,
    of: CounterOf,
}

/// The counters that the catalogue's rows name, and the one of what was revised.
static COUNTERS: LazyLock<Vec<Counter>> = LazyLock::new(|| {
    let of_row = |row: &'static Row| {
        let name = row.family?;
        let of = match row.kind {
            RowKind::Count(count) => CounterOf::Count(count),
            RowKind::Tally(tally) => CounterOf::Tally(tally),
            _ => return None,
        };
        let label = if name.ends_with("_by_reason_total") {
            row.name.strip_prefix("contacts_flowed_out_").map(|reason| ("reason", reason))
        } else if name.ends_with("_by_kind_total") {
            row.name.strip_prefix("transfers_").map(|kind| ("kind", kind))
        } else {
            None
        };
        let labels = label.map_or_else(none, |(name, value)| Arc::from([(name, value.to_owned())]));
        Some(Counter { family: family(name)?, labels, of })
    };
    let revised = family("contact_center_counts_revised_total").map(|family| Counter {
        family,
        labels: none(),
        of: CounterOf::Revised,
    });
    CATALOG.iter().filter_map(of_row).chain(revised).collect()
});

/// The histograms' families by duration.
static HISTOGRAM_FAMILIES: LazyLock<Vec<(Span, usize)>> = LazyLock::new(|| {
    let of_span = |span: Span| Some((span, family(histogram_name(span)?)?));
    HISTOGRAMS.iter().filter_map(|(span, _)| of_span(*span)).collect()
});

fn histogram_name(span: Span) -> Option<&'static str> {
    CATALOG.iter().find(|row| matches!(row.kind, RowKind::Duration([one]) if *one == span))?.family
}

#[derive(Clone, Copy, Default)]
struct GaugeFamilies {
    value: Option<usize>,
    denominator: Option<usize>,
    target: Option<usize>,
}

struct Gauge {
    row: &'static Row,
    tiers: [GaugeFamilies; Tier::ALL.len()],
}

/// The KPIs that have window gauges, with their families by tier.
static GAUGES: LazyLock<Vec<Gauge>> = LazyLock::new(|| {
    let of_row = |row: &'static Row| {
        let unit = match row.kind {
            RowKind::Ratio => "_ratio",
            RowKind::Mean => "_seconds",
            _ => return None,
        };
        let name = row.family?;
        // The longest prefix first: a queue's is the beginning of all others.
        let prefix = Tier::ALL.iter().rev().find_map(|tier| name.strip_prefix(tier.prefix()))?;
        let stem = prefix.strip_suffix(unit)?;
        let tiers = Tier::ALL.map(|tier| {
            let named = |rest: &str| family(&format!("{}{stem}{rest}", tier.prefix()));
            GaugeFamilies {
                value: named(unit),
                denominator: named("_window_contacts").or_else(|| named("_window_time_seconds")),
                target: named(&format!("_target{unit}")),
            }
        });
        Some(Gauge { row, tiers })
    };
    CATALOG.iter().filter_map(of_row).collect()
});

type QuantileFamilies = (Option<usize>, Option<usize>);

/// The durations that have quantile gauges, with quantile and maximum families by tier.
static QUANTILES: LazyLock<Vec<(Span, [QuantileFamilies; Tier::ALL.len()])>> = LazyLock::new(|| {
    let of_span = |span: Span| {
        let stem = histogram_name(span)?.strip_prefix("contact_center_")?.strip_suffix("_seconds")?;
        let tiers = Tier::ALL.map(|tier| {
            let named = |rest: &str| family(&format!("{}{stem}{rest}", tier.prefix()));
            (named("_window_seconds"), named("_window_max_seconds"))
        });
        Some((span, tiers))
    };
    HISTOGRAMS.iter().filter_map(|(span, _)| of_span(*span)).collect()
});

/// The families of missed targets by tier.
static MISSED: LazyLock<[Option<usize>; Tier::ALL.len()]> =
    LazyLock::new(|| Tier::ALL.map(|tier| family(&format!("{}kpi_missed", tier.prefix()))));

#[cfg(test)]
#[path = "expose_tests.rs"]
mod tests;
