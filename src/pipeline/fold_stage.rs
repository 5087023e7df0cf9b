//! Stage 1 of one input partition behind its seam: step, then commit.
//!
//! It keeps offsets and dead letters, and makes a commit of what the fold collected. It reads no clock.

use super::stage::Stop;
use super::{Commit, DeadLetter, Effect, FoldInput, Record, StageKind, StageReport};
use crate::fold::FoldConfig;
use crate::fold::commit::Outbox;
use crate::fold::config::DeadLetterContent;
use crate::fold::partition::{Fold, Refusal};
use crate::fold::state::{Position, StateLog, restore};
use crate::measure::batch::BatchHead;
use crate::time::{EventMs, MINUTE_MS, Millis, WallMs};
use std::sync::Arc;

/// Bytes of deltas, and of changed state, at which a commit is full.
const COLLECTED_BYTES_MAX: usize = 512 * 1024;

/// Records at which a commit is full.
const RECORDS_MAX: usize = 20_000;

/// Bytes of dead letters at which a commit is full.
const DEAD_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes of a value that a dead letter keeps.
const DEAD_VALUE_MAX: usize = 512 * 1024;

/// Why offsets are dead letters that no record could be read from.
const UNDECODABLE: &str = "undecodable";
/// How long an overflow of names is told after the last one: scrapes and people see it, wall time.
const OVERFLOW_TOLD_MS: Millis = 10 * MINUTE_MS;

/// Stage 1 of one input partition.
pub struct FoldStage {
    fold: Fold,
    outbox: Outbox,
    log: StateLog,
    config: Arc<FoldConfig>,
    /// Source and offsets of the commit that is being filled.
    head: BatchHead,
    records: usize,
    dead_letters: Vec<DeadLetter>,
    dead_bytes: usize,
    /// Names that had become `__other__` at the last commit.
    overflowed: u64,
    /// The configuration that its state was written under.
    written_under: u64,
    /// When that last grew.
    overflowed_at: Option<WallMs>,
}

impl FoldStage {
    /// A stage without state, at `start_offset` of the partition.
    #[must_use]
    pub fn new(config: Arc<FoldConfig>, topic: &str, partition: u32, start_offset: i64) -> FoldStage {
        let (fold, outbox) = (Fold::new(&config), Outbox::new(&config, &[]));
        let head = head_of(&config, topic, partition, start_offset, 1);
        FoldStage::at(fold, outbox, StateLog::default(), config, head)
    }

    /// A stage from its state records (last value per key, tombstones left out), continuing at `offset`, one epoch
    /// later.
    ///
    /// # Errors
    /// The records do not fit together, are of another layout or end at another offset; the text says what to do.
    pub fn restore<'a>(
        config: Arc<FoldConfig>,
        topic: &str,
        partition: u32,
        offset: i64,
        records: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Result<FoldStage, Stop> {
        let restored = restore(&config, offset, records)
            .map_err(|error| Stop(format!("fold state of {topic}/{partition}: {error}")))?;
        let outbox = Outbox::new(&config, &restored.shard_seqs);
        let head = head_of(&config, topic, partition, offset, restored.epoch + 1);
        let mut stage = FoldStage::at(restored.fold, outbox, restored.log, config, head);
        stage.written_under = restored.config_epoch;
        Ok(stage)
    }

    /// Whether it was restored from state that was written under other settings that shape measures.
    #[must_use]
    pub fn is_resettled(&self) -> bool {
        self.written_under != self.config.config_epoch
    }

    fn at(fold: Fold, outbox: Outbox, log: StateLog, config: Arc<FoldConfig>, head: BatchHead) -> FoldStage {
        let overflowed = fold.names_overflowed().iter().sum();
        let (dead_letters, dead_bytes) = (Vec::new(), 0);
        let written_under = config.config_epoch;
        FoldStage {
            fold,
            outbox,
            log,
            config,
            head,
            records: 0,
            dead_letters,
            dead_bytes,
            overflowed,
            written_under,
            overflowed_at: None,
        }
    }

    /// Takes one input.
    pub fn step(&mut self, input: FoldInput<'_>) {
        match input {
            FoldInput::Record(record) => {
                self.head.to = record.offset + 1;
                self.records += 1;
                let now = record.appended.unwrap_or(record.wall);
                if let Some(refusal) = self.fold.record(record.offset, record.value, now) {
                    self.bury(&record, refusal);
                }
            }
            FoldInput::Undecodable { first, last, why } => {
                self.head.to = last + 1;
                self.records += 1;
                let detail = format!("offsets {first} to {last} hold a batch that cannot be decoded: {why}");
                self.dead_bytes += detail.len();
                let (last_offset, reason) = (Some(last), UNDECODABLE);
                let (key, value, original_size) = (None, None, None);
                let letter =
                    DeadLetter { offset: first, last_offset, reason, detail, key, value, original_size };
                self.dead_letters.push(letter);
            }
            FoldInput::Idle { wall } => self.fold.idle(wall),
            FoldInput::End { levels_stop, until } => self.fold.end(levels_stop, until),
        }
    }

