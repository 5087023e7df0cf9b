//! Short stories for tests of a single fault: their events, waiting, and the judgement at the end.

use std::time::{Duration, Instant};

use super::fleet::Fleet;
use crate::checker::{Case, Verdict};
use crate::kafka_events::{Story, story};
use crate::scenario::Options;

/// Partitions of a short story.
pub const PARTITIONS: u32 = 3;
/// How long anything may take on a loaded machine.
pub const SOON: Duration = Duration::from_secs(60);
/// What a merge says that misses batches.
const MISSING: &str = "are missing";
const POLL: Duration = Duration::from_millis(50);

/// A story of so many contacts that nothing of it is closed before its last words.
pub fn short_story(contacts: usize) -> Story {
    let options = Options {
        contacts,
        partitions: PARTITIONS,
        span_ms: 1_500_000,
        late: false,
        gap: false,
        vary_config: false,
        ..Options::default()
    };
    story(5, &options)
}

/// Says the last words, waits for rest and checks; a service that never comes to rest is a finding as well.
pub fn judge(fleet: &mut Fleet<'_>, story: &Story) -> Verdict {
    fleet.last_words(story.last_ms);
    let (id, input) = (fleet.id.clone(), fleet.input.clone());
    let case =
        Case { kafka: fleet.kafka(), id: &id, input: &input, config: &story.config, last_ms: story.last_ms };
    let expected = case.expect();
    let breaches = match fleet.rest(&expected.ends(), SOON) {
        Ok(()) => return case.check(&expected),
        Err(text) => vec![text],
    };
    Verdict { breaches, ..Verdict::default() }
}

/// Looks until it is so.
pub fn wait_until(fleet: &mut Fleet<'_>, what: &str, mut is_so: impl FnMut(&Fleet<'_>) -> bool) {
    let start = Instant::now();
    while !is_so(fleet) {
        fleet.look();
        let (tally, said) = (&fleet.tally, fleet.copies[0].last_lines(20));
        assert!(start.elapsed() < SOON, "not within {} s: {what}; {tally}\n{said}", SOON.as_secs());
        std::thread::sleep(POLL);
    }
}

/// Looks until it is so, or until a copy has ended of itself because something that it was promised is missing: says what
/// it said. For copies without a guard, of which that is expected.
pub fn wait_or_found(
    fleet: &mut Fleet<'_>,
    what: &str,
    mut is_so: impl FnMut(&Fleet<'_>) -> bool,
) -> Option<String> {
    let found = |fleet: &Fleet<'_>| fleet.tally.defects.iter().find(|text| text.contains(MISSING)).cloned();
    wait_until(fleet, what, |fleet| found(fleet).is_some() || is_so(fleet));
    found(fleet)
}

/// How many records the fold has committed.
pub fn folded(fleet: &Fleet<'_>) -> i64 {
    fleet.kafka().committed(&format!("{}.fold", fleet.id), &fleet.input).values().sum()
}
