//! Make an API key. The key itself is made and shown by the shell; the event keeps its hash.

use crate::{
    access::reach_fits,
    draft::Draft,
    envelope::StreamId,
    event::{KeyIssued, Role},
    ids::AccountId,
    rejection::Rejection,
    time::Timestamp,
};

/// Make an API key.
#[derive(Debug, Clone)]
pub struct IssueKey {
    /// What people call it.
    pub label: String,
    /// What it may do.
    pub role: Role,
    /// The one account it reaches; `None` is the whole ledger. The account must exist, which the
    /// shell has looked up.
    pub reach: Option<AccountId>,
    /// The first characters of the key.
    pub prefix: String,
    /// SHA-256 of the key, lower-case hex.
    pub hash: String,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
}

impl IssueKey {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let invalid = |problem: &str| Err(Rejection::KeyInvalid { problem: problem.to_owned() });
        if let Err(problem) = reach_fits(self.role, self.reach) {
            return invalid(problem);
        }
        if self.label.chars().count() > 100 || self.label.chars().any(char::is_control) {
            return invalid("a key's label has at most 100 characters");
        }
        if self.expires_at.is_some_and(|expires_at| expires_at <= draft.now()) {
            return invalid("a key that has expired already is of no use");
        }
        let issued = KeyIssued {
            key_id: draft.mint(),
            label: self.label.clone(),
            role: self.role,
            account_id: self.reach,
            prefix: self.prefix.clone(),
            hash: self.hash.clone(),
            expires_at: self.expires_at,
            replaces: None,
        };
        draft.record(StreamId::Access, issued)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[test]
    fn a_role_and_a_reach_must_fit() {
        given_book().when(issue_key(Role::SuperAdmin)).recorded(&["key.issued"]);
        given_book().when(issue_key(Role::Auditor)).recorded(&["key.issued"]);
        given_book().when(issue_key(Role::Owner)).rejected("key_invalid");
        let scoped = IssueKey { reach: Some(account_id()), ..issue_key(Role::SuperAdmin) };
        given_account().when(scoped).rejected("key_invalid");
        let scoped = IssueKey { reach: Some(account_id()), ..issue_key(Role::Owner) };
        given_account().when(scoped).recorded(&["key.issued"]);
    }

    #[test]
    fn an_expired_key_is_not_issued() {
        let past = Some("2020-01-01T00:00:00Z".parse().unwrap());
        let command = IssueKey { expires_at: past, ..issue_key(Role::Auditor) };
        given_book().when(command).rejected("key_invalid");
    }
}
