//! Countries of ISO 3166-1, and what the tax rules ask of them: which belong to the VAT area of the
//! European Union, and which State of India a place is.
//!
//! A country is one of the 249 codes in force. Prefixes of VAT numbers that are no countries (`EL`,
//! `XI`) are not taken here; [`crate::tax_id`] knows them.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// Not a country of ISO 3166-1 alpha-2; carries the beginning of what was given.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not a country code of two capitals, such as IN or DE")]
pub struct CountryUnknown(pub String);

/// An ISO 3166-1 alpha-2 code of two capitals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

/// Every code of ISO 3166-1 alpha-2 that is officially assigned.
const ASSIGNED: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ \
    BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ \
    DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP \
    GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI \
    KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP \
    MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM \
    PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX \
    SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU \
    WF WS YE YT ZA ZM ZW";
/// The member states of the European Union.
const EU: &str = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK";

impl Country {
    /// India, where tax is split by State.
    pub const INDIA: Self = Self(*b"IN");

    /// The code, two capitals.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a country is made of ASCII capitals")
    }

    /// Whether it is a member state of the European Union, and so of its VAT system.
    #[must_use]
    pub fn is_in_eu_vat(self) -> bool {
        listed(EU, self.as_str())
    }
}

fn listed(list: &str, code: &str) -> bool {
    list.split_ascii_whitespace().any(|listed| listed == code)
}

impl FromStr for Country {
    type Err = CountryUnknown;

