//! The one integration crate: the product from outside, on a real Postgres.

#![expect(clippy::unwrap_used, reason = "the helpers of tests may panic like the tests")]

mod harness;
mod log;

mod access;
mod adjustments;
mod api_codes;
mod as_of;
mod bad_input;
mod checkout_page;
mod cli;
mod cli_rules;
mod conditional;
mod coupons;
mod crash;
mod cuts;
mod docs;
mod documents;
mod events;
mod fuzz;
mod golden;
mod idempotency;
mod inbound;
mod journey;
mod lemonsqueezy;
mod local_postgres;
mod lost_commit;
mod openapi;
mod oracle;
mod panel;
mod plan_changes;
mod preview;
mod printed;
mod processor_run;
mod projections;
mod races;
mod racing;
mod rate_limits;
mod razorpay;
mod reference_page;
mod sandbox;
mod scheduler;
mod second_wall;
mod seed_processor;
mod seed_v1;
mod server_limits;
mod simulation;
mod simulators;
mod store;
mod tamper;
mod tax;
mod tidy;
mod usage;
mod v1;
mod webhooks;
