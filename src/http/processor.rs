//! The processor dialect: subscriptions, checkout and payments under `/api/billing`.
//!
//! Names are camelCase, amounts are strings in major units.

pub mod asking;
pub mod at_processor;
pub mod checkout;
pub mod documents;
pub mod exports;
pub mod plan_change;
pub mod shapes;
pub mod subscription;
