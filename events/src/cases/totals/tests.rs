//! Taxes, totals, numbers and bounds: cases 17 to 21 and 23, and the rules of rounding.

use crate::{
    Currency, Money, Rejection,
    commands::{OpenAccount, PlaceOrder, PublishPlan},
    event::{AccountEvent, Event, InvoiceEvent, OrderEvent, OrderPurpose},
    tax::Tax,
    testing::*,
    totals::{Taxed, taken_back, taxed},
};

fn eur(text: &str) -> Money {
    Money::parse(text, Currency::EUR).unwrap()
}

fn total(lines: &[Taxed]) -> Money {
    Money::sum(Currency::EUR, lines.iter().map(|line| line.total)).unwrap()
}

fn currency(code: &str) -> Currency {
    code.parse().unwrap()
}

/// A plan at a monthly price in another currency.
fn publish_in(code: &str, price: &str) -> PublishPlan {
    let mut plan = publish("foreign", "1");
    plan.terms.prices[0].amount = Money::parse(price, currency(code)).unwrap();
    plan
}

fn given_account_in(code: &str, price: &str) -> Given {
    let account = OpenAccount { currency: currency(code), ..open_account() };
    given_plans().and(publish_in(code, price)).and(account)
}

/// lago-api #2643 to #4553: 334.99 invoiced, 335.00 credited item by item; the last cent was
/// refused, and in the end tolerated.
#[test]
fn case_17_credit_notes_item_by_item_close_their_invoice_to_the_cent() {
    let amounts = ["68.33", "68.33", "57.50", "85.00"].map(eur);
    let tax = Tax::testing(&[("VAT", "20")]);
    let lines = taxed(Currency::EUR, &tax, &amounts).unwrap();
    assert_eq!(total(&lines), eur("334.99"));
    let credits: Vec<_> =
        lines.iter().map(|line| taken_back(&tax, line, line.amount).unwrap()).collect();
    assert_eq!(total(&credits), eur("334.99"));
    let totals = credits.iter().map(|credit| credit.total.to_string()).collect::<Vec<_>>();
    assert_eq!(totals, ["82.00 EUR", "81.99 EUR", "69.00 EUR", "102.00 EUR"]);
}

/// `FOSSBilling` #2374: the cart said 0.98, the invoice 1.00: two ways to one total.
#[test]
fn case_18_the_order_the_invoice_and_its_credit_note_agree() {
    let given = given_plans()
        .and(publish("tiny", "0.99"))
        .and(open_account())
        .and(offer("SIXTH", "16.6667"))
        .and(tax_rules("GB", "19.6", false));
    let order = PlaceOrder { plan: "tiny".into(), ..order_with("SIXTH") };
    let asked = given.clone().when(order.clone()).order_amount();
    // 0.99 less 0.17 is 0.82; 19.6 % on that is 0.16.
    assert_eq!(asked, "0.98 USD");
    let given = given.and(order);
    let checkout = given.start_checkout("order_1");
    let given = given.and(checkout);
    let then = given.clone().when(confirm("order_1", "pay_1"));
    assert_eq!(then.invoice_total(), asked);
    let given = given.and(confirm("order_1", "pay_1"));
    let then = given.clone().when(credit_invoice(&given, None));
    assert_eq!(then.credit_note_total(), asked);
}

/// lago-api #1508, #1544, #2621 and `FOSSBilling` #131: numbers without gaps. What is refused burns
/// none, what is decided on a copy burns none.
#[test]
fn case_19_what_is_refused_burns_no_number() {
    let given = given_subscribed("pro").at("2026-05-16T12:00:00Z");
    given.clone().when(refund(Some("7.51"))).rejected("refund_exceeds_eligible");
    let _never_appended = given.clone().when(change_plan("enterprise_lite"));
    let given = given.and(change_plan("enterprise_lite")).and_paid();
    let given = given.at("2026-06-01T00:00:00Z").and(settle_due());
    assert_eq!(invoice_numbers(&given), ["INV-2026-000001", "INV-2026-000002", "INV-2026-000003"]);
}

fn invoice_numbers(given: &Given) -> Vec<String> {
    let issued = |event: &Event| {
        matches!(event, Event::Account(AccountEvent::Invoice(InvoiceEvent::InvoiceIssued(_))))
    };
    let numbered = given.events().iter().filter(|recorded| issued(&recorded.event));
    numbered.map(|recorded| recorded.number.clone().unwrap()).collect()
}

