//! What a commit says to merge: the deltas collected, one batch per shard or several, and heartbeats.
//!
//! A tenant lies in one shard, by keyed hash. The sequence of a shard grows by 1 with each batch written for it, so
//! that merge can tell a gap. It knows nothing of who carries the batches.

use super::config::FoldConfig;
use super::partition::Fold;
use super::sink::Group;
use crate::ids::{DenseMap, Sym};
use crate::kpi::groups::Dimension;
use crate::measure::batch::{BatchHead, BatchWriter, Family};
use crate::measure::delta::Delta;
use crate::time::window::Slice;
use crate::time::{EventMs, Millis, SECOND_MS, WallMs};
use siphasher::sip::SipHasher13;
use std::hash::Hasher;

/// Bytes at which a batch is closed and the next begun; with one more delta it stays below 768 KiB.
const BATCH_BYTES: usize = 500 * 1024;

/// Durations that one delta of a batch holds at most: 11 bytes each, so less than 192 KiB.
const VALUES_MAX: usize = 16_384;

/// Groups whose ids are kept from commit to commit.
const GROUPS_MAX: usize = 50_000;

/// How often a shard hears of the source at least, by the clock and by the watermark.
const HEARTBEAT_MS: Millis = SECOND_MS;

/// A batch: its shard and its bytes.
pub type ShardBatch = (u32, Vec<u8>);

/// What the shards were told, and what they are to be told.
#[derive(Debug)]
pub struct Outbox {
    lanes: Vec<Lane>,
    /// The shard of a group, and its id there.
    ids: DenseMap<Group, (u32, u32)>,
    shard_by_tenant: DenseMap<Sym, u32>,
    hash_key: [u8; 16],
}

#[derive(Debug, Default)]
struct Lane {
    writer: BatchWriter,
    /// Groups that have an id here.
    groups: u32,
    seq: u64,
    told: Option<Told>,
}

/// What the last batch of a shard said, and when.
#[derive(Clone, Copy, Debug)]
struct Told {
    wall: WallMs,
    watermark: Option<EventMs>,
    idle: bool,
}

/// The shard of a tenant.
#[must_use]
pub fn shard_of(hash_key: &[u8; 16], tenant: &str, shards: u32) -> u32 {
    let mut hasher = SipHasher13::new_with_key(hash_key);
    hasher.write(tenant.as_bytes());
    (hasher.finish() % u64::from(shards.max(1))) as u32
}

impl Outbox {
    /// An outbox whose shards have had as many batches as `seqs` says; each is owed one that tells the epoch.
    #[must_use]
    pub fn new(config: &FoldConfig, seqs: &[u64]) -> Outbox {
        let lanes = (0..config.shards.max(1) as usize)
            .map(|shard| Lane { seq: seqs.get(shard).copied().unwrap_or(0), ..Lane::default() })
            .collect();
        let (ids, shard_by_tenant) = (DenseMap::default(), DenseMap::default());
        Outbox { lanes, ids, shard_by_tenant, hash_key: config.hash_key }
    }

    /// Sequence number of the last batch of each shard.
    #[must_use]
    pub fn seqs(&self) -> Vec<u64> {
        self.lanes.iter().map(|lane| lane.seq).collect()
    }

    /// Whether a shard is owed a heartbeat.
    #[must_use]
    pub fn is_due(&self, head: &BatchHead, wall: WallMs) -> bool {
        self.lanes.iter().any(|lane| lane.is_due(head, wall))
    }

    /// Takes everything that the fold collected for merge and writes it under `head`; shards without contents get a
    /// heartbeat if one is due.
    pub fn take(&mut self, fold: &mut Fold, head: &mut BatchHead, wall: WallMs) -> Vec<ShardBatch> {
        let mut batches = Vec::with_capacity(self.lanes.len());
        if self.ids.len() > GROUPS_MAX {
            self.ids.clear();
            self.lanes.iter_mut().for_each(|lane| lane.groups = 0);
        }
        let before = self.seqs();
        let Fold { sink, now, places, clock, .. } = fold;
        let mut post =
            Post { outbox: self, text: |sym| places.names.text(sym), head, wall, batches: &mut batches };
        sink.drain(|group, slice, delta| post.delta(group, slice, delta));
        let stream_time = clock.stream_time.unwrap_or_default();
        now.changes(stream_time, |dims, levels| {
            let group = Group { family: Family::Contact, dims: *dims };
            let (shard, place) = post.place(&group);
            post.outbox.lanes[shard].writer.now(place, levels);
            post.close_if_full(shard);
        });
        for (shard, lane) in self.lanes.iter_mut().enumerate() {
            let silent = lane.writer.is_empty() && lane.seq == before[shard];
            if !lane.writer.is_empty() || (silent && lane.is_due(head, wall)) {
                batches.push((shard as u32, lane.close(head, wall)));
            }
        }
        batches
    }
}

impl Lane {
    fn is_due(&self, head: &BatchHead, wall: WallMs) -> bool {
        let Some(told) = self.told else { return true };
        let moved = match (told.watermark, head.watermark) {
            (Some(before), Some(now)) => now.since(before) >= HEARTBEAT_MS,
            (before, now) => before != now,
        };
        moved || told.idle != head.idle || wall.is_due(told.wall, HEARTBEAT_MS)
    }

