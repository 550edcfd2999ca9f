//! What processors report about money, of a British seller: a payment that failed first, its fee, a
//! second one, refunds that nobody had asked for, a merchant of record, and disputes.

use daybook_events::event::{MerchantShare, OrderEvent};

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
    by_merchant(&mut told);
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
