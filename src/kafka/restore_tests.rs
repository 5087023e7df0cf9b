//! A replay that meets the end of its partition before it is there: as after a broker's crash, when the end that
//! readers are told is for a moment behind what was committed.

use super::super::handover::Trouble;
use super::super::mock::DemoBroker;
use super::super::produce::EventProducer;
use super::*;
use crate::kafka::Mode;
use crate::kpi::exposed::Exposed;
use crate::pipeline::{Commit, StageKind, StageReport};
use crate::time::WallMs;

/// A stage that is the offset of the record that it takes next.
struct OffsetRole;

impl Role for OffsetRole {
    type Stage = i64;
    const KIND: StageKind = StageKind::Merge;
    const NAME: &'static str = "merge";

    fn topics(&self) -> Vec<(String, u32)> {
        Vec::new()
    }
    fn state_topic(&self, source: &Source) -> String {
        source.topic.to_string()
    }
    fn start_from(&self) -> StartFrom {
        StartFrom::Earliest
    }
    fn interval(&self, _lag: i64) -> Duration {
        Duration::ZERO
    }
    fn idle_after(&self) -> Option<Duration> {
        None
    }
    fn fresh(&self, _: &Source, offset: i64) -> i64 {
        offset
    }
    fn restore(&self, _: &Source, _: i64, _: &StateRecords) -> Result<i64, Stop> {
        Ok(0)
    }
    fn commits(&self, _: &i64) -> Option<u64> {
        None
    }

    fn replay_from(&self, stage: &i64) -> Option<i64> {
        Some(*stage)
    }
    fn take(&self, stage: &mut i64, record: Record<'_>) -> Result<(), Stop> {
        *stage = record.offset + 1;
        Ok(())
    }
    fn idle(&self, _: &mut i64, _: WallMs) {}
    fn is_full(&self, _: &i64) -> bool {
        false
    }
    fn seal(&self, _: &mut i64, _: WallMs) -> Result<Option<Commit>, Stop> {
        Ok(None)
    }
    fn needed_from(&self, _: &i64) -> Option<i64> {
        None
    }
}

struct Deaf;

impl Observer for Deaf {
    fn fold_report(&self, _: &str, _: u32, _: &StageReport) {}
    fn merge_report(&self, _: u32, _: &StageReport) {}
    fn exposed(&self, _: u32, _: Vec<Exposed>) {}
    fn withdraw_fold(&self, _: &str, _: u32) {}
    fn withdraw_merge(&self, _: &str, _: u32) {}
    fn commit(&self, _: StageKind, _: Option<Trouble>, _: Duration, _: usize) {}
    fn lag(&self, _: StageKind, _: &str, _: u32, _: i64) {}
    fn client_error(&self, _: &'static str) {}
    fn beat(&self, _: &str, _: bool, _: &str) {}
}

#[test]
fn a_replay_ends_where_it_was_committed_and_not_where_readers_are_told() {
    let mut config = KafkaConfig { mode: Mode::None, shards: 1, ..KafkaConfig::default() };
    let broker = DemoBroker::start(&config, 1).unwrap();
    config.brokers = broker.brokers().to_owned();
    let topic = config.input_topics[0].clone();
    let send = |config: &KafkaConfig, count: u32| {
        let mut producer = EventProducer::new(config, &topic).unwrap();
        (0..count).for_each(|_| producer.send(b"k", b"v").unwrap());
        producer.flush(Duration::from_secs(20)).unwrap();
    };
    send(&config, 3);
    let config = Arc::new(config);
    let (role, observer) = (Arc::new(OffsetRole), Arc::new(Deaf));
    let restorer = Restorer { role, config: Arc::clone(&config), observer, worker: "merge0".to_owned() };
    let order =
        Order { source: Source::new(&topic, 0), era: 1, cancelled: Arc::default(), progress: Arc::default() };
    let mut stage = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(700));
            send(&config, 2);
        });
        restorer.replay(&order, &mut stage, 0, 5).unwrap();
    });
    assert_eq!(stage, 5, "the stage has all that was committed");
}

#[test]
fn a_replay_that_goes_on_may_take_longer_than_the_deadline_for_silence() {
    let restore_timeout = Duration::from_secs(3);
    let mut config = KafkaConfig { mode: Mode::None, shards: 1, restore_timeout, ..KafkaConfig::default() };
    let broker = DemoBroker::start(&config, 1).unwrap();
    config.brokers = broker.brokers().to_owned();
    let topic = config.input_topics[0].clone();
    let mut producer = EventProducer::new(&config, &topic).unwrap();
    let config = Arc::new(config);
    let (role, observer) = (Arc::new(OffsetRole), Arc::new(Deaf));
    let restorer = Restorer { role, config: Arc::clone(&config), observer, worker: "merge0".to_owned() };
    let order =
        Order { source: Source::new(&topic, 0), era: 1, cancelled: Arc::default(), progress: Arc::default() };
    let mut stage = 0;
    let began = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // A second between two records, so that the silence is over before the time is.
            for _ in 0..6 {
                producer.send(b"k", b"v").unwrap();
                producer.flush(Duration::from_secs(20)).unwrap();
                std::thread::sleep(Duration::from_secs(1));
            }
        });
        restorer.replay(&order, &mut stage, 0, 6).unwrap();
    });
    assert!(stage == 6 && began.elapsed() > restore_timeout, "{stage} after {:?}", began.elapsed());
}
