//! Which coupons are there, what do they give, and how often have they been redeemed? Asked by
//! whoever runs a campaign, and by support.
//!
//! One row per coupon, on offer or withdrawn.

use std::collections::BTreeMap;

use daybook_events::{
    Event, Recorded, Timestamp,
    coupon::{CouponCode, CouponTerms},
    event::{CouponEvent as E, CouponOffered},
    ids::AccountId,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::projection::{FoldError, Projection};

/// A coupon as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CouponRow {
    /// The position of the last event that touched the row.
    pub position: i64,
    /// The code that customers type.
    pub code: CouponCode,
    /// What it gives, and to whom.
    pub terms: CouponTerms,
    /// How many orders hold it, paid or waiting.
    pub redemptions: u32,
    /// How many orders of each account hold it.
    pub by_account: BTreeMap<AccountId, u32>,
    /// The instant of its offer.
    pub offered_at: Timestamp,
    /// The instant at which it was withdrawn; `null` while it is on offer.
    pub withdrawn_at: Option<Timestamp>,
}

impl CouponRow {
    fn offered(offered: &CouponOffered, recorded: &Recorded) -> Self {
        Self {
            position: recorded.position,
            code: offered.code,
            terms: offered.terms.clone(),
            redemptions: 0,
            by_account: BTreeMap::new(),
            offered_at: recorded.effective_at,
            withdrawn_at: None,
        }
    }

    fn after(mut self, event: &E, recorded: &Recorded) -> Self {
        match event {
            E::CouponOffered(_) => {}
            E::CouponRedeemed(redeemed) => {
                self.redemptions += 1;
                *self.by_account.entry(redeemed.account_id).or_default() += 1;
            }
            E::CouponReleased(released) => {
                self.redemptions = self.redemptions.saturating_sub(1);
                let held = self.by_account.get(&released.account_id).copied().unwrap_or(0);
                if held > 1 {
                    self.by_account.insert(released.account_id, held - 1);
                } else {
                    self.by_account.remove(&released.account_id);
                }
            }
            E::CouponWithdrawn(_) => self.withdrawn_at = Some(recorded.effective_at),
        }
        Self { position: recorded.position, ..self }
    }
}

fn coupon(recorded: &Recorded) -> Option<&E> {
    if let Event::Coupon(event) = &recorded.event { Some(event) } else { None }
}

/// The projection of every coupon.
#[derive(Debug)]
pub struct Coupons;

impl Projection for Coupons {
    type Row = CouponRow;

    const NAME: &'static str = "coupons";
    const TABLE: &'static str = include_str!("../../migrations/projections/coupons.sql");

    fn account(_: &CouponRow) -> Option<AccountId> {
        None
    }

    fn keys(recorded: &Recorded) -> Vec<String> {
        let code = |event: &E| match event {
            E::CouponOffered(offered) => offered.code,
            E::CouponRedeemed(redeemed) => redeemed.code,
            E::CouponReleased(released) => released.code,
            E::CouponWithdrawn(withdrawn) => withdrawn.code,
        };
        coupon(recorded).map(code).iter().map(ToString::to_string).collect()
    }

    fn fold(
        key: &str,
        row: Option<CouponRow>,
        recorded: &Recorded,
    ) -> Result<Option<CouponRow>, FoldError> {
        match coupon(recorded) {
            Some(E::CouponOffered(offered)) => Ok(Some(CouponRow::offered(offered, recorded))),
            Some(event) => {
                let row = row.ok_or_else(|| FoldError::missing(recorded, key))?;
                Ok(Some(row.after(event, recorded)))
            }
            None => Ok(row),
        }
    }
}

#[cfg(test)]
mod tests {
    use daybook_events::testing::*;

    use super::*;
    use crate::testing::fold_one;

    #[test]
    fn redemptions_are_counted_while_orders_hold_them() {
        let given = given_account().and(offer("SAVE10", "10")).and(order_with("SAVE10"));
        let row = fold_one::<Coupons>(given.events());
        assert_eq!((row.code.as_str(), row.redemptions), ("SAVE10", 1));
        assert_eq!(row.by_account[&account_id()], 1);

        let given = given.at("2026-05-08T00:00:00Z").and(settle_due()).and(withdraw("SAVE10"));
        let row = fold_one::<Coupons>(given.events());
        assert_eq!((row.redemptions, row.by_account.len()), (0, 0));
        assert_eq!(row.withdrawn_at, Some(given.now()));
    }
}
