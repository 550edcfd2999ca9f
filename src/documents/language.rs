//! The languages that documents are printed in: their words, and how they write numbers and dates.

use chrono::{Datelike, NaiveDate};
use daybook_events::{Currency, Money, country::Country, percent::Percent};
use serde::{Deserialize, Serialize};

use super::paper::{Days, Kind};

/// A language of documents.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// German.
    De,
    /// French.
    Fr,
}

/// The words of a language, and its way of writing numbers and dates.
#[derive(Debug)]
pub struct Words {
    /// Its tag, such as `en`.
    pub(super) tag: &'static str,
    thousands: char,
    decimal: char,
    /// Whether the sign of a currency stands before the number.
    sign_first: bool,
    /// Between a number and `%`.
    percent: &'static str,
    date: fn(NaiveDate) -> String,
    titles: [&'static str; 5],
    pub(super) issued_on: &'static str,
    pub(super) due_on: &'static str,
    pub(super) period: &'static str,
    pub(super) order: &'static str,
    pub(super) account: &'static str,
    pub(super) original: &'static str,
    pub(super) original_on: &'static str,
    pub(super) reason: &'static str,
    pub(super) from: &'static str,
    pub(super) bill_to: &'static str,
    pub(super) vat_id: &'static str,
    pub(super) tax_id: &'static str,
    pub(super) description: &'static str,
    pub(super) quantity: &'static str,
    pub(super) unit_price: &'static str,
    pub(super) discount: &'static str,
    pub(super) tax: &'static str,
    pub(super) amount: &'static str,
    pub(super) subtotal: &'static str,
    pub(super) subtotal_with_tax: &'static str,
    pub(super) net: &'static str,
    /// Between a rate and its base.
    pub(super) on: &'static str,
    pub(super) total: &'static str,
    pub(super) paid: &'static str,
    pub(super) credit: &'static str,
    pub(super) credited: &'static str,
    pub(super) written_off: &'static str,
    pub(super) due: &'static str,
    pub(super) reduces_due: &'static str,
    pub(super) to_credit: &'static str,
    pub(super) to_refund: &'static str,
    pub(super) place_of_supply: &'static str,
    pub(super) no_reverse_charge: &'static str,
    pub(super) prices_with_tax: &'static str,
    pub(super) pro_forma: &'static str,
    pub(super) payments: &'static str,
    pub(super) paid_on: &'static str,
    pub(super) paid_by: &'static str,
    pub(super) reference: &'static str,
    pub(super) how_to_pay: &'static str,
    pub(super) page: &'static str,
    pub(super) of: &'static str,
    pub(super) logo_of: &'static str,
}

impl Language {
    /// Its words.
    #[must_use]
    pub fn words(self) -> &'static Words {
        match self {
            Self::En => &ENGLISH,
            Self::De => &GERMAN,
            Self::Fr => &FRENCH,
        }
    }
}

/// The currencies whose sign is theirs alone; all others are named by their code.
const SIGNS: &[(&str, &str)] = &[
    ("USD", "$"),
    ("EUR", "€"),
    ("GBP", "£"),
    ("INR", "₹"),
    ("JPY", "¥"),
    ("KRW", "₩"),
    ("TRY", "₺"),
    ("RUB", "₽"),
    ("UAH", "₴"),
    ("ILS", "₪"),
    ("VND", "₫"),
    ("NGN", "₦"),
    ("KZT", "₸"),
    ("PHP", "₱"),
];

fn sign(currency: Currency) -> Option<&'static str> {
    SIGNS.iter().find(|(code, _)| *code == currency.as_str()).map(|(_, sign)| *sign)
}

