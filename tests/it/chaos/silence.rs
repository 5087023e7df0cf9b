//! A broker that is silent for longer than a session lasts: the copy waits and goes on, and nobody restarts it.

use std::time::Duration;

use super::fleet::{BRISK, Fleet};
use super::short::{PARTITIONS, folded, judge, short_story, wait_until};
use crate::harness::kafka::Broker;
use crate::harness::stream::Stream;

#[test]
fn a_broker_that_was_silent_for_a_session_finds_the_copy_at_work() {
    let Some(broker) = Broker::start_own() else { return };
    let story = short_story(4_000);
    let mut fleet = Fleet::new(&broker, PARTITIONS, 1, BRISK);
    fleet.start(0, None);
    let stream = Stream::start(&broker, &fleet.input, story.records.clone(), 150);
    wait_until(&mut fleet, "a commit", |fleet| folded(fleet) > 0);
    for tenths in [5, 9, 13, 17] {
        let before = folded(&fleet);
        broker.pause();
        std::thread::sleep(BRISK.session + Duration::from_millis(tenths * 100));
        broker.resume();
        wait_until(&mut fleet, "a commit after the silence", |fleet| folded(fleet) > before);
        assert!(fleet.tally.ended.is_empty(), "{}", fleet.tally);
    }
    stream.stop();
    judge(&mut fleet, &story).assert_clean();
    fleet.tally.assert_no_defect();
}
