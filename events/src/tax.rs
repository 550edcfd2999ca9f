//! Tax: which taxes an invoice carries, and why.
//!
//! The rules are data that the seller adopts ([`TaxRules`]); what they say for one buyer at one
//! instant is a treatment ([`Tax`]), which is recorded with the invoice. India splits its GST by
//! place of supply; a business in another country of the European Union is charged nothing and owes
//! the tax itself. Sources: the CGST Rules, rule 46, and Directive 2006/112/EC, articles 44, 196
//! and 226.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    country::{Country, IndianState, indian_state},
    money::{Money, MoneyError},
    percent::Percent,
    personal::Party,
    tax_id,
};

const INDIA: &str = "IN";

/// A tax of a country or a region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaxRate {
    /// ISO 3166 code of the country.
    pub country: String,
    /// The region, as in the buyer's `state`; `null` is the whole country.
    #[serde(default)]
    pub region: Option<String>,
    /// What documents call it, such as `VAT`.
    pub name: String,
    /// How much.
    pub percent: Percent,
    /// Whether list prices hold the tax already.
    #[serde(default)]
    pub inclusive: bool,
}

/// What becomes of buyers in countries that the rules do not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Elsewhere {
    /// They are billed without tax.
    #[default]
    Untaxed,
    /// They cannot order.
    Refused,
}

/// The tax rules of a seller.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaxRules {
    /// Countries that no rate names.
    #[serde(default)]
    pub elsewhere: Elsewhere,
    /// Rates; a region's counts before its country's.
    pub rates: Vec<TaxRate>,
}

/// Of what kind a supply is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Supply {
    /// No rule asks for a tax.
    Untaxed,
    /// Taxed at the rates of the place of supply.
    Taxed,
    /// The buyer, a business in another country of the European Union, owes the tax.
    ReverseCharge,
    /// To a buyer abroad: without tax.
    Export,
    /// By a merchant of record, who is the seller towards the buyer and owes the tax: nothing of
    /// ours is taxed, and our document is a receipt.
    MerchantOfRecord,
}

/// A tax as a document names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateCharged {
    /// What it is called, such as `VAT` or `CGST`.
    pub name: String,
    /// Where it is owed, such as `DE` or `IN-27`.
    pub jurisdiction: String,
    /// How much.
    pub percent: Percent,
}

/// How an invoice is taxed, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tax {
    /// The version of the rules that said so; 0 without rules.
    pub rules_version: u32,
    /// Of what kind the supply is.
    pub supply: Supply,
    /// Whether prices hold the taxes already.
    pub inclusive: bool,
    /// The taxes, each reckoned by itself.
    pub rates: Vec<RateCharged>,
    /// Where the supply counts as made, such as `IN-27`, `DE` or `US-CA`; `null` without rules.
    pub place_of_supply: Option<String>,
    /// What the law wants the document to say.
    pub wording: Option<String>,
}

/// Why the rules give no treatment for a buyer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Untreatable {
    /// The buyer's country is not known.
    CountryMissing,
    /// The rules refuse the buyer's country.
    CountryRefused(String),
}

impl Tax {
    /// The treatment of a ledger without rules.
    #[must_use]
    pub fn none() -> Self {
        Self {
            rules_version: 0,
            supply: Supply::Untaxed,
            inclusive: false,
            rates: Vec::new(),
            place_of_supply: None,
            wording: None,
        }
    }

    /// The treatment of what a merchant of record sells: it taxes, and nothing of ours is taxed.
    /// `merchant` is its name as the buyer knows it.
    #[must_use]
    pub fn merchant_of_record(merchant: &str) -> Self {
        let wording = format!(
            "Sold by {merchant} as merchant of record, which issues the tax invoice. This receipt \
             is not a tax invoice."
        );
        Self { supply: Supply::MerchantOfRecord, wording: Some(wording), ..Self::none() }
    }

    /// Whether a merchant of record sells, so that documents are receipts.
    #[must_use]
    pub fn is_by_merchant_of_record(&self) -> bool {
        self.supply == Supply::MerchantOfRecord
    }

