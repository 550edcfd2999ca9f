//! The database of a ledger: the operator's, or a private one that this process runs or attaches
//! to.

use std::{convert::Infallible, time::Duration};

use daybook_events::store::{self, MigrateError};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use thiserror::Error;
use uuid::Uuid;

use crate::{
    config::Place,
    local_postgres::{LocalPostgres, LocalPostgresError, Settings},
};

/// The database's name in a private cluster.
const DATABASE: &str = "daybook";
/// The role that owns the log in a private cluster.
const OWNER: &str = "daybook_owner";
/// The role that serves in a private cluster.
const SERVING: &str = "daybook";

/// How often a private cluster is looked after.
const LOOK: Duration = Duration::from_millis(500);

/// Why there is no database to work with.
#[derive(Debug, Error)]
pub enum DatabaseError {
    /// The private cluster.
    #[error(transparent)]
    Local(#[from] LocalPostgresError),
    /// Setting it up.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// Reaching it.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// Postgres refused.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// A database that is there for as long as this value is. Printing it for debugging shows no URL.
pub struct Database {
    owner_url: String,
    serving_url: String,
    local: Option<LocalPostgres>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("local", &self.local).finish_non_exhaustive()
    }
}

impl Database {
    /// The database of a place. A private cluster is started where it does not run, and set up; an
    /// operator's is taken as it is.
    ///
    /// # Errors
    /// No Postgres, or one that cannot be started, reached or set up.
    pub async fn open(place: &Place) -> Result<Self, DatabaseError> {
        if let Some(serving_url) = &place.database_url {
            let owner_url = place.owner_url.as_ref().unwrap_or(serving_url).clone();
            return Ok(Self { owner_url, serving_url: serving_url.clone(), local: None });
        }
        Self::local(Settings::new(place.data_dir())).await
    }

    /// A private cluster, started where it does not run, and set up.
    ///
    /// # Errors
    /// No Postgres, or one that cannot be started or set up.
    pub async fn local(settings: Settings) -> Result<Self, DatabaseError> {
        let local = LocalPostgres::attach_or_start(settings).await?;
        let database = Self {
            owner_url: local.url(OWNER, DATABASE),
            serving_url: local.url(SERVING, DATABASE),
            local: Some(local),
        };
        match database.set_up().await {
            Ok(()) => Ok(database),
            Err(error) => {
                // The error that matters is the first one.
                let _ = database.close().await;
                Err(error)
            }
        }
    }

    async fn set_up(&self) -> Result<(), DatabaseError> {
        let Some(local) = &self.local else { return Ok(()) };
        let mut superuser = PgConnection::connect(&local.superuser_url("postgres")).await?;
        for role in [OWNER, SERVING] {
            create(&mut superuser, &format!("create role {role} login")).await?;
        }
        create(&mut superuser, &format!("create database {DATABASE} owner {OWNER}")).await?;
        // Handing the projections' schema to the serving role needs membership in it.
        create(&mut superuser, &format!("grant {SERVING} to {OWNER}")).await?;
        superuser.close().await?;
        self.migrate().await
    }

    /// Sets the database up, or brings it up to date, as its owner.
    ///
    /// # Errors
    /// A database that cannot be reached or whose schema is not ours.
    pub async fn migrate(&self) -> Result<(), DatabaseError> {
        let serving = serving_role(&self.serving_url);
        Ok(store::migrate(&self.owner_url, serving.as_deref()).await?)
    }

    /// Gives the ledger of an empty log its id, as the owner; tells whether it has that id now.
    ///
    /// # Errors
    /// A database that cannot be reached.
    pub async fn name_ledger(&self, id: Uuid) -> Result<bool, DatabaseError> {
        Ok(store::name_ledger(&self.owner_url, id).await?)
    }

    /// Empties a private database and sets it up anew; an operator's is never emptied.
    ///
    /// # Errors
    /// A database that is in use or cannot be set up.
    pub async fn reset(&self) -> Result<(), DatabaseError> {
        let Some(local) = &self.local else { return Ok(()) };
        let mut superuser = PgConnection::connect(&local.superuser_url("postgres")).await?;
        let sql = format!("drop database if exists {DATABASE} with (force)");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut superuser).await?;
        superuser.close().await?;
        self.set_up().await
    }

    /// Whether Daybook runs this database itself.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.local.is_some()
    }

    /// The private cluster, where it is one.
    #[must_use]
    pub fn cluster(&self) -> Option<&LocalPostgres> {
        self.local.as_ref()
    }

    /// Watches over a private cluster for as long as it is polled: one that has died is started
    /// again, and whoever waits for the database finds it. An operator's has its own keeper.
    pub async fn keep_running(&self) -> Infallible {
        let Some(local) = &self.local else { return std::future::pending().await };
        loop {
            tokio::time::sleep(LOOK).await;
            if local.is_running() {
                continue;
            }
            tracing::warn!("the private Postgres is gone and is started again");
            match local.revive().await {
                Ok(()) => tracing::info!("the private Postgres is back"),
                Err(error) => tracing::error!(%error, "the private Postgres does not start"),
            }
        }
    }

    /// A pool as the serving role.
    ///
    /// # Errors
    /// A database that cannot be reached or that the log cannot rest on.
    pub async fn pool(&self, size: u32) -> Result<PgPool, DatabaseError> {
        Ok(store::pool(&self.serving_url, size).await?)
    }

    /// Leaves the database; a private cluster that nobody else uses is stopped.
    ///
    /// # Errors
    /// A cluster that does not stop.
    pub async fn close(self) -> Result<(), DatabaseError> {
        match self.local {
            Some(local) => Ok(local.close().await?),
            None => Ok(()),
        }
    }
}

/// Runs a statement that may have been run before, here or by another process at this moment.
async fn create(connection: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    const THERE_ALREADY: [&str; 4] = ["42710", "42P04", "23505", "XX000"];
    match sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await {
        Err(sqlx::Error::Database(error))
            if error.code().is_some_and(|code| THERE_ALREADY.contains(&code.as_ref())) =>
        {
            Ok(())
        }
        other => other.map(drop),
    }
}

/// The role that a URL names.
fn serving_role(url: &str) -> Option<String> {
    use std::str::FromStr;
    let options = sqlx::postgres::PgConnectOptions::from_str(url).ok()?;
    Some(options.get_username().to_owned())
}
