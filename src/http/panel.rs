//! The panel dialect: plans, orders and users as a game-server panel knows them.
//!
//! Prices are exact JSON numbers, errors are `{"error":"text"}`, and the `billing` feature flag
//! closes it.

pub mod plans;
pub mod reapply;