    fn close(&mut self, head: &mut BatchHead, wall: WallMs) -> Vec<u8> {
        self.seq += 1;
        head.seq = self.seq;
        self.told = Some(Told { wall, watermark: head.watermark, idle: head.idle });
        self.writer.finish(head)
    }
}

/// The filling of the batches of one commit.
struct Post<'a, T> {
    outbox: &'a mut Outbox,
    text: T,
    head: &'a mut BatchHead,
    wall: WallMs,
    batches: &'a mut Vec<ShardBatch>,
}

impl<'n, T: Fn(Sym) -> &'n str> Post<'_, T> {
    fn delta(&mut self, group: &Group, slice: Slice, delta: &Delta) {
        let (shard, place) = self.place(group);
        if delta.values.len() <= VALUES_MAX {
            self.outbox.lanes[shard].writer.delta(place, slice, delta);
            self.close_if_full(shard);
            return;
        }
        // Deltas add up, so a great one may go in pieces.
        let mut piece = Delta { values: Vec::new(), ..delta.clone() };
        for values in delta.values.chunks(VALUES_MAX) {
            piece.values.extend_from_slice(values);
            let (shard, place) = self.place(group);
            self.outbox.lanes[shard].writer.delta(place, slice, &piece);
            self.close_if_full(shard);
            piece.clear();
        }
    }

    /// The shard of a group, and its place in the batch that is being filled.
    fn place(&mut self, group: &Group) -> (usize, u64) {
        let Outbox { lanes, ids, shard_by_tenant, hash_key } = &mut *self.outbox;
        let text = &self.text;
        let (shard, id) = *ids.entry(*group).or_insert_with(|| {
            let tenant = group.dims[Dimension::Tenant.index()];
            let shards = lanes.len() as u32;
            let shard =
                *shard_by_tenant.entry(tenant).or_insert_with(|| shard_of(hash_key, text(tenant), shards));
            let known = &mut lanes[shard as usize].groups;
            *known += 1;
            (shard, *known - 1)
        });
        let values = group.dims.iter().map(|sym| (sym.0, text(*sym)));
        (shard as usize, lanes[shard as usize].writer.group(id, group.family, values))
    }

    fn close_if_full(&mut self, shard: usize) {
        let lane = &mut self.outbox.lanes[shard];
        if lane.writer.len() > BATCH_BYTES {
            let bytes = lane.close(self.head, self.wall);
            self.batches.push((shard as u32, bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::batch::BatchReader;
    use crate::measure::ids::Span;
    use std::sync::Arc;

    fn head_at(watermark: i64) -> BatchHead {
        BatchHead { watermark: Some(EventMs(watermark)), ..BatchHead::default() }
    }

    #[test]
    fn shards_without_contents_hear_of_the_source_each_second() {
        let config = Arc::new(FoldConfig { shards: 3, ..FoldConfig::default() });
        let mut fold = Fold::new(&config);
        let mut outbox = Outbox::new(&config, &[4, 5, 6]);
        let mut take = |watermark: i64, idle: bool, wall: i64| {
            let mut head = BatchHead { idle, ..head_at(watermark) };
            assert_eq!(outbox.is_due(&head, WallMs(wall)), idle || watermark != 1_999 || wall == 1_000);
            outbox.take(&mut fold, &mut head, WallMs(wall)).len()
        };
        assert_eq!(take(1_000, false, 0), 3);
        assert_eq!(take(1_999, false, 999), 0);
        assert_eq!(take(1_999, false, 1_000), 3);
        assert_eq!(take(2_999, false, 1_000), 3);
        assert_eq!(take(2_999, true, 1_000), 3);
        assert_eq!(outbox.seqs(), [8, 9, 10]);
    }

    #[test]
    fn a_great_commit_becomes_several_batches_in_sequence() {
        let config = Arc::new(FoldConfig { shards: 1, ..FoldConfig::default() });
        let mut fold = Fold::new(&config);
        let group = Group { family: Family::Contact, dims: [Sym::EMPTY; Dimension::LEN] };
        let values = 400_000_i64;
        for at in 0..values {
            fold.sink.value(&group, EventMs(at % 3 * 10_000), Span::Talk, at + (1 << 30));
        }
        let mut outbox = Outbox::new(&config, &[]);
        let batches = outbox.take(&mut fold, &mut head_at(0), WallMs(0));
        assert!(batches.len() > 3);
        let mut sum = 0;
        for (at, (_, bytes)) in batches.iter().enumerate() {
            assert!(bytes.len() <= 768 * 1024, "{}", bytes.len());
            let mut batch = BatchReader::new(bytes).unwrap();
            assert_eq!(batch.head.seq, at as u64 + 1);
            batch
                .deltas(|_, _, delta| {
                    sum += delta.values.iter().map(|value| value.1 - (1 << 30)).sum::<i64>();
                })
                .unwrap();
        }
        assert_eq!(sum, values * (values - 1) / 2);
    }
}
