//! What does this customer use of the plan's limits? Asked by the panel before it makes something,
//! and by the billing page.
//!
//! One row per account that ever counted anything. The limits themselves are the subscription's.

use std::collections::BTreeMap;

use daybook_events::{
    Event, Recorded,
    event::{AccountEvent, UsageEvent as E},
    ids::{AccountId, ReservationId},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::projection::{FoldError, Projection};

/// Room that is set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reserved {
    /// Under which limit.
    pub limit: String,
    /// How much.
    pub quantity: u64,
}

/// An account's usage as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UsageRow {
    /// The position of the last event that touched the row.
    pub position: i64,
    /// Whose it is.
    pub account_id: AccountId,
    /// What the panel counted last, by limit.
    pub counted: BTreeMap<String, u64>,
    /// What is set aside.
    pub reserved: BTreeMap<ReservationId, Reserved>,
}

impl UsageRow {
    /// What is used of a limit and set aside under it, together.
    #[must_use]
    pub fn of(&self, limit: &str) -> u64 {
        let of_limit = self.reserved.values().filter(|reserved| reserved.limit == limit);
        let counted = self.counted.get(limit).copied().unwrap_or(0);
        of_limit.fold(counted, |sum, reserved| sum.saturating_add(reserved.quantity))
    }

    fn after(mut self, event: &E, position: i64) -> Self {
        match event {
            E::UsageReported(reported) => {
                self.counted.insert(reported.limit.clone(), reported.used);
                if let Some(settled) = reported.settles {
                    self.reserved.remove(&settled);
                }
            }
            E::UsageReserved(reserved) => {
                let (limit, quantity) = (reserved.limit.clone(), reserved.quantity);
                self.reserved.insert(reserved.reservation_id, Reserved { limit, quantity });
            }
            E::UsageReleased(released) => {
                self.reserved.remove(&released.reservation_id);
            }
        }
        Self { position, ..self }
    }
}

fn usage(recorded: &Recorded) -> Option<&E> {
    if let Event::Account(AccountEvent::Usage(event)) = &recorded.event {
        Some(event)
    } else {
        None
    }
}

/// The projection of every account's usage.
#[derive(Debug)]
pub struct Usage;

impl Projection for Usage {
    type Row = UsageRow;

    const NAME: &'static str = "usage";
    const TABLE: &'static str = include_str!("../../migrations/projections/usage.sql");

    fn account(row: &UsageRow) -> Option<AccountId> {
        Some(row.account_id)
    }

    fn keys(recorded: &Recorded) -> Vec<String> {
        let account = usage(recorded).and_then(|_| recorded.account());
        account.iter().map(ToString::to_string).collect()
    }

    fn fold(
        key: &str,
        row: Option<UsageRow>,
        recorded: &Recorded,
    ) -> Result<Option<UsageRow>, FoldError> {
        let Some(event) = usage(recorded) else { return Ok(row) };
        let account_id = recorded.account().ok_or_else(|| FoldError::missing(recorded, key))?;
        let (counted, reserved) = (BTreeMap::new(), BTreeMap::new());
        let nothing = UsageRow { position: 0, account_id, counted, reserved };
        Ok(Some(row.unwrap_or(nothing).after(event, recorded.position)))
    }
}

#[cfg(test)]
mod tests {
    use daybook_events::{commands::ReserveUsage, testing::*};

    use super::*;
    use crate::testing::fold_one;

    #[test]
    fn what_is_used_is_what_the_rules_say() {
        let limit = "max_servers".to_owned();
        let reserve = ReserveUsage { account_id: account_id(), limit, quantity: 2 };
        let given = given_subscribed("starter").and(report("max_servers", 3)).and(reserve);
        let row = fold_one::<Usage>(given.events());
        assert_eq!((row.of("max_servers"), given.account().usage.of("max_servers")), (5, 5));
        assert_eq!(row.counted["max_servers"], 3);
    }
}
