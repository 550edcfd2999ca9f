//! The calendar: what is to be done next, by instant and, within one, in the order of entry.

use std::{cmp::Reverse, collections::BinaryHeap};

use daybook_events::Timestamp;

#[derive(Debug)]
pub(super) struct Calendar<Task> {
    heap: BinaryHeap<Reverse<(Timestamp, u64, Task)>>,
    entries: u64,
}

impl<Task: Ord> Calendar<Task> {
    pub(super) fn new() -> Self {
        Self { heap: BinaryHeap::new(), entries: 0 }
    }

    pub(super) fn enter(&mut self, at: Timestamp, task: Task) {
        self.entries += 1;
        self.heap.push(Reverse((at, self.entries, task)));
    }

    pub(super) fn next(&mut self) -> Option<(Timestamp, Task)> {
        self.heap.pop().map(|Reverse((at, _, task))| (at, task))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_first_comes_first_and_equals_in_their_order() {
        let (early, late) =
            (Timestamp::from_micros(1).unwrap(), Timestamp::from_micros(2).unwrap());
        let mut calendar = Calendar::new();
        for (at, task) in [(late, 'c'), (early, 'b'), (early, 'a')] {
            calendar.enter(at, task);
        }
        let order: Vec<_> = std::iter::from_fn(|| calendar.next()).collect();
        assert_eq!(order, [(early, 'b'), (early, 'a'), (late, 'c')]);
    }
}
