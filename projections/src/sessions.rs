//! Who is, or was, signed in? Asked by whoever lists and closes sessions, and by whoever finds
//! `session:<id>` as the actor of an event and wants to know the user.
//!
//! One row per session for ever. Its token is nowhere; whether it works still is for the reader to
//! judge, who has a clock and knows the key that opened it.

use daybook_events::{
    Event, Recorded, Timestamp,
    event::{AccessEvent, Role, SessionOpened},
    ids::{AccountId, KeyId, SessionId},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::projection::{FoldError, Projection};

/// A session as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionRow {
    /// The position of the last event that touched the row.
    pub position: i64,
    /// The session's id.
    pub session_id: SessionId,
    /// The key that opened it, and with which it ends.
    pub key_id: KeyId,
    /// The one account it reaches; `null` reaches the whole ledger.
    pub account_id: Option<AccountId>,
    /// The panel's own id of the user.
    pub user: String,
    /// What it may do.
    pub role: Role,
    /// The instant since which it works.
    pub opened_at: Timestamp,
    /// The instant from which on it works no more.
    pub expires_at: Timestamp,
    /// The instant at which it was ended before its time; `null` where it was not.
    pub closed_at: Option<Timestamp>,
}

impl SessionRow {
    fn opened(opened: &SessionOpened, recorded: &Recorded) -> Self {
        Self {
            position: recorded.position,
            session_id: opened.session_id,
            key_id: opened.key_id,
            account_id: opened.account_id,
            user: opened.user.clone(),
            role: opened.role,
            opened_at: recorded.effective_at,
            expires_at: opened.expires_at,
            closed_at: None,
        }
    }
}

/// The projection of every session.
#[derive(Debug)]
pub struct Sessions;

impl Projection for Sessions {
    type Row = SessionRow;

    const NAME: &'static str = "sessions";
    const TABLE: &'static str = include_str!("../../migrations/projections/sessions.sql");

    fn account(row: &SessionRow) -> Option<AccountId> {
        row.account_id
    }

    fn keys(recorded: &Recorded) -> Vec<String> {
        let Event::Access(event) = &recorded.event else { return Vec::new() };
        match event {
            AccessEvent::SessionOpened(opened) => vec![opened.session_id.to_string()],
            AccessEvent::SessionClosed(closed) => vec![closed.session_id.to_string()],
            AccessEvent::KeyIssued(_) | AccessEvent::KeyRevoked(_) | AccessEvent::KeyRotated(_) => {
                Vec::new()
            }
        }
    }

    fn fold(
        key: &str,
        row: Option<SessionRow>,
        recorded: &Recorded,
    ) -> Result<Option<SessionRow>, FoldError> {
        let Event::Access(event) = &recorded.event else { return Ok(row) };
        Ok(match event {
            AccessEvent::SessionOpened(opened) => Some(SessionRow::opened(opened, recorded)),
            AccessEvent::SessionClosed(_) => {
                let row = row.ok_or_else(|| FoldError::missing(recorded, key))?;
                let (position, closed_at) = (recorded.position, Some(recorded.effective_at));
                Some(SessionRow { position, closed_at, ..row })
            }
            AccessEvent::KeyIssued(_) | AccessEvent::KeyRevoked(_) | AccessEvent::KeyRotated(_) => {
                row
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use daybook_events::{
        commands::{CloseSessions, Which},
        testing::*,
    };

    use super::*;
    use crate::testing::fold_one;

    #[test]
    fn a_session_names_its_user_and_is_still_there_when_it_was_closed() {
        let given = given_book().and(issue_key(Role::SuperAdmin));
        let given = given.clone().and(open_session(given.newest_key(), "00"));
        let row = fold_one::<Sessions>(given.events());
        assert_eq!((row.user.as_str(), row.account_id, row.closed_at), ("somebody", None, None));
        assert_eq!(row.expires_at, row.opened_at.plus_seconds(3600));
        let given = given.and(CloseSessions { which: Which::One(row.session_id) });
        let closed = fold_one::<Sessions>(given.events());
        assert!(closed.closed_at >= Some(row.opened_at));
    }
}
