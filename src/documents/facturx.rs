//! E-invoices: a document as the XML that European tax offices and bookkeeping programs read.
//!
//! The syntax is UN/CEFACT's Cross Industry Invoice at Factur-X's profile EN 16931. The same
//! document gives the same bytes for ever. There is no e-invoice (`None`) where the standard cannot
//! carry the document truthfully:
//!
//! - a pro forma, which demands nothing, and the receipts of a merchant of record, which issues the
//!   tax invoice itself;
//! - a party without a country that ISO 3166 knows or without a name, such as a customer whose
//!   personal data was forgotten; a seller without any tax id;
//! - a reverse charge without the VAT ids of both;
//! - amounts with a third decimal that is not zero (KWD and its like): the standard has two;
//! - a currency that ISO 4217 has withdrawn;
//! - a tax that strays from its rate by a whole unit of currency, which only rounding line by line
//!   in a currency without decimals can do;
//! - a document without lines, or with a line that is negative or has no description.
//!
//! The standard knows one tax, VAT, and one breakdown by rate. So taxes that stand on one base,
//! such as CGST and SGST, become one rate, their sum, and each is named in a note with its own
//! amount. Prices that hold tax become prices before it.
//!
//! What is sold is a service. Abroad it is outside the scope of the seller's VAT, category `O`, with
//! no VAT id of either party beside it (rules BR-O-02 to BR-O-04): the seller's stands as a tax
//! registration (BT-32), which the rules allow. Where that rests is said at `terms::category`.
//!
//! The words are those of the language that the page is printed in, so that both say the same. The
//! HSN or SAC alone is on the page only: it is a setting of printing and no part of the document,
//! India's rule is about the page, and the standard's list of classifications (UNTDID 7143, for
//! BT-158) has no scheme for SACs.

mod means;
mod notes;
mod terms;
mod tree;

use std::io;

use daybook_events::Money;

use self::{
    means::Means,
    terms::{Category, LineTerms, PartyTerms, Terms},
    tree::Tree,
};
use super::{
    language::{Language, Words},
    paper::{Days, Moves, Original, Paper},
};

