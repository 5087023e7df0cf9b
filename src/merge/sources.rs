//! The sources of a shard: which batch of whom comes next, and how far each has got in time.
//!
//! Exactness does not lean on transactions alone: a batch counts once and in order, by (source, epoch, seq). Only
//! sources declare time; a source not yet heard of holds back the least watermark.

use crate::fault::{self, Guard};
use crate::measure::batch::BatchHead;
use crate::measure::wire::{Reader, WireError, Writer};
use crate::time::EventMs;

/// What a shard knows of one source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Input topic.
    pub topic: String,
    /// Input partition.
    pub partition: u32,
    /// Epoch of the last batch applied.
    pub epoch: u64,
    /// Seq of the last batch applied; 0 before the first.
    pub seq: u64,
    /// The settings of its last batch.
    pub config_epoch: u64,
    /// Its stream time.
    pub stream_time: Option<EventMs>,
    /// Its watermark.
    pub watermark: Option<EventMs>,
    /// Whether it was heard of.
    pub heard: bool,
}

/// What to do with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Apply it; it is of the source at this place.
    Apply(usize),
    /// It was applied before.
    Repeated,
    /// It is of an epoch that is over.
    Superseded,
}

/// All sources of a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    sources: Vec<Source>,
    /// Greatest stream time over the sources; only forward.
    pub shard_time: Option<EventMs>,
}

impl Sources {
    /// The sources of the input: (topic, partitions).
    #[must_use]
    pub fn new(topics: &[(String, u32)]) -> Sources {
        let mut sources = Sources::default();
        for (topic, partitions) in topics {
            for partition in 0..*partitions {
                sources.sources.push(Source { topic: topic.clone(), partition, ..Source::default() });
            }
        }
        sources
    }

    /// Judges a batch.
    ///
    /// # Errors
    /// A seq that leaves a gap: batches were lost. The text has the coordinates.
    pub fn judge(&mut self, head: &BatchHead, offset: i64) -> Result<Verdict, String> {
        let known = self
            .sources
            .iter()
            .position(|source| source.partition == head.partition && source.topic == head.topic);
        let at = known.unwrap_or_else(|| {
            let (topic, partition) = (head.topic.clone(), head.partition);
            self.sources.push(Source { topic, partition, ..Source::default() });
            self.sources.len() - 1
        });
        if fault::is_off(Guard::Seq) {
            return Ok(Verdict::Apply(at));
        }
        let source = &self.sources[at];
        if source.heard && head.epoch < source.epoch {
            return Ok(Verdict::Superseded);
        }
        if head.seq <= source.seq {
            return Ok(Verdict::Repeated);
        }
        if head.seq != source.seq + 1 {
            return Err(format!(
                "batches of {}/{} are missing before partials offset {offset}: seq {} came after {} \
                 (input offsets {}..{}); restore the partials topic, or begin anew under another service.id",
                head.topic, head.partition, head.seq, source.seq, head.from, head.to
            ));
        }
        Ok(Verdict::Apply(at))
    }

    /// Takes over what an applied batch says of its source's place; time moves with [`Sources::advance`].
    pub fn applied(&mut self, at: usize, head: &BatchHead) {
        let source = &mut self.sources[at];
        source.heard = true;
        source.epoch = head.epoch;
        source.seq = head.seq;
        source.config_epoch = head.config_epoch;
        source.stream_time = source.stream_time.max(head.stream_time);
        self.shard_time = self.shard_time.max(head.stream_time);
    }

    /// Takes over the watermark of an applied batch, after its contents were added.
    pub fn advance(&mut self, at: usize, head: &BatchHead) {
        let source = &mut self.sources[at];
        source.watermark = source.watermark.max(head.watermark);
    }

    /// The least watermark over all sources; `None` while one has none.
    #[must_use]
    pub fn least_watermark(&self) -> Option<EventMs> {
        let mut least = None;
        for source in &self.sources {
            let watermark = source.watermark?;
            least = Some(least.map_or(watermark, |at: EventMs| at.min(watermark)));
        }
        least
    }

