//! How much of a period may be refunded: the 0–7 / 8–30 / 30+ policy, versioned.
//!
//! Days are whole days of 86,400 seconds since the current period began; an upgrade inside the
//! period does not restart them. Source: the v1 dialect's page, "Refund Eligibility".

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The policy: how long everything, and how long the unused rest, is refunded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundWindow {
    /// The last day on which everything is refunded.
    pub full_until_day: u32,
    /// The last day on which the unused rest is refunded.
    pub prorated_until_day: u32,
}

impl Default for RefundWindow {
    fn default() -> Self {
        Self { full_until_day: 7, prorated_until_day: 30 }
    }
}

/// What the policy grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Eligibility {
    /// Everything paid for the period.
    Full,
    /// The unused rest of the period.
    Prorated,
    /// Nothing.
    None,
}

/// A verdict of the policy, with what it was reckoned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// What was granted.
    #[serde(rename = "type")]
    pub eligibility: Eligibility,
    /// Whole days since the period began.
    pub days_since_period_start: i64,
    /// The version of the billing policy that said so.
    pub policy_version: u32,
    /// Whether a super admin set the policy aside, giving a reason.
    pub overridden: bool,
}

/// The policy's verdict at an instant, for a period that began at another.
#[must_use]
pub fn verdict(
    window: RefundWindow,
    policy_version: u32,
    period_start: Timestamp,
    at: Timestamp,
    overridden: bool,
) -> Verdict {
    let days = (at.seconds() - period_start.seconds()).div_euclid(86_400);
    let eligibility = if overridden || days <= i64::from(window.full_until_day) {
        Eligibility::Full
    } else if days <= i64::from(window.prorated_until_day) {
        Eligibility::Prorated
    } else {
        Eligibility::None
    };
    Verdict { eligibility, days_since_period_start: days, policy_version, overridden }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: i64) -> Eligibility {
        let start: Timestamp = "2026-05-01T00:00:00Z".parse().unwrap();
        verdict(RefundWindow::default(), 1, start, start.plus_seconds(seconds), false).eligibility
    }

    #[test]
    fn the_edges_of_the_policy_are_exact_to_the_second() {
        const DAY: i64 = 86_400;
        assert_eq!(after(0), Eligibility::Full);
        assert_eq!(after(8 * DAY - 1), Eligibility::Full);
        assert_eq!(after(8 * DAY), Eligibility::Prorated);
        assert_eq!(after(31 * DAY - 1), Eligibility::Prorated);
        assert_eq!(after(31 * DAY), Eligibility::None);
    }

    #[test]
    fn an_override_is_written_down() {
        let start: Timestamp = "2026-05-01T00:00:00Z".parse().unwrap();
        let verdict = verdict(RefundWindow::default(), 1, start, start.plus_days(90), true);
        assert_eq!((verdict.eligibility, verdict.overridden), (Eligibility::Full, true));
        assert_eq!(verdict.days_since_period_start, 90);
    }
}
