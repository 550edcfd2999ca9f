//! Every word of ours is in the language of the document: what two languages' pages have in common
//! is either the ledger's data or the same word in both.

use std::{collections::BTreeSet, process::Command};

use daybook::documents::{
    facturx,
    language::Language,
    paper::{Kind, Line, Moves, Paper, Reason},
    press::{Press, Style},
};
use daybook_events::{
    personal::Party,
    tax::{Supply, Tax, TaxRules},
};

use super::papers::{self, paid, taken_back};

/// Words of ours that German or French has as English has them.
const SAME: [(Language, &str); 2] = [
    // "Merchant of record" is a term of the trade without a German word.
    (Language::De, "Kuwait Vietnam Union Merchant of Record"),
    (Language::Fr, "Pro forma Page Date Document Total due Kuwait France Union merchant of record"),
];

/// The words of a text, in small letters: runs of two letters at least.
fn words(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_alphabetic()).filter(|word| word.chars().count() > 1);
    words.map(str::to_lowercase).collect()
}

fn page(paper: &Paper, language: Language) -> BTreeSet<String> {
    let press = Press::new(Style { language, ..Style::default() }).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("page.pdf");
    std::fs::write(&file, press.print(paper).unwrap()).unwrap();
    let raw = Command::new("pdftotext").arg("-raw").arg(&file).arg("-").output().unwrap();
    words(&String::from_utf8(raw.stdout).unwrap())
}

/// The texts of an e-invoice, without its elements.
fn texts(paper: &Paper, language: Language) -> BTreeSet<String> {
    let Some(xml) = facturx::xml(paper, language) else { return BTreeSet::new() };
    let mut xml = String::from_utf8(xml).unwrap();
    for (escaped, sign) in [("&lt;", " "), ("&gt;", " "), ("&quot;", " "), ("&apos;", "'")] {
        xml = xml.replace(escaped, sign);
    }
    let xml = xml.replace("&amp;", "&");
    let texts = xml.split('<').filter_map(|part| part.split_once('>').map(|(_, text)| text));
    words(&texts.collect::<Vec<_>>().join(" "))
}

/// What of a document is the seller's, the customer's or a processor's own.
fn data(paper: &Paper) -> String {
    let of_party = |party: &Party| {
        let Party { name, company, email, address, city, state, postal_code, country, tax_id } =
            party;
        [name, company, email, address, city, state, postal_code, country, tax_id]
            .map(String::as_str)
            .join(" ")
    };
    let sold = |line: &Line| line.description.split(" (").next().unwrap_or_default().to_owned();
    let mut data = vec![of_party(&paper.seller), of_party(&paper.buyer), paper.account.clone()];
    data.extend(paper.lines.iter().map(sold));
    data.extend(paper.number.clone());
    data.extend(paper.original.as_ref().map(|original| original.number.clone()));
    if let Some(Reason::Told(told)) = &paper.reason {
        data.push(told.clone());
    }
    for tax in &paper.totals.taxes {
        data.extend([tax.rate.name.clone(), tax.rate.jurisdiction.clone()]);
    }
    data.extend(paper.tax.place_of_supply.clone());
    if let Moves::In(settlement) = &paper.moves {
        let payments = settlement.payments.iter();
        data.extend(payments.map(|paid| format!("{} {}", paid.by, paid.reference)));
        data.extend(settlement.instructions.clone());
        data.extend(settlement.iban.clone());
    }
    // Codes, names of tax systems and of merchants are the same wherever they stand.
    data.push(format!("{} GSTIN Lemon Squeezy Razorpay IN", paper.currency));
    data.push("VATEX EU VAT VA FC AE urn cen en false".to_owned());
    data.push("State of supply Maharashtra Karnataka".to_owned());
    data.join(" ")
}

/// Words of English pages that stand on those of another language too, and are ours.
fn left_over(
    paper: &Paper,
    language: Language,
    said: fn(&Paper, Language) -> BTreeSet<String>,
) -> Vec<String> {
    let (english, other) = (said(paper, Language::En), said(paper, language));
    let same = SAME.iter().filter(|(of, _)| *of == language).map(|(_, same)| *same);
    let data = data(paper);
    let known = words(&same.chain([data.as_str()]).collect::<Vec<_>>().join(" "));
    // A word that is too long for its line is broken.
    let data = data.to_lowercase();
    let is_part = |word: &str| word.chars().count() > 14 && data.contains(word);
    let both = english.intersection(&other);
    both.filter(|word| !known.contains(*word) && !is_part(word)).cloned().collect()
}

