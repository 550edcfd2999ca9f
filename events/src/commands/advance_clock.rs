//! Advance the clock of a sandbox ledger. From then on it stands, and moves only when it is
//! advanced again; what falls due on the way is recorded by whoever advances it, step by step.

use crate::{
    draft::Draft,
    envelope::StreamId,
    event::{BookKind, ClockAdvanced},
    rejection::Rejection,
    time::Timestamp,
};

/// How far ahead a clock is advanced at most, in days.
const FURTHEST_DAYS: u64 = 2 * 366;

/// Advance the clock of a sandbox ledger.
#[derive(Debug, Clone)]
pub struct AdvanceClock {
    /// Where it is to stand.
    pub to: Timestamp,
}

impl AdvanceClock {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        // Where it stands, not the microseconds that events recorded there have taken since.
        let (now, to) = (draft.world().book.clock.unwrap_or(draft.now()), self.to);
        match draft.world().book.kind() {
            Some(BookKind::Sandbox) => {}
            Some(BookKind::Live) | None => return Err(Rejection::ClockNotMovable),
        }
        if to < now {
            return Err(Rejection::ClockBackwards { now });
        }
        if to > now.plus_days(FURTHEST_DAYS) {
            return Err(Rejection::ClockTooFar { furthest: now.plus_days(FURTHEST_DAYS) });
        }
        draft.record(StreamId::Book, ClockAdvanced { to })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    fn to(instant: &str) -> AdvanceClock {
        AdvanceClock { to: instant.parse().unwrap() }
    }

    #[test]
    fn a_clock_goes_forward_only_and_not_too_far() {
        given_book().when(to("2026-05-02T00:00:00Z")).recorded(&["book.clock_advanced"]);
        given_book().when(to("2026-04-30T23:59:59Z")).rejected("clock_backwards");
        given_book().when(to("2028-06-01T00:00:00Z")).rejected("clock_too_far");
    }

    #[test]
    fn only_a_sandbox_ledger_moves_its_clock() {
        let mut live = open_book();
        live.opened.kind = BookKind::Live;
        given_nothing().and(live).when(to("2026-05-02T00:00:00Z")).rejected("clock_not_movable");
    }
}
