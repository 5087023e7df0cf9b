//! A batch: what one commit of one source says to one shard, and its bytes.
//!
//! Strings stand once in a dictionary, groups once in a table; deltas name a group by its place. A format
//! number comes first. The reader trusts nothing: every index is checked.

use super::delta::Delta;
use super::ordinals::Ordinals;
use super::wire::{Reader, WireError, Writer};
use crate::time::EventMs;
use crate::time::window::Slice;

/// The format this program writes and reads.
pub const BATCH_FORMAT: u8 = 1;

/// Dimension values of a group: at most this many.
pub const DIMENSIONS: usize = 10;

/// Which measurements a group of a batch takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Family {
    /// Of a contact, no agent known.
    Contact = 0,
    /// Of a contact and the agent who had it.
    Leg = 1,
    /// Of an agent's clock.
    Agent = 2,
    /// Agents by the queues that they serve: levels of now only.
    QueueAgents = 3,
}

impl Family {
    /// The family of a number on the wire.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Family> {
        [Family::Contact, Family::Leg, Family::Agent, Family::QueueAgents].get(usize::from(number)).copied()
    }
}

/// What every batch says before its contents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchHead {
    /// Hash of the settings that shape measures.
    pub config_epoch: u64,
    /// Input topic.
    pub topic: String,
    /// Input partition.
    pub partition: u32,
    /// Grows with each restore of the source.
    pub epoch: u64,
    /// Grows by 1 with each batch of the source for the shard.
    pub seq: u64,
    /// First input offset of the commit.
    pub from: i64,
    /// Next input offset after the commit.
    pub to: i64,
    /// Greatest event time accepted; `None` before the first.
    pub stream_time: Option<EventMs>,
    /// The source's watermark; `None` before the first event.
    pub watermark: Option<EventMs>,
    /// Whether the source was marked idle.
    pub idle: bool,
}

/// Levels of now of one group at one source: absolute, replaced and not added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NowLevels {
    /// Visits open.
    pub waiting: u32,
    /// Beginning of the oldest open visit.
    pub oldest: Option<EventMs>,
    /// Open visits past their threshold.
    pub breaching: u32,
    /// Open visits whose threshold passes within the risk horizon.
    pub at_risk: u32,
    /// Contacts that await a first response.
    pub awaiting: u32,
    /// Beginning of the oldest of them.
    pub oldest_awaiting: Option<EventMs>,
}

impl NowLevels {
    /// Writes the levels.
    pub fn write(&self, out: &mut Writer) {
        for count in [self.waiting, self.breaching, self.at_risk, self.awaiting] {
            out.unsigned(u64::from(count));
        }
        out.optional(self.oldest.map(|at| at.0));
        out.optional(self.oldest_awaiting.map(|at| at.0));
    }

    /// Reads levels.
    ///
    /// # Errors
    /// The bytes end.
    pub fn read(reader: &mut Reader<'_>) -> Result<NowLevels, WireError> {
        let mut counts = [0u32; 4];
        for count in &mut counts {
            *count = u32::try_from(reader.unsigned()?).unwrap_or(u32::MAX);
        }
        let [waiting, breaching, at_risk, awaiting] = counts;
        Ok(NowLevels {
            waiting,
            breaching,
            at_risk,
            awaiting,
            oldest: reader.optional()?.map(EventMs),
            oldest_awaiting: reader.optional()?.map(EventMs),
        })
    }
}

/// Collects the groups and contents of a batch.
#[derive(Debug, Default)]
pub struct BatchWriter {
    strings: Writer,
    string_places: Ordinals,
    groups: Writer,
    group_places: Ordinals,
    deltas: Writer,
    delta_count: u64,
    now: Writer,
    now_count: u64,
}

