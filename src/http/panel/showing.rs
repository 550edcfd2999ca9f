//! Orders as they are shown: now, from their rows; or as of a position, so that a retry gets the
//! same answer whatever came later.

use std::{collections::HashMap, sync::Arc};

use daybook_events::{
    Event, Recorded, StreamId,
    commands::OpenAccount,
    event::{BookEvent, OrderPurpose, PaymentMethod},
    ids::{AccountId, OrderId, SubscriptionId},
};
use daybook_projections::{
    accounts::{AccountRow, Accounts},
    as_of,
    orders::{OrderRow, Orders},
    projection::Projection,
    query::Reach,
    subscriptions::{SubscriptionRow, Subscriptions},
};
use percent_encoding::percent_decode_str;

use super::shapes::{KnownOrder, OrderShape};
use crate::app::App;
use crate::http::{call::Call, error::ApiError};

/// The order that a path names, by its number or its id, within the caller's reach.
///
/// # Errors
/// No such order there.
pub(super) async fn order(app: &App, call: &Call, reach: Reach) -> Result<OrderRow, ApiError> {
    let named = call.capture(0);
    let rows = app.rows(reach);
    let row = match (named.parse::<OrderId>(), named.parse::<u32>()) {
        (Ok(id), _) => rows.get::<Orders>(&id.to_string()).await?,
        (Err(_), Ok(number)) => rows.numbered::<Orders>(i64::from(number)).await?,
        (Err(_), Err(_)) => None,
    };
    row.ok_or_else(ApiError::not_found)
}

/// The account of a user: by the panel's own id of the user, or by the account's.
///
/// # Errors
/// One that the caller does not reach, which looks like one that is not there.
pub(super) fn account_of(call: &Call, user: &str) -> Result<AccountId, ApiError> {
    let named = user.parse().unwrap_or_else(|_| OpenAccount::id_of_external(user));
    match call.reach()? {
        Reach::Account(own) if own != named => Err(ApiError::not_found()),
        Reach::Account(_) | Reach::Ledger => Ok(named),
    }
}

/// The account of the user in the path, whose id may be any text.
///
/// # Errors
/// As there; a text that is none.
pub(super) fn user(call: &Call) -> Result<AccountId, ApiError> {
    let named = percent_decode_str(call.capture(0)).decode_utf8();
    account_of(call, &named.map_err(|_| ApiError::not_found())?)
}

/// Orders as they are now.
///
/// # Errors
/// A database that cannot be reached.
pub(super) async fn orders(
    app: &App,
    reach: Reach,
    orders: &[OrderRow],
) -> Result<Vec<OrderShape>, ApiError> {
    let rows = app.rows(reach);
    let accounts = orders.iter().map(|order| order.account_id.to_string()).collect();
    let accounts: HashMap<_, _> = rows
        .each::<Accounts>(accounts)
        .await?
        .into_iter()
        .map(|account| (account.account_id, account))
        .collect();
    let of = |order: &OrderRow| subscription_of(order, accounts.get(&order.account_id));
    let subscriptions = orders.iter().filter_map(of).map(|id| id.to_string()).collect();
    let subscriptions: HashMap<_, _> = rows
        .each::<Subscriptions>(subscriptions)
        .await?
        .into_iter()
        .map(|subscription| (subscription.subscription_id, subscription))
        .collect();
    let shape = |order: &OrderRow| {
        let account = accounts.get(&order.account_id)?;
        let subscription = of(order).and_then(|id| subscriptions.get(&id));
        Some(KnownOrder { order, account, subscription }.shape())
    };
    Ok(orders.iter().filter_map(shape).collect())
}

/// One order as it is now.
///
/// # Errors
/// A database that cannot be reached.
pub(super) async fn one(app: &App, reach: Reach, order: OrderRow) -> Result<OrderShape, ApiError> {
    let shape = orders(app, reach, &[order]).await?.pop();
    shape.ok_or_else(|| ApiError::internal(&"an order without its account"))
}

/// The subscription that an order brought about, or that its change was of.
fn subscription_of(order: &OrderRow, account: Option<&AccountRow>) -> Option<SubscriptionId> {
    match order.purpose {
        OrderPurpose::ChangePlan => account.and_then(|account| account.subscription_id),
        OrderPurpose::Subscribe { .. } | OrderPurpose::PayInvoice { .. } => order.subscription_id,
    }
}

/// An account's history up to a position.
#[derive(Debug)]
pub(super) struct AsOf {
    account_id: AccountId,
    events: Vec<Recorded>,
}

impl AsOf {
    /// Reads it.
    ///
    /// # Errors
    /// A database that cannot be reached, a history that cannot be read.
    pub(super) async fn read(
        app: &Arc<App>,
        account_id: AccountId,
        position: i64,
    ) -> Result<Self, ApiError> {
        let mut events = app.history(Reach::Account(account_id)).of_account(account_id).await?;
        events.retain(|event| event.position <= position);
        Ok(Self { account_id, events })
    }

    fn row<P: Projection>(&self, key: &str) -> Result<Option<P::Row>, ApiError> {
        as_of::row::<P>(key, &self.events).map_err(|error| ApiError::internal(&error))
    }

    /// An order's row.
    ///
    /// # Errors
    /// A history that does not hold it.
    pub(super) fn order(&self, id: OrderId) -> Result<OrderRow, ApiError> {
        let row = self.row::<Orders>(&id.to_string())?;
        row.ok_or_else(|| ApiError::internal(&"an order without its events"))
    }

    /// The order of the live subscription, if there is one.
    ///
    /// # Errors
    /// A history that does not hold together.
    pub(super) fn active_order(&self) -> Result<Option<OrderRow>, ApiError> {
        let account = self.row::<Accounts>(&self.account_id.to_string())?;
        let Some(live) = account.and_then(|account| account.subscription_id) else {
            return Ok(None);
        };
        let placed = self.events.iter().rev().flat_map(Orders::keys);
        for key in placed {
            let row = self.row::<Orders>(&key)?;
            if row.as_ref().is_some_and(|row| row.subscription_id == Some(live)) {
                return Ok(row);
            }
        }
        Ok(None)
    }

    /// An order as it was.
    ///
    /// # Errors
    /// A history that does not hold together.
    pub(super) fn shape(&self, order: &OrderRow) -> Result<OrderShape, ApiError> {
        let account = self.row::<Accounts>(&self.account_id.to_string())?;
        let account = account.ok_or_else(|| ApiError::internal(&"an order without an account"))?;
        let subscription = match subscription_of(order, Some(&account)) {
            Some(id) => self.row::<Subscriptions>(&id.to_string())?,
            None => None,
        };
        let subscription: Option<&SubscriptionRow> = subscription.as_ref();
        Ok(KnownOrder { order, account: &account, subscription }.shape())
    }
}

/// The ways of paying by hand as of a position.
///
/// # Errors
/// A database that cannot be reached, a history that cannot be read.
pub(super) async fn methods_as_of(
    app: &App,
    position: i64,
) -> Result<Vec<PaymentMethod>, ApiError> {
    let events = app.history(Reach::Ledger).of_everybody(StreamId::Book).await?;
    let until = events.iter().filter(|event| event.position <= position);
    let adopted = until.rev().find_map(|recorded| match &recorded.event {
        Event::Book(BookEvent::PaymentMethodsAdopted(adopted)) => Some(adopted.methods.clone()),
        _ => None,
    });
    Ok(adopted.unwrap_or_else(|| vec![PaymentMethod::built_in()]))
}
