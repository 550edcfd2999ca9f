//! Tax identification numbers: written in one way, and checked as far as arithmetic can.
//!
//! A number that is accepted has the form that its country prescribes and a check digit that fits.
//! That finds what was mistyped. It does not say that the number was ever given out, nor to whom;
//! only the authority's own register does. Where no form is known, the number is taken as written.

mod checks;
mod schemes;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use self::schemes::Scheme;
use crate::country::{Country, IndianState, indian_state};

/// The longest number that is taken where no form is known.
pub const MAX_OTHER: usize = 20;

/// Which system a number belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaxIdKind {
    /// India's goods and services tax.
    Gstin,
    /// Value-added tax in a member state of the European Union.
    EuVat,
    /// Value-added tax in the United Kingdom, Northern Ireland's `XI` included: that prefix puts
    /// goods under the rules of the Union, never services.
    GbVat,
    /// Value-added tax in Switzerland.
    ChVat,
    /// Value-added tax in Norway.
    NoVat,
    /// A system whose form is not known here.
    Other,
}

/// A number that passed [`check`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaxId {
    /// Its system.
    pub kind: TaxIdKind,
    /// Compact and in capitals, with the country's prefix where it is a VAT number:
    /// `27AAPFU0939F1ZV`, `DE136695976`, `EL094259216`, `CHE107787577IVA`.
    pub normalised: String,
}

/// Why a number was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TaxIdFault {
    /// Not of the form that its country prescribes.
    #[error("{expected}")]
    Malformed {
        /// The form, with an example.
        expected: &'static str,
    },
    /// Of the right form, but its parts contradict each other.
    #[error("the check digit does not fit: a digit or letter is mistyped")]
    CheckDigit,
}

/// Checks a number that belongs to someone in `country`.
///
/// Space, dots and hyphens are dropped, small letters become capitals, and a VAT number may be
/// written with its country's prefix or without.
///
/// # Errors
/// Not of the country's form, or a check digit that does not fit.
pub fn check(country: Country, text: &str) -> Result<TaxId, TaxIdFault> {
    let compact = compact(text);
    match schemes::of(country) {
        Some(scheme) => check_scheme(scheme, &compact),
        None => check_other(compact),
    }
}

/// The State in which a GSTIN is registered; nothing for any other number.
#[must_use]
pub fn state_of_gstin(id: &TaxId) -> Option<&'static IndianState> {
    match id.kind {
        TaxIdKind::Gstin => state_of(&id.normalised),
        TaxIdKind::EuVat
        | TaxIdKind::GbVat
        | TaxIdKind::ChVat
        | TaxIdKind::NoVat
        | TaxIdKind::Other => None,
    }
}

fn state_of(gstin: &str) -> Option<&'static IndianState> {
    gstin.get(..2).and_then(indian_state)
}

fn compact(text: &str) -> String {
    let kept = text.chars().filter(|sign| !sign.is_whitespace() && !matches!(sign, '.' | '-'));
    kept.map(|sign| sign.to_ascii_uppercase()).collect()
}

fn check_scheme(scheme: &Scheme, compact: &str) -> Result<TaxId, TaxIdFault> {
    let (prefix, body) = scheme.split(compact);
    let body = scheme.padded(body);
    // No authority gives out nothing but zeros, though many sums would fit.
    let has_digits = body.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    if !has_digits || !scheme.patterns.iter().any(|pattern| matches(pattern, &body)) {
        return Err(TaxIdFault::Malformed { expected: scheme.expected });
    }
    if !(scheme.fits)(&body) {
        return Err(TaxIdFault::CheckDigit);
    }
    Ok(TaxId { kind: scheme.kind, normalised: format!("{prefix}{body}") })
}

fn check_other(compact: String) -> Result<TaxId, TaxIdFault> {
    let length_fits = (1..=MAX_OTHER).contains(&compact.len());
    if length_fits && compact.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(TaxId { kind: TaxIdKind::Other, normalised: compact })
    } else {
        let expected = "a tax id is 1 to 20 letters, digits and signs of ASCII";
        Err(TaxIdFault::Malformed { expected })
    }
}

/// Whether a number has a form, sign by sign.
///
/// Capitals, digits and signs of a pattern stand for themselves; `d` is a digit, `n` a digit above
/// zero, `l` a letter, `x` a digit or letter, `e` the same without zero.
fn matches(pattern: &str, body: &str) -> bool {
    let fits = |(class, sign): (char, char)| match class {
        'd' => sign.is_ascii_digit(),
        'n' => matches!(sign, '1'..='9'),
        'l' => sign.is_ascii_uppercase(),
        'x' => sign.is_ascii_digit() || sign.is_ascii_uppercase(),
        'e' => matches!(sign, '1'..='9') || sign.is_ascii_uppercase(),
        itself => sign == itself,
    };
    pattern.len() == body.len() && pattern.chars().zip(body.chars()).all(fits)
}

#[cfg(test)]
mod tests;