fn treated(seller: &str, buyer: (&str, &str), tax: impl Fn(Tax) -> Tax) -> Paper {
    let mut paper = papers::euros();
    paper.seller.country = seller.into();
    paper.seller.tax_id = if seller == "DE" { "DE136695976".into() } else { String::new() };
    (paper.buyer.country, paper.buyer.tax_id) = (buyer.0.into(), buyer.1.into());
    let treated = TaxRules::default().treatment(1, &paper.seller, &paper.buyer).unwrap();
    paper.tax = tax(treated);
    paper
}

/// Beside every document of every kind: each wording, each reason and each line that we write.
fn all() -> Vec<(String, Paper)> {
    let mut all: Vec<_> =
        papers::all().into_iter().map(|(name, paper, _)| (name.to_owned(), paper)).collect();
    let mut add = |name: &str, paper: Paper| all.push((name.to_owned(), paper));
    add("owed by the buyer", treated("DE", ("FR", "FR83404833048"), |tax| tax));
    add("out of the union", treated("DE", ("US", ""), |tax| tax));
    add("out of norway", treated("NO", ("US", ""), |tax| tax));
    add("untaxed", treated("DE", ("DE", ""), |tax| tax));
    let mut merchant =
        paid(treated("DE", ("US", ""), |_| Tax::merchant_of_record("Lemon Squeezy")));
    merchant.kind = Kind::Receipt;
    assert_eq!(merchant.tax.supply, Supply::MerchantOfRecord);
    add("by a merchant", merchant);
    for reason in [Reason::PlanChange, Reason::Refund, Reason::Ended, Reason::Correction] {
        for kind in [Kind::CreditNote, Kind::ReceiptNote] {
            let name = format!("{reason:?} {kind:?}");
            let mut note = taken_back(papers::euros(), kind);
            note.reason = Some(reason.clone());
            add(&name, note);
        }
    }
    for sold in [
        "Zyx (monthly)",
        "Zyx (yearly)",
        "Zyx (monthly), rest of period",
        "Zyx (monthly), plan change",
        "Zyx (yearly), further charge",
    ] {
        let mut paper = paid(papers::euros());
        paper.lines[0].description = sold.into();
        if let Moves::In(settlement) = &mut paper.moves {
            settlement.payments[0].by = "manual".into();
        }
        add(sold, paper);
    }
    let mut nowhere_to_pay = papers::euros();
    if let Moves::In(settlement) = &mut nowhere_to_pay.moves {
        settlement.instructions.clear();
        (settlement.iban, settlement.due_on) = (None, None);
    }
    add("nowhere to pay", nowhere_to_pay);
    all
}

#[test]
fn no_english_word_of_ours_stays_on_a_page_or_in_an_e_invoice_of_another_language() {
    let mut left = Vec::new();
    for (name, paper) in all() {
        for language in [Language::De, Language::Fr] {
            for said in [page, texts] {
                let words = left_over(&paper, language, said);
                left.extend(
                    (!words.is_empty()).then(|| format!("{name}, {language:?}: {words:?}")),
                );
            }
        }
    }
    assert!(left.is_empty(), "{}", left.join("\n"));
}

/// A wording that no table has is printed as it is, and so is found on every page.
#[test]
fn a_word_that_is_in_no_table_is_noticed() {
    let mut paper = papers::euros();
    paper.tax.wording = Some("Zero rated by planted fault".into());
    for said in [page, texts] {
        let left = left_over(&paper, Language::De, said);
        assert_eq!(left, ["by", "fault", "planted", "rated", "zero"]);
    }
}

#[test]
fn the_legal_wordings_are_those_of_the_directive() {
    let paper = treated("DE", ("FR", "FR83404833048"), |tax| tax);
    for (language, wording) in [
        (Language::En, "<ram:ExemptionReason>Reverse charge<"),
        (Language::De, "<ram:ExemptionReason>Steuerschuldnerschaft des Leistungsempfängers<"),
        (Language::Fr, "<ram:ExemptionReason>Autoliquidation<"),
    ] {
        let xml = String::from_utf8(facturx::xml(&paper, language).unwrap()).unwrap();
        assert!(xml.contains(wording), "{xml}");
    }
}
