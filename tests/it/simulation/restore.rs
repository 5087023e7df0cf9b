//! The building of a stage, step by step: what `kafka::restore` does on a thread of its own.
//!
//! Between any two steps others commit, abort and compact. It must never know the worker.

use intraday::kafka::handover::{Committed, same_commit};
use intraday::kafka::role::{Role, StateRecords};
use intraday::kafka::source::Source;
use intraday::pipeline::{Record, StageKind, Stop};

use super::broker::{Place, Topic};
use super::log::{Content, Entry, Log};
use super::world::World;

/// A stage that can go on.
pub struct Begun<S> {
    /// The stage.
    pub stage: S,
    /// Next offset to take.
    pub next: i64,
    /// Nothing of the partition was committed before.
    pub first: bool,
}

/// A restore on its way.
#[derive(Debug, Default)]
pub struct Restore {
    records: StateRecords,
    position: i64,
    taken: u64,
    tried: Option<(Committed, u64)>,
    /// The committed offset as it was asked for; the state is read after it.
    stored: Option<Committed>,
    has_asked: bool,
    /// Why the last try failed.
    pub last: String,
}

impl Restore {
    /// Does the next step.
    pub fn step<R: Role>(&mut self, role: &R, source: &Source, world: &mut World) -> Option<Begun<R::Stage>> {
        let partition = source.number();
        if !std::mem::take(&mut self.has_asked) {
            match world.broker.committed(R::KIND, partition) {
                Ok(committed) => (self.stored, self.has_asked) = (committed, true),
                Err(_) => {
                    world.seen.count("restores that waited for an offset");
                    "the offset is pending".clone_into(&mut self.last);
                }
            }
            return None;
        }
        self.read(world.broker.log((state_topic(R::KIND), partition)));
        match self.stored.take() {
            None if self.records.is_empty() => {
                world.seen.count("stages begun");
                let next = world.broker.log(source_of(R::KIND, partition)).start;
                return Some(Begun { stage: role.fresh(source, next), next, first: true });
            }
            Some(stored) if !self.records.is_empty() => {
                let found = Some((stored.clone(), self.taken));
                if self.tried != found {
                    self.tried = found;
                    match self.rebuild(role, source, &stored, world) {
                        Ok(begun) => {
                            world.seen.count("stages restored");
                            return Some(begun);
                        }
                        Err(stop) => {
                            world.seen.count("restores that found state and offset apart");
                            self.last = stop.0;
                        }
                    }
                }
            }
            one_only => self.last = format!("{one_only:?} and {} state records", self.records.len()),
        }
        None
    }

    /// Reads state to where a reader of what is committed must wait.
    fn read(&mut self, log: &Log) {
        for entry in log.committed(self.position) {
            if let Content::State(key, value) = &entry.content {
                self.taken += 1;
                match value {
                    Some(value) => self.records.insert(key.clone(), value.clone()),
                    None => self.records.remove(key),
                };
            }
        }
        self.position = log.stable_end().max(self.position);
    }

    fn rebuild<R: Role>(
        &self,
        role: &R,
        source: &Source,
        stored: &Committed,
        world: &mut World,
    ) -> Result<Begun<R::Stage>, Stop> {
        let offset = stored.offset;
        let mut stage = role.restore(source, offset, &self.records)?;
        same_commit(role.commits(&stage), stored)?;
        if let Some(from) = role.replay_from(&stage).filter(|from| *from < offset) {
            let wall = world.wall;
            let log = world.broker.log(source_of(R::KIND, source.number()));
            if from < log.start {
                return Err(Stop(format!("its records from offset {from} are gone")));
            }
            for entry in log.committed(from).take_while(|entry| entry.offset < offset) {
                role.take(&mut stage, record_of(entry, wall))?;
            }
        }
        Ok(Begun { stage, next: offset, first: false })
    }
}

/// An entry as a stage takes it.
pub fn record_of(entry: &Entry, wall: intraday::time::WallMs) -> Record<'_> {
    let (value, appended) = match &entry.content {
        Content::Event(value, at_ms) => (Some(value.as_slice()), Some(intraday::time::WallMs(*at_ms))),
        Content::Batch(bytes) => (Some(bytes.as_slice()), None),
        _ => (None, None),
    };
    Record { offset: entry.offset, appended, wall, key: None, value }
}

/// What a stage reads.
pub const fn source_of(kind: StageKind, partition: u32) -> Place {
    match kind {
        StageKind::Fold => (Topic::Input, partition),
        StageKind::Merge => (Topic::Partials, partition),
    }
}

const fn state_topic(kind: StageKind) -> Topic {
    match kind {
        StageKind::Fold => Topic::FoldState,
        StageKind::Merge => Topic::MergeState,
    }
}
