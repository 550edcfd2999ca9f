//! The one integration crate: the product from outside, on a real Postgres.

mod harness;

mod access;
mod bad_input;
mod checkout_page;
mod cli;
mod idempotency;
mod journey;
mod local_postgres;
mod server_limits;
