//! The access state: which keys and sessions there are, and which of them still work.
//!
//! Every key ever issued is in it; a session is in it until it is closed, and is let go once it has
//! expired, so that memory is bounded by what a session's longest life holds.

use imbl::{HashMap, OrdMap, OrdSet};

use crate::{
    event::{AccessEvent, KeyIssued, KeyRotated, Role, SessionOpened},
    ids::{AccountId, KeyId, SessionId},
    time::Timestamp,
};

/// A key, as the rules know it.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// What it was issued as.
    pub issued: KeyIssued,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// What took its place, and how long it works on beside that.
    pub rotated: Option<KeyRotated>,
    /// Whether it was revoked.
    pub revoked: bool,
}

impl Key {
    /// The instant from which on it works no more; `None` is never.
    #[must_use]
    pub fn ends_at(&self) -> Option<Timestamp> {
        let rotated = self.rotated.as_ref().map(|rotated| rotated.works_until);
        self.issued.expires_at.into_iter().chain(rotated).min()
    }

    /// Whether it works at an instant.
    #[must_use]
    pub fn works(&self, now: Timestamp) -> bool {
        !self.revoked && self.ends_at().is_none_or(|ends_at| now < ends_at)
    }
}

/// A session that was not closed.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// What it was opened as.
    pub opened: SessionOpened,
    /// When it was opened.
    pub opened_at: Timestamp,
}

/// What the rules know of keys and sessions.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// The version of the stream.
    pub version: i64,
    /// The instant of its last event; `None` before the first.
    pub newest: Option<Timestamp>,
    keys: OrdMap<KeyId, Key>,
    sessions: OrdMap<SessionId, Session>,
    // By the hashes of what callers present.
    keys_by_hash: HashMap<String, KeyId>,
    sessions_by_hash: HashMap<String, SessionId>,
    // In the order in which they expire.
    expiring: OrdSet<(Timestamp, SessionId)>,
}

impl Access {
    /// Takes in one of its events, which counts from `at` on.
    pub fn evolve(&mut self, event: &AccessEvent, at: Timestamp) {
        self.newest = Some(at);
        match event {
            AccessEvent::KeyIssued(issued) => {
                self.keys_by_hash.insert(issued.hash.clone(), issued.key_id);
                let (issued_at, issued) = (at, issued.clone());
                let key = Key { issued_at, issued, rotated: None, revoked: false };
                self.keys.insert(key.issued.key_id, key);
            }
            AccessEvent::KeyRevoked(revoked) => {
                if let Some(key) = self.keys.get_mut(&revoked.key_id) {
                    key.revoked = true;
                }
            }
            AccessEvent::KeyRotated(rotated) => {
                if let Some(key) = self.keys.get_mut(&rotated.key_id) {
                    key.rotated = Some(rotated.clone());
                }
            }
            AccessEvent::SessionOpened(opened) => self.open(opened, at),
            AccessEvent::SessionClosed(closed) => self.drop_session(closed.session_id),
        }
    }

    fn open(&mut self, opened: &SessionOpened, at: Timestamp) {
        while let Some((_, session)) =
            self.expiring.get_min().copied().filter(|(expires_at, _)| *expires_at <= at)
        {
            self.drop_session(session);
        }
        let session = opened.session_id;
        self.expiring.insert((opened.expires_at, session));
        self.sessions_by_hash.insert(opened.hash.clone(), session);
        self.sessions.insert(session, Session { opened: opened.clone(), opened_at: at });
    }

    fn drop_session(&mut self, session: SessionId) {
        if let Some(dropped) = self.sessions.remove(&session) {
            self.expiring.remove(&(dropped.opened.expires_at, session));
            self.sessions_by_hash.remove(&dropped.opened.hash);
        }
    }

    /// A key, working or not.
    #[must_use]
    pub fn key(&self, key: KeyId) -> Option<&Key> {
        self.keys.get(&key)
    }

    /// A session that was not closed; one that has expired may be gone.
    #[must_use]
    pub fn session(&self, session: SessionId) -> Option<&Session> {
        self.sessions.get(&session)
    }

    /// The sessions that were not closed; those that have expired may be gone.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.values()
    }

    /// The key of a hash, where it works at an instant.
    #[must_use]
    pub fn working_key(&self, hash: &str, now: Timestamp) -> Option<&Key> {
        self.key(*self.keys_by_hash.get(hash)?).filter(|key| key.works(now))
    }

    /// The session of a hash, where it works at an instant.
    #[must_use]
    pub fn working_session(&self, hash: &str, now: Timestamp) -> Option<&Session> {
        let session = self.session(*self.sessions_by_hash.get(hash)?)?;
        self.session_works(session, now).then_some(session)
    }

    /// Whether a session works at an instant: it has not expired, and its key works too.
    #[must_use]
    pub fn session_works(&self, session: &Session, now: Timestamp) -> bool {
        let opened = &session.opened;
        now < opened.expires_at && self.key(opened.key_id).is_some_and(|key| key.works(now))
    }

    /// How many sessions are held.
    #[must_use]
    pub fn sessions_held(&self) -> usize {
        self.sessions.len()
    }
}

/// Whether a key or a session of a role may reach so far.
///
/// # Errors
/// Why not.
pub fn reach_fits(role: Role, reach: Option<AccountId>) -> Result<(), &'static str> {
    if role == Role::SuperAdmin && reach.is_some() {
        return Err("super_admin reaches the whole ledger, not one account");
    }
    if role.needs_account() && reach.is_none() {
        return Err("owner, admin and member belong to one account");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    #[test]
    fn sessions_that_have_expired_are_let_go_when_another_opens() {
        let mut given = given_book().and(issue_key(crate::event::Role::SuperAdmin));
        for hour in 0..5 {
            given = given.at(&format!("2026-06-01T{:02}:00:00Z", 2 * hour));
            given = given.clone().and(open_session(given.newest_key(), &format!("{hour:064}")));
            assert_eq!(given.world().access.sessions_held(), 1);
        }
    }
}
