//! Whose rows and events a reader may see, and where they are read from.
//!
//! Two walls stand between accounts. The first is the predicate that every statement carries; the
//! second is [`Reach::sees`], asked of every row on its way out, so that a statement that forgot
//! its predicate leaks nothing. Neither costs a round trip. Rows are read by [`crate::query`],
//! events by [`crate::history`].

use daybook_events::{StreamId, ids::AccountId};
use sqlx::PgPool;

use crate::projection::Projection;

/// Whose rows a reader may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Every row there is.
    Ledger,
    /// The rows of one account, and those that are everybody's, such as plans.
    Account(AccountId),
}

impl Reach {
    /// The reach of one account where there is one, else of the whole ledger.
    #[must_use]
    pub fn of(account: Option<AccountId>) -> Self {
        account.map_or(Self::Ledger, Self::Account)
    }

    /// Whether a row of a projection may be seen.
    #[must_use]
    pub fn sees<P: Projection>(self, row: &P::Row) -> bool {
        match self {
            Self::Ledger => true,
            Self::Account(own) => P::SHARED || P::account(row) == Some(own),
        }
    }

    /// Whether the events of a stream, by its text form, may be seen.
    #[must_use]
    pub fn sees_stream(self, stream: &str) -> bool {
        match self {
            Self::Ledger => true,
            Self::Account(own) => stream == StreamId::Account(own).to_string(),
        }
    }

    /// The predicate of the first wall: `$1` is the account, null where everything is reached.
    pub(crate) fn predicate<P: Projection>(self) -> &'static str {
        match self {
            Self::Account(_) if !P::SHARED => "account_id = $1",
            Self::Account(_) | Self::Ledger => NO_PREDICATE,
        }
    }

    /// What `$1` is bound to.
    pub(crate) fn bound(self) -> Option<String> {
        match self {
            Self::Ledger => None,
            Self::Account(own) => Some(own.to_string()),
        }
    }
}

/// A statement that asks for everybody's rows.
pub(crate) const NO_PREDICATE: &str = "($1::text is null or true)";

/// Where rows are read from.
#[derive(Debug, Clone)]
pub struct Reads {
    pub(crate) pool: PgPool,
    pub(crate) without_predicates: bool,
    without_walls: bool,
}

impl Reads {
    /// From a database.
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self { pool, without_predicates: false, without_walls: false }
    }

    /// A planted fault: every query has lost its account predicate.
    #[cfg(feature = "planted-faults")]
    #[must_use]
    pub fn without_predicates(pool: PgPool) -> Self {
        Self { pool, without_predicates: true, without_walls: false }
    }

    /// Two planted faults: beside the predicates the second wall is down as well.
    #[cfg(feature = "planted-faults")]
    #[must_use]
    pub fn without_walls(pool: PgPool) -> Self {
        Self { pool, without_predicates: true, without_walls: true }
    }

    /// The reach of the second wall: that of the caller, but for a planted fault.
    pub(crate) fn wall(&self, reach: Reach) -> Reach {
        if self.without_walls { Reach::Ledger } else { reach }
    }
}