    /// The partition's stream time.
    #[must_use]
    pub const fn stream_time(&self) -> Option<EventMs> {
        self.fold.stream_time()
    }

    /// Commits taken over the partition's life; the state's head has the same number.
    #[must_use]
    pub const fn commits(&self) -> u64 {
        self.log.seq()
    }

    /// Contacts that are open: not over, not left.
    #[must_use]
    pub fn open_contacts(&self) -> usize {
        self.fold.open_contacts()
    }

    /// Whether the commit should be taken now because its buffers are full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.records > RECORDS_MAX
            || self.dead_bytes > DEAD_BYTES_MAX
            || self.fold.collected_bytes() > COLLECTED_BYTES_MAX
            || self.fold.changed_bytes() > COLLECTED_BYTES_MAX
    }

    /// Takes what changed since the last commit; `None` if there is nothing and no heartbeat (each second) is due.
    pub fn commit(&mut self, wall: WallMs) -> Option<Commit> {
        self.head.stream_time = self.fold.stream_time();
        self.head.watermark = self.fold.watermark();
        self.head.idle = self.fold.is_idle();
        let silent = self.records == 0 && self.fold.is_unchanged();
        if silent && !self.outbox.is_due(&self.head, wall) {
            return None;
        }
        let batches = self.outbox.take(&mut self.fold, &mut self.head, wall);
        let (from, to) = (self.head.from, self.head.to);
        let seqs = self.outbox.seqs();
        let position = Position { epoch: self.head.epoch, to, shard_seqs: &seqs };
        let state = self.log.write(&mut self.fold, &position);
        let batches = batches.into_iter().map(|(shard, bytes)| Effect::Batch { shard, bytes });
        let state = state.into_iter().map(|(key, value)| Effect::State { key, value });
        let dead_letters = self.dead_letters.drain(..).map(Effect::DeadLetter);
        let effects = batches.chain(state).chain(dead_letters).collect();
        let report = self.report(wall);
        self.head.from = to;
        (self.records, self.dead_bytes) = (0, 0);
        let (stage, partition) = (StageKind::Fold, self.head.partition);
        Some(Commit { stage, partition, from, to, effects, exposed: Vec::new(), report })
    }

    fn bury(&mut self, record: &Record<'_>, refusal: Refusal) {
        let Refusal { offset, reason, detail } = refusal;
        let content = self.config.dead_letters;
        let key = record.key.and_then(|key| kept(key, content));
        let value = record.value.and_then(|value| kept(value, content));
        let size = record.value.map(<[u8]>::len);
        let original_size = size.filter(|size| *size > DEAD_VALUE_MAX && value.is_some());
        let bytes = key.as_ref().map_or(0, Vec::len) + value.as_ref().map_or(0, Vec::len) + detail.len();
        self.dead_bytes += bytes;
        self.dead_letters.push(DeadLetter {
            offset,
            last_offset: None,
            reason,
            detail,
            key,
            value,
            original_size,
        });
    }

    fn report(&mut self, wall: WallMs) -> StageReport {
        let fold = &self.fold;
        let overflowed = fold.names_overflowed().iter().sum();
        if overflowed > self.overflowed {
            (self.overflowed, self.overflowed_at) = (overflowed, Some(wall));
        }
        let active = self.overflowed_at.is_some_and(|at| wall.0.saturating_sub(at.0) < OVERFLOW_TOLD_MS);
        let mut figures = fold.figures();
        figures.extend([
            ("names_overflowed", overflowed as i64),
            ("label_overflow_active", i64::from(active)),
            ("epoch", self.head.epoch as i64),
            ("commits", self.log.seq() as i64),
        ]);
        StageReport {
            results: fold.conservation().rows(),
            figures,
            stream_time: self.head.stream_time,
            watermark: self.head.watermark,
        }
    }
}

fn head_of(config: &FoldConfig, topic: &str, partition: u32, offset: i64, epoch: u64) -> BatchHead {
    let (config_epoch, topic) = (config.config_epoch, topic.to_owned());
    BatchHead { config_epoch, topic, partition, epoch, from: offset, to: offset, ..BatchHead::default() }
}

/// What a dead letter keeps of a key or value.
fn kept(bytes: &[u8], content: DeadLetterContent) -> Option<Vec<u8>> {
    let bytes = &bytes[..bytes.len().min(DEAD_VALUE_MAX)];
    match content {
        DeadLetterContent::Original => Some(bytes.to_vec()),
        DeadLetterContent::Redacted => Some(redacted(bytes)),
        DeadLetterContent::None => None,
    }
}

