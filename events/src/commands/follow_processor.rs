//! Follow what a processor says of a subscription that it runs: how it stands, on which plan it is,
//! and whether it ends.
//!
//! News comes more than once and in any order, so each word has its place in one order of all words
//! on a subscription ([`rank`]): only a later one than the last is taken. The last word decides, so
//! shuffled news end the same.
//!
//! What the ledger asked for itself (a cancellation, a resumption, another plan) and the processor
//! has not heard yet is not undone by a word that says what the last one said: only a word that
//! *changes* its mind moves the cancellation and the plan.

use super::processor_run;
use crate::{
    account::{Account, Link},
    draft::Draft,
    envelope::StreamId,
    event::{HeldPlan, ProcessorStatus, SubscriptionFollowed},
    ids::{AccountId, PlanId},
    period::Cycle,
    rejection::Rejection,
    time::Timestamp,
};

/// Take the processor's word on how a subscription that it runs stands. The shell has verified that
/// it is the processor's word.
#[derive(Debug, Clone)]
pub struct FollowProcessor {
    /// Which account.
    pub account_id: AccountId,
    /// The processor's own id of the subscription.
    pub processor_subscription_id: String,
    /// How it stands, in the processor's words: `on_trial`, `active`, `past_due`, `paused`,
    /// `unpaid`, `cancelled` or `expired`.
    pub status: String,
    /// What it gives: id, number or slug of the plan, and its cycle; `None` where that is not said.
    pub plan: Option<(String, Cycle)>,
    /// When it renews, where it does.
    pub renews_at: Option<Timestamp>,
    /// When it ends, where that is known.
    pub ends_at: Option<Timestamp>,
    /// From when the word is, by the processor's clock.
    pub updated_at: Timestamp,
}

impl FollowProcessor {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        let link = processor_run::link(&account, &self.processor_subscription_id)?;
        let word = SubscriptionFollowed {
            order_id: link.order_id,
            subscription_id: link.subscription_id,
            status: status(&self.status)?,
            plan: self.plan(draft, &account, &link)?,
            renews_at: self.renews_at,
            ends_at: self.ends_at,
            updated_at: self.updated_at,
        };
        if let Some(last) = link.word.as_deref() {
            match rank(&word).cmp(&rank(last)) {
                std::cmp::Ordering::Less => {
                    return Err(Rejection::SubscriptionNewsStale { taken: last.updated_at });
                }
                std::cmp::Ordering::Equal => return Err(Rejection::NothingNew),
                std::cmp::Ordering::Greater => {}
            }
        }
        // Recorded also where nothing follows from it: an older word that comes after it must be
        // known to be older.
        draft.record(StreamId::Account(account.id), word)?;
        processor_run::follow(draft, account.id, link.order_id, link.word.as_deref())
    }

    /// The plan as the account holds it, or would come to hold it at today's list price. What the
    /// processor sells is sold, whether or not the plan is still on offer here.
    fn plan(
        &self,
        draft: &Draft,
        account: &Account,
        link: &Link,
    ) -> Result<Option<HeldPlan>, Rejection> {
        let Some((reference, cycle)) = &self.plan else { return Ok(None) };
        let unknown = || Rejection::PlanUnknown { plan: reference.chars().take(64).collect() };
        let plan = draft.world().catalogue.find(reference).ok_or_else(unknown)?;
        let newest = account.subscription.as_ref();
        let subscription = newest.filter(|newest| Some(newest.id) == link.subscription_id);
        let ordered = account.orders.get(link.order_id).map(|order| &order.plan);
        let known = [
            subscription.map(|it| &it.plan),
            subscription.and_then(|it| it.requested.as_ref()),
            ordered,
        ];
        let same = |held: &&HeldPlan| held.plan_id == plan.id && held.cycle == *cycle;
        if let Some(held) = known.into_iter().flatten().find(same) {
            return Ok(Some(held.clone()));
        }
        let price = plan.terms.price(*cycle, account.currency);
        let named = || plan.slug.clone();
        let price =
            price.ok_or_else(|| Rejection::CycleUnavailable { plan: named(), cycle: *cycle })?;
        Ok(Some(plan.held(*cycle, price)))
    }
}

fn status(word: &str) -> Result<ProcessorStatus, Rejection> {
    match word {
        "on_trial" => Ok(ProcessorStatus::OnTrial),
        "active" => Ok(ProcessorStatus::Active),
        "past_due" => Ok(ProcessorStatus::PastDue),
        "paused" => Ok(ProcessorStatus::Paused),
        "unpaid" => Ok(ProcessorStatus::Unpaid),
        "cancelled" => Ok(ProcessorStatus::Cancelled),
        "expired" => Ok(ProcessorStatus::Expired),
        other => {
            Err(Rejection::ProcessorStatusUnknown { status: other.chars().take(64).collect() })
        }
    }
}

/// A word's place among all words on a subscription.
///
/// By the processor's clock; but what is over stays over. Two words of one instant (its clock counts
/// seconds) have an order too, the same whichever comes first: of the same instant, the further
/// along counts.
#[expect(clippy::type_complexity, reason = "an order of fields, named by the words themselves")]
fn rank(
    word: &SubscriptionFollowed,
) -> (bool, Timestamp, ProcessorStatus, Option<(PlanId, u32)>, Option<Timestamp>, Option<Timestamp>)
{
    let plan = word.plan.as_ref().map(|plan| (plan.plan_id, plan.cycle.months()));
    let over = word.status == ProcessorStatus::Expired;
    (over, word.updated_at, word.status, plan, word.ends_at, word.renews_at)
}

#[cfg(test)]
mod shuffled {
    mod tests;
}
#[cfg(test)]
mod tests;
