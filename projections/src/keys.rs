//! Which keys are there, and what became of each? Asked by whoever lists, rotates and revokes keys.
//! Who may call is not asked here, but of the log itself: no row that lags lets anybody in.
//!
//! One row per key, working or not. The key itself is nowhere; expiry is for the reader to judge,
//! who has a clock.

use daybook_events::{
    Event, Recorded, Timestamp,
    event::{AccessEvent, KeyIssued, Role},
    ids::{AccountId, KeyId},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::projection::{FoldError, Projection};

/// A key as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRow {
    /// The position of the last event that touched the row.
    pub position: i64,
    /// The key's id.
    pub key_id: KeyId,
    /// What people call it.
    pub label: String,
    /// What it may do.
    pub role: Role,
    /// The one account it reaches; `null` reaches the whole ledger.
    pub account_id: Option<AccountId>,
    /// The first characters of the key, to tell keys apart in a list.
    pub prefix: String,
    /// SHA-256 of the whole key, lower-case hex.
    pub hash: String,
    /// The instant at which it stops working; `null` is never.
    pub expires_at: Option<Timestamp>,
    /// The instant since which it works.
    pub issued_at: Timestamp,
    /// The instant at which it was stopped; `null` where it was not.
    pub revoked_at: Option<Timestamp>,
    /// The key in whose place it is; `null` where it is in nobody's.
    pub replaces: Option<KeyId>,
    /// The key that took its place; `null` where none did.
    pub replaced_by: Option<KeyId>,
    /// The instant until which it works beside that key; `null` where there is none.
    pub works_until: Option<Timestamp>,
}

impl KeyRow {
    fn issued(issued: &KeyIssued, recorded: &Recorded) -> Self {
        Self {
            position: recorded.position,
            key_id: issued.key_id,
            label: issued.label.clone(),
            role: issued.role,
            account_id: issued.account_id,
            prefix: issued.prefix.clone(),
            hash: issued.hash.clone(),
            expires_at: issued.expires_at,
            issued_at: recorded.effective_at,
            revoked_at: None,
            replaces: issued.replaces,
            replaced_by: None,
            works_until: None,
        }
    }
}

/// The projection of every API key.
#[derive(Debug)]
pub struct Keys;

impl Projection for Keys {
    type Row = KeyRow;

    const NAME: &'static str = "keys";
    const TABLE: &'static str = include_str!("../../migrations/projections/keys.sql");

    fn account(row: &KeyRow) -> Option<AccountId> {
        row.account_id
    }

    fn keys(recorded: &Recorded) -> Vec<String> {
        let Event::Access(event) = &recorded.event else { return Vec::new() };
        match event {
            AccessEvent::KeyIssued(issued) => vec![issued.key_id.to_string()],
            AccessEvent::KeyRevoked(revoked) => vec![revoked.key_id.to_string()],
            AccessEvent::KeyRotated(rotated) => vec![rotated.key_id.to_string()],
            AccessEvent::SessionOpened(_) | AccessEvent::SessionClosed(_) => Vec::new(),
        }
    }

    fn fold(
        key: &str,
        row: Option<KeyRow>,
        recorded: &Recorded,
    ) -> Result<Option<KeyRow>, FoldError> {
        let Event::Access(event) = &recorded.event else { return Ok(row) };
        let position = recorded.position;
        let there = |row: Option<KeyRow>| row.ok_or_else(|| FoldError::missing(recorded, key));
        Ok(match event {
            AccessEvent::KeyIssued(issued) => Some(KeyRow::issued(issued, recorded)),
            AccessEvent::KeyRevoked(_) => {
                let revoked_at = Some(recorded.effective_at);
                Some(KeyRow { position, revoked_at, ..there(row)? })
            }
            AccessEvent::KeyRotated(rotated) => {
                let replaced_by = Some(rotated.replaced_by);
                let works_until = Some(rotated.works_until);
                Some(KeyRow { position, replaced_by, works_until, ..there(row)? })
            }
            AccessEvent::SessionOpened(_) | AccessEvent::SessionClosed(_) => row,
        })
    }
}

#[cfg(test)]
mod tests {
    use daybook_events::{
        commands::{IssueKey, RevokeKey, RotateKey},
        testing::*,
    };

    use super::*;
    use crate::testing::fold_one;

    #[test]
    fn a_key_is_found_by_its_hash_and_says_what_it_may_do() {
        let given = given_book().and(issue_key(Role::Auditor));
        let row = fold_one::<Keys>(given.events());
        assert_eq!((row.role, row.account_id), (Role::Auditor, None));
        assert_eq!((row.hash, row.revoked_at), ("00".repeat(32), None));
    }

    #[test]
    fn a_key_of_one_account_names_it() {
        let key = IssueKey { reach: Some(account_id()), ..issue_key(Role::Owner) };
        let row = fold_one::<Keys>(given_account().and(key).events());
        assert_eq!(row.account_id, Some(account_id()));
    }

    #[test]
    fn a_revoked_key_is_still_there() {
        let given = given_book().and(issue_key(Role::Auditor)).at("2026-05-02T00:00:00Z");
        let key_id = fold_one::<Keys>(given.events()).key_id;
        let row = fold_one::<Keys>(given.and(RevokeKey { key_id }).events());
        assert!(row.revoked_at > Some(row.issued_at));
    }
    #[test]
    fn a_rotated_key_names_the_one_in_its_place_and_that_one_names_it() {
        let given = given_book().and(issue_key(Role::Auditor));
        let old = given.newest_key();
        let rotate = RotateKey {
            key_id: old,
            overlap_seconds: 60,
            prefix: "dbk_new".into(),
            hash: "11".repeat(32),
        };
        let given = given.and(rotate);
        let rows = crate::testing::fold_all::<Keys>(given.events());
        let (old, new) = (&rows[&old.to_string()], &rows[&given.newest_key().to_string()]);
        assert_eq!((old.replaced_by, new.replaces), (Some(new.key_id), Some(old.key_id)));
        assert_eq!(old.works_until, Some(new.issued_at.plus_seconds(60)));
    }
}
