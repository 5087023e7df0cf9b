//! The head of a partition's state: what must fit, where it stands, and every small count.

use super::fields::malformed;
use super::part::{read_generation, write_generation};
use crate::fold::clock::PartitionClock;
use crate::fold::config::FoldConfig;
use crate::fold::conservation::SideCounts;
use crate::fold::dedup::GenerationId;
use crate::kpi::groups::Dimension;
use crate::measure::cells::SIGNIFICANT_DIGITS;
use crate::measure::wire::{Reader, WireError, Writer};
use crate::time::EventMs;
use crate::time::window::SLICE_MS;
use siphasher::sip::SipHasher13;
use std::hash::Hasher;

/// The format this program writes and reads.
pub(super) const STATE_FORMAT: u8 = 1;

/// What cannot change under existing state, and its name.
pub(super) type Layout = [(&'static str, u64); 4];

/// The layout that the configuration asks for. The hash key stands as its fingerprint.
pub(super) fn layout_of(config: &FoldConfig) -> Layout {
    let mut hasher = SipHasher13::new_with_key(&config.hash_key);
    hasher.write(b"intraday layout");
    [
        ("fingerprint of service.hash_key", hasher.finish()),
        ("shards", u64::from(config.shards)),
        ("slice length in milliseconds", SLICE_MS as u64),
        ("digits of quantiles", u64::from(SIGNIFICANT_DIGITS)),
    ]
}

/// The head, layout left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub config_epoch: u64,
    /// Of the source.
    pub epoch: u64,
    /// Of the commit.
    pub seq: u64,
    /// The last commit that wrote changes.
    pub changes_seq: u64,
    /// The last commit whose fingerprints all lie in blocks.
    pub held: u64,
    /// Next input offset.
    pub to: i64,
    pub clock: PartitionClock,
    /// Last batch of each shard.
    pub shard_seqs: Vec<u64>,
    /// Records by result.
    pub conservation: Vec<u64>,
    pub side: SideCounts,
    pub overflow: [u64; Dimension::LEN],
    pub closed_early: u64,
    pub generations: Vec<GenerationId>,
    pub ids: u64,
    pub names: u64,
    pub contacts: u64,
    pub agents: u64,
}

pub(super) fn write_head(head: &Head, layout: &Layout) -> Vec<u8> {
    let mut out = Writer::with_capacity(256);
    out.byte(STATE_FORMAT);
    layout.iter().for_each(|(_, value)| out.fixed(*value));
    out.fixed(head.config_epoch);
    for number in [head.epoch, head.seq, head.changes_seq, head.held] {
        out.unsigned(number);
    }
    out.signed(head.to);
    out.optional(head.clock.stream_time.map(|at| at.0));
    out.optional(head.clock.event_time.map(|at| at.0));
    out.byte(u8::from(head.clock.idle));
    for list in [&head.shard_seqs, &head.conservation] {
        out.unsigned(list.len() as u64);
        list.iter().for_each(|number| out.unsigned(*number));
    }
    let SideCounts { unknown_values, expired, refused } = head.side;
    for number in [unknown_values, expired, refused, head.closed_early] {
        out.unsigned(number);
    }
    head.overflow.iter().for_each(|number| out.unsigned(*number));
    out.unsigned(head.generations.len() as u64);
    head.generations.iter().for_each(|generation| write_generation(*generation, &mut out));
    for number in [head.ids, head.names, head.contacts, head.agents] {
        out.unsigned(number);
    }
    out.into_bytes()
}

/// Format and layout of a head, then what is left to read.
pub(super) fn read_layout(bytes: &[u8]) -> Result<(u8, [u64; 4], Reader<'_>), WireError> {
    let mut reader = Reader::new(bytes);
    let format = reader.byte()?;
    let mut values = [0; 4];
    if format == STATE_FORMAT {
        for value in &mut values {
            *value = reader.fixed()?;
        }
    }
    Ok((format, values, reader))
}

/// The rest of a head, after [`read_layout`].
pub(super) fn read_head(mut reader: Reader<'_>) -> Result<Head, WireError> {
    let reader = &mut reader;
    let mut head = Head { config_epoch: reader.fixed()?, ..Head::default() };
    for number in [&mut head.epoch, &mut head.seq, &mut head.changes_seq, &mut head.held] {
        *number = reader.unsigned()?;
    }
    head.to = reader.signed()?;
    head.clock = PartitionClock {
        stream_time: reader.optional()?.map(EventMs),
        event_time: reader.optional()?.map(EventMs),
        idle: reader.byte()? != 0,
    };
    for list in [&mut head.shard_seqs, &mut head.conservation] {
        for _ in 0..reader.count()? {
            list.push(reader.unsigned()?);
        }
    }
    let side = &mut head.side;
    for number in [&mut side.unknown_values, &mut side.expired, &mut side.refused, &mut head.closed_early] {
        *number = reader.unsigned()?;
    }
    for number in &mut head.overflow {
        *number = reader.unsigned()?;
    }
    for _ in 0..reader.count()? {
        head.generations.push(read_generation(reader)?);
    }
    for number in [&mut head.ids, &mut head.names, &mut head.contacts, &mut head.agents] {
        *number = reader.unsigned()?;
    }
    let in_order = head.changes_seq <= head.seq && head.held <= head.seq;
    if in_order && reader.at_end() {
        Ok(head)
    } else {
        Err(malformed("a head that ends here, its commits in order"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_reads_back_and_a_short_one_is_an_error() {
        let head = Head {
            seq: 9,
            changes_seq: 8,
            to: -1,
            clock: PartitionClock { stream_time: Some(EventMs(5)), event_time: None, idle: true },
            shard_seqs: vec![1, 2],
            conservation: vec![7; 17],
            generations: vec![GenerationId { serial: 4, began: EventMs(3) }],
            agents: 300,
            ..Head::default()
        };
        let layout = layout_of(&FoldConfig::default());
        let bytes = write_head(&head, &layout);
        let (format, values, reader) = read_layout(&bytes).unwrap();
        assert_eq!((format, values), (STATE_FORMAT, layout.map(|(_, value)| value)));
        assert_eq!(read_head(reader).unwrap(), head);
        for cut in 34..bytes.len() {
            let (_, _, reader) = read_layout(&bytes[..cut]).unwrap();
            assert!(read_head(reader).is_err(), "{cut}");
        }
    }
}
