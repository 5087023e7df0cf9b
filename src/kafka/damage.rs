//! The worker's way over batches that cannot be decoded: stop taking, have the positions looked at, pass over what is bad.
//!
//! The client says that a batch is bad, but not where; with records after it in the same answer it goes on by itself,
//! without a word about what it left out. So at the first such word nothing more is taken of any partition until each
//! position has been looked at.

use super::probe::{self, Doubt, Finding};
use super::role::Role;
use super::seat::Seat;
use super::source::Source;
use super::worker::Worker;
use crate::pipeline::stage::Stop;
use std::time::{Duration, Instant};

/// A partition that has records to read and gives none for this long is looked at.
const STALL: Duration = Duration::from_secs(20);
/// Pause before a position is looked at again that brokers did not answer for.
const AGAIN_PAUSE: Duration = Duration::from_secs(1);

impl<R: Role> Worker<R> {
    /// A batch of some partition cannot be decoded.
    pub(super) fn doubt_all(&mut self) -> Result<(), Stop> {
        let open = |seat: &Seat<R::Stage>| seat.is_open() && !seat.ahead;
        let eras = self.seats.iter().filter(|seat| open(seat)).map(|seat| seat.era).collect();
        self.doubt(eras)
    }

    /// Partitions that have given nothing for long although there is something are looked at.
    pub(super) fn doubt_stalled(&mut self) -> Result<(), Stop> {
        let now = Instant::now();
        let mut eras = Vec::new();
        for seat in &mut self.seats {
            let since = match seat.stalled {
                Some((next, since)) if next == seat.next => since,
                _ => continue,
            };
            let asked = seat.asked_at.is_some_and(|at| now.duration_since(at) < STALL);
            if seat.is_open() && !seat.ahead && !self.held && now.duration_since(since) >= STALL && !asked {
                eras.push(seat.era);
            }
        }
        if eras.is_empty() { Ok(()) } else { self.doubt(eras) }
    }

    fn doubt(&mut self, eras: Vec<u64>) -> Result<(), Stop> {
        let now = Instant::now();
        let mut doubts = Vec::new();
        for seat in self.seats.iter_mut().filter(|seat| eras.contains(&seat.era)) {
            seat.examined = true;
            seat.asked_at = Some(now);
            doubts.push(Doubt { source: seat.source.clone(), era: seat.era, next: seat.next });
        }
        // Not only paused: after a wrong checksum the client goes on at an offset that it reads from garbage, and from
        // one that does not exist it cannot be set back.
        let sources: Vec<Source> = doubts.iter().map(|doubt| doubt.source.clone()).collect();
        self.displace(&sources)?;
        self.probe(doubts)
    }

    fn probe(&self, doubts: Vec<Doubt>) -> Result<(), Stop> {
        if doubts.is_empty() {
            return Ok(());
        }
        let post = &self.post;
        probe::start(&post.config, R::NAME, &post.name, &post.observer, doubts, &self.findings.0)
            .map_err(|error| Stop(error.to_string()))
    }

    /// Acts on what was found since the last turn.
    pub(super) fn take_findings(&mut self) -> Result<(), Stop> {
        let mut again = Vec::new();
        while let Ok((doubt, finding)) = self.findings.1.try_recv() {
            if let Some(doubt) = self.take_finding(doubt, finding)? {
                again.push(doubt);
            }
        }
        if !again.is_empty() {
            self.unanswered.get_or_insert((Instant::now() + AGAIN_PAUSE, Vec::new())).1.append(&mut again);
        }
        match self.unanswered.take() {
            Some((at, doubts)) if Instant::now() >= at => self.probe(doubts),
            later => {
                self.unanswered = later;
                Ok(())
            }
        }
    }

    fn take_finding(&mut self, doubt: Doubt, finding: Finding) -> Result<Option<Doubt>, Stop> {
        let now = Instant::now();
        let Some(seat) = self.seats.iter_mut().find(|seat| seat.era == doubt.era) else { return Ok(None) };
        let (source, next) = (&seat.source, seat.next);
        match finding {
            Finding::Away(reason) => {
                tracing::warn!(%source, next, reason, "a position in doubt was not answered for; asking again");
                return Ok(Some(doubt));
            }
            Finding::AtEnd => seat.stalled = None,
            Finding::Gone { begin } => {
                return Err(Stop(format!(
                    "records that were not yet read are gone: {source} from offset {next} to {begin}; \
                     raise the retention of the topic, and begin anew under another service.id"
                )));
            }
            Finding::Readable => {
                let since = seat.stalled.filter(|(at, _)| *at == next).map(|(_, since)| since);
                if since.is_some_and(|since| now.duration_since(since) >= self.post.config.stuck_after) {
                    return Err(Stop(format!(
                        "{source} has records from offset {next} on and the consumer has taken none for {} s; \
                         a defect of the client, which a restart mends",
                        self.post.config.stuck_after.as_secs()
                    )));
                }
            }
            Finding::Damaged { last, reason } => {
                let Some(stage) = &mut seat.stage else { return Ok(None) };
                self.post
                    .role
                    .pass_over(stage, next, last, &reason)
                    .map_err(|stop| Stop(format!("{source}: {stop}")))?;
                seat.next = last + 1;
                seat.stalled = None;
                self.post.observer.passed_over(&source.topic, source.number(), last + 1 - next);
                tracing::error!(%source, first = next, last, reason, "a batch that cannot be decoded is passed over");
            }
        }
        seat.examined = false;
        seat.seeking = Some(now);
        Ok(None)
    }
}
