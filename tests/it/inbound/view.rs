//! What two ledgers are to agree on, whatever the order in which they were told: sums and states,
//! and no position, no number of ours and no id that was minted at the moment.

use std::collections::BTreeMap;

use daybook::{app::App, processors::lemonsqueezy};
use daybook_events::{Money, ids::AccountId};
use daybook_projections::{
    accounts::Accounts, invoices::Invoices, orders::Orders, payments::Payments,
    projection::Projection, query::Page, reach::Reach, refunds::Refunds,
    subscriptions::Subscriptions,
};

/// Lines about each account, sorted.
pub(super) type View = BTreeMap<AccountId, Vec<String>>;

/// Everything that a ledger has to say of its accounts' money.
pub(super) async fn of(app: &App) -> View {
    let mut view = View::new();
    let mut add = |account, line| view.entry(account).or_default().push(line);
    for it in rows::<Accounts>(app).await {
        let (parked, plan) = (it.parked.is_some(), it.plan_type);
        add(it.account_id, format!("account: credit {}, parked {parked}, {plan:?}", it.credit));
    }
    for it in rows::<Orders>(app).await {
        let there = it.at_processor.map(|at| at.processor_order_id);
        let line = format!("order: {} {} {:?} {there:?}", it.plan.slug, it.amount, it.status);
        add(it.account_id, line);
    }
    for it in rows::<Invoices>(app).await {
        let none = Money::zero(it.total.currency());
        let noted = Money::sum(none.currency(), it.credit_notes.iter().map(|note| note.total));
        let line = format!(
            "invoice: {} due {} paid {} + {} credited {} noted {:?} written off {} {:?}",
            it.total,
            it.due,
            it.paid_by_payment,
            it.paid_by_credit,
            it.credited,
            noted,
            it.written_off,
            it.status
        );
        add(it.account_id, line);
    }
    for mut it in rows::<Payments>(app).await {
        it.disputes.sort_by(|one, other| one.dispute_id.cmp(&other.dispute_id));
        let disputes: Vec<_> = it.disputes.iter().map(|it| (&it.dispute_id, &it.outcome)).collect();
        let line = format!(
            "payment: {} {} of {:?} fee {:?} {:?} back {} disputed {} deducted {} {disputes:?} {:?}",
            it.processor_payment_id,
            it.amount,
            it.merchant,
            it.fee,
            it.fee_tax,
            it.refunded,
            it.disputed,
            it.deducted,
            it.status
        );
        add(it.account_id, line);
    }
    // Lemon Squeezy tells sums only: of two refunds a ledger may have heard as one.
    let refunds = rows::<Refunds>(app).await.into_iter();
    for it in refunds.filter(|it| it.processor != lemonsqueezy::NAME) {
        let line = format!(
            "refund: {:?} of {} {} {:?} {:?} unplaced {}",
            it.processor_refund_id,
            it.processor_payment_id,
            it.amount,
            it.origin,
            it.status,
            it.unplaced
        );
        add(it.account_id, line);
    }
    for it in rows::<Subscriptions>(app).await {
        let run_by = it.run_by.map(|by| by.processor_subscription_id);
        let line = format!(
            "subscription: {} {:?} {:?} run by {run_by:?}",
            it.plan.slug, it.status, it.end_reason
        );
        add(it.account_id, line);
    }
    view.values_mut().for_each(|lines| lines.sort());
    view
}

async fn rows<P: Projection>(app: &App) -> Vec<P::Row> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = Page { after: after.as_deref(), limit: 500 };
        let (rows, next) = app.rows(Reach::Ledger).page::<P>(&page).await.unwrap();
        all.extend(rows);
        match next {
            Some(next) => after = Some(next),
            None => return all,
        }
    }
}

/// Where two views differ: nothing, where they are equal.
pub(super) fn differences(one: &View, other: &View) -> Vec<String> {
    let accounts = one.keys().chain(other.keys().filter(|id| !one.contains_key(id)));
    let none = Vec::new();
    let differing = accounts.filter(|id| one.get(id) != other.get(id)).map(|id| {
        let [one, other] = [one, other].map(|view| view.get(id).unwrap_or(&none));
        let only = |these: &[String], those: &[String]| -> Vec<String> {
            these.iter().filter(|it| !those.contains(it)).cloned().collect()
        };
        format!("{id}:\n  {:#?}\n  {:#?}", only(one, other), only(other, one))
    });
    differing.collect()
}
