//! How amounts, rates and days are written.

use chrono::NaiveDate;
use daybook::documents::{language::Language, paper::Days};
use daybook_events::{Currency, Money};

fn money(minor: i128, currency: &str) -> Money {
    Money::from_minor(minor, currency.parse::<Currency>().unwrap()).unwrap()
}

#[test]
fn amounts_carry_every_digit_and_say_their_currency() {
    let cases = [
        (0, "USD", "$0.00", "0,00 $"),
        (5, "USD", "$0.05", "0,05 $"),
        (-5, "USD", "-$0.05", "-0,05 $"),
        (118_000, "INR", "₹1,180.00", "1.180,00 ₹"),
        (1_250, "JPY", "¥1,250", "1.250 ¥"),
        (1_250, "KWD", "KWD 1.250", "1,250 KWD"),
        (99, "AUD", "AUD 0.99", "0,99 AUD"),
        (-100_000_000, "EUR", "-€1,000,000.00", "-1.000.000,00 €"),
        (1_000_000_000_000_000, "EUR", "€10,000,000,000,000.00", "10.000.000.000.000,00 €"),
    ];
    for (minor, currency, english, german) in cases {
        let money = money(minor, currency);
        assert_eq!(Language::En.words().money(money), english);
        assert_eq!(Language::De.words().money(money), german);
    }
    assert_eq!(Language::Fr.words().money(money(118_000, "EUR")), "1\u{202f}180,00 €");
    assert_eq!(Language::En.words().less(money(118_000, "EUR")), "-€1,180.00");
}

#[test]
fn rates_and_days() {
    let day = |text: &str| text.parse::<NaiveDate>().unwrap();
    let days = Days { first: day("2026-08-20"), last: day("2026-09-19") };
    let rate = "7.5".parse().unwrap();
    for (language, said, percent) in [
        (Language::En, "20 Aug 2026 – 19 Sep 2026", "7.5%"),
        (Language::De, "20.08.2026 – 19.09.2026", "7,5 %"),
        (Language::Fr, "20/08/2026 – 19/09/2026", "7,5 %"),
    ] {
        assert_eq!(language.words().days(days), said);
        assert_eq!(language.words().rate(rate), percent);
    }
    let one = Days { last: days.first, ..days };
    assert_eq!(Language::En.words().days(one), "20 Aug 2026");
}
