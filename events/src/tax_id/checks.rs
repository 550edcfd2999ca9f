//! The sums behind tax numbers: each function says whether a number of its country's form agrees
//! with itself.
//!
//! The form was matched before: a number is ASCII, has the right length and carries digits where
//! digits belong. There are few families: sums with weights and a remainder, Luhn's, and those of
//! ISO 7064; a country picks its weights.

use chrono::NaiveDate;

use super::state_of;

// Families.

/// A digit's value, or a letter's: A is 10.
fn value(sign: char) -> u32 {
    sign.to_digit(36).unwrap_or_default()
}

/// The value of the last sign.
fn last(body: &str) -> u32 {
    body.chars().next_back().map_or(0, value)
}

/// The digits as one number.
fn number(digits: &str) -> u64 {
    digits.chars().fold(0, |number, digit| number * 10 + u64::from(value(digit)))
}

/// The sum of digit × weight; digits beyond the weights do not count.
fn weighted(digits: &str, weights: &[u32]) -> u32 {
    digits.chars().zip(weights).map(|(digit, weight)| value(digit) * weight).sum()
}

/// Remainder 11 by the first weights, and by the second where that is 10; 10 again counts as 0.
fn in_two_rounds(digits: &str, first: &[u32], second: &[u32]) -> u32 {
    match weighted(digits, first) % 11 {
        10 => weighted(digits, second) % 11 % 10,
        check => check,
    }
}

/// Luhn's sum over an alphabet of `base` signs: every second sign from the right counts twice.
fn luhn(body: &str, base: u32) -> u32 {
    let signs = body.chars().rev().map(value).enumerate();
    let sum: u32 = signs
        .map(|(place, value)| if place % 2 == 0 { value } else { value * 2 })
        .map(|value| value / base + value % base)
        .sum();
    sum % base
}

/// ISO 7064 MOD 11,10.
pub(super) fn mod_11_10(digits: &str) -> bool {
    let sum = digits.chars().fold(5, |sum, digit| {
        let carried = if sum == 0 { 10 } else { sum };
        (carried * 2 % 11 + value(digit)) % 10
    });
    sum == 1
}

/// ISO 7064 MOD 97-10, with letters as two digits.
fn mod_97_10(signs: impl Iterator<Item = char>) -> bool {
    let remainder = signs.map(value).fold(0, |remainder, value| {
        let shift = if value < 10 { 10 } else { 100 };
        (remainder * shift + value) % 97
    });
    remainder == 1
}

/// Whether it is a day of the calendar.
fn is_day(year: u64, month: u64, day: u64) -> bool {
    let small = |number| u32::try_from(number).ok();
    let year = i32::try_from(year).ok();
    let date = year.zip(small(month)).zip(small(day));
    date.is_some_and(|((year, month), day)| NaiveDate::from_ymd_opt(year, month, day).is_some())
}

// Countries.

/// Luhn over 36 signs, and the first two digits name a State.
pub(super) fn gstin(body: &str) -> bool {
    luhn(body, 36) == 0 && state_of(body).is_some()
}

pub(super) fn austria(body: &str) -> bool {
    (luhn(&body[1..8], 10) + last(body)) % 10 == 6
}

pub(super) fn belgium(body: &str) -> bool {
    (number(&body[..8]) + number(&body[8..])).is_multiple_of(97)
}

/// Nine digits: a legal entity. Ten: a person, a foreigner or another, each with its own sum.
pub(super) fn bulgaria(body: &str) -> bool {
    const FIRST: [u32; 8] = [1, 2, 3, 4, 5, 6, 7, 8];
    const SECOND: [u32; 8] = [3, 4, 5, 6, 7, 8, 9, 10];
    const FOREIGNER: [u32; 9] = [21, 19, 17, 13, 11, 9, 7, 3, 1];
    const OTHER: [u32; 10] = [4, 3, 2, 7, 6, 5, 4, 3, 2, 1];
    if body.len() == 9 {
        return in_two_rounds(body, &FIRST, &SECOND) == last(body);
    }
    bulgarian_person(body)
        || weighted(body, &FOREIGNER) % 10 == last(body)
        || weighted(body, &OTHER).is_multiple_of(11)
}

/// A date of birth, with the century in the month, and a sum.
fn bulgarian_person(body: &str) -> bool {
    const WEIGHTS: [u32; 9] = [2, 4, 8, 5, 10, 9, 7, 3, 6];
    let (year, month, day) = (number(&body[..2]), number(&body[2..4]), number(&body[4..6]));
    let (century, month) = match month {
        41.. => (2000, month - 40),
        21.. => (1800, month - 20),
        _ => (1900, month),
    };
    is_day(century + year, month, day) && weighted(body, &WEIGHTS) % 11 % 10 == last(body)
}

