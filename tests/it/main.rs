//! The one integration crate: the product from outside, on a real Postgres.

mod harness;

mod docs;
mod golden;
mod journey;
mod local_postgres;
mod tidy;
