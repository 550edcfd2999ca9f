//! Documents of real histories: their sums are exact, their days those of the right zones.

use chrono_tz::Tz;
use daybook_events::{
    event::{PaymentMethod, PaymentMethodKind},
    testing::{
        Given, change_plan, given_account, given_run_by_merchant, given_subscribed, order_of,
        personal, place_order, refund, settle_due, usd,
    },
};
use daybook_projections::{
    as_of, invoices::Invoices, orders::Orders, payments::Payments, projection::Projection,
};

use super::*;

fn rows<P: Projection>(given: &Given) -> Vec<P::Row> {
    as_of::rows::<P>(given.events()).unwrap().into_values().collect()
}

fn around(methods: &[PaymentMethod]) -> Around<'_> {
    let (seller_zone, account_zone) = (Tz::UTC, Tz::UTC);
    Around { position: 99, seller_zone, account_zone, methods, order_number: None }
}

fn bank() -> PaymentMethod {
    PaymentMethod {
        id: "bank".into(),
        kind: PaymentMethodKind::BankTransfer,
        label: "Bank transfer".into(),
        currency: None,
        network: Some("SEPA".into()),
        address: Some("DE89 3704 0044 0532 0130 00".into()),
        instructions: Some("Name the invoice.\n\nThank you.".into()),
    }
}

/// The invoices of a history, each with all that was paid into it.
#[track_caller]
fn invoices(given: &Given, around: &Around<'_>) -> Vec<Paper> {
    let payments = rows::<Payments>(given);
    let papers = rows::<Invoices>(given).into_iter().map(|row| {
        let own = payments.iter().filter(|payment| payment.invoice_id == Some(row.invoice_id));
        let paid: Vec<_> =
            own.map(|payment| PaidInto { payment, amount: row.paid_by_payment }).collect();
        let paper = invoice(&row, &paid, around).unwrap();
        adds_up(&paper);
        paper
    });
    let mut papers: Vec<_> = papers.collect();
    papers.sort_by(|a, b| a.number.cmp(&b.number));
    papers
}

/// Its lines are its totals, and what becomes of its money is its total.
#[track_caller]
fn adds_up(paper: &Paper) {
    let sum = |amounts: Vec<Money>| Money::sum(paper.currency, amounts).unwrap();
    assert_eq!(sum(paper.lines.iter().map(|line| line.net).collect()), paper.totals.net);
    assert_eq!(sum(paper.lines.iter().map(|line| line.total).collect()), paper.totals.total);
    let moves = match &paper.moves {
        Moves::In(it) => {
            assert_eq!(sum(it.payments.iter().map(|paid| paid.amount).collect()), it.paid);
            sum(vec![it.paid, it.credit, it.credited, it.written_off, it.due])
        }
        Moves::Back(it) => sum(vec![it.reduces_due, it.to_credit, it.to_refund]),
    };
    assert_eq!(moves, paper.totals.total);
}

fn settled(paper: &Paper) -> &Settlement {
    match &paper.moves {
        Moves::In(settlement) => settlement,
        Moves::Back(_) => panic!("it goes back"),
    }
}

#[test]
fn a_paid_invoice_names_its_payment_and_asks_for_nothing() {
    let given = given_subscribed("pro");
    let methods = [bank()];
    let [paper] = invoices(&given, &around(&methods)).try_into().unwrap();
    assert_eq!((paper.kind, paper.number.as_deref()), (Kind::Invoice, Some("INV-2026-000001")));
    assert_eq!((paper.position, paper.issued_on.to_string().as_str()), (99, "2026-05-01"));
    assert_eq!(paper.buyer, personal("Ada Lovelace").0);
    let period = paper.period.unwrap();
    assert_eq!(
        (period.first.to_string(), period.last.to_string()),
        ("2026-05-01".into(), "2026-05-31".into())
    );
    let settlement = settled(&paper);
    assert_eq!((settlement.paid, settlement.due), (usd("15"), usd("0")));
    assert_eq!(settlement.payments[0].reference, "pay_1");
    assert_eq!((settlement.due_on, settlement.instructions.len()), (None, 0));
    assert_eq!(settlement.iban, None);
}

