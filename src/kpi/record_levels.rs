//! The levels of a published record: over its window, of now, and the agents that serve its queue.

use super::catalog::{NowLevel, RowKind};
use super::facts::Facts;
use super::json;
use super::record::{name, rows};
use crate::measure::aggregate::LevelFigures;
use crate::measure::ids::Level;
use crate::time::Millis;

/// Appends the levels of a group in a pane, those of now where the facts are live ones.
pub(super) fn write_levels(facts: &Facts<'_>, out: &mut String) {
    let mut first = true;
    for row in rows(facts) {
        match row.kind {
            RowKind::Level(level) => {
                let figures = facts.levels[level.index()];
                if !figures.is_zero() {
                    name(row.name, first, out);
                    write_level(figures, facts.pane.length_ms(), out);
                    first = false;
                }
            }
            RowKind::Now(level) => {
                let Some(live) = facts.live else { continue };
                let start = match level {
                    NowLevel::OldestWait => live.oldest,
                    NowLevel::OldestAwaiting => live.oldest_awaiting,
                    NowLevel::AtRisk if live.at_risk > 0 => {
                        name(row.name, first, out);
                        out.push_str("{\"last\":");
                        json::integer(out, i64::from(live.at_risk));
                        out.push('}');
                        first = false;
                        None
                    }
                    NowLevel::AtRisk => None,
                };
                if let Some(start) = start {
                    name(row.name, first, out);
                    json::time(out, start.0);
                    first = false;
                }
            }
            _ => {}
        }
    }
    if let Some(serving) = &facts.serving {
        name("queue_agents", first, out);
        write_serving(serving, out);
    }
}

/// Agents by state that serve the queue; an agent of two queues stands in both.
fn write_serving(serving: &[i64; Level::LEN], out: &mut String) {
    out.push('{');
    let states = Level::AGENT_STATES.map(|index| Level::ALL[index]);
    let shown = states.filter(|level| serving[level.index()] != 0);
    for (at, level) in shown.enumerate() {
        name(level.name().strip_prefix("agents_").unwrap_or(level.name()), at == 0, out);
        json::integer(out, serving[level.index()]);
    }
    out.push('}');
}

fn write_level(figures: LevelFigures, length_ms: Millis, out: &mut String) {
    out.push_str("{\"last\":");
    json::integer(out, figures.last);
    out.push_str(",\"max\":");
    json::integer(out, figures.max);
    out.push_str(",\"mean\":");
    // In millionths, rounded half up, so that the mean is exact in integers.
    let length = i128::from(length_ms.max(1));
    let mean_micros = (i128::from(figures.area_ms) * 1_000_000 + length / 2).div_euclid(length);
    json::decimal(out, i64::try_from(mean_micros).unwrap_or(i64::MAX), 6);
    out.push('}');
}
