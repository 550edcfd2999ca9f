//! Put another key in the place of one: the two work side by side for a while, so that whoever
//! holds the old one can change over without an interruption.

use crate::{
    access::Key,
    draft::Draft,
    envelope::StreamId,
    event::{KeyIssued, KeyRotated},
    ids::KeyId,
    rejection::Rejection,
    time::Timestamp,
};

/// The longest overlap, in seconds: thirty days.
pub const OVERLAP_SECONDS_MAX: u32 = 30 * 86_400;

/// Put another key in the place of one.
#[derive(Debug, Clone)]
pub struct RotateKey {
    /// Which key.
    pub key_id: KeyId,
    /// How long the old key works on, in seconds; 0 stops it at once.
    pub overlap_seconds: u32,
    /// The first characters of the new key.
    pub prefix: String,
    /// SHA-256 of the new key, lower-case hex.
    pub hash: String,
}

impl RotateKey {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        if self.overlap_seconds > OVERLAP_SECONDS_MAX {
            let problem = format!("keys overlap for at most {OVERLAP_SECONDS_MAX} seconds");
            return Err(Rejection::KeyInvalid { problem });
        }
        let (key, now) = (self.key_id, draft.now());
        let old = draft.world().access.key(key).cloned().ok_or(Rejection::KeyUnknown { key })?;
        match () {
            () if old.revoked => return Err(Rejection::KeyAlreadyRevoked { key }),
            () if old.rotated.is_some() => return Err(Rejection::KeyAlreadyRotated { key }),
            () if !old.works(now) => return Err(Rejection::KeyNotWorking { key }),
            () => {}
        }
        let issued = KeyIssued {
            key_id: draft.mint(),
            prefix: self.prefix.clone(),
            hash: self.hash.clone(),
            expires_at: renewed(&old, now),
            replaces: Some(key),
            ..old.issued
        };
        let replaced_by = issued.key_id;
        let works_until = now.plus_seconds(self.overlap_seconds.into());
        draft.record(StreamId::Access, issued)?;
        draft.record(StreamId::Access, KeyRotated { key_id: key, replaced_by, works_until })
    }
}

/// A key that was given so long a life gives the same to the one in its place.
fn renewed(old: &Key, now: Timestamp) -> Option<Timestamp> {
    let life = old.issued.expires_at?.micros() - old.issued_at.micros();
    Some(now.plus_micros(life))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        commands::{IssueKey, RevokeKey},
        event::Role,
        ids::Id,
        testing::*,
    };

    fn rotate(key_id: KeyId, overlap_seconds: u32) -> RotateKey {
        let (prefix, hash) = ("dbk_new".to_owned(), "11".repeat(32));
        RotateKey { key_id, overlap_seconds, prefix, hash }
    }

    #[test]
    fn the_old_key_works_until_the_overlap_is_over_and_the_new_one_for_as_long_as_it_was_given() {
        let expires_at = Some("2026-05-11T00:00:00Z".parse().unwrap());
        let old = IssueKey { expires_at, ..issue_key(Role::Auditor) };
        let given = given_book().at("2026-05-01T00:00:00Z").and(old);
        let key = given.newest_key();
        let given = given.at("2026-05-03T00:00:00Z").and(rotate(key, 3600));
        let access = given.world().access.clone();
        let (old, new) = (access.key(key).unwrap(), access.key(given.newest_key()).unwrap());
        assert_eq!((new.issued.replaces, &new.issued.label), (Some(key), &old.issued.label));
        let seconds =
            |from: Timestamp, to: Option<Timestamp>| to.unwrap().seconds() - from.seconds();
        assert_eq!(seconds(new.issued_at, new.issued.expires_at), 10 * 86_400);
        assert_eq!(seconds(new.issued_at, old.ends_at()), 3600);
        assert!(old.works(new.issued_at.plus_seconds(3599)));
        assert!(!old.works(new.issued_at.plus_seconds(3600)));
    }

    #[test]
    fn an_overlap_does_not_outlast_the_old_keys_own_end() {
        let expires_at: Timestamp = "2026-06-02T00:00:00Z".parse().unwrap();
        let old = IssueKey { expires_at: Some(expires_at), ..issue_key(Role::Auditor) };
        let given = given_book().at("2026-06-01T00:00:00Z").and(old);
        let key = given.newest_key();
        let given = given.and(rotate(key, OVERLAP_SECONDS_MAX));
        assert_eq!(given.world().access.key(key).unwrap().ends_at(), Some(expires_at));
    }

    #[test]
    fn without_an_overlap_the_old_key_stops_at_once() {
        let given = given_book().and(issue_key(Role::Auditor));
        let key = given.newest_key();
        let given = given.and(rotate(key, 0));
        assert!(!given.world().access.key(key).unwrap().works(given.now()));
    }

    #[test]
    fn only_a_key_that_works_is_rotated_and_only_once() {
        let given = given_book().and(issue_key(Role::Auditor));
        let key = given.newest_key();
        given.clone().when(rotate(key, 0)).recorded(&["key.issued", "key.rotated"]);
        given.clone().and(rotate(key, 60)).when(rotate(key, 60)).rejected("key_already_rotated");
        let revoked = given.clone().and(RevokeKey { key_id: key });
        revoked.when(rotate(key, 60)).rejected("key_already_revoked");
        given.when(rotate(key, OVERLAP_SECONDS_MAX + 1)).rejected("key_invalid");
        let unknown = KeyId::from_uuid(uuid::Uuid::nil());
        given_book().when(rotate(unknown, 0)).rejected("key_unknown");
        let expires_at = Some("2026-06-02T00:00:00Z".parse().unwrap());
        let expiring = IssueKey { expires_at, ..issue_key(Role::Auditor) };
        let given = given_book().at("2026-06-01T00:00:00Z").and(expiring);
        let key = given.newest_key();
        given.at("2026-06-02T00:00:00Z").when(rotate(key, 0)).rejected("key_not_working");
    }
}
