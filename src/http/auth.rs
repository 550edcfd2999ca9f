//! Who calls: the holder of an API key, by `Authorization: Bearer` or `X-API-Key`, or of a session,
//! by `Authorization: Bearer` or by a cookie.
//!
//! A missing, malformed, unknown, revoked or expired credential look the same from outside. A
//! cookie is sent by a browser whoever asks it to: with it, what changes something needs the
//! session's CSRF token as well, which only a page of the same site can know.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use subtle::ConstantTimeEq;
use warp::http::Method;

use super::{
    call::{Call, Caller},
    error::ApiError,
    route::{Access, Route},
};
use crate::{
    app::{App, Face},
    credentials::{self, Kind},
    gate::Present,
};

/// The caller of a route, where it wants one.
///
/// # Errors
/// No credential, none that works, a cookie without its CSRF token, or a role that may not call
/// the route.
pub(super) async fn caller(
    app: &Arc<App>,
    call: &Call,
    route: &Route,
) -> Result<Option<Caller>, ApiError> {
    if matches!(route.access, Access::Public) {
        return Ok(None);
    }
    let refused =
        || ApiError::new("unauthenticated", "the request needs an API key or a session that works");
    let presented = presented(call, &app.face).ok_or_else(refused)?;
    let kind = Kind::of(presented.text()).ok_or_else(refused)?;
    let present = app.gate.present().await?;
    let caller = holder(&present, kind, presented.text()).ok_or_else(refused)?;
    if let Presented::Cookie(token) = presented {
        same_site(app, call, token)?;
    }
    let what = if caller.session.is_some() { "session" } else { "key" };
    if caller.session.is_some() && !route.access.takes_sessions() {
        return Err(ApiError::new("forbidden", "a session may not do this: it needs a key"));
    }
    if !route.access.roles().contains(&caller.role) {
        let text = format!("a {what} of role {} may not do this", caller.role.as_str());
        return Err(ApiError::new("forbidden", text));
    }
    Ok(Some(caller))
}

/// What a caller shows.
#[derive(Clone, Copy)]
enum Presented<'c> {
    /// A key, or the token of a session.
    Header(&'c str),
    /// The token of a session.
    Cookie(&'c str),
}

impl<'c> Presented<'c> {
    fn text(self) -> &'c str {
        match self {
            Self::Header(text) | Self::Cookie(text) => text,
        }
    }
}

/// A header counts before a cookie: whoever sets one means it, while a cookie comes by itself.
fn presented<'c>(call: &'c Call, face: &Face) -> Option<Presented<'c>> {
    if let Some(credential) = in_header(call) {
        return Some(Presented::Header(credential));
    }
    cookie(call, cookie_name(face)).map(Presented::Cookie)
}

/// What tells the credential that a call presents from others, whether it works or not.
pub(super) fn fingerprint(call: &Call, face: &Face) -> Option<String> {
    presented(call, face).map(|presented| credentials::hash(presented.text()))
}

/// The credential in a call's headers, a cookie's not among them.
pub(super) fn in_header(call: &Call) -> Option<&str> {
    let bearer = call.header("authorization").and_then(|value| {
        let (scheme, credential) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(credential)
    });
    // Only keys are named by a header of their own.
    let key = || call.header("x-api-key").map(|key| if key.starts_with("dbs_") { "" } else { key });
    bearer.or_else(key)
}

/// The token in the cookie of a name; one that comes twice is none: somebody has planted one.
fn cookie<'c>(call: &'c Call, name: &str) -> Option<&'c str> {
    let mut found = call
        .headers
        .get_all("cookie")
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter_map(|(own, value)| (own == name).then_some(value));
    let token = found.next();
    if found.next().is_some() { None } else { token }.filter(|token| token.starts_with("dbs_"))
}

/// The name of the session's cookie. Under `https` browsers hold on to what `__Host-` promises: no
/// other host and no plain connection has set it.
pub(super) fn cookie_name(face: &Face) -> &'static str {
    if face.is_https() { "__Host-daybook_session" } else { "daybook_session" }
}

/// Who holds a credential, where it works.
fn holder(present: &Present, kind: Kind, text: &str) -> Option<Caller> {
    let (access, hash) = (&present.world.access, credentials::hash(text));
    Some(match kind {
        Kind::Key => {
            let key = &access.working_key(&hash, present.now)?.issued;
            Caller { key_id: key.key_id, session: None, role: key.role, account: key.account_id }
        }
        Kind::Session => {
            let session = access.working_session(&hash, present.now)?;
            let opened = &session.opened;
            let (role, account) = (opened.role, opened.account_id);
            Caller { key_id: opened.key_id, session: Some(session.clone()), role, account }
        }
    })
}

/// Whether the page that made a browser send its cookie is one of the panel's own.
fn same_site(app: &App, call: &Call, token: &str) -> Result<(), ApiError> {
    if call.header("sec-fetch-site") == Some("cross-site") {
        let text = "a request with a cookie comes from a page of the same site";
        return Err(ApiError::new("cross_site_refused", text));
    }
    if matches!(call.method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    let given = call.header("x-csrf-token").unwrap_or_default();
    // In constant time: how far a guess is right must not show.
    if bool::from(csrf_token(app, token).as_bytes().ct_eq(given.as_bytes())) {
        return Ok(());
    }
    let text = "a request with a cookie that changes something carries the session's X-CSRF-Token";
    Err(ApiError::new("csrf_token_invalid", text))
}

/// The CSRF token of a session: it follows from the session's own token, so nothing is stored, and
/// does not give it away.
pub(super) fn csrf_token(app: &App, token: &str) -> String {
    HEXLOWER.encode(&app.seal.derive(&[b"csrf token", token.as_bytes()]))
}

/// The token of the session that calls, if one does.
pub(super) fn session_token<'c>(app: &App, call: &'c Call) -> Option<&'c str> {
    presented(call, &app.face).map(Presented::text).filter(|it| Kind::of(it) == Some(Kind::Session))
}
