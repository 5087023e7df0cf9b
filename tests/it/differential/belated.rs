//! A scenario some of whose contacts and agents are heard of minutes later than they happened: corrections.
//!
//! It must never know which windows they correct.

use std::collections::{BTreeMap, BTreeSet};

use super::laws::{in_order, key_of};
use crate::reference::Input;
use crate::scenario::dice::Dice;

/// Holds back, in a sixth of the keys, everything from some record on, by up to 50 minutes.
pub fn belated(seed: u64, inputs: Vec<Input>) -> Vec<Input> {
    let mut dice = Dice::new(seed);
    let keys: BTreeSet<String> = inputs.iter().map(key_of).collect();
    let chosen = keys.into_iter().filter(|_| dice.chance(16)).collect::<Vec<_>>();
    let mut held: BTreeMap<String, (i64, i64)> =
        chosen.into_iter().map(|key| (key, (dice.between(0, 6), dice.between(60_000, 3_000_000)))).collect();
    let mut inputs = inputs;
    for input in &mut inputs {
        if let Some((before, held_ms)) = held.get_mut(&key_of(input)) {
            *before -= 1;
            if *before < 0 {
                input.wall_ms += *held_ms;
            }
        }
    }
    in_order(inputs)
}
