//! `daybook key`: make, list, rotate or revoke API keys.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use daybook_events::{
    Timestamp,
    commands::{IssueKey, RevokeKey, RotateKey},
    event::{AccessEvent, Event, Role},
    ids::{AccountId, KeyId},
    store::{Ledger, Receipt, Request},
};
use daybook_projections::{
    keys::{KeyRow, Keys},
    live,
    query::{Page, Reads},
};
use serde::Serialize;
use uuid::Uuid;

use super::{Failure, Output, output, with_ledger};
use crate::{
    app::system_origin,
    config::{Opening, Place},
    credentials::ApiKey,
};

/// Make, list, rotate or revoke API keys.
#[derive(Debug, Subcommand)]
pub(super) enum Key {
    /// Make a key; it is shown once
    Create(Create),
    /// List keys
    List(List),
    /// Put another key in the place of one; it is shown once
    Rotate(Rotate),
    /// Stop a key, at once
    Revoke(Revoke),
}

/// Make a key; it is shown once.
#[derive(Debug, Args)]
pub(super) struct Create {
    #[arg(long, value_parser = role, help = ROLE_HELP)]
    role: Role,

    /// The one account that it reaches; owner, admin and member need one
    #[arg(long, value_name = "ACCOUNT_ID")]
    account: Option<AccountId>,

    /// What people call it
    #[arg(long, default_value = "", value_name = "TEXT")]
    label: String,

    /// When it stops working, such as 2027-01-01T00:00:00Z
    #[arg(long, value_name = "INSTANT")]
    expires: Option<Timestamp>,

    #[command(flatten)]
    opening: Opening,
}

/// List keys.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    opening: Opening,
}

/// Put another key in the place of one; it is shown once.
///
/// The new key has the label, the role and the account of the old one, and the same span of life
/// where that one had an end. Sessions that the old key opened end with it.
#[derive(Debug, Args)]
pub(super) struct Rotate {
    /// The key's id, as `key list` shows it
    key: KeyId,

    /// How many seconds the old key works on, 30 days at most; 0 stops it at once
    #[arg(long, default_value_t = 86_400, value_name = "SECONDS")]
    overlap: u32,

    #[command(flatten)]
    opening: Opening,
}

/// Stop a key, at once.
#[derive(Debug, Args)]
pub(super) struct Revoke {
    /// The key's id, as `key list` shows it
    key: KeyId,

    #[command(flatten)]
    opening: Opening,
}

const ROLE_HELP: &str = "What it may do: super_admin, owner, admin, member, auditor or finance";

fn role(word: &str) -> Result<Role, String> {
    Role::from_word(word).ok_or_else(|| {
        let roles: Vec<_> = Role::ALL.iter().map(|role| role.as_str()).collect();
        format!("a role is one of {}", roles.join(", "))
    })
}

/// A key that was made.
#[derive(Debug, Serialize)]
pub(crate) struct Created {
    pub(crate) key_id: KeyId,
    pub(crate) key: String,
    pub(crate) role: Role,
    pub(crate) account_id: Option<AccountId>,
}

