//! E-invoices against the schema and the rules of Factur-X at profile EN 16931, and against sums
//! that leave no tolerance. One process checks all files, since it takes longest to begin.

mod papers;

use std::{collections::BTreeMap, path::PathBuf, process::Command};

use daybook::documents::{
    facturx,
    language::Language,
    paper::{Kind, Moves, Paper},
};
use daybook_events::{Currency, Money};
use serde_json::Value;

use self::papers::{
    french, german, indian, invoice, paid_by, partly_paid, party, taken_back, to_a_bank,
};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What the checkers say of e-invoices, by their names: how many rules were tried, what failed.
fn checked(files: &[(String, Vec<u8>)]) -> BTreeMap<String, (u64, Vec<String>)> {
    let dir = tempfile::tempdir().unwrap();
    let python = root().join("target/python-tools/bin/python");
    assert!(python.exists(), "run `scripts/setup test`: {} is missing", python.display());
    let mut command = Command::new(python);
    command.arg("-B").arg(root().join("tests/python/einvoice.py"));
    for (name, bytes) in files {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        command.arg(path);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let verdict = |line: &str| {
        let said: Value = serde_json::from_str(line).unwrap();
        let failed = said["failed"].as_array().unwrap().iter();
        let failed = failed.map(|text| text.as_str().unwrap().to_owned()).collect();
        (said["file"].as_str().unwrap().to_owned(), (said["fired"].as_u64().unwrap(), failed))
    };
    String::from_utf8(output.stdout).unwrap().lines().map(verdict).collect()
}

fn xml(paper: &Paper) -> String {
    String::from_utf8(facturx::xml(paper, Language::En).expect("the standard carries it")).unwrap()
}

/// What an element holds, wherever it stands.
fn held<'x>(xml: &'x str, element: &str) -> Vec<&'x str> {
    let start = format!("<ram:{element}");
    let inner =
        xml.split(&start).skip(1).filter_map(|rest| rest.split_once('>')?.1.split_once("</"));
    inner.map(|(text, _)| text).collect()
}

fn domestic() -> Paper {
    let items = [("VPS Pro", 1, "29.00", "0.00")];
    let buyer = party("Käufer AG", "DE", "", "");
    invoice(german(), buyer, Currency::EUR, false, &items)
}

fn reverse_charge() -> Paper {
    let items = [("VPS Pro", 2, "29.00", "5.00"), ("Backup", 3, "0.33", "0.00")];
    invoice(german(), french(), Currency::EUR, false, &items)
}

fn abroad() -> Paper {
    let buyer = party("Acme Inc.", "US", "TX", "");
    invoice(german(), buyer, Currency::USD, false, &[("VPS Pro", 3, "10.00", "0")])
}

fn rupees(state: &str, inclusive: bool) -> Paper {
    let items = [("VPS Pro", 1, "999.00", "0.00"), ("Addon", 7, "299.03", "100.01")];
    let seller = indian("Karnataka", "29AAGCB7383J1Z4");
    invoice(seller, indian(state, ""), Currency::INR, inclusive, &items)
}

fn of_taxes() -> Vec<(&'static str, Paper)> {
    let one = |price| [("VPS Pro", 3, price, "0")];
    let american = |state| party("Acme Inc.", "US", state, "");
    let gst = || indian("Karnataka", "29AAGCB7383J1Z4");
    let yen = || party("株式会社例", "JP", "", "T1234567890123");
    let foreign = |seller, buyer| invoice(seller, buyer, Currency::USD, false, &one("10.00"));
    let swiss = party("Schweiz AG", "CH", "", "CHE107787577MWST");
    let norwegian = party("Norge AS", "NO", "", "NO974760673MVA");
    vec![
        ("domestic", domestic()),
        ("reverse-charge", reverse_charge()),
        ("gst-within-a-state", rupees("Karnataka", false)),
        ("gst-between-states", rupees("Kerala", false)),
        ("gst-inside-the-price", rupees("Karnataka", true)),
        ("export-from-india", foreign(gst(), american("TX"))),
        ("export-from-the-union", foreign(german(), american("TX"))),
        ("export-from-switzerland", foreign(swiss, american("TX"))),
        ("export-from-norway", foreign(norwegian, american("TX"))),
        ("sales-tax", foreign(american("CA"), american("CA")).with_seller_id("12-3456789")),
        ("untaxed", foreign(american("TX"), american("TX")).with_seller_id("12-3456789")),
        ("untaxed-with-vat-ids", foreign(french(), french())),
        ("zero-rate", foreign(german(), party("Dubai LLC", "AE", "", ""))),
        ("yen", invoice(yen(), yen(), Currency::JPY, false, &one("1235"))),
        ("yen-inside-the-price", invoice(yen(), yen(), Currency::JPY, true, &one("1235"))),
        ("dinar", invoice(german(), party("K", "KW", "", ""), Currency::KWD, false, &one("2.600"))),
    ]
}

