//! `daybook plan`: import or list plans.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};
use daybook_events::{
    Rejection,
    commands::{Command, PublishPlan, RevisePlan},
    event::PlanTerms,
    store::{Ledger, Request, SubmitError},
};
use daybook_projections::{
    live,
    plans::{PlanRow, Plans},
    query::{Page, Reads},
};
use serde::Serialize;
use uuid::Uuid;

use super::{Failure, Output, output, read_file, with_ledger};
use crate::{
    app::system_origin,
    config::{Opening, Place},
    plan_file,
};

/// Import or list plans.
#[derive(Debug, Subcommand)]
pub(super) enum Plan {
    /// Publish the plans of a TOML file, and revise those that have changed
    Import(Import),
    /// List plans
    List(List),
}

/// Publish the plans of a TOML file, and revise those that have changed.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// The catalogue; docs/plans.example.toml shows the format
    file: PathBuf,
    #[command(flatten)]
    opening: Opening,
}

/// List plans.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    opening: Opening,
}

/// What importing did to a plan.
#[derive(Debug, Serialize)]
pub(crate) struct Imported {
    slug: String,
    outcome: &'static str,
}

impl Plan {
    pub(super) async fn run(self, place: &Place, output: Output) -> Result<ExitCode, Failure> {
        match self {
            Self::Import(import) => {
                let text = read_file(&import.file)?;
                let plans = plan_file::parse(&text)
                    .map_err(|error| format!("{}: {error}", import.file.display()))?;
                let imported = with_ledger(place, &import.opening, async |ledger| {
                    self::import(&ledger, plans).await
                })
                .await?;
                output.print(&imported, |imported| {
                    let row = |plan: &Imported| vec![plan.slug.clone(), plan.outcome.to_owned()];
                    output::table(&["PLAN", "OUTCOME"], imported.iter().map(row))
                })?;
            }
            Self::List(list) => {
                let rows = with_ledger(place, &list.opening, async |ledger| {
                    live::catch_up(ledger.pool(), daybook_projections::all()).await?;
                    let page = Page { after: None, limit: 10_000 };
                    Ok(Reads::new(ledger.pool().clone()).all().list::<Plans>(&page).await?)
                })
                .await?;
                output.print(&rows, |rows| {
                    output::table(
                        &["NO", "SLUG", "NAME", "TYPE", "REVISION", "PRICES"],
                        rows.iter().map(columns),
                    )
                })?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn columns(row: &PlanRow) -> Vec<String> {
    let price = |price: &daybook_events::event::Price| format!("{}/{}", price.amount, price.cycle);
    let prices: Vec<_> = row.terms.prices.iter().map(price).collect();
    let prices = if prices.is_empty() { "custom".to_owned() } else { prices.join(", ") };
    vec![
        row.number.clone(),
        row.slug.clone(),
        row.terms.name.clone(),
        row.terms.plan_type.clone(),
        row.revision.to_string(),
        prices,
    ]
}

/// Publishes plans that are new and revises those that have changed.
pub(crate) async fn import(
    ledger: &Ledger,
    plans: Vec<(String, PlanTerms)>,
) -> Result<Vec<Imported>, Failure> {
    let mut imported = Vec::new();
    for (slug, terms) in plans {
        let publish = PublishPlan { slug: slug.clone(), terms: terms.clone() };
        let mut outcome = submit(ledger, publish.into()).await.map(|()| "published");
        if matches!(outcome, Err(SubmitError::Rejected(Rejection::PlanSlugTaken { .. }))) {
            let revise = RevisePlan { plan: slug.clone(), terms };
            outcome = submit(ledger, revise.into()).await.map(|()| "revised");
        }
        if matches!(outcome, Err(SubmitError::Rejected(Rejection::PlanTermsUnchanged { .. }))) {
            outcome = Ok("unchanged");
        }
        let outcome = outcome.map_err(|error| format!("plan `{slug}`: {error}"))?;
        imported.push(Imported { slug, outcome });
    }
    Ok(imported)
}

async fn submit(ledger: &Ledger, command: Command) -> Result<(), SubmitError> {
    let request = Request::new(command, system_origin("cli"), Uuid::now_v7());
    ledger.submit(request).await.map(drop)
}