impl BatchWriter {
    /// Whether it has no contents.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.delta_count == 0 && self.now_count == 0
    }

    /// Bytes collected so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.strings.len() + self.groups.len() + self.deltas.len() + self.now.len()
    }

    /// The place of a group, written when it is first named. `id` tells groups apart within the writer's owner;
    /// `values` are its dimension values, as (id of the string, string), empty where unknown.
    pub fn group<'n>(
        &mut self,
        id: u32,
        family: Family,
        values: impl Iterator<Item = (u32, &'n str)>,
    ) -> u64 {
        let (place, is_new) = self.group_places.place(id);
        if !is_new {
            return place;
        }
        self.groups.byte(family as u8);
        for (string_id, string) in values {
            let (at, is_new) = self.string_places.place(string_id);
            if is_new {
                self.strings.string(string);
            }
            self.groups.unsigned(at);
        }
        place
    }

    /// Adds a delta of a group's place.
    pub fn delta(&mut self, group: u64, slice: Slice, delta: &Delta) {
        self.deltas.unsigned(group);
        self.deltas.signed(slice.0);
        delta.write(&mut self.deltas);
        self.delta_count += 1;
    }

    /// Adds levels of now of a group's place.
    pub fn now(&mut self, group: u64, levels: &NowLevels) {
        self.now.unsigned(group);
        levels.write(&mut self.now);
        self.now_count += 1;
    }

    /// The bytes of the batch; the writer is empty again.
    #[must_use]
    pub fn finish(&mut self, head: &BatchHead) -> Vec<u8> {
        let mut out = Writer::with_capacity(self.len() + 96 + head.topic.len());
        write_head(head, &mut out);
        out.unsigned(self.string_places.given());
        out.raw(self.strings.as_slice());
        out.unsigned(self.group_places.given());
        out.raw(self.groups.as_slice());
        out.unsigned(self.delta_count);
        out.raw(self.deltas.as_slice());
        out.unsigned(self.now_count);
        out.raw(self.now.as_slice());
        for part in [&mut self.strings, &mut self.groups, &mut self.deltas, &mut self.now] {
            part.clear();
        }
        self.string_places.clear();
        self.group_places.clear();
        (self.delta_count, self.now_count) = (0, 0);
        out.into_bytes()
    }
}

fn write_head(head: &BatchHead, out: &mut Writer) {
    out.byte(BATCH_FORMAT);
    out.fixed(head.config_epoch);
    out.string(&head.topic);
    out.unsigned(u64::from(head.partition));
    out.unsigned(head.epoch);
    out.unsigned(head.seq);
    out.signed(head.from);
    out.signed(head.to);
    out.optional(head.stream_time.map(|at| at.0));
    out.optional(head.watermark.map(|at| at.0));
    out.byte(u8::from(head.idle));
}

fn read_head(reader: &mut Reader<'_>) -> Result<BatchHead, WireError> {
    if reader.byte()? != BATCH_FORMAT {
        return Err(WireError { expected: "batch format 1", position: 0 });
    }
    Ok(BatchHead {
        config_epoch: reader.fixed()?,
        topic: reader.string()?.to_owned(),
        partition: u32::try_from(reader.unsigned()?).unwrap_or(u32::MAX),
        epoch: reader.unsigned()?,
        seq: reader.unsigned()?,
        from: reader.signed()?,
        to: reader.signed()?,
        stream_time: reader.optional()?.map(EventMs),
        watermark: reader.optional()?.map(EventMs),
        idle: reader.byte()? != 0,
    })
}

/// A group as a batch names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchGroup {
    /// Which measurements it takes.
    pub family: Family,
    /// Its dimension values in canonical order, as places in [`BatchReader::strings`].
    pub values: [u32; DIMENSIONS],
}

/// Reads a batch: head and groups at once, contents one by one.
#[derive(Debug)]
pub struct BatchReader<'a> {
    /// The head.
    pub head: BatchHead,
    /// The dictionary: dimension values, each once.
    pub strings: Vec<&'a str>,
    /// The groups, by place.
    pub groups: Vec<BatchGroup>,
    reader: Reader<'a>,
}

