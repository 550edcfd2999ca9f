#!/usr/bin/env python3
"""Reckons the billing of many accounts again, from the facts that came in, and compares.

Reads JSON lines: `{"case": 7, "event": …}` with a line of the ledger's own export, and beside them
what the events do not say: `"asked"` (the figures of the command that comes next), `"document"`
(lines that were taxed and taken back) and `"state"` (what the ledger says is due and in credit at
the end). The lines of a case stand together, in order.

What came in is taken as read: the seller, the rules, the prices, who asked for what and when, and
which payments arrived. Everything that follows is reckoned here, and every document that follows
is awaited: one that is missing, or that nobody asked for, is a mismatch like a wrong amount.

Prints `case N, position P, field: expected X, found Y` for the first mismatches and last what was
checked; exits with 1 where there was a mismatch or nothing to check.
"""

import json
import sys
from collections import Counter
from decimal import Decimal
from itertools import groupby

import flow
from compare import Checker
from rules import Rate, Tax, step_of, taken_back, taxed

SHOWN = 20


class Report:
    """What was checked and what did not agree."""

    def __init__(self):
        self.counts, self.mismatches, self.shown = Counter(), 0, []

    def mismatch(self, case, position, field, expected, found):
        """One figure that is not as reckoned."""
        self.mismatches += 1
        if len(self.shown) < SHOWN:
            where = f"case {case}, position {position}, {field}"
            self.shown.append(f"{where}: expected {expected}, found {found}")

    def finish(self):
        """Prints it; the exit code."""
        for line in self.shown:
            print(line)
        if self.mismatches:
            print(f"{self.mismatches} mismatches")
        kinds = ["subscriptions", "lines", "periods", "invoices", "credit_notes", "orders", "taxes"]
        print("checked: " + ", ".join(f"{self.counts[kind]} {kind}" for kind in kinds))
        return 1 if self.mismatches or not self.counts["subscriptions"] else 0


def document(case, given, report):
    """Lines of one document, and what credit notes took of them in turn."""
    currency, step = given["currency"], step_of(given["currency"])
    rates = [Rate(it["name"], it["jurisdiction"], Decimal(it["percent"])) for it in given["rates"]]
    tax = Tax("taxed", given["inclusive"], rates)
    left = taxed(tax, [Decimal(line["amount"]) for line in given["lines"]], step)
    check = Checker(case, report, currency)
    for index, (line, found) in enumerate(zip(left, given["lines"])):
        check.figures(f"document.lines[{index}]", line, found)
        report.counts["lines"] += 1
    for index, credit in enumerate(given["credits"]):
        line = credit["line"]
        part = taken_back(tax, left[line], Decimal(credit["asked"]), step)
        left[line] = left[line].less(part)
        check.figures(f"document.credits[{index}]", part, credit)
        report.counts["lines"] += 1


def main():
    """Reads every case and compares it."""
    report = Report()
    items = (json.loads(line) for line in sys.stdin)
    for case, of_case in groupby(items, key=lambda item: item["case"]):
        of_case = list(of_case)
        for item in of_case:
            if "document" in item:
                document(case, item["document"], report)
        flow.Account(case, [item for item in of_case if "document" not in item], report).run()
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
