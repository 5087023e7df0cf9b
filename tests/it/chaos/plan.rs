//! How much is to go wrong, and the seed of it.

/// The plan of a storm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Of events and faults.
    pub seed: u64,
    /// Copies that die without warning.
    pub kills: u32,
    /// Times that the broker is killed or suspended.
    pub bounces: u32,
    /// Times that a group shares its partitions anew.
    pub rebalances: u32,
}

impl Plan {
    /// The usual plan, or what `INTRADAY_TEST_CHAOS=kills,bounces,rebalances` and `INTRADAY_TEST_CHAOS_SEED` say.
    pub fn from_environment(usual: &Plan) -> Plan {
        let variable = |name: &str| std::env::var(name).ok();
        Plan::read(usual, variable("INTRADAY_TEST_CHAOS"), variable("INTRADAY_TEST_CHAOS_SEED"))
    }

    fn read(usual: &Plan, counts: Option<String>, seed: Option<String>) -> Plan {
        let seed =
            seed.map_or(usual.seed, |text| text.trim().parse().expect("INTRADAY_TEST_CHAOS_SEED: a number"));
        let Some(counts) = counts else { return Plan { seed, ..usual.clone() } };
        let parsed: Vec<u32> = counts.split(',').filter_map(|count| count.trim().parse().ok()).collect();
        let [kills, bounces, rebalances] = parsed[..] else {
            panic!("INTRADAY_TEST_CHAOS is {counts:?}; write kills,bounces,rebalances, as in 100,20,200")
        };
        Plan { seed, kills, bounces, rebalances }
    }

    /// More seconds than the storm is going to take on a slow machine.
    pub fn seconds(&self) -> usize {
        120 + 4 * (self.kills + 4 * self.bounces + self.rebalances) as usize
    }
}

#[test]
fn a_plan_is_read_and_nonsense_is_refused() {
    let usual = Plan { seed: 1, kills: 2, bounces: 3, rebalances: 4 };
    assert_eq!(Plan::read(&usual, None, None), usual);
    let asked = Plan::read(&usual, Some("100,20, 200".to_owned()), Some("9".to_owned()));
    assert_eq!(asked, Plan { seed: 9, kills: 100, bounces: 20, rebalances: 200 });
    assert!(std::panic::catch_unwind(|| Plan::read(&usual, Some("many".to_owned()), None)).is_err());
}
