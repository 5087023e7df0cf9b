//! What the worker takes from its consumer: records, ends, errors.

use super::damper::is_undecodable;
use super::restore::is_gone;
use super::role::Role;
use super::seat::Seat;
use super::source::Source;
use super::worker::Worker;
use crate::pipeline::Record;
use crate::pipeline::stage::Stop;
use crate::time::WallMs;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message, Timestamp};
use std::time::{Duration, Instant};

/// Records taken in one turn at most, so that commits and rebalances are not kept waiting.
const TURN_RECORDS: u32 = 20_000;
/// Longest wait for records.
const WAIT: Duration = Duration::from_millis(25);
/// Longest wait for records while a commit is in flight: its acknowledgement is to be seen soon.
const WAIT_IN_FLIGHT: Duration = Duration::from_millis(5);
/// How long the broker may take to tell where a partition begins.
const ASK_TIMEOUT: Duration = Duration::from_secs(2);

impl<R: Role> Worker<R> {
    /// Takes what has come, at most a turn's worth; the clock is read once.
    pub(super) fn intake(&mut self) -> Result<(), Stop> {
        let mut wait = match self.flying {
            true => WAIT_IN_FLIGHT,
            false => self.next_commit.saturating_duration_since(Instant::now()).min(WAIT),
        };
        let mut wall = None;
        for _ in 0..TURN_RECORDS {
            match self.consumer.poll(wait) {
                Some(Ok(message)) => {
                    let (wall, now) =
                        *wall.get_or_insert_with(|| (self.clock.read().greatest, Instant::now()));
                    if take(&*self.post.role, &mut self.seats, &mut self.last_taken, &message, wall, now)? {
                        return Ok(());
                    }
                }
                Some(Err(ClientError::PartitionEOF(partition))) => settle(&mut self.seats, partition),
                Some(Err(error)) if is_undecodable(&error) => return self.doubt_all(),
                Some(Err(error)) => {
                    self.judge(&error)?;
                    return Ok(());
                }
                None => return Ok(()),
            }
            if self.consumer.context().has_rebalance() {
                return Ok(());
            }
            wait = Duration::ZERO;
        }
        Ok(())
    }

    /// What the consumer cannot deal with itself stops the worker; the rest it has reported and retries.
    fn judge(&mut self, error: &ClientError) -> Result<(), Stop> {
        if is_gone(error) {
            let gone = self.gone();
            // A partition that is being restored begins at an offset that may be gone; its true position comes later.
            if gone.is_empty() {
                return Ok(());
            }
            return Err(Stop(format!(
                "records that were not yet read are gone: {gone} ({error}); \
                 raise the retention of the topic, and begin anew under another service.id"
            )));
        }
        match (error, error.rdkafka_error_code()) {
            (_, Some(RDKafkaErrorCode::FencedInstanceId)) => self.fenced(),
            (ClientError::MessageConsumptionFatal(_), _) => {
                Err(Stop(format!("the consumer failed: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// Where reading was to go on, and where the partition begins now: the client does not say of which it spoke.
    fn gone(&self) -> String {
        let begin = |source: &Source| {
            let ends = self.consumer.fetch_watermarks(&source.topic, source.partition, ASK_TIMEOUT);
            ends.map(|(begin, _)| begin)
        };
        let mut gone = Vec::new();
        for seat in self.seats.iter().filter(|seat| seat.is_open()) {
            // Without an answer nothing is known; a partition that then gives nothing is looked at again.
            if let Ok(begin) = begin(&seat.source)
                && begin > seat.next
            {
                gone.push(format!("{} from offset {} to {begin}", seat.source, seat.next));
            }
        }
        gone.join(", ")
    }

    /// Positions as the client knows them: lag, and the end where its notice does not name the topic.
    pub(super) fn read_ends(&mut self) {
        let now = Instant::now();
        for end in self.consumer.context().take_ends() {
            let Some(seat) = self.seats.iter_mut().find(|seat| seat.source == end.source) else { continue };
            if !seat.is_open() {
                continue;
            }
            if end.reached && end.told && !seat.ahead {
                seat.settle(now);
            }
            // Under steady load the end itself is seldom met: reaching what was the end counts as caught up.
            if end.reached || end.end <= seat.next {
                seat.stalled = None;
            } else if seat.stalled.is_none_or(|(next, _)| next != seat.next) {
                seat.stalled = Some((seat.next, now));
            }
            let target = *seat.target.get_or_insert(end.end);
            seat.caught_up |= seat.next >= target;
            let lag = if end.reached { 0 } else { end.end.saturating_sub(seat.next).max(0) };
            seat.lag = lag;
            self.post.observer.lag(R::KIND, &seat.source.topic, seat.source.number(), lag);
        }
    }
}

/// Gives a record to its stage. Says whether the stage is full.
fn take<R: Role>(
    role: &R,
    seats: &mut [Seat<R::Stage>],
    last: &mut usize,
    message: &BorrowedMessage<'_>,
    wall: WallMs,
    now: Instant,
) -> Result<bool, Stop> {
    let (topic, partition, offset) = (message.topic(), message.partition(), message.offset());
    let is_it = |seat: &Seat<R::Stage>| seat.source.partition == partition && *seat.source.topic == *topic;
    // Records of one partition come in runs.
    if !seats.get(*last).is_some_and(is_it) {
        match seats.iter().position(is_it) {
            Some(place) => *last = place,
            None => return Ok(false),
        }
    }
    let Some(seat) = seats.get_mut(*last).filter(|seat| seat.is_open() && offset >= seat.next) else {
        return Ok(false);
    };
    seat.quiet.stir(now);
    let Some(stage) = &mut seat.stage else { return Ok(false) };
    let appended = match message.timestamp() {
        Timestamp::LogAppendTime(at) => Some(WallMs(at)),
        Timestamp::CreateTime(_) | Timestamp::NotAvailable => None,
    };
    let record = Record { offset, appended, wall, key: message.key(), value: message.payload() };
    role.take(stage, record).map_err(|stop| Stop(format!("{} at offset {offset}: {stop}", seat.source)))?;
    seat.next = offset + 1;
    Ok(role.is_full(stage))
}

/// Notes the end of a partition. The notice names no topic: where two topics have one, statistics tell.
fn settle<S>(seats: &mut [Seat<S>], partition: i32) {
    let now = Instant::now();
    let mut of_partition = seats.iter_mut().filter(|seat| seat.source.partition == partition);
    if let (Some(seat), None) = (of_partition.next(), of_partition.next())
        && seat.is_open()
    {
        seat.settle(now);
    }
}
