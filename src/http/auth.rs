//! Who calls: the holder of an API key, by `Authorization: Bearer` or `X-API-Key`.
//!
//! A missing, malformed, unknown, revoked or expired key look the same from outside.

use std::sync::Arc;

use daybook_projections::{
    self as projections,
    keys::{KeyRow, Keys},
    query::Reach,
};

use super::{
    call::{Call, Caller},
    error::ApiError,
    routes::{Access, Route},
};
use crate::{app::App, credentials};

/// The caller of a route, where it wants one.
///
/// # Errors
/// No key, none that works, or one whose role may not call the route.
pub(super) async fn caller(
    app: &Arc<App>,
    call: &Call,
    route: &Route,
) -> Result<Option<Caller>, ApiError> {
    let Access::Roles(roles) = route.access else { return Ok(None) };
    let refused = || ApiError::new("unauthenticated", "the request needs an API key that works");
    let key = presented(call).filter(|key| credentials::is_well_formed(key)).ok_or_else(refused)?;
    let row = find(app, &credentials::hash(key)).await?.ok_or_else(refused)?;
    let expired = row.expires_at.is_some_and(|expires_at| expires_at <= app.ledger.clock().now());
    if row.revoked_at.is_some() || expired {
        return Err(refused());
    }
    if !roles.contains(&row.role) {
        let text = format!("a key of role {} may not do this", row.role.as_str());
        return Err(ApiError::new("forbidden", text));
    }
    Ok(Some(Caller { key_id: row.key_id, role: row.role, account: row.account_id }))
}

/// The credential that a call presents, whether it works or not.
pub(super) fn presented(call: &Call) -> Option<&str> {
    let bearer = call.header("authorization").and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(key)
    });
    bearer.or_else(|| call.header("x-api-key"))
}

/// The row of a key. One that is not known may have been made a moment ago by another process, or
/// its row may be gone with a crash of the database: before it is refused, the rows must reach as
/// far as the log.
async fn find(app: &Arc<App>, hash: &str) -> Result<Option<KeyRow>, ApiError> {
    if let Some(row) = app.rows(Reach::Ledger).find::<Keys>("hash", hash).await? {
        return Ok(Some(row));
    }
    let position = projections::log_position(app.pool()).await?;
    app.reaches(position).await;
    let stored = projections::stored_position::<Keys>(app.pool()).await?;
    let row = app.rows(Reach::Ledger).find::<Keys>("hash", hash).await?;
    if row.is_none() && stored < position {
        let text = "the keys are not up to date yet";
        return Err(ApiError::new("position_not_reached", text));
    }
    Ok(row)
}
