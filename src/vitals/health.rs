//! Whether workers still turn and are ready: each worker beats, whoever answers probes looks.
//!
//! No clock is read here. A beat is a count; the one who looks decides by its own clock how long a count
//! may stand still.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The workers of the process. Cloning gives another handle to the same workers.
#[derive(Clone, Debug, Default)]
pub struct Health {
    workers: Arc<Mutex<Vec<Arc<Worker>>>>,
}

/// A worker's own handle. When the last clone is dropped without [`Beat::retire`] the worker has ended
/// unasked, as by a panic.
#[derive(Clone)]
pub struct Beat {
    worker: Arc<Worker>,
    alive: Arc<()>,
}

/// What a worker last said of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerState {
    /// Its name, such as `fold-0`.
    pub name: String,
    /// How often it has beaten.
    pub beats: u64,
    /// Whether it is assigned, restored and caught up.
    pub ready: bool,
    /// What it is doing or missing; may be empty.
    pub reason: String,
    /// It ended without being asked to.
    pub ended: bool,
}

impl Health {
    /// Takes in a worker; it is not ready until it says so.
    #[must_use]
    pub fn worker(&self, name: &str) -> Beat {
        let alive = Arc::new(());
        let worker = Arc::new(Worker {
            name: name.to_owned(),
            beats: AtomicU64::new(0),
            ready: AtomicBool::new(false),
            retired: AtomicBool::new(false),
            reason: Mutex::new("starting".to_owned()),
            alive: Arc::downgrade(&alive),
        });
        let mut workers = lock(&self.workers);
        workers.retain(|known| known.name != name && !known.retired.load(Ordering::Relaxed));
        workers.push(worker.clone());
        Beat { worker, alive }
    }

    /// All workers that have not retired, by name.
    #[must_use]
    pub fn states(&self) -> Vec<WorkerState> {
        let workers = lock(&self.workers).clone();
        let mut states: Vec<WorkerState> = workers
            .iter()
            .filter(|worker| !worker.retired.load(Ordering::Relaxed))
            .map(|worker| worker.state())
            .collect();
        states.sort_by(|a, b| a.name.cmp(&b.name));
        states
    }
}

impl Beat {
    /// Says: still turning. Cheap enough for every turn of a loop.
    pub fn beat(&self) {
        self.worker.beats.fetch_add(1, Ordering::Relaxed);
    }

    /// Says whether the worker is assigned, restored and caught up.
    pub fn ready(&self, ready: bool) {
        self.worker.ready.store(ready, Ordering::Relaxed);
    }

    /// Says in words what the worker is doing or missing.
    pub fn reason(&self, text: &str) {
        let mut reason = lock(&self.worker.reason);
        if *reason != text {
            text.clone_into(&mut reason);
        }
    }

    /// The worker ends as asked and is watched no more.
    pub fn retire(self) {
        self.worker.retired.store(true, Ordering::Relaxed);
    }
}

impl fmt::Debug for Beat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let holders = Arc::strong_count(&self.alive);
        f.debug_struct("Beat").field("worker", &self.worker.name).field("holders", &holders).finish()
    }
}

#[derive(Debug)]
struct Worker {
    name: String,
    beats: AtomicU64,
    ready: AtomicBool,
    retired: AtomicBool,
    reason: Mutex<String>,
    /// Upgrades as long as a [`Beat`] is held.
    alive: std::sync::Weak<()>,
}

impl Worker {
    fn state(&self) -> WorkerState {
        WorkerState {
            name: self.name.clone(),
            beats: self.beats.load(Ordering::Relaxed),
            ready: self.ready.load(Ordering::Relaxed),
            reason: lock(&self.reason).clone(),
            ended: self.alive.strong_count() == 0,
        }
    }
}

// Held for a copy only, never while waiting.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_says_what_it_does() {
        let health = Health::default();
        let merge = health.worker("merge-0");
        let fold = health.worker("fold-0");
        fold.beat();
        fold.beat();
        fold.ready(true);
        merge.reason("restoring shard 3");
        let states = health.states();
        assert_eq!(states[0].name, "fold-0");
        assert_eq!((states[0].beats, states[0].ready), (2, true));
        assert_eq!(states[1].reason, "restoring shard 3");
        assert!(!states[1].ready && !states[1].ended);
    }

    #[test]
    fn an_unasked_end_is_seen_and_a_retired_worker_is_not() {
        let health = Health::default();
        let fold = health.worker("fold-0");
        let second_hand = fold.clone();
        drop(fold);
        assert!(!health.states()[0].ended);
        drop(second_hand);
        assert!(health.states()[0].ended);
        health.worker("fold-0").retire();
        assert!(health.states().is_empty());
    }
}
