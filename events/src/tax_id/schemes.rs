//! The form of every known tax number: how it is written, and which sum must come out.
//!
//! A row holds the patterns of the number without its prefix (see [`super::matches`]), the check of
//! [`super::checks`], and the sentence for a person whose number has another form; that sentence
//! ends in an example that passes.

use std::borrow::Cow;

use super::{TaxIdKind, checks};
use crate::country::Country;

/// One country's tax number.
pub(super) struct Scheme {
    /// The country's code.
    country: &'static str,
    /// The system it belongs to.
    pub(super) kind: TaxIdKind,
    /// What the number is prefixed with when it is written in one way.
    prefix: &'static str,
    /// Another prefix that may be written, and what it is written as.
    also: Option<(&'static str, &'static str)>,
    /// The length to which an older, shorter number is filled up by one zero; 0 for none.
    filled_to: usize,
    /// The forms of the number without its prefix.
    pub(super) patterns: &'static [&'static str],
    /// The form in words, and an example.
    pub(super) expected: &'static str,
    /// Whether a number of one of the forms agrees with itself.
    pub(super) fits: fn(&str) -> bool,
}

impl Scheme {
    /// The prefix to write, and the number without a prefix.
    pub(super) fn split<'a>(&self, compact: &'a str) -> (&'static str, &'a str) {
        let usual = (self.prefix, self.prefix);
        let prefixes = [Some(usual), self.also].into_iter().flatten();
        let mut found = prefixes.filter_map(|(written, normalised)| {
            compact.strip_prefix(written).map(|body| (normalised, body))
        });
        found.next().unwrap_or((self.prefix, compact))
    }

    /// The number in the length of today.
    pub(super) fn padded<'a>(&self, body: &'a str) -> Cow<'a, str> {
        if body.len() + 1 == self.filled_to {
            Cow::Owned(format!("0{body}"))
        } else {
            Cow::Borrowed(body)
        }
    }
}

/// The scheme of a country, if its form is known.
pub(super) fn of(country: Country) -> Option<&'static Scheme> {
    SCHEMES.iter().find(|scheme| scheme.country == country.as_str())
}

/// A VAT number of the European Union, prefixed with its country's code.
const fn vat(
    country: &'static str,
    patterns: &'static [&'static str],
    fits: fn(&str) -> bool,
    expected: &'static str,
) -> Scheme {
    let (kind, prefix) = (TaxIdKind::EuVat, country);
    Scheme { country, kind, prefix, also: None, filled_to: 0, patterns, expected, fits }
}

