//! What the processor did of late, and what only one side knows of it.

use std::collections::HashSet;

use daybook_events::Timestamp;
use daybook_projections::{
    payments::{PaymentRow, Payments},
    query::{Between, Reach},
};

use super::{Asking, Difference, PAGE};
use crate::{
    processors::{Unanswered, news::News},
    settlement::apply::Trouble,
};

/// What is so new, in seconds, may not be on the processor's list yet.
const SETTLING_SECONDS: i64 = 120;

impl Asking<'_> {
    /// What the processor did within a time: whatever the ledger does not know is booked, and
    /// whatever the ledger knows alone is said.
    pub(super) async fn lately(&mut self, from: Timestamp, to: Timestamp) -> Result<(), Trouble> {
        let news = match self.processor.news_between(from, to).await {
            Ok(news) => news,
            Err(error) => {
                self.unanswered("what was done lately", None, &error);
                return Ok(());
            }
        };
        let mut there = HashSet::new();
        for news in &news {
            self.report.news += 1;
            let about = about(news);
            there.extend(captured(news).cloned());
            self.take(news, &about, format!("asked what was done since {from}")).await?;
        }
        self.only_here(from, to, &there).await
    }

    async fn only_here(
        &mut self,
        from: Timestamp,
        to: Timestamp,
        there: &HashSet<String>,
    ) -> Result<(), Trouble> {
        // What was booked long before the processor's list begins is on no such list.
        let to = to.plus_seconds(-SETTLING_SECONDS);
        let mut from = from.plus_days(1);
        let mut seen = HashSet::new();
        loop {
            let range = Between {
                column: "captured_at",
                from: Some(from.to_string()),
                to: Some(to.to_string()),
                limit: PAGE,
            };
            let page = self.app.rows(Reach::Ledger).between::<Payments>(&range).await?;
            for row in &page {
                if !self.gave_up && seen.insert(row.payment_id) {
                    self.compare(row, there).await;
                }
            }
            match page.last() {
                Some(last) if i64::try_from(page.len()) == Ok(PAGE) => {
                    // Several may share an instant, across the border of a page too.
                    let stuck = last.captured_at == from;
                    from = if stuck { from.plus_micros(1) } else { last.captured_at };
                }
                Some(_) | None => return Ok(()),
            }
        }
    }

    /// What is not on the list may have been made before the list begins and booked late, as after
    /// days without a connection: then its order knows it.
    async fn compare(&mut self, row: &PaymentRow, there: &HashSet<String>) {
        let id = &row.processor_payment_id;
        if row.processor != self.processor.name() || there.contains(id) {
            return;
        }
        let account = Some(row.account_id);
        match self.processor.news_of(&row.processor_order_id).await {
            Ok(news) if news.iter().any(|it| captured(it) == Some(id)) => {}
            Ok(_) | Err(Unanswered::Refused { .. }) => {
                let detail = format!("{} is booked, and not on the processor's list", row.amount);
                self.found(Difference::UnknownThere, id, account, detail);
            }
            Err(error @ (Unanswered::Busy | Unanswered::Unreachable | Unanswered::Unknown)) => {
                self.unanswered(id, account, &error);
            }
        }
    }
}

/// The processor's id of what its news is about.
fn about(news: &News) -> String {
    match news {
        News::Captured(captured) => captured.payment.payment_id.clone(),
        News::Authorised(payment) | News::Failed { payment, .. } => payment.payment_id.clone(),
        News::Refund(refund) => refund.refund_id.clone(),
        News::RefundedInAll(refunded) => refunded.payment_id.clone(),
        News::Dispute(dispute) => dispute.dispute_id.clone(),
        News::Subscription(it) => it.subscription_id.clone(),
        News::Nothing => String::new(),
    }
}

/// The processor's id of a payment that it has captured.
fn captured(news: &News) -> Option<&String> {
    match news {
        News::Captured(captured) => Some(&captured.payment.payment_id),
        News::Authorised(_)
        | News::Failed { .. }
        | News::Refund(_)
        | News::RefundedInAll(_)
        | News::Dispute(_)
        | News::Subscription(_)
        | News::Nothing => None,
    }
}