impl Words {
    /// What a document is called.
    #[must_use]
    pub fn title(&self, kind: Kind) -> &'static str {
        let [invoice, credit_note, receipt, receipt_note, pro_forma] = self.titles;
        match kind {
            Kind::Invoice => invoice,
            Kind::CreditNote => credit_note,
            Kind::Receipt => receipt,
            Kind::ReceiptNote => receipt_note,
            Kind::ProForma => pro_forma,
        }
    }

    /// An amount with every digit of its currency, grouped by thousands, with the currency's sign
    /// or code.
    #[must_use]
    pub fn money(&self, money: Money) -> String {
        let currency = money.currency();
        let minor = money.minor();
        let digits = self.grouped(minor.unsigned_abs(), currency.exponent());
        let minus = if minor < 0 { "-" } else { "" };
        match (sign(currency), self.sign_first) {
            (Some(sign), true) => format!("{minus}{sign}{digits}"),
            (None, true) => format!("{minus}{currency} {digits}"),
            (sign, false) => format!("{minus}{digits} {}", sign.unwrap_or(currency.as_str())),
        }
    }

    /// The same with its sign turned: what is taken away.
    #[must_use]
    pub fn less(&self, money: Money) -> String {
        let turned = Money::from_minor(-money.minor(), money.currency());
        self.money(turned.unwrap_or(money))
    }

    fn grouped(&self, minor: u128, exponent: u32) -> String {
        let unit = 10_u128.pow(exponent);
        let whole = self.count(minor / unit);
        match usize::try_from(exponent).unwrap_or(0) {
            0 => whole,
            places => format!("{whole}{}{:0places$}", self.decimal, minor % unit),
        }
    }

    /// A whole number, grouped by thousands.
    fn count(&self, number: u128) -> String {
        let digits = number.to_string();
        let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                grouped.push(self.thousands);
            }
            grouped.push(digit);
        }
        grouped
    }

    /// How many.
    #[must_use]
    pub fn quantity_of(&self, quantity: u32) -> String {
        self.count(quantity.into())
    }

    /// A rate.
    #[must_use]
    pub fn rate(&self, percent: Percent) -> String {
        let digits = percent.to_string().replace('.', &self.decimal.to_string());
        format!("{digits}{}%", self.percent)
    }

    /// What a country's tax id is called.
    #[must_use]
    pub fn tax_id_of(&self, country: &str) -> &'static str {
        match country.parse::<Country>() {
            Ok(Country::INDIA) => "GSTIN",
            Ok(country) if country.is_in_eu_vat() || country.as_str() == "GB" => self.vat_id,
            Ok(_) | Err(_) => self.tax_id,
        }
    }

    /// A day.
    #[must_use]
    pub fn day(&self, day: NaiveDate) -> String {
        (self.date)(day)
    }

    /// Days of service, from the first to the last.
    #[must_use]
    pub fn days(&self, days: Days) -> String {
        if days.first == days.last {
            return self.day(days.first);
        }
        format!("{} – {}", self.day(days.first), self.day(days.last))
    }
}

/// Months in English, since a number for them means another day across the Atlantic.
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn by_month_name(day: NaiveDate) -> String {
    let month = usize::try_from(day.month0()).ok().and_then(|month| MONTHS.get(month));
    format!("{} {} {}", day.day(), month.copied().unwrap_or_default(), day.year())
}

fn by_dots(day: NaiveDate) -> String {
    format!("{:02}.{:02}.{}", day.day(), day.month(), day.year())
}

fn by_slashes(day: NaiveDate) -> String {
    format!("{:02}/{:02}/{}", day.day(), day.month(), day.year())
}

static ENGLISH: Words = Words {
    tag: "en",
    thousands: ',',
    decimal: '.',
    sign_first: true,
    percent: "",
    date: by_month_name,
    titles: ["INVOICE", "CREDIT NOTE", "RECEIPT", "RECEIPT CORRECTION", "PRO FORMA"],
    issued_on: "Issue date",
    due_on: "Due date",
    period: "Service period",
    order: "Order",
    account: "Customer reference",
    original: "Original document",
    original_on: "Original date",
    reason: "Reason",
    from: "From",
    bill_to: "Bill to",
    vat_id: "VAT ID",
    tax_id: "Tax ID",
    description: "Description",
    quantity: "Qty",
    unit_price: "Unit price",
    discount: "Discount",
    tax: "Tax",
    amount: "Amount",
    subtotal: "Subtotal",
    subtotal_with_tax: "Subtotal incl. tax",
    net: "Net amount",
    on: "on",
    total: "Total",
    paid: "Paid",
    credit: "Account credit applied",
    credited: "Credited by credit note",
    written_off: "Written off",
    due: "Amount due",
    reduces_due: "Reduces the amount due",
    to_credit: "To account credit",
    to_refund: "To be refunded",
    place_of_supply: "Place of supply",
    no_reverse_charge: "Tax payable on reverse charge: No",
    prices_with_tax: "Unit prices include tax; amounts are before tax.",
    pro_forma: "This is not a tax invoice.",
    payments: "Payments",
    paid_on: "Date",
    paid_by: "Paid by",
    reference: "Reference",
    how_to_pay: "How to pay",
    page: "Page",
    of: "of",
    logo_of: "Logo of",
};

