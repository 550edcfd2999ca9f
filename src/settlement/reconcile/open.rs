//! What is open here: orders that wait for a payment, orders that the processor may not have heard
//! of, refunds without an answer.

use daybook_events::{
    Rejection,
    commands::{RecordRefund, Returns, StartCheckout},
};
use daybook_projections::{
    orders::{OrderRow, Orders},
    query::Reach,
    refunds::{RefundRow, Refunds},
};

use super::{Asking, Difference, PAGE};
use crate::settlement::{
    apply::{Mode, Trouble},
    refund::{self, NotAsked},
};

impl Asking<'_> {
    /// The orders whose payment the processor was asked to take, or may have been.
    pub(super) async fn orders(&mut self) -> Result<(), Trouble> {
        for awaits in [self.processor.name(), ""] {
            let mut after = String::new();
            loop {
                let rows = self.app.rows(Reach::Ledger);
                let page = rows.matching::<Orders>("awaits", awaits, &after, PAGE).await?;
                let Some(last) = page.last() else { break };
                after = last.order_id.to_string();
                for order in &page {
                    if self.gave_up {
                        return Ok(());
                    }
                    self.report.orders += 1;
                    match &order.processor_order_id {
                        Some(id) if !awaits.is_empty() => self.order(order, id).await?,
                        Some(_) | None => self.intent(order).await?,
                    }
                }
            }
        }
        Ok(())
    }

    async fn order(&mut self, order: &OrderRow, theirs: &str) -> Result<(), Trouble> {
        match self.processor.news_of(theirs).await {
            Ok(news) => {
                for news in news {
                    let reason = format!("asked about order {}", order.number);
                    self.take(&news, theirs, reason).await?;
                }
            }
            Err(error) => self.unanswered(theirs, Some(order.account_id), &error),
        }
        Ok(())
    }

    /// An order of which nobody knows whether the processor has heard of it.
    async fn intent(&mut self, order: &OrderRow) -> Result<(), Trouble> {
        let (account_id, order_id) = (order.account_id, order.order_id);
        let about = order_id.to_string();
        let started = match self.processor.started(order_id, order.amount).await {
            Ok(Some(started)) => started,
            Ok(None) => return Ok(()),
            Err(error) => {
                self.unanswered(&about, Some(account_id), &error);
                return Ok(());
            }
        };
        let detail = format!("order {} had an unknown checkout there", order.number);
        if self.mode == Mode::Append {
            let command = StartCheckout {
                account_id,
                order_id,
                processor: self.processor.name().to_owned(),
                processor_order_id: started.processor_order_id,
                returns: Returns { page: started.url, ..Returns::default() },
                merchant_of_record: self.processor.merchant().is_some(),
            };
            match self.submit(command).await? {
                Ok(()) => {}
                Err(rejection) => {
                    self.found(Difference::Unfit, &about, Some(account_id), rejection.to_string());
                    return Ok(());
                }
            }
        }
        self.found(Difference::Settled, &about, Some(account_id), detail);
        Ok(())
    }

    /// The refunds that were reserved, and of which nobody knows whether they were sent.
    pub(super) async fn refunds(&mut self) -> Result<(), Trouble> {
        let mut after = String::new();
        loop {
            let rows = self.app.rows(Reach::Ledger);
            let name = self.processor.name();
            let page = rows.matching::<Refunds>("awaits", name, &after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.refund_id.to_string();
            for row in &page {
                if self.gave_up {
                    return Ok(());
                }
                self.report.refunds += 1;
                if self.mode == Mode::Append {
                    self.refund(row).await?;
                }
            }
        }
    }

    async fn refund(&mut self, row: &RefundRow) -> Result<(), Trouble> {
        let (account_id, refund_id) = (row.account_id, row.refund_id);
        let about = refund_id.to_string();
        let outcome = match refund::ask(self.app, account_id, refund_id).await {
            Ok(Some(outcome)) => outcome,
            Ok(None) => {
                let detail = format!("a refund of {} has no answer yet", row.amount);
                self.found(Difference::Pending, &about, Some(account_id), detail);
                return Ok(());
            }
            Err(NotAsked::Ledger(error)) => return Err(error.into()),
            Err(NotAsked::Database(error)) => return Err(error.into()),
            Err(NotAsked::Processor(error)) => {
                self.found(Difference::Unanswered, &about, Some(account_id), error.to_string());
                return Ok(());
            }
        };
        let detail = format!("a refund of {} is answered: {outcome:?}", row.amount);
        match self.submit(RecordRefund { account_id, refund_id, outcome }).await? {
            Ok(()) => self.found(Difference::Settled, &about, Some(account_id), detail),
            // A message was faster.
            Err(Rejection::RefundAlreadySettled { .. } | Rejection::RefundKnown { .. }) => {}
            Err(other) => {
                self.found(Difference::Unfit, &about, Some(account_id), other.to_string());
            }
        }
        Ok(())
    }
}
