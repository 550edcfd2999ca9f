//! Who is this customer to the ledger: currency, particulars, credit, tier? Asked by the billing
//! page, by the panel on every sign-in (the tier), and by support.
//!
//! One row per account.

use daybook_events::{
    Currency, Event, Money, Recorded, Timestamp,
    event::{
        AccountEvent as A, AccountOpened, AccountParked, Adjusted, CreditEvent as C, PaymentEvent,
        ProfileEvent as P, SubscriptionEvent as S,
    },
    ids::{AccountId, SubscriptionId},
    personal::Personal,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::projection::{FoldError, Projection};

/// An account as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountRow {
    /// The position of the last event that touched the row.
    pub position: i64,
    /// The account's id.
    pub account_id: AccountId,
    /// The panel's own id of the customer, where there is one.
    pub external_id: Option<String>,
    /// Everything is billed in it.
    pub currency: Currency,
    /// The IANA name of the zone on whose calendar periods are reckoned.
    pub time_zone: String,
    /// Whom the next invoice is made out to.
    pub billing: Personal,
    /// The instant of its opening.
    pub opened_at: Timestamp,
    /// Why nothing is billed on it until somebody has looked; `null` where it is billed.
    pub parked: Option<AccountParked>,
    /// Credit that later invoices use up: what was granted less what was applied, undone, or went
    /// back by a reported refund.
    pub credit: Money,
    /// The portal tier of the live subscription; `null` without one.
    pub plan_type: Option<String>,
    /// The live subscription; `null` without one.
    pub subscription_id: Option<SubscriptionId>,
    /// The portal tier of the newest subscription, live or ended: a cancellation that is taken
    /// back gives it again, and the event of that does not repeat it.
    pub newest_plan_type: Option<String>,
}

impl AccountRow {
    fn opened(opened: &AccountOpened, recorded: &Recorded) -> Self {
        Self {
            position: recorded.position,
            account_id: opened.account_id,
            external_id: opened.external_id.clone(),
            currency: opened.currency,
            time_zone: opened.time_zone.name().to_owned(),
            billing: opened.billing.clone(),
            opened_at: recorded.effective_at,
            parked: None,
            credit: Money::zero(opened.currency),
            plan_type: None,
            subscription_id: None,
            newest_plan_type: None,
        }
    }

    fn after(mut self, event: &A, recorded: &Recorded) -> Result<Self, FoldError> {
        match event {
            A::Profile(event) => self.profiled(event),
            A::Credit(C::CreditGranted(granted)) => {
                self.credit = self.credit.plus(granted.amount)?;
            }
            A::Credit(C::CreditApplied(applied)) => {
                self.credit = self.credit.minus(applied.amount)?;
            }
            A::Credit(C::AdjustmentUndone(undone)) => {
                self.credit = self.credit.minus(undone.amount)?;
            }
            A::Payment(PaymentEvent::RefundReported(reported)) => {
                self.credit = self.credit.minus(reported.from_credit)?;
            }
            A::Subscription(event) => self.subscribed(event),
            A::Order(_) | A::Payment(_) | A::Invoice(_) | A::Usage(_) => return Ok(self),
        }
        Ok(Self { position: recorded.position, ..self })
    }

    fn profiled(&mut self, event: &P) {
        match event {
            P::AccountOpened(_) => {}
            P::BillingDetailsRevised(revised) => self.billing = revised.billing.clone(),
            P::AccountParked(parked) => self.parked = Some(parked.clone()),
            P::AccountReleased(_) => self.parked = None,
        }
    }

    fn subscribed(&mut self, event: &S) {
        match event {
            S::TrialStarted(started) => {
                self.holds(started.subscription_id, Some(started.plan.plan_type.clone()));
            }
            S::SubscriptionActivated(activated) => {
                self.holds(activated.subscription_id, Some(activated.plan.plan_type.clone()));
            }
            S::PlanChanged(changed) => {
                self.holds(changed.subscription_id, Some(changed.to.plan_type.clone()));
            }
            S::SubscriptionResumed(resumed) => {
                let tier = self.newest_plan_type.clone();
                self.holds(resumed.subscription_id, tier);
            }
            S::SubscriptionEnded(_) => (self.subscription_id, self.plan_type) = (None, None),
            S::PlanChangeScheduled(_)
            | S::PlanChangeWithdrawn(_)
            | S::CancellationScheduled(_)
            | S::SubscriptionRenewed(_)
            | S::FellPastDue(_)
            | S::SubscriptionSuspended(_)
            | S::SubscriptionRecovered(_)
            | S::LimitsCustomised(_)
            | S::LimitsReapplied(_)
            | S::SubscriptionLinked(_)
            | S::SubscriptionFollowed(_)
            | S::PlanChangeRequested(_) => {}
        }
    }

    fn holds(&mut self, subscription_id: SubscriptionId, tier: Option<String>) {
        self.subscription_id = Some(subscription_id);
        self.plan_type.clone_from(&tier);
        self.newest_plan_type = tier;
    }
}

