//! Give money back by the refund policy: 0–7 days everything, 8–30 the unused rest, then nothing.
//!
//! The money is reserved here, with its credit notes; the processor is asked afterwards, and
//! [`super::RecordRefund`] records what it said. A refund ends the subscription. What was paid but
//! is not sent back becomes account credit.

use super::{
    billing::{self, Credit, Creditable, Crediting},
    reasons::check_reason,
};
use crate::{
    account::{Account, Invoice, Payment, Status, Subscription},
    draft::Draft,
    envelope::StreamId,
    event::{CreditReason, EndReason, RefundRequested, SubscriptionEnded},
    ids::AccountId,
    money::Money,
    refund_policy::{Eligibility, Verdict, verdict},
    rejection::Rejection,
};

/// Give money back by the refund policy.
#[derive(Debug, Clone)]
pub struct RequestRefund {
    /// Which account.
    pub account_id: AccountId,
    /// How much; `None` is everything that the policy grants.
    pub amount: Option<Money>,
    /// Why.
    pub reason: String,
    /// A super admin sets the policy aside.
    pub override_policy: bool,
}

impl RequestRefund {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        self.check(draft)?;
        let account = draft.account(self.account_id)?;
        let subscription = refundable_subscription(&account)?.clone();
        let now = draft.now();
        let book = &draft.world().book;
        let (window, unit) = (book.policy.refunds, book.policy.proration);
        let version = book.policy_version();
        let verdict =
            verdict(window, version, subscription.period.start, now, self.override_policy);
        let creditable = match verdict.eligibility {
            Eligibility::Full => Creditable::Whole,
            Eligibility::Prorated => Creditable::Rest { at: now.whole_second(), unit },
            Eligibility::None => {
                let days = verdict.days_since_period_start;
                return Err(Rejection::RefundWindowClosed { days });
            }
        };
        let credits = credits_of_period(&account, &subscription, creditable)?;
        let payments = payments_of_period(&account, &subscription);
        let amount = self.granted(&account, &credits, &payments)?;

        let mut left = amount;
        for credit in credits {
            let to_refund = credit.paid_part()?.smaller(left)?;
            left = left.minus(to_refund)?;
            let account = draft.account(account.id)?;
            let explanation = Some(self.reason.clone());
            let note = Crediting::new(credit, CreditReason::Refund, now);
            let note = Crediting { explanation, to_refund, ..note };
            billing::issue_credit_note(draft, &account, note)?;
        }
        self.reserve(draft, &payments, amount, verdict)?;
        end(draft, self.account_id, &subscription)
    }

    fn check(&self, draft: &Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        check_reason(&self.reason)?;
        match self.amount {
            Some(amount) if amount.currency() != account.currency => {
                let (given, expected) = (amount.currency(), account.currency);
                Err(Rejection::WrongCurrency { given, expected })
            }
            Some(amount) if !amount.is_positive() => Err(Rejection::AmountNotPositive),
            Some(_) | None => Ok(()),
        }
    }

    /// How much goes back: what was asked, within what was captured and what the policy grants.
    fn granted(
        &self,
        account: &Account,
        credits: &[Credit],
        payments: &[Payment],
    ) -> Result<Money, Rejection> {
        let nothing = Money::zero(account.currency);
        let captured =
            payments.iter().try_fold(nothing, |sum, payment| sum.plus(payment.refundable()?))?;
        if captured.is_zero() {
            return Err(Rejection::NothingToRefund);
        }
        let paid = credits
            .iter()
            .try_fold(nothing, |sum, credit| Ok::<_, Rejection>(sum.plus(credit.paid_part()?)?))?;
        let eligible = paid.smaller(captured)?;
        match self.amount {
            Some(amount) if captured.minus(amount)?.minor() < 0 => {
                Err(Rejection::RefundExceedsCaptured { captured })
            }
            Some(amount) if eligible.minus(amount)?.minor() < 0 => {
                Err(Rejection::RefundExceedsEligible { eligible })
            }
            None if eligible.is_zero() => Err(Rejection::NothingToRefund),
            Some(amount) => Ok(amount),
            None => Ok(eligible),
        }
    }

    /// Reserves the amount on the payments, newest first: that is what a processor will want.
    fn reserve(
        &self,
        draft: &mut Draft,
        payments: &[Payment],
        amount: Money,
        verdict: Verdict,
    ) -> Result<(), Rejection> {
        let mut left = amount;
        for payment in payments.iter().rev() {
            let refundable_before = payment.refundable()?;
            let amount = refundable_before.smaller(left)?;
            left = left.minus(amount)?;
            if !amount.is_positive() {
                continue;
            }
            let captured = &payment.captured;
            let requested = RefundRequested {
                refund_id: draft.mint(),
                payment_id: captured.payment_id,
                processor: captured.processor.clone(),
                processor_payment_id: captured.processor_payment_id.clone(),
                amount,
                reason: self.reason.clone(),
                verdict,
                refundable_before,
            };
            draft.record(StreamId::Account(self.account_id), requested)?;
        }
        Ok(())
    }
}

