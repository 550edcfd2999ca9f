//! The log on a real Postgres: nobody changes it, everybody is kept in one order, and each caller
//! is told what became of its own command.

#![expect(clippy::unwrap_used, reason = "the helpers of tests may panic like the tests")]

mod append_only;
mod batches;
mod keys;
mod order;
