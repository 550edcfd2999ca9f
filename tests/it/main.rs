//! The one integration crate: the product from outside, on a real Postgres.

mod harness;
mod log;

mod crash;
mod journey;
mod local_postgres;
mod lost_commit;
mod projections;
mod store;
mod tamper;