    /// One tax on an amount in the terms of the price list, rounded once.
    ///
    /// # Errors
    /// Too large.
    pub fn on(&self, rate: &RateCharged, amount: Money) -> Result<Money, MoneyError> {
        if self.inclusive {
            rate.percent.within(amount, self.percent())
        } else {
            rate.percent.of(amount)
        }
    }

    /// Every rate together.
    #[must_use]
    pub fn percent(&self) -> Percent {
        self.rates.iter().map(|rate| rate.percent).fold(Percent::ZERO, Percent::plus)
    }

    /// A treatment for tests: these taxes, on top of prices.
    #[doc(hidden)]
    #[must_use]
    pub fn testing(rates: &[(&str, &str)]) -> Self {
        let rate = |(name, percent): &(&str, &str)| RateCharged {
            name: (*name).to_owned(),
            jurisdiction: "XX".to_owned(),
            percent: percent.parse().unwrap_or(Percent::ZERO),
        };
        Self { supply: Supply::Taxed, rates: rates.iter().map(rate).collect(), ..Self::none() }
    }
}

impl TaxRules {
    /// How a seller's supply to a buyer is taxed.
    ///
    /// # Errors
    /// A buyer whose country is missing or refused.
    pub fn treatment(
        &self,
        version: u32,
        seller: &Party,
        buyer: &Party,
    ) -> Result<Tax, Untreatable> {
        if buyer.country.is_empty() {
            return Err(Untreatable::CountryMissing);
        }
        let tax = Tax { rules_version: version, ..Tax::none() };
        if seller.country == INDIA && buyer.country == INDIA {
            return Ok(self.indian(tax, seller, buyer));
        }
        if let Some(abroad) = reverse_charge(&tax, seller, buyer) {
            return Ok(abroad);
        }
        let place_of_supply = Some(place(buyer));
        match self.rate(buyer) {
            Some(rate) => Ok(Tax {
                supply: Supply::Taxed,
                inclusive: rate.inclusive,
                rates: vec![charged(&rate.name, rate.percent, &place(buyer))],
                place_of_supply,
                ..tax
            }),
            None if self.elsewhere == Elsewhere::Refused => {
                Err(Untreatable::CountryRefused(buyer.country.clone()))
            }
            None if seller.country == buyer.country || seller.country.is_empty() => {
                Ok(Tax { place_of_supply, ..tax })
            }
            None => Ok(Tax {
                supply: Supply::Export,
                place_of_supply,
                wording: export_wording(seller),
                ..tax
            }),
        }
    }

    /// Within India: half to the Union and half to the State where the place of supply is the
    /// seller's State, else everything to the Union.
    fn indian(&self, tax: Tax, seller: &Party, buyer: &Party) -> Tax {
        let home = state_of(seller);
        // Without a State on record it counts as supplied where the seller is.
        let supplied = state_of(buyer).or(home);
        let place_of_supply = supplied.map(|state| format!("{INDIA}-{}", state.code));
        let Some(rate) = self.rate(buyer) else { return Tax { place_of_supply, ..tax } };
        let jurisdiction = place_of_supply.clone().unwrap_or_else(|| INDIA.to_owned());
        let within = home.map(|state| state.code) == supplied.map(|state| state.code);
        let rates = if within {
            let states_share =
                if supplied.is_none_or(|state| state.has_legislature) { "SGST" } else { "UTGST" };
            let half = rate.percent.half();
            vec![charged("CGST", half, INDIA), charged(states_share, half, &jurisdiction)]
        } else {
            vec![charged("IGST", rate.percent, INDIA)]
        };
        Tax { supply: Supply::Taxed, inclusive: rate.inclusive, rates, place_of_supply, ..tax }
    }

    fn rate(&self, buyer: &Party) -> Option<&TaxRate> {
        let of_country = || self.rates.iter().filter(|rate| rate.country == buyer.country);
        let state = buyer.state.trim();
        of_country()
            .find(|rate| {
                rate.region.as_ref().is_some_and(|region| region.eq_ignore_ascii_case(state))
            })
            .or_else(|| of_country().find(|rate| rate.region.is_none()))
    }

