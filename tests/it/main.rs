//! The one integration crate: the product from outside, on a real Postgres.

mod harness;

mod bad_input;
mod journey;
mod local_postgres;
