//! `daybook tax`: show the tax rules in force, or adopt others.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};
use daybook_events::{
    commands::AdoptTaxRules,
    store::{Ledger, Request},
    tax::TaxRules,
};
use serde::Serialize;
use uuid::Uuid;

use super::{Failure, Output, output, read_file, with_ledger};
use crate::{
    app::system_origin,
    config::{Opening, Place},
};

/// Show or adopt tax rules.
#[derive(Debug, Subcommand)]
pub(super) enum Tax {
    /// Adopt the rules of a TOML file for documents from now on
    Adopt(Adopt),
    /// Show the rules in force
    Show(Show),
}

#[derive(Debug, Args)]
pub(super) struct Adopt {
    /// The rules; docs/tax.example.toml shows the format
    file: PathBuf,
    #[command(flatten)]
    opening: Opening,
}

#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(flatten)]
    opening: Opening,
}

#[derive(Debug, Serialize)]
struct InForce {
    /// 0 where none were ever adopted: nothing is taxed.
    version: u32,
    rules: Option<TaxRules>,
}

impl Tax {
    pub(super) async fn run(self, place: &Place, output: Output) -> Result<ExitCode, Failure> {
        let in_force = match self {
            Self::Adopt(adopt) => {
                let text = read_file(&adopt.file)?;
                let rules: TaxRules = toml::from_str(&text)
                    .map_err(|error| format!("{}: {error}", adopt.file.display()))?;
                with_ledger(place, &adopt.opening, async |ledger| {
                    let command = AdoptTaxRules { rules };
                    let origin = system_origin("cli");
                    ledger.submit(Request::new(command, origin, Uuid::now_v7())).await?;
                    in_force(&ledger).await
                })
                .await?
            }
            Self::Show(show) => {
                with_ledger(place, &show.opening, async |ledger| in_force(&ledger).await).await?
            }
        };
        output.print(&in_force, human)?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn in_force(ledger: &Ledger) -> Result<InForce, Failure> {
    let shown = ledger.look(None, |world| InForce {
        version: world.book.tax_version,
        rules: world.book.tax_rules.clone(),
    });
    Ok(shown.await?)
}

fn human(in_force: &InForce) -> String {
    let Some(rules) = &in_force.rules else {
        return "No tax rules were adopted: nothing is taxed.".to_owned();
    };
    let rows = rules.rates.iter().map(|rate| {
        vec![
            rate.country.clone(),
            rate.region.clone().unwrap_or_default(),
            rate.name.clone(),
            format!("{} %", rate.percent),
            if rate.inclusive { "inside" } else { "on top" }.to_owned(),
        ]
    });
    let table = output::table(&["COUNTRY", "REGION", "TAX", "RATE", "PRICES"], rows);
    format!("Version {}, elsewhere {:?}\n{table}", in_force.version, rules.elsewhere)
}
