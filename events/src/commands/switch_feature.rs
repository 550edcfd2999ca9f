//! Switch a feature on or off.

use crate::{
    draft::Draft,
    envelope::StreamId,
    event::{Feature, FeatureSwitched},
    rejection::Rejection,
};

/// Switch a feature on or off.
#[derive(Debug, Clone)]
pub struct SwitchFeature {
    /// Which feature.
    pub feature: Feature,
    /// Whether it is to be on.
    pub enabled: bool,
}

impl SwitchFeature {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let (feature, enabled) = (self.feature, self.enabled);
        if draft.world().book.has(feature) == enabled {
            return Err(Rejection::NothingToChange);
        }
        draft.record(StreamId::Book, FeatureSwitched { feature, enabled })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[test]
    fn a_feature_is_on_until_it_is_switched_off() {
        let switch = |enabled| SwitchFeature { feature: Feature::Billing, enabled };
        given_book().when(switch(true)).rejected("nothing_to_change");
        let off = given_book().and(switch(false));
        assert!(!off.world().book.has(Feature::Billing));
        off.clone().when(switch(false)).rejected("nothing_to_change");
        assert!(off.and(switch(true)).world().book.has(Feature::Billing));
    }
}
