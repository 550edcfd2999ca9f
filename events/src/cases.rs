//! Twenty-five failures of other billing systems, in order, each with a test that fails where the
//! rules were built the way that system's were.
//!
//! | Cases | Where |
//! |---|---|
//! | 1–6 boundaries of periods | `periods` |
//! | 7–9, 22 plan changes, and the published examples of proration | `changes` |
//! | 10, 11 refunds and adjustments | `corrections` |
//! | 12–16 payments, in the part that is a rule | `payments` |
//! | 17–21, 23 taxes, totals, numbers, bounds | `totals` |
//! | 24, 25 what a subscription remembers | `standing` |
//!
//! Some cases are about what surrounds the rules, wholly or in part, and are shown where that is
//! tested, over a real database or real HTTP:
//!
//! - 13, the race itself: two payments under way at once meet in the appender, which decides one
//!   after the other.
//! - 15 and 16, the order in which a processor's messages arrive, and the same message twice.
//! - 19, storms of locks on billing day: numbers are assigned by one appender, and a batch that
//!   fails burns none.
//! - 20, one formatter: the number is part of the recorded event, and no view makes one up.
//! - 21, the damage that one bad account does to its batch.
//! - 22, keys of operations: idempotency keys belong to requests, which the rules do not see.
//! - 24, by whom: who asked is in the envelope, which the shell fills in. Two voids at once are two
//!   appends, one after the other.
//! - 25, the panel: what it applied is compared with what is in force through the API.

mod changes {
    mod tests;
}
mod corrections {
    mod tests;
}
mod payments {
    mod tests;
}
mod periods {
    mod tests;
}
mod standing {
    mod tests;
}
mod totals {
    mod tests;
}
