//! Close a session, or every session of a user within a reach.

use crate::{
    draft::Draft,
    envelope::StreamId,
    event::{Role, SessionClosed},
    ids::{AccountId, SessionId},
    rejection::Rejection,
};

/// Which sessions.
#[derive(Debug, Clone)]
pub enum Which {
    /// One.
    One(SessionId),
    /// A user's.
    Of {
        /// The panel's own id of the user.
        user: String,
        /// Those of one account; `None` is every account's and the ledger's own.
        reach: Option<AccountId>,
        /// Only those whose role this role may grant.
        by: Role,
    },
}

/// Close a session, or all of a user's.
#[derive(Debug, Clone)]
pub struct CloseSessions {
    /// Which sessions.
    pub which: Which,
}

impl CloseSessions {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let (access, now) = (&draft.world().access, draft.now());
        let open = access.sessions().filter(|it| now < it.opened.expires_at);
        let closed: Vec<_> = match &self.which {
            Which::One(id) => open
                .filter(|it| it.opened.session_id == *id)
                .map(|it| it.opened.session_id)
                .collect(),
            Which::Of { user, reach, by } => open
                .map(|it| &it.opened)
                .filter(|it| it.user == *user && by.may_grant(it.role))
                .filter(|it| reach.is_none() || it.account_id == *reach)
                .map(|it| it.session_id)
                .collect(),
        };
        if closed.is_empty() {
            return Err(match &self.which {
                Which::One(session) => Rejection::SessionNotOpen { session: *session },
                Which::Of { .. } => Rejection::SessionsNotOpen,
            });
        }
        for session_id in closed {
            draft.record(StreamId::Access, SessionClosed { session_id })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{commands::OpenSession, testing::*};

    fn ada(role: Role, reach: Option<AccountId>, given: &Given, hash: &str) -> OpenSession {
        OpenSession { role, reach, user: "ada".into(), ..open_session(given.newest_key(), hash) }
    }

    #[test]
    fn a_session_is_closed_once() {
        let given = given_book().and(issue_key(Role::SuperAdmin));
        let given = given.clone().and(open_session(given.newest_key(), "00"));
        let session = given.world().access.sessions().next().unwrap().opened.session_id;
        let close = CloseSessions { which: Which::One(session) };
        given.clone().when(close.clone()).recorded(&["session.closed"]);
        given.clone().and(close.clone()).when(close.clone()).rejected("session_not_open");
        let late = given.later(i64::from(super::super::SESSION_SECONDS_MAX));
        late.when(close).rejected("session_not_open");
    }

    #[test]
    fn a_users_sessions_are_closed_within_the_reach_and_the_role_of_who_asks() {
        let own = Some(account_id());
        let given = given_account().and(issue_key(Role::SuperAdmin));
        let somebody = open_session(given.newest_key(), "00");
        let given = given
            .clone()
            .and(somebody)
            .and(ada(Role::Owner, own, &given, "11"))
            .and(ada(Role::Member, own, &given, "22"))
            .and(ada(Role::Member, Some(another_account_id()), &given, "33"))
            .and(ada(Role::SuperAdmin, None, &given, "44"));
        let close = |user: &str, reach, by| {
            let which = Which::Of { user: user.to_owned(), reach, by };
            given.clone().when(CloseSessions { which })
        };
        close("ada", own, Role::Admin).recorded(&["session.closed"; 1]);
        close("ada", own, Role::Owner).recorded(&["session.closed"; 2]);
        close("ada", None, Role::SuperAdmin).recorded(&["session.closed"; 4]);
        close("nobody", None, Role::SuperAdmin).rejected("sessions_not_open");
        close("ada", None, Role::Finance).rejected("sessions_not_open");
    }
}
