//! Whose a processor's news is: the order, the payment, the refund or the subscription of ours that
//! it speaks of.

use std::sync::Arc;

use daybook_events::{
    ids::{AccountId, RefundId},
    world::World,
};
use daybook_projections::{
    orders::{OrderRow, Orders},
    payments::{PaymentRow, Payments},
    query::Reach,
    refunds::Refunds,
    subscriptions::{SubscriptionRow, Subscriptions},
};

use super::apply::Trouble;
use crate::{
    app::App,
    processors::news::{BillingReason, News, Ordered, Refund, Subscription},
};

/// What of ours the news speaks of.
#[derive(Debug)]
pub(super) enum Found {
    /// An order.
    Order(Box<OrderRow>),
    /// A payment.
    Payment(Box<PaymentRow>),
    /// A refund that the ledger asked for.
    Refund(AccountId, RefundId),
    /// A subscription that the processor runs.
    Subscription(AccountId),
    /// Nothing that is here.
    Nowhere,
}

/// Finds what a processor's news is about, among what has come from that processor.
///
/// # Errors
/// A database that cannot be reached, or projections that do not move on.
pub(super) async fn find(app: &Arc<App>, processor: &str, news: &News) -> Result<Found, Trouble> {
    // What was appended a moment ago counts.
    let position = daybook_projections::log_position(app.pool()).await?;
    if !app.reaches(position).await {
        return Err(Trouble::Behind(position));
    }
    let finder = Finder { app, processor };
    match news {
        News::Captured(captured) => finder.order(&captured.payment.order).await,
        // What the customer's return has booked already is still to be taken.
        News::Authorised(payment) => match finder.payment(&payment.payment_id).await? {
            Found::Nowhere => finder.order(&payment.order).await,
            booked => Ok(booked),
        },
        News::Failed { payment, .. } => finder.order(&payment.order).await,
        News::Refund(refund) => finder.refund(refund).await,
        News::RefundedInAll(refunded) => {
            match (finder.payment(&refunded.payment_id).await?, &refunded.order) {
                // What a subscription began with is booked as its order's payment. What renewed it is
                // known by itself, sooner or later.
                (Found::Nowhere, Ordered::Subscription { id, reason: BillingReason::Initial }) => {
                    finder.first_of(id).await
                }
                (found, _) => Ok(found),
            }
        }
        News::Dispute(dispute) => finder.payment(&dispute.payment_id).await,
        News::Subscription(it) => finder.linked(it).await,
        News::Nothing => Ok(Found::Nowhere),
    }
}

struct Finder<'f> {
    app: &'f App,
    processor: &'f str,
}

impl Finder<'_> {
    async fn order(&self, ordered: &Ordered) -> Result<Found, Trouble> {
        let rows = self.app.rows(Reach::Ledger);
        let row = match ordered {
            Ordered::Theirs(id) => rows.find::<Orders>("at_processor", id).await?,
            Ordered::Ours(id) => rows.get::<Orders>(&id.to_string()).await?,
            Ordered::Subscription { id, .. } => return self.subscription(id).await,
            Ordered::Unnamed => None,
        };
        let theirs = |row: &OrderRow| {
            row.at_processor.as_ref().is_some_and(|it| it.processor == self.processor)
        };
        let row = row.filter(theirs);
        Ok(row.map_or(Found::Nowhere, |row| Found::Order(Box::new(row))))
    }

    async fn payment(&self, id: &str) -> Result<Found, Trouble> {
        let theirs = (("processor", self.processor), ("processor_payment_id", id));
        let row = self.app.rows(Reach::Ledger).find_both::<Payments>(theirs.0, theirs.1).await?;
        Ok(row.map_or(Found::Nowhere, |row| Found::Payment(Box::new(row))))
    }

    /// The refund of ours that its receipt names, else the payment that it goes back from.
    async fn refund(&self, refund: &Refund) -> Result<Found, Trouble> {
        let ours: Option<RefundId> = refund.receipt.as_deref().and_then(|it| it.parse().ok());
        if let Some(ours) = ours
            && let Some(row) =
                self.app.rows(Reach::Ledger).get::<Refunds>(&ours.to_string()).await?
        {
            return Ok(Found::Refund(row.account_id, ours));
        }
        self.payment(&refund.payment_id).await
    }

    async fn subscription(&self, id: &str) -> Result<Found, Trouble> {
        let row = self.run_by_them(id).await?;
        Ok(row.map_or(Found::Nowhere, |row| Found::Subscription(row.account_id)))
    }

    async fn run_by_them(&self, id: &str) -> Result<Option<SubscriptionRow>, Trouble> {
        let theirs = (("processor", self.processor), ("processor_subscription_id", id));
        let rows = self.app.rows(Reach::Ledger);
        Ok(rows.find_both::<Subscriptions>(theirs.0, theirs.1).await?)
    }

    /// The order that a subscription of theirs began with: the one that its checkout was given, or
    /// that its first payment paid; else the subscription of ours that it is known to run.
    async fn linked(&self, it: &Subscription) -> Result<Found, Trouble> {
        if let order @ Found::Order(_) = self.order(&it.order).await? {
            return Ok(order);
        }
        if let Some(first) = &it.first_payment_id
            && let Found::Payment(payment) = self.payment(first).await?
        {
            return self.order(&Ordered::Ours(payment.order_id)).await;
        }
        self.subscription(&it.subscription_id).await
    }

    /// The payment that a subscription of theirs began with.
    async fn first_of(&self, id: &str) -> Result<Found, Trouble> {
        let Some(row) = self.run_by_them(id).await? else { return Ok(Found::Nowhere) };
        let (account, theirs) = (row.account_id, id.to_owned());
        let first = move |world: &World| {
            let account = world.account(account)?;
            let order = account.links.of_processor(&theirs)?.order_id;
            let mut paid = account.payments.iter().map(|payment| &payment.captured);
            paid.find(|it| it.order_id == order).map(|it| it.processor_payment_id.clone())
        };
        match self.app.ledger.look(Some(account), first).await? {
            Some(payment) => self.payment(&payment).await,
            None => Ok(Found::Nowhere),
        }
    }
}
