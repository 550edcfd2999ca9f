//! Is a feature on? Asked by every process that serves, so that a switch in one counts in all.
//!
//! One row per feature that was ever switched; a feature without a row is on.

use daybook_events::{
    Event, Recorded,
    event::{BookEvent, Feature, FeatureSwitched},
    ids::AccountId,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::projection::{FoldError, Projection};

/// A feature as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeatureRow {
    /// The position of the event that switched it last.
    pub position: i64,
    /// Which feature.
    pub feature: Feature,
    /// Whether it is on.
    pub enabled: bool,
}

/// The projection of every feature.
#[derive(Debug)]
pub struct Features;

/// The switch that an event is, if it is one.
fn switched(event: &Event) -> Option<&FeatureSwitched> {
    match event {
        Event::Book(BookEvent::FeatureSwitched(switched)) => Some(switched),
        Event::Book(_)
        | Event::Plan(_)
        | Event::Coupon(_)
        | Event::Access(_)
        | Event::Account(_) => None,
    }
}

impl Projection for Features {
    type Row = FeatureRow;

    const NAME: &'static str = "features";
    const TABLE: &'static str = include_str!("../../migrations/projections/features.sql");
    const SHARED: bool = true;

    fn account(_: &FeatureRow) -> Option<AccountId> {
        None
    }

    fn keys(recorded: &Recorded) -> Vec<String> {
        switched(&recorded.event).iter().map(|it| it.feature.as_str().to_owned()).collect()
    }

    fn fold(
        _: &str,
        row: Option<FeatureRow>,
        recorded: &Recorded,
    ) -> Result<Option<FeatureRow>, FoldError> {
        let position = recorded.position;
        let fresh = switched(&recorded.event);
        let fresh =
            fresh.map(|it| FeatureRow { position, feature: it.feature, enabled: it.enabled });
        Ok(fresh.or(row))
    }
}

#[cfg(test)]
mod tests {
    use daybook_events::{commands::SwitchFeature, testing::given_book};

    use super::*;
    use crate::testing::fold_one;

    #[test]
    fn the_last_switch_counts() {
        let switch = |enabled| SwitchFeature { feature: Feature::Billing, enabled };
        let off = given_book().and(switch(false));
        assert!(!fold_one::<Features>(off.events()).enabled);
        let on = off.and(switch(true));
        let row = fold_one::<Features>(on.events());
        assert_eq!((row.enabled, row.position), (true, on.events().last().unwrap().position));
    }
}