fn of_shapes() -> Vec<(&'static str, Paper)> {
    let euros = |buyer, inclusive, items: &[papers::Item<'_>]| {
        invoice(german(), buyer, Currency::EUR, inclusive, items)
    };
    let named = |name: &str, company: &str| {
        let mut buyer = party(name, "DE", "Ligne\u{b}", "");
        buyer.company = company.into();
        buyer.address = "1\n\n2\n3\r\n4 & <5>\n".into();
        buyer
    };
    let many: Vec<_> =
        (0..120).map(|n| format!("{n}.{:02}", n % 100)).map(|price| ("Addon", 1, price)).collect();
    let many: Vec<_> =
        many.iter().map(|(what, n, price)| (*what, *n, price.as_str(), "0")).collect();
    let hostile = "=cmd|'/C calc'!A0 <!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]> &e; \
                   ]]> \u{0}\u{b}\u{1b}[31m \u{202e}gpj.exe \u{fffe}\u{ffff} '\" -- <ram:Name>";
    let mut without_period = euros(german(), false, &[("Setup", 1, "5.00", "0")]);
    without_period.period = None;
    without_period.lines[0].days = None;
    without_period.order_number = None;
    vec![
        ("many-lines", euros(german(), false, &many)),
        ("many-lines-inside-the-price", euros(german(), true, &many)),
        ("nothing-to-pay", euros(german(), false, &[("VPS Pro", 2, "14.50", "29.00")])),
        ("discounts", euros(german(), false, &[("A", 2, "14.50", "2.91"), ("B", 1, "3", "3")])),
        (
            "inside-the-price",
            euros(german(), true, &[("A", 3, "9.99", "1.11"), ("B", 7, "1", "0")]),
        ),
        ("nothing-inside-the-price", euros(german(), true, &[("A", 3, "9.99", "29.97")])),
        (
            "long-names",
            euros(
                named(&"Ж".repeat(300), &"₹€₺ ".repeat(75)),
                false,
                &[(&"x".repeat(300), 1, "1", "0")],
            ),
        ),
        ("hostile-names", euros(named(hostile, hostile), false, &[(hostile, 1, "1.00", "0")])),
        ("credit-note", taken_back(domestic())),
        ("credit-note-reverse-charge", taken_back(reverse_charge())),
        ("credit-note-gst", taken_back(rupees("Karnataka", false))),
        ("partly-paid", partly_paid(domestic())),
        ("to-a-bank", to_a_bank(domestic())),
        ("to-a-bank-in-rupees", to_a_bank(rupees("Karnataka", false))),
        ("paid-by-a-processor", paid_by("razorpay", domestic())),
        ("paid-by-hand", paid_by("manual", domestic())),
        ("without-a-period", without_period),
    ]
}

trait WithSellerId {
    fn with_seller_id(self, id: &str) -> Self;
}

impl WithSellerId for Paper {
    fn with_seller_id(mut self, id: &str) -> Self {
        self.seller.tax_id = id.into();
        self
    }
}

