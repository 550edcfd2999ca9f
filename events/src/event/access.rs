//! Events of the `access` stream: who may do what.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Event, events};
use crate::{
    ids::{AccountId, KeyId, SessionId},
    time::Timestamp,
};

events! {
    /// What happened to an API key, or to a session that one opened.
    AccessEvent of Event {
        KeyIssued "key.issued" v 1,
        KeyRevoked "key.revoked" v 1,
        KeyRotated "key.rotated" v 1,
        SessionOpened "session.opened" v 1,
        SessionClosed "session.closed" v 1,
    }
}

/// What a key may do; the routes' table says which role may call which.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Runs the ledger: every account, every command.
    SuperAdmin,
    /// Owns an account.
    Owner,
    /// Manages an account's billing.
    Admin,
    /// Belongs to an account and may look.
    Member,
    /// Reads everything within the key's reach, changes nothing.
    Auditor,
    /// Reads the money within the key's reach, changes nothing.
    Finance,
}

impl Role {
    /// Every role there is.
    pub const ALL: [Self; 6] =
        [Self::SuperAdmin, Self::Owner, Self::Admin, Self::Member, Self::Auditor, Self::Finance];

    /// The word for it, such as `super_admin`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SuperAdmin => "super_admin",
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Member => "member",
            Self::Auditor => "auditor",
            Self::Finance => "finance",
        }
    }

    /// The role of a word, if it is one.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }

    /// Whether the role only makes sense inside one account.
    #[must_use]
    pub fn needs_account(self) -> bool {
        matches!(self, Self::Owner | Self::Admin | Self::Member)
    }

    /// Whether who has this role may open sessions of another, and close them. Nobody hands on more
    /// than they have.
    #[must_use]
    pub fn may_grant(self, granted: Self) -> bool {
        match self {
            Self::SuperAdmin => true,
            Self::Owner => granted != Self::SuperAdmin,
            Self::Admin => matches!(granted, Self::Admin | Self::Member),
            Self::Auditor | Self::Finance => granted == self,
            Self::Member => false,
        }
    }
}

/// A key was made; the key itself was shown once and is not here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyIssued {
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
    /// When it stops working; `null` is never.
    pub expires_at: Option<Timestamp>,
    /// The key in whose place it is; absent where it is in nobody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<KeyId>,
}

/// A key stopped working at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRevoked {
    /// Which key.
    pub key_id: KeyId,
}

/// Another key took the place of this one, which works a while longer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRotated {
    /// Which key.
    pub key_id: KeyId,
    /// The key in its place.
    pub replaced_by: KeyId,
    /// The instant from which on it works no more, whatever was said when it was issued.
    pub works_until: Timestamp,
}

/// A key opened a session for somebody; the token itself was shown once and is not here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionOpened {
    /// The session's id.
    pub session_id: SessionId,
    /// The key that opened it, and with which it ends.
    pub key_id: KeyId,
    /// The one account it reaches; `null` reaches the whole ledger.
    pub account_id: Option<AccountId>,
    /// Whose session it is: the panel's own id of the user.
    pub user: String,
    /// What it may do.
    pub role: Role,
    /// SHA-256 of the whole token, lower-case hex.
    pub hash: String,
    /// The instant from which on it works no more.
    pub expires_at: Timestamp,
}

/// A session ended before its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionClosed {
    /// Which session.
    pub session_id: SessionId,
}
