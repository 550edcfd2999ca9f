//! Subscriptions that the processor runs: how they stand there, and what the ledger intends with
//! them that it has not heard.

use daybook_events::{
    event::{ProcessorStatus, RunBy},
    ids::AccountId,
    world::World,
};
use daybook_projections::{
    query::Reach,
    subscriptions::{SubscriptionRow, Subscriptions},
};

use super::{Asking, Difference, PAGE};
use crate::{
    processors::{ProcessorError, Unanswered},
    settlement::{
        apply::{Mode, Trouble},
        refund::NotAsked,
        running::{self, Intent},
    },
};

impl Asking<'_> {
    /// The subscriptions that the processor runs: how they stand there, and what the ledger intends
    /// with them that it has not heard.
    pub(super) async fn subscriptions(&mut self) -> Result<(), Trouble> {
        let mut after = String::new();
        loop {
            let rows = self.app.rows(Reach::Ledger);
            let name = self.processor.name();
            let page = rows.matching::<Subscriptions>("processor", name, &after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.subscription_id.to_string();
            for row in &page {
                if self.gave_up {
                    return Ok(());
                }
                self.subscription(row).await?;
            }
        }
    }

    async fn subscription(&mut self, row: &SubscriptionRow) -> Result<(), Trouble> {
        let (account_id, subscription) = (row.account_id, row.subscription_id);
        let Some(run_by) = row.run_by.clone() else { return Ok(()) };
        let theirs = &run_by.processor_subscription_id;
        // Once both sides say that it is over, there is nothing to ask.
        let over = move |world: &World| {
            let account = world.account(account_id)?;
            let link = account.links.of(subscription)?;
            let expired = link.word.as_deref().map(|word| word.status);
            Some(expired == Some(ProcessorStatus::Expired))
        };
        if self.app.ledger.look(Some(account_id), over).await? == Some(true) {
            return Ok(());
        }
        self.report.subscriptions += 1;
        match self.processor.subscription(theirs).await {
            Ok(news) => self.take(&news, theirs, format!("asked about {subscription}")).await?,
            Err(error) => {
                self.unanswered(theirs, Some(account_id), &error);
                return Ok(());
            }
        }
        let intended = move |world: &World| {
            let account = world.account(account_id)?;
            Some(running::intents(account, account.links.of(subscription)?))
        };
        let intents = self.app.ledger.look(Some(account_id), intended).await?.unwrap_or_default();
        for intent in intents {
            self.intend(account_id, &run_by, &intent).await?;
        }
        Ok(())
    }

    async fn intend(
        &mut self,
        account: AccountId,
        run_by: &RunBy,
        intent: &Intent,
    ) -> Result<(), Trouble> {
        let what = match intent {
            Intent::ChangePlan(to) => format!("to move to {}/{}", to.slug, to.cycle),
            Intent::Cancel => "to end with its period".to_owned(),
            Intent::Resume => "to go on".to_owned(),
        };
        let asked = match self.mode {
            Mode::Append => running::ask(self.app, account, run_by, intent).await,
            Mode::Preview => Ok(()),
        };
        let about = &run_by.processor_subscription_id;
        match asked {
            Ok(()) => {
                let detail = format!("it had not heard that the subscription is {what}");
                self.found(Difference::Settled, about, Some(account), detail);
            }
            Err(NotAsked::Ledger(error)) => return Err(error.into()),
            Err(NotAsked::Database(error)) => return Err(error.into()),
            Err(NotAsked::Processor(error)) => {
                let difference = match &error {
                    ProcessorError::Unanswered(Unanswered::Refused { .. }) => Difference::Unfit,
                    ProcessorError::None
                    | ProcessorError::Unknown(_)
                    | ProcessorError::Unanswered(_) => Difference::Unanswered,
                };
                let detail = format!("asked {what}: {error}");
                self.found(difference, about, Some(account), detail);
            }
        }
        Ok(())
    }
}