static SCHEMES: [Scheme; 31] = [
    Scheme {
        kind: TaxIdKind::Gstin,
        prefix: "",
        ..vat(
            "IN",
            &["ddlllllddddleZx"],
            checks::gstin,
            "a GSTIN is 15 characters such as 27AAPFU0939F1ZV",
        )
    },
    vat(
        "AT",
        &["Udddddddd"],
        checks::austria,
        "an Austrian VAT number is ATU and 8 digits, such as ATU13585627",
    ),
    Scheme {
        filled_to: 10,
        ..vat(
            "BE",
            &["0ddddddddd", "1ddddddddd"],
            checks::belgium,
            "a Belgian VAT number is BE and 10 digits that begin with 0 or 1, such as BE0428759497",
        )
    },
    vat(
        "BG",
        &["ddddddddd", "dddddddddd"],
        checks::bulgaria,
        "a Bulgarian VAT number is BG and 9 or 10 digits, such as BG175074752",
    ),
    vat(
        "CY",
        &["ddddddddl"],
        checks::cyprus,
        "a Cypriot VAT number is CY, 8 digits and a letter, such as CY10259033P",
    ),
    vat(
        "CZ",
        &["dddddddd", "ddddddddd", "dddddddddd"],
        checks::czechia,
        "a Czech VAT number is CZ and 8 to 10 digits, such as CZ25123891",
    ),
    vat(
        "DE",
        &["ndddddddd"],
        checks::mod_11_10,
        "a German VAT number is DE and 9 digits, such as DE136695976",
    ),
    vat(
        "DK",
        &["nddddddd"],
        checks::denmark,
        "a Danish VAT number is DK and 8 digits, such as DK13585628",
    ),
    vat(
        "EE",
        &["10ddddddd"],
        checks::estonia,
        "an Estonian VAT number is EE and 9 digits that begin with 10, such as EE100931558",
    ),
    Scheme {
        prefix: "EL",
        also: Some(("GR", "EL")),
        filled_to: 9,
        ..vat(
            "GR",
            &["ddddddddd"],
            checks::greece,
            "a Greek VAT number is EL and 9 digits, such as EL094259216",
        )
    },
    vat(
        "ES",
        &["xdddddddx"],
        checks::spain,
        "a Spanish VAT number is ES and 9 characters of which the first, the last or both are \
         letters, such as ESB64717838",
    ),
    vat(
        "FI",
        &["dddddddd"],
        checks::finland,
        "a Finnish VAT number is FI and 8 digits, such as FI20774740",
    ),
    vat(
        "FR",
        &["xxddddddddd"],
        checks::france,
        "a French VAT number is FR, 2 digits or letters and the 9 digits of the SIREN, such as \
         FR83404833048",
    ),
    vat(
        "HR",
        &["ddddddddddd"],
        checks::mod_11_10,
        "a Croatian VAT number is HR and 11 digits, such as HR33392005961",
    ),
    vat(
        "HU",
        &["dddddddd"],
        checks::hungary,
        "a Hungarian VAT number is HU and 8 digits, such as HU12892312",
    ),
    vat(
        "IE",
        &["dddddddl", "dddddddll", "dldddddl", "d+dddddl", "d*dddddl"],
        checks::ireland,
        "an Irish VAT number is IE, 7 digits and 1 or 2 letters, such as IE6433435F",
    ),
    vat(
        "IT",
        &["ddddddddddd"],
        checks::italy,
        "an Italian VAT number is IT and 11 digits, such as IT00743110157",
    ),
    vat(
        "LT",
        &["ddddddd1d", "dddddddddd1d"],
        checks::lithuania,
        "a Lithuanian VAT number is LT and 9 or 12 digits of which the last but one is 1, such as \
         LT119511515",
    ),
    vat(
        "LU",
        &["dddddddd"],
        checks::luxembourg,
        "a VAT number of Luxembourg is LU and 8 digits, such as LU15027442",
    ),
    vat(
        "LV",
        &["ddddddddddd"],
        checks::latvia,
        "a Latvian VAT number is LV and 11 digits, such as LV40003521600",
    ),
    vat(
        "MT",
        &["nddddddd"],
        checks::malta,
        "a Maltese VAT number is MT and 8 digits, such as MT11679112",
    ),
    vat(
        "NL",
        &["dddddddddBdd"],
        checks::netherlands,
        "a Dutch VAT number is NL, 9 digits, B and 2 digits, such as NL004495445B01",
    ),
    vat(
        "PL",
        &["dddddddddd"],
        checks::poland,
        "a Polish VAT number is PL and 10 digits, such as PL8567346215",
    ),
    vat(
        "PT",
        &["ndddddddd"],
        checks::portugal,
        "a Portuguese VAT number is PT and 9 digits, such as PT501964843",
    ),
    vat(
        "RO",
        &["nd", "ndd", "nddd", "ndddd", "nddddd", "ndddddd", "nddddddd", "ndddddddd", "nddddddddd"],
        checks::romania,
        "a Romanian VAT number is RO and 2 to 10 digits, such as RO18547290",
    ),
    vat(
        "SE",
        &["dddddddddd01"],
        checks::sweden,
        "a Swedish VAT number is SE and 12 digits that end with 01, such as SE123456789701",
    ),
    vat(
        "SI",
        &["nddddddd"],
        checks::slovenia,
        "a Slovenian VAT number is SI and 8 digits, such as SI50223054",
    ),
    vat(
        "SK",
        &[
            "nd2ddddddd",
            "nd3ddddddd",
            "nd4ddddddd",
            "nd6ddddddd",
            "nd7ddddddd",
            "nd8ddddddd",
            "nd9ddddddd",
        ],
        checks::slovakia,
        "a Slovak VAT number is SK and 10 digits, such as SK2022749619",
    ),
    Scheme {
        kind: TaxIdKind::GbVat,
        also: Some(("XI", "XI")),
        ..vat(
            "GB",
            &["ddddddddd", "dddddddddddd", "GDddd", "HAddd"],
            checks::united_kingdom,
            "a VAT number of the United Kingdom is GB or XI and 9 or 12 digits, such as \
             GB980780684",
        )
    },
    Scheme {
        kind: TaxIdKind::ChVat,
        prefix: "CHE",
        ..vat(
            "CH",
            &["ddddddddd", "dddddddddMWST", "dddddddddTVA", "dddddddddIVA", "dddddddddTPV"],
            checks::switzerland,
            "a Swiss VAT number is CHE, 9 digits and MWST, TVA or IVA, such as CHE107787577IVA",
        )
    },
    Scheme {
        kind: TaxIdKind::NoVat,
        ..vat(
            "NO",
            &["ddddddddd", "dddddddddMVA"],
            checks::norway,
            "a Norwegian VAT number is 9 digits and MVA, such as NO995525828MVA",
        )
    },
];
