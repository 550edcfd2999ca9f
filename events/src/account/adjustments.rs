//! Adjustments: credit given and invoices written off by hand, which can be undone once.

use imbl::OrdMap;

use crate::{event::Adjusted, history::HistoryError, ids::AdjustmentId, money::Money};

/// One adjustment.
#[derive(Debug, Clone, Copy)]
pub struct Adjustment {
    /// What it did.
    pub adjusted: Adjusted,
    /// How much.
    pub amount: Money,
    /// Whether it was undone.
    pub undone: bool,
}

/// An account's adjustments.
#[derive(Debug, Clone, Default)]
pub struct Adjustments {
    by_id: OrdMap<AdjustmentId, Adjustment>,
}

impl Adjustments {
    /// An adjustment by its id.
    #[must_use]
    pub fn get(&self, id: AdjustmentId) -> Option<&Adjustment> {
        self.by_id.get(&id)
    }

    pub(super) fn made(&mut self, id: AdjustmentId, adjusted: Adjusted, amount: Money) {
        self.by_id.insert(id, Adjustment { adjusted, amount, undone: false });
    }

    pub(super) fn undone(&mut self, id: AdjustmentId) -> Result<(), HistoryError> {
        let adjustment = self.by_id.get_mut(&id);
        let missing = || HistoryError::Missing(format!("adjustment {id}"));
        adjustment.ok_or_else(missing)?.undone = true;
        Ok(())
    }
}
