//! The terms of EN 16931 for a document: everything that its XML says, checked, before a byte of it
//! is written. `None` from anything here means that the standard cannot carry the document.

use daybook_events::{
    Money,
    country::Country,
    percent::Percent,
    personal::Party,
    tax::{Supply, Tax},
    tax_id::{self, TaxIdKind},
};
use rust_decimal::{Decimal, RoundingStrategy};

use super::tree::clean;
use crate::documents::{
    language::Words,
    paper::{Days, Kind, Line, Paper},
};

/// Currencies that ISO 4217 has withdrawn, so that the standard's list does not hold them.
const WITHDRAWN: [&str; 3] = ["BGN", "HRK", "SLL"];

const NORWAY: &str = "NO";

/// A party: BG-4 or BG-7.
pub(super) struct PartyTerms {
    /// The firm's name, or else the person's.
    pub(super) name: String,
    /// The person, where they act for a firm.
    pub(super) contact: Option<String>,
    pub(super) email: Option<String>,
    /// Street and number, in three lines at most.
    pub(super) address: Vec<String>,
    pub(super) city: Option<String>,
    pub(super) postal_code: Option<String>,
    pub(super) state: Option<String>,
    pub(super) country: Country,
    /// The VAT id, with its country's prefix.
    pub(super) vat: Option<String>,
    /// A tax number of another system, such as a GSTIN.
    pub(super) other_id: Option<String>,
}

/// Why nothing is taxed: the code of the standard's list, where it has one, and words.
pub(super) struct Reason {
    pub(super) code: Option<&'static str>,
    pub(super) text: String,
}

/// How everything on the document is taxed: one category, and one rate.
pub(super) struct Category {
    /// Of UNTDID 5305.
    pub(super) code: &'static str,
    /// In percent; none where nothing is subject to tax.
    pub(super) percent: Option<Percent>,
    pub(super) reason: Option<Reason>,
}

/// A line: BG-25. Amounts are before tax.
pub(super) struct LineTerms {
    pub(super) name: String,
    pub(super) quantity: u32,
    pub(super) price: String,
    /// For how many the price is, where that is not one.
    pub(super) price_for: Option<u32>,
    pub(super) discount: Option<String>,
    pub(super) net: String,
    pub(super) days: Option<Days>,
}

/// Everything that the XML says and that may not fit.
pub(super) struct Terms {
    /// 380 or 381.
    pub(super) type_code: &'static str,
    pub(super) number: String,
    pub(super) seller: PartyTerms,
    pub(super) buyer: PartyTerms,
    pub(super) category: Category,
    pub(super) lines: Vec<LineTerms>,
    pub(super) net: String,
    pub(super) tax: String,
    pub(super) total: String,
}

impl Terms {
    pub(super) fn of(paper: &Paper, words: &Words) -> Option<Self> {
        let type_code = match paper.kind {
            Kind::Invoice => "380",
            Kind::CreditNote => "381",
            Kind::Receipt | Kind::ReceiptNote | Kind::ProForma => return None,
        };
        if WITHDRAWN.contains(&paper.currency.as_str()) || paper.lines.is_empty() {
            return None;
        }
        let (mut seller, mut buyer) = (party(&paper.seller)?, party(&paper.buyer)?);
        let category = category(&paper.tax, &seller, &buyer, words)?;
        if category.percent.is_none() {
            // What is not subject to VAT is said without VAT ids (BR-O-02).
            without_vat_id(&mut seller);
            without_vat_id(&mut buyer);
        }
        if seller.vat.is_none() && seller.other_id.is_none() {
            return None;
        }
        tax_fits(&category, paper.totals.net, paper.totals.tax)?;
        let lines = paper.lines.iter().map(|line| LineTerms::of(&paper.tax, line, words));
        Some(Self {
            type_code,
            number: clean(paper.number.as_deref()?)?,
            seller,
            buyer,
            category,
            lines: lines.collect::<Option<_>>()?,
            net: amount(paper.totals.net)?,
            tax: amount(paper.totals.tax)?,
            total: amount(paper.totals.total)?,
        })
    }
}

/// An amount with two decimals at most (rules BR-DEC).
pub(super) fn amount(money: Money) -> Option<String> {
    match (money.currency().exponent(), money.minor()) {
        (0..=2, _) => Some(money.amount().to_string()),
        (3, minor) if minor % 10 == 0 => {
            Some(Decimal::from_i128_with_scale(minor / 10, 2).to_string())
        }
        _ => None,
    }
}

fn party(party: &Party) -> Option<PartyTerms> {
    let country: Country = party.country.parse().ok()?;
    let (person, company) = (clean(&party.name), clean(&party.company));
    let (name, contact) = match company {
        Some(company) => (company, person),
        None => (person?, None),
    };
    let (vat, other_id) = match tax_id::check(country, &party.tax_id) {
        Ok(id) => match id.kind {
            TaxIdKind::EuVat | TaxIdKind::GbVat | TaxIdKind::ChVat | TaxIdKind::NoVat => {
                (Some(id.normalised), None)
            }
            TaxIdKind::Gstin | TaxIdKind::Other => (None, Some(id.normalised)),
        },
        Err(_) => (None, clean(&party.tax_id)),
    };
    Some(PartyTerms {
        name,
        contact,
        email: clean(&party.email),
        address: address(&party.address),
        city: clean(&party.city),
        postal_code: clean(&party.postal_code),
        state: clean(&party.state),
        country,
        vat,
        other_id,
    })
}

