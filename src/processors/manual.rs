//! By hand: a bank transfer or the like, which somebody looks for and confirms, and which somebody
//! sends back.

use async_trait::async_trait;
use daybook_events::{Money, Timestamp, commands::MANUAL, ids::OrderId};

use super::{
    Checkout, Message, NotTheirs, Processor, RefundAnswer, Refunding, Started, Unanswered,
    news::News,
};

/// The name that events carry.
pub const NAME: &str = MANUAL;

/// Somebody who looks.
#[derive(Debug, Clone, Copy)]
pub struct Manual;

#[async_trait]
impl Processor for Manual {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn start(&self, checkout: &Checkout) -> Result<Started, Unanswered> {
        // Order numbers are unique in a ledger: this is what the customer writes on the transfer.
        Ok(Started { processor_order_id: format!("{NAME}-{}", checkout.number), url: None })
    }

    async fn started(&self, _: OrderId, _: Money) -> Result<Option<Started>, Unanswered> {
        Ok(None)
    }

    fn confirms(&self, _order: &str, _payment: &str, _signature: &str) -> bool {
        false
    }

    async fn capture(&self, _payment: &str, _amount: Money) -> Result<(), Unanswered> {
        let text = "a transfer is confirmed by whoever sees it on the account".to_owned();
        Err(Unanswered::Refused { status: 409, text })
    }

    /// Somebody sends it, and says so.
    async fn refund(&self, _: &Refunding) -> Result<RefundAnswer, Unanswered> {
        Ok(RefundAnswer::Pending)
    }

    fn recognises(&self, _: &Message<'_>) -> Result<Option<String>, NotTheirs> {
        Err(NotTheirs::NoSecret)
    }

    async fn news_of(&self, _: &str) -> Result<Vec<News>, Unanswered> {
        Ok(Vec::new())
    }

    async fn news_between(&self, _: Timestamp, _: Timestamp) -> Result<Vec<News>, Unanswered> {
        Ok(Vec::new())
    }
}
