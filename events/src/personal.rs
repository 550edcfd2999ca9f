//! Personal data: who a customer is, confined to one type.
//!
//! Names, addresses, e-mail and tax ids appear in events only inside [`Personal`], so that they can
//! be sealed, and forgotten, in one place. [`Party`] is the same shape for those whose particulars
//! are public by law: the seller.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A party to an invoice: every field as it is to be printed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Party {
    /// The person's or the firm's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The company, where a person acts for one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub company: String,
    /// Where mail reaches them.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub email: String,
    /// Street and number, in as many lines as it takes.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// City or town.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub city: String,
    /// State, province or region.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub state: String,
    /// Postal code.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub postal_code: String,
    /// ISO 3166 country code, two capitals.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub country: String,
    /// VAT id, GSTIN or the like.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tax_id: String,
}

impl Party {
    /// The longest a field may be, in characters.
    pub const FIELD_MAX: usize = 300;

    /// The first field that no document could carry: too long, or with control characters other
    /// than the line feeds of an address; or a country that is not two capitals.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        let fields = [
            ("name", &self.name),
            ("company", &self.company),
            ("email", &self.email),
            ("address", &self.address),
            ("city", &self.city),
            ("state", &self.state),
            ("postalCode", &self.postal_code),
            ("country", &self.country),
            ("taxId", &self.tax_id),
        ];
        let country = &self.country;
        let is_code = country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase());
        fields
            .into_iter()
            .find(|(name, text)| {
                text.chars().count() > Self::FIELD_MAX
                    || text.chars().any(|c| c.is_control() && !(c == '\n' && *name == "address"))
                    || (*name == "country" && !country.is_empty() && !is_code)
            })
            .map(|(name, _)| name)
    }
}

/// A customer's particulars. Printing it for debugging shows nothing of them.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Personal(pub Party);

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Personal(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debugging_output_never_shows_personal_data() {
        let ada = Personal(Party { name: "Ada Lovelace".into(), ..Party::default() });
        assert!(!format!("{ada:?}").contains("Ada"));
    }

    #[test]
    fn what_no_document_could_carry_is_named() {
        let party = |name: &str, country: &str| Party {
            name: name.into(),
            country: country.into(),
            ..Party::default()
        };
        assert_eq!(party("Ada\u{7}", "GB").fault(), Some("name"));
        assert_eq!(party(&"a".repeat(301), "GB").fault(), Some("name"));
        assert_eq!(party("Ada", "gb").fault(), Some("country"));
        assert_eq!(party("Ada", "GB").fault(), None);
    }
}