/// Letters become x, digits 0, and what is not UTF-8 x byte by byte; the rest stays, so that the shape can be seen.
fn redacted(bytes: &[u8]) -> Vec<u8> {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.extend(chunk.valid().chars().map(|letter| match letter {
            letter if letter.is_numeric() => '0',
            letter if letter.is_ascii_punctuation() || letter.is_ascii_whitespace() => letter,
            _ => 'x',
        }));
        text.extend(chunk.invalid().iter().map(|_| 'x'));
    }
    text.into_bytes()
}

impl std::fmt::Debug for FoldStage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FoldStage").field("head", &self.head).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuse(content: DeadLetterContent, value: &[u8]) -> DeadLetter {
        let config = Arc::new(FoldConfig { dead_letters: content, ..FoldConfig::default() });
        let mut stage = FoldStage::new(config, "events", 2, 40);
        let (wall, key) = (WallMs(1_767_600_000_000), Some(&b"k1"[..]));
        stage.step(FoldInput::Record(Record { offset: 40, appended: None, wall, key, value: Some(value) }));
        let commit = stage.commit(wall).unwrap();
        assert_eq!((commit.partition, commit.from, commit.to), (2, 40, 41));
        let rejected: u64 =
            commit.report.results.iter().filter(|row| row.0 == "rejected").map(|row| row.2).sum();
        assert_eq!(rejected, 1);
        let found = commit.effects.into_iter().find_map(|effect| match effect {
            Effect::DeadLetter(letter) => Some(letter),
            _ => None,
        });
        assert!(stage.commit(wall).is_none());
        found.unwrap()
    }

    #[test]
    fn dead_letters_keep_what_is_configured() {
        let letter = refuse(DeadLetterContent::Original, b"{\"a\":1");
        assert_eq!((letter.offset, letter.reason, letter.original_size), (40, "not_json", None));
        assert_eq!(
            (letter.key.as_deref(), letter.value.as_deref()),
            (Some(&b"k1"[..]), Some(&b"{\"a\":1"[..]))
        );
        let letter = refuse(DeadLetterContent::Redacted, "{\"n\u{e4}\":17\u{ff}".as_bytes());
        assert_eq!(
            (letter.key.as_deref(), letter.value.as_deref()),
            (Some(&b"x0"[..]), Some(&b"{\"xx\":00x"[..]))
        );
        let letter = refuse(DeadLetterContent::None, b"{");
        assert_eq!((letter.key, letter.value), (None, None));
    }

    #[test]
    fn an_overflow_of_names_is_told_for_minutes() {
        let config = Arc::new(FoldConfig { max_names: 2, ..FoldConfig::default() });
        let mut stage = FoldStage::new(config, "events", 0, 0);
        let begin = 1_767_600_000_000;
        let mut told = |offset: i64, after_ms: i64| {
            let wall = WallMs(begin + after_ms);
            let text = format!(
                "{{\"id\":\"{offset}\",\"type\":\"contact.queued\",\"time\":{},\"tenant\":\"a\",\
                 \"contact_id\":\"c{offset}\",\"channel\":\"voice\",\"queue\":\"q{offset}\"}}",
                wall.0
            );
            // Nothing but heartbeats from the fifth on.
            if offset < 5 {
                let value = Some(text.as_bytes());
                stage.step(FoldInput::Record(Record { offset, appended: None, wall, key: None, value }));
            }
            let figures = stage.commit(wall).unwrap().report.figures;
            figures.iter().find(|row| row.0 == "label_overflow_active").unwrap().1
        };
        assert_eq!(told(0, 0), 0);
        let last = (1..5).map(|offset| told(offset, offset * 1_000)).last();
        assert_eq!(last, Some(1));
        assert_eq!(told(5, OVERFLOW_TOLD_MS), 1);
        assert_eq!(told(6, OVERFLOW_TOLD_MS + 4_000), 0);
    }

    #[test]
    fn a_long_value_is_cut_and_says_its_size() {
        let letter = refuse(DeadLetterContent::Original, &vec![b'a'; DEAD_VALUE_MAX + 5]);
        assert_eq!(letter.value.map(|value| value.len()), Some(DEAD_VALUE_MAX));
        assert_eq!(letter.original_size, Some(DEAD_VALUE_MAX + 5));
    }

    #[test]
    fn nothing_new_is_no_commit_until_a_heartbeat_is_due() {
        let mut stage = FoldStage::new(Arc::new(FoldConfig::default()), "events", 0, 7);
        let first = stage.commit(WallMs(0)).unwrap();
        let batches = |commit: &Commit| {
            commit.effects.iter().filter(|effect| matches!(effect, Effect::Batch { .. })).count()
        };
        assert_eq!((first.from, first.to, batches(&first)), (7, 7, 8));
        assert!(stage.commit(WallMs(999)).is_none());
        assert_eq!(stage.commit(WallMs(1_000)).map(|commit| batches(&commit)), Some(8));
        stage.step(FoldInput::Idle { wall: WallMs(1_000) });
        let marked = stage.commit(WallMs(1_000)).unwrap();
        assert_eq!((batches(&marked), marked.report.stream_time.map(|at| at.0)), (8, Some(1_000)));
    }
}
