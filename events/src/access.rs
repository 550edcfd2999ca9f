//! The access state: which keys exist and which still work.

use imbl::OrdMap;

use crate::{event::AccessEvent, ids::KeyId};

/// What the rules know of keys.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// The version of the stream.
    pub version: i64,
    /// Whether each key ever issued has been revoked.
    revoked: OrdMap<KeyId, bool>,
}

impl Access {
    /// Takes in one of its events.
    pub fn evolve(&mut self, event: &AccessEvent) {
        match event {
            AccessEvent::KeyIssued(issued) => self.revoked.insert(issued.key_id, false),
            AccessEvent::KeyRevoked(revoked) => self.revoked.insert(revoked.key_id, true),
        };
    }

    /// Whether a key has been revoked; `None` where it never existed.
    #[must_use]
    pub fn is_revoked(&self, key: KeyId) -> Option<bool> {
        self.revoked.get(&key).copied()
    }
}
