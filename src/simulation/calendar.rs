//! The calendar: what is to be done next, by instant and, within one, in the order of entry.

use std::{cmp::Reverse, collections::BinaryHeap};

use daybook_events::Timestamp;

use super::{customer::Step, seller::Move};

/// Who does what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Task {
    /// The seller.
    Seller(Move),
    /// A customer, by number.
    Customer(u32, Step),
}

#[derive(Debug, Default)]
pub(super) struct Calendar {
    heap: BinaryHeap<Reverse<(Timestamp, u64, Task)>>,
    entries: u64,
}

impl Calendar {
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
        let mut calendar = Calendar::default();
        for (at, n) in [(late, 0), (early, 2), (early, 1)] {
            calendar.enter(at, Task::Customer(n, Step::SignUp));
        }
        let order: Vec<_> = std::iter::from_fn(|| calendar.next()).collect();
        let who = |n| Task::Customer(n, Step::SignUp);
        assert_eq!(order, [(early, who(2)), (early, who(1)), (late, who(0))]);
    }
}
