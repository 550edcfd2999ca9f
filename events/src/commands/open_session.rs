//! Open a session for a user of the panel. Its token is made and shown by the shell; the event
//! keeps the hash. No session may do or reach more than the key that opens it, or outlast it.

use crate::{
    access::{Key, reach_fits},
    draft::Draft,
    envelope::StreamId,
    event::{Role, SessionOpened},
    ids::{AccountId, KeyId},
    rejection::Rejection,
};

/// The longest life of a session, in seconds: half a day.
pub const SESSION_SECONDS_MAX: u32 = 12 * 3600;

/// The longest id of a user, in characters.
const USER_MAX: usize = 200;

/// Open a session for a user.
#[derive(Debug, Clone)]
pub struct OpenSession {
    /// The key that opens it.
    pub key_id: KeyId,
    /// The one account it reaches; `None` is the whole ledger. The account must exist, which the
    /// shell has looked up.
    pub reach: Option<AccountId>,
    /// The panel's own id of the user.
    pub user: String,
    /// What it may do.
    pub role: Role,
    /// SHA-256 of its token, lower-case hex.
    pub hash: String,
    /// How long it works, in seconds.
    pub ttl_seconds: u32,
}

impl OpenSession {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let (key, now) = (self.key_id, draft.now());
        let opener = draft.world().access.key(key).ok_or(Rejection::KeyUnknown { key })?;
        if !opener.works(now) {
            return Err(Rejection::KeyNotWorking { key });
        }
        self.check(opener).map_err(|problem| Rejection::SessionInvalid { problem })?;
        let asked = now.plus_seconds(self.ttl_seconds.into());
        let expires_at = opener.ends_at().map_or(asked, |ends_at| ends_at.min(asked));
        let opened = SessionOpened {
            session_id: draft.mint(),
            key_id: key,
            account_id: self.reach,
            user: self.user.clone(),
            role: self.role,
            hash: self.hash.clone(),
            expires_at,
        };
        draft.record(StreamId::Access, opened)
    }

    fn check(&self, opener: &Key) -> Result<(), String> {
        let Self { role, reach, .. } = self;
        let own = &opener.issued;
        if !own.role.may_grant(*role) {
            let (own, role) = (own.role.as_str(), role.as_str());
            return Err(format!("a key of role {own} opens no session of role {role}"));
        }
        if own.account_id.is_some() && own.account_id != *reach {
            return Err("a session reaches no further than the key that opens it".to_owned());
        }
        reach_fits(*role, *reach)?;
        let user = self.user.chars().count();
        if !(1..=USER_MAX).contains(&user) || self.user.chars().any(char::is_control) {
            return Err(format!("`user` has 1 to {USER_MAX} characters, none of control"));
        }
        if !(1..=SESSION_SECONDS_MAX).contains(&self.ttl_seconds) {
            return Err(format!("a session works for 1 to {SESSION_SECONDS_MAX} seconds"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        commands::{IssueKey, RevokeKey},
        testing::*,
        time::Timestamp,
    };

    fn key_of(role: Role) -> Given {
        let reach = role.needs_account().then(account_id);
        given_account().and(IssueKey { reach, ..issue_key(role) })
    }

    #[test]
    fn a_session_does_and_reaches_no_more_than_its_key() {
        for own in Role::ALL {
            let given = key_of(own);
            for role in Role::ALL {
                let reach = role.needs_account().then(account_id);
                let reach = if own.needs_account() { Some(account_id()) } else { reach };
                let open = open_session(given.newest_key(), "00");
                let then = given.clone().when(OpenSession { role, reach, ..open });
                if own.may_grant(role) {
                    then.recorded(&["session.opened"]);
                } else {
                    then.rejected("session_invalid");
                }
            }
        }
        let given = key_of(Role::Owner);
        for reach in [None, Some(another_account_id())] {
            let open = open_session(given.newest_key(), "00");
            let open = OpenSession { role: Role::Auditor, reach, ..open };
            given.clone().when(open).rejected("session_invalid");
        }
    }

    #[test]
    fn a_role_and_a_reach_must_fit() {
        let given = key_of(Role::SuperAdmin);
        for (role, reach) in [(Role::SuperAdmin, Some(account_id())), (Role::Owner, None)] {
            let open = open_session(given.newest_key(), "00");
            given.clone().when(OpenSession { role, reach, ..open }).rejected("session_invalid");
        }
    }

    #[test]
    fn its_user_and_its_life_are_bounded() {
        let given = key_of(Role::SuperAdmin);
        let open = open_session(given.newest_key(), "00");
        for user in ["", "a\nb", &"x".repeat(201)] {
            let open = OpenSession { user: user.to_owned(), ..open.clone() };
            given.clone().when(open).rejected("session_invalid");
        }
        for ttl_seconds in [0, SESSION_SECONDS_MAX + 1] {
            let open = OpenSession { ttl_seconds, ..open.clone() };
            given.clone().when(open).rejected("session_invalid");
        }
    }

    #[test]
    fn it_ends_with_its_key() {
        let expires_at: Timestamp = "2026-06-01T00:10:00Z".parse().unwrap();
        let key = IssueKey { expires_at: Some(expires_at), ..issue_key(Role::SuperAdmin) };
        let given = given_book().at("2026-06-01T00:00:00Z").and(key);
        let key_id = given.newest_key();
        let given = given.clone().and(open_session(key_id, "00"));
        let session = given.world().access.sessions().next().cloned().unwrap();
        assert_eq!(session.opened.expires_at, expires_at);
        let now = given.now();
        assert!(given.world().access.session_works(&session, now));
        let revoked = given.clone().and(RevokeKey { key_id });
        assert!(!revoked.world().access.session_works(&session, now));
        revoked.when(open_session(key_id, "11")).rejected("key_not_working");
    }
}