/// Whether an event changes what the row says of its account.
fn touches(event: &A) -> bool {
    match event {
        A::Profile(_) | A::Subscription(_) => true,
        A::Credit(C::CreditGranted(_) | C::CreditApplied(_)) => true,
        // A write-off that is undone grants and takes no credit.
        A::Credit(C::AdjustmentUndone(undone)) => undone.adjusted == Adjusted::Credit,
        A::Payment(PaymentEvent::RefundReported(reported)) => reported.from_credit.is_positive(),
        A::Order(_) | A::Payment(_) | A::Invoice(_) | A::Usage(_) => false,
    }
}

/// The projection of every account.
#[derive(Debug)]
pub struct Accounts;

impl Projection for Accounts {
    type Row = AccountRow;

    const NAME: &'static str = "accounts";
    const TABLE: &'static str = include_str!("../../migrations/projections/accounts.sql");

    fn account(row: &AccountRow) -> Option<AccountId> {
        Some(row.account_id)
    }

    fn keys(recorded: &Recorded) -> Vec<String> {
        match &recorded.event {
            Event::Account(event) if touches(event) => {
                recorded.account().iter().map(ToString::to_string).collect()
            }
            Event::Account(_)
            | Event::Plan(_)
            | Event::Coupon(_)
            | Event::Access(_)
            | Event::Book(_) => Vec::new(),
        }
    }

    fn fold(
        key: &str,
        row: Option<AccountRow>,
        recorded: &Recorded,
    ) -> Result<Option<AccountRow>, FoldError> {
        match &recorded.event {
            Event::Account(A::Profile(P::AccountOpened(opened))) => {
                Ok(Some(AccountRow::opened(opened, recorded)))
            }
            Event::Account(event) => {
                let row = row.ok_or_else(|| FoldError::missing(recorded, key))?;
                row.after(event, recorded).map(Some)
            }
            Event::Plan(_) | Event::Coupon(_) | Event::Access(_) | Event::Book(_) => Ok(row),
        }
    }
}

#[cfg(test)]
mod tests {
    use daybook_events::{commands::ReviseBillingDetails, testing::*};

    use super::*;
    use crate::testing::fold_one;

    #[test]
    fn an_opened_account_has_no_credit_and_no_tier() {
        let row = fold_one::<Accounts>(given_account().events());
        assert_eq!(row.account_id, account_id());
        assert_eq!((row.currency, row.time_zone.as_str()), (Currency::USD, "UTC"));
        assert_eq!(row.credit, usd("0"));
        assert_eq!((row.plan_type, row.subscription_id), (None, None));
    }

    #[test]
    fn a_live_subscription_gives_its_tier_and_an_ended_one_none() {
        let given = given_subscribed("pro");
        let row = fold_one::<Accounts>(given.events());
        assert_eq!(row.plan_type.as_deref(), Some("paid"));
        assert_eq!(row.subscription_id, given.account().live().map(|live| live.id));
        let row = fold_one::<Accounts>(given.and(cancel(false)).events());
        assert_eq!((row.plan_type, row.subscription_id), (None, None));
    }

    #[test]
    fn a_cancellation_that_is_taken_back_gives_the_tier_again() {
        let given = given_subscribed("pro").and(cancel(false)).and(resume());
        let row = fold_one::<Accounts>(given.events());
        assert_eq!(row.plan_type.as_deref(), Some("paid"));
        assert_eq!(row.subscription_id, given.account().live().map(|live| live.id));
    }

    #[test]
    fn credit_is_what_the_rules_say_it_is() {
        let given = given_subscribed("pro").at("2026-05-16T12:00:00Z").and(change_plan("starter"));
        let row = fold_one::<Accounts>(given.events());
        assert!(row.credit.is_positive());
        assert_eq!(row.credit, given.account().credit);
        let renewed = given.at("2026-06-01T00:00:00Z").and(settle_due());
        assert_eq!(fold_one::<Accounts>(renewed.events()).credit, renewed.account().credit);
    }

    #[test]
    fn what_went_back_by_a_reported_refund_is_no_credit_any_more() {
        let given = given_subscribed("pro").and(confirm("order_1", "pay_2"));
        let row = fold_one::<Accounts>(given.events());
        assert_eq!(row.credit, usd("15"));
        let given = given.and(refunded_outside("pay_2", "rfnd_1", "4"));
        let row = fold_one::<Accounts>(given.events());
        assert_eq!(
            (row.credit, row.position),
            (usd("11"), given.events().last().unwrap().position)
        );
    }

    #[test]
    fn revised_particulars_replace_the_old_ones() {
        let (account_id, billing) = (account_id(), personal("Grace Hopper"));
        let revise = ReviseBillingDetails { account_id, billing: billing.clone() };
        let given = given_account().and(revise);
        assert_eq!(fold_one::<Accounts>(given.events()).billing, billing);
    }
}
