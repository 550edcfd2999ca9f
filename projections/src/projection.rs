//! What a projection is: a pure fold from events to keyed rows.
//!
//! [`Projection::keys`] says which rows an event touches, [`Projection::fold`] what becomes of each.
//! It needs nothing but the event and the row. Live, rebuild, verify and as-of all use these two
//! functions and nothing else, so they cannot disagree about what a row is.

use daybook_events::{Recorded, ids::AccountId, money::MoneyError};
use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

/// A fold that met an event it cannot take in: history that does not hold together, or a fault of
/// the projection. It halts and names the position; nothing is skipped.
#[derive(Debug, Error)]
pub enum FoldError {
    /// The row that an event speaks of is not there.
    #[error("{event} speaks of a row `{key}` that is not there")]
    MissingRow {
        /// The event's type name.
        event: &'static str,
        /// The key of the missing row.
        key: String,
    },
    /// Amounts that do not add up within the bounds.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

impl FoldError {
    /// The row that `recorded` speaks of is not there.
    #[must_use]
    pub fn missing(recorded: &Recorded, key: &str) -> Self {
        Self::MissingRow { event: recorded.event.type_name(), key: key.to_owned() }
    }
}

/// A pure fold from events to keyed rows.
pub trait Projection: Send + Sync + 'static {
    /// What a row holds; its JSON text is what is stored and compared.
    type Row: Serialize + DeserializeOwned + Clone + Send + Sync;

    /// The projection's and its table's name.
    const NAME: &'static str;

    /// The table's definition, with `{table}` for its name: `key`, `row`, and columns generated
    /// from the row for the queries that need them.
    const TABLE: &'static str;

    /// Whether every account may see the rows, as with plans.
    const SHARED: bool = false;

    /// Whose a row is; `None` where it is the ledger's own.
    fn account(row: &Self::Row) -> Option<AccountId>;

    /// The keys of the rows that an event touches.
    fn keys(recorded: &Recorded) -> Vec<String>;

    /// The row of `key` after an event; `None` where there is none.
    ///
    /// # Errors
    /// Where the event cannot be taken in.
    fn fold(
        key: &str,
        row: Option<Self::Row>,
        recorded: &Recorded,
    ) -> Result<Option<Self::Row>, FoldError>;
}
