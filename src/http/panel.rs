//! The panel dialect: plans, orders and users as a game-server panel knows them.
//!
//! Prices are exact JSON numbers, errors are `{"error":"text"}`, and the `billing` feature flag
//! closes it.

pub mod admin_orders;
pub mod admin_plans;
pub mod billing;
pub mod features;
pub mod invoice;
pub mod number;
pub mod orders;
pub mod payments;
pub mod plans;
pub mod reapply;
pub mod shapes;
mod showing;
pub mod users;
