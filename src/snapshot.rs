//! Snapshots: the books as files that tie out, at one position of the log.
//!
//! ```text
//! bounds ── the log proven, then folded account by account (take) ── tables, journal, reports (sheets)
//!                                                                 └─ manifest, signed checkpoint
//! check: the same folder, read without a database, its sums and journals made again
//! ```
//! Everything is folded from the events up to the position, and from nothing else: the same bounds
//! give the same bytes for ever, whatever becomes of the projections, on whatever machine. Memory is
//! bounded by the largest account, not by the ledger.

pub mod beancount;
pub mod bounds;
pub mod cells;
pub mod check;
pub mod checkpoint;
mod error;
mod folder;
pub mod hledger;
pub mod key;
pub mod manifest;
pub mod plain_text;
mod runs;
mod sheet;
mod sheets;
pub mod shelf;
pub mod tables;
mod take;

pub use self::{
    bounds::{Asked, Bounds, Scope},
    error::SnapshotError,
    take::{Progress, take},
};

/// The name of the manifest.
pub const MANIFEST: &str = "manifest.json";
/// The name of the signed checkpoint.
pub const CHECKPOINT: &str = "checkpoint.txt";
