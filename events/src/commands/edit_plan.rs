//! Change some of a plan's terms and leave the rest as they are. Who edits what they have read says
//! which revision that was, and what of it they do not mean to change.

use std::collections::BTreeMap;

use super::publish_plan::check_terms;
use crate::{
    catalogue::Plan,
    draft::Draft,
    envelope::StreamId,
    event::{Limits, PlanRevised, PlanTerms, Price},
    money::{Currency, Money},
    period::Cycle,
    rejection::Rejection,
};

/// Change some of a plan's terms.
#[derive(Debug, Clone)]
pub struct EditPlan {
    /// Id, number or slug.
    pub plan: String,
    /// The revision that was read, where the caller says so.
    pub revision: Option<u32>,
    /// The limits that were read, where the caller says so.
    pub limits_read: Option<Limits>,
    /// The prices that were read, where the caller says so.
    pub prices_read: Option<Vec<Price>>,
    /// The currency in which the one price is shown, where the plan is sold in it.
    pub currency: Currency,
    /// What changes.
    pub edit: PlanEdit,
}

/// What changes of a plan's terms; `None` leaves a term as it is.
#[derive(Debug, Clone, Default)]
pub struct PlanEdit {
    /// The name.
    pub name: Option<String>,
    /// The portal tier.
    pub plan_type: Option<String>,
    /// What it is.
    pub description: Option<String>,
    /// The one price that is shown; `Some(None)` says that there is none.
    pub price: Option<Option<Money>>,
    /// Whether it is left out of the customers' page.
    pub hidden: Option<bool>,
    /// How many days are free.
    pub trial_days: Option<u32>,
    /// The free flags, whole.
    pub features: Option<BTreeMap<String, serde_json::Value>>,
    /// Limits by name; the others stay.
    pub limits: Limits,
}

impl EditPlan {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let unknown = || Rejection::PlanUnknown { plan: self.plan.chars().take(64).collect() };
        let plan = draft.world().catalogue.find(&self.plan).ok_or_else(unknown)?.clone();
        if plan.retired {
            return Err(Rejection::PlanRetired { plan: plan.slug.clone() });
        }
        self.check_read(&plan)?;
        let mut terms = plan.terms.clone();
        self.edit.apply_to(&mut terms, self.currency, &plan)?;
        check_terms(&terms)?;
        if plan.terms == terms {
            return Err(Rejection::PlanTermsUnchanged { slug: plan.slug.clone() });
        }
        let (plan_id, revision) = (plan.id, plan.revision + 1);
        draft.record(StreamId::Plan(plan_id), PlanRevised { plan_id, revision, terms })
    }

    /// What the caller has read must be what there is.
    fn check_read(&self, plan: &Plan) -> Result<(), Rejection> {
        if self.revision.is_some_and(|read| read != plan.revision) {
            return Err(moved(plan));
        }
        let read_only = |field| Err(Rejection::FieldReadOnly { field });
        if self.limits_read.as_ref().is_some_and(|read| *read != plan.terms.limits) {
            return read_only("limits");
        }
        if self.prices_read.as_ref().is_some_and(|read| *read != plan.terms.prices) {
            return read_only("prices");
        }
        Ok(())
    }
}

fn moved(plan: &Plan) -> Rejection {
    Rejection::PlanVersionConflict { slug: plan.slug.clone(), revision: plan.revision }
}

impl PlanEdit {
    fn apply_to(
        &self,
        terms: &mut PlanTerms,
        shown_in: Currency,
        plan: &Plan,
    ) -> Result<(), Rejection> {
        let set = |term: &mut String, edited: &Option<String>| {
            if let Some(edited) = edited {
                term.clone_from(edited);
            }
        };
        set(&mut terms.name, &self.name);
        set(&mut terms.plan_type, &self.plan_type);
        set(&mut terms.description, &self.description);
        terms.hidden = self.hidden.unwrap_or(terms.hidden);
        terms.trial_days = self.trial_days.unwrap_or(terms.trial_days);
        if let Some(features) = &self.features {
            terms.features.clone_from(features);
        }
        for (name, value) in &self.limits {
            // A limit that the plan does not speak of is shown as none, and stays so.
            if value.is_some() || terms.limits.contains_key(name) {
                terms.limits.insert(name.clone(), *value);
            }
        }
        match self.price {
            Some(price) => set_price(terms, shown_in, price, plan),
            None => Ok(()),
        }
    }
}

