//! Plan catalogues as people write them: TOML, one `[[plan]]` per plan.

use std::collections::BTreeMap;

use daybook_events::{
    Currency, Money,
    event::{PlanTerms, Price},
    period::Cycle,
};
use serde::Deserialize;
use thiserror::Error;

/// The catalogue of the demo, which is also an example of the format.
pub const EXAMPLE: &str = include_str!("../docs/plans.example.toml");

/// Why a catalogue was refused.
#[derive(Debug, Error)]
pub enum PlanFileError {
    /// Not TOML of the shape.
    #[error("line {line}: {problem}")]
    Syntax {
        /// Where, counted from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// A price that is none.
    #[error("plan `{plan}`: {problem}")]
    Price {
        /// Which plan.
        plan: String,
        /// What is wrong.
        problem: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    plan: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    slug: String,
    name: String,
    #[serde(rename = "type")]
    plan_type: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    hidden: bool,
    /// Cycle → currency → amount as a string.
    #[serde(default)]
    price: BTreeMap<String, BTreeMap<String, String>>,
    /// A limit is a whole number, or the word `unlimited`.
    #[serde(default)]
    limits: BTreeMap<String, Limit>,
    #[serde(default)]
    trial_days: u32,
    #[serde(default)]
    features: BTreeMap<String, serde_json::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Limit {
    Most(u64),
    Word(Unlimited),
}

#[derive(Debug, Deserialize)]
enum Unlimited {
    #[serde(rename = "unlimited")]
    Unlimited,
}

/// The plans of a catalogue, by slug, in its order.
///
/// # Errors
/// Not a catalogue, or a price that is none.
pub fn parse(text: &str) -> Result<Vec<(String, PlanTerms)>, PlanFileError> {
    // The library's own text draws the place in several lines.
    let file: File = toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        PlanFileError::Syntax { line, problem: error.message().to_owned() }
    })?;
    file.plan.into_iter().map(plan).collect()
}

fn plan(entry: Entry) -> Result<(String, PlanTerms), PlanFileError> {
    let refuse = |problem: String| PlanFileError::Price { plan: entry.slug.clone(), problem };
    let mut prices = Vec::new();
    for (cycle, amounts) in &entry.price {
        let cycle = Cycle::from_word(cycle)
            .ok_or_else(|| refuse(format!("`{cycle}` is neither monthly nor yearly")))?;
        for (currency, amount) in amounts {
            let currency: Currency =
                currency.parse().map_err(|error| refuse(format!("{error}")))?;
            let amount =
                Money::parse(amount, currency).map_err(|error| refuse(error.to_string()))?;
            prices.push(Price { cycle, amount });
        }
    }
    let limits = entry.limits.into_iter().map(|(name, limit)| match limit {
        Limit::Most(most) => (name, Some(most)),
        Limit::Word(Unlimited::Unlimited) => (name, None),
    });
    let terms = PlanTerms {
        name: entry.name,
        plan_type: entry.plan_type,
        description: entry.description,
        custom_price: prices.is_empty(),
        prices,
        trial_days: entry.trial_days,
        limits: limits.collect(),
        features: entry.features,
        hidden: entry.hidden,
    };
    Ok((entry.slug, terms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_a_catalogue() {
        let plans = parse(EXAMPLE).unwrap();
        let (_, pro) = plans.iter().find(|(slug, _)| slug == "pro").unwrap();
        let price = pro.price(Cycle::Monthly, Currency::USD).unwrap();
        assert_eq!(price.to_string(), "15.00 USD");
        assert_eq!(pro.limits["max_servers"], Some(15));
        let (_, enterprise) = plans.iter().find(|(slug, _)| slug == "enterprise").unwrap();
        assert!(enterprise.custom_price);
        assert_eq!(enterprise.limits["max_servers"], None);
    }

    #[test]
    fn prices_are_exact_strings_in_known_currencies() {
        let with = |price: &str| {
            parse(&format!("[[plan]]\nslug='a'\nname='A'\ntype='paid'\nprice={{{price}}}"))
        };
        assert!(with("monthly={USD='5'}").is_ok());
        for bad in
            ["monthly={USD=5}", "monthly={USD='5.001'}", "monthly={ABC='5'}", "daily={USD='5'}"]
        {
            assert!(with(bad).is_err(), "{bad}");
        }
    }
}