    /// What makes no sense about the rules, where something does not.
    #[must_use]
    pub fn fault(&self, seller: &Party) -> Option<String> {
        let mut seen = std::collections::HashSet::new();
        for rate in &self.rates {
            if rate.country.parse::<Country>().is_err() {
                return Some(format!("`{}` is not a country of ISO 3166", rate.country));
            }
            if !(1..=30).contains(&rate.name.trim().chars().count()) {
                return Some("the name of a tax has 1 to 30 characters".to_owned());
            }
            if rate.region.as_ref().is_some_and(|region| region.trim().is_empty()) {
                return Some(format!("a rate of `{}` for a region names it", rate.country));
            }
            let region = rate.region.as_ref().map(|region| region.to_ascii_lowercase());
            if !seen.insert((rate.country.clone(), region)) {
                return Some(format!("`{}` has two rates for one place", rate.country));
            }
        }
        let taxes_india = self.rates.iter().any(|rate| rate.country == INDIA);
        if taxes_india && seller.country == INDIA && state_of(seller).is_none() {
            return Some("a seller in India needs a State or a GSTIN, to split GST by".to_owned());
        }
        None
    }
}

fn charged(name: &str, percent: Percent, jurisdiction: &str) -> RateCharged {
    RateCharged { name: name.to_owned(), jurisdiction: jurisdiction.to_owned(), percent }
}

/// Where a supply to a buyer counts as made.
fn place(buyer: &Party) -> String {
    let state = buyer.state.trim();
    let is_code =
        (1..=3).contains(&state.len()) && state.bytes().all(|b| b.is_ascii_alphanumeric());
    if is_code {
        format!("{}-{}", buyer.country, state.to_ascii_uppercase())
    } else {
        buyer.country.clone()
    }
}

/// A party's tax id, where it is a valid one of its country.
fn tax_id_of(party: &Party) -> Option<tax_id::TaxId> {
    let country: Country = party.country.parse().ok()?;
    tax_id::check(country, &party.tax_id).ok()
}

/// The Indian State of a party: a registered one's by its GSTIN, else its address's.
fn state_of(party: &Party) -> Option<&'static IndianState> {
    tax_id_of(party)
        .and_then(|id| tax_id::state_of_gstin(&id))
        .or_else(|| indian_state(&party.state))
}

/// The treatment of a business in another country of the Union, where buyer and seller are that.
fn reverse_charge(tax: &Tax, seller: &Party, buyer: &Party) -> Option<Tax> {
    let in_union = |party: &Party| party.country.parse().is_ok_and(Country::is_in_eu_vat);
    let across = seller.country != buyer.country && in_union(seller) && in_union(buyer);
    let is_business = tax_id_of(buyer).is_some_and(|id| id.kind == tax_id::TaxIdKind::EuVat);
    (across && is_business).then(|| Tax {
        supply: Supply::ReverseCharge,
        place_of_supply: Some(buyer.country.clone()),
        wording: Some("Reverse charge".to_owned()),
        ..tax.clone()
    })
}

