//! Requests about webhooks, each done once under its idempotency key. They append no events, with
//! which other keys are kept; these are kept beside what they did, in the same transaction.

use daybook_events::store::IdempotencyKey;
use sqlx::PgConnection;

use super::WebhookError;

/// What is known of a request before it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// Nothing: it is to be done.
    New,
    /// It was done, and was about this id.
    Done(String),
}

/// Takes a key for a request about an id, unless it was taken; whoever has it at this moment is
/// waited for. The id is what the request is going to make, or is about.
///
/// # Errors
/// A key that came with another request, a database that cannot be reached.
pub async fn take(
    connection: &mut PgConnection,
    key: Option<&IdempotencyKey>,
    made: &str,
) -> Result<Known, WebhookError> {
    let Some(key) = key else { return Ok(Known::New) };
    let taken = sqlx::query(
        "insert into webhook_requests (scope, key, fingerprint, made) values ($1, $2, $3, $4)
         on conflict do nothing",
    )
    .bind(&key.scope)
    .bind(&key.key)
    .bind(key.fingerprint.as_slice())
    .bind(made)
    .execute(&mut *connection)
    .await?;
    if taken.rows_affected() == 1 {
        return Ok(Known::New);
    }
    let (fingerprint, made): (Vec<u8>, String) = sqlx::query_as(
        "select fingerprint, made from webhook_requests where scope = $1 and key = $2",
    )
    .bind(&key.scope)
    .bind(&key.key)
    .fetch_one(connection)
    .await?;
    if fingerprint == key.fingerprint {
        Ok(Known::Done(made))
    } else {
        Err(WebhookError::KeyReused)
    }
}
