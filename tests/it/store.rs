//! The log on a real Postgres: nobody changes it, everybody is kept in one order, and each caller
//! is told what became of its own command.

mod append_only;
mod batches;
mod keys;
mod order;
