//! Many events at once: each day of each queue beside the reference.
//!
//! `INTRADAY_TEST_EVENTS` says how many events (20,000 are usual, a million takes some minutes).

use intraday::kpi::rules::Formula;

use super::{compare, engine, settings};
use crate::reference::{self, Config};
use crate::scenario::{Scenario, calm};

#[test]
fn days_of_many_events_are_those_of_the_reference() {
    let asked = std::env::var("INTRADAY_TEST_EVENTS").ok().and_then(|count| count.parse::<usize>().ok());
    let n_events = asked.unwrap_or(20_000);
    let Scenario { inputs, config } = calm(1, n_events);
    let config = Config { windows: Vec::new(), ..config };
    let formula = Formula::default();
    let engine = settings::engine(&config, formula);
    let outcome = reference::run(&config, &inputs);
    let differences = compare::compare(&outcome, &engine::run(&engine, &inputs, 20_000), formula);
    assert_eq!(differences.told(), "");
    let queues = outcome.records.keys().filter(|key| key.0 == "tenant,channel,queue").count();
    assert!(queues >= 20, "{queues} days of queues");
    let folded = outcome.results.get("folded").copied().unwrap_or(0);
    assert!(folded >= n_events as i64 * 99 / 100, "{folded} of {n_events} were folded");
}