static GERMAN: Words = Words {
    tag: "de",
    thousands: '.',
    decimal: ',',
    sign_first: false,
    percent: " ",
    date: by_dots,
    // A "Gutschrift" is, in German tax law, an invoice that the buyer writes.
    titles: ["RECHNUNG", "RECHNUNGSKORREKTUR", "QUITTUNG", "QUITTUNGSKORREKTUR", "PROFORMA"],
    issued_on: "Datum",
    due_on: "Fällig am",
    period: "Leistungszeitraum",
    order: "Bestellung",
    account: "Kundenreferenz",
    original: "Ursprünglicher Beleg",
    original_on: "Belegdatum",
    reason: "Grund",
    from: "Von",
    bill_to: "Rechnung an",
    vat_id: "USt-IdNr.",
    tax_id: "Steuernummer",
    description: "Beschreibung",
    quantity: "Menge",
    unit_price: "Einzelpreis",
    discount: "Rabatt",
    tax: "Steuer",
    amount: "Betrag",
    subtotal: "Zwischensumme",
    subtotal_with_tax: "Zwischensumme inkl. Steuer",
    net: "Nettobetrag",
    on: "auf",
    total: "Gesamtbetrag",
    paid: "Bezahlt",
    credit: "Verrechnetes Guthaben",
    credited: "Gutgeschrieben",
    written_off: "Ausgebucht",
    due: "Offener Betrag",
    reduces_due: "Mindert den offenen Betrag",
    to_credit: "Auf das Guthaben",
    to_refund: "Wird erstattet",
    place_of_supply: "Leistungsort",
    no_reverse_charge: "Tax payable on reverse charge: No",
    prices_with_tax: "Einzelpreise enthalten die Steuer; Beträge sind ohne Steuer.",
    pro_forma: "Dies ist keine Rechnung im Sinne des Umsatzsteuerrechts.",
    payments: "Zahlungen",
    paid_on: "Datum",
    paid_by: "Zahlungsweg",
    reference: "Referenz",
    how_to_pay: "Zahlungshinweise",
    page: "Seite",
    of: "von",
    logo_of: "Logo von",
};

static FRENCH: Words = Words {
    tag: "fr",
    // The narrow space that does not break.
    thousands: '\u{202f}',
    decimal: ',',
    sign_first: false,
    percent: " ",
    date: by_slashes,
    titles: ["FACTURE", "AVOIR", "REÇU", "RECTIFICATIF DE REÇU", "PRO FORMA"],
    issued_on: "Date d’émission",
    due_on: "Échéance",
    period: "Période",
    order: "Commande",
    account: "Référence client",
    original: "Document d’origine",
    original_on: "Date d’origine",
    reason: "Motif",
    from: "Émetteur",
    bill_to: "Facturé à",
    vat_id: "N° TVA",
    tax_id: "N° fiscal",
    description: "Désignation",
    quantity: "Qté",
    unit_price: "Prix unitaire",
    discount: "Remise",
    tax: "Taxe",
    amount: "Montant",
    subtotal: "Sous-total",
    subtotal_with_tax: "Sous-total TTC",
    net: "Montant hors taxe",
    on: "sur",
    total: "Total",
    paid: "Payé",
    credit: "Crédit imputé",
    credited: "Crédité par avoir",
    written_off: "Passé en perte",
    due: "Reste à payer",
    reduces_due: "Réduit le reste à payer",
    to_credit: "Porté au crédit du compte",
    to_refund: "À rembourser",
    place_of_supply: "Lieu de prestation",
    no_reverse_charge: "Tax payable on reverse charge: No",
    prices_with_tax: "Les prix unitaires comprennent la taxe ; les montants sont hors taxe.",
    pro_forma: "Ce document n’est pas une facture.",
    payments: "Paiements",
    paid_on: "Date",
    paid_by: "Moyen",
    reference: "Référence",
    how_to_pay: "Modalités de paiement",
    page: "Page",
    of: "sur",
    logo_of: "Logo de",
};
