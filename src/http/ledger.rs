//! The ledger's own addresses: accounts, adjustments, the books, coupons, refunds, rules, clock, keys,
//! sessions, webhooks.
//!
//! Names are in snake case, as in the events; amounts are objects of digits and currency.

pub mod accounts;
pub mod adjustments;
pub mod books;
pub mod clock;
pub mod coupons;
pub mod documents;
pub mod events;
pub mod inbox;
pub mod keys;
pub mod refunds;
pub mod rules;
pub mod sessions;
pub mod snapshots;
pub mod usage;
pub mod webhooks;
