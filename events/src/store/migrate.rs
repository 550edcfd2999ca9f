//! Setting up a database: schemas, tables, triggers, and what the serving role may do.

use serde::Serialize;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool, migrate::Migrator};
use thiserror::Error;
use uuid::Uuid;

use super::connect::{SCHEMA, VIEWS_SCHEMA, prepare};

static MIGRATIONS: Migrator = sqlx::migrate!("../migrations");

/// Why a database could not be set up.
#[derive(Debug, Error)]
pub enum MigrateError {
    /// Postgres refused or could not be reached.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The migrations do not fit what is there.
    #[error("the schema could not be migrated")]
    Migrate(#[from] sqlx::migrate::MigrateError),
}

/// What keeps the log append-only, as far as this connection can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Grants {
    /// The serving role does not own the log, so it cannot drop its triggers.
    pub separate_owner: bool,
    /// Every trigger that refuses changes is there and always on.
    pub triggers: bool,
}

/// Brings a database up to date, as its owner, and lets `serving` add to the log and read it.
///
/// # Errors
/// A database that cannot be reached, or whose schema is not ours.
pub async fn migrate(owner_url: &str, serving: Option<&str>) -> Result<(), MigrateError> {
    let mut connection = PgConnection::connect(owner_url).await?;
    let schema = format!("create schema if not exists {SCHEMA}");
    sqlx::raw_sql(AssertSqlSafe(schema)).execute(&mut connection).await?;
    prepare(&mut connection).await?;
    MIGRATIONS.run(&mut connection).await?;
    grant(&mut connection, serving).await?;
    connection.close().await?;
    Ok(())
}

/// Gives the ledger of an empty log another id than the random one; tells whether it has it now.
///
/// A history that is to be repeated needs the same id in every line. A ledger with events keeps its
/// own, and so does one whose role may not change it.
///
/// # Errors
/// A database that cannot be reached.
pub async fn name_ledger(owner_url: &str, id: Uuid) -> Result<bool, sqlx::Error> {
    const NOT_ALLOWED: &str = "42501";
    let mut connection = PgConnection::connect(owner_url).await?;
    prepare(&mut connection).await?;
    let sql = "update head set ledger = $1 where book = 1 and position = 0";
    let named = sqlx::query(sql).bind(id).execute(&mut connection).await;
    connection.close().await?;
    match named {
        Ok(done) => Ok(done.rows_affected() == 1),
        Err(sqlx::Error::Database(refusal)) if refusal.code().as_deref() == Some(NOT_ALLOWED) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Grants are stated anew each time: they are the same whatever was there before.
async fn grant(connection: &mut PgConnection, serving: Option<&str>) -> Result<(), sqlx::Error> {
    let owner: String =
        sqlx::query_scalar("select current_user::text").fetch_one(&mut *connection).await?;
    let role = quote(serving.unwrap_or(&owner));
    let mut sql = format!("create schema if not exists {VIEWS_SCHEMA};");
    if serving.is_some_and(|serving| serving != owner) {
        sql = format!(
            "create schema if not exists {VIEWS_SCHEMA};
             alter schema {VIEWS_SCHEMA} owner to {role};
             grant usage on schema {SCHEMA} to {role};
             grant select on all tables in schema {SCHEMA} to {role};
             grant insert on events, idempotency_keys, settings to {role};
             grant insert, update, delete on checkpoints to {role};
             grant insert, update on jobs, snapshots to {role};
             grant insert on inbox to {role};
             grant insert, update on inbox_outcomes to {role};
             grant insert, delete on inbox_refused to {role};
             grant insert on reconciliations to {role};
             grant insert, update on sandbox_payments, sandbox_refunds, sandbox_disputes,
                 sandbox_messages to {role};
             grant insert, update, delete on webhook_endpoints, webhook_deliveries to {role};
             grant insert, delete on webhook_attempts, webhook_requests to {role};
             grant insert, update, delete on documents, document_failures to {role};
             grant insert on document_logos to {role};
             grant update on document_follower to {role};
             grant update (position, recorded_at, frontier, numbers) on head to {role};"
        );
    }
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(drop)
}

fn quote(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// Whether the log is there, with every migration that this build knows.
///
/// # Errors
/// A database that cannot be reached.
pub async fn is_migrated(pool: &PgPool) -> Result<bool, sqlx::Error> {
    let newest = MIGRATIONS.iter().map(|migration| migration.version).max();
    let exists: bool =
        sqlx::query_scalar("select to_regclass('daybook._sqlx_migrations') is not null")
            .fetch_one(pool)
            .await?;
    if !exists {
        return Ok(false);
    }
    let applied: Option<i64> =
        sqlx::query_scalar("select max(version) from daybook._sqlx_migrations where success")
            .fetch_one(pool)
            .await?;
    Ok(applied >= newest)
}

/// What keeps the log append-only for the role of this pool.
///
/// # Errors
/// A database that cannot be reached.
pub async fn append_only(pool: &PgPool) -> Result<Grants, sqlx::Error> {
    let (separate_owner, triggers): (bool, i64) = sqlx::query_as(
        "select not pg_has_role(current_user, c.relowner, 'member')
                and not has_table_privilege('daybook.events', 'update, delete, truncate'),
                (select count(*) from pg_trigger t
                 where t.tgrelid = c.oid and t.tgenabled = 'A'
                   and t.tgname in ('events_are_immutable', 'events_are_not_truncated'))
         from pg_class c where c.oid = 'daybook.events'::regclass",
    )
    .fetch_one(pool)
    .await?;
    Ok(Grants { separate_owner, triggers: triggers == 2 })
}
