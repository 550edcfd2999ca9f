//! As of: rows as they were after some events, by the same fold as everywhere.

use std::collections::BTreeMap;

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

/// Every row after these events, by key: a whole table, of the streams that the events are of.
///
/// # Errors
/// Where an event cannot be taken in.
pub fn rows<'e, P: Projection>(
    events: impl IntoIterator<Item = &'e Recorded>,
) -> Result<BTreeMap<String, P::Row>, FoldError> {
    let mut rows = BTreeMap::new();
    for event in events {
        for key in P::keys(event) {
            if let Some(row) = P::fold(&key, rows.remove(&key), event)? {
                rows.insert(key, row);
            }
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use daybook_events::testing::{change_plan, given_subscribed};

    use super::{row, rows};
    use crate::{invoices::Invoices, projection::Projection, subscriptions::Subscriptions};

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

    #[test]
    fn a_table_holds_every_row_that_its_events_made() {
        let history = given_subscribed("pro").and(change_plan("starter"));
        let events = history.events();
        for until in 0..=events.len() {
            let table = rows::<Invoices>(&events[..until]).unwrap();
            for (key, found) in &table {
                assert_eq!(row::<Invoices>(key, &events[..until]).unwrap().as_ref(), Some(found));
            }
            let keys = events[..until].iter().flat_map(Invoices::keys);
            let keys: std::collections::BTreeSet<_> = keys.collect();
            assert_eq!(table.keys().cloned().collect::<std::collections::BTreeSet<_>>(), keys);
        }
        assert!(rows::<Invoices>(events).unwrap().len() > 1);
    }
}
