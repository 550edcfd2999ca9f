"""The arithmetic of billing, written from its rules and not from the ledger's code.

Money is `decimal.Decimal` in major units, rounded in one way: half away from zero on the magnitude.
Instants are aware datetimes in UTC; months are added by `dateutil` on the account's own calendar.
No float appears anywhere.
"""

from datetime import datetime, timedelta, timezone
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, getcontext
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

# No quotient here comes nearer to a tie than its denominator lets it, which is far above 10^-60.
getcontext().prec = 60

ZERO = Decimal(0)
HUNDRED = Decimal(100)
SECOND = timedelta(seconds=1)
STEPS = {0: Decimal("1"), 2: Decimal("0.01"), 3: Decimal("0.001")}
EXPONENTS = {"JPY": 0, "KWD": 3}


# --- money ----------------------------------------------------------------------------------------


def step_of(currency):
    """The minor unit, in major units."""
    return STEPS[EXPONENTS.get(currency, 2)]


def rounded(amount, step):
    """To the minor unit, half away from zero on the magnitude."""
    return amount.quantize(step, ROUND_HALF_UP)


def printed(amount, step):
    """Every digit of the currency, as the ledger writes amounts."""
    return format(amount.quantize(step), "f")


def spread(whole, weights, step):
    """Splits an amount by weights, by largest remainder; of equal remainders the first goes first.

    The documents leave open who takes an amount where every weight is nothing: the first does.
    """
    total = sum(weights, ZERO)
    if total == 0:
        return [whole if index == 0 else ZERO for index in range(len(weights))]
    parts = [(whole * weight / total).quantize(step, ROUND_DOWN) for weight in weights]
    # Kept whole, undivided, so that equal remainders are equal.
    remainders = [whole * weight - part * total for weight, part in zip(weights, parts)]
    left = int((whole - sum(parts, ZERO)) / step)
    for index in sorted(range(len(parts)), key=lambda i: (-remainders[i], i))[:left]:
        parts[index] += step
    return parts


# --- time -----------------------------------------------------------------------------------------


def instant(text):
    """An instant of the ledger's one text form."""
    return datetime.fromisoformat(text)


def shown(moment):
    """The ledger's one text form of an instant."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def whole_second(moment):
    """Without its fraction of a second."""
    return moment.replace(microsecond=0)


def boundary(anchor, zone, cycle, k):
    """Boundary k: k cycles after the original anchor, on the calendar of the zone.

    `fold=0` says both rules about the clock: a local time in a gap is read by the offset before it
    and so goes later, one that comes twice is the earlier.
    """
    if k == 0:
        return anchor
    local = anchor.astimezone(zone).replace(tzinfo=None)
    local += relativedelta(months=k) if cycle == "monthly" else relativedelta(years=k)
    return local.replace(tzinfo=zone, fold=0).astimezone(timezone.utc)


def part_left(start, end, at, unit, zone):
    """What is left of a span and what is in it: whole seconds, or calendar days of the zone.

    The documents leave open how a day that has begun counts: as still to come. A span within one
    day counts as that day.
    """
    if unit == "second":
        whole = (end - start) // SECOND
        return min(max((end - at) // SECOND, 0), whole), whole
    first, last, today = (moment.astimezone(zone).date() for moment in (start, end, at))
    whole = max((last - first).days, 1)
    return min(max((last - today).days, 1 if at < end else 0), whole), whole


class Part:
    """The part of an amount that belongs to what is left of a span: multiplied first, divided
    once, rounded once."""

    def __init__(self, of, span, at, unit, zone, step):
        self.of, self.span, self.at, self.unit = of, span, at, unit
        self.numerator, self.denominator = part_left(*span, at, unit, zone)
        exact = of * self.numerator / self.denominator
        self.unrounded = format(exact.quantize(Decimal("1E-12"), ROUND_DOWN), "f")
        self.amount = rounded(exact, step)

    def is_whole(self):
        """Whether nothing of the span is over."""
        return self.numerator == self.denominator


# --- tax ------------------------------------------------------------------------------------------

EU = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()
)
# The States of India by the codes of their tax numbers; those in the second table have no
# legislature and so take a tax by another name.
STATES = {
    "Maharashtra": "27", "Karnataka": "29", "Delhi": "07", "Tamil Nadu": "33", "Goa": "30",
    "Puducherry": "34", "Kerala": "32", "Gujarat": "24",
}
TERRITORIES = {"Chandigarh": "04", "Lakshadweep": "31", "Ladakh": "38"}


class Rate:
    """One tax of a document."""

    def __init__(self, name, jurisdiction, percent):
        self.name, self.jurisdiction, self.percent = name, jurisdiction, percent


class Tax:
    """How a document is taxed: the rates that it carries, each reckoned by itself."""

    def __init__(self, supply, inclusive=False, rates=()):
        self.supply, self.inclusive, self.rates = supply, inclusive, list(rates)
        self.percent = sum((rate.percent for rate in self.rates), ZERO)

    def on(self, rate, amount, step):
        """One tax on an amount of the price list, rounded once.

        Inclusive: `round(gross * r / (100 + all rates))`, what the design says of each half within
        a State and here of every rate; the net is what is left. Where that is a tie, rounding the
        base instead would give one minor unit less.
        """
        whole = HUNDRED + self.percent if self.inclusive else HUNDRED
        return rounded(amount * rate.percent / whole, step)


def state_of(party):
    """The code of an Indian party's State: that of its GSTIN, else that of its address."""
    number = party.get("taxId", "")
    if number:
        return number[:2]
    name = party.get("state", "")
    return STATES.get(name) or TERRITORIES.get(name)


