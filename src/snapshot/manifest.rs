//! The manifest: what a snapshot is of, and what its files hold.
//!
//! It names no time of making and no machine, so the same bounds give the same manifest, for ever.

use chrono::NaiveDate;
use daybook_events::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{bounds::Bounds, cells::ControlTotals};

/// The version of the form of snapshots.
pub const FORMAT: u32 = 1;

/// What a snapshot is of, and what its files hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SnapshotManifest")]
pub struct Manifest {
    /// The version of the form.
    pub format: u32,
    /// The ledger's id.
    #[schemars(with = "String")]
    pub ledger: Uuid,
    /// What was asked for.
    pub bounds: Bounds,
    /// The last event of the log that it knows.
    pub position: i64,
    /// When that was recorded.
    pub recorded_at: Timestamp,
    /// The accounting day through which recognition and ageing are reckoned; what was posted after
    /// it is left out.
    pub through: NaiveDate,
    /// The zone in which accounting days are reckoned.
    pub time_zone: String,
    /// The log's Merkle tree at that position.
    pub tree: Tree,
    /// The sums that must be equal, by currency.
    pub ties: Vec<TieEntry>,
    /// Its files, by name.
    pub files: Vec<FileEntry>,
}

/// A tree over the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SnapshotTree")]
pub struct Tree {
    /// How many events.
    pub size: u64,
    /// Its root, RFC 6962, lower-case hex.
    pub root: String,
}

/// Two sums that must be equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SnapshotTie")]
pub struct TieEntry {
    /// What is compared, such as `trial_balance_is_zero`.
    pub tie: String,
    /// Which currency.
    pub currency: String,
    /// What the books say.
    pub books: String,
    /// What it must be.
    pub expected: String,
}

/// A file of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SnapshotFile")]
pub struct FileEntry {
    /// Its name.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256, lower-case hex.
    pub sha256: String,
    /// How many rows a table has, or entries a journal.
    pub rows: u64,
    /// The sums of a table's amounts, by currency and column.
    pub totals: ControlTotals,
}

impl Manifest {
    /// As it is written: one form for one content.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// The entry of a file.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&FileEntry> {
        self.files.iter().find(|file| file.name == name)
    }
}
