//! Which plans are there, and what do they say today? Asked by the billing page, by the panel when
//! it shows a plan, and by whoever keeps the catalogue.
//!
//! One row per plan, on offer or retired. What a customer holds is in [`crate::subscriptions`]: a
//! revision changes the row here and nobody's subscription.

use daybook_events::{
    Event, Recorded, Timestamp,
    event::{PlanEvent, PlanPublished, PlanTerms},
    ids::{AccountId, PlanId, ReapplicationId},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::projection::{FoldError, Projection};

/// A plan as it is on offer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanRow {
    /// The position of the last event that touched the row.
    pub position: i64,
    /// The plan's id.
    pub plan_id: PlanId,
    /// Its number, decimal digits, as the panel dialect names it.
    pub number: String,
    /// Its permanent name in URLs and configuration.
    pub slug: String,
    /// The newest revision, counted from 1.
    pub revision: u32,
    /// What the newest revision says.
    pub terms: PlanTerms,
    /// Whether it is off the shelf.
    pub retired: bool,
    /// The instant since which it is on offer.
    pub published_at: Timestamp,
    /// The instant of the newest revision; `null` while it is the first.
    pub revised_at: Option<Timestamp>,
    /// The newest request that its limits reach its subscribers; `null` where there was none.
    pub reapplication: Option<PlanReapplication>,
}

/// A request that a plan's limits reach its subscribers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanReapplication {
    /// Its id, which every subscriber's event names.
    pub reapplication_id: ReapplicationId,
    /// The revision whose limits they were when it was asked.
    pub revision: u32,
    /// Whether subscribers with limits of their own lose them.
    pub force: bool,
    /// The instant at which it was asked.
    pub asked_at: Timestamp,
}

impl PlanRow {
    fn published(published: &PlanPublished, recorded: &Recorded) -> Self {
        Self {
            position: recorded.position,
            plan_id: published.plan_id,
            number: recorded.number.clone().unwrap_or_default(),
            slug: published.slug.clone(),
            revision: 1,
            terms: published.terms.clone(),
            retired: false,
            published_at: recorded.effective_at,
            revised_at: None,
            reapplication: None,
        }
    }
}

/// The projection of every plan.
#[derive(Debug)]
pub struct Plans;

impl Projection for Plans {
    type Row = PlanRow;

    const NAME: &'static str = "plans";
    const TABLE: &'static str = include_str!("../../migrations/projections/plans.sql");
    const SHARED: bool = true;

    fn account(_: &PlanRow) -> Option<AccountId> {
        None
    }

    fn keys(recorded: &Recorded) -> Vec<String> {
        match &recorded.event {
            Event::Plan(PlanEvent::PlanPublished(published)) => vec![published.plan_id.to_string()],
            Event::Plan(PlanEvent::PlanRevised(revised)) => vec![revised.plan_id.to_string()],
            Event::Plan(PlanEvent::PlanRetired(retired)) => vec![retired.plan_id.to_string()],
            Event::Plan(PlanEvent::PlanLimitsReapplied(asked)) => vec![asked.plan_id.to_string()],
            Event::Account(_) | Event::Coupon(_) | Event::Access(_) | Event::Book(_) => Vec::new(),
        }
    }

    fn fold(
        key: &str,
        row: Option<PlanRow>,
        recorded: &Recorded,
    ) -> Result<Option<PlanRow>, FoldError> {
        let position = recorded.position;
        let existing = |row: Option<PlanRow>| row.ok_or_else(|| FoldError::missing(recorded, key));
        Ok(match &recorded.event {
            Event::Plan(PlanEvent::PlanPublished(published)) => {
                Some(PlanRow::published(published, recorded))
            }
            Event::Plan(PlanEvent::PlanRevised(revised)) => Some(PlanRow {
                position,
                revision: revised.revision,
                terms: revised.terms.clone(),
                revised_at: Some(recorded.effective_at),
                ..existing(row)?
            }),
            Event::Plan(PlanEvent::PlanRetired(_)) => {
                Some(PlanRow { position, retired: true, ..existing(row)? })
            }
            Event::Plan(PlanEvent::PlanLimitsReapplied(asked)) => {
                let reapplication = Some(PlanReapplication {
                    reapplication_id: asked.reapplication_id,
                    revision: asked.revision,
                    force: asked.force,
                    asked_at: recorded.effective_at,
                });
                Some(PlanRow { position, reapplication, ..existing(row)? })
            }
            Event::Account(_) | Event::Coupon(_) | Event::Access(_) | Event::Book(_) => row,
        })
    }
}

#[cfg(test)]
mod tests {
    use daybook_events::testing::*;

    use super::*;
    use crate::testing::{fold_all, fold_one};

    #[test]
    fn a_published_plan_has_its_number_and_its_first_terms() {
        let row = fold_one::<Plans>(given_book().and(publish("pro", "15")).events());
        assert_eq!((row.number.as_str(), row.slug.as_str(), row.revision), ("1", "pro", 1));
        assert_eq!(row.terms, terms("pro", "15"));
        assert_eq!(row.published_at.to_string(), "2026-05-01T00:00:00.000000Z");
        assert_eq!((row.retired, row.revised_at), (false, None));
    }

    #[test]
    fn a_revision_replaces_the_terms_and_keeps_the_number() {
        let given = given_book().and(publish("basic", "15")).at("2026-05-02T00:00:00Z");
        let given = given.and(revise("basic", "20"));
        let row = fold_one::<Plans>(given.events());
        assert_eq!((row.number.as_str(), row.revision), ("1", 2));
        assert_eq!(row.terms, terms("basic", "20"));
        assert!(row.revised_at > Some(row.published_at));
        assert_eq!(row.position, given.events().last().unwrap().position);
    }

    #[test]
    fn a_retired_plan_is_still_there() {
        let given = given_account().and(retire("pro"));
        let rows = fold_all::<Plans>(given.events());
        let retired = rows.values().filter(|row| row.retired).map(|row| row.slug.as_str());
        assert_eq!(retired.collect::<Vec<_>>(), ["pro"]);
        assert_eq!(rows.len(), 6);
    }

    #[test]
    fn a_revision_of_a_plan_that_is_not_there_is_an_error() {
        let given = given_book().and(publish("basic", "15")).and(revise("basic", "20"));
        let revised = given.events().last().unwrap();
        let key = Plans::keys(revised).remove(0);
        assert!(matches!(
            Plans::fold(&key, None, revised),
            Err(FoldError::MissingRow { event: "plan.revised", .. })
        ));
    }
}