const NAMESPACES: [(&str, &str); 4] = [
    ("xmlns:rsm", "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"),
    (
        "xmlns:ram",
        "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    ),
    ("xmlns:qdt", "urn:un:unece:uncefact:data:standard:QualifiedDataType:100"),
    ("xmlns:udt", "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100"),
];
/// The profile: BT-24.
const PROFILE: &str = "urn:cen.eu:en16931:2017";
/// One of something, by recommendation 20 of UN/ECE.
const ONE: &str = "C62";
/// A discount, by UNTDID 5189.
const DISCOUNT: &str = "95";

/// The e-invoice of a document in the words of a language, in UTF-8; `None` where there is none (see
/// the module).
#[must_use]
pub fn xml(paper: &Paper, language: Language) -> Option<Vec<u8>> {
    let words = language.words();
    let terms = Terms::of(paper, words)?;
    let due = Due::of(paper)?;
    // Memory takes every byte, so nothing here fails.
    Tree::document("rsm:CrossIndustryInvoice", &NAMESPACES, |tree| {
        tree.within("rsm:ExchangedDocumentContext", |tree| {
            tree.within("ram:GuidelineSpecifiedDocumentContextParameter", |tree| {
                tree.text("ram:ID", PROFILE)
            })
        })?;
        head(tree, (paper, words), &terms)?;
        tree.within("rsm:SupplyChainTradeTransaction", |tree| {
            for (index, line) in terms.lines.iter().enumerate() {
                line_item(tree, index + 1, line, (&terms.category, words))?;
            }
            agreement(tree, paper, &terms)?;
            delivery(tree, &terms.buyer)?;
            settlement(tree, (paper, words), &terms, &due)
        })
    })
    .ok()
}

/// What is paid, and what is to be paid: BT-113 and BT-115.
struct Due {
    paid: Option<String>,
    due: String,
}

impl Due {
    /// Nothing of a credit note has moved when it is issued: where it goes is in its terms.
    fn of(paper: &Paper) -> Option<Self> {
        let total = paper.totals.total;
        let due = match &paper.moves {
            Moves::In(settlement) => settlement.due,
            Moves::Back(_) => total,
        };
        let paid = total.minus(due).ok()?;
        let shown = |money: Money| terms::amount(money);
        let paid = if paid.is_zero() { None } else { Some(shown(paid)?) };
        Some(Self { paid, due: shown(due)? })
    }
}

fn head(tree: &mut Tree, (paper, words): (&Paper, &Words), terms: &Terms) -> io::Result<()> {
    tree.within("rsm:ExchangedDocument", |tree| {
        tree.text("ram:ID", &terms.number)?;
        tree.text("ram:TypeCode", terms.type_code)?;
        tree.day("ram:IssueDateTime", "udt", paper.issued_on)?;
        for note in notes::of(paper, words, terms.category.reason.is_some()) {
            tree.within("ram:IncludedNote", |tree| tree.text("ram:Content", &note))?;
        }
        Ok(())
    })
}

fn line_item(
    tree: &mut Tree,
    number: usize,
    line: &LineTerms,
    (category, words): (&Category, &Words),
) -> io::Result<()> {
    tree.within("ram:IncludedSupplyChainTradeLineItem", |tree| {
        tree.within("ram:AssociatedDocumentLineDocument", |tree| {
            tree.text("ram:LineID", &number.to_string())
        })?;
        tree.within("ram:SpecifiedTradeProduct", |tree| tree.text("ram:Name", &line.name))?;
        tree.within("ram:SpecifiedLineTradeAgreement", |tree| price(tree, line))?;
        tree.within("ram:SpecifiedLineTradeDelivery", |tree| {
            let quantity = line.quantity.to_string();
            tree.marked("ram:BilledQuantity", ("unitCode", ONE), &quantity)
        })?;
        tree.within("ram:SpecifiedLineTradeSettlement", |tree| {
            tree.within("ram:ApplicableTradeTax", |tree| {
                tree.text("ram:TypeCode", "VAT")?;
                tree.text("ram:CategoryCode", category.code)?;
                rate(tree, category)
            })?;
            period(tree, line.days)?;
            discount(tree, line, words)?;
            tree.within("ram:SpecifiedTradeSettlementLineMonetarySummation", |tree| {
                tree.text("ram:LineTotalAmount", &line.net)
            })
        })
    })
}

fn price(tree: &mut Tree, line: &LineTerms) -> io::Result<()> {
    tree.within("ram:NetPriceProductTradePrice", |tree| {
        tree.text("ram:ChargeAmount", &line.price)?;
        match line.price_for {
            Some(count) => tree.marked("ram:BasisQuantity", ("unitCode", ONE), &count.to_string()),
            None => Ok(()),
        }
    })
}

fn discount(tree: &mut Tree, line: &LineTerms, words: &Words) -> io::Result<()> {
    let Some(discount) = &line.discount else { return Ok(()) };
    tree.within("ram:SpecifiedTradeAllowanceCharge", |tree| {
        tree.within("ram:ChargeIndicator", |tree| tree.text("udt:Indicator", "false"))?;
        tree.text("ram:ActualAmount", discount)?;
        tree.text("ram:ReasonCode", DISCOUNT)?;
        tree.text("ram:Reason", words.discount)
    })
}

fn rate(tree: &mut Tree, category: &Category) -> io::Result<()> {
    let percent = category.percent.map(|percent| percent.to_string());
    tree.maybe("ram:RateApplicablePercent", percent.as_deref())
}

fn period(tree: &mut Tree, days: Option<Days>) -> io::Result<()> {
    let Some(days) = days else { return Ok(()) };
    tree.within("ram:BillingSpecifiedPeriod", |tree| {
        tree.day("ram:StartDateTime", "udt", days.first)?;
        tree.day("ram:EndDateTime", "udt", days.last)
    })
}

fn agreement(tree: &mut Tree, paper: &Paper, terms: &Terms) -> io::Result<()> {
    tree.within("ram:ApplicableHeaderTradeAgreement", |tree| {
        tree.within("ram:SellerTradeParty", |tree| {
            party(tree, &terms.seller)?;
            registration(tree, "VA", terms.seller.vat.as_deref())?;
            registration(tree, "FC", terms.seller.other_id.as_deref())
        })?;
        tree.within("ram:BuyerTradeParty", |tree| {
            tree.maybe("ram:ID", tree::clean(&paper.account).as_deref())?;
            party(tree, &terms.buyer)?;
            registration(tree, "VA", terms.buyer.vat.as_deref())
        })?;
        match paper.order_number.as_deref().and_then(tree::clean) {
            Some(number) => tree.within("ram:SellerOrderReferencedDocument", |tree| {
                tree.text("ram:IssuerAssignedID", &number)
            }),
            None => Ok(()),
        }
    })
}

fn party(tree: &mut Tree, party: &PartyTerms) -> io::Result<()> {
    tree.text("ram:Name", &party.name)?;
    if let Some(id) = &party.other_id {
        tree.within("ram:SpecifiedLegalOrganization", |tree| tree.text("ram:ID", id))?;
    }
    contact(tree, party)?;
    tree.within("ram:PostalTradeAddress", |tree| {
        tree.maybe("ram:PostcodeCode", party.postal_code.as_deref())?;
        for (name, line) in
            ["ram:LineOne", "ram:LineTwo", "ram:LineThree"].iter().zip(&party.address)
        {
            tree.text(name, line)?;
        }
        tree.maybe("ram:CityName", party.city.as_deref())?;
        tree.text("ram:CountryID", party.country.as_str())?;
        tree.maybe("ram:CountrySubDivisionName", party.state.as_deref())
    })
}

/// Where the service goes: BG-15. The schema wants the element, and the rules want it to hold
/// something.
fn delivery(tree: &mut Tree, buyer: &PartyTerms) -> io::Result<()> {
    tree.within("ram:ApplicableHeaderTradeDelivery", |tree| {
        tree.within("ram:ShipToTradeParty", |tree| {
            tree.within("ram:PostalTradeAddress", |tree| {
                tree.text("ram:CountryID", buyer.country.as_str())?;
                tree.maybe("ram:CountrySubDivisionName", buyer.state.as_deref())
            })
        })
    })
}

fn contact(tree: &mut Tree, party: &PartyTerms) -> io::Result<()> {
    if party.contact.is_none() && party.email.is_none() {
        return Ok(());
    }
    tree.within("ram:DefinedTradeContact", |tree| {
        tree.maybe("ram:PersonName", party.contact.as_deref())?;
        match &party.email {
            Some(email) => tree
                .within("ram:EmailURIUniversalCommunication", |tree| tree.text("ram:URIID", email)),
            None => Ok(()),
        }
    })
}

fn registration(tree: &mut Tree, scheme: &str, id: Option<&str>) -> io::Result<()> {
    let Some(id) = id else { return Ok(()) };
    tree.within("ram:SpecifiedTaxRegistration", |tree| {
        tree.marked("ram:ID", ("schemeID", scheme), id)
    })
}

fn settlement(
    tree: &mut Tree,
    (paper, words): (&Paper, &Words),
    terms: &Terms,
    due: &Due,
) -> io::Result<()> {
    tree.within("ram:ApplicableHeaderTradeSettlement", |tree| {
        tree.text("ram:InvoiceCurrencyCode", paper.currency.as_str())?;
        Means::of(paper, words).map_or(Ok(()), |means| means.write(tree))?;
        breakdown(tree, terms)?;
        period(tree, paper.period)?;
        terms_of_payment(tree, &paper.moves, words)?;
        tree.within("ram:SpecifiedTradeSettlementHeaderMonetarySummation", |tree| {
            tree.text("ram:LineTotalAmount", &terms.net)?;
            tree.text("ram:TaxBasisTotalAmount", &terms.net)?;
            let currency = ("currencyID", paper.currency.as_str());
            tree.marked("ram:TaxTotalAmount", currency, &terms.tax)?;
            tree.text("ram:GrandTotalAmount", &terms.total)?;
            tree.maybe("ram:TotalPrepaidAmount", due.paid.as_deref())?;
            tree.text("ram:DuePayableAmount", &due.due)
        })?;
        paper.original.as_ref().map_or(Ok(()), |original| preceding(tree, original))
    })
}

fn breakdown(tree: &mut Tree, terms: &Terms) -> io::Result<()> {
    let reason = terms.category.reason.as_ref();
    tree.within("ram:ApplicableTradeTax", |tree| {
        tree.text("ram:CalculatedAmount", &terms.tax)?;
        tree.text("ram:TypeCode", "VAT")?;
        tree.maybe("ram:ExemptionReason", reason.map(|reason| reason.text.as_str()))?;
        tree.text("ram:BasisAmount", &terms.net)?;
        tree.text("ram:CategoryCode", terms.category.code)?;
        tree.maybe("ram:ExemptionReasonCode", reason.and_then(|reason| reason.code))?;
        rate(tree, &terms.category)
    })
}

fn terms_of_payment(tree: &mut Tree, moves: &Moves, words: &Words) -> io::Result<()> {
    let terms = notes::terms_of_payment(moves, words);
    let due_on = match moves {
        Moves::In(settlement) if !settlement.due.is_zero() => settlement.due_on,
        Moves::In(_) | Moves::Back(_) => None,
    };
    if terms.is_none() && due_on.is_none() {
        return Ok(());
    }
    tree.within("ram:SpecifiedTradePaymentTerms", |tree| {
        tree.maybe("ram:Description", terms.as_deref())?;
        due_on.map_or(Ok(()), |day| tree.day("ram:DueDateDateTime", "udt", day))
    })
}

/// The invoice that a credit note takes from: BG-3.
fn preceding(tree: &mut Tree, original: &Original) -> io::Result<()> {
    let Some(number) = tree::clean(&original.number) else { return Ok(()) };
    tree.within("ram:InvoiceReferencedDocument", |tree| {
        tree.text("ram:IssuerAssignedID", &number)?;
        tree.day("ram:FormattedIssueDateTime", "qdt", original.issued_on)
    })
}
