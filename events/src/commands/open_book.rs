//! Open the book: the first event of every ledger.

use crate::{
    draft::Draft,
    envelope::StreamId,
    event::{BookOpened, Feature, FeatureSwitched},
    rejection::Rejection,
};

/// Open the book.
#[derive(Debug, Clone)]
pub struct OpenBook {
    /// What it is and whose.
    pub opened: BookOpened,
    /// The features that it does without.
    pub without: Vec<Feature>,
}

impl OpenBook {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        if draft.world().book.opened.is_some() {
            return Err(Rejection::BookAlreadyOpen);
        }
        if !(1..=12).contains(&self.opened.financial_year_start_month) {
            return Err(Rejection::BookInvalid { field: "financial_year_start_month" });
        }
        super::open_account::check_party(&self.opened.seller)?;
        draft.record(StreamId::Book, self.opened.clone())?;
        for feature in self.without.iter().copied() {
            draft.record(StreamId::Book, FeatureSwitched { feature, enabled: false })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[test]
    fn a_book_is_opened_once() {
        given_nothing().when(open_book()).recorded(&["book.opened"]);
        given_book().when(open_book()).rejected("book_already_open");
    }

    #[test]
    fn a_book_does_without_the_features_that_it_does_not_need() {
        let without = vec![Feature::Billing];
        let then = given_nothing().when(OpenBook { without, ..open_book() });
        then.recorded(&["book.opened", "book.feature_switched"]);
    }

    #[test]
    fn nothing_happens_before_the_book_is_open() {
        given_nothing().when(open_account()).rejected("book_not_open");
    }

    #[test]
    fn a_financial_year_begins_in_one_of_twelve_months() {
        let mut command = open_book();
        command.opened.financial_year_start_month = 13;
        given_nothing().when(command).rejected("book_invalid");
    }
}
