//! Ends the service when one of its threads stands still: an orderly end with a reason, never a silent hang.
//!
//! Must never know: what the threads do.

use super::halt::Halt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often it looks. It counts its own looks and reads no clock: a process that was suspended stood still as a whole.
const STEP: Duration = Duration::from_millis(500);

/// A thread's sign that it turns. When the last one is dropped the thread has ended and is watched no more.
#[derive(Clone, Debug, Default)]
pub struct Turns(Arc<AtomicU64>);

impl Turns {
    /// Says: still turning.
    pub fn turn(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// All threads that are watched.
#[derive(Debug, Default)]
pub struct Watchdog {
    watched: Mutex<Vec<Watched>>,
}

#[derive(Debug)]
struct Watched {
    name: String,
    turns: Turns,
    seen: u64,
    still: u32,
}

impl Watchdog {
    /// Watches a thread from now on.
    #[must_use]
    pub fn watch(&self, name: &str) -> Turns {
        let turns = Turns::default();
        let (name, again) = (name.to_owned(), turns.clone());
        self.lock().push(Watched { name, turns: again, seen: 0, still: 0 });
        turns
    }

    /// Starts the thread that looks; `bite` gets the name of the first thread that stood still for `limit`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        self: Arc<Watchdog>,
        limit: Duration,
        halt: Arc<Halt>,
        bite: impl FnOnce(&str) + Send + 'static,
    ) -> std::io::Result<JoinHandle<()>> {
        let looks_max = u32::try_from(limit.as_millis() / STEP.as_millis()).unwrap_or(u32::MAX).max(1);
        std::thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
            while !halt.is_asked() {
                if let Some(name) = self.look(looks_max) {
                    return bite(&name);
                }
                halt.pause(STEP);
            }
        })
    }

    /// Looks once; the name of a thread that has not turned in `looks_max` looks.
    fn look(&self, looks_max: u32) -> Option<String> {
        let mut watched = self.lock();
        watched.retain(|one| Arc::strong_count(&one.turns.0) > 1);
        for one in watched.iter_mut() {
            let now = one.turns.0.load(Ordering::Relaxed);
            one.still = if now == one.seen { one.still + 1 } else { 0 };
            one.seen = now;
        }
        watched.iter().find(|one| one.still >= looks_max).map(|one| one.name.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Watched>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_thread_that_stands_still_is_named_and_one_that_ended_is_forgotten() {
        let dog = Watchdog::default();
        let (still, turning, ended) = (dog.watch("still"), dog.watch("turning"), dog.watch("ended"));
        drop(ended);
        for _ in 0..2 {
            turning.turn();
            assert_eq!(dog.look(3), None);
        }
        turning.turn();
        assert_eq!(dog.look(3), Some("still".to_owned()));
        still.turn();
        assert_eq!(dog.look(3), None);
    }
}
