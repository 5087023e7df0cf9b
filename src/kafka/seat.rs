//! A partition that a worker holds: its stage, where it is, and what it waits for.
//!
//! Must never know: consumers, how stages work.

use super::handover::Committed;
use super::progress::Progress;
use super::quiet::Quiet;
use super::source::Source;
use crate::time::EventMs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// One assigned partition.
pub struct Seat<S> {
    /// The partition.
    pub source: Source,
    /// Which assignment of it this is; never used twice by a worker.
    pub era: u64,
    /// Its stage; `None` while it is restored.
    pub stage: Option<S>,
    /// Next offset to take: what lies below was taken.
    pub next: i64,
    /// Nothing of it was committed yet.
    pub first: bool,
    /// What the group has stored for it, as far as this copy knows.
    pub stored: Option<Committed>,
    /// The consumer is to be set to `next` and resumed; since when.
    pub seeking: Option<Instant>,
    /// The consumer reads it, or has been told to.
    pub placed: bool,
    /// Waits for slower partitions.
    pub ahead: bool,
    /// Its position is looked at, because a batch could not be decoded; nothing is taken.
    pub examined: bool,
    /// When that was last asked for.
    pub asked_at: Option<Instant>,
    /// It has records from this offset on and has given none since.
    pub stalled: Option<(i64, Instant)>,
    /// Where the end was when it was first told after the restore.
    pub target: Option<i64>,
    /// Records up to the end, as the client last told.
    pub lag: i64,
    /// It has been at its end, or at what was the end, since it was restored.
    pub caught_up: bool,
    /// Its silence.
    pub quiet: Quiet,
    /// Its stream time as of its last acknowledged commit.
    pub stream_time: Option<EventMs>,
    /// Records of its source below this are needed no more.
    pub needed_from: Option<i64>,
    /// How far its restore is.
    pub progress: Arc<Progress>,
    cancelled: Arc<AtomicBool>,
}

impl<S> Seat<S> {
    /// A seat whose stage is still to be restored.
    #[must_use]
    pub fn new(source: Source, era: u64, now: Instant) -> Seat<S> {
        Seat {
            source,
            era,
            stage: None,
            next: 0,
            first: false,
            stored: None,
            seeking: None,
            placed: false,
            ahead: false,
            examined: false,
            asked_at: None,
            stalled: None,
            target: None,
            lag: 0,
            caught_up: false,
            quiet: Quiet::new(now),
            stream_time: None,
            needed_from: None,
            progress: Arc::default(),
            cancelled: Arc::default(),
        }
    }

    /// Told to a restore whose result nobody waits for any more.
    #[must_use]
    pub fn cancelled(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.cancelled)
    }

    /// Whether records are taken.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.stage.is_some() && self.seeking.is_none() && !self.examined
    }

    /// Drops the stage: the seat is to be restored as assignment `era`.
    pub fn reset(&mut self, era: u64, now: Instant) {
        self.cancelled.store(true, Ordering::Relaxed);
        let placed = self.placed;
        *self = Seat::new(self.source.clone(), era, now);
        self.placed = placed;
    }

    /// Notes that the end was seen.
    pub const fn settle(&mut self, now: Instant) {
        self.caught_up = true;
        self.lag = 0;
        self.quiet.settle(now);
    }
}

impl<S> Drop for Seat<S> {
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}
