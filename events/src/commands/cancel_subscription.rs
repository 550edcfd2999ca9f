//! End the subscription: with its period by default, now on request.

use super::processor_run;
use crate::{
    draft::Draft,
    envelope::StreamId,
    event::{CancellationScheduled, EndReason, SubscriptionEnded},
    ids::AccountId,
    rejection::Rejection,
};

/// End the subscription.
#[derive(Debug, Clone)]
pub struct CancelSubscription {
    /// Which account.
    pub account_id: AccountId,
    /// With its period, or now.
    pub at_period_end: bool,
}

impl CancelSubscription {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        let subscription = account.live().ok_or(Rejection::NoSubscription)?;
        let stream = StreamId::Account(account.id);
        let subscription_id = subscription.id;
        if self.at_period_end {
            let takes_effect_at = match subscription.processor() {
                Some(_) if !subscription.cancelling => {
                    processor_run::expected_end(&account, subscription, draft.now())
                }
                Some(_) | None => subscription.ends_at(),
            };
            if subscription.cancelling {
                return Err(Rejection::CancellationAlreadyScheduled { takes_effect_at });
            }
            return draft
                .record(stream, CancellationScheduled { subscription_id, takes_effect_at });
        }
        let (at, reason) = (draft.now(), EndReason::Cancelled);
        // It may be taken back until the period ends, and what was billed goes on being earned; not
        // so where a processor runs it.
        let service_over = match subscription.processor() {
            Some(_) => account.invoices.beyond(subscription_id, at),
            None => Vec::new(),
        };
        draft.record(stream, SubscriptionEnded { subscription_id, reason, at, service_over })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    #[test]
    fn a_cancellation_waits_for_the_period_to_end_unless_told_otherwise() {
        given_subscribed("pro")
            .when(cancel(true))
            .recorded(&["subscription.cancellation_scheduled"]);
        given_subscribed("pro").when(cancel(false)).recorded(&["subscription.ended"]);
        given_subscribed("pro")
            .and(cancel(true))
            .when(cancel(false))
            .recorded(&["subscription.ended"]);
    }

    #[test]
    fn what_a_processor_runs_ends_with_the_processors_period() {
        let given = given_run_by_merchant();
        let ends = |given: &Given| given.account().next_due().unwrap().0.to_string();
        assert_eq!(ends(&given.clone().and(cancel(true))), "2026-06-01T00:00:00.000000Z");
        // Its renewal is not known here yet, and it is not over because of that.
        let late = given.clone().at("2026-06-01T06:00:00Z");
        assert_eq!(ends(&late.and(cancel(true))), "2026-07-01T00:00:00.000000Z");
        let renews_at = Some("2026-06-01T00:00:30Z".parse().unwrap());
        let word = crate::commands::FollowProcessor {
            renews_at,
            ..word("active", "2026-05-02T00:00:00Z")
        };
        assert_eq!(ends(&given.clone().and(word).and(cancel(true))), "2026-06-01T00:00:30.000000Z");
        given.clone().and(cancel(true)).when(resume()).recorded(&["subscription.resumed"]);
        // Now is now here; the processor ends it with its period, and does not bring it back.
        let now = given.and(cancel(false));
        assert!(now.account().live().is_none());
        now.when(resume()).rejected("resume_not_possible");
    }

    #[test]
    fn what_is_cancelled_or_absent_cannot_be_cancelled() {
        given_subscribed("pro")
            .and(cancel(true))
            .when(cancel(true))
            .rejected("cancellation_already_scheduled");
        given_account().when(cancel(true)).rejected("no_subscription");
        given_subscribed("pro").and(cancel(false)).when(cancel(true)).rejected("no_subscription");
    }

    #[test]
    fn what_is_due_stays_due_after_cancelling_now() {
        let given = given_subscribed("pro").and(change_plan("enterprise_lite")).and(cancel(false));
        given.when_paid().recorded(&["payment.captured", "invoice.paid"]);
    }

    #[test]
    fn a_cancellation_after_the_period_meets_the_renewed_period() {
        let then = given_subscribed("pro").at("2026-06-02T00:00:00Z").when(cancel(true));
        then.recorded(&[
            "subscription.renewed",
            "invoice.issued",
            "order.placed",
            "subscription.cancellation_scheduled",
        ]);
    }
}
