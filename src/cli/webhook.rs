//! `daybook webhook`: where webhooks go, and what became of them.
//!
//! Nothing is sent from here: what is asked for waits for a server, which sends within a second.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use daybook_events::{
    Timestamp,
    ids::{AccountId, DeliveryId, EndpointId, Id},
    store,
};
use daybook_projections::query::Reach;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use super::{Failure, Output, output, with_ledger_pool};
use crate::{
    config::{Place, WebhookNetworks},
    webhooks::{
        delivery::{self, Delivery, Status},
        endpoint::{self, Endpoint, Format, NewEndpoint},
        target::Outbound,
    },
};

/// Where webhooks go, and what became of them.
#[derive(Debug, Subcommand)]
pub(super) enum Webhook {
    /// Add, list, remove endpoints, or give one a new secret
    #[command(subcommand)]
    Endpoint(EndpointCommand),
    /// List what was sent to an endpoint, and what is still to be sent
    Deliveries(Deliveries),
    /// Send a delivery once more, under the same id
    Resend {
        /// The delivery's id, as `webhook deliveries` shows it
        delivery: DeliveryId,
    },
    /// Send a test to an endpoint, once
    Test {
        /// The endpoint's id
        endpoint: EndpointId,
    },
}

/// Add, list, remove endpoints, or give one a new secret.
#[derive(Debug, Subcommand)]
pub(super) enum EndpointCommand {
    /// Have webhooks sent somewhere; the secret is shown once
    Add(Add),
    /// List endpoints
    List,
    /// Send nothing more to an endpoint, and forget it
    Remove {
        /// The endpoint's id
        endpoint: EndpointId,
    },
    /// Give an endpoint a new secret, shown once; the old one signs too for a while
    Rotate {
        /// The endpoint's id
        endpoint: EndpointId,

        /// How long the old secret signs too, in seconds, at most thirty days
        #[arg(long, value_name = "SECONDS", default_value_t = 86_400,
              value_parser = clap::value_parser!(u32).range(..=2_592_000))]
        overlap: u32,
    },
}

/// Have webhooks sent somewhere.
#[derive(Debug, Args)]
pub(super) struct Add {
    /// Where to: an http or https URL on the public internet
    url: String,

    /// What its receiver understands
    #[arg(long, value_enum, default_value = "standard")]
    format: Format,

    /// A type that it wants; again for more; all of its format without it
    #[arg(long, value_name = "TYPE")]
    event: Vec<String>,

    /// The one account that it hears of; the whole ledger without it
    #[arg(long, value_name = "ID")]
    account: Option<AccountId>,

    /// What people call it
    #[arg(long, value_name = "TEXT", default_value = "")]
    description: String,

    #[command(flatten)]
    networks: WebhookNetworks,
}

/// List what was sent to an endpoint.
#[derive(Debug, Args)]
pub(super) struct Deliveries {
    /// The endpoint's id
    endpoint: EndpointId,

    /// Only those that have come so far
    #[arg(long, value_enum)]
    status: Option<Status>,
}

impl Webhook {
    pub(super) async fn run(self, place: &Place, output: Output) -> Result<ExitCode, Failure> {
        with_ledger_pool(place, async |pool| self.work(&pool, output).await).await?;
        Ok(ExitCode::SUCCESS)
    }

    async fn work(self, pool: &PgPool, output: Output) -> Result<(), Failure> {
        match self {
            Self::Endpoint(command) => command.work(pool, output).await,
            Self::Deliveries(deliveries) => deliveries.work(pool, output).await,
            Self::Resend { delivery } => {
                let mut tx = pool.begin().await?;
                let found = delivery::find(&mut *tx, Reach::Ledger, delivery).await?;
                let found = found.ok_or_else(|| format!("there is no delivery {delivery}"))?;
                let own = locked(&mut tx, found.endpoint).await?;
                if !own.enabled && found.position.is_some() {
                    return Err(format!("the endpoint {} is disabled", own.id).into());
                }
                delivery::resend(&mut tx, delivery, now()).await?;
                tx.commit().await?;
                let said = json!({ "delivery_id": delivery });
                Ok(output.print(&said, |_| format!("{delivery} is sent once more"))?)
            }
            Self::Test { endpoint } => {
                let mut tx = pool.begin().await?;
                let own = locked(&mut tx, endpoint).await?;
                let id = DeliveryId::from_uuid(Uuid::now_v7());
                delivery::plan_test(&mut tx, id, own.id, now()).await?;
                tx.commit().await?;
                let said = json!({ "delivery_id": id });
                Ok(output.print(&said, |_| format!("the test {id} is on its way"))?)
            }
        }
    }
}

impl EndpointCommand {
    async fn work(self, pool: &PgPool, output: Output) -> Result<(), Failure> {
        match self {
            Self::Add(add) => add.work(pool, output).await,
            Self::List => {
                let found = endpoint::page(pool, Reach::Ledger, "", i64::MAX).await?;
                let shown: Vec<_> = found.iter().map(shown).collect();
                let header = ["ID", "URL", "FORMAT", "ACCOUNT", "STATE"];
                Ok(output.print(&shown, |_| {
                    output::table(&header, found.iter().map(endpoint_columns))
                })?)
            }
            Self::Remove { endpoint } => {
                let mut tx = pool.begin().await?;
                locked(&mut tx, endpoint).await?;
                endpoint::remove(&mut tx, endpoint).await?;
                tx.commit().await?;
                let said = json!({ "removed": endpoint });
                Ok(output.print(&said, |_| format!("{endpoint} is removed"))?)
            }
            Self::Rotate { endpoint, overlap } => {
                let mut tx = pool.begin().await?;
                let own = locked(&mut tx, endpoint).await?;
                let until = now().plus_seconds(i64::from(overlap));
                endpoint::rotate(&mut tx, &own, until).await?;
                let own = locked(&mut tx, endpoint).await?;
                tx.commit().await?;
                print_with_secret(&own, output)
            }
        }
    }
}

