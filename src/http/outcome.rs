//! What a command brought about: picking its events out of a receipt.

use daybook_events::{Event, Recorded, event::AccountEvent};

/// The account's event inside an envelope.
#[must_use]
pub(super) fn account_event(recorded: &Recorded) -> Option<&AccountEvent> {
    match &recorded.event {
        Event::Account(event) => Some(event),
        Event::Plan(_) | Event::Coupon(_) | Event::Access(_) | Event::Book(_) => None,
    }
}

/// The newest event that a pattern finds, with its envelope: a command's own events come after
/// those of what had fallen due before it.
pub(super) fn last<'e, T>(
    events: impl Iterator<Item = &'e Recorded>,
    pick: impl Fn(&AccountEvent) -> Option<T>,
) -> Option<(Recorded, T)> {
    events.filter_map(|event| Some((event, pick(account_event(event)?)?))).last().map(owned)
}

fn owned<T>((recorded, found): (&Recorded, T)) -> (Recorded, T) {
    (recorded.clone(), found)
}