/// The live subscription, or one that was cancelled: its period may still be refunded.
fn refundable_subscription(account: &Account) -> Result<&Subscription, Rejection> {
    let subscription = account.subscription.as_deref().ok_or(Rejection::NoSubscription)?;
    match subscription.status {
        Status::Trialing
        | Status::Active
        | Status::PastDue
        | Status::Suspended
        | Status::Ended(EndReason::Cancelled | EndReason::Withdrawn) => Ok(subscription),
        Status::Ended(EndReason::Refunded) => Err(Rejection::NothingToRefund),
        Status::Ended(EndReason::Unpaid) => Err(Rejection::NoSubscription),
    }
}

/// Whether an invoice bills (a part of) the subscription's current period.
fn bills_period(invoice: &Invoice, subscription: &Subscription) -> bool {
    invoice.lines.iter().any(|line| line.billed.span.start >= subscription.period.start)
}

fn credits_of_period(
    account: &Account,
    subscription: &Subscription,
    creditable: Creditable,
) -> Result<Vec<Credit>, Rejection> {
    let of_period =
        account.invoices.of(subscription.id).filter(|invoice| bills_period(invoice, subscription));
    let credits = of_period.map(|invoice| billing::credit_of(account, invoice, creditable));
    Ok(credits.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// The payments that went into the current period.
pub(super) fn payments_of_period(account: &Account, subscription: &Subscription) -> Vec<Payment> {
    account
        .invoices
        .of(subscription.id)
        .filter(|invoice| bills_period(invoice, subscription))
        .flat_map(|invoice| &invoice.payments)
        .filter_map(|id| account.payments.get(*id))
        .map(|payment| payment.as_ref().clone())
        .collect()
}

fn end(draft: &mut Draft, id: AccountId, subscription: &Subscription) -> Result<(), Rejection> {
    let (at, subscription_id) = (draft.now(), subscription.id);
    let account = draft.account(id)?;
    if account.live().is_none() {
        return Ok(());
    }
    let reason = EndReason::Refunded;
    let service_over = account.invoices.beyond(subscription_id, at);
    let ended = SubscriptionEnded { subscription_id, reason, at, service_over };
    draft.record(StreamId::Account(id), ended)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[test]
    fn within_seven_days_everything_goes_back_and_the_subscription_ends() {
        let then = given_subscribed("pro").at("2026-05-08T23:59:59Z").when(refund(None));
        then.recorded(&["credit_note.issued", "refund.requested", "subscription.ended"]);
        assert_eq!(then.refund_amounts(), ["15.00 USD"]);
        assert_eq!(then.events()[0].number.as_deref(), Some("CN-2026-000001"));
    }

    #[test]
    fn until_day_thirty_the_unused_rest_goes_back() {
        let then = given_subscribed("pro").at("2026-05-16T12:00:00Z").when(refund(None));
        assert_eq!(then.refund_amounts(), ["7.50 USD"]);
    }

    #[test]
    fn after_day_thirty_nothing_goes_back_unless_overridden_with_a_reason() {
        let yearly = given_subscribed_yearly("pro").at("2026-06-01T00:00:00Z");
        yearly.clone().when(refund(None)).rejected("refund_window_closed");
        let overridden = RequestRefund { override_policy: true, ..refund(None) };
        let then = yearly.clone().when(overridden.clone());
        assert_eq!(then.refund_amounts(), ["150.00 USD"]);
        let without_reason = RequestRefund { reason: String::new(), ..overridden };
        yearly.when(without_reason).rejected("reason_required");
    }

    #[test]
    fn an_upgrade_is_refunded_with_what_it_was_paid_from() {
        let given = given_subscribed("pro")
            .at("2026-05-04T00:00:00Z")
            .and(change_plan("enterprise_lite"))
            .and_paid();
        let then = given.when(refund(None));
        // 15.00 for pro and the rest of the upgrade: both payments go back whole, newest first.
        let paid = then.account().paid_in();
        let amounts = then.refunds().map(|refund| refund.amount);
        assert_eq!(Money::sum(crate::Currency::USD, amounts).unwrap(), paid);
        assert!(then.account().credit.is_zero());
    }

    #[test]
    fn more_than_came_in_or_than_the_policy_grants_is_refused() {
        let given = given_subscribed("pro");
        given.clone().when(refund(Some("15.01"))).rejected("refund_exceeds_captured");
        let later = given.clone().at("2026-05-16T12:00:00Z");
        later.when(refund(Some("7.51"))).rejected("refund_exceeds_eligible");
        given.clone().when(refund(Some("0"))).rejected("amount_not_positive");
        given.and(refund(None)).when(refund(None)).rejected("nothing_to_refund");
        given_account().when(refund(None)).rejected("no_subscription");
        let rupees = Money::parse("1", crate::Currency::INR).unwrap();
        let wrong = RequestRefund { amount: Some(rupees), ..refund(None) };
        given_subscribed("pro").when(wrong).rejected("currency_mismatch");
    }

    #[test]
    fn what_is_not_asked_back_becomes_credit() {
        let then = given_subscribed("pro").when(refund(Some("10")));
        assert_eq!(then.refund_amounts(), ["10.00 USD"]);
        assert_eq!(then.account().credit, usd("5"));
    }

    #[test]
    fn a_free_subscription_has_nothing_to_refund() {
        given_subscribed("free").when(refund(None)).rejected("nothing_to_refund");
    }

    #[test]
    fn a_cancelled_subscription_is_still_refunded() {
        let then = given_subscribed("pro").and(cancel(false)).when(refund(None));
        then.recorded(&["credit_note.issued", "refund.requested"]);
    }
}
