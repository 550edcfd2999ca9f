//! The billing policy: what a seller may choose about proration, plan changes, dunning, orders and
//! refunds, as data. It is adopted by an event and has a version; decisions name the version.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{proration::Granularity, refund_policy::RefundWindow, time::Timestamp};

/// When a plan change takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeTiming {
    /// At once: the rest of the period is credited and billed anew.
    Now,
    /// At once when its price has been paid.
    OncePaid,
    /// When the period ends.
    PeriodEnd,
    /// Never.
    Refused,
}

/// When changes from some plan to another take effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanChangeRule {
    /// The slug of the plan that is left; `null` is any.
    #[serde(default)]
    pub from: Option<String>,
    /// The slug of the plan that is moved to; `null` is any.
    #[serde(default)]
    pub to: Option<String>,
    /// When.
    pub timing: ChangeTiming,
}

/// What happens to a subscription whose invoice stays unpaid, in the order of severity.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DunningAction {
    /// It is past due; service goes on.
    PastDue,
    /// Service stops.
    Suspend,
    /// It ends.
    End,
}

/// One step of the dunning ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DunningStep {
    /// Days of 86,400 seconds since the invoice was issued.
    pub after_days: u32,
    /// What happens then.
    pub action: DunningAction,
}

/// A step of the ladder as an invoice pins it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DunningDate {
    /// When.
    pub at: Timestamp,
    /// What happens then.
    pub action: DunningAction,
}

/// The billing policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Whether proration counts seconds or calendar days.
    pub proration: Granularity,
    /// When a change to a plan that costs as much or more a year takes effect.
    pub upgrade: ChangeTiming,
    /// When a change to a plan that costs less a year takes effect.
    pub downgrade: ChangeTiming,
    /// Exceptions by plan; the most specific one counts, the first of equals.
    pub plan_changes: Vec<PlanChangeRule>,
    /// What happens while an invoice is unpaid.
    pub dunning: Vec<DunningStep>,
    /// After how many days an order for a new subscription expires unpaid.
    pub order_expires_after_days: u32,
    /// How much of a period is refunded.
    pub refunds: RefundWindow,
    /// How many invoice lines a subscription may have in a day before its account is parked.
    pub invoice_lines_per_day: u32,
}

impl Default for Policy {
    fn default() -> Self {
        let step = |after_days, action| DunningStep { after_days, action };
        Self {
            proration: Granularity::Second,
            upgrade: ChangeTiming::Now,
            downgrade: ChangeTiming::Now,
            plan_changes: Vec::new(),
            dunning: vec![
                step(7, DunningAction::PastDue),
                step(14, DunningAction::Suspend),
                step(21, DunningAction::End),
            ],
            order_expires_after_days: 7,
            refunds: RefundWindow::default(),
            invoice_lines_per_day: 15,
        }
    }
}

impl Policy {
    /// When a change between two plans takes effect; `dearer` where the new one costs as much or
    /// more a year.
    #[must_use]
    pub fn timing(&self, from: &str, to: &str, dearer: bool) -> ChangeTiming {
        let fits = |rule: &Option<String>, slug: &str| rule.as_deref().is_none_or(|it| it == slug);
        let specific =
            |rule: &&PlanChangeRule| u32::from(rule.from.is_some()) + u32::from(rule.to.is_some());
        // `max_by_key` takes the last of equals, so the first counts when read backwards.
        let exception = self
            .plan_changes
            .iter()
            .rev()
            .filter(|rule| fits(&rule.from, from) && fits(&rule.to, to))
            .max_by_key(specific);
        match exception {
            Some(rule) => rule.timing,
            None if dearer => self.upgrade,
            None => self.downgrade,
        }
    }

    /// The ladder of an invoice issued at an instant.
    #[must_use]
    pub fn ladder(&self, issued_at: Timestamp) -> Vec<DunningDate> {
        let date = |step: &DunningStep| DunningDate {
            at: issued_at.plus_days(u64::from(step.after_days)),
            action: step.action,
        };
        self.dunning.iter().map(date).collect()
    }

    /// What makes no sense about it, where something does not.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        let climbs = self.dunning.windows(2).all(|pair| {
            pair[0].after_days <= pair[1].after_days && pair[0].action < pair[1].action
        });
        let last_day = self.dunning.iter().map(|step| step.after_days).max().unwrap_or(0);
        match () {
            () if !climbs => Some("the steps of `dunning` go on in time and in severity"),
            () if last_day > 365 => Some("the last step of `dunning` is within a year"),
            () if !(1..=365).contains(&self.order_expires_after_days) => {
                Some("`order_expires_after_days` is 1 to 365")
            }
            () if !(1..=1000).contains(&self.invoice_lines_per_day) => {
                Some("`invoice_lines_per_day` is 1 to 1000")
            }
            () if self.refunds.full_until_day > self.refunds.prorated_until_day => {
                Some("`full_until_day` of `refunds` is not after `prorated_until_day`")
            }
            // A processor sends nothing back half a year after the capture.
            () if self.refunds.prorated_until_day > 180 => {
                Some("`prorated_until_day` of `refunds` is within 180 days")
            }
            () => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(from: Option<&str>, to: Option<&str>, timing: ChangeTiming) -> PlanChangeRule {
        PlanChangeRule { from: from.map(Into::into), to: to.map(Into::into), timing }
    }

    #[test]
    fn the_most_specific_rule_of_a_pair_counts() {
        let policy = Policy {
            downgrade: ChangeTiming::PeriodEnd,
            plan_changes: vec![
                rule(None, Some("starter"), ChangeTiming::Refused),
                rule(Some("pro"), Some("starter"), ChangeTiming::Now),
            ],
            ..Policy::default()
        };
        assert_eq!(policy.timing("pro", "starter", false), ChangeTiming::Now);
        assert_eq!(policy.timing("business", "starter", false), ChangeTiming::Refused);
        assert_eq!(policy.timing("business", "pro", false), ChangeTiming::PeriodEnd);
        assert_eq!(policy.timing("pro", "business", true), ChangeTiming::Now);
    }

    #[test]
    fn a_ladder_that_goes_back_is_refused() {
        let step = |after_days, action| DunningStep { after_days, action };
        let policy = |dunning| Policy { dunning, ..Policy::default() };
        use DunningAction as A;
        assert_eq!(Policy::default().fault(), None);
        assert!(policy(vec![step(9, A::PastDue), step(3, A::End)]).fault().is_some());
        assert!(policy(vec![step(3, A::End), step(9, A::PastDue)]).fault().is_some());
        assert!(policy(vec![step(366, A::End)]).fault().is_some());
        assert_eq!(policy(Vec::new()).fault(), None);
    }
}
