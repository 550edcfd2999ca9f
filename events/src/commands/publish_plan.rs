//! Put a plan on offer.

use std::collections::HashSet;

use crate::{
    draft::Draft,
    envelope::StreamId,
    event::{Limits, PlanPublished, PlanTerms},
    rejection::Rejection,
};

/// Put a plan on offer, under a slug that is its name for ever.
#[derive(Debug, Clone)]
pub struct PublishPlan {
    /// Lower-case letters, digits, `-` and `_`, beginning with a letter.
    pub slug: String,
    /// Revision 1.
    pub terms: PlanTerms,
}

impl PublishPlan {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        check_slug(&self.slug)?;
        check_terms(&self.terms)?;
        if draft.world().catalogue.find(&self.slug).is_some() {
            return Err(Rejection::PlanSlugTaken { slug: self.slug.clone() });
        }
        let plan_id = draft.mint();
        let (slug, terms) = (self.slug.clone(), self.terms.clone());
        draft.record(StreamId::Plan(plan_id), PlanPublished { plan_id, slug, terms })
    }
}

fn check_slug(slug: &str) -> Result<(), Rejection> {
    let starts_well = slug.starts_with(|first: char| first.is_ascii_lowercase());
    let of_the_alphabet =
        slug.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
    // `plan_…` would look like an id.
    if starts_well && of_the_alphabet && slug.len() <= 60 && !slug.starts_with("plan_") {
        return Ok(());
    }
    invalid("a slug is up to 60 lower-case letters, digits, `-` and `_`, and begins with a letter")
}

/// Refuses terms that make no sense, naming what is wrong.
pub(super) fn check_terms(terms: &PlanTerms) -> Result<(), Rejection> {
    let texts = [("name", &terms.name, 100), ("type", &terms.plan_type, 40)];
    for (field, text, most) in texts {
        let length = text.chars().count();
        if length == 0 || length > most || text.chars().any(char::is_control) {
            return invalid(&format!("`{field}` of a plan has 1 to {most} characters"));
        }
    }
    if terms.description.chars().count() > 2000 {
        return invalid("`description` of a plan has at most 2000 characters");
    }
    if terms.custom_price != terms.prices.is_empty() {
        return invalid("a plan has prices, or a custom price and none");
    }
    if terms.trial_days > 730 {
        return invalid("a trial has at most 730 days");
    }
    let mut seen = HashSet::new();
    for price in &terms.prices {
        if price.amount.minor() < 0 {
            return invalid("a price is never negative");
        }
        if !seen.insert((price.cycle, price.amount.currency())) {
            return invalid("a plan has one price per cycle and currency");
        }
    }
    check_limits(&terms.limits).map_err(|problem| Rejection::PlanInvalid { problem })
}

/// Refuses limits whose names or values make no sense.
pub(super) fn check_limits(limits: &Limits) -> Result<(), String> {
    const MOST: u64 = 1_000_000_000_000;
    if limits.len() > 100 {
        return Err("a plan has at most 100 limits".to_owned());
    }
    for (name, value) in limits {
        let named = !name.is_empty()
            && name.len() <= 60
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !named {
            return Err("a limit's name is up to 60 letters, digits and `_`".to_owned());
        }
        if value.is_some_and(|value| value > MOST) {
            return Err(format!("limit `{name}` is beyond {MOST}"));
        }
    }
    Ok(())
}

fn invalid(problem: &str) -> Result<(), Rejection> {
    Err(Rejection::PlanInvalid { problem: problem.to_owned() })
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    #[test]
    fn a_plan_gets_the_next_number() {
        let then = given_book().and(publish("a", "5")).when(publish("b", "6"));
        then.recorded(&["plan.published"]);
        assert_eq!(then.events()[0].number.as_deref(), Some("2"));
    }

    #[test]
    fn a_slug_is_taken_once() {
        given_book().and(publish("a", "5")).when(publish("a", "6")).rejected("plan_slug_taken");
    }

    #[test]
    fn a_slug_that_looks_like_a_number_or_an_id_is_refused() {
        for slug in ["", "3", "Pro", "plan_x", "a b", "ä"] {
            given_book().when(publish(slug, "5")).rejected("plan_invalid");
        }
    }

    #[test]
    fn prices_are_not_negative_and_one_per_cycle_and_currency() {
        given_book().when(publish("a", "-5")).rejected("plan_invalid");
        let mut twice = publish("a", "5");
        twice.terms.prices.push(twice.terms.prices[0].clone());
        given_book().when(twice).rejected("plan_invalid");
        let mut neither = publish("a", "5");
        neither.terms.prices.clear();
        given_book().when(neither).rejected("plan_invalid");
    }

    #[test]
    fn limits_have_sober_names_and_values() {
        let mut odd = publish("a", "5");
        odd.terms.limits.insert("max servers".into(), Some(1));
        given_book().when(odd).rejected("plan_invalid");
        let mut huge = publish("a", "5");
        huge.terms.limits.insert("memory".into(), Some(u64::MAX));
        given_book().when(huge).rejected("plan_invalid");
    }
}
