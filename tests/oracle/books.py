"""Reckons the books of a ledger again from its exported lines alone, and compares a snapshot.

    daybook replay --output json | python3 tests/oracle/books.py SNAPSHOT

Written from docs/FINANCE.md and not from the ledger's code: other libraries, another way. The
trial balance, the roll-forward, the ageing and the deferred revenue of every line must be equal to
the last digit; the first hundred differences are named, and the exit code says whether there are
any. Revenue is kept here as a calendar of days for each line, where the ledger keeps stretches.
"""

import json
import sys
from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from rules import ZERO, printed, rounded, step_of

DAY = timedelta(days=1)


def money(value):
    return Decimal(value["amount"])


def day_in(zone, instant):
    """The calendar day of an instant, in a zone."""
    return datetime.fromisoformat(instant.replace("Z", "+00:00")).astimezone(ZoneInfo(zone)).date()


def segment(part):
    """A part of an account's path: what is no letter or digit is a hyphen."""
    plain = "".join(c if c.isalnum() else "-" for c in part[:40]).strip("-")
    return plain[:1].upper() + plain[1:] if plain else "Other"


def payable(tax):
    parts = [part for part in tax["rate"]["jurisdiction"].split("-") if part]
    return ":".join(["liabilities:TaxPayable", *map(segment, [*parts, tax["rate"]["name"]])])


class Line:
    """A line of an invoice: what it earns on which day."""

    def __init__(self, billed, zone, posting_on, step):
        self.net, self.step = money(billed["net"]), step
        self.first = day_in(zone, billed["span"]["start"])
        self.end = max(day_in(zone, billed["span"]["end"]), self.first + DAY)
        self.credited, self.days = ZERO, {}
        self.spread(self.net, self.first, self.end, posting_on)

    def spread(self, amount, first, end, posting_on):
        count, before = (end - first).days, ZERO
        for nth in range(count):
            by_then = (amount * (nth + 1) / count).quantize(self.step, ROUND_HALF_UP)
            on = max(first + DAY * nth, posting_on)
            self.days[on] = self.days.get(on, ZERO) + by_then - before
            before = by_then

    def take_back(self, net, ends, posting_on):
        """Takes from what is not earned before a day; tells how much that was."""
        later = [on for on in self.days if on >= posting_on]
        deferred = sum((self.days.pop(on) for on in later), ZERO)
        unearned = min(net, deferred)
        first = max(self.first, posting_on)
        end = self.end = first + DAY if ends else max(self.end, first + DAY)
        self.spread(deferred - unearned, first, end, posting_on)
        self.credited += unearned
        return unearned