def place_of(party):
    """Where a supply to a buyer outside India counts as made."""
    state = party.get("state", "").strip()
    return f"{party['country']}-{state.upper()}" if 0 < len(state) <= 3 else party["country"]


def rate_for(rules, buyer):
    """The rate of the buyer's region, else of the country."""
    of_country = [rate for rate in rules["rates"] if rate["country"] == buyer["country"]]
    state = buyer.get("state", "").strip().lower()
    regional = [rate for rate in of_country if rate["region"] and rate["region"].lower() == state]
    national = [rate for rate in of_country if rate["region"] is None]
    return next(iter(regional + national), None)


def treatment(rules, seller, buyer):
    """How a supply from a seller to a buyer is taxed.

    A tax id on record is a valid one: the ledger takes no other.
    """
    if rules is None:
        return Tax("untaxed")
    ours, theirs = seller.get("country"), buyer["country"]
    rate = rate_for(rules, buyer)
    if ours == theirs == "IN":
        return indian(rate, seller, buyer)
    if ours != theirs and {ours, theirs} <= EU and buyer.get("taxId"):
        return Tax("reverse_charge")
    if rate is None:
        return Tax("untaxed" if ours in (theirs, None) else "export")
    one = Rate(rate["name"], place_of(buyer), Decimal(rate["percent"]))
    return Tax("taxed", rate["inclusive"], [one])


def indian(rate, seller, buyer):
    """Within a State half to the Union and half to the State, else everything to the Union."""
    if rate is None:
        return Tax("untaxed")
    percent, home = Decimal(rate["percent"]), state_of(seller)
    place = state_of(buyer) or home
    if home != place:
        return Tax("taxed", rate["inclusive"], [Rate("IGST", "IN", percent)])
    share = "UTGST" if place in TERRITORIES.values() else "SGST"
    halves = [Rate("CGST", "IN", percent / 2), Rate(share, f"IN-{place}", percent / 2)]
    return Tax("taxed", rate["inclusive"], halves)


# --- totals ---------------------------------------------------------------------------------------


class Taxed:
    """An amount with its taxes: inside it, or on top of it."""

    def __init__(self, tax, amount, taxes):
        self.amount, self.taxes = amount, taxes
        every = sum(taxes, ZERO)
        self.net = amount - every if tax.inclusive else amount
        self.total = self.net + every
        self.bases = [self.net] * len(taxes)

    def less(self, part):
        """What is left once a part was taken back."""
        left = Taxed.__new__(Taxed)
        left.amount, left.net = self.amount - part.amount, self.net - part.net
        left.total = self.total - part.total
        left.taxes = [mine - theirs for mine, theirs in zip(self.taxes, part.taxes)]
        left.bases = [mine - theirs for mine, theirs in zip(self.bases, part.bases)]
        return left


def taxed(tax, amounts, step):
    """The lines of one document: each tax on the sum, spread over the lines by their amounts."""
    whole = sum(amounts, ZERO)
    shares = [spread(tax.on(rate, whole, step), amounts, step) for rate in tax.rates]
    lines = zip(*shares) if shares else [()] * len(amounts)
    return [Taxed(tax, amount, list(taxes)) for amount, taxes in zip(amounts, lines)]


def taken_back(tax, left, amount, step):
    """What a credit note takes of a line: its taxes at their rates out of what is left of each,
    and exactly what is left where that is the whole rest."""
    if amount >= left.amount:
        return left
    on = [min(tax.on(rate, amount, step), rest) for rate, rest in zip(tax.rates, left.taxes)]
    return Taxed(tax, amount, on)


def discount_on(held, price, step):
    """What a coupon takes off a full period's price, before tax; never more than the price."""
    if held is None:
        return ZERO
    if "percent" in held["value"]:
        return rounded(price * Decimal(held["value"]["percent"]) / HUNDRED, step)
    return min(Decimal(held["value"]["fixed"]["amount"]), price)


def after_a_period(held):
    """What is left of a coupon's discount once a period was billed with it."""
    if held["periods_left"] is None:
        return held
    left = held["periods_left"] - 1
    return {**held, "periods_left": left} if left > 0 else None


def zone_of(name):
    """A zone of the calendar of the world."""
    return ZoneInfo(name)
