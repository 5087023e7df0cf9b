//! What came about in runs, counted: a simulation that never meets a situation proves nothing about it.
//!
//! It must never decide anything.

use std::collections::BTreeMap;
use std::fmt;

/// Situations that a thousand seeds must have met, and how often at least.
const LEAST: [(&str, u64); 15] = [
    ("stages begun", 1_000),
    ("stages restored", 3_000),
    ("restores that waited for an offset", 200),
    ("restores that found state and offset apart", 30),
    ("commits done", 10_000),
    ("commits sent again", 3_000),
    ("commits found elsewhere", 10),
    ("commits of unknown outcome", 1_000),
    ("of them done", 100),
    ("producers fenced", 500),
    ("offsets of former members refused", 500),
    ("copies that died", 1_000),
    ("copies that stood still", 1_000),
    ("copies under a name in use", 500),
    ("partitions moved", 500),
];

/// Counts by situation.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    counts: BTreeMap<&'static str, u64>,
}

impl Seen {
    /// It came about once.
    pub fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// Adds the counts of another.
    pub fn add(&mut self, other: &Seen) {
        for (what, count) in &other.counts {
            *self.counts.entry(what).or_default() += count;
        }
    }

    /// Situations that came about too seldom.
    pub fn missing(&self) -> String {
        let count = |what: &str| self.counts.get(what).copied().unwrap_or(0);
        let missing = LEAST.iter().filter(|(what, least)| count(what) < *least);
        missing.map(|(what, least)| format!("{what}: {} of {least}; ", count(what))).collect()
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told: Vec<String> = self.counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
        f.write_str(&told.join(", "))
    }
}