class Books:
    """The books up to and with a position, through an accounting day."""

    def __init__(self, position, through):
        self.position, self.through = position, through
        self.balances = defaultdict(lambda: [ZERO, ZERO])
        self.months = defaultdict(lambda: defaultdict(lambda: ZERO))
        self.lines, self.due = {}, defaultdict(lambda: ZERO)
        self.currency_of, self.payments, self.due_on = {}, {}, {}
        self.faults = []

    # --- posting ----------------------------------------------------------------------------------

    def post(self, on, currency, *postings):
        if sum(amount for _, amount in postings):
            self.faults.append(f"{on} {currency}: unbalanced {postings}")
        for account, amount in postings:
            if amount:
                self.balances[currency, account][amount < 0] += abs(amount)
                self.roll(on, currency, account, amount)

    def roll(self, on, currency, account, amount):
        month = self.months[currency, on.strftime("%Y-%m")]
        if account == "liabilities:DeferredRevenue":
            month["billed" if amount < 0 else "credited_unearned"] += abs(amount)
        elif account.startswith("income:ContraRevenue:"):
            month["contra_revenue"] += amount

    def take(self, line):
        on = date.fromisoformat(line["posting_on"])
        if line["position"] > self.position or on > self.through:
            return
        handler = getattr(self, line["type"].replace(".", "_"), None)
        if handler:
            handler(line["payload"], on, line)

    # --- invoices ---------------------------------------------------------------------------------

    def invoice_issued(self, it, on, line):
        currency = it["totals"]["total"]["currency"]
        zone, key = it.get("time_zone") or "UTC", it["invoice_id"]
        step = step_of(currency)
        self.currency_of[key] = currency
        self.lines[key] = [Line(billed, zone, on, step) for billed in it["lines"]]
        steps = [day_in(zone, dunned["at"]) for dunned in it["dunning"]]
        self.due_on[key] = min(steps, default=on)
        total = money(it["totals"]["total"])
        self.due[key] += total
        taxes = [(payable(tax), -money(tax["amount"])) for tax in it["totals"]["taxes"]]
        net = -money(it["totals"]["net"])
        receivable = ("assets:Receivable", total)
        self.post(on, currency, receivable, ("liabilities:DeferredRevenue", net), *taxes)

    def settle(self, key, on, amount, account):
        self.due[key] -= amount
        currency = self.currency_of[key]
        self.post(on, currency, (account, amount), ("assets:Receivable", -amount))

    def invoice_paid(self, it, on, line):
        paid = money(it["from_payment"])
        self.settle(it["invoice_id"], on, paid, "liabilities:UnappliedPayments")

    def credit_applied(self, it, on, line):
        self.settle(it["invoice_id"], on, money(it["amount"]), "liabilities:CustomerCredit")

    def invoice_written_off(self, it, on, line):
        self.settle(it["invoice_id"], on, money(it["amount"]), "expenses:BadDebt")

    def credit_note_issued(self, it, on, line):
        key, currency = it["invoice_id"], it["totals"]["total"]["currency"]
        unearned = ZERO
        for credited in it["lines"]:
            ends, net = credited["proration"] is not None, money(credited["net"])
            unearned += self.lines[key][credited["line"]].take_back(net, ends, on)
        earned = sum((money(credited["net"]) for credited in it["lines"]), ZERO) - unearned
        contra = "Refunds" if it["reason"] == "refund" else "Corrections"
        self.due[key] -= money(it["reduces_due"])
        self.post(
            on,
            currency,
            ("liabilities:DeferredRevenue", unearned),
            (f"income:ContraRevenue:{contra}", earned),
            *[(payable(tax), money(tax["amount"])) for tax in it["totals"]["taxes"]],
            ("assets:Receivable", -money(it["reduces_due"])),
            ("liabilities:CustomerCredit", -money(it["to_credit"])),
            ("liabilities:RefundsPayable", -money(it["to_refund"])),
        )

    # --- the end of a service ---------------------------------------------------------------------

    def service_over(self, it, on, line):
        for key in it.get("service_over", []):
            for billed in self.lines[key]:
                billed.take_back(ZERO, True, on)

    subscription_plan_changed = subscription_ended = service_over

    # --- money ------------------------------------------------------------------------------------

    def payment_captured(self, it, on, line):
        amount, merchant = money(it["amount"]), it.get("merchant")
        held = money(merchant["total"]) - money(merchant["tax"]) if merchant else amount
        currency = it["amount"]["currency"]
        clearing = f"assets:Clearing:{segment(it['processor'])}"
        self.payments[it["payment_id"]] = [clearing, currency, amount, held, ZERO]
        kept = ("income:ContraRevenue:MerchantTax", amount - held)
        self.post(on, currency, (clearing, held), kept, ("liabilities:UnappliedPayments", -amount))

    def payment_fee_charged(self, it, on, line):
        clearing, currency = self.payments[it["payment_id"]][:2]
        service, tax = money(it["service"]), money(it["tax"])
        fees = ("expenses:ProcessorFees", service)
        self.post(on, currency, fees, ("assets:InputTax", tax), (clearing, -service - tax))

    def gone(self, payment_id, on, amount, *debits):
        """Money leaves a processor, with its part of what a merchant of record kept as tax."""
        payment = self.payments[payment_id]
        clearing, currency, whole, held, before = payment
        step = step_of(currency)
        part = lambda sum_: rounded(sum_ * held / whole, step) if whole else sum_
        out = part(before + amount) - part(before)
        payment[4] = before + amount
        tax = ("income:ContraRevenue:MerchantTax", out - amount)
        self.post(on, currency, *debits, (clearing, -out), tax)

    def refund_processed(self, it, on, line):
        amount = money(it["amount"])
        self.gone(it["payment_id"], on, amount, ("liabilities:RefundsPayable", amount))

    def refund_failed(self, it, on, line):
        returned = it.get("returned")
        if returned:
            amount = -money(returned["amount"])
            self.gone(returned["payment_id"], on, amount, ("liabilities:RefundsPayable", amount))

    def refund_reported(self, it, on, line):
        self.gone(
            it["payment_id"],
            on,
            money(it["amount"]),
            ("liabilities:RefundsPayable", money(it["from_invoices"])),
            ("liabilities:CustomerCredit", money(it["from_credit"])),
            ("expenses:UnplacedRefunds", money(it["unplaced"])),
        )

    def dispute_closed(self, it, on, line):
        amount = money(it["deducted"])
        self.gone(it["payment_id"], on, amount, ("expenses:Chargebacks", amount))

    # --- credit -----------------------------------------------------------------------------------

    def credit_granted(self, it, on, line):
        (kind,) = it["source"]
        if kind == "credit_note":
            return  # its note has posted it
        overpaid = kind == "overpayment"
        source = "liabilities:UnappliedPayments" if overpaid else "income:ContraRevenue:Goodwill"
        amount = money(it["amount"])
        credit = ("liabilities:CustomerCredit", -amount)
        self.post(on, it["amount"]["currency"], (source, amount), credit)

    def adjustment_undone(self, it, on, line):
        amount, currency = money(it["amount"]), it["amount"]["currency"]
        if it["adjusted"] == "credit":
            credit = ("liabilities:CustomerCredit", amount)
            self.post(on, currency, credit, ("income:ContraRevenue:Goodwill", -amount))
        else:
            key = it["adjusted"]["write_off"]["invoice_id"]
            self.settle(key, on, -amount, "expenses:BadDebt")

    # --- what a snapshot says ---------------------------------------------------------------------

    def recognise(self):
        """Posts what is earned: one sum for each day and currency."""
        earned = defaultdict(lambda: ZERO)
        for key, lines in self.lines.items():
            for line in lines:
                for on, amount in line.days.items():
                    if on <= self.through:
                        earned[on, self.currency_of[key]] += amount
        for (on, currency), amount in earned.items():
            if amount:
                self.balances[currency, "liabilities:DeferredRevenue"][0] += amount
                self.balances[currency, "income:Revenue"][1] += amount
                self.months[currency, on.strftime("%Y-%m")]["recognised"] += amount

    def trial_balance(self):
        for (currency, account), (debit, credit) in self.balances.items():
            step = step_of(currency)
            sums = (debit, credit, debit - credit)
            yield (currency, account), tuple(printed(amount, step) for amount in sums)

    def roll_forward(self):
        for currency in {currency for currency, _ in self.months}:
            months, opening = [month for of, month in self.months if of == currency], ZERO
            month, last, step = min(months), max(months), step_of(currency)
            while month <= last:
                moved = self.months[currency, month]
                out = moved["credited_unearned"] + moved["recognised"]
                closing = opening + moved["billed"] - out
                net = moved["recognised"] - moved["contra_revenue"]
                figures = (opening, moved["billed"], moved["credited_unearned"])
                figures += (moved["recognised"], closing, moved["contra_revenue"], net)
                yield (currency, month), tuple(printed(figure, step) for figure in figures)
                first = date.fromisoformat(month + "-01")
                month, opening = (first + 31 * DAY).strftime("%Y-%m"), closing

    def ageing(self):
        for key, due in self.due.items():
            if due:
                overdue = max((self.through - self.due_on[key]).days + 1, 0)
                currency = self.currency_of[key]
                yield (key,), (currency, str(overdue), printed(due, step_of(currency)))

    def deferred(self):
        for key, lines in self.lines.items():
            currency = self.currency_of[key]
            for nth, line in enumerate(lines):
                earned = sum((it for on, it in line.days.items() if on <= self.through), ZERO)
                left = line.net - line.credited - earned
                figures = (line.net, line.credited, earned, left)
                step = step_of(currency)
                yield (key, str(nth + 1)), tuple(printed(figure, step) for figure in figures)