fn set_price(
    terms: &mut PlanTerms,
    shown_in: Currency,
    price: Option<Money>,
    plan: &Plan,
) -> Result<(), Rejection> {
    let shown = terms.shown_price(shown_in).cloned();
    match (shown, price) {
        (None, None) => {}
        (Some(_), None) => {
            let problem = "the price of a plan that has one is a number".to_owned();
            return Err(Rejection::PlanInvalid { problem });
        }
        (None, Some(amount)) => {
            terms.prices.push(Price { cycle: Cycle::Monthly, amount });
            terms.custom_price = false;
        }
        (Some(shown), Some(amount)) => {
            let same = |price: &&mut Price| **price == shown;
            match terms.prices.iter_mut().find(same) {
                Some(price) if shown.amount.currency() == amount.currency() => {
                    price.amount = amount;
                }
                // The price was shown in another currency when the caller wrote it.
                Some(_) | None => return Err(moved(plan)),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    fn edit(edit: PlanEdit) -> EditPlan {
        let (plan, currency) = ("pro".to_owned(), Currency::USD);
        let (revision, limits_read, prices_read) = (None, None, None);
        EditPlan { plan, revision, limits_read, prices_read, currency, edit }
    }

    fn priced(amount: &str) -> PlanEdit {
        PlanEdit { price: Some(Some(usd(amount))), ..PlanEdit::default() }
    }

    fn terms_after(command: EditPlan) -> PlanTerms {
        let plan = command.plan.clone();
        let given = given_account().and(command);
        given.world().catalogue.find(&plan).unwrap().terms.clone()
    }

    #[test]
    fn what_is_not_named_stays() {
        let before = given_account().world().catalogue.find("pro").unwrap().terms.clone();
        let after = terms_after(edit(priced("16.01")));
        assert_eq!(after.price(Cycle::Monthly, Currency::USD), Some(usd("16.01")));
        assert_eq!(after.price(Cycle::Yearly, Currency::USD), Some(usd("150")));
        assert_eq!(PlanTerms { prices: before.prices.clone(), ..after }, before);
        let renamed = PlanEdit { name: Some("Professional".into()), ..PlanEdit::default() };
        let after = terms_after(edit(renamed));
        assert_eq!(after, PlanTerms { name: "Professional".into(), ..before });
    }

    #[test]
    fn a_limit_without_a_value_is_unlimited_and_one_that_is_not_there_stays_away() {
        let limits = [("max_servers".to_owned(), None), ("memory".to_owned(), None)].into();
        let after = terms_after(edit(PlanEdit { limits, ..PlanEdit::default() }));
        assert_eq!(after.limits, [("max_servers".to_owned(), None)].into());
    }

    #[test]
    fn an_edit_that_changes_nothing_is_not_a_revision() {
        given_account().when(edit(PlanEdit::default())).rejected("plan_terms_unchanged");
        given_account().when(edit(priced("15"))).rejected("plan_terms_unchanged");
    }

    #[test]
    fn what_was_read_must_be_what_there_is() {
        let at = |revision| EditPlan { revision: Some(revision), ..edit(priced("16")) };
        given_account().when(at(1)).recorded(&["plan.revised"]);
        given_account().when(at(2)).rejected("version_conflict");
        given_account().and(at(1)).when(at(1)).rejected("version_conflict");
        let limits = EditPlan { limits_read: Some(Limits::new()), ..edit(priced("16")) };
        given_account().when(limits).rejected("field_read_only");
        let prices = EditPlan { prices_read: Some(Vec::new()), ..edit(priced("16")) };
        given_account().when(prices).rejected("field_read_only");
    }

    #[test]
    fn a_price_is_given_to_a_plan_without_one_and_not_taken_away() {
        let custom = EditPlan { plan: "enterprise".into(), ..edit(priced("99")) };
        let after = terms_after(custom);
        assert!(!after.custom_price);
        let none = PlanEdit { price: Some(None), ..PlanEdit::default() };
        given_account().when(edit(none.clone())).rejected("plan_invalid");
        let custom = EditPlan { plan: "enterprise".into(), ..edit(none) };
        given_account().when(custom).rejected("plan_terms_unchanged");
        let rupees = EditPlan { plan: "rupees".into(), ..edit(priced("1")) };
        given_account().when(rupees).rejected("version_conflict");
    }

    #[test]
    fn a_plan_that_is_not_on_offer_is_not_edited() {
        given_account().and(retire("pro")).when(edit(priced("16"))).rejected("plan_retired");
        let unknown = EditPlan { plan: "nope".into(), ..edit(priced("1")) };
        given_account().when(unknown).rejected("plan_unknown");
        given_account().when(edit(priced("-1"))).rejected("plan_invalid");
    }
}
