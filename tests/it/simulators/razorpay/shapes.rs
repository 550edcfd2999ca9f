//! What Razorpay keeps, how it changes, and how it looks in JSON: every field that its samples have,
//! `notes` as `[]` where there are none.

use serde_json::{Map, Value, json};

use super::Books;

pub(super) struct Order {
    pub(super) id: String,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) receipt: String,
    pub(super) notes: Map<String, Value>,
    pub(super) attempts: u32,
    pub(super) paid: i64,
    pub(super) created_at: i64,
}

pub(super) struct Payment {
    pub(super) id: String,
    pub(super) order_id: String,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) status: &'static str,
    pub(super) refunded: i64,
    pub(super) created_at: i64,
}

pub(super) struct Refund {
    pub(super) id: String,
    pub(super) payment_id: String,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) receipt: Option<String>,
    pub(super) status: &'static str,
    pub(super) created_at: i64,
}

pub(super) struct Dispute {
    pub(super) id: String,
    pub(super) payment_id: String,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) status: &'static str,
    pub(super) created_at: i64,
}

fn notes(notes: &Map<String, Value>) -> Value {
    if notes.is_empty() { json!([]) } else { json!(notes) }
}

impl Order {
    pub(super) fn json(&self) -> Value {
        let status = match (self.paid > 0, self.attempts) {
            (true, _) => "paid",
            (false, 0) => "created",
            (false, _) => "attempted",
        };
        json!({
            "id": self.id, "entity": "order", "amount": self.amount, "amount_paid": self.paid,
            "amount_due": self.amount - self.paid, "currency": self.currency,
            "receipt": self.receipt, "offer_id": null, "status": status,
            "attempts": self.attempts, "notes": notes(&self.notes), "created_at": self.created_at,
        })
    }
}

impl Payment {
    pub(super) fn json(&self) -> Value {
        let taken = matches!(self.status, "captured" | "refunded");
        let service = self.amount * 2 / 100;
        let tax = service * 18 / 100;
        let failed = (self.status == "failed").then_some("BAD_REQUEST_ERROR");
        let refunds = match self.refunded {
            0 => json!(null),
            all if all == self.amount => json!("full"),
            _part => json!("partial"),
        };
        json!({
            "id": self.id, "entity": "payment", "amount": self.amount, "currency": self.currency,
            "status": self.status, "order_id": self.order_id, "invoice_id": null,
            "international": false, "method": "upi", "amount_refunded": self.refunded,
            "refund_status": refunds, "captured": taken, "description": null, "card_id": null,
            "bank": null, "wallet": null, "vpa": "success@razorpay", "email": "a@example.com",
            "contact": "+919000000000", "notes": [],
            "fee": taken.then_some(service + tax), "tax": taken.then_some(tax),
            "error_code": failed, "error_description": failed.map(|_| "Payment processing failed"),
            "error_source": null, "error_step": null, "error_reason": null,
            "acquirer_data": { "rrn": "000000000001" }, "created_at": self.created_at,
        })
    }
}

impl Refund {
    pub(super) fn json(&self) -> Value {
        json!({
            "id": self.id, "entity": "refund", "amount": self.amount, "currency": self.currency,
            "payment_id": self.payment_id, "notes": [], "receipt": self.receipt,
            "acquirer_data": { "arn": null }, "created_at": self.created_at, "batch_id": null,
            "status": self.status, "speed_processed": "normal", "speed_requested": "normal",
        })
    }
}

impl Dispute {
    pub(super) fn json(&self) -> Value {
        let deducted = if self.status == "lost" { self.amount } else { 0 };
        json!({
            "id": self.id, "entity": "dispute", "payment_id": self.payment_id,
            "amount": self.amount, "currency": self.currency, "amount_deducted": deducted,
            "reason_code": "chargeback", "respond_by": self.created_at + 604_800,
            "status": self.status, "phase": "chargeback", "created_at": self.created_at,
            "evidence": { "amount": self.amount, "summary": null },
        })
    }
}