fn export_wording(seller: &Party) -> Option<String> {
    let in_union = seller.country.parse().is_ok_and(Country::is_in_eu_vat);
    match seller.country.as_str() {
        INDIA => Some(
            "SUPPLY MEANT FOR EXPORT UNDER BOND OR LETTER OF UNDERTAKING WITHOUT PAYMENT OF \
             INTEGRATED TAX"
                .to_owned(),
        ),
        _ if in_union => Some("Not subject to EU VAT: supplied outside the Union".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(country: &str, state: &str, tax_id: &str) -> Party {
        Party {
            country: country.into(),
            state: state.into(),
            tax_id: tax_id.into(),
            ..Party::default()
        }
    }

    fn rate(country: &str, region: Option<&str>, name: &str, percent: &str) -> TaxRate {
        TaxRate {
            country: country.into(),
            region: region.map(Into::into),
            name: name.into(),
            percent: percent.parse().unwrap(),
            inclusive: false,
        }
    }

    fn rules() -> TaxRules {
        let rates = vec![
            rate("IN", None, "GST", "18"),
            rate("DE", None, "VAT", "19"),
            rate("FR", None, "VAT", "20"),
            rate("US", Some("CA"), "Sales tax", "7.25"),
        ];
        TaxRules { elsewhere: Elsewhere::Untaxed, rates }
    }

    fn shown(tax: &Tax) -> Vec<String> {
        let rate =
            |rate: &RateCharged| format!("{} {} {}", rate.name, rate.percent, rate.jurisdiction);
        tax.rates.iter().map(rate).collect()
    }

    fn treat(seller: &Party, buyer: &Party) -> Tax {
        rules().treatment(1, seller, buyer).unwrap()
    }

    #[test]
    fn india_splits_by_place_of_supply() {
        let seller = party("IN", "Maharashtra", "27AAPFU0939F1ZV");
        let same = treat(&seller, &party("IN", "MH", ""));
        assert_eq!(shown(&same), ["CGST 9 IN", "SGST 9 IN-27"]);
        let other = treat(&seller, &party("IN", "Karnataka", ""));
        assert_eq!(shown(&other), ["IGST 18 IN"]);
        assert_eq!(other.place_of_supply.as_deref(), Some("IN-29"));
        // A registered buyer's State is that of the GSTIN, whatever the address says.
        let registered = treat(&seller, &party("IN", "Maharashtra", "29AAGCB7383J1Z4"));
        assert_eq!(shown(&registered), ["IGST 18 IN"]);
        let nowhere = treat(&seller, &party("IN", "", ""));
        assert_eq!(shown(&nowhere), ["CGST 9 IN", "SGST 9 IN-27"]);
        let chandigarh = party("IN", "Chandigarh", "");
        assert_eq!(shown(&treat(&chandigarh, &chandigarh)), ["CGST 9 IN", "UTGST 9 IN-04"]);
    }

    #[test]
    fn an_export_from_india_says_so() {
        let tax = treat(&party("IN", "Maharashtra", ""), &party("GB", "", ""));
        assert_eq!(tax.supply, Supply::Export);
        assert!(tax.wording.unwrap().starts_with("SUPPLY MEANT FOR EXPORT"));
    }

    #[test]
    fn a_business_elsewhere_in_the_union_owes_the_tax_itself() {
        let seller = party("FR", "", "FR83404833048");
        let business = treat(&seller, &party("DE", "", "DE136695976"));
        assert_eq!((business.supply, business.rates.len()), (Supply::ReverseCharge, 0));
        assert_eq!(business.wording.as_deref(), Some("Reverse charge"));
        let consumer = treat(&seller, &party("DE", "", ""));
        assert_eq!(shown(&consumer), ["VAT 19 DE"]);
        // A number with a wrong check digit makes no business.
        let mistyped = treat(&seller, &party("DE", "", "DE136695977"));
        assert_eq!(shown(&mistyped), ["VAT 19 DE"]);
        let at_home = treat(&seller, &party("FR", "", "FR83404833048"));
        assert_eq!(shown(&at_home), ["VAT 20 FR"]);
    }

    #[test]
    fn a_region_counts_before_its_country_and_the_rest_is_untaxed_or_refused() {
        let seller = party("US", "NY", "");
        let california = treat(&seller, &party("US", "ca", ""));
        assert_eq!(shown(&california), ["Sales tax 7.25 US-CA"]);
        assert_eq!(treat(&seller, &party("US", "OR", "")).supply, Supply::Untaxed);
        let refusing = TaxRules { elsewhere: Elsewhere::Refused, ..rules() };
        let refused = refusing.treatment(1, &seller, &party("BR", "", ""));
        assert_eq!(refused, Err(Untreatable::CountryRefused("BR".into())));
        let unknown = rules().treatment(1, &seller, &party("", "", ""));
        assert_eq!(unknown, Err(Untreatable::CountryMissing));
    }

    #[test]
    fn rules_that_make_no_sense_are_named() {
        let faulty = |rates| TaxRules { rates, ..TaxRules::default() }.fault(&party("IN", "", ""));
        assert!(faulty(vec![rate("ZZ", None, "VAT", "1")]).unwrap().contains("ZZ"));
        let twice = vec![rate("DE", None, "VAT", "19"), rate("DE", None, "VAT", "7")];
        assert!(faulty(twice).is_some());
        assert!(faulty(vec![rate("DE", Some(" "), "VAT", "19")]).unwrap().contains("region"));
        assert!(faulty(vec![rate("IN", None, "GST", "18")]).unwrap().contains("State"));
        assert_eq!(faulty(vec![rate("DE", None, "VAT", "19")]), None);
    }
}
