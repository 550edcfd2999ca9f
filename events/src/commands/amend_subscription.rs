//! Several changes of a subscription in one request: all of them, or none.

use super::{CancelSubscription, ChangePlan, CustomiseLimits, ResumeSubscription};
use crate::{draft::Draft, ids::AccountId, rejection::Rejection};

/// Several changes of a subscription, in this order.
#[derive(Debug, Clone)]
pub struct AmendSubscription {
    /// Which account.
    pub account_id: AccountId,
    /// Take a cancellation back.
    pub resume: Option<ResumeSubscription>,
    /// Move to another plan or cycle.
    pub change: Option<ChangePlan>,
    /// Give limits of its own.
    pub limits: Option<CustomiseLimits>,
    /// End it.
    pub cancel: Option<CancelSubscription>,
}

impl AmendSubscription {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let steps = [
            self.resume.as_ref().map(|step| step.decide(draft)),
            self.change.as_ref().map(|step| step.decide(draft)),
            self.limits.as_ref().map(|step| step.decide(draft)),
            self.cancel.as_ref().map(|step| step.decide(draft)),
        ];
        let taken = steps.into_iter().flatten().collect::<Result<Vec<_>, _>>()?;
        if taken.is_empty() { Err(Rejection::NothingToChange) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    fn amend() -> AmendSubscription {
        let account_id = account_id();
        AmendSubscription { account_id, resume: None, change: None, limits: None, cancel: None }
    }

    #[test]
    fn either_every_change_happens_or_none() {
        let both = AmendSubscription {
            change: Some(change_plan("starter")),
            cancel: Some(cancel(true)),
            ..amend()
        };
        let then = given_subscribed("pro").when(both);
        assert_eq!(
            then.events().last().unwrap().event.type_name(),
            "subscription.cancellation_scheduled"
        );
        let second_fails = AmendSubscription {
            change: Some(change_plan("starter")),
            resume: Some(resume()),
            ..amend()
        };
        given_subscribed("pro").when(second_fails).rejected("not_cancelled");
    }

    #[test]
    fn a_request_for_nothing_is_refused() {
        given_subscribed("pro").when(amend()).rejected("nothing_to_change");
    }
}
