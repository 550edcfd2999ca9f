//! What happened and what may happen: the heart of Daybook.
//!
//! A fact is appended once, in one order, by one function; everything here except [`store`] is a
//! pure function of facts: no clock, no randomness, no environment, no database.
//! New ids come from a seed inside the request, the instant comes from the appender.
//!
//! Read in this order: the values, the events, the states they fold into, the commands that decide
//! new events, and last the store that keeps them.

// A new event must be looked at wherever events are told apart; tests may look away.
#![cfg_attr(not(test), deny(clippy::wildcard_enum_match_arm))]

// Values.
pub mod accounting;
pub mod country;
pub mod ids;
pub mod money;
pub mod percent;
pub mod period;
pub mod personal;
pub mod policy;
pub mod proration;
pub mod refund_policy;
pub mod tax;
pub mod tax_id;
mod text;
pub mod time;
pub mod totals;

// Facts.
pub mod audit;
pub mod envelope;
pub mod event;
pub mod invariants;
pub mod merkle;

// States: what the facts add up to for the rules.
pub mod access;
pub mod account;
pub mod book;
pub mod catalogue;
pub mod coupon;
pub mod history;
pub mod numbers;
pub mod world;

// Rules: what may happen next.
pub mod commands;
pub mod draft;
pub mod rejection;
pub mod testing;

/// What has gone wrong with others, shown not to go wrong here.
#[cfg(test)]
mod cases;

/// Laws that hold for every history.
#[cfg(test)]
mod laws {
    mod reports {
        mod tests;
    }
    mod tests;
}

// IO starts here.
pub mod store;

pub use envelope::{Origin, Recorded, StreamId};
pub use event::Event;
pub use money::{Currency, Money};
pub use rejection::Rejection;
pub use time::Timestamp;
