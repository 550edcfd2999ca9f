"""Reads a beancount journal and prints the balance of every account in every currency, one a line:
`Assets:Bank 12.50 EUR`. Errors of the journal go to standard error and end it with 1."""

import sys
from collections import defaultdict
from decimal import Decimal

from beancount import loader
from beancount.core.data import Transaction
from beancount.parser import printer


def main(path):
    entries, errors, _ = loader.load_file(path)
    if errors:
        printer.print_errors(errors, file=sys.stderr)
        return 1
    balances = defaultdict(Decimal)
    for entry in entries:
        if isinstance(entry, Transaction):
            for posting in entry.postings:
                balances[posting.account, posting.units.currency] += posting.units.number
    for (account, currency), number in sorted(balances.items()):
        print(account, number, currency)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