#[test]
fn an_open_invoice_says_by_when_and_how_it_is_paid() {
    let given = given_subscribed("pro").at("2026-06-01T00:00:00Z").and(settle_due());
    let methods = [bank(), PaymentMethod::built_in()];
    let papers = invoices(&given, &around(&methods));
    let settlement = settled(&papers[1]);
    assert_eq!((settlement.paid, settlement.due), (usd("0"), usd("15")));
    assert_eq!(settlement.due_on.unwrap().to_string(), "2026-06-08");
    let said =
        ["Bank transfer · SEPA", "DE89 3704 0044 0532 0130 00", "Name the invoice.", "Thank you."];
    assert_eq!(settlement.instructions, said, "a bare name tells nobody how to pay");
    assert_eq!(settlement.iban.as_deref(), Some("DE89370400440532013000"));
    let address = |address: &str| PaymentMethod { address: Some(address.into()), ..bank() };
    let of = |method| settled(&invoices(&given, &around(&[method]))[1]).iban.clone();
    assert_eq!(of(address("DE89 3704 0044 0532 0130 01")), None, "its check digits are wrong");
    assert_eq!(of(address("Routing 021000021")), None);
    let paypal = PaymentMethod { kind: PaymentMethodKind::PayPal, ..bank() };
    assert_eq!(of(paypal), None);
}

#[test]
fn an_account_in_another_currency_is_not_named_as_the_one_to_pay_to() {
    let given = given_subscribed("pro").at("2026-06-01T00:00:00Z").and(settle_due());
    let of = |methods: &[PaymentMethod]| {
        let papers = invoices(&given, &around(methods));
        let settlement = settled(&papers[1]);
        (settlement.iban.clone(), settlement.instructions.len())
    };
    let in_currency = |currency: &str| PaymentMethod { currency: Some(currency.into()), ..bank() };
    let french = PaymentMethod {
        address: Some("FR14 2004 1010 0505 0001 3M02 606".into()),
        ..in_currency("USD")
    };
    let iban = |text: &str| Some(text.to_owned());
    assert_eq!(of(&[in_currency("EUR")]), (None, 4), "its instructions are told still");
    assert_eq!(of(&[in_currency("usd")]), (iban("DE89370400440532013000"), 4));
    assert_eq!(of(&[in_currency("EUR"), french]), (iban("FR1420041010050500013M02606"), 8));
}

#[test]
fn days_of_issue_are_the_sellers_and_days_of_service_the_accounts() {
    let given = given_subscribed("pro");
    let zones = Around {
        seller_zone: Tz::America__New_York,
        account_zone: Tz::Asia__Kolkata,
        ..around(&[])
    };
    let [paper] = invoices(&given, &zones).try_into().unwrap();
    // Midnight of 1 May, UTC, is still April in New York and half past five in Kolkata.
    assert_eq!(paper.issued_on.to_string(), "2026-04-30");
    assert_eq!(settled(&paper).payments[0].on.to_string(), "2026-04-30");
    let days = paper.lines[0].days.unwrap();
    assert_eq!(
        (days.first.to_string(), days.last.to_string()),
        ("2026-05-01".into(), "2026-06-01".into())
    );
}

#[test]
fn credit_and_what_credit_notes_took_are_in_the_sum() {
    let given = given_subscribed("pro").at("2026-05-16T12:00:00Z");
    let given = given.and(change_plan("enterprise_lite")).and(change_plan("pro"));
    let papers = invoices(&given, &around(&[]));
    let settlement = settled(&papers[1]);
    assert_eq!((settlement.credit, settlement.credited), (usd("7.50"), usd("12.50")));
}