    /// How many different settings the sources run with.
    #[must_use]
    pub fn config_epochs(&self) -> usize {
        let mut epochs: Vec<u64> =
            self.sources.iter().filter(|source| source.heard).map(|source| source.config_epoch).collect();
        epochs.sort_unstable();
        epochs.dedup();
        epochs.len()
    }

    /// The sources, in the order of configuration, then of appearance.
    #[must_use]
    pub fn all(&self) -> &[Source] {
        &self.sources
    }

    /// Writes the sources.
    pub fn write(&self, out: &mut Writer) {
        out.optional(self.shard_time.map(|at| at.0));
        out.unsigned(self.sources.len() as u64);
        for source in &self.sources {
            out.string(&source.topic);
            out.unsigned(u64::from(source.partition));
            out.unsigned(source.epoch);
            out.unsigned(source.seq);
            out.fixed(source.config_epoch);
            out.optional(source.stream_time.map(|at| at.0));
            out.optional(source.watermark.map(|at| at.0));
            out.byte(u8::from(source.heard));
        }
    }

    /// Reads sources over these: those that are configured but not in the bytes stay unheard of.
    ///
    /// # Errors
    /// The bytes end or are malformed.
    pub fn read(&mut self, reader: &mut Reader<'_>) -> Result<(), WireError> {
        self.shard_time = reader.optional()?.map(EventMs);
        for _ in 0..reader.count()? {
            let read = Source {
                topic: reader.string()?.to_owned(),
                partition: u32::try_from(reader.unsigned()?).unwrap_or(u32::MAX),
                epoch: reader.unsigned()?,
                seq: reader.unsigned()?,
                config_epoch: reader.fixed()?,
                stream_time: reader.optional()?.map(EventMs),
                watermark: reader.optional()?.map(EventMs),
                heard: reader.byte()? != 0,
            };
            let same = |known: &&mut Source| known.topic == read.topic && known.partition == read.partition;
            match self.sources.iter_mut().find(same) {
                Some(known) => *known = read,
                None => self.sources.push(read),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(partition: u32, epoch: u64, seq: u64, watermark: i64) -> BatchHead {
        BatchHead {
            topic: "events".to_owned(),
            partition,
            epoch,
            seq,
            stream_time: Some(EventMs(watermark + 5)),
            watermark: Some(EventMs(watermark)),
            ..BatchHead::default()
        }
    }

    #[test]
    fn a_batch_counts_once_and_in_order_and_a_gap_stops() {
        let mut sources = Sources::new(&[("events".to_owned(), 2)]);
        let first = head(0, 1, 1, 100);
        assert_eq!(sources.judge(&first, 0), Ok(Verdict::Apply(0)));
        sources.applied(0, &first);
        sources.advance(0, &first);
        assert_eq!(sources.judge(&first, 1), Ok(Verdict::Repeated));
        assert_eq!(sources.judge(&head(0, 0, 2, 100), 2), Ok(Verdict::Superseded));
        let gap = sources.judge(&head(0, 1, 3, 100), 3).unwrap_err();
        assert!(gap.contains("events/0") && gap.contains("offset 3"), "{gap}");
        assert_eq!(sources.least_watermark(), None);
        let other = head(1, 1, 1, 50);
        assert_eq!(sources.judge(&other, 4), Ok(Verdict::Apply(1)));
        sources.applied(1, &other);
        sources.advance(1, &other);
        assert_eq!(sources.least_watermark(), Some(EventMs(50)));
        assert_eq!(sources.shard_time, Some(EventMs(105)));
        let mut out = Writer::default();
        sources.write(&mut out);
        let mut read = Sources::new(&[("events".to_owned(), 2)]);
        read.read(&mut Reader::new(out.as_slice())).unwrap();
        assert_eq!(read, sources);
    }
}
