//! `daybook demo`: a sandbox ledger with a year of believable history, served.
//!
//! It lives in a directory of its own beside the data directory's usual contents. A history that
//! was cut off half-way is begun anew; one that is complete is served as it is.

use std::{os::unix::fs::OpenOptionsExt, path::PathBuf, process::ExitCode, sync::Arc};

use clap::Args;
use daybook_events::{
    Timestamp,
    event::Role,
    ids::{AccountId, InvoiceId},
    store::{self, Clock, Ledger},
};
use daybook_projections::{
    invoices::Invoices,
    query::{Page, Reach},
    subscriptions::{SubscriptionStatus, Subscriptions},
};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;

use super::{Failure, Output, key, options, output, serve};
use crate::{
    app::{self, App},
    config::{Opening, Place, Serving},
    database::Database,
    http::server,
    processors::settings::Settings,
    simulation::{self, Shape},
    webhooks::target::Outbound,
};

/// Fill a sandbox ledger with a year of believable history, then serve it.
///
/// It uses `demo` under the data directory, so it never meets a real ledger.
#[derive(Debug, Args)]
pub(super) struct Demo {
    #[command(flatten)]
    serving: Serving,

    /// How many customers sign up
    #[arg(long, default_value_t = 400, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    accounts: u32,

    /// What the customers' choices grow out of
    #[arg(long, default_value_t = 20_260_501, value_name = "N")]
    seed: u64,

    /// Write the history, print the keys, and do not serve
    #[arg(long)]
    no_serve: bool,
}

/// One key of the demo, kept in a file that only its owner can read.
#[derive(Debug, Serialize, Deserialize)]
struct DemoKey {
    role: Role,
    key: String,
    account_id: Option<AccountId>,
}

impl Demo {
    pub(super) async fn run(self, place: Place, output: Output) -> Result<ExitCode, Failure> {
        if place.database_url.is_some() {
            return Err("the demo brings its own Postgres: unset DATABASE_URL".into());
        }
        let place = Place { data_dir: Some(place.data_dir().join("demo")), ..place };
        let documents = self.serving.documents.documents()?;
        let listener = server::bind(&self.serving.listen).await?;
        let _lock = serve::lock(&place)?;
        let database = Database::open(&place).await?;
        let served = async {
            self.prepare(&database).await?;
            let pool = database.pool(10).await?;
            let face = serve::face(&self.serving, &listener)?;
            let url = face.public_url.clone();
            let settings = Settings::default();
            let opening = Opening::example();
            let app = App::open(pool.clone(), options(), &opening, face, &settings);
            let outbound = Outbound::new(self.serving.webhooks.networks.clone());
            let app = app.await?.sending_by(outbound).printing_by(documents);
            let app = Arc::new(app.keeping_snapshots(serve::shelf(&self.serving, &place)));
            let keys = keys(&app, &place).await?;
            let invoice = invoice(&app, &keys).await?;
            output.print(&Shown { url: &url, keys: &keys, invoice }, human)?;
            if self.no_serve {
                app.close().await;
            } else {
                output::note("Serving until Ctrl-C …");
                let served = serve::serve(listener, app, &self.serving);
                serve::watched(&database, served).await?;
            }
            pool.close().await;
            Ok::<_, Failure>(())
        }
        .await;
        let closed = database.close().await;
        served?;
        closed?;
        Ok(ExitCode::SUCCESS)
    }

    /// Writes the history, unless it is there.
    async fn prepare(&self, database: &Database) -> Result<(), Failure> {
        let mut pool = database.pool(4).await?;
        if store::setting(&pool, "demo_complete").await?.is_some() {
            pool.close().await;
            return Ok(());
        }
        if store::head(&pool).await?.position > 0 {
            if store::setting(&pool, "demo_started").await?.is_none() {
                return Err("this ledger was not made by the demo: give another --data-dir".into());
            }
            output::note("The last demo was cut off half-way; its history is begun anew.");
            pool.close().await;
            database.reset().await?;
            pool = database.pool(4).await?;
        }
        store::setting_or_insert(&pool, "demo_started", "yes").await?;
        self.write(&pool).await?;
        store::setting_or_insert(&pool, "demo_complete", "yes").await?;
        pool.close().await;
        Ok(())
    }

    async fn write(&self, pool: &PgPool) -> Result<(), Failure> {
        let until = Timestamp::new(chrono::Utc::now());
        let from = until.plus_seconds(-365 * 86_400);
        let shape = Shape { accounts: self.accounts, from, until, seed: self.seed };
        let mut options = options();
        options.clock = Clock::standing_at(from);
        let ledger: Ledger = app::open_ledger(pool.clone(), options, &Opening::example()).await?;
        let bar = output::progress("writing a year of history");
        let mut progress = |done, all| output::advance(&bar, done, all);
        simulation::write(&ledger, shape, &mut progress).await?;
        bar.finish_and_clear();
        Ok(())
    }
}

