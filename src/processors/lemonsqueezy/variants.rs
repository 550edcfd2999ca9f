//! Which of Lemon Squeezy's variants sells which plan: `pro/monthly=123,pro/yearly=124`.

use std::collections::BTreeMap;

use daybook_events::{event::HeldPlan, period::Cycle};

/// The variants by plan and cycle.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variants(BTreeMap<(String, Cycle), u64>);

impl Variants {
    /// The variants of a setting's text.
    ///
    /// # Errors
    /// What of it cannot be used, for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut variants = BTreeMap::new();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let (plan, variant) =
                read(entry).ok_or_else(|| format!("`{entry}` is not of the form slug/cycle=id"))?;
            let (slug, cycle) = plan.clone();
            if variants.insert(plan, variant).is_some() {
                return Err(format!("{slug}/{cycle} has two variants"));
            }
        }
        Ok(Self(variants))
    }

    /// The variant that sells a plan.
    #[must_use]
    pub fn of(&self, plan: &HeldPlan) -> Option<u64> {
        self.0.get(&(plan.slug.clone(), plan.cycle)).copied()
    }

    /// The plan and the cycle that a variant sells: news of a subscription name the variant.
    #[must_use]
    pub fn plan_of(&self, variant: &str) -> Option<(&str, Cycle)> {
        let variant: u64 = variant.parse().ok()?;
        let (plan, _) = self.0.iter().find(|(_, sells)| **sells == variant)?;
        Some((plan.0.as_str(), plan.1))
    }
}

fn read(entry: &str) -> Option<((String, Cycle), u64)> {
    let (plan, variant) = entry.split_once('=')?;
    let (slug, cycle) = plan.trim().rsplit_once('/')?;
    let slug = slug.trim();
    let variant = variant.trim();
    // `+1` would be a number too.
    let digits = !variant.is_empty() && variant.bytes().all(|byte| byte.is_ascii_digit());
    if slug.is_empty() || slug.contains(['/', '=']) || !digits {
        return None;
    }
    Some(((slug.to_owned(), Cycle::from_word(cycle.trim())?), variant.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_says_which_variant_sells_which_plan() {
        let variants = Variants::parse(" pro/monthly=123, pro/yearly = 124 ,").unwrap();
        assert_eq!(variants.plan_of("124"), Some(("pro", Cycle::Yearly)));
        assert_eq!(variants.plan_of("125"), None);
        assert_eq!(variants.plan_of("x"), None);
        assert_eq!(Variants::parse(""), Ok(Variants::default()));
    }

    #[test]
    fn a_list_that_says_something_else_is_refused() {
        for text in [
            "pro",
            "pro=1",
            "pro/monthly",
            "pro/monthly=",
            "pro/monthly=x",
            "pro/monthly=+1",
            "pro/weekly=1",
            "/monthly=1",
            "pro/monthly=1=2",
            "a/b/monthly=1",
            "pro/monthly=99999999999999999999",
            "pro/monthly=1,pro/monthly=2",
        ] {
            assert!(Variants::parse(text).is_err(), "{text}");
        }
    }
}