#[test]
fn a_credit_note_names_its_invoice_its_reason_and_where_the_money_goes() {
    let given = given_subscribed("pro").and(refund(Some("5")));
    let [row] = rows::<Invoices>(&given).try_into().unwrap();
    let (seller, buyer) = (Party { name: "Seller".into(), ..Party::default() }, Party::default());
    let note = &row.credit_notes[0];
    let paper = credit_note(&row, note, (&seller, &buyer), &around(&[bank()]));
    adds_up(&paper);
    assert_eq!((paper.kind, paper.number.as_deref()), (Kind::CreditNote, Some("CN-2026-000001")));
    let original = paper.original.as_ref().unwrap();
    assert_eq!(
        (original.number.as_str(), original.issued_on.to_string().as_str()),
        ("INV-2026-000001", "2026-05-01")
    );
    assert_eq!(paper.reason, Some(Reason::Refund), "what a customer says is no statement");
    let reason = CreditReason::Correction;
    let mended = CreditNote { reason, explanation: Some("Billed twice".into()), ..note.clone() };
    let paper_of = |note| credit_note(&row, note, (&seller, &buyer), &around(&[]));
    assert_eq!(paper_of(&mended).reason, Some(Reason::Told("Billed twice".into())));
    let silent = CreditNote { explanation: None, ..mended.clone() };
    assert_eq!(paper_of(&silent).reason, Some(Reason::Correction));
    assert_eq!(paper.seller.name, "Seller");
    let Moves::Back(back) = paper.moves else { panic!("it comes in") };
    assert_eq!((back.to_refund, back.to_credit), (usd("5"), usd("10")));
}

#[test]
fn an_order_has_a_pro_forma_while_it_is_open_and_never_after() {
    let given = given_account().and(place_order());
    let methods = [bank()];
    let [row] = rows::<Orders>(&given).try_into().unwrap();
    let (seller, buyer) = (Party::default(), personal("Ada Lovelace").0);
    let paper = pro_forma(&row, (&seller, &buyer), &around(&methods)).unwrap().unwrap();
    adds_up(&paper);
    assert_eq!((paper.kind, &paper.number), (Kind::ProForma, &None));
    assert_eq!((settled(&paper).due, paper.order_number.as_deref()), (usd("15"), Some("1")));
    assert_eq!(settled(&paper).due_on.unwrap().to_string(), "2026-05-08");
    assert_eq!(settled(&paper).instructions.len(), 4);
    for later in [given.clone().at("2026-05-09T00:00:00Z").and(settle_due()), given.and_paid()] {
        let [row] = rows::<Orders>(&later).try_into().unwrap();
        assert_eq!(pro_forma(&row, (&seller, &buyer), &around(&methods)).unwrap(), None);
    }
}

#[test]
fn account_credit_lowers_what_a_pro_forma_asks() {
    let given = given_subscribed("enterprise_lite").at("2026-05-16T12:00:00Z");
    let given = given.and(change_plan("pro"));
    for row in rows::<Orders>(&given) {
        let nobody = Party::default();
        if let Some(paper) = pro_forma(&row, (&nobody, &nobody), &around(&[])).unwrap() {
            adds_up(&paper);
        }
    }
    let given = given_account().and(order_of("starter"));
    let [row] = rows::<Orders>(&given).try_into().unwrap();
    let lowered = OrderRow { amount: usd("2"), ..row };
    let nobody = Party::default();
    let paper = pro_forma(&lowered, (&nobody, &nobody), &around(&[])).unwrap().unwrap();
    adds_up(&paper);
    assert_eq!((settled(&paper).credit, settled(&paper).due), (usd("3"), usd("2")));
}

#[test]
fn what_a_merchant_of_record_sells_has_a_receipt_and_no_bank_account() {
    let given = given_run_by_merchant();
    let [paper] = invoices(&given, &around(&[bank()])).try_into().unwrap();
    assert_eq!(paper.kind, Kind::Receipt);
    assert!(paper.tax.wording.as_deref().is_some_and(|it| it.contains("not a tax invoice")));
    assert_eq!(settled(&paper).instructions.len(), 0);
}
