//! Daybook: the shell around the ledger.
//!
//! Everything that decides or adds up lives in `daybook-events` and `daybook-projections`; here is
//! what meets the world: HTTP, the command line, processors, a private Postgres.

pub mod app;
pub mod books;
pub mod cli;
pub mod config;
pub mod credentials;
pub mod csv_cells;
pub mod database;
pub mod documents;
pub mod gate;
pub mod http;
pub mod local_postgres;
pub mod plan_file;
pub mod processors;
pub mod scheduler;
pub mod seal;
pub mod settlement;
pub mod signing;
pub mod simulation;
pub mod snapshot;
pub mod telemetry;
pub mod webhooks;
