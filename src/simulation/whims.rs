//! Whims: what customers come to want in a period that has begun, for no reason that a ledger
//! knows.

use daybook_events::period::Span;

use super::{
    customer::{Change, Next, Step},
    desk::Desk,
};

const DAY: i64 = 86_400;

/// What somebody may want in a month, by weight.
const WHIMS: &[(u32, Option<Step>)] = &[
    (706, None),
    (50, Some(Step::Change(Change::Up))),
    (10, Some(Step::Change(Change::UpLater))),
    (16, Some(Step::Change(Change::Down))),
    (14, Some(Step::Change(Change::DownLater))),
    (12, Some(Step::Change(Change::Cycle))),
    (14, Some(Step::Cancel { now: false })),
    (4, Some(Step::Cancel { now: true })),
    (16, Some(Step::Refund)),
    (16, Some(Step::Move)),
    (6, Some(Step::Register)),
    (110, Some(Step::Use)),
    (10, Some(Step::Grant)),
    (3, Some(Step::Correct { whole: true })),
    (3, Some(Step::Correct { whole: false })),
    (5, Some(Step::Customise)),
    (5, Some(Step::Waver(0))),
];

/// What somebody does in a period: a yearly one holds as much life as twelve monthly ones.
pub(super) fn in_period(period: Span, desk: &mut Desk<'_>) -> Next {
    let length = (period.end.seconds() - desk.now().seconds()).max(DAY);
    let months = (length / (28 * DAY)).clamp(1, 12);
    let mut next = Next::new();
    for _ in 0..months {
        let at = desk.within(60, length);
        if let Some(whim) = desk.pick(WHIMS) {
            next.push((at, whim));
        }
    }
    next
}
