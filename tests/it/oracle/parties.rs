//! Who sells to whom, and by which tax rules.

use daybook_events::{
    personal::Party,
    tax::{Elsewhere, TaxRate, TaxRules},
};

/// How an account's supplies are taxed.
#[derive(Debug, Clone)]
pub(super) enum Taxation {
    /// The seller has no rules.
    None,
    /// One rate of the buyer's country, on top of prices or inside them.
    National { inclusive: bool },
    /// A rate of the buyer's region.
    Regional,
    /// India, by the buyer's State.
    India { buyer: usize, from_territory: bool, inclusive: bool },
    /// A seller in the Union.
    Union { buyer: usize, inclusive: bool },
}

/// A State's name, or a tax number: buyers in India.
const INDIANS: [(&str, &str); 8] = [
    ("Maharashtra", ""),
    ("Maharashtra", "27AAPFU0939F1ZV"),
    ("Karnataka", ""),
    ("Delhi", ""),
    ("Tamil Nadu", ""),
    ("Chandigarh", ""),
    ("Maharashtra", "29AAGCB7383J1Z4"),
    ("", ""),
];

/// Buyers of a seller in France.
const BUYERS: [(&str, &str); 5] =
    [("DE", "DE136695976"), ("DE", ""), ("FR", "FR83404833048"), ("FR", ""), ("US", "")];

/// How many buyers there are to choose from in each of the two.
pub(super) const CHOICES: (usize, usize) = (INDIANS.len(), BUYERS.len());

fn party(country: &str, state: &str, tax_id: &str) -> Party {
    Party {
        name: "Example".into(),
        country: country.into(),
        state: state.into(),
        tax_id: tax_id.into(),
        ..Party::default()
    }
}

fn rate(
    country: &str,
    region: Option<&str>,
    name: &str,
    percent: &str,
    inclusive: bool,
) -> TaxRate {
    TaxRate {
        country: country.into(),
        region: region.map(Into::into),
        name: name.into(),
        percent: percent.parse().unwrap(),
        inclusive,
    }
}

impl Taxation {
    /// The seller and the buyer.
    pub(super) fn parties(&self) -> (Party, Party) {
        match self {
            Self::None => (party("", "", ""), party("GB", "", "")),
            Self::National { .. } => (party("GB", "", ""), party("GB", "", "")),
            Self::Regional => (party("US", "NY", ""), party("US", "ca", "")),
            Self::India { buyer, from_territory, .. } => {
                let (state, tax_id) = INDIANS[*buyer];
                let seller = match from_territory {
                    true => party("IN", "Chandigarh", ""),
                    false => party("IN", "Maharashtra", "27AAPFU0939F1ZV"),
                };
                (seller, party("IN", state, tax_id))
            }
            Self::Union { buyer, .. } => {
                let (country, tax_id) = BUYERS[*buyer];
                (party("FR", "", "FR83404833048"), party(country, "", tax_id))
            }
        }
    }

    /// The rules, at a percentage.
    pub(super) fn rules(&self, percent: &str) -> Option<TaxRules> {
        let rates = match self {
            Self::None => return None,
            Self::National { inclusive } => vec![rate("GB", None, "VAT", percent, *inclusive)],
            Self::Regional => vec![
                rate("US", None, "Use tax", "1", false),
                rate("US", Some("CA"), "Sales tax", percent, false),
            ],
            Self::India { inclusive, .. } => vec![rate("IN", None, "GST", percent, *inclusive)],
            Self::Union { inclusive, .. } => vec![
                rate("FR", None, "VAT", "20", *inclusive),
                rate("DE", None, "VAT", percent, *inclusive),
            ],
        };
        Some(TaxRules { elsewhere: Elsewhere::Untaxed, rates })
    }
}
