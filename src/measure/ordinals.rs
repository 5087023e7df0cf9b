//! Numbers given to ids in the order in which they are first asked for, from 0, until all are forgotten.
//!
//! Most ids are small and dense and have their number in an array; forgetting them all is one step, because each number
//! knows its round. It knows nothing of what the ids stand for.

use crate::ids::DenseMap;

/// Ids below this have a place in the array: half a megabyte at most.
const NEAR: u32 = 1 << 16;

/// Numbers by id.
#[derive(Debug)]
pub struct Ordinals {
    /// By id: the round in which it was asked for, and its number.
    near: Vec<(u32, u32)>,
    far: DenseMap<u32, u32>,
    round: u32,
    used: u32,
}

impl Default for Ordinals {
    fn default() -> Self {
        Ordinals { near: Vec::new(), far: DenseMap::default(), round: 1, used: 0 }
    }
}

impl Ordinals {
    /// The number of `id`, and whether it is new.
    pub fn place(&mut self, id: u32) -> (u64, bool) {
        let next = self.used;
        let number = if id < NEAR {
            let at = id as usize;
            if self.near.len() <= at {
                self.near.resize(at + 1, (0, 0));
            }
            let entry = &mut self.near[at];
            if entry.0 != self.round {
                *entry = (self.round, next);
            }
            entry.1
        } else {
            *self.far.entry(id).or_insert(next)
        };
        let is_new = number == next;
        self.used += u32::from(is_new);
        (u64::from(number), is_new)
    }

    /// How many numbers were given.
    #[must_use]
    pub fn given(&self) -> u64 {
        u64::from(self.used)
    }

    /// Forgets all numbers.
    pub fn clear(&mut self) {
        self.far.clear();
        self.used = 0;
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            *self = Ordinals::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_the_order_of_asking_and_begin_anew() {
        let mut ordinals = Ordinals::default();
        let mut ask = |ids: &[u32]| {
            let numbers: Vec<(u64, bool)> = ids.iter().map(|id| ordinals.place(*id)).collect();
            assert_eq!(ordinals.given(), numbers.iter().filter(|(_, is_new)| *is_new).count() as u64);
            ordinals.clear();
            numbers
        };
        let numbers = [(0, true), (1, true), (0, false), (2, true), (1, false), (3, true)];
        assert_eq!(ask(&[7, 900_000, 7, 0, 900_000, u32::MAX]), numbers);
        assert_eq!(ask(&[900_000, 7]), [(0, true), (1, true)]);
        assert_eq!(ask(&[0]), [(0, true)]);
    }
}