#[test]
fn every_e_invoice_keeps_the_schema_the_rules_and_its_sums() {
    let papers: Vec<_> = of_taxes().into_iter().chain(of_shapes()).collect();
    let files: Vec<_> = papers
        .iter()
        .map(|(name, paper)| (format!("{name}.xml"), xml(paper).into_bytes()))
        .collect();
    let checked = checked(&files);
    assert_eq!(checked.len(), papers.len());
    for (name, (fired, failed)) in checked {
        assert!(fired > 20, "{name}: only {fired} rules were tried");
        assert!(failed.is_empty(), "{name}: {}", failed.join("\n"));
    }
}

/// A text with a part replaced that it has.
fn with(text: &str, part: &str, by: &str) -> Vec<u8> {
    assert!(text.contains(part), "no `{part}` in {text}");
    text.replace(part, by).into_bytes()
}

#[test]
fn what_is_wrong_is_noticed() {
    let (plain, reversed) = (xml(&domestic()), xml(&reverse_charge()));
    let (banked, abroad) = (xml(&to_a_bank(domestic())), xml(&abroad()));
    let iban = "<ram:IBANID>DE89370400440532013000</ram:IBANID>";
    let without_code =
        with(&reversed, "<ram:ExemptionReasonCode>VATEX-EU-AE</ram:ExemptionReasonCode>", "");
    let without_code = String::from_utf8(without_code).unwrap();
    let reason = "<ram:ExemptionReason>Reverse charge</ram:ExemptionReason>";
    let faults = [
        (
            "tax",
            with(&plain, "<ram:CalculatedAmount>5.51", "<ram:CalculatedAmount>3.00"),
            "BR-CO-17",
        ),
        (
            "total",
            with(&plain, "<ram:GrandTotalAmount>34.51", "<ram:GrandTotalAmount>34.52"),
            "BR-CO-15",
        ),
        (
            "due",
            with(&plain, "<ram:DuePayableAmount>34.51", "<ram:DuePayableAmount>34.50"),
            "BR-CO-16",
        ),
        ("reason", with(&without_code, reason, ""), "BR-AE-10"),
        (
            "decimals",
            with(&plain, "29.00</ram:LineTotalAmount>", "29.000</ram:LineTotalAmount>"),
            "BR-DEC-23",
        ),
        (
            "country",
            with(&plain, "<ram:CountryID>DE", "<ram:CountryID>XX"),
            "'ram:CountryID' is not allowed",
        ),
        ("element", with(&plain, "ram:LineOne", "ram:LineZero"), "XSD"),
        (
            "price",
            with(&plain, "<ram:ChargeAmount>29.00", "<ram:ChargeAmount>29.01"),
            "SUM: a line",
        ),
        ("account", with(&banked, iban, ""), "BR-61"),
        ("means", with(&banked, "<ram:TypeCode>58", "<ram:TypeCode>580"), "'ram:TypeCode' is not"),
        ("vat-id", with(&abroad, "schemeID=\"FC\"", "schemeID=\"VA\""), "BR-O-02"),
        (
            "cent",
            with(&plain, "<ram:CalculatedAmount>5.51", "<ram:CalculatedAmount>5.52"),
            "SUM: tax",
        ),
    ];
    let files: Vec<_> =
        faults.iter().map(|(name, bytes, _)| ((*name).to_owned(), bytes.clone())).collect();
    let checked = checked(&files);
    for (name, _, rule) in faults {
        let failed = &checked[name].1;
        assert!(failed.iter().any(|said| said.contains(rule)), "{name}: {failed:?}");
    }
}

#[test]
fn the_amounts_are_those_of_the_paper_to_the_last_digit() {
    for (name, paper) in of_taxes().into_iter().chain(of_shapes()) {
        let xml = xml(&paper);
        let (totals, currency) = (&paper.totals, paper.currency);
        for (element, amount) in [
            ("TaxBasisTotalAmount", totals.net),
            ("TaxTotalAmount", totals.tax),
            ("GrandTotalAmount", totals.total),
        ] {
            let texts = held(&xml, element);
            assert_eq!(texts.len(), 1, "{name}: {element}");
            assert_eq!(Money::parse(texts[0], currency), Ok(amount), "{name}: {element}");
        }
        let nets = held(&xml, "LineTotalAmount");
        let of_lines = paper.lines.iter().map(|line| Ok(line.net));
        let nets = nets.iter().map(|text| Money::parse(text, currency));
        assert!(nets.eq(of_lines.chain([Ok(totals.net)])), "{name}");
    }
}

