//! Papers as the ledger's own rules make them: taxed by its tax rules and added up by its totals.

use chrono::NaiveDate;
use daybook::documents::paper::{
    Days, Kind, Line, Moves, Original, Paid, Paper, Reason, Settlement, TakenBack,
};
use daybook_events::{
    Currency, Money,
    personal::Party,
    tax::{TaxRate, TaxRules},
    totals::{Totals, taxed},
};

/// One thing that is sold: what, how many, the price of one, what a coupon takes off.
pub(super) type Item<'i> = (&'i str, u32, &'i str, &'i str);

pub(super) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub(super) fn party(name: &str, country: &str, state: &str, tax_id: &str) -> Party {
    Party {
        name: name.into(),
        email: "billing@example.com".into(),
        address: "Hauptstraße 1\nHinterhof".into(),
        city: "Köln".into(),
        state: state.into(),
        postal_code: "50667".into(),
        country: country.into(),
        tax_id: tax_id.into(),
        ..Party::default()
    }
}

pub(super) fn german() -> Party {
    party("Muster Hosting GmbH", "DE", "", "DE136695976")
}

pub(super) fn french() -> Party {
    party("Exemple SARL", "FR", "", "FR83404833048")
}

pub(super) fn indian(state: &str, gstin: &str) -> Party {
    party("Bharat Servers Pvt Ltd", "IN", state, gstin)
}

fn rules(inclusive: bool) -> TaxRules {
    let rate = |country: &str, region: Option<&str>, name: &str, percent: &str| TaxRate {
        country: country.into(),
        region: region.map(Into::into),
        name: name.into(),
        percent: percent.parse().unwrap(),
        inclusive,
    };
    let rates = vec![
        rate("IN", None, "GST", "18"),
        rate("DE", None, "VAT", "19"),
        rate("JP", None, "Consumption tax", "10"),
        rate("KW", None, "VAT", "5"),
        rate("US", Some("CA"), "Sales tax", "7.25"),
        rate("AE", None, "VAT", "0"),
    ];
    TaxRules { rates, ..TaxRules::default() }
}

/// An invoice of items, unpaid.
pub(super) fn invoice(
    seller: Party,
    buyer: Party,
    currency: Currency,
    inclusive: bool,
    items: &[Item<'_>],
) -> Paper {
    let money = |text: &str| Money::parse(text, currency).unwrap();
    let tax = rules(inclusive).treatment(1, &seller, &buyer).unwrap();
    let price = |item: &Item<'_>| money(item.2).ratio(i64::from(item.1), 1).unwrap();
    let amounts: Vec<_> =
        items.iter().map(|item| price(item).minus(money(item.3)).unwrap()).collect();
    let shares = taxed(currency, &tax, &amounts).unwrap();
    let days = Days { first: day("2026-08-20"), last: day("2026-09-19") };
    let line = |(item, share): (&Item<'_>, &daybook_events::totals::Taxed)| Line {
        description: item.0.into(),
        days: Some(days),
        quantity: item.1,
        unit_price: money(item.2),
        discount: money(item.3),
        net: share.net,
        taxes: share.taxes.clone(),
        total: share.total,
    };
    let sums = items.iter().zip(&shares).map(|(item, share)| (price(item), money(item.3), share));
    let totals = Totals::of(currency, &tax, sums).unwrap();
    Paper {
        kind: Kind::Invoice,
        id: "inv_01900000000070008000000000000001".into(),
        number: Some("ML/26-27/000001".into()),
        position: 42,
        issued_on: day("2026-08-20"),
        issued_at: "2026-08-20T10:00:00Z".parse().unwrap(),
        order_number: Some("17".into()),
        original: None,
        reason: None,
        seller,
        buyer,
        account: "acc_01900000000070008000000000000002".into(),
        currency,
        period: Some(days),
        lines: items.iter().zip(&shares).map(line).collect(),
        moves: unpaid(totals.total),
        tax,
        totals,
    }
}

fn unpaid(total: Money) -> Moves {
    let zero = Money::zero(total.currency());
    let is_due = total.is_positive();
    Moves::In(Settlement {
        payments: Vec::new(),
        paid: zero,
        credit: zero,
        credited: zero,
        written_off: zero,
        due: total,
        due_on: is_due.then(|| day("2026-09-03")),
        instructions: if is_due { vec!["Bank transfer to <us>".into()] } else { Vec::new() },
        iban: None,
    })
}

/// An invoice that is to be paid to a bank account.
pub(super) fn to_a_bank(mut paper: Paper) -> Paper {
    if let Moves::In(settlement) = &mut paper.moves {
        settlement.iban = Some("DE89370400440532013000".into());
    }
    paper
}

/// An invoice that somebody took the whole payment of.
pub(super) fn paid_by(by: &str, mut paper: Paper) -> Paper {
    let total = paper.totals.total;
    if let Moves::In(settlement) = &mut paper.moves {
        let (on, reference) = (day("2026-08-21"), "pay_29QQoUBi66xm2f".into());
        settlement.payments = vec![Paid { on, by: by.into(), reference, amount: total }];
        (settlement.paid, settlement.due) = (total, Money::zero(total.currency()));
        (settlement.due_on, settlement.instructions) = (None, Vec::new());
    }
    paper
}

/// An invoice paid in part, in every way there is.
pub(super) fn partly_paid(mut paper: Paper) -> Paper {
    let money = |text: &str| Money::parse(text, paper.currency).unwrap();
    let paid = Paid {
        on: day("2026-08-21"),
        by: "razorpay".into(),
        reference: "pay_29QQoUBi66xm2f".into(),
        amount: money("5.00"),
    };
    let off = ["5.00", "2.00", "1.00", "0.50"].map(money);
    let due = off.into_iter().try_fold(paper.totals.total, Money::minus).unwrap();
    paper.moves = Moves::In(Settlement {
        payments: vec![paid],
        paid: off[0],
        credit: off[1],
        credited: off[2],
        written_off: off[3],
        due,
        due_on: None,
        instructions: Vec::new(),
        iban: None,
    });
    paper
}

/// The credit note that takes an invoice back.
pub(super) fn taken_back(mut paper: Paper) -> Paper {
    let zero = Money::zero(paper.currency);
    paper.kind = Kind::CreditNote;
    paper.number = Some("CN/26-27/000001".into());
    paper.original =
        Some(Original { number: "ML/26-27/000001".into(), issued_on: day("2026-08-20") });
    paper.reason = Some(Reason::Told("Cancelled within a week".into()));
    paper.issued_on = day("2026-08-25");
    paper.moves = Moves::Back(TakenBack {
        reduces_due: zero,
        to_credit: zero,
        to_refund: paper.totals.total,
    });
    paper
}