/// The demo's keys: made once, then read from their file.
async fn keys(app: &Arc<App>, place: &Place) -> Result<Vec<DemoKey>, Failure> {
    let file: PathBuf = place.data_dir().join("demo-keys.json");
    if let Ok(text) = std::fs::read_to_string(&file)
        && let Ok(keys) = serde_json::from_str::<Vec<DemoKey>>(&text)
        && works(app, &keys).await?
    {
        return Ok(keys);
    }
    let account = interesting_account(app).await?;
    let mut keys = Vec::new();
    for role in Role::ALL {
        let reach = account.filter(|_| role.needs_account());
        if role.needs_account() && reach.is_none() {
            continue;
        }
        let made = key::create(&app.ledger, role, reach, "demo".to_owned(), None).await?;
        keys.push(DemoKey { role, key: made.key, account_id: made.account_id });
    }
    let mut options = std::fs::OpenOptions::new();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    serde_json::to_writer_pretty(options.open(&file)?, &keys)?;
    Ok(keys)
}

/// Whether the keys of a file are those of this ledger.
async fn works(app: &Arc<App>, keys: &[DemoKey]) -> Result<bool, Failure> {
    let Some(first) = keys.first() else { return Ok(false) };
    let present = app.gate.present().await?;
    let hash = crate::credentials::hash(&first.key);
    Ok(present.world.access.working_key(&hash, present.now).is_some())
}

/// An account to look at: a live monthly subscription to `pro`, or any live one, the oldest.
async fn interesting_account(app: &Arc<App>) -> Result<Option<AccountId>, Failure> {
    app.settled(Reach::Ledger).await;
    let position = daybook_projections::log_position(app.pool()).await?;
    app.reaches(position).await;
    let page = Page { after: None, limit: 100_000 };
    let rows = app.rows(Reach::Ledger).list::<Subscriptions>(&page).await?;
    let live = || rows.iter().filter(|row| row.status == SubscriptionStatus::Active);
    let pro = live().find(|row| row.plan.slug == "pro" && row.period_index > 2);
    Ok(pro.or_else(|| live().next()).map(|row| row.account_id))
}

/// An invoice of the account whose keys these are: its first.
async fn invoice(app: &Arc<App>, keys: &[DemoKey]) -> Result<Option<InvoiceId>, Failure> {
    let Some(account) = keys.iter().find_map(|key| key.account_id) else { return Ok(None) };
    let page = Page { after: None, limit: 1 };
    let rows = app.rows(Reach::Account(account)).list::<Invoices>(&page).await?;
    Ok(rows.first().map(|row| row.invoice_id))
}

#[derive(Serialize)]
struct Shown<'a> {
    url: &'a str,
    keys: &'a [DemoKey],
    /// Of the account that owner, admin and member belong to.
    invoice: Option<InvoiceId>,
}

fn human(shown: &Shown<'_>) -> String {
    let url = shown.url;
    let key = |role: Role| {
        shown.keys.iter().find(|key| key.role == role).map_or("", |key| key.key.as_str())
    };
    let mut lines = vec![format!("Daybook is at {url}"), String::new()];
    lines.push("Keys (owner, admin and member belong to one account):".to_owned());
    for key in shown.keys {
        let account = key.account_id.map_or_else(|| "whole ledger".to_owned(), |id| id.to_string());
        lines.push(format!("  {:<12} {}  {account}", key.role.as_str(), key.key));
    }
    let (owner, finance) = (key(Role::Owner), key(Role::Finance));
    let super_admin = key(Role::SuperAdmin);
    let json = "-H 'Content-Type: application/json'";
    lines.extend([
        String::new(),
        "Try:".to_owned(),
        format!("curl -s {url}/api/plans"),
        format!("curl -s -H 'Authorization: Bearer {owner}' {url}/api/billing/subscription/me"),
        format!(
            "curl -s -H 'Authorization: Bearer {owner}' {json} -d '{{\"planId\":\"business\"}}' \
             {url}/api/billing/plan-change/preview"
        ),
        format!(
            "curl -s -H 'Authorization: Bearer {super_admin}' \
             '{url}/api/billing/subscription?limit=2'"
        ),
        format!("curl -s -H 'Authorization: Bearer {finance}' {url}/api/billing/payments/export"),
    ]);
    lines.extend(shown.invoice.map(|invoice| {
        format!(
            "curl -s -o invoice.pdf -H 'Authorization: Bearer {owner}' \
             {url}/api/billing/invoices/{invoice}/pdf"
        )
    }));
    lines.push(String::new());
    lines.join("\n")
}