#[test]
fn what_the_law_wants_is_said() {
    let xml_of = |wanted: &str| {
        let all = of_taxes().into_iter().chain(of_shapes());
        all.filter(|(name, _)| *name == wanted).map(|(_, paper)| xml(&paper)).next().unwrap()
    };
    let reversed = xml_of("reverse-charge");
    assert!(reversed.contains("<ram:ExemptionReason>Reverse charge<"), "{reversed}");
    assert!(reversed.contains("<ram:ID schemeID=\"VA\">DE136695976<"), "{reversed}");
    assert!(reversed.contains("<ram:ID schemeID=\"VA\">FR83404833048<"), "{reversed}");
    let within = xml_of("gst-within-a-state");
    assert_eq!(held(&within, "CategoryCode"), ["S", "S", "S"]);
    assert_eq!(held(&within, "RateApplicablePercent"), ["18", "18", "18"]);
    for note in [
        "Place of supply: Karnataka (29)",
        "CGST 9 % (IN): 269.30 INR",
        "SGST 9 % (IN-29): 269.30 INR",
    ] {
        assert!(held(&within, "Content").contains(&note), "{note}: {within}");
    }
    let note = xml_of("credit-note");
    assert_eq!(held(&note, "TypeCode")[0], "381");
    assert!(note.contains("<ram:IssuerAssignedID>ML/26-27/000001<"), "{note}");
    let export = xml_of("export-from-india");
    assert!(export.contains("LETTER OF UNDERTAKING"), "{export}");
    let partly = xml_of("partly-paid");
    assert_eq!(held(&partly, "TotalPrepaidAmount"), ["8.50"]);
    assert_eq!(held(&partly, "DuePayableAmount"), ["26.01"]);
    let categories =
        [("export-from-the-union", "O"), ("untaxed-with-vat-ids", "O"), ("zero-rate", "Z")];
    for (name, category) in categories {
        assert_eq!(held(&xml_of(name), "CategoryCode")[0], category, "{name}");
    }
}

/// Of a country that is not within SEPA.
const TURKISH: &str = "TR330006100519786457841326";

#[test]
fn how_it_is_paid_is_said_by_code() {
    let said = |paper: &Paper| {
        let xml = xml(paper);
        let (_, rest) = xml.split_once("PaymentMeans>")?;
        let means = rest.split_once("</ram:SpecifiedTradeSettlementPaymentMeans")?.0.to_owned();
        let one = |element| held(&means, element).first().map(|&text| text.to_owned());
        Some((one("TypeCode")?, one("Information"), one("IBANID")))
    };
    let owned = |text: &str| Some(text.to_owned());
    let iban = || owned("DE89370400440532013000");
    let rupees = rupees("Karnataka", false);
    let mut turkish = to_a_bank(domestic());
    if let Moves::In(settlement) = &mut turkish.moves {
        settlement.iban = owned(TURKISH);
    }
    for (paper, expected) in [
        (to_a_bank(domestic()), Some(("58".into(), None, iban()))),
        (to_a_bank(rupees), Some(("30".into(), None, iban()))),
        (turkish, Some(("30".into(), None, owned(TURKISH)))),
        (
            domestic(),
            Some((
                "1".into(),
                owned("Bank transfer to <us>".replace('<', "&lt;").replace('>', "&gt;").as_str()),
                None,
            )),
        ),
        (paid_by("razorpay", domestic()), Some(("68".into(), owned("Razorpay"), None))),
        (paid_by("manual", domestic()), Some(("1".into(), owned("Manual payment"), None))),
        (taken_back(to_a_bank(domestic())), None),
    ] {
        assert_eq!(said(&paper), expected);
    }
}