impl Books {
    pub(super) fn place(
        &mut self,
        amount: i64,
        currency: &str,
        receipt: &str,
        notes: Map<String, Value>,
    ) -> String {
        let (id, created_at) = self.mint("order_");
        let (currency, receipt) = (currency.to_owned(), receipt.to_owned());
        let order = Order {
            id: id.clone(),
            amount,
            currency,
            receipt,
            notes,
            attempts: 0,
            paid: 0,
            created_at,
        };
        self.orders.insert(id.clone(), order);
        id
    }

    /// A customer tries to pay.
    pub(super) fn attempt(&mut self, order: &str) -> String {
        let (id, created_at) = self.mint("pay_");
        let order = self.orders.get_mut(order).unwrap();
        order.attempts += 1;
        let payment = Payment {
            id: id.clone(),
            order_id: order.id.clone(),
            amount: order.amount,
            currency: order.currency.clone(),
            status: "created",
            refunded: 0,
            created_at,
        };
        self.payments.insert(id.clone(), payment);
        id
    }

    fn becomes(&mut self, payment: &str, status: &'static str) {
        self.payments.get_mut(payment).unwrap().status = status;
    }

    pub(super) fn authorise(&mut self, payment: &str) {
        self.becomes(payment, "authorized");
        self.tell("payment.authorized", &["payment"], payment);
    }

    pub(super) fn fail(&mut self, payment: &str) {
        self.becomes(payment, "failed");
        self.tell("payment.failed", &["payment"], payment);
    }

    pub(super) fn capture(&mut self, payment: &str) {
        self.becomes(payment, "captured");
        let (order, amount) =
            (self.payments[payment].order_id.clone(), self.payments[payment].amount);
        self.orders.get_mut(&order).unwrap().paid = amount;
        self.tell("payment.captured", &["payment"], payment);
        self.tell("order.paid", &["payment", "order"], payment);
    }

    /// A refund, of what its caller knows to be left.
    pub(super) fn refund(&mut self, payment: &str, amount: i64, receipt: Option<String>) -> String {
        let (id, created_at) = self.mint("rfnd_");
        let of = self.payments.get_mut(payment).unwrap();
        of.refunded += amount;
        if of.refunded == of.amount {
            of.status = "refunded";
        }
        let refund = Refund {
            id: id.clone(),
            payment_id: payment.to_owned(),
            amount,
            currency: of.currency.clone(),
            receipt,
            status: "pending",
            created_at,
        };
        self.refunds.insert(id.clone(), refund);
        self.tell("refund.created", &["refund", "payment"], &id);
        if !self.slow_refunds {
            self.settle(&id, "processed");
        }
        id
    }

    pub(super) fn settle(&mut self, refund: &str, status: &'static str) {
        let of = self.refunds.get_mut(refund).unwrap();
        if of.status != "pending" {
            return;
        }
        of.status = status;
        let (payment, amount) = (of.payment_id.clone(), of.amount);
        if status == "failed" {
            let payment = self.payments.get_mut(&payment).unwrap();
            payment.refunded -= amount;
            payment.status = "captured";
        }
        let event = if status == "failed" { "refund.failed" } else { "refund.processed" };
        self.tell(event, &["refund", "payment"], refund);
    }

    /// The bank sends back what had arrived.
    pub(super) fn come_back(&mut self, refund: &str) {
        let of = self.refunds.get_mut(refund).unwrap();
        assert_eq!(of.status, "processed");
        of.status = "pending";
        self.settle(refund, "failed");
    }

    pub(super) fn dispute(&mut self, payment: &str) -> String {
        let (id, created_at) = self.mint("disp_");
        let of = &self.payments[payment];
        let dispute = Dispute {
            id: id.clone(),
            payment_id: payment.to_owned(),
            amount: of.amount,
            currency: of.currency.clone(),
            status: "open",
            created_at,
        };
        self.disputes.insert(id.clone(), dispute);
        self.tell("payment.dispute.created", &["payment", "dispute"], &id);
        id
    }

    pub(super) fn decide(&mut self, dispute: &str, status: &'static str) {
        self.disputes.get_mut(dispute).unwrap().status = status;
        let event = format!("payment.dispute.{status}");
        self.tell(&event, &["payment", "dispute"], dispute);
    }
}
