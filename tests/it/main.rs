//! The one integration crate: the product from outside, on a real Postgres.

#![expect(clippy::unwrap_used, reason = "the helpers of tests may panic like the tests")]

mod harness;
mod log;

mod access;
mod adjustments;
mod api_codes;
mod bad_input;
mod checkout_page;
mod cli;
mod cli_rules;
mod coupons;
mod crash;
mod docs;
mod golden;
mod idempotency;
mod journey;
mod local_postgres;
mod lost_commit;
mod oracle;
mod panel;
mod plan_changes;
mod preview;
mod projections;
mod races;
mod scheduler;
mod server_limits;
mod simulation;
mod store;
mod tamper;
mod tax;
mod tidy;
mod usage;
