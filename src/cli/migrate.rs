//! `daybook migrate`: set a database up, or bring it up to date.

use std::process::ExitCode;

use clap::Args;
use daybook_events::store;
use serde::Serialize;

use super::{Failure, Output};
use crate::{
    app,
    config::{Opening, Place},
    database::Database,
};

/// Set a database up, or bring it up to date.
///
/// With an owner URL the log belongs to that role, and the role of the database URL can add to it
/// and nothing else. With one URL only, append-only rests on triggers.
#[derive(Debug, Args)]
pub(super) struct Migrate {
    #[command(flatten)]
    opening: Opening,
}

#[derive(Debug, Serialize)]
struct Migrated {
    separate_owner: bool,
    triggers: bool,
}

impl Migrate {
    pub(super) async fn run(self, place: &Place, output: Output) -> Result<ExitCode, Failure> {
        let database = Database::open(place).await?;
        // A private one is brought up to date whenever it is opened.
        if !database.is_local() {
            database.migrate().await?;
        }
        let pool = database.pool(4).await?;
        let ledger = app::open_ledger(pool.clone(), super::options(), &self.opening).await?;
        drop(ledger);
        let grants = store::append_only(&pool).await?;
        pool.close().await;
        database.close().await?;
        let migrated =
            Migrated { separate_owner: grants.separate_owner, triggers: grants.triggers };
        output.print(&migrated, |migrated| {
            let walls = if migrated.separate_owner {
                "triggers and a separate owner keep the log append-only"
            } else {
                "append-only rests on triggers: the serving role owns the log"
            };
            format!("the ledger is up to date; {walls}")
        })?;
        Ok(ExitCode::SUCCESS)
    }
}