/// Digits at odd places are swapped for others; the sum picks the letter.
pub(super) fn cyprus(body: &str) -> bool {
    const SWAPPED: [u32; 10] = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21];
    let (digits, letter) = body.split_at(8);
    let values = digits.chars().map(value).enumerate().map(|(place, value)| match place % 2 {
        0 => SWAPPED.get(value as usize).copied().unwrap_or_default(),
        _ => value,
    });
    !body.starts_with("12") && last(letter) == 10 + values.sum::<u32>() % 26
}

/// Eight digits: a legal entity. Nine that begin with 6: a special case. Otherwise a person.
pub(super) fn czechia(body: &str) -> bool {
    const WEIGHTS: [u32; 7] = [8, 7, 6, 5, 4, 3, 2];
    match body.len() {
        8 => {
            let check = match 11 - weighted(body, &WEIGHTS) % 11 {
                11 => 1,
                check => check % 10,
            };
            !body.starts_with('9') && check == last(body)
        }
        9 if body.starts_with('6') => (weighted(&body[1..], &WEIGHTS) % 11 + 8) % 10 == last(body),
        _ => czech_person(body),
    }
}

/// A date of birth, with sex and overflow in the month; since 1954 with a tenth digit that checks.
fn czech_person(body: &str) -> bool {
    let (year, month, day) = (number(&body[..2]), number(&body[2..4]), number(&body[4..6]));
    let is_old = body.len() == 9;
    let century = match (is_old, year) {
        (true, 54..80) => return false,
        (true, 80..) => 1800,
        (false, ..54) => 2000,
        (true | false, _) => 1900,
    };
    let check_fits = is_old || number(&body[..9]) % 11 % 10 == u64::from(last(body));
    is_day(century + year, month % 50 % 20, day) && check_fits
}

