//! Events of the `access` stream: who may do what.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Event, events};
use crate::{
    ids::{AccountId, KeyId},
    time::Timestamp,
};

events! {
    /// What happened to an API key.
    AccessEvent of Event {
        KeyIssued "key.issued" v 1,
        KeyRevoked "key.revoked" v 1,
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
}

/// A key stopped working at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRevoked {
    /// Which key.
    pub key_id: KeyId,
}