impl<'a> BatchReader<'a> {
    /// Reads head, dictionary and groups.
    ///
    /// # Errors
    /// The bytes end, are malformed or of another format.
    pub fn new(bytes: &'a [u8]) -> Result<BatchReader<'a>, WireError> {
        let mut reader = Reader::new(bytes);
        let head = read_head(&mut reader)?;
        let mut strings = Vec::new();
        for _ in 0..reader.count()? {
            strings.push(reader.string()?);
        }
        let mut groups = Vec::new();
        for _ in 0..reader.count()? {
            let malformed = WireError { expected: "a known family and string", position: 0 };
            let family = Family::from_number(reader.byte()?).ok_or_else(|| malformed.clone())?;
            let mut values = [0; DIMENSIONS];
            for value in &mut values {
                let at = u32::try_from(reader.unsigned()?).unwrap_or(u32::MAX);
                *value = if (at as usize) < strings.len() { at } else { return Err(malformed) };
            }
            groups.push(BatchGroup { family, values });
        }
        Ok(BatchReader { head, strings, groups, reader })
    }

    /// Hands each delta to `each` as (place of the group, slice, delta); returns how many unknown measures were skipped.
    ///
    /// # Errors
    /// The bytes end or are malformed; what was handed over before stays handed over, so that a stage that is told so
    /// must stop.
    pub fn deltas(&mut self, mut each: impl FnMut(usize, Slice, &Delta)) -> Result<u64, WireError> {
        let mut delta = Delta::default();
        let mut unknown = 0;
        for _ in 0..self.reader.count()? {
            let group = self.group_place()?;
            let slice = Slice(self.reader.signed()?);
            unknown += delta.read(&mut self.reader)?;
            each(group, slice, &delta);
        }
        Ok(unknown)
    }

    /// Hands the levels of now to `each`; call after [`BatchReader::deltas`].
    ///
    /// # Errors
    /// The bytes end or are malformed.
    pub fn now_levels(&mut self, mut each: impl FnMut(usize, NowLevels)) -> Result<(), WireError> {
        for _ in 0..self.reader.count()? {
            let group = self.group_place()?;
            each(group, NowLevels::read(&mut self.reader)?);
        }
        Ok(())
    }

    /// Reads a batch to its end without applying it.
    ///
    /// # Errors
    /// Anything in it is malformed.
    pub fn check(bytes: &'a [u8]) -> Result<BatchHead, WireError> {
        let mut batch = BatchReader::new(bytes)?;
        batch.deltas(|_, _, _| {})?;
        batch.now_levels(|_, _| {})?;
        Ok(batch.head)
    }

    fn group_place(&mut self) -> Result<usize, WireError> {
        let place = usize::try_from(self.reader.unsigned()?).unwrap_or(usize::MAX);
        if place < self.groups.len() {
            Ok(place)
        } else {
            Err(WireError { expected: "the place of a group in this batch", position: 0 })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::ids::Count;
    use proptest::prelude::*;

    fn sample() -> Vec<u8> {
        let mut writer = BatchWriter::default();
        let values = |queue: &'static str| {
            let mut values = [(0, ""); DIMENSIONS];
            values[0] = (1, "acme");
            values[2] = (2, queue);
            values.into_iter()
        };
        let place = writer.group(7, Family::Contact, values("billing"));
        assert_eq!(writer.group(7, Family::Contact, values("billing")), place);
        let mut delta = Delta::default();
        delta.count(Count::ContactsOffered, 3);
        writer.delta(place, Slice(5), &delta);
        writer.now(place, &NowLevels { waiting: 2, oldest: Some(EventMs(9)), ..NowLevels::default() });
        let head = BatchHead { topic: "events".to_owned(), seq: 4, ..BatchHead::default() };
        let bytes = writer.finish(&head);
        assert!(writer.is_empty());
        bytes
    }

    #[test]
    fn a_batch_reads_back() {
        let bytes = sample();
        let mut batch = BatchReader::new(&bytes).unwrap();
        assert_eq!((batch.head.topic.as_str(), batch.head.seq), ("events", 4));
        let named = batch.groups[0].values.map(|place| batch.strings[place as usize]);
        assert_eq!(named[..3], ["acme", "", "billing"]);
        let mut seen = Vec::new();
        batch.deltas(|group, slice, delta| seen.push((group, slice, delta.counts.clone()))).unwrap();
        assert_eq!(seen, [(0, Slice(5), vec![(Count::ContactsOffered, 3)])]);
        let mut waiting = 0;
        batch.now_levels(|_, levels| waiting += levels.waiting).unwrap();
        assert_eq!(waiting, 2);
        assert!(BatchReader::check(&bytes).is_ok());
    }

    proptest! {
        #[test]
        fn damaged_batches_are_errors_and_never_panics(at in 0usize..60, byte: u8, cut in 0usize..60) {
            let mut bytes = sample();
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = BatchReader::check(&bytes);
            bytes.truncate(cut);
            let _ = BatchReader::check(&bytes);
        }
    }
}
