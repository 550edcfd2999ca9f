//! `daybook session`: list or close the sessions that keys have opened.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use daybook_events::{
    commands::{CloseSessions, Which},
    ids::SessionId,
    store::Request,
};
use daybook_projections::{
    live,
    query::{Page, Reads},
    sessions::{SessionRow, Sessions},
};
use uuid::Uuid;

use super::{Failure, Output, output, with_ledger};
use crate::{
    app::system_origin,
    config::{Opening, Place},
};

/// List or close the sessions that keys have opened.
#[derive(Debug, Subcommand)]
pub(super) enum Session {
    /// List sessions, those that are over too
    List(List),
    /// Close a session, at once
    Close(Close),
}

/// List sessions, those that are over too.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only those of this user, by the panel's own id
    #[arg(long, value_name = "ID")]
    user: Option<String>,

    #[command(flatten)]
    opening: Opening,
}

/// Close a session, at once.
#[derive(Debug, Args)]
pub(super) struct Close {
    /// The session's id, as `session list` shows it
    session: SessionId,

    #[command(flatten)]
    opening: Opening,
}

impl Session {
    pub(super) async fn run(self, place: &Place, output: Output) -> Result<ExitCode, Failure> {
        match self {
            Self::List(list) => list.run(place, output).await?,
            Self::Close(close) => close.run(place, output).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl List {
    async fn run(self, place: &Place, output: Output) -> Result<(), Failure> {
        const MOST: i64 = 100_000;
        let user = self.user;
        let rows = with_ledger(place, &self.opening, async |ledger| {
            live::catch_up(ledger.pool(), daybook_projections::all()).await?;
            let reads = Reads::new(ledger.pool().clone());
            Ok(match user {
                None => reads.all().list::<Sessions>(&Page { after: None, limit: MOST }).await?,
                Some(user) => reads.all().matching::<Sessions>("user_id", &user, "", MOST).await?,
            })
        })
        .await?;
        let header = ["ID", "USER", "ROLE", "ACCOUNT", "KEY", "STATE"];
        output.print(&rows, |rows| output::table(&header, rows.iter().map(columns)))?;
        Ok(())
    }
}

impl Close {
    async fn run(self, place: &Place, output: Output) -> Result<(), Failure> {
        let session = self.session;
        with_ledger(place, &self.opening, async |ledger| {
            let command = CloseSessions { which: Which::One(session) };
            let request = Request::new(command, system_origin("cli"), Uuid::now_v7());
            Ok(ledger.submit(request).await?)
        })
        .await?;
        let closed = serde_json::json!({ "closed": session });
        output.print(&closed, |_| format!("{session} is closed"))?;
        Ok(())
    }
}

fn columns(row: &SessionRow) -> Vec<String> {
    let state = match row.closed_at {
        Some(at) => format!("closed {at}"),
        None => format!("until {}", row.expires_at),
    };
    vec![
        row.session_id.to_string(),
        row.user.clone(),
        row.role.as_str().to_owned(),
        row.account_id.map_or_else(|| "whole ledger".to_owned(), |id| id.to_string()),
        row.key_id.to_string(),
        state,
    ]
}