impl Key {
    pub(super) async fn run(self, place: &Place, output: Output) -> Result<ExitCode, Failure> {
        match self {
            Self::Create(create) => create.run(place, output).await?,
            Self::Rotate(rotate) => rotate.run(place, output).await?,
            Self::List(list) => {
                let rows = with_ledger(place, &list.opening, async |ledger| {
                    live::catch_up(ledger.pool(), daybook_projections::all()).await?;
                    let page = Page { after: None, limit: 100_000 };
                    Ok(Reads::new(ledger.pool().clone()).all().list::<Keys>(&page).await?)
                })
                .await?;
                let header = ["ID", "PREFIX", "ROLE", "ACCOUNT", "LABEL", "STATE"];
                let shown: Vec<_> = rows.iter().map(Shown::of).collect();
                output.print(&shown, |_| output::table(&header, rows.iter().map(columns)))?;
            }
            Self::Revoke(revoke) => {
                let command = RevokeKey { key_id: revoke.key };
                with_ledger(place, &revoke.opening, async |ledger| {
                    let request = Request::new(command, system_origin("cli"), Uuid::now_v7());
                    Ok(ledger.submit(request).await?)
                })
                .await?;
                let revoked = serde_json::json!({ "revoked": revoke.key });
                output.print(&revoked, |_| format!("{} is revoked", revoke.key))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Create {
    async fn run(self, place: &Place, output: Output) -> Result<(), Failure> {
        let (role, account, label, expires) = (self.role, self.account, self.label, self.expires);
        let created = with_ledger(place, &self.opening, async |ledger| {
            create(&ledger, role, account, label, expires).await
        })
        .await?;
        if output == Output::Human {
            output::note("This key is shown once; Daybook keeps only its hash.");
        }
        output.print(&created, |created| created.key.clone())?;
        Ok(())
    }
}

/// Makes a key.
pub(crate) async fn create(
    ledger: &Ledger,
    role: Role,
    account: Option<AccountId>,
    label: String,
    expires_at: Option<Timestamp>,
) -> Result<Created, Failure> {
    if let Some(id) = account {
        let exists = ledger.look(account, move |world| world.account(id).is_some()).await?;
        if !exists {
            return Err(format!("no account has the id {id}").into());
        }
    }
    let key = ApiKey::from_random(rand::random());
    let (prefix, hash) = (key.prefix().to_owned(), key.hash());
    let command = IssueKey { label, role, reach: account, prefix, hash, expires_at };
    let request = Request::new(command, system_origin("cli"), Uuid::now_v7());
    let receipt = ledger.submit(request).await?;
    created(&receipt, &key)
}

fn created(receipt: &Receipt, key: &ApiKey) -> Result<Created, Failure> {
    let issued = receipt.events.iter().find_map(|recorded| match &recorded.event {
        Event::Access(AccessEvent::KeyIssued(issued)) => Some(issued),
        _ => None,
    });
    let issued = issued.ok_or("a key without its event")?;
    let (key_id, role, account_id) = (issued.key_id, issued.role, issued.account_id);
    Ok(Created { key_id, key: key.reveal().to_owned(), role, account_id })
}

impl Rotate {
    async fn run(self, place: &Place, output: Output) -> Result<(), Failure> {
        let (key_id, overlap_seconds) = (self.key, self.overlap);
        let created = with_ledger(place, &self.opening, async |ledger| {
            let key = ApiKey::from_random(rand::random());
            let (prefix, hash) = (key.prefix().to_owned(), key.hash());
            let command = RotateKey { key_id, overlap_seconds, prefix, hash };
            let request = Request::new(command, system_origin("cli"), Uuid::now_v7());
            created(&ledger.submit(request).await?, &key)
        })
        .await?;
        if output == Output::Human {
            output::note("This key is shown once; Daybook keeps only its hash.");
        }
        output.print(&created, |created| created.key.clone())?;
        Ok(())
    }
}

/// A key as lists show it: without its hash.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    key_id: KeyId,
    prefix: &'a str,
    role: Role,
    account_id: Option<AccountId>,
    label: &'a str,
    issued_at: Timestamp,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    replaces: Option<KeyId>,
    replaced_by: Option<KeyId>,
    works_until: Option<Timestamp>,
}

impl<'a> Shown<'a> {
    fn of(row: &'a KeyRow) -> Self {
        Self {
            key_id: row.key_id,
            prefix: &row.prefix,
            role: row.role,
            account_id: row.account_id,
            label: &row.label,
            issued_at: row.issued_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            replaces: row.replaces,
            replaced_by: row.replaced_by,
            works_until: row.works_until,
        }
    }
}

fn columns(row: &KeyRow) -> Vec<String> {
    let ends_at = row.expires_at.into_iter().chain(row.works_until).min();
    let state = match (row.revoked_at, ends_at) {
        (Some(at), _) => format!("revoked {at}"),
        (None, Some(at)) => format!("until {at}"),
        (None, None) => "works".to_owned(),
    };
    vec![
        row.key_id.to_string(),
        row.prefix.clone(),
        row.role.as_str().to_owned(),
        row.account_id.map_or_else(|| "whole ledger".to_owned(), |id| id.to_string()),
        row.label.clone(),
        state,
    ]
}
