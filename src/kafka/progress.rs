//! How far the restore of a partition is: told by the thread that restores, looked at by the worker.
//!
//! Must never know: what is restored.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// Which part of a restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The records of the state partition are read.
    State,
    /// Records that were read after the state was written are taken again.
    Replay,
}

impl Step {
    /// Its name in logs and probes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Step::State => "state",
            Step::Replay => "replay",
        }
    }
}

/// How far a restore is. The numbers may be of two moments; nothing is decided by them.
#[derive(Debug, Default)]
pub struct Progress {
    replays: AtomicBool,
    done: AtomicI64,
    end: AtomicI64,
}

impl Progress {
    /// Notes that `done` of `end` offsets are read.
    pub fn tell(&self, step: Step, done: i64, end: i64) {
        self.replays.store(step == Step::Replay, Ordering::Relaxed);
        self.done.store(done, Ordering::Relaxed);
        self.end.store(end, Ordering::Relaxed);
    }

    /// The step, and how many of how many offsets are read.
    #[must_use]
    pub fn seen(&self) -> (Step, i64, i64) {
        let step = if self.replays.load(Ordering::Relaxed) { Step::Replay } else { Step::State };
        (step, self.done.load(Ordering::Relaxed), self.end.load(Ordering::Relaxed))
    }
}
