//! What the ledger recorded in English, in the words of a language.
//!
//! Events hold some words of ours: the wording of a tax, the part of a line that is not the plan's
//! name. They are facts and stay as they are; a document in another language says the same in its
//! own. Only what the ledger itself is known to write is said otherwise: whatever the seller, the
//! customer or a processor wrote is printed as it is.

use std::borrow::Cow;

use super::{Words, tables::ENGLISH};
use crate::documents::paper::Reason;

impl Words {
    /// What the law wants said, as it was recorded.
    ///
    /// The endorsement of an export from India is the statute's own text (rule 46 of the CGST
    /// Rules), and is not translated.
    #[must_use]
    pub fn wording<'t>(&self, recorded: &'t str) -> Cow<'t, str> {
        let known = [
            (ENGLISH.reverse_charge, self.reverse_charge),
            (ENGLISH.outside_union, self.outside_union),
            (ENGLISH.taxes_follow, self.taxes_follow),
        ];
        let own = known.into_iter().find(|(english, _)| *english == recorded);
        if let Some((_, own)) = own {
            return own.into();
        }
        let [before, after] = ENGLISH.merchant_of_record;
        let merchant = recorded.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        let [before, after] = self.merchant_of_record;
        merchant.map_or(recorded.into(), |name| format!("{before}{name}{after}").into())
    }

    /// What a line sells: the name of the plan, with the length of its cycle and what part of it is
    /// meant, as in `Pro (monthly), rest of period`.
    #[must_use]
    pub fn sold<'t>(&self, recorded: &'t str) -> Cow<'t, str> {
        let notes = [
            (ENGLISH.rest_of_period, self.rest_of_period),
            (ENGLISH.at_plan_change, self.at_plan_change),
            (ENGLISH.further_charge, self.further_charge),
        ];
        let noted = notes.into_iter().find_map(|(english, own)| {
            let what = recorded.strip_suffix(english)?.strip_suffix(", ")?;
            Some((what, format!(", {own}")))
        });
        let (what, note) = noted.unwrap_or((recorded, String::new()));
        let cycles = [(ENGLISH.monthly, self.monthly), (ENGLISH.yearly, self.yearly)];
        let named = cycles.into_iter().find_map(|(english, own)| {
            let name = what.strip_suffix(')')?.strip_suffix(english)?.strip_suffix(" (")?;
            Some(format!("{name} ({own}){note}"))
        });
        named.map_or(recorded.into(), Cow::from)
    }

    /// Why something was taken back.
    #[must_use]
    pub fn because<'t>(&self, reason: &'t Reason) -> &'t str {
        match reason {
            Reason::PlanChange => self.plan_changed,
            Reason::Refund => self.refund,
            Reason::Ended => self.ended,
            Reason::Correction => self.correction,
            Reason::Told(words) => words,
        }
    }

    /// Who took a payment, or that it came by hand.
    #[must_use]
    pub fn taken_by<'t>(&self, processor: &'t str) -> &'t str {
        match processor {
            daybook_events::commands::MANUAL => self.by_hand,
            crate::processors::razorpay::NAME => "Razorpay",
            crate::processors::lemonsqueezy::NAME => "Lemon Squeezy",
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use daybook_events::{
        event::OrderPurpose,
        personal::Party,
        tax::{Tax, TaxRules},
        testing::{
            Given, change_plan, given_account, given_run_by_merchant, given_subscribed, order_of,
        },
    };
    use daybook_projections::{as_of, invoices::Invoices, orders::Orders};

    use super::*;
    use crate::documents::language::Language;

    const OTHERS: [Language; 2] = [Language::De, Language::Fr];

    fn wording_of(seller: &str, buyer: (&str, &str)) -> String {
        let party = |country: &str, tax_id: &str| Party {
            country: country.into(),
            tax_id: tax_id.into(),
            ..Party::default()
        };
        let (seller, buyer) = (party(seller, ""), party(buyer.0, buyer.1));
        TaxRules::default().treatment(1, &seller, &buyer).unwrap().wording.unwrap()
    }

    /// What the ledger's own rules write is what is known here: they would part unnoticed.
    #[test]
    fn every_wording_of_the_tax_rules_is_known() {
        let written = [
            wording_of("DE", ("FR", "FR83404833048")),
            wording_of("DE", ("US", "")),
            Tax::merchant_of_record("Lemon Squeezy").wording.unwrap(),
        ];
        for wording in written {
            assert_eq!(Language::En.words().wording(&wording), wording);
            for language in OTHERS {
                assert_ne!(language.words().wording(&wording), wording, "{language:?}");
            }
        }
        let legal = |language: Language| language.words().wording("Reverse charge");
        assert_eq!(legal(Language::De), "Steuerschuldnerschaft des Leistungsempfängers");
        assert_eq!(legal(Language::Fr), "Autoliquidation");
        let merchant = Tax::merchant_of_record("Lemon Squeezy").wording.unwrap();
        let german = Language::De.words().wording(&merchant);
        assert!(german.starts_with("Verkauft von Lemon Squeezy als "), "{german}");
    }

    #[test]
    fn what_is_not_ours_is_printed_as_it_is() {
        let statute = wording_of("IN", ("US", ""));
        for own in [statute.as_str(), "Reverse charge.", "", "Sold by the dozen", "Sold by "] {
            for language in OTHERS {
                assert_eq!(language.words().wording(own), own);
            }
        }
        for own in
            ["Pro", "monthly", "Pro (weekly)", "Pro (), rest of period", "", ")", " (monthly"]
        {
            for language in OTHERS {
                assert_eq!(language.words().sold(own), own);
            }
        }
        // A name that looks like our words is a name.
        let named = "Backup (monthly), rest of period (yearly), rest of period";
        let german = Language::De.words().sold(named).into_owned();
        assert!(german.starts_with("Backup (monthly), rest of period (jährlich), "), "{german}");
        let told = Reason::Told("Refund".into());
        assert_eq!(Language::De.words().because(&told), "Refund");
        assert_eq!(Language::De.words().taken_by("bank-of-x"), "bank-of-x");
    }

    fn described(given: &Given) -> Vec<String> {
        let invoices = as_of::rows::<Invoices>(given.events()).unwrap();
        let lines = invoices.into_values().flat_map(|row| row.lines);
        lines.map(|line| line.description).collect()
    }

    /// Lines of real histories: of both cycles, of a part of a period, and as a processor runs them.
    #[test]
    fn every_part_of_a_line_that_is_ours_is_known() {
        let changed = given_subscribed("pro").at("2026-05-16T12:00:00Z");
        let changed = changed.and(change_plan("enterprise_lite"));
        let mut lines = described(&changed);
        lines.extend(described(&given_run_by_merchant()));
        assert!(lines.iter().any(|line| line.ends_with(", rest of period")), "{lines:?}");
        for line in &lines {
            assert_eq!(Language::En.words().sold(line), line.as_str());
            let german = Language::De.words().sold(line).into_owned();
            assert!(german.contains("(monatlich)") || german.contains("(jährlich)"), "{german}");
            assert!(!german.contains("period"), "{german}");
        }
        let placed = given_account().and(order_of("pro"));
        for order in as_of::rows::<Orders>(placed.events()).unwrap().into_values() {
            assert!(matches!(order.purpose, OrderPurpose::Subscribe { .. }));
            let cycle = order.plan.cycle.to_string();
            assert!([ENGLISH.monthly, ENGLISH.yearly].contains(&cycle.as_str()), "{cycle}");
        }
    }
}
