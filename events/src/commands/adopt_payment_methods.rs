//! Adopt other ways of paying by hand. Checkouts that have begun keep theirs.

use std::collections::HashSet;

use crate::{
    draft::Draft,
    envelope::StreamId,
    event::{PaymentMethod, PaymentMethodsAdopted},
    rejection::Rejection,
};

/// How many methods a book has at most.
const METHODS_MAX: usize = 20;

/// Adopt other ways of paying by hand.
#[derive(Debug, Clone)]
pub struct AdoptPaymentMethods {
    /// The methods, whole.
    pub methods: Vec<PaymentMethod>,
}

impl AdoptPaymentMethods {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        if let Some(problem) = self.fault() {
            return Err(Rejection::PaymentMethodsInvalid { problem });
        }
        let version = draft.world().book.payment_methods_version() + 1;
        let methods = self.methods.clone();
        draft.record(StreamId::Book, PaymentMethodsAdopted { version, methods })
    }

    /// What is wrong with the methods, if anything.
    fn fault(&self) -> Option<String> {
        let mut seen = HashSet::new();
        match () {
            () if self.methods.len() > METHODS_MAX => {
                Some(format!("there are at most {METHODS_MAX} payment methods"))
            }
            () if !self.methods.iter().all(|method| seen.insert(&method.id)) => {
                Some("a payment method's `id` is taken once".to_owned())
            }
            () => self.methods.iter().find_map(fault),
        }
    }
}

fn fault(method: &PaymentMethod) -> Option<String> {
    let of_the_alphabet = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    if !(1..=40).contains(&method.id.len()) || !method.id.bytes().all(of_the_alphabet) {
        let text = "a payment method's `id` is up to 40 lower-case letters, digits, `_` and `-`";
        return Some(text.to_owned());
    }
    let texts = [
        ("label", Some(&method.label), 100),
        ("currency", method.currency.as_ref(), 20),
        ("network", method.network.as_ref(), 60),
        ("address", method.address.as_ref(), 300),
        ("instructions", method.instructions.as_ref(), 2000),
    ];
    texts.into_iter().find_map(|(field, text, most)| {
        let text = text?;
        let length = text.chars().count();
        // Instructions have lines.
        let odd = |c: char| c.is_control() && !(field == "instructions" && c == '\n');
        let fits = (1..=most).contains(&length) && !text.chars().any(odd);
        (!fits).then(|| format!("`{field}` of a payment method has 1 to {most} characters"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    fn adopt(methods: &[PaymentMethod]) -> AdoptPaymentMethods {
        AdoptPaymentMethods { methods: methods.to_vec() }
    }

    #[test]
    fn adopted_methods_take_the_place_of_the_built_in_one() {
        let given = given_account().and(place_order());
        assert_eq!(given.world().book.payment_methods()[0].id, "manual");
        let given = given.and(adopt(&[bank_transfer()]));
        assert_eq!(given.world().book.payment_methods_version(), 2);
        given.clone().when(given.start_manual_checkout("bank")).recorded(&["checkout.started"]);
        given
            .clone()
            .when(given.start_manual_checkout("manual"))
            .rejected("payment_method_unknown");
    }

    #[test]
    fn methods_that_make_no_sense_are_refused() {
        let bank = bank_transfer;
        let odd = [
            PaymentMethod { id: "Bank".into(), ..bank() },
            PaymentMethod { id: String::new(), ..bank() },
            PaymentMethod { label: String::new(), ..bank() },
            PaymentMethod { label: "x".repeat(101), ..bank() },
            PaymentMethod { address: Some("a\nb".into()), ..bank() },
            PaymentMethod { instructions: Some("x".repeat(2001)), ..bank() },
        ];
        for method in odd {
            given_book().when(adopt(&[method])).rejected("payment_methods_invalid");
        }
        given_book().when(adopt(&[bank(), bank()])).rejected("payment_methods_invalid");
        let many: Vec<_> =
            (0..21).map(|n| PaymentMethod { id: format!("bank{n}"), ..bank() }).collect();
        given_book().when(adopt(&many)).rejected("payment_methods_invalid");
        given_book().when(adopt(&many[..20])).recorded(&["book.payment_methods_adopted"]);
    }
}
