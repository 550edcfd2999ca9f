//! What support does for customers: credit, corrections, write-offs, limits, and a second look.

use daybook_events::{
    Money,
    commands::{
        CreditInvoice, CustomiseLimits, GrantCredit, ReapplyLimitsTo, ReleaseAccount,
        UndoAdjustment, WriteOff,
    },
    ids::InvoiceId,
};
use rand::RngExt;

use super::{
    SimulationError,
    customer::{COUNTED, Customer, SUPPORT, Step},
    desk::Desk,
    prices::goodwill,
};

impl Customer {
    pub(super) async fn support(
        &mut self,
        step: Step,
        desk: &mut Desk<'_>,
    ) -> Result<(), SimulationError> {
        let account_id = self.account_id;
        match step {
            Step::Grant => {
                let Some(amount) = goodwill(self.person.currency) else { return Ok(()) };
                let reason = "sorry for the outage".to_owned();
                desk.ask(SUPPORT, GrantCredit { account_id, amount, reason }).await?.ok();
            }
            Step::Correct { whole } => self.correct(whole, desk).await?,
            Step::WriteOff => self.write_off(desk).await?,
            Step::Undo(adjustment_id) => {
                self.dodges = false;
                let reason = "booked on the wrong account".to_owned();
                desk.ask(SUPPORT, UndoAdjustment { account_id, adjustment_id, reason }).await?.ok();
            }
            Step::Customise => {
                let limits = [(COUNTED.to_owned(), Some(desk.rng.random_range(20..80)))].into();
                desk.ask(SUPPORT, CustomiseLimits { account_id, limits }).await?.ok();
            }
            Step::Reapply { reapplication_id, plan_id, force } => {
                let command = ReapplyLimitsTo { account_id, reapplication_id, plan_id, force };
                desk.ask("daybook", command).await?.ok();
            }
            _ => {
                let reason = "nothing was wrong: a customer in two minds".to_owned();
                desk.ask(SUPPORT, ReleaseAccount { account_id, reason }).await?.ok();
            }
        }
        Ok(())
    }

    async fn correct(&mut self, whole: bool, desk: &mut Desk<'_>) -> Result<(), SimulationError> {
        let account_id = self.account_id;
        let newest = desk.account(account_id, |account| {
            let invoice = account.invoices.iter().last()?;
            let line = invoice.lines.iter().find(|line| line.left.amount.is_positive())?;
            Some((invoice.id, line.left.amount))
        });
        let Some((invoice_id, left)) = newest.await? else { return Ok(()) };
        let part = left.ratio(1, 3).ok().filter(Money::is_positive);
        let amount = if whole { None } else { part };
        let reason = "the price was not what we had promised".to_owned();
        desk.ask(SUPPORT, CreditInvoice { account_id, invoice_id, amount, reason }).await?.ok();
        Ok(())
    }

    async fn write_off(&mut self, desk: &mut Desk<'_>) -> Result<(), SimulationError> {
        let account_id = self.account_id;
        let open = desk.account(account_id, |account| {
            let open = account.invoices.iter().filter(|invoice| invoice.is_open());
            Some(open.map(|invoice| invoice.id).collect::<Vec<InvoiceId>>())
        });
        for invoice_id in open.await?.unwrap_or_default() {
            let reason = "nobody answers".to_owned();
            desk.ask(SUPPORT, WriteOff { account_id, invoice_id, reason }).await?.ok();
        }
        Ok(())
    }
}
