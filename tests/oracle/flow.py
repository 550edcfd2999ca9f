"""What follows from what came in: one account's invoices, credit notes, orders and credit."""

from decimal import Decimal

from compare import Abandoned, Checker
from rules import (
    SECOND, ZERO, Part, after_a_period, discount_on, instant, printed, shown, spread, step_of,
    taxed, treatment, whole_second, zone_of,
)
from state import Credit, Invoice, Subscription

# Events that follow from others or set figures: each of them is awaited. The rest only come in.
AWAITED = frozenset(
    "subscription.activated subscription.plan_changed subscription.renewed subscription.ended "
    "invoice.issued invoice.paid credit_note.issued credit.granted credit.applied order.placed "
    "payment.captured refund.requested".split()
)
# Days since the period began: everything, then the unused rest, then nothing.
FULL_UNTIL, PRORATED_UNTIL = 7, 30
DAY = 86_400 * SECOND


class Account:
    """One account, event by event."""

    def __init__(self, case, items, report):
        self.items, self.next, self.report = items, 0, report
        self.check = Checker(case, report)
        self.seller = self.rules = self.zone = self.buyer = self.step = self.event = None
        self.unit, self.coupons, self.plans, self.asked = "second", {}, {}, {}
        self.orders, self.invoices, self.payments = {}, {}, {}
        self.credit, self.subscription = ZERO, None

    # --- reading ----------------------------------------------------------------------------------

    def run(self):
        """Reads everything."""
        try:
            while self.peek() is not None:
                kind = self.items[self.next]["event"]["type"]
                begin = BEGINNINGS.get(kind) or self.check.abandon("nothing", kind)
                begin(self)
        except Abandoned:
            return
        except (AttributeError, LookupError, TypeError) as fault:
            found = f"{type(fault).__name__} {fault}"
            self.check.same("event", "one about something that came before", found)

    def peek(self):
        """The next event that is awaited or begins something; what only comes in is taken in."""
        while self.next < len(self.items):
            item = self.items[self.next]
            if "asked" in item:
                self.asked = item["asked"]
            elif "state" in item:
                self.compare_state(item["state"])
            elif item["event"]["type"] in AWAITED:
                self.check.position = item["event"]["position"]
                return item["event"]
            else:
                self.comes_in(item["event"])
            self.next += 1
        return None

    def take(self, kind):
        """The next event, which must be of this type: its payload."""
        event = self.peek()
        if event is None or event["type"] != kind:
            self.check.abandon(kind, "the end" if event is None else event["type"])
        self.next += 1
        self.event = event
        self.now = instant(event["effective_at"])
        return event["payload"]

    def comes_in(self, event):
        """A fact that nothing has to follow from at once."""
        kind, payload = event["type"], event["payload"]
        self.check.position = event["position"]
        if kind == "book.opened":
            self.seller = payload["seller"]
        elif kind == "book.policy_adopted":
            self.unit = payload["policy"]["proration"]
        elif kind == "book.tax_rules_adopted":
            self.rules = payload["rules"]
        elif kind == "coupon.offered":
            self.coupons[payload["code"]] = payload["terms"]
        elif kind == "plan.published":
            self.plans[payload["plan_id"]] = payload["terms"]["prices"]
        elif kind == "account.opened":
            self.currency, self.zone = payload["currency"], zone_of(payload["time_zone"])
            self.zone_name, self.buyer = payload["time_zone"], payload["billing"]
            self.check.currency, self.step = self.currency, step_of(self.currency)
            self.check.step = self.step
        elif kind == "checkout.started":
            order = self.orders[payload["order_id"]]
            self.check.money("amount", order["amount"], payload["amount"])
        elif kind in ("order.cancelled", "order.expired"):
            self.orders[payload["order_id"]]["status"] = "closed"
        elif kind.startswith("subscription."):
            self.subscription.comes_in(kind, payload, self.check)
        elif not kind.startswith("coupon."):
            self.check.abandon("an event of the test", kind)

    def compare_state(self, found):
        """Credit and dues at the end, never both; every due is asked for by one order."""
        owed = [it.id for it in self.invoices.values() if it.due > 0]
        self.check.same("owed beside credit", [], owed if self.credit > 0 else [])
        self.check.money("credit", self.credit, found["credit"])
        self.check.same("invoices", sorted(self.invoices), sorted(found["dues"]))
        for invoice in self.invoices.values():
            self.check.money(f"due of {invoice.number}", invoice.due, found["dues"][invoice.id])
            asked = [printed(amount, self.step) for amount in self.open_orders(invoice.id)]
            wanted = [printed(invoice.due, self.step)] if invoice.due > 0 else []
            self.check.same(f"orders for {invoice.number}", wanted, asked)

    def open_orders(self, invoice_id):
        """The amounts of the orders that wait for an invoice to be paid."""
        orders = self.orders.values()
        open_ones = (order for order in orders if order["status"] == "open")
        return [order["amount"] for order in open_ones if order.get("invoice") == invoice_id]

    def invoices_of_subscription(self):
        """Oldest first, which for the ledger is by id: those minted in one millisecond stand in
        the order of what else is in their ids."""
        mine = (it for it in self.invoices.values() if it.subscription == self.subscription.id)
        return sorted(mine, key=lambda invoice: invoice.id)

    # --- orders and payments ----------------------------------------------------------------------

    def order_placed(self):
        """An order for a subscription, or for a change that waits for its payment."""
        placed = self.take("order.placed")
        purpose, amount = placed["purpose"], ZERO
        self.list_price("plan", placed["plan"])
        if purpose == "change_plan":
            amount = self.cost_of_change(placed["plan"])
        elif "subscribe" in purpose:
            amount = self.quoted(placed["plan"], purpose["subscribe"]["quote"])
        else:
            self.check.abandon("an order that somebody placed", "an order for an invoice")
        self.check.money("amount", amount, placed["amount"])
        kind = purpose if isinstance(purpose, str) else next(iter(purpose))
        order = {"kind": kind, "amount": amount, "status": "open", "plan": placed["plan"]}
        if kind == "subscribe":
            order["discount"] = purpose["subscribe"]["quote"]["discount"]
        self.orders[placed["order_id"]] = order
        self.report.counts["orders"] += 1
        if kind == "subscribe" and amount == 0:
            order["status"] = "paid"
            self.activate(placed["order_id"], None)

    def list_price(self, field, plan):
        """The price of a plan that somebody holds is its list price for the cycle."""
        for price in self.plans[plan["plan_id"]]:
            mine = price["amount"]["currency"] == self.currency
            if mine and price["cycle"] == plan["cycle"]:
                self.check.same(f"{field}.price", price["amount"], plan["price"])

    def quoted(self, plan, quote):
        """What a first period costs, less the account's credit."""
        held = quote["discount"]
        if held is not None:
            self.check.coupon(self.coupons[held["coupon"]], held)
        price = Decimal(plan["price"]["amount"])
        off = discount_on(held, price, self.step)
        tax = self.tax("purpose.quote.tax", quote["tax"])
        lines = taxed(tax, [price - off], self.step)
        self.check.totals("purpose.quote.totals", tax, price, off, lines, quote["totals"])
        return max(lines[0].total - self.credit, ZERO)

    def cost_of_change(self, plan):
        """What a change would leave to pay if it happened now."""
        at = whole_second(self.now)
        sub = self.subscription
        _, _, period = sub.after_change(plan, at, self.zone)
        price, new = Decimal(plan["price"]["amount"]), plan["cycle"] != sub.plan["cycle"]
        part = Part(price, period, at, self.unit, self.zone, self.step)
        off = discount_on(sub.discount, price, self.step) if new else ZERO
        credit = self.credit
        for invoice in self.invoices_of_subscription():
            credit += self.rest_of(invoice, at).paid_part
        tax = treatment(self.rules, self.seller, self.buyer)
        return max(taxed(tax, [part.amount - off], self.step)[0].total - credit, ZERO)

    def payment_captured(self):
        """Money came in: what its order was for happens, or else it becomes credit."""
        captured = self.take("payment.captured")
        order = self.orders[captured["order_id"]]
        self.check.money("amount", order["amount"], captured["amount"])
        payment = {"id": captured["payment_id"], "amount": order["amount"], "refunded": ZERO}
        self.payments[payment["id"]] = payment
        was_open, order["status"] = order["status"] == "open", "paid"
        live = self.subscription is not None and self.subscription.status != "ended"
        if was_open and order["kind"] == "subscribe" and not live:
            self.activate(captured["order_id"], payment)
        elif order["kind"] == "pay_invoice" and self.invoices[order["invoice"]].due > 0:
            self.settle(self.invoices[order["invoice"]], payment)
        elif was_open and order["kind"] == "change_plan" and self.subscription.status == "active":
            self.plan_changed(payment, order["plan"])
        else:
            self.grant(payment["amount"])

    def pay_what_is_open(self):
        """At the end of every decision credit pays what is due, oldest first."""
        for invoice in [it for it in self.invoices.values() if it.due > 0]:
            if self.credit > 0:
                self.settle(invoice, None)

    # --- the subscription -------------------------------------------------------------------------

    def activate(self, order_id, payment):
        """A subscription begins now: its first period is billed, as quoted."""
        activated = self.take("subscription.activated")
        order = self.orders[order_id]
        self.check.same("plan", order["plan"], activated["plan"])
        at = whole_second(self.now)
        sub = Subscription(activated["subscription_id"], order["plan"], at)
        sub.period = sub.period_of(0, self.zone)
        self.subscription = sub
        self.anchored(sub, activated)
        price, held = sub.price(), order["discount"]
        off = discount_on(held, price, self.step)
        sub.discount = after_a_period(held) if off > 0 else held
        self.check.same("discount", sub.discount, activated["discount"])
        self.report.counts["subscriptions"] += 1
        self.settle(self.invoice(price, off, sub.period, None), payment)

    def anchored(self, sub, found):
        """The anchor and the period of an event."""
        anchor = {"at": shown(sub.anchor), "zone": self.zone_name, "cycle": sub.plan["cycle"]}
        self.check.same("anchor", anchor, found["anchor"])
        self.period_is(sub, found)

    def period_is(self, sub, found):
        """The current period of an event."""
        for edge, moment in zip(("start", "end"), sub.period):
            self.check.same(f"period.{edge}", shown(moment), found["period"][edge])
        self.report.counts["periods"] += 1

    def renewed(self):
        """The next period begins where the last one ended, and is billed."""
        renewed = self.take("subscription.renewed")
        sub = self.subscription
        if not sub.moved:
            end = sub.period[1]
            sub.index += 1
            sub.period = sub.period_of(sub.index, self.zone)
            self.check.same("periods tile", shown(end), shown(sub.period[0]))
        sub.moved = False
        self.check.same("period_index", sub.index, renewed["period_index"])
        self.period_is(sub, renewed)
        price = sub.price()
        off = discount_on(sub.discount, price, self.step)
        sub.discount = after_a_period(sub.discount) if off > 0 else sub.discount
        self.check.same("discount", sub.discount, renewed["discount"])
        self.settle(self.invoice(price, off, sub.period, None), None)

    def plan_changed(self, payment=None, paid_for=None):
        """Another plan: from the next period on where it was scheduled, else from now on, what was
        billed for the rest taken back and the rest of the new plan billed."""
        changed = self.take("subscription.plan_changed")
        sub, to = self.subscription, changed["to"]
        at = whole_second(self.now)
        at_period_end = sub.scheduled is not None and changed["at"] == shown(sub.period[1])
        if at_period_end:
            at = sub.period[1]
            self.check.same("to", sub.scheduled, to)
        if paid_for is not None:
            self.check.same("to", paid_for, to)
        self.check.same("at", shown(at), changed["at"])
        self.list_price("to", to)
        sub.anchor, sub.index, sub.period = sub.after_change(to, at, self.zone)
        if at_period_end and to["cycle"] == sub.plan["cycle"]:
            sub.index += 1
            sub.period = sub.period_of(sub.index, self.zone)
        begins = not at_period_end and to["cycle"] != sub.plan["cycle"]
        sub.plan, sub.scheduled, sub.moved = to, None, at_period_end
        off = ZERO
        if begins:
            # The first period of a new cycle is a period like any other, discounted as one.
            off = discount_on(sub.discount, sub.price(), self.step)
            sub.discount = after_a_period(sub.discount) if off > 0 else sub.discount
        self.check.same("discount", sub.discount, changed["discount"])
        self.check.same("period_index", sub.index, changed["period_index"])
        self.anchored(sub, changed)
        if not at_period_end:
            self.credit_the_rest(self.invoices_of_subscription(), at, "plan_change")
            self.bill_the_rest(at, off, payment)

    def bill_the_rest(self, at, off, payment):
        """The rest of the period at the new plan's price, never discounted again; or the first
        period of a new cycle."""
        sub = self.subscription
        part = Part(sub.price(), sub.period, at, self.unit, self.zone, self.step)
        if part.amount == 0:
            self.grant(payment["amount"] if payment else ZERO)
            return
        shown_part = None if part.is_whole() else part
        self.settle(self.invoice(part.amount, off, (at, sub.period[1]), shown_part), payment)

    def ended(self):
        """Where it ended unpaid, what was billed for the time after is not owed."""
        ended = self.take("subscription.ended")
        self.subscription.end()
        if ended["reason"] == "unpaid":
            open_ones = [it for it in self.invoices_of_subscription() if it.due > 0]
            self.credit_the_rest(open_ones, whole_second(instant(ended["at"])), "ended")

    # --- invoices ---------------------------------------------------------------------------------

    def tax(self, field, found):
        """The treatment of the account's supplies."""
        tax = treatment(self.rules, self.seller, self.buyer)
        self.check.tax(field, tax, found)
        return tax

    def invoice(self, price, off, span, part):
        """An invoice of one line is issued."""
        issued = self.take("invoice.issued")
        check, tax = self.check, self.tax("tax", issued["tax"])
        lines = taxed(tax, [price - off], self.step)
        check.same("lines", 1, len(issued["lines"]))
        found = issued["lines"][0]
        check.same("lines[0].span", {"start": shown(span[0]), "end": shown(span[1])}, found["span"])
        check.money("lines[0].price", price, found["price"])
        zero = {"amount": printed(ZERO, self.step), "currency": self.currency}
        given = found["discount"]["amount"] if found["discount"] else zero
        check.money("lines[0].discount", off, given)
        self.check.part("lines[0].proration", part, found["proration"])
        self.check.line("lines[0]", tax, lines[0], found)
        self.check.totals("totals", tax, price, off, lines, issued["totals"])
        check.same("subscription_id", self.subscription.id, issued["subscription_id"])
        number, id = self.event["number"], issued["invoice_id"]
        self.invoices[id] = Invoice(id, number, self.subscription.id, tax, [span], lines)
        self.report.counts["invoices"] += 1
        return self.invoices[id]

    def settle(self, invoice, payment):
        """A payment first, then credit. The documents leave open what a payment does that does not
        close its invoice even with the credit: it becomes credit first, so that one payment closes
        an invoice or none."""
        paid = payment["amount"] if payment else ZERO
        wanted = max(invoice.due - paid, ZERO)
        covered = self.credit >= wanted
        from_payment = min(paid, invoice.due) if covered else ZERO
        self.grant(paid - from_payment)
        from_credit = wanted if covered else min(self.credit, invoice.due)
        if from_credit > 0:
            applied = self.take("credit.applied")
            self.check.money("amount", from_credit, applied["amount"])
            self.check.same("invoice_id", invoice.id, applied["invoice_id"])
            self.credit -= from_credit
        if from_credit + from_payment == invoice.due:
            closed = self.take("invoice.paid")
            self.check.money("from_payment", from_payment, closed["from_payment"])
            self.check.money("from_credit", from_credit, closed["from_credit"])
            self.check.same("invoice_id", invoice.id, closed["invoice_id"])
            by = payment["id"] if from_payment > 0 else None
            self.check.same("payment_id", by, closed["payment_id"])
            invoice.payments += [by] if by else []
        invoice.due -= from_credit + from_payment
        self.collect(invoice)

    def grant(self, amount):
        """Account credit, unless it is nothing."""
        if amount > 0:
            self.check.money("amount", amount, self.take("credit.granted")["amount"])
            self.credit += amount

    def collect(self, invoice):
        """What is due is asked for by an order of exactly that much."""
        if invoice.due == 0 or invoice.due in self.open_orders(invoice.id):
            return
        placed = self.take("order.placed")
        self.check.money("amount", invoice.due, placed["amount"])
        purpose = placed["purpose"]
        of = purpose.get("pay_invoice") if isinstance(purpose, dict) else None
        if of is None or of["invoice_id"] != invoice.id:
            self.check.abandon(f"an order for {invoice.number}", "another order")
        order = {"kind": "pay_invoice", "amount": invoice.due, "status": "open"}
        self.orders[placed["order_id"]] = order | {"invoice": invoice.id}
        self.report.counts["orders"] += 1

    # --- credit notes -----------------------------------------------------------------------------

    def rest_of(self, invoice, at):
        """Each line as billed, for what is left of its own span, less what was credited before."""
        amounts = []
        for billed, left, span in zip(invoice.billed, invoice.left, invoice.spans):
            part = Part(billed.amount, span, at, self.unit, self.zone, self.step)
            credited = billed.amount - left.amount
            amounts.append((max(part.amount - credited, ZERO), part))
        return Credit(invoice, self.step, amounts)

    def whole_of(self, invoice):
        """Everything that earlier credit notes left: it closes the invoice to zero."""
        return Credit(invoice, self.step, [(left.amount, None) for left in invoice.left])

    def credit_the_rest(self, invoices, at, reason):
        """A credit note on each invoice that has something left."""
        for invoice in invoices:
            credit = self.rest_of(invoice, at)
            if credit.total > 0:
                self.credit_note(credit, reason, ZERO)

    def credit_note(self, credit, reason, to_refund):
        """First it reduces what is due; the rest goes back or becomes credit."""
        note, check, invoice = self.take("credit_note.issued"), self.check, credit.invoice
        if note["invoice_id"] != invoice.id:
            check.abandon(f"a credit note on {invoice.number}", note["invoice_number"])
        check.same("reason", reason, note["reason"])
        indices = [line["line"] for line in note["lines"]]
        check.same("lines", [index for index, _, _ in credit.lines], indices)
        for (index, taken, part), found in zip(credit.lines, note["lines"]):
            field, left = f"lines[{index}]", invoice.left[index]
            credited = invoice.billed[index].amount - left.amount
            check.money(f"{field}.credited_before", credited, found["credited_before"])
            self.check.part(f"{field}.proration", part, found["proration"])
            self.check.line(field, invoice.tax, taken, found)
            invoice.left[index] = left.less(taken)
        lines = [taken for _, taken, _ in credit.lines]
        whole = sum((taken.amount for taken in lines), ZERO)
        self.check.totals("totals", invoice.tax, whole, ZERO, lines, note["totals"])
        to_credit = credit.paid_part - to_refund
        check.money("reduces_due", credit.reduces_due, note["reduces_due"])
        check.money("to_refund", to_refund, note["to_refund"])
        check.money("to_credit", to_credit, note["to_credit"])
        self.report.counts["credit_notes"] += 1
        self.grant(to_credit)
        invoice.due -= credit.reduces_due
        if credit.reduces_due > 0:
            self.collect(invoice)

    def credit_note_asked(self):
        """Somebody asked for one: by hand, or with a refund."""
        if "refund" in self.asked:
            self.refund(self.asked["refund"])
            return
        asked = self.asked["credit_invoice"]
        invoice = self.invoices[asked["invoice_id"]]
        credit = self.whole_of(invoice)
        if asked["amount"]:
            left = [line.amount for line in invoice.left]
            parts = spread(Decimal(asked["amount"]["amount"]), left, self.step)
            credit = Credit(invoice, self.step, [(amount, None) for amount in parts])
        self.credit_note(credit, "correction", ZERO)

    def refund(self, asked):
        """Everything, or the unused rest, of what was captured for the period less credits."""
        sub = self.subscription
        now = instant(self.peek()["effective_at"])
        days = (whole_second(now) - sub.period[0]) // DAY
        kind = "full" if days <= FULL_UNTIL else "prorated" if days <= PRORATED_UNTIL else "none"
        kind = "full" if asked["override"] else kind
        of_period = [
            invoice for invoice in self.invoices_of_subscription()
            if any(span[0] >= sub.period[0] for span in invoice.spans)
        ]
        credits = [
            self.whole_of(it) if kind == "full" else self.rest_of(it, whole_second(now))
            for it in of_period
        ]
        credits = [credit for credit in credits if credit.total > 0]
        payments = [self.payments[id] for invoice in of_period for id in invoice.payments]
        captured = sum((it["amount"] - it["refunded"] for it in payments), ZERO)
        eligible = min(sum((credit.paid_part for credit in credits), ZERO), captured)
        amount = Decimal(asked["amount"]["amount"]) if asked["amount"] else eligible
        if amount > eligible or kind == "none":
            self.check.abandon(f"no refund beyond {eligible} ({kind})", amount)
        left = amount
        for credit in credits:
            to_refund = min(credit.paid_part, left)
            left -= to_refund
            self.credit_note(credit, "refund", to_refund)
        self.reserve(payments, amount, kind, days)
        if sub.status != "ended":
            self.check.same("reason", "refunded", self.take("subscription.ended")["reason"])
        sub.end()

    def reserve(self, payments, amount, kind, days):
        """The money is reserved on the payments, newest first."""
        for payment in reversed(payments):
            part = min(payment["amount"] - payment["refunded"], amount)
            amount -= part
            if part > 0:
                found = self.take("refund.requested")
                before = payment["amount"] - payment["refunded"]
                self.check.same("payment_id", payment["id"], found["payment_id"])
                self.check.money("refundable_before", before, found["refundable_before"])
                self.check.money("amount", part, found["amount"])
                self.check.same("verdict.type", kind, found["verdict"]["type"])
                counted = found["verdict"]["days_since_period_start"]
                self.check.same("verdict.days", days, counted)
                payment["refunded"] += part

    def credit_granted(self):
        """Somebody gave credit."""
        self.grant(Decimal(self.asked["grant"]["amount"]))


# What an event that nothing announced begins.
BEGINNINGS = {
    "order.placed": Account.order_placed,
    "payment.captured": Account.payment_captured,
    "subscription.renewed": Account.renewed,
    "subscription.plan_changed": Account.plan_changed,
    "subscription.ended": Account.ended,
    "credit_note.issued": Account.credit_note_asked,
    "credit.granted": Account.credit_granted,
    "credit.applied": Account.pay_what_is_open,
}
