//! Why a history cannot be taken in.

use thiserror::Error;

use crate::money::MoneyError;

/// A history that the states cannot take in: something before it is missing, or sums overflow.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HistoryError {
    /// An event speaks of something that no event before it brought about.
    #[error("the history speaks of {0}, which is not there")]
    Missing(String),
    /// Amounts that do not add up within the bounds.
    #[error(transparent)]
    Money(#[from] MoneyError),
}
