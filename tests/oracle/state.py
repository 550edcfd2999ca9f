"""What an account has: its subscription, and its invoices with what is left of them."""

from decimal import Decimal

from rules import ZERO, boundary, shown, taken_back


class Subscription:
    """A subscription: its plan, where its periods hang, and where it stands."""

    def __init__(self, id, plan, anchor):
        self.id, self.plan, self.anchor, self.index, self.period = id, plan, anchor, 0, None
        self.discount = self.scheduled = None
        # Whether a scheduled change has moved it to the period that begins next.
        self.moved = False
        self.status = self.stood = "active"

    def price(self):
        """What a whole period costs."""
        return Decimal(self.plan["price"]["amount"])

    def period_of(self, k, zone):
        """Period k of the anchor."""
        cycle = self.plan["cycle"]
        return tuple(boundary(self.anchor, zone, cycle, index) for index in (k, k + 1))

    def after_change(self, plan, at, zone):
        """Anchor, number and period once it changed to a plan: a new cycle begins a new period."""
        if plan["cycle"] == self.plan["cycle"]:
            return self.anchor, self.index, self.period
        return at, 0, (at, boundary(at, zone, plan["cycle"], 1))

    def end(self):
        """It is over; one that was over already stays as it ended."""
        if self.status != "ended":
            self.stood, self.status = self.status, "ended"

    def comes_in(self, kind, payload, check):
        """A fact about it that nothing has to follow from at once."""
        at_end = ("subscription.cancellation_scheduled", "subscription.plan_change_scheduled")
        if kind in at_end:
            check.same("takes_effect_at", shown(self.period[1]), payload["takes_effect_at"])
        if kind == "subscription.plan_change_scheduled":
            self.scheduled = payload["to"]
        elif kind == "subscription.plan_change_withdrawn":
            self.scheduled = None
        elif kind == "subscription.fell_past_due":
            self.status = "past_due"
        elif kind == "subscription.suspended":
            self.status = "suspended"
        elif kind == "subscription.recovered":
            self.status = "active"
        elif kind == "subscription.resumed" and self.status == "ended":
            self.status = self.stood


class Invoice:
    """An invoice: what was billed, and what of it is left and due."""

    def __init__(self, id, number, subscription, tax, spans, lines):
        self.id, self.number, self.subscription, self.tax = id, number, subscription, tax
        self.spans, self.billed, self.left = spans, lines, list(lines)
        self.due = sum((line.total for line in lines), ZERO)
        self.payments = []


class Credit:
    """What a credit note will take of an invoice."""

    def __init__(self, invoice, step, amounts):
        self.invoice, self.lines = invoice, []
        for index, (amount, part) in enumerate(amounts):
            if amount > 0:
                taken = taken_back(invoice.tax, invoice.left[index], amount, step)
                self.lines.append((index, taken, part))
        self.total = sum((taken.total for _, taken, _ in self.lines), ZERO)
        self.reduces_due = min(invoice.due, self.total)
        self.paid_part = self.total - self.reduces_due