    fn from_str(code: &str) -> Result<Self, CountryUnknown> {
        match <[u8; 2]>::try_from(code.as_bytes()) {
            Ok(bytes) if listed(ASSIGNED, code) => Ok(Self(bytes)),
            Ok(_) | Err(_) => Err(CountryUnknown(code.chars().take(16).collect::<String>())),
        }
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

crate::text::as_text!(Country, {
    "pattern": "^[A-Z]{2}$",
    "description": "A country by its ISO 3166-1 code.",
    "examples": ["GB"],
});

/// A State or union territory of India, as the goods and services tax counts them.
#[derive(Debug, PartialEq, Eq)]
pub struct IndianState {
    /// The two digits that a GSTIN begins with, such as `27`.
    pub code: &'static str,
    /// Its name, such as `Maharashtra`.
    pub name: &'static str,
    /// Its code in ISO 3166-2 without the country, such as `MH`.
    pub abbreviation: &'static str,
    /// Whether it has a legislature: then a supply inside it bears SGST, otherwise UTGST.
    pub has_legislature: bool,
}

/// With a legislature: every State, and Delhi, Puducherry, and Jammu and Kashmir.
const fn state(code: &'static str, name: &'static str, abbreviation: &'static str) -> IndianState {
    IndianState { code, name, abbreviation, has_legislature: true }
}

/// Without a legislature: the union territories of the UTGST Act.
const fn territory(
    code: &'static str,
    name: &'static str,
    abbreviation: &'static str,
) -> IndianState {
    IndianState { code, name, abbreviation, has_legislature: false }
}

/// Every State and territory, by the code that is given out today.
static INDIAN_STATES: [IndianState; 37] = [
    state("01", "Jammu and Kashmir", "JK"),
    state("02", "Himachal Pradesh", "HP"),
    state("03", "Punjab", "PB"),
    territory("04", "Chandigarh", "CH"),
    state("05", "Uttarakhand", "UK"),
    state("06", "Haryana", "HR"),
    state("07", "Delhi", "DL"),
    state("08", "Rajasthan", "RJ"),
    state("09", "Uttar Pradesh", "UP"),
    state("10", "Bihar", "BR"),
    state("11", "Sikkim", "SK"),
    state("12", "Arunachal Pradesh", "AR"),
    state("13", "Nagaland", "NL"),
    state("14", "Manipur", "MN"),
    state("15", "Mizoram", "MZ"),
    state("16", "Tripura", "TR"),
    state("17", "Meghalaya", "ML"),
    state("18", "Assam", "AS"),
    state("19", "West Bengal", "WB"),
    state("20", "Jharkhand", "JH"),
    state("21", "Odisha", "OD"),
    state("22", "Chhattisgarh", "CG"),
    state("23", "Madhya Pradesh", "MP"),
    state("24", "Gujarat", "GJ"),
    territory("26", "Dadra and Nagar Haveli and Daman and Diu", "DH"),
    state("27", "Maharashtra", "MH"),
    state("29", "Karnataka", "KA"),
    state("30", "Goa", "GA"),
    territory("31", "Lakshadweep", "LD"),
    state("32", "Kerala", "KL"),
    state("33", "Tamil Nadu", "TN"),
    state("34", "Puducherry", "PY"),
    territory("35", "Andaman and Nicobar Islands", "AN"),
    state("36", "Telangana", "TS"),
    state("37", "Andhra Pradesh", "AP"),
    territory("38", "Ladakh", "LA"),
    territory("97", "Other Territory", "OT"),
];

/// Former codes, abbreviations and names that are still met, with the code of today.
const FORMERLY: [(&str, &str); 14] = [
    // Daman and Diu was joined to Dadra and Nagar Haveli in 2020; Andhra Pradesh was divided in 2014.
    ("25", "26"),
    ("28", "37"),
    // ISO 3166-2 before November 2023, and before the union of 2020.
    ("CT", "22"),
    ("DD", "26"),
    ("DN", "26"),
    ("OR", "21"),
    ("TG", "36"),
    ("UT", "05"),
    ("Dadra and Nagar Haveli", "26"),
    ("Daman and Diu", "26"),
    ("Andaman and Nicobar", "35"),
    ("New Delhi", "07"),
    ("Orissa", "21"),
    ("Pondicherry", "34"),
];

/// The State of a GST code (`27`), a name (`Maharashtra`) or an ISO 3166-2 code (`MH`, `IN-MH`).
///
/// Case does not matter, nor space around it, nor whether "and" is written `&`. A former code or
/// name gives the State of today, with today's code.
#[must_use]
pub fn indian_state(text: &str) -> Option<&'static IndianState> {
    let text = text.trim().replace('&', "and");
    let text = match text.split_at_checked(3) {
        Some((country, rest)) if country.eq_ignore_ascii_case("IN-") => rest,
        Some(_) | None => &text,
    };
    let is = |written: &str| written.eq_ignore_ascii_case(text);
    let today = FORMERLY.iter().find(|(former, _)| is(former)).map(|(_, code)| *code);
    INDIAN_STATES.iter().find(|state| match today {
        Some(code) => state.code == code,
        None => is(state.code) || is(state.name) || is(state.abbreviation),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_pair_of_capitals() -> impl Iterator<Item = String> {
        ('A'..='Z').flat_map(|first| ('A'..='Z').map(move |second| format!("{first}{second}")))
    }

    #[test]
    fn there_are_249_countries_and_27_of_them_are_in_the_union() {
        let countries: Vec<Country> =
            every_pair_of_capitals().filter_map(|code| code.parse().ok()).collect();
        assert_eq!(countries.len(), 249);
        assert_eq!(countries.iter().filter(|country| country.is_in_eu_vat()).count(), 27);
        assert_eq!(ASSIGNED.split_ascii_whitespace().count(), 249);
        assert_eq!(EU.split_ascii_whitespace().count(), 27);
    }

    #[test]
    fn only_the_exact_code_of_a_country_is_taken() {
        for code in ["in", "IND", "I", "", "XI", "EL", "EU", "UK", "XK", "ZZ", " IN", "भा", "IN IO"]
        {
            let fault = code.parse::<Country>().unwrap_err();
            assert_eq!(fault, CountryUnknown(code.to_owned()));
        }
        let fault = "a very long name of a country".parse::<Country>().unwrap_err();
        assert_eq!(fault, CountryUnknown("a very long name".to_owned()));
        assert_eq!("IN".parse(), Ok(Country::INDIA));
    }

    #[test]
    fn a_country_is_stored_as_its_code() {
        let json = serde_json::to_string(&Country::INDIA).unwrap();
        assert_eq!(json, "\"IN\"");
        assert_eq!(serde_json::from_str::<Country>(&json).unwrap(), Country::INDIA);
        assert!(serde_json::from_str::<Country>("\"XI\"").is_err());
    }

    #[test]
    fn a_state_is_found_by_its_code_its_name_and_its_abbreviation() {
        for state in &INDIAN_STATES {
            for text in [
                state.code.to_owned(),
                state.name.to_uppercase(),
                format!(" {} ", state.name.to_lowercase()),
                state.abbreviation.to_lowercase(),
                format!("IN-{}", state.abbreviation),
                format!("in-{}", state.abbreviation),
            ] {
                assert_eq!(indian_state(&text), Some(state), "{text}");
            }
        }
    }

    #[test]
    fn former_codes_and_names_give_the_state_of_today() {
        let code = |text| indian_state(text).map(|state| state.code);
        assert_eq!(code("28"), Some("37"));
        assert_eq!(code("25"), Some("26"));
        assert_eq!(code("Orissa"), Some("21"));
        assert_eq!(code("IN-UT"), Some("05"));
        assert_eq!(code("Dadra & Nagar Haveli"), Some("26"));
        assert_eq!(code("Jammu & Kashmir"), Some("01"));
        for text in ["", "IN-", "00", "96", "99", "1", "Bavaria", "IN", "महाराष्ट्र"]
        {
            assert_eq!(indian_state(text), None, "{text}");
        }
        assert!(FORMERLY.iter().all(|(former, _)| indian_state(former).is_some()));
    }

    #[test]
    fn territories_without_a_legislature_are_those_of_the_utgst_act() {
        let without = INDIAN_STATES.iter().filter(|state| !state.has_legislature);
        let codes: Vec<&str> = without.map(|state| state.code).collect();
        assert_eq!(codes, ["04", "26", "31", "35", "38", "97"]);
    }
}
