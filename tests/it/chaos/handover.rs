//! A copy that dies while it hands partitions over and is back at once: no partition is left without an owner.

use std::time::{Duration, Instant};

use rdkafka::consumer::BaseConsumer;

use super::fleet::{BRISK, Fleet, PATIENT, Patience, SHARDS};
use super::short::{PARTITIONS, folded, judge, short_story, wait_until};
use crate::harness;
use crate::harness::generations::owned;

/// How often a copy comes and another one dies over it.
const ROUNDS: usize = 4;

#[test]
fn a_death_in_the_middle_of_a_hand_over_leaves_no_partition_alone() {
    let Some(kafka) = harness::kafka() else { return };
    let story = short_story(200);
    let mut fleet = Fleet::new(kafka, PARTITIONS, 2, Patience { transaction: PATIENT.transaction, ..BRISK });
    let asker: BaseConsumer = kafka.client().set("group.id", "harness-asker").create().expect("a consumer");
    let parts: Vec<_> = story.records.chunks(story.records.len().div_ceil(ROUNDS)).collect();
    let (mut sent, mut deaths) = (0, 0);
    for part in parts {
        kafka.produce_all(&fleet.input, part);
        sent += part.len() as i64;
        fleet.start(0, None);
        wait_until(&mut fleet, "one copy has it all", |fleet| {
            folded(fleet) == sent && shards(&asker, fleet) == SHARDS
        });
        fleet.start(1, None);
        // The first round of the hand-over is done, the second is not: the copy that gives up has to commit before.
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(10) {
            if (1..SHARDS).contains(&shards(&asker, &fleet)) {
                deaths += 1;
                fleet.kill(0);
                fleet.start(0, None);
                break;
            }
        }
        wait_until(&mut fleet, "every shard has an owner", |fleet| shards(&asker, fleet) == SHARDS);
        std::thread::sleep(BRISK.session / 2);
        wait_until(&mut fleet, "every shard still has an owner", |fleet| shards(&asker, fleet) == SHARDS);
        fleet.kill(0);
        fleet.kill(1);
    }
    assert!(deaths > 0, "no copy died in the middle of a hand-over");
    fleet.start(0, None);
    judge(&mut fleet, &story).assert_clean();
}

/// How many shards have an owner; none while the group is changing.
fn shards(asker: &BaseConsumer, fleet: &Fleet<'_>) -> u32 {
    let owned = owned(asker, &format!("{}.merge", fleet.id), &format!("{}.partials", fleet.id));
    owned.map_or(0, |owned| owned.len() as u32)
}