/// `FOSSBilling` #2213, #2618: customer and seller saw different numbers of one invoice.
#[test]
fn case_20_whatever_names_an_invoice_names_the_number_it_was_issued_under() {
    let given = given_subscribed("pro").at("2026-06-10T00:00:00Z").and(settle_due());
    let issued = invoice_numbers(&given).pop();
    let given = given.clone().and(credit_invoice(&given, Some("1")));
    let named = given.events().iter().filter_map(|recorded| match &recorded.event {
        Event::Account(AccountEvent::Order(OrderEvent::OrderPlaced(placed))) => {
            match &placed.purpose {
                OrderPurpose::PayInvoice { invoice_number, .. } => Some(invoice_number.clone()),
                _other => None,
            }
        }
        Event::Account(AccountEvent::Invoice(InvoiceEvent::CreditNoteIssued(note))) => {
            Some(note.invoice_number.clone())
        }
        _other => None,
    });
    let named: Vec<_> = named.collect();
    assert_eq!(named.len(), 3);
    assert!(named.iter().all(|number| Some(number) == issued.as_ref()), "{named:?}");
}

/// killbill #1896, #1082: 1,300,000 won overflowed a column of fifteen digits, and yen had cents.
#[test]
fn case_21_currencies_without_decimals_are_billed_to_the_unit() {
    for (code, price, half) in [("KRW", "1300000", "650000"), ("JPY", "1001", "501")] {
        let given = given_account_in(code, price).and(order_of("foreign")).and_paid();
        assert_eq!(given.account().paid_in().to_string(), format!("{price} {code}"));
        let given = given.at("2026-05-16T12:00:00Z");
        let amounts = given.when(refund(None)).refund_amounts();
        assert_eq!(amounts, [format!("{half} {code}")]);
    }
}

/// The bound is checked where an amount comes in, and what goes beyond it leaves no trace: the
/// next invoice has the next number.
#[test]
fn case_21_an_amount_beyond_the_bound_is_refused_and_damages_nothing() {
    assert!(Money::parse("1000000000000001", currency("KRW")).is_err());
    let given = given_account_in("KRW", "1000000000000000").and(order_of("foreign"));
    // A second payment of as much would be credit; with a third the credit is beyond the bound.
    let given = given.clone().and(given.start_checkout("a")).and(order_of("foreign"));
    let given = given.clone().and(given.start_checkout("b")).and(order_of("foreign"));
    let given = given.clone().and(given.start_checkout("c"));
    let given = given.and(confirm("a", "pay_a")).and(confirm("b", "pay_b"));
    let refused = given.clone().when(confirm("c", "pay_c"));
    assert!(matches!(refused.outcome(), Err(Rejection::Amount { .. })));
    let given = given.at("2026-06-01T00:00:00Z").and(settle_due());
    assert_eq!(invoice_numbers(&given), ["INV-2026-000001", "INV-2026-000002"]);
}

/// blnk #73: shares of 50 %, 45 % and the rest of 2.50 rounded to more than the whole.
#[test]
fn case_23_the_parts_of_a_split_are_the_whole() {
    let weights = ["50", "45", "5"].map(usd);
    let parts = usd("2.50").spread(&weights).unwrap();
    assert_eq!(parts, ["1.25", "1.13", "0.12"].map(usd));
    assert_eq!(Money::sum(Currency::USD, parts).unwrap(), usd("2.50"));
}

/// blnk #203: a float moved a balance, and its record then failed to be written.
#[test]
fn case_23_a_float_is_no_amount() {
    for json in [r#"{"amount":2.5,"currency":"USD"}"#, r#"{"amount":"2.505","currency":"USD"}"#] {
        assert!(serde_json::from_str::<Money>(json).is_err(), "{json}");
    }
}

/// A credit is the mirror image of a charge: half away from zero on the magnitude.
#[test]
fn rounding_does_not_favour_a_sign() {
    assert_eq!(usd("5.35").ratio(1, 2).unwrap(), usd("2.68"));
    assert_eq!(usd("-5.35").ratio(1, 2).unwrap(), usd("-2.68"));
}

/// Tax is reckoned on the sum of each rate and spread by largest remainder.
#[test]
fn tax_is_on_the_sum_and_its_shares_add_up() {
    let tax = Tax::testing(&[("VAT", "19")]);
    let lines = taxed(Currency::EUR, &tax, &["0.13", "0.13", "0.13"].map(eur)).unwrap();
    // 19 % of 0.39 is 0.07; line by line it would be 0.02 three times, 0.06.
    assert_eq!(total(&lines), eur("0.46"));
    let shares: Vec<_> = lines.iter().map(|line| line.taxes[0].amount).collect();
    assert_eq!(shares, ["0.03", "0.02", "0.02"].map(eur));
}
