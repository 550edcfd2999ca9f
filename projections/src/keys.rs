//! Whose key is this, and what may it do? Asked by the server at every request, by the hash of the
//! key, and by whoever lists and revokes keys.
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
        match &recorded.event {
            Event::Access(AccessEvent::KeyIssued(issued)) => vec![issued.key_id.to_string()],
            Event::Access(AccessEvent::KeyRevoked(revoked)) => vec![revoked.key_id.to_string()],
            Event::Account(_) | Event::Plan(_) | Event::Coupon(_) | Event::Book(_) => Vec::new(),
        }
    }

    fn fold(
        key: &str,
        row: Option<KeyRow>,
        recorded: &Recorded,
    ) -> Result<Option<KeyRow>, FoldError> {
        match &recorded.event {
            Event::Access(AccessEvent::KeyIssued(issued)) => {
                Ok(Some(KeyRow::issued(issued, recorded)))
            }
            Event::Access(AccessEvent::KeyRevoked(_)) => {
                let row = row.ok_or_else(|| FoldError::missing(recorded, key))?;
                let (position, revoked_at) = (recorded.position, Some(recorded.effective_at));
                Ok(Some(KeyRow { position, revoked_at, ..row }))
            }
            Event::Account(_) | Event::Plan(_) | Event::Coupon(_) | Event::Book(_) => Ok(row),
        }
    }
}

#[cfg(test)]
mod tests {
    use daybook_events::{
        commands::{IssueKey, RevokeKey},
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
}