/// The lines of an address; the third takes whatever is left.
fn address(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().filter_map(clean).collect();
    if lines.len() > 3 {
        let rest = lines.split_off(2).join(", ");
        lines.push(rest);
    }
    lines
}

fn without_vat_id(party: &mut PartyTerms) {
    if let Some(vat) = party.vat.take() {
        party.other_id = Some(vat);
    }
}

/// The category of all that a document sells, which are services.
///
/// What a seller in the European Union supplies to a buyer outside of it is supplied where the buyer
/// is (Directive 2006/112/EC, articles 44 and 59): no VAT of the Union is about it. That is `O`,
/// "services outside scope of tax" in UNTDID 5305, with `VATEX-EU-O`; `G`, "free export item", is
/// for goods that leave. It is the same for sellers in the United Kingdom and in Switzerland, whose
/// laws place such a service at the buyer too. In India and in Norway an exported service is in the
/// scope of the tax, at a rate of zero (section 16 of the IGST Act; section 6-22 of the
/// merverdiavgiftslov, for which Norway's own lists have `G`).
fn category(tax: &Tax, seller: &PartyTerms, buyer: &PartyTerms, words: &Words) -> Option<Category> {
    let reason = |code, otherwise: &str| {
        let said = tax.wording.as_deref().and_then(|said| clean(&words.wording(said)));
        Some(Reason { code, text: said.unwrap_or_else(|| otherwise.to_owned()) })
    };
    let at_zero = |code, reason| Category { code, percent: Some(Percent::ZERO), reason };
    match tax.supply {
        Supply::Taxed => {
            let percent = tax.percent();
            let code = if percent.is_zero() { "Z" } else { "S" };
            Some(Category { code, percent: Some(percent), reason: None })
        }
        Supply::ReverseCharge => {
            let reason = reason(Some("VATEX-EU-AE"), words.reverse_charge);
            // Both must be known by their VAT ids (article 226, points 3 and 4).
            (seller.vat.is_some() && buyer.vat.is_some()).then(|| at_zero("AE", reason))
        }
        // It carries no reason here: its wording is a note.
        Supply::Export if seller.country == Country::INDIA => Some(at_zero("Z", None)),
        Supply::Export if seller.country.as_str() == NORWAY && seller.vat.is_some() => {
            Some(at_zero("G", reason(None, words.export)))
        }
        Supply::Export | Supply::Untaxed => {
            let reason = reason(Some("VATEX-EU-O"), words.not_subject);
            Some(Category { code: "O", percent: None, reason })
        }
        Supply::MerchantOfRecord => None,
    }
}

/// The rules take a tax that is less than one unit of currency off its rate (BR-CO-17, BR-S-09).
/// Rounding line by line can stray further, in a currency without decimals.
fn tax_fits(category: &Category, net: Money, tax: Money) -> Option<()> {
    let Some(percent) = category.percent.filter(|percent| !percent.is_zero()) else {
        return tax.is_zero().then_some(());
    };
    let percent: Decimal = percent.to_string().parse().ok()?;
    let hundredths = net.amount().checked_mul(percent)?;
    let rounded = hundredths.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero);
    let off = tax.amount().checked_sub(rounded.checked_div(Decimal::ONE_HUNDRED)?)?.abs();
    // A rate that rounds to nothing wants a tax that does.
    let half = Decimal::new(5, 1);
    let vanishes = percent >= half || tax.amount() < half;
    (off < Decimal::ONE && vanishes).then_some(())
}

impl LineTerms {
    fn of(tax: &Tax, line: &Line, words: &Words) -> Option<Self> {
        let discount = before_tax(tax, line.discount)?;
        let undiscounted = line.net.plus(discount).ok()?;
        if discount.minor() < 0 || undiscounted.minor() < 0 || line.net.minor() < 0 {
            return None;
        }
        let (price, price_for) = price(line, undiscounted)?;
        Some(Self {
            name: clean(&words.sold(&line.description))?,
            quantity: line.quantity,
            price,
            price_for,
            discount: if discount.is_zero() { None } else { Some(amount(discount)?) },
            net: amount(line.net)?,
            days: line.days,
        })
    }
}

/// What an amount in the terms of the price list is before tax.
fn before_tax(tax: &Tax, amount: Money) -> Option<Money> {
    if !tax.inclusive {
        return Some(amount);
    }
    tax.rates.iter().try_fold(amount, |left, rate| left.minus(tax.on(rate, amount).ok()?).ok())
}

/// The price, and for how many it is. Where the price of one, before tax, would not be a whole
/// number of minor units, the price is that of all together: exact, whatever the quantity.
fn price(line: &Line, undiscounted: Money) -> Option<(String, Option<u32>)> {
    let quantity = i64::from(line.quantity);
    if line.unit_price.ratio(quantity, 1).ok()? == undiscounted && line.unit_price.minor() >= 0 {
        return Some((line.unit_price.amount().to_string(), None));
    }
    if quantity == 0 {
        return None;
    }
    let one = Money::from_minor(undiscounted.minor() / i128::from(quantity), line.net.currency());
    let one = one.ok()?;
    if one.ratio(quantity, 1).ok()? == undiscounted {
        return Some((one.amount().to_string(), None));
    }
    Some((undiscounted.amount().to_string(), Some(line.quantity)))
}
