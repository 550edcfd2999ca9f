//! People: who the customers are, where they live, and when they sign up.

use chrono::{Datelike, Days, NaiveDate, NaiveTime, TimeZone};
use chrono_tz::Tz;
use daybook_events::{
    Currency, Timestamp,
    commands::OpenAccount,
    ids::AccountId,
    personal::{Party, Personal},
};
use rand::RngExt;
use rand_chacha::ChaCha12Rng;

use super::{Shape, desk::pick};

const FIRST_NAMES: &[&str] = &[
    "Ada", "Aylin", "Bram", "Chidi", "Chloé", "Dmitri", "Elif", "Farah", "Grace", "Hana", "Ines",
    "Jonas", "Kavya", "Lena", "Mateo", "Nadia", "Oskar", "Priya", "Quentin", "Rosa", "Sven",
    "Tomás", "Uma", "Viktor", "Wanjiru", "Xin", "Yusuf", "Zoë",
];
const LAST_NAMES: &[&str] = &[
    "Almeida",
    "Bauer",
    "Chen",
    "Dubois",
    "Eriksen",
    "Fernández",
    "Gupta",
    "Haddad",
    "Ito",
    "Jansen",
    "Kowalski",
    "Lovelace",
    "Müller",
    "Novák",
    "Okafor",
    "Petrov",
    "Quispe",
    "Rossi",
    "Şahin",
    "Tanaka",
    "Ueda",
    "Varga",
    "Walker",
    "Yıldız",
    "Zhang",
];

/// A place to live: zone, country, State, city, and the tax id of a business there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    zone: Tz,
    country: &'static str,
    state: &'static str,
    city: &'static str,
    tax_id: &'static str,
}

const fn place(
    zone: Tz,
    country: &'static str,
    state: &'static str,
    city: &'static str,
    tax_id: &'static str,
) -> Place {
    Place { zone, country, state, city, tax_id }
}

const AMERICAN: &[Place] = &[
    place(Tz::America__New_York, "US", "NY", "New York", ""),
    place(Tz::America__Chicago, "US", "TX", "Austin", ""),
    place(Tz::America__Los_Angeles, "US", "OR", "Portland", ""),
    // Its clocks move by half an hour.
    place(Tz::Australia__Lord_Howe, "AU", "NSW", "Lord Howe Island", ""),
];
const EUROPEAN: &[Place] = &[
    place(Tz::Europe__Berlin, "DE", "", "Leipzig", "DE136695976"),
    place(Tz::Europe__Paris, "FR", "", "Lyon", "FR40303265045"),
    place(Tz::Europe__Amsterdam, "NL", "", "Utrecht", "NL004495445B01"),
    place(Tz::Europe__Dublin, "IE", "", "Cork", "IE6433435F"),
];
const INDIAN: &[Place] = &[
    place(Tz::Asia__Kolkata, "IN", "MH", "Pune", "27AAPFU0939F1ZV"),
    place(Tz::Asia__Kolkata, "IN", "KA", "Bengaluru", "29AAGCB7383J1Z4"),
    place(Tz::Asia__Kolkata, "IN", "GJ", "Surat", "24AAACC1206D1ZM"),
    place(Tz::Asia__Kolkata, "IN", "CH", "Chandigarh", ""),
];
const JAPANESE: &[Place] = &[place(Tz::Asia__Tokyo, "JP", "", "Osaka", "")];
const KUWAITI: &[Place] = &[place(Tz::Asia__Kuwait, "KW", "", "Kuwait City", "")];

/// The currencies of those who live somewhere, by weight.
const REGIONS: &[(u32, (Currency, &[Place]))] = &[
    (42, (Currency::USD, AMERICAN)),
    (28, (Currency::EUR, EUROPEAN)),
    (16, (Currency::INR, INDIAN)),
    (8, (Currency::JPY, JAPANESE)),
    (6, (Currency::KWD, KUWAITI)),
];

/// The panel's id of a customer.
pub(super) fn external_id(seed: u64, n: u32) -> String {
    format!("user-{seed}-{:04}", n + 1)
}

