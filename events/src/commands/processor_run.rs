//! What the commands on subscriptions share that a processor runs: the link, what follows from the
//! processor's word, and the plan change that the processor makes.

use crate::{
    account::{Account, Link, Status, Subscription},
    draft::Draft,
    envelope::StreamId,
    event::{
        CancellationScheduled, EndReason, Event, FellPastDue, HeldPlan, PlanChanged,
        ProcessorStatus, RunBy, SubscriptionEnded, SubscriptionFollowed, SubscriptionRecovered,
        SubscriptionResumed, SubscriptionSuspended,
    },
    ids::{AccountId, OrderId},
    period::Anchor,
    rejection::Rejection,
    time::Timestamp,
};

/// The link to a processor's subscription.
pub(super) fn link(account: &Account, subscription: &str) -> Result<Link, Rejection> {
    let link = account.links.of_processor(subscription).cloned();
    let named = || subscription.chars().take(64).collect();
    link.ok_or_else(|| Rejection::SubscriptionNotLinked { subscription: named() })
}

/// Refuses what a processor does not do with the subscriptions that it runs.
pub(super) fn refuse(subscription: &Subscription) -> Result<(), Rejection> {
    match subscription.processor() {
        Some(RunBy { processor, .. }) => {
            Err(Rejection::SubscriptionRunByProcessor { processor: processor.clone() })
        }
        None => Ok(()),
    }
}

/// When a subscription that a processor runs ends, if it is cancelled now: the processor says so
/// itself when it has heard of it. Our own period may be over before its renewal is known.
pub(super) fn expected_end(
    account: &Account,
    subscription: &Subscription,
    now: Timestamp,
) -> Timestamp {
    let word = account.links.of(subscription.id).and_then(|link| link.word.clone());
    let renews_at = word.and_then(|word| word.renews_at).filter(|at| *at > now);
    renews_at.unwrap_or_else(|| {
        let mut end = subscription.period.end;
        let mut next = subscription.period_index.saturating_add(1);
        while end <= now {
            end = subscription.anchor.period(next).end;
            next = next.saturating_add(1);
        }
        end
    })
}

/// Brings the subscription in line with the processor's last word on it; `before` is the one that
/// counted until then. Nothing follows for one that has not begun, or is over.
pub(super) fn follow(
    draft: &mut Draft,
    account_id: AccountId,
    order: OrderId,
    before: Option<&SubscriptionFollowed>,
) -> Result<(), Rejection> {
    let account = draft.account(account_id)?;
    let link = account.links.of_order(order);
    let Some((link, word)) = link.and_then(|link| Some((link, link.word.clone()?))) else {
        return Ok(());
    };
    let (stream, id) = (StreamId::Account(account_id), link.subscription_id);
    let runs = |it: &&std::sync::Arc<Subscription>| Some(it.id) == id && it.processor().is_some();
    let Some(subscription) = account.live().filter(runs) else { return Ok(()) };
    let mut events: Vec<Event> = Vec::new();
    events.extend(plan_followed(subscription, &word, before, draft.now()).map(Event::from));
    events.extend(standing_followed(subscription, &word));
    events.extend(end_followed(&account, subscription, &word, before, draft.now()));
    events.into_iter().try_for_each(|event| draft.record(stream, event))
}

fn plan_followed(
    subscription: &Subscription,
    word: &SubscriptionFollowed,
    before: Option<&SubscriptionFollowed>,
    now: Timestamp,
) -> Option<PlanChanged> {
    let same =
        |one: &HeldPlan, other: &HeldPlan| (one.plan_id, one.cycle) == (other.plan_id, other.cycle);
    let to = word.plan.as_ref()?;
    let said_before = before.and_then(|before| before.plan.as_ref());
    let is_news = said_before.is_none_or(|said| !same(said, to));
    let differs = !same(to, &subscription.plan);
    (is_news && differs).then(|| changed(subscription, to.clone(), word.updated_at.min(now)))
}

/// The change as the processor makes it: nothing of ours is prorated, its next invoice holds what it
/// costs. Another cycle begins a new period.
pub(super) fn changed(subscription: &Subscription, to: HeldPlan, at: Timestamp) -> PlanChanged {
    let at = at.whole_second();
    let (anchor, period_index, period) = if to.cycle == subscription.plan.cycle {
        (subscription.anchor, subscription.period_index, subscription.period)
    } else {
        let anchor = Anchor { at, zone: subscription.anchor.zone, cycle: to.cycle };
        (anchor, 0, anchor.period(0))
    };
    PlanChanged {
        subscription_id: subscription.id,
        from: subscription.plan.clone(),
        to,
        at,
        anchor,
        period_index,
        period,
        discount: subscription.discount.clone(),
        service_over: Vec::new(),
    }
}

/// Where it stands is the processor's word alone.
fn standing_followed(subscription: &Subscription, word: &SubscriptionFollowed) -> Vec<Event> {
    use ProcessorStatus as P;
    let subscription_id = subscription.id;
    let recovered = || Event::from(SubscriptionRecovered { subscription_id });
    let (invoice_id, invoice_number) = (None, None);
    match (word.status, subscription.status) {
        (P::OnTrial | P::Active | P::Cancelled, Status::PastDue | Status::Suspended) => {
            vec![recovered()]
        }
        (P::PastDue, Status::Active | Status::Trialing | Status::Suspended) => {
            let overdue = FellPastDue { subscription_id, invoice_id, invoice_number };
            let was_suspended = subscription.status == Status::Suspended;
            was_suspended.then(recovered).into_iter().chain([overdue.into()]).collect()
        }
        (P::Paused | P::Unpaid, Status::Active | Status::Trialing | Status::PastDue) => {
            vec![SubscriptionSuspended { subscription_id, invoice_id, invoice_number }.into()]
        }
        (P::OnTrial | P::Active | P::Cancelled, Status::Active | Status::Trialing)
        | (P::PastDue, Status::PastDue)
        | (P::Paused | P::Unpaid, Status::Suspended)
        | (P::Expired, _)
        | (_, Status::Ended(_)) => Vec::new(),
    }
}

/// Whether it ends. It ends as cancelled however it came to its end, since that must not depend on
/// which words came through before.
fn end_followed(
    account: &Account,
    subscription: &Subscription,
    word: &SubscriptionFollowed,
    before: Option<&SubscriptionFollowed>,
    now: Timestamp,
) -> Option<Event> {
    let subscription_id = subscription.id;
    let is_cancelled = word.status == ProcessorStatus::Cancelled;
    let was_cancelled = before.is_some_and(|it| it.status == ProcessorStatus::Cancelled);
    if word.status == ProcessorStatus::Expired {
        let at = word.ends_at.unwrap_or(word.updated_at);
        let reason = EndReason::Cancelled;
        let service_over = account.invoices.beyond(subscription_id, at);
        return Some(SubscriptionEnded { subscription_id, reason, at, service_over }.into());
    }
    if is_cancelled && (!was_cancelled || subscription.cancelling) {
        let said = word.ends_at.unwrap_or_else(|| expected_end(account, subscription, now));
        let stands = subscription.cancelling && subscription.ends_at() == said;
        let scheduled = CancellationScheduled { subscription_id, takes_effect_at: said };
        return (!stands).then(|| scheduled.into());
    }
    let is_taken_back = was_cancelled && !is_cancelled && subscription.cancelling;
    is_taken_back.then(|| SubscriptionResumed { subscription_id }.into())
}
