//! Stop an API key, at once.

use crate::{
    draft::Draft, envelope::StreamId, event::KeyRevoked, ids::KeyId, rejection::Rejection,
};

/// Stop an API key.
#[derive(Debug, Clone)]
pub struct RevokeKey {
    /// Which key.
    pub key_id: KeyId,
}

impl RevokeKey {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let key = self.key_id;
        match draft.world().access.key(key) {
            None => Err(Rejection::KeyUnknown { key }),
            Some(known) if known.revoked => Err(Rejection::KeyAlreadyRevoked { key }),
            Some(_) => draft.record(StreamId::Access, KeyRevoked { key_id: key }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{AccessEvent, Event, Role},
        ids::Id,
        testing::*,
    };

    #[test]
    fn a_key_is_revoked_once() {
        let given = given_book().and(issue_key(Role::Auditor));
        let key_id = given.last(|event| match event {
            Event::Access(AccessEvent::KeyIssued(issued)) => Some(issued.key_id),
            _other => None,
        });
        let revoke = RevokeKey { key_id };
        given.clone().when(revoke.clone()).recorded(&["key.revoked"]);
        given.and(revoke.clone()).when(revoke).rejected("key_already_revoked");
        let unknown = RevokeKey { key_id: KeyId::from_uuid(uuid::Uuid::nil()) };
        given_book().when(unknown).rejected("key_unknown");
    }
}
