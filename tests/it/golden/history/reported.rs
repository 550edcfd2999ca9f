//! What processors report about money, of a British seller: a payment that failed first, its fee, a
//! second one, refunds that nobody had asked for, a merchant of record, and disputes.

use daybook_events::event::{DocumentOf, MerchantShare, OrderEvent};

use super::*;

const BY_CARD: u128 = 1;
const BY_MERCHANT: u128 = 2;
const DISPUTED: u128 = 3;

pub(super) fn leeds() -> Told {
    let mut told = opened(hosting_in_london(), "Europe/London");
    for (n, name) in [(BY_CARD, "Jo"), (BY_MERCHANT, "Kit"), (DISPUTED, "Lou")] {
        told.open(id(n), Currency::USD, "UTC", customer(name, "GB"));
    }
    by_card(&mut told);
    told.ask(RecordDocument {
        account_id: id(BY_CARD),
        ..testing::print_invoice(&told.given, '5')
    });
    by_merchant(&mut told);
    a_note_with_a_logo(&mut told);
    disputed(&mut told);
    told
}

/// What the newest order asks.
fn asked(told: &Told) -> Money {
    told.given.last(|event| match event {
        Event::Account(AccountEvent::Order(OrderEvent::OrderPlaced(placed))) => Some(placed.amount),
        _ => None,
    })
}

/// Jo's card is declined, then taken late, then taken again; part of both goes back.
fn by_card(told: &mut Told) {
    let account_id = id(BY_CARD);
    told.order(account_id, "pro", None);
    let order = told.checkout(account_id);
    let payment = order.replace("order_", "pay_");
    let failed = testing::failure(&order, &payment);
    told.ask(RecordPaymentFailure { account_id, amount: asked(told), ..failed });
    told.confirm(account_id, &order);
    told.ask(RecordFee { account_id, ..testing::fee(&payment, "0.36", "0.06") });
    let again = "pay_GOLDENAGAIN00000001";
    told.ask(ConfirmPayment { account_id, ..testing::confirm(&order, again) });
    let back = |payment: &str, n: u32, amount| RecordOutsideRefund {
        account_id,
        amount,
        ..testing::refunded_outside(payment, &format!("rfnd_GOLDEN{n:014}"), "1")
    };
    told.ask(back(&payment, 1, usd("4")));
    told.ask(back(again, 2, asked(told)));
}

/// Kit buys from a merchant of record, which adds a fifth for the tax office.
fn by_merchant(told: &mut Told) {
    let account_id = id(BY_MERCHANT);
    told.order(account_id, "pro", None);
    let order = told.checkout(account_id);
    let payment = order.replace("order_", "pay_");
    let tax = asked(told).ratio(1, 5).unwrap();
    let total = asked(told).plus(tax).unwrap();
    let merchant = Some(MerchantShare { total, tax });
    told.ask(ConfirmPayment { account_id, merchant, ..testing::confirm(&order, &payment) });
    told.ask(RequestRefund { account_id, ..testing::refund(Some("2")) });
    for so_far in ["2.40", "3.60"] {
        told.ask(RecordRefundedInAll { account_id, ..testing::refunded_in_all(&payment, so_far) });
    }
}

/// What Kit's refund took back is printed, with a logo and a name at its head.
fn a_note_with_a_logo(told: &mut Told) {
    let notes = told.events().iter().rev().find_map(|recorded| match &recorded.event {
        Event::Account(AccountEvent::Invoice(InvoiceEvent::CreditNoteIssued(note))) => {
            Some((note.credit_note_id, recorded.number.clone(), recorded.position))
        }
        _ => None,
    });
    let (credit_note_id, number, shows) = notes.unwrap();
    let mut printed = testing::print_invoice(&told.given, 'c').rendered;
    printed.document = DocumentOf::CreditNote { credit_note_id };
    printed.number = number.unwrap();
    printed.shows = shows;
    printed.printing.company = Some("Example Hosting".into());
    printed.printing.logo = Some("0f".repeat(32));
    told.ask(RecordDocument { account_id: id(BY_MERCHANT), rendered: printed });
}

/// Lou's bank asks three times: it is refused, gets something, and lets go.
fn disputed(told: &mut Told) {
    let account_id = id(DISPUTED);
    told.order(account_id, "pro", None);
    let order = told.checkout(account_id);
    told.confirm(account_id, &order);
    let endings = [DisputeState::Won, DisputeState::Lost, DisputeState::Closed];
    for (n, ending) in (1..).zip(endings) {
        for state in [DisputeState::Open, ending] {
            told.ask(RecordDispute {
                account_id,
                processor_payment_id: order.replace("order_", "pay_"),
                amount: usd("5"),
                deducted: usd(if state == DisputeState::Lost { "5" } else { "0" }),
                ..testing::dispute(&format!("disp_GOLDEN{n:014}"), state)
            });
        }
    }
}
