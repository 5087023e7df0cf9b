//! /livez and /readyz: whether workers turn, and whether they are assigned, restored and caught up.
//!
//! A worker's beats are a count; [`Watch`] looks at it by the clock of the server and remembers since when
//! it stands still. Liveness never asks for Kafka: a broker that is away is no reason to restart a copy.

use crate::vitals::{Health, WorkerState};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The answer to a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// 200 or 503.
    pub ok: bool,
    /// A line per worker that is the reason, or `ok`.
    pub text: String,
}

/// Looks at workers by a clock. Cloning gives another handle to the same.
#[derive(Clone, Debug)]
pub struct Watch {
    health: Health,
    still_max: Duration,
    seen: Arc<Mutex<BTreeMap<String, Seen>>>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    beats: u64,
    since: Instant,
}

impl Watch {
    /// A watch of `health` that calls a worker stuck when its beats stand still for longer than `still_max`.
    #[must_use]
    pub fn new(health: Health, still_max: Duration) -> Watch {
        Watch { health, still_max, seen: Arc::default() }
    }

    /// Whether all workers turn at `now`. To be asked once a second at least, else a worker that stood
    /// still for long is taken for one that has just stopped.
    #[must_use]
    pub fn live(&self, now: Instant) -> Verdict {
        let states = self.health.states();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|name, _| states.iter().any(|state| state.name == *name));
        let mut missing = String::new();
        for state in &states {
            let fresh = Seen { beats: state.beats, since: now };
            let known = seen.entry(state.name.clone()).or_insert(fresh);
            if known.beats != state.beats {
                *known = fresh;
            }
            let still = now.saturating_duration_since(known.since);
            if state.ended {
                tell(&mut missing, &state.name, "has ended");
            } else if still > self.still_max {
                let what = format!("no beat for {} s: {}", still.as_secs(), state.reason);
                tell(&mut missing, &state.name, &what);
            }
        }
        verdict(missing)
    }

    /// Whether all workers are ready.
    #[must_use]
    pub fn ready(&self) -> Verdict {
        let states = self.health.states();
        let mut missing = String::new();
        if states.is_empty() {
            missing.push_str("no worker has started\n");
        }
        for state in states.iter().filter(|state| !state.ready || state.ended) {
            tell(&mut missing, &state.name, why_not_ready(state));
        }
        verdict(missing)
    }
}

fn why_not_ready(state: &WorkerState) -> &str {
    if state.ended {
        "has ended"
    } else if state.reason.is_empty() {
        "not ready"
    } else {
        &state.reason
    }
}

fn tell(text: &mut String, name: &str, what: &str) {
    // Writing to a string cannot fail.
    let _always_ok = writeln!(text, "{name}: {what}");
}

fn verdict(missing: String) -> Verdict {
    if missing.is_empty() {
        Verdict { ok: true, text: "ok\n".to_owned() }
    } else {
        Verdict { ok: false, text: missing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_stands_still_is_not_live_until_it_beats() {
        let health = Health::default();
        let fold = health.worker("fold-0");
        let merge = health.worker("merge-0");
        let watch = Watch::new(health, Duration::from_secs(10));
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        fold.beat();
        assert!(watch.live(after(0)).ok);
        merge.beat();
        fold.reason("waiting for a commit");
        assert!(watch.live(after(5)).ok);
        assert!(watch.live(after(10)).ok);
        let verdict = watch.live(after(11));
        assert!(!verdict.ok);
        assert_eq!(verdict.text, "fold-0: no beat for 11 s: waiting for a commit\n");
        fold.beat();
        assert!(watch.live(after(12)).ok);
    }

    #[test]
    fn a_worker_that_ended_unasked_is_not_live() {
        let health = Health::default();
        let fold = health.worker("fold-0");
        let watch = Watch::new(health.clone(), Duration::from_secs(10));
        drop(fold);
        assert_eq!(watch.live(Instant::now()).text, "fold-0: has ended\n");
        health.worker("fold-0").retire();
        assert!(watch.live(Instant::now()).ok);
    }

    #[test]
    fn ready_says_what_is_missing() {
        let health = Health::default();
        let watch = Watch::new(health.clone(), Duration::from_secs(10));
        assert_eq!(watch.ready().text, "no worker has started\n");
        let fold = health.worker("fold-0");
        fold.reason("restoring events/3");
        let merge = health.worker("merge-0");
        merge.ready(true);
        assert_eq!(watch.ready().text, "fold-0: restoring events/3\n");
        fold.ready(true);
        assert_eq!(watch.ready(), Verdict { ok: true, text: "ok\n".to_owned() });
    }
}