pub(super) fn denmark(body: &str) -> bool {
    weighted(body, &[2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

pub(super) fn estonia(body: &str) -> bool {
    weighted(body, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
}

pub(super) fn greece(body: &str) -> bool {
    weighted(body, &[256, 128, 64, 32, 16, 8, 4, 2]) % 11 % 10 == last(body)
}

/// A company's number, or a person's: by the first sign.
pub(super) fn spain(body: &str) -> bool {
    let (first, digits) = (&body[..1], &body[1..8]);
    match first {
        "K" | "L" | "M" => spanish_letter(number(digits)) == last(body),
        "X" | "Y" | "Z" => {
            let leading = u64::from(value('X').abs_diff(value(char::from(body.as_bytes()[0]))));
            spanish_letter(leading * 10_000_000 + number(digits)) == last(body)
        }
        digit if digit.bytes().all(|byte| byte.is_ascii_digit()) => {
            spanish_letter(number(&body[..8])) == last(body)
        }
        letter => "ABCDEFGHJNPQRSUVW".contains(letter) && spanish_company(digits, last(body)),
    }
}

/// The letter of a person's number, by the remainder of 23.
fn spanish_letter(digits: u64) -> u32 {
    let place = usize::try_from(digits % 23).unwrap_or_default();
    "TRWAGMYFPDXBNJZSQVHLCKE".chars().nth(place).map_or(0, value)
}

/// Luhn's digit, or the letter that stands for it: which of the two is not settled by the form.
fn spanish_company(digits: &str, check: u32) -> bool {
    let wanted = (10 - luhn(&format!("{digits}0"), 10)) % 10;
    let letter = "JABCDEFGHI".chars().nth(wanted as usize).map_or(0, value);
    check == wanted || check == letter
}

pub(super) fn finland(body: &str) -> bool {
    weighted(body, &[7, 9, 10, 5, 8, 4, 2, 1]).is_multiple_of(11)
}

/// The SIREN fits by Luhn, except Monaco's, and the key before it fits the SIREN.
pub(super) fn france(body: &str) -> bool {
    let (key, siren) = body.split_at(2);
    (siren.starts_with("000") || luhn(siren, 10) == 0) && french_key(key, number(siren))
}

/// Two digits by the remainder of 97, or with a letter by that of 11.
fn french_key(key: &str, siren: u64) -> bool {
    // I and O are left out, since they look like digits.
    const SIGNS: &str = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    let mut places = key.chars().filter_map(|sign| SIGNS.find(sign)).map(|place| place as u64);
    let (Some(first), Some(second)) = (places.next(), places.next()) else { return false };
    let key = match (first, second) {
        (..10, ..10) => return first * 10 + second == (siren * 100 + 12) % 97,
        (..10, _) => first * 24 + second - 10,
        _ => first * 34 + second - 100,
    };
    (siren + 1 + key / 11) % 11 == key % 11
}

pub(super) fn hungary(body: &str) -> bool {
    weighted(body, &[9, 7, 3, 1, 9, 7, 3, 1]).is_multiple_of(10)
}

/// Seven digits, the letter that checks them, and since 2013 a letter that counts nine times; before
/// 1989 the second place held a letter, and the first digit counted last.
pub(super) fn ireland(body: &str) -> bool {
    const WEIGHTS: [u32; 7] = [8, 7, 6, 5, 4, 3, 2];
    // W stands for 0, A for 1, V for 22.
    let place = |letter: &str| "WABCDEFGHIJKLMNOPQRSTUV".find(letter).map(|place| place as u32);
    let is_old = !body.as_bytes()[1].is_ascii_digit();
    let sum = if is_old {
        Some(weighted(&body[2..7], &WEIGHTS[1..]) + weighted(&body[..1], &WEIGHTS[6..]))
    } else {
        place(&body[8..]).map(|place| weighted(&body[..7], &WEIGHTS) + 9 * place)
    };
    sum.is_some_and(|sum| place(&body[7..8]) == Some(sum % 23))
}

/// Luhn, with a company number that is not zero and a province that exists.
pub(super) fn italy(body: &str) -> bool {
    let province = number(&body[7..10]);
    let is_province = matches!(province, 1..=100 | 120 | 121 | 888 | 999);
    number(&body[..7]) > 0 && is_province && luhn(body, 10) == 0
}

pub(super) fn lithuania(body: &str) -> bool {
    const FIRST: [u32; 11] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2];
    const SECOND: [u32; 11] = [3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4];
    let digits = &body[..body.len() - 1];
    in_two_rounds(digits, &FIRST, &SECOND) == last(body)
}

pub(super) fn luxembourg(body: &str) -> bool {
    number(&body[..6]) % 89 == number(&body[6..])
}

/// A legal entity begins above 3; a person with 32, or with a date of birth.
pub(super) fn latvia(body: &str) -> bool {
    const ENTITY: [u32; 11] = [9, 1, 4, 8, 3, 10, 2, 5, 7, 6, 1];
    const PERSON: [u32; 10] = [10, 5, 8, 4, 2, 1, 6, 3, 7, 9];
    if number(&body[..1]) > 3 {
        return weighted(body, &ENTITY) % 11 == 3;
    }
    let (day, month) = (number(&body[..2]), number(&body[2..4]));
    let year = 1800 + 100 * number(&body[6..7]) + number(&body[4..6]);
    (day == 32 || is_day(year, month, day)) && (1 + weighted(body, &PERSON)) % 11 % 10 == last(body)
}

pub(super) fn malta(body: &str) -> bool {
    weighted(body, &[3, 4, 6, 7, 8, 9, 10, 1]).is_multiple_of(37)
}

/// Until 2019 a sum over the nine digits, since then one over the whole with its prefix; both are
/// in use.
pub(super) fn netherlands(body: &str) -> bool {
    let (digits, suffix) = (&body[..9], &body[10..]);
    let fits_of_old = weighted(digits, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11 == last(digits);
    let fits = fits_of_old || mod_97_10("NL".chars().chain(body.chars()));
    number(digits) > 0 && number(suffix) > 0 && fits
}

pub(super) fn poland(body: &str) -> bool {
    weighted(body, &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == last(body)
}

pub(super) fn portugal(body: &str) -> bool {
    let sum = weighted(body, &[9, 8, 7, 6, 5, 4, 3, 2]);
    (11 - sum % 11) % 11 % 10 == last(body)
}

pub(super) fn romania(body: &str) -> bool {
    let filled = format!("{body:0>10}");
    weighted(&filled, &[7, 5, 3, 2, 1, 7, 5, 3, 2]) * 10 % 11 % 10 == last(body)
}

pub(super) fn sweden(body: &str) -> bool {
    luhn(&body[..10], 10) == 0
}

pub(super) fn slovenia(body: &str) -> bool {
    let check = 11 - weighted(body, &[8, 7, 6, 5, 4, 3, 2]) % 11;
    // A check of 11 has no digit: such numbers are not given out.
    check != 11 && check % 10 == last(body)
}

pub(super) fn slovakia(body: &str) -> bool {
    number(body).is_multiple_of(11)
}

/// Departments below 500, health authorities from 500; otherwise the remainder of 97, which later
/// series shift by 42 or 55. The last three of twelve digits are a branch.
pub(super) fn united_kingdom(body: &str) -> bool {
    if let Some(department) = body.strip_prefix("GD") {
        return number(department) < 500;
    }
    if let Some(authority) = body.strip_prefix("HA") {
        return number(authority) >= 500;
    }
    match weighted(body, &[8, 7, 6, 5, 4, 3, 2, 10, 1]) % 97 {
        0 => true,
        42 | 55 => number(&body[..3]) >= 100,
        _ => false,
    }
}

pub(super) fn switzerland(body: &str) -> bool {
    weighted(body, &[5, 4, 3, 2, 7, 6, 5, 4, 1]).is_multiple_of(11)
}

pub(super) fn norway(body: &str) -> bool {
    weighted(body, &[3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}
