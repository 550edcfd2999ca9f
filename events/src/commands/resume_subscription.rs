//! Take a cancellation back, inside the same period only.

use super::request_refund::payments_of_period;
use crate::{
    account::{Account, Status, Subscription},
    draft::Draft,
    envelope::StreamId,
    event::{EndReason, SubscriptionResumed},
    ids::AccountId,
    rejection::Rejection,
};

/// Take a cancellation back.
#[derive(Debug, Clone)]
pub struct ResumeSubscription {
    /// Which account.
    pub account_id: AccountId,
}

impl ResumeSubscription {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        let subscription = account.subscription.as_ref().ok_or(Rejection::NoSubscription)?;
        // A processor takes it back until the end that it has set, which is recorded when it comes;
        // what has ended there begins anew there.
        let is_run = subscription.processor().is_some();
        let within_period = is_run || subscription.period.contains(draft.now());
        // What was lent ends when it was to end.
        if subscription.lent {
            return Err(Rejection::ResumeNotPossible);
        }
        let resumable = match subscription.status {
            Status::Trialing | Status::Active | Status::PastDue | Status::Suspended => {
                subscription.cancelling
            }
            // What was cancelled and then refunded is refunded.
            Status::Ended(EndReason::Cancelled) if is_refunded(&account, subscription) => {
                return Err(Rejection::ResumeNotPossible);
            }
            Status::Ended(EndReason::Cancelled) if is_run => {
                return Err(Rejection::ResumeNotPossible);
            }
            Status::Ended(EndReason::Cancelled) => true,
            Status::Ended(EndReason::Refunded | EndReason::Unpaid | EndReason::Withdrawn) => {
                return Err(Rejection::ResumeNotPossible);
            }
        };
        match () {
            () if !resumable => Err(Rejection::NotCancelled),
            () if !within_period => {
                Err(Rejection::ResumeAfterPeriod { ended_at: subscription.period.end })
            }
            () => {
                let subscription_id = subscription.id;
                draft.record(StreamId::Account(account.id), SubscriptionResumed { subscription_id })
            }
        }
    }
}

fn is_refunded(account: &Account, subscription: &Subscription) -> bool {
    let payments = payments_of_period(account, subscription);
    payments.iter().any(|payment| payment.refunded.is_positive())
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    #[test]
    fn a_cancellation_is_taken_back_inside_the_period() {
        for at_period_end in [true, false] {
            given_subscribed("pro")
                .and(cancel(at_period_end))
                .at("2026-05-31T23:59:59Z")
                .when(resume())
                .recorded(&["subscription.resumed"]);
        }
    }

    #[test]
    fn after_the_period_it_is_too_late() {
        for at_period_end in [true, false] {
            given_subscribed("pro")
                .and(cancel(at_period_end))
                .at("2026-06-01T00:00:00Z")
                .when(resume())
                .rejected("resume_after_period");
        }
    }

    #[test]
    fn only_a_cancelled_subscription_is_resumed() {
        given_subscribed("pro").when(resume()).rejected("not_cancelled");
        given_account().when(resume()).rejected("no_subscription");
        given_subscribed("pro").and(refund(None)).when(resume()).rejected("resume_not_possible");
        let cancelled_first = given_subscribed("pro").and(cancel(false)).and(refund(None));
        cancelled_first.when(resume()).rejected("resume_not_possible");
    }
}
