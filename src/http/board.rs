//! What the tail of the kpis topic shows: per group and window the newest record and a few points.
//!
//! Every copy has one and puts in every record it reads; API, stream and page only look. A record goes
//! out as the bytes it came in. The board is never waited for: who looks too slowly sees fewer steps, but
//! always the newest record, because changes are not queued: each entry carries the number of its last
//! change, and a stream asks for what has changed since the number it has seen.

use super::record::{Newness, Place, Point, Reading};
use crate::time::{DAY_MS, Millis, SECOND_MS, WallMs};
use crate::vitals::Vitals;
use crate::vitals::web::BoardResult;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use tokio::sync::watch;

/// The limits of a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoardLimits {
    /// Groups times windows; records of further ones are refused and counted.
    pub groups_max: usize,
    /// A greater record is unreadable.
    pub record_bytes_max: usize,
    /// Points kept for a sparkline.
    pub points_max: usize,
    /// A group and window not heard of for this long is dropped.
    pub forget_after_ms: Millis,
    /// Least distance of the first points.
    pub point_every_ms: Millis,
    /// Each time that the points are too many, every second one goes and their distance doubles, up to this.
    pub point_every_max_ms: Millis,
}

impl Default for BoardLimits {
    fn default() -> Self {
        BoardLimits {
            groups_max: 20_000,
            record_bytes_max: 256 * 1_024,
            points_max: 60,
            forget_after_ms: 2 * DAY_MS,
            point_every_ms: SECOND_MS,
            point_every_max_ms: 16 * SECOND_MS,
        }
    }
}

/// What a request wants to see; an absent part is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The tenant.
    pub tenant: Option<String>,
    /// The channel; groups without channel do not match.
    pub channel: Option<String>,
    /// The queue; groups without queue do not match.
    pub queue: Option<String>,
    /// The window's name.
    pub window: Option<String>,
    /// The grouping set.
    pub group_set: Option<String>,
}

/// The newest record of a group and window.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Where it belongs.
    pub place: Arc<Place>,
    /// The record as it came.
    pub value: Arc<str>,
    /// Its revision.
    pub revision: i64,
}

/// The newest records of all groups. Cloning gives another handle to the same board.
#[derive(Clone, Debug)]
pub struct Board {
    limits: BoardLimits,
    vitals: Vitals,
    state: Arc<RwLock<State>>,
    changes: watch::Sender<u64>,
}

impl Board {
    /// An empty board.
    #[must_use]
    pub fn new(limits: BoardLimits, vitals: Vitals) -> Board {
        let (changes, _) = watch::channel(0);
        Board { limits, vitals, state: Arc::default(), changes }
    }

    /// Puts in a record of the kpis topic, read at `wall`.
    pub fn apply(&self, key: &str, value: &str, wall: WallMs) {
        // Read before the lock, so that only the swap holds up those who look.
        let fits = key.len() + value.len() <= self.limits.record_bytes_max;
        let Some(reading) = fits.then(|| Reading::of(key, value, wall.0)).flatten() else {
            self.vitals.board(BoardResult::Unreadable, 1, self.read().entries.len());
            return;
        };
        let (result, forgotten, groups, change) = {
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            state.heard = Some(wall);
            let forgotten = state.forget_if_due(wall, &self.limits);
            let result = state.put(reading, value, wall, &self.limits);
            (result, forgotten, state.entries.len(), state.last_change)
        };
        if forgotten > 0 {
            self.vitals.board(BoardResult::Forgotten, forgotten, groups);
        }
        self.vitals.board(result, 1, groups);
        if result == BoardResult::Shown {
            // Two who put in at once may come here in either order; the number only grows.
            self.changes.send_if_modified(|number| {
                let is_newer = *number < change;
                *number = change.max(*number);
                is_newer
            });
        }
    }

    /// At most `limit` newest records that match, ordered by [`Place::id`], from behind the id `after`.
    #[must_use]
    pub fn page(&self, filter: &Filter, after: Option<&str>, limit: usize) -> Vec<Shown> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.read()
            .entries
            .range::<str, _>((from, Bound::Unbounded))
            .map(|(_, entry)| entry)
            .filter(|entry| filter.matches(&entry.place))
            .take(limit)
            .map(Entry::shown)
            .collect()
    }

    /// The points of at most `limit` matching groups and windows, ordered and paged as [`Board::page`].
    #[must_use]
    pub fn points(
        &self,
        filter: &Filter,
        after: Option<&str>,
        limit: usize,
    ) -> Vec<(Arc<Place>, Vec<Point>)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.read()
            .entries
            .range::<str, _>((from, Bound::Unbounded))
            .map(|(_, entry)| entry)
            .filter(|entry| filter.matches(&entry.place) && !entry.points.is_empty())
            .take(limit)
            .map(|entry| (entry.place.clone(), entry.points.iter().copied().collect()))
            .collect()
    }

    /// Matching records that changed after change number `seen`, oldest change first, and the number that
    /// the caller has seen then. Looks at no more than `limit` changes: fewer records come back where the
    /// filter leaves some out. `seen` 0 is the full state.
    #[must_use]
    pub fn changed_since(&self, filter: &Filter, seen: u64, limit: usize) -> (Vec<Shown>, u64) {
        let state = self.read();
        let mut reached = seen;
        let mut shown = Vec::new();
        for (change, id) in state.order.range((Bound::Excluded(seen), Bound::Unbounded)).take(limit) {
            reached = *change;
            let matching = state.entries.get(id).filter(|entry| filter.matches(&entry.place));
            shown.extend(matching.map(Entry::shown));
        }
        (shown, reached)
    }

    /// Tells of each change by its number; a receiver that was slow sees the last only.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// When a record was read last, whatever became of it.
    #[must_use]
    pub fn heard(&self) -> Option<WallMs> {
        self.read().heard
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Filter {
    /// Whether a group and window is asked for.
    #[must_use]
    pub fn matches(&self, place: &Place) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        is(&self.tenant, Some(&place.tenant))
            && is(&self.window, Some(&place.window))
            && is(&self.group_set, Some(&place.group_set))
            && is(&self.channel, place.channel.as_deref())
            && is(&self.queue, place.queue.as_deref())
    }
}

