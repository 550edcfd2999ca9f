//! Folding a whole history in memory, for the tests of the projections.

use std::collections::BTreeMap;

use daybook_events::Recorded;

use crate::projection::Projection;

/// The rows after a history. Each passes through its JSON text between two events, as it does
/// when it is stored.
#[track_caller]
pub(crate) fn fold_all<P: Projection>(events: &[Recorded]) -> BTreeMap<String, P::Row> {
    let mut rows = BTreeMap::<String, String>::new();
    let read = |json: &str| serde_json::from_str::<P::Row>(json).unwrap();
    for recorded in events {
        for key in P::keys(recorded) {
            let row = rows.remove(&key).map(|json| read(&json));
            if let Some(row) = P::fold(&key, row, recorded).unwrap() {
                rows.insert(key, serde_json::to_string(&row).unwrap());
            }
        }
    }
    rows.into_iter().map(|(key, json)| (key, read(&json))).collect()
}

/// The only row after a history.
#[track_caller]
pub(crate) fn fold_one<P: Projection>(events: &[Recorded]) -> P::Row {
    let rows = fold_all::<P>(events);
    assert_eq!(rows.len(), 1, "one row was expected");
    rows.into_values().next().unwrap()
}