impl Add {
    async fn work(self, pool: &PgPool, output: Output) -> Result<(), Failure> {
        let url = Outbound::new(self.networks.networks).url(&self.url)?;
        let known = self.format.types();
        if let Some(other) = self.event.iter().find(|it| !known.contains(&it.as_str())) {
            return Err(format!("no webhook of this format has the type `{other}`").into());
        }
        if let Some(account) = self.account {
            let history = daybook_projections::query::Reads::new(pool.clone());
            let events = history.history(Reach::Account(account)).of_account(account).await?;
            if events.is_empty() {
                return Err(format!("there is no account {account}").into());
            }
        }
        let new = NewEndpoint {
            account: self.account,
            url: url.to_string(),
            format: self.format,
            events: self.event,
            description: self.description,
        };
        let mut tx = pool.begin().await?;
        let id = EndpointId::from_uuid(Uuid::now_v7());
        let position = store::head(&mut *tx).await?.position;
        endpoint::create(&mut tx, id, new, position, now()).await?;
        let own = locked(&mut tx, id).await?;
        tx.commit().await?;
        print_with_secret(&own, output)
    }
}

impl Deliveries {
    async fn work(self, pool: &PgPool, output: Output) -> Result<(), Failure> {
        const MOST: i64 = 100_000;
        let own = endpoint::find(pool, Reach::Ledger, self.endpoint).await?;
        let own = own.ok_or_else(|| format!("there is no endpoint {}", self.endpoint))?;
        let found = delivery::page(pool, own.id, self.status, "", MOST).await?;
        let shown: Vec<_> = found.iter().map(delivery_shown).collect();
        let header = ["ID", "TYPE", "POSITION", "STATUS", "ATTEMPTS", "NEXT"];
        output.print(&shown, |_| output::table(&header, found.iter().map(delivery_columns)))?;
        Ok(())
    }
}

async fn locked(
    connection: &mut sqlx::PgConnection,
    endpoint: EndpointId,
) -> Result<Endpoint, Failure> {
    let found = endpoint::lock(connection, Reach::Ledger, endpoint).await?;
    Ok(found.ok_or_else(|| format!("there is no endpoint {endpoint}"))?)
}

/// The present instant: the schedule goes by the system's clock, as the server's does.
fn now() -> Timestamp {
    Timestamp::new(chrono::Utc::now())
}

fn print_with_secret(endpoint: &Endpoint, output: Output) -> Result<(), Failure> {
    let mut said = shown(endpoint);
    said["secret"] = Value::from(endpoint.reveal());
    output::note("The secret is shown this once.");
    Ok(output.print(&said, |_| format!("{}  {}", endpoint.id, endpoint.reveal()))?)
}

fn shown(endpoint: &Endpoint) -> Value {
    json!({
        "endpoint_id": endpoint.id,
        "account_id": endpoint.account,
        "url": endpoint.url,
        "format": endpoint.format,
        "events": endpoint.events,
        "description": endpoint.description,
        "enabled": endpoint.enabled,
        "disabled_reason": endpoint.disabled_reason,
        "disabled_at": endpoint.disabled_at,
        "delivered_at": endpoint.delivered_at,
        "planned_to": endpoint.planned_to,
        "created_at": endpoint.created_at,
    })
}

fn endpoint_columns(endpoint: &Endpoint) -> Vec<String> {
    let state = match &endpoint.disabled_reason {
        Some(reason) => format!("disabled: {reason}"),
        None => "enabled".to_owned(),
    };
    let format = json!(endpoint.format).as_str().unwrap_or_default().to_owned();
    let account = endpoint.account.map_or_else(|| "whole ledger".to_owned(), |id| id.to_string());
    vec![endpoint.id.to_string(), endpoint.url.clone(), format, account, state]
}

fn delivery_shown(delivery: &Delivery) -> Value {
    json!({
        "delivery_id": delivery.id,
        "endpoint_id": delivery.endpoint,
        "type": delivery.type_name,
        "position": delivery.position,
        "previous_position": delivery.previous_position,
        "status": delivery.status,
        "attempts": delivery.attempts,
        "next_at": delivery.next_at,
        "planned_at": delivery.planned_at,
        "finished_at": delivery.finished_at,
    })
}

fn delivery_columns(delivery: &Delivery) -> Vec<String> {
    let position = delivery.position.map_or_else(|| "test".to_owned(), |it| it.to_string());
    vec![
        delivery.id.to_string(),
        delivery.type_name.clone(),
        position,
        delivery.status.as_str().to_owned(),
        delivery.attempts.to_string(),
        delivery.next_at.map_or_else(String::new, |at| at.to_string()),
    ]
}
