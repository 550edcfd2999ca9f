//! A map that remembers the order in which its entries came.
//!
//! What is said to be oldest first must not hang on how ids are made.

use std::sync::Arc;

use imbl::{OrdMap, Vector};

/// Values by their ids, iterated oldest first; a clone is a few pointers.
#[derive(Debug, Clone)]
pub(super) struct InOrder<K: Ord, V> {
    places: OrdMap<K, usize>,
    values: Vector<Arc<V>>,
}

impl<K: Ord, V> Default for InOrder<K, V> {
    fn default() -> Self {
        Self { places: OrdMap::new(), values: Vector::new() }
    }
}

impl<K: Ord + Copy, V: Clone> InOrder<K, V> {
    pub(super) fn get(&self, id: K) -> Option<&Arc<V>> {
        self.values.get(*self.places.get(&id)?)
    }

    pub(super) fn get_mut(&mut self, id: K) -> Option<&mut V> {
        self.values.get_mut(*self.places.get(&id)?).map(Arc::make_mut)
    }

    /// Adds a value as the newest. An id is given once; given again, its value is replaced.
    pub(super) fn add(&mut self, id: K, value: V) {
        if let Some(known) = self.get_mut(id) {
            *known = value;
            return;
        }
        self.places.insert(id, self.values.len());
        self.values.push_back(Arc::new(value));
    }

    /// Every value, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<V>> {
        self.values.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_in_the_order_in_which_they_were_added() {
        let mut values = InOrder::default();
        for (id, value) in [(9, 'a'), (3, 'b'), (7, 'c'), (3, 'd')] {
            values.add(id, value);
        }
        assert_eq!(values.iter().map(|value| **value).collect::<String>(), "adc");
        assert_eq!(values.get(7).map(|value| **value), Some('c'));
        assert!(values.get_mut(4).is_none());
    }
}
