//! Entities by key, in buckets that can be written one at a time.
//!
//! A bucket is found without a scan over all entities, which at a million contacts would cost more than the commit.

use super::BUCKETS;
use crate::ids::DenseMap;

/// Entities by key.
#[derive(Clone, Debug)]
pub struct Buckets<T> {
    /// Boxed: a map that grows moves addresses, not entities, and its empty places are small.
    maps: Vec<DenseMap<u64, Box<T>>>,
    len: usize,
}

impl<T> Default for Buckets<T> {
    fn default() -> Self {
        Buckets { maps: (0..BUCKETS).map(|_| DenseMap::default()).collect(), len: 0 }
    }
}

/// The bucket of a key.
#[must_use]
pub const fn bucket_of(key: u64) -> usize {
    (key % BUCKETS as u64) as usize
}

impl<T> Buckets<T> {
    /// The entity of a key.
    #[must_use]
    pub fn get(&self, key: u64) -> Option<&T> {
        self.maps[bucket_of(key)].get(&key).map(|entity| &**entity)
    }

    /// The entity of a key, to be changed.
    pub fn get_mut(&mut self, key: u64) -> Option<&mut T> {
        self.maps[bucket_of(key)].get_mut(&key).map(|entity| &mut **entity)
    }

    /// Whether there is an entity of the key.
    #[must_use]
    pub fn contains(&self, key: u64) -> bool {
        self.maps[bucket_of(key)].contains_key(&key)
    }

    /// Puts an entity under a key, in place of the one that was there.
    pub fn put(&mut self, key: u64, entity: T) -> &mut T {
        let place = self.maps[bucket_of(key)].entry(key);
        self.len += usize::from(matches!(place, std::collections::hash_map::Entry::Vacant(_)));
        place.insert_entry(Box::new(entity)).into_mut()
    }

    /// Takes the entity of a key away.
    pub fn remove(&mut self, key: u64) -> Option<T> {
        let removed = self.maps[bucket_of(key)].remove(&key);
        self.len -= usize::from(removed.is_some());
        removed.map(|entity| *entity)
    }

    /// How many entities there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All entities, in no order that may reach an output.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.maps.iter().flat_map(DenseMap::values).map(|entity| &**entity)
    }

    /// All keys, ascending.
    #[must_use]
    pub fn keys_in_order(&self) -> Vec<u64> {
        let mut keys: Vec<u64> = self.maps.iter().flat_map(DenseMap::keys).copied().collect();
        keys.sort_unstable();
        keys
    }

    /// The entities of a bucket by ascending key; none where there is no such bucket.
    #[must_use]
    pub fn bucket_in_order(&self, bucket: usize) -> Vec<(u64, &T)> {
        let mut entities: Vec<(u64, &T)> =
            self.maps.get(bucket).into_iter().flatten().map(|(key, entity)| (*key, &**entity)).collect();
        entities.sort_unstable_by_key(|(key, _)| *key);
        entities
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_are_found_counted_and_listed_by_bucket() {
        let mut buckets = Buckets::default();
        for key in [300, 44, 172, 5] {
            *buckets.put(key, key) += 1;
        }
        buckets.put(5, 7);
        assert_eq!((buckets.len(), buckets.get(5), buckets.contains(6)), (4, Some(&7), false));
        let keys: Vec<u64> = buckets.bucket_in_order(44).iter().map(|(key, _)| *key).collect();
        assert_eq!(keys, [44, 172, 300]);
        assert_eq!(buckets.keys_in_order(), [5, 44, 172, 300]);
        assert_eq!(buckets.remove(44), Some(45));
        assert_eq!((buckets.remove(44), buckets.len()), (None, 3));
        assert!(buckets.bucket_in_order(BUCKETS).is_empty());
    }
}