/// The account of a customer.
pub(super) fn account_id(seed: u64, n: u32) -> AccountId {
    OpenAccount::id_of_external(&external_id(seed, n))
}

/// Somebody with a name and an address.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) currency: Currency,
    pub(super) zone: Tz,
    mailbox: String,
    name: String,
    places: &'static [Place],
    at_home: Place,
    house: u32,
    is_business: bool,
}

impl Person {
    pub(super) fn new(mailbox: String, rng: &mut ChaCha12Rng) -> Self {
        let (currency, places) = pick(rng, REGIONS);
        let at_home = places[rng.random_range(0..places.len())];
        let of =
            |names: &[&'static str], rng: &mut ChaCha12Rng| names[rng.random_range(0..names.len())];
        Self {
            currency,
            zone: at_home.zone,
            mailbox,
            name: format!("{} {}", of(FIRST_NAMES, rng), of(LAST_NAMES, rng)),
            places,
            at_home,
            house: rng.random_range(1..300),
            is_business: rng.random_range(0..100) < 25,
        }
    }

    /// Moves house: to another city as likely as not, which may be another State or country.
    pub(super) fn moves(&mut self, rng: &mut ChaCha12Rng) {
        self.house = rng.random_range(1..300);
        self.at_home = self.places[rng.random_range(0..self.places.len())];
    }

    /// Sets up a business, or closes it.
    pub(super) fn registers(&mut self) {
        self.is_business = !self.is_business;
    }

    pub(super) fn billing(&self) -> Personal {
        let Place { country, state, city, tax_id, .. } = self.at_home;
        let registered = self.is_business && !tax_id.is_empty();
        let text = |text: &str| text.to_owned();
        Personal(Party {
            name: self.name.clone(),
            company: if registered { format!("{} Servers", self.name) } else { String::new() },
            email: format!("{}@example.com", self.mailbox),
            address: format!("{} Example Street", self.house),
            city: text(city),
            state: text(state),
            country: text(country),
            tax_id: if registered { text(tax_id) } else { String::new() },
            ..Party::default()
        })
    }
}

/// When somebody signs up: any time but for the last twentieth, so that everybody has a
/// life to show, and a good third of them in the last days of a month, where calendars are hard.
pub(super) fn signs_up_at(shape: &Shape, zone: Tz, rng: &mut ChaCha12Rng) -> Timestamp {
    let whole = shape.seconds();
    let at = shape.from.plus_seconds(rng.random_range(0..(whole * 19 / 20).max(1)));
    if rng.random_range(0..100) >= 35 {
        return at;
    }
    let (days_before_the_end, time) = (rng.random_range(0..3), rng.random_range(0..86_400));
    let moved = last_days_of_month(at.day_in(zone), days_before_the_end)
        .zip(NaiveTime::from_num_seconds_from_midnight_opt(time, 0))
        .and_then(|(day, time)| zone.from_local_datetime(&day.and_time(time)).earliest());
    let moved = moved.map(|moved| Timestamp::new(moved.to_utc()));
    moved.filter(|moved| shape.from < *moved && *moved < shape.until).unwrap_or(at)
}

fn last_days_of_month(day: NaiveDate, before: u64) -> Option<NaiveDate> {
    let next = day.with_day(1)?.checked_add_months(chrono::Months::new(1))?;
    next.checked_sub_days(Days::new(before + 1))
}

#[cfg(test)]
mod tests {
    use daybook_events::tax_id;

    use super::*;

    #[test]
    fn every_place_has_a_tax_id_that_its_country_would_issue_or_none() {
        for (_, (_, places)) in REGIONS {
            for place in places.iter().filter(|place| !place.tax_id.is_empty()) {
                let country = place.country.parse().unwrap();
                tax_id::check(country, place.tax_id).unwrap();
            }
        }
    }

    #[test]
    fn the_last_days_of_a_month_are_in_it() {
        let day = "2024-02-10".parse().unwrap();
        assert_eq!(last_days_of_month(day, 0), "2024-02-29".parse().ok());
        assert_eq!(last_days_of_month(day, 2), "2024-02-27".parse().ok());
    }
}