TABLES = {
    "trial_balance": (["currency", "account"], ["debit", "credit", "balance"]),
    "revenue_roll_forward": (
        ["currency", "month"],
        ["opening_deferred", "billed", "credited_unearned", "recognised", "closing_deferred"]
        + ["contra_revenue", "net_revenue"],
    ),
    "receivables_ageing": (["invoice_id"], ["currency", "days_overdue", "due"]),
    "deferred_revenue": (
        ["invoice_id", "line"],
        ["net", "credited_unearned", "recognised", "deferred"],
    ),
}


def told(folder, table):
    keys, figures = TABLES[table]
    with open(folder / f"{table}.jsonl", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            yield tuple(str(row[key]) for key in keys), tuple(str(row[name]) for name in figures)


def main(folder):
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    books = Books(manifest["position"], date.fromisoformat(manifest["through"]))
    for line in sys.stdin:
        books.take(json.loads(line))
    books.recognise()
    reckoned = {
        "trial_balance": books.trial_balance,
        "revenue_roll_forward": books.roll_forward,
        "receivables_ageing": books.ageing,
        "deferred_revenue": books.deferred,
    }
    faults, checked = books.faults, 0
    for table, own in reckoned.items():
        ours, theirs = dict(own()), dict(told(folder, table))
        checked += len(ours)
        for key in sorted(ours.keys() | theirs.keys()):
            if ours.get(key) != theirs.get(key):
                faults.append(f"{table} {key}: {theirs.get(key)}, reckoned {ours.get(key)}")
    print("\n".join(faults[:100] + [f"checked: {checked} rows, {len(faults)} differ"]))
    return 3 if faults or not checked else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