#[derive(Debug, Default)]
struct State {
    /// By [`Place::id`].
    entries: BTreeMap<Arc<str>, Entry>,
    /// The number of each entry's last change, to its id: one number per entry.
    order: BTreeMap<u64, Arc<str>>,
    last_change: u64,
    looked_for_forgotten: Option<WallMs>,
    /// When a record was read last, whatever became of it.
    heard: Option<WallMs>,
}

#[derive(Debug)]
struct Entry {
    place: Arc<Place>,
    value: Arc<str>,
    newness: Newness,
    change: u64,
    heard: WallMs,
    points: VecDeque<Point>,
    point_every_ms: Millis,
}

impl Entry {
    fn shown(&self) -> Shown {
        Shown { place: self.place.clone(), value: self.value.clone(), revision: self.newness.revision }
    }

    fn take_point(&mut self, point: Point, limits: &BoardLimits) {
        let is_due = self
            .points
            .back()
            .is_none_or(|last| point.at_ms.saturating_sub(last.at_ms) >= self.point_every_ms);
        if !is_due || !point.has_value() {
            return;
        }
        self.points.push_back(point);
        if self.points.len() <= limits.points_max.max(1) {
            return;
        }
        if self.point_every_ms >= limits.point_every_max_ms {
            self.points.pop_front();
            return;
        }
        self.point_every_ms = (2 * self.point_every_ms).min(limits.point_every_max_ms);
        // Counted from the newest, which stays.
        let mut from_newest = self.points.len();
        self.points.retain(|_| {
            from_newest -= 1;
            from_newest.is_multiple_of(2)
        });
    }
}

impl State {
    fn put(&mut self, reading: Reading, value: &str, wall: WallMs, limits: &BoardLimits) -> BoardResult {
        let Some(entry) = self.entries.get_mut(reading.place.id.as_str()) else {
            return self.put_new(reading, value, wall, limits);
        };
        entry.heard = wall;
        // An equal record again is no news: a producer may send a commit a second time.
        if reading.newness <= entry.newness {
            return BoardResult::Older;
        }
        self.last_change += 1;
        entry.newness = reading.newness;
        entry.value = value.into();
        entry.take_point(reading.point, limits);
        if let Some(id) = self.order.remove(&entry.change) {
            self.order.insert(self.last_change, id);
        }
        entry.change = self.last_change;
        BoardResult::Shown
    }

    fn put_new(&mut self, reading: Reading, value: &str, wall: WallMs, limits: &BoardLimits) -> BoardResult {
        if self.entries.len() >= limits.groups_max {
            return BoardResult::Refused;
        }
        self.last_change += 1;
        let id: Arc<str> = reading.place.id.as_str().into();
        let mut entry = Entry {
            place: Arc::new(reading.place),
            value: value.into(),
            newness: reading.newness,
            change: self.last_change,
            heard: wall,
            points: VecDeque::new(),
            point_every_ms: limits.point_every_ms,
        };
        entry.take_point(reading.point, limits);
        self.order.insert(self.last_change, id.clone());
        self.entries.insert(id, entry);
        BoardResult::Shown
    }

    /// Drops what was not heard of for too long; looks once a minute. Gives how many were dropped.
    fn forget_if_due(&mut self, wall: WallMs, limits: &BoardLimits) -> u64 {
        let is_due = self.looked_for_forgotten.is_none_or(|last| wall.is_due(last, 60 * SECOND_MS));
        if !is_due {
            return 0;
        }
        self.looked_for_forgotten = Some(wall);
        let before = self.entries.len();
        let State { entries, order, .. } = self;
        entries.retain(|_, entry| {
            // Heard of further ahead than that: the clock was set back, and nothing tells when it was.
            let kept = wall.since(entry.heard).abs() <= limits.forget_after_ms;
            if !kept {
                order.remove(&entry.change);
            }
            kept
        });
        (before - self.entries.len()) as u64
    }
}

#[cfg(test)]
#[path = "board_tests.rs"]
mod tests;
