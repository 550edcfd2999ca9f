//! The checkout of an order, whoever shows it: the processor is asked, and its answer recorded,
//! once.
//!
//! The order is the intent: it is in the log before the processor hears of it. Where the answer
//! does not come, asking again meets the same order at the processor.

use std::sync::Arc;

use daybook_events::{
    Rejection,
    account::{Account, Order},
    commands::{Returns, StartCheckout},
    event::{AccountEvent, CheckoutStarted, OrderEvent, OrderPurpose},
    ids::{AccountId, OrderId},
    store::SubmitError,
    tax::Tax,
    world::World,
};
use daybook_projections::query::Reach;

use crate::{
    app::{App, Face},
    http::{call::Call, error::ApiError, outcome},
    processors::{Checkout, Counter, ProcessorError, manual, sandbox},
};

/// Whose checkout is asked for.
pub(in crate::http) struct Asking<'c> {
    /// The call that asks.
    pub(in crate::http) call: &'c Call,
    /// The step of the call, in its own words: a retry meets the step's answer.
    pub(in crate::http) step: &'static str,
    /// Which account.
    pub(in crate::http) account_id: AccountId,
    /// Which order.
    pub(in crate::http) order_id: OrderId,
    /// Where it is asked: that decides the processor.
    pub(in crate::http) counter: Counter,
    /// Where the customer goes from the processor's page.
    pub(in crate::http) returns: Returns,
    /// Whether the processor may have been asked before.
    pub(in crate::http) asked_before: bool,
}

impl Asking<'_> {
    /// The checkout, and the position at which it is in the log.
    ///
    /// # Errors
    /// The rejection, or a processor that does not help.
    pub(in crate::http) async fn ensure(
        self,
        app: &Arc<App>,
    ) -> Result<(CheckoutStarted, i64), ApiError> {
        let account_id = self.account_id;
        let command = self.command(app).await?;
        // A retry of the whole call meets this step's own key, and so the same answer.
        match app.submit(self.call.request_for(self.step, command, None)?).await {
            Ok(receipt) => {
                let events = receipt.events.iter().map(AsRef::as_ref);
                let started = outcome::last(events, |event| match event {
                    AccountEvent::Order(OrderEvent::CheckoutStarted(started)) => {
                        Some(started.clone())
                    }
                    _ => None,
                });
                let (_, started) =
                    started.ok_or_else(|| ApiError::internal(&"a checkout without its event"))?;
                Ok((started, receipt.position()))
            }
            Err(SubmitError::Rejected(Rejection::CheckoutAlreadyStarted { order })) => {
                let found = look(app, account_id, order, running).await?.flatten();
                let started = found.ok_or(Rejection::OrderNotOpen { order })?;
                Ok((started, app.settled(Reach::Account(account_id)).await))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What is to be recorded: a checkout that runs already is not asked for again.
    async fn command(&self, app: &Arc<App>) -> Result<StartCheckout, ApiError> {
        let (account_id, order_id) = (self.account_id, self.order_id);
        if let Some(running) = look(app, account_id, order_id, running).await?.flatten() {
            let CheckoutStarted { processor, processor_order_id, .. } = running;
            let returns = self.returns.clone();
            let merchant_of_record =
                app.processors.named(&processor).is_ok_and(|it| it.merchant().is_some());
            return Ok(StartCheckout {
                account_id,
                order_id,
                processor,
                processor_order_id,
                returns,
                merchant_of_record,
            });
        }
        let by_merchant = look(app, account_id, order_id, sold_by_merchant).await?;
        let processor = app.processors.fitting(self.counter, by_merchant.unwrap_or(false))?;
        let checkout = look(app, account_id, order_id, what_is_paid).await?;
        let checkout = Checkout {
            success_url: self.returns.success_url.clone(),
            asked_before: self.asked_before,
            ..checkout.ok_or(Rejection::OrderUnknown)?
        };
        let started = processor.start(&checkout).await.map_err(ProcessorError::from)?;
        Ok(StartCheckout {
            account_id,
            order_id,
            processor: processor.name().to_owned(),
            processor_order_id: started.processor_order_id,
            returns: Returns { page: started.url, ..self.returns.clone() },
            merchant_of_record: processor.merchant().is_some(),
        })
    }
}

/// Looks at an order and its account.
async fn look<T: Send + 'static>(
    app: &Arc<App>,
    account: AccountId,
    order: OrderId,
    what: fn(&Account, &Order) -> T,
) -> Result<Option<T>, ApiError> {
    let look = move |world: &World| {
        let account = world.account(account)?;
        Some(what(account, account.orders.get(order)?))
    };
    Ok(app.ledger.look(Some(account), look).await?)
}

/// The checkout that a processor runs; one by hand may still become a processor's.
fn running(_: &Account, order: &Order) -> Option<CheckoutStarted> {
    let checkout = order.checkout.as_deref();
    checkout.filter(|checkout| checkout.processor != manual::NAME).cloned()
}

/// Whether a merchant of record sells what an order is for: no other processor may take it.
fn sold_by_merchant(account: &Account, order: &Order) -> bool {
    let tax = match &order.purpose {
        OrderPurpose::Subscribe { quote } => Some(&quote.tax),
        OrderPurpose::PayInvoice { invoice_id, .. } => {
            account.invoices.get(*invoice_id).map(|invoice| &invoice.tax)
        }
        OrderPurpose::ChangePlan => None,
    };
    tax.is_some_and(Tax::is_by_merchant_of_record)
}

/// What a processor has to know of an order.
fn what_is_paid(account: &Account, order: &Order) -> Checkout {
    let party = &account.billing.0;
    let said = |text: &String| (!text.is_empty()).then(|| text.clone());
    Checkout {
        order_id: order.id,
        number: order.number.clone(),
        amount: order.amount,
        plan: order.plan.clone(),
        coupon: order.coupon().map(|code| code.to_string()),
        email: said(&party.email),
        name: said(&party.name),
        expires_at: order.expires_at,
        success_url: None,
        asked_before: false,
    }
}

/// The page on which a checkout is paid: the processor's own, or one of this server.
#[must_use]
pub(in crate::http) fn page(face: &Face, started: &CheckoutStarted) -> String {
    let id = &started.processor_order_id;
    match &started.url {
        Some(url) => url.clone(),
        None if started.processor == sandbox::NAME => {
            format!("{}/sandbox/checkout/{id}", face.public_url)
        }
        None => format!("{}/checkout/{id}", face.public_url),
    }
}
