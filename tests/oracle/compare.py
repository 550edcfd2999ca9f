"""Comparing what was reckoned with what the ledger wrote, figure by figure."""

from decimal import Decimal

from rules import ZERO, printed, shown, step_of


class Abandoned(Exception):
    """The account's events are not those that follow: nothing after this can be compared."""


class Checker:
    """Compares figures at one position."""

    def __init__(self, case, report, currency=None):
        self.case, self.report, self.position, self.step = case, report, 0, None
        self.currency = currency
        if currency:
            self.step = step_of(currency)

    def same(self, field, expected, found):
        """Two values agree."""
        if expected != found:
            self.report.mismatch(self.case, self.position, field, expected, found)

    def money(self, field, expected, found):
        """An amount is the expected one, in the account's currency, with every digit."""
        expected = {"amount": printed(expected, self.step), "currency": self.currency}
        if expected != found:
            found = f"{found['amount']} {found['currency']}"
            expected = f"{expected['amount']} {self.currency}"
            self.report.mismatch(self.case, self.position, field, expected, found)

    def figures(self, field, taxed_line, found):
        """The bare amounts of a line."""
        for name in ("amount", "net", "total"):
            expected = printed(getattr(taxed_line, name), self.step)
            self.same(f"{field}.{name}", expected, found[name])
        taxes = [printed(tax, self.step) for tax in taxed_line.taxes]
        self.same(f"{field}.taxes", taxes, found["taxes"])
        self.report.counts["taxes"] += len(taxes)

    def abandon(self, expected, found):
        """The history itself is not the expected one."""
        self.report.mismatch(self.case, self.position, "event", expected, found)
        raise Abandoned

    def tax(self, field, tax, found):
        """The treatment of a document: which taxes, of what kind, inside prices or on top."""
        rates = [(rate.name, rate.jurisdiction, rate.percent) for rate in tax.rates]
        same = [
            (rate["name"], rate["jurisdiction"], Decimal(rate["percent"]))
            for rate in found["rates"]
        ]
        self.same(f"{field}.rates", rates, same)
        self.same(f"{field}.supply", tax.supply, found["supply"])
        self.same(f"{field}.inclusive", tax.inclusive, found["inclusive"])

    def line(self, field, tax, line, found):
        """One line of an invoice or of a credit note."""
        for name in ("amount", "net", "total"):
            self.money(f"{field}.{name}", getattr(line, name), found[name])
        self.taxes(f"{field}.taxes", tax, line.bases, line.taxes, found["taxes"])
        self.report.counts["lines"] += 1

    def taxes(self, field, tax, bases, amounts, found):
        """Each tax by its name, with its base."""
        names = [rate.name for rate in tax.rates]
        self.same(field, names, [it["rate"]["name"] for it in found])
        for name, base, amount, it in zip(names, bases, amounts, found):
            self.money(f"{field}.{name}.base", base, it["base"])
            self.money(f"{field}.{name}", amount, it["amount"])
            self.report.counts["taxes"] += 1

    def totals(self, field, tax, price, off, lines, found):
        """The sums of a document."""
        sums = {
            "price": price,
            "discount": off,
            "net": sum((line.net for line in lines), ZERO),
            "tax": sum((sum(line.taxes, ZERO) for line in lines), ZERO),
            "total": sum((line.total for line in lines), ZERO),
        }
        for name, expected in sums.items():
            self.money(f"{field}.{name}", expected, found[name])
        count = range(len(tax.rates))
        bases = [sum((line.bases[i] for line in lines), ZERO) for i in count]
        amounts = [sum((line.taxes[i] for line in lines), ZERO) for i in count]
        self.taxes(f"{field}.taxes", tax, bases, amounts, found["taxes"])

    def part(self, field, part, found):
        """A proration with all its inputs; none where the whole is billed."""
        if part is None or found is None:
            self.same(field, part is None, found is None)
            return
        self.money(f"{field}.of", part.of, found["of"])
        span = {"start": shown(part.span[0]), "end": shown(part.span[1])}
        self.same(f"{field}.span", span, found["span"])
        self.same(f"{field}.at", shown(part.at), found["at"])
        for name in ("unit", "numerator", "denominator", "unrounded"):
            self.same(f"{field}.{name}", getattr(part, name), found[name])
        self.same(f"{field}.rounding", "half_away_from_zero", found["rounding"])
        self.money(f"{field}.amount", part.amount, found["amount"])

    def coupon(self, terms, held):
        """A discount that an order holds is what its coupon offers in the account's currency."""
        value, duration = terms["value"], terms["duration"]
        periods = {"once": 1, "forever": None}
        left = periods[duration] if isinstance(duration, str) else duration["periods"]
        self.same("discount.periods_left", left, held["periods_left"])
        if "fixed" in value:
            mine = (it for it in value["fixed"] if it["currency"] == self.currency)
            value = {"fixed": next(mine)}
        self.same("discount.value", value, held["value"])