/// Beside what is not subject to VAT no VAT id stands: the seller's is a registration.
#[test]
fn a_service_to_a_buyer_abroad_is_out_of_the_scope_of_the_tax() {
    let to_america = |seller| {
        let buyer = party("Acme Inc.", "US", "TX", "12-3456789");
        xml(&invoice(seller, buyer, Currency::USD, false, &[("VPS Pro", 1, "10.00", "0")]))
    };
    let german = to_america(german());
    assert_eq!(held(&german, "CategoryCode"), ["O", "O"]);
    assert_eq!(held(&german, "ExemptionReasonCode"), ["VATEX-EU-O"]);
    assert_eq!(held(&german, "RateApplicablePercent"), Vec::<&str>::new());
    assert!(!german.contains("schemeID=\"VA\""), "{german}");
    assert!(german.contains("<ram:ID schemeID=\"FC\">DE136695976<"), "{german}");
    let swiss = to_america(party("Schweiz AG", "CH", "", "CHE107787577MWST"));
    assert_eq!(held(&swiss, "CategoryCode"), ["O", "O"]);
    let indian = to_america(indian("Karnataka", "29AAGCB7383J1Z4"));
    assert_eq!(held(&indian, "CategoryCode"), ["Z", "Z"]);
    let norwegian = to_america(party("Norge AS", "NO", "", "NO974760673MVA"));
    assert_eq!(held(&norwegian, "CategoryCode"), ["G", "G"]);
}

#[test]
fn an_e_invoice_is_the_same_for_ever() {
    for (name, paper) in of_shapes() {
        assert_eq!(
            facturx::xml(&paper, Language::En),
            facturx::xml(&paper.clone(), Language::En),
            "{name}"
        );
    }
}

type Change<'c> = &'c dyn Fn(&mut Paper);

#[test]
fn what_the_standard_cannot_carry_has_no_e_invoice() {
    let changed = |change: &dyn Fn(&mut Paper)| {
        let mut paper = reverse_charge();
        change(&mut paper);
        facturx::xml(&paper, Language::En)
    };
    assert!(changed(&|_| ()).is_some());
    let impossible: [(&str, Change<'_>); 10] = [
        ("pro forma", &|paper| (paper.kind, paper.number) = (Kind::ProForma, None)),
        ("receipt", &|paper| paper.kind = Kind::Receipt),
        ("note of a receipt", &|paper| paper.kind = Kind::ReceiptNote),
        ("no country", &|paper| paper.buyer.country.clear()),
        ("no known country", &|paper| paper.seller.country = "XX".into()),
        ("no name", &|paper| paper.buyer.name = "\u{202e}\u{7}".into()),
        ("no id of the buyer", &|paper| paper.buyer.tax_id.clear()),
        ("no id of the seller", &|paper| paper.seller.tax_id.clear()),
        ("no lines", &|paper| paper.lines.clear()),
        ("no description", &|paper| paper.lines[0].description = "\n".into()),
    ];
    for (what, change) in impossible {
        assert!(changed(change).is_none(), "{what}");
    }
    let fils = [("VPS", 1, "2.605", "0")];
    let fils = invoice(german(), party("K", "KW", "", ""), Currency::KWD, false, &fils);
    assert!(facturx::xml(&fils, Language::En).is_none());
    let mut strayed = domestic();
    strayed.totals.tax = Money::parse("6.51", Currency::EUR).unwrap();
    assert!(facturx::xml(&strayed, Language::En).is_none());
    let mut negative = domestic();
    negative.lines[0].net = Money::parse("-29.00", Currency::EUR).unwrap();
    assert!(facturx::xml(&negative, Language::En).is_none());
    let kuna = "HRK".parse().unwrap();
    let kuna = invoice(german(), german(), kuna, false, &[("VPS", 1, "2.60", "0")]);
    assert!(facturx::xml(&kuna, Language::En).is_none());
}
