//! As of: a row as it was after some events, by the same fold as everywhere.

use daybook_events::Recorded;

use crate::projection::{FoldError, Projection};

/// The row of a key after these events, which are those of its streams from the first on.
///
/// # Errors
/// Where an event cannot be taken in.
pub fn row<'e, P: Projection>(
    key: &str,
    events: impl IntoIterator<Item = &'e Recorded>,
) -> Result<Option<P::Row>, FoldError> {
    let touching = events.into_iter().filter(|event| P::keys(event).iter().any(|own| own == key));
    touching.into_iter().try_fold(None, |row, event| P::fold(key, row, event))
}

#[cfg(test)]
mod tests {
    use daybook_events::testing::{change_plan, given_subscribed};

    use super::row;
    use crate::subscriptions::Subscriptions;

    #[test]
    fn a_row_is_what_its_events_up_to_then_made_of_it() {
        let before = given_subscribed("pro");
        let after = before.clone().and(change_plan("starter"));
        let id = before.account().live().map(|live| live.id.to_string()).unwrap_or_default();
        let slug = |events| {
            let row = row::<Subscriptions>(&id, events).unwrap();
            row.map(|row| row.plan.slug)
        };
        assert_eq!(slug(before.events()).as_deref(), Some("pro"));
        assert_eq!(slug(after.events()).as_deref(), Some("starter"));
        assert_eq!(slug(&after.events()[..before.events().len()]).as_deref(), Some("pro"));
    }
}
