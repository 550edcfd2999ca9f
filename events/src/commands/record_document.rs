//! Record that a document was printed: once for each, since its bytes are those for ever.

use crate::{
    draft::Draft, envelope::StreamId, event::DocumentRendered, ids::AccountId, rejection::Rejection,
};

/// How many characters a word about a document has at most, such as its media type.
const WORD_MAX: usize = 100;

/// Record that a document was printed, and in which bytes.
#[derive(Debug, Clone)]
pub struct RecordDocument {
    /// Which account.
    pub account_id: AccountId,
    /// What was printed.
    pub rendered: DocumentRendered,
}

impl RecordDocument {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        let rendered = &self.rendered;
        let document = account.invoices.document(rendered.document);
        let unknown = || Rejection::DocumentUnknown { document: rendered.document.to_string() };
        let document = document.ok_or_else(unknown)?;
        if document.sha256.is_some() {
            let document = document.number.clone();
            return Err(Rejection::DocumentAlreadyRendered { document });
        }
        let problem = if rendered.number != document.number {
            Some(format!("document {} has the number {}", rendered.document, document.number))
        } else if rendered.shows < document.position {
            Some(format!("a document is printed as of its issue at {} or later", document.position))
        } else {
            fault(rendered).map(str::to_owned)
        };
        match problem {
            Some(problem) => Err(Rejection::DocumentInvalid { problem }),
            None => draft.record(StreamId::Account(account.id), rendered.clone()),
        }
    }
}

/// What no rendering says, whatever the document.
fn fault(rendered: &DocumentRendered) -> Option<&'static str> {
    let is_hash = |text: &str| {
        text.len() == 64 && text.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_word = |text: &str| {
        (1..=WORD_MAX).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_graphic())
    };
    let printing = &rendered.printing;
    let words = [&rendered.media_type, &printing.page_size, &printing.language];
    match () {
        () if !is_hash(&rendered.sha256)
            || printing.logo.as_deref().is_some_and(|it| !is_hash(it)) =>
        {
            Some("a SHA-256 is 64 lower-case hex digits")
        }
        () if rendered.bytes == 0 => Some("a document without bytes is none"),
        () if !words.into_iter().all(|word| is_word(word)) => {
            Some("a media type, a page size and a language are short words")
        }
        () if printing.sac.as_deref().is_some_and(|it| !is_sac(it)) => {
            Some("an HSN or SAC is four to eight digits")
        }
        () => None,
    }
}

/// Whether a text could be a code of the Harmonised System of Nomenclature, or of India's services.
fn is_sac(text: &str) -> bool {
    (4..=8).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{DocumentOf, InvoiceEvent, Printing},
        ids::{CreditNoteId, Id},
        testing::*,
    };

    #[test]
    fn a_document_is_recorded_once_and_changes_nothing_that_is_due() {
        let given = given_subscribed("pro");
        let recorded = given.clone().and(print_invoice(&given, 'a'));
        assert_eq!(recorded.account().credit, given.account().credit);
        given.clone().when(print_invoice(&given, 'a')).recorded(&["document.rendered"]);
        let again = print_invoice(&given, 'a');
        recorded.clone().when(again).rejected("document_already_rendered");
        let other = print_invoice(&given, 'b');
        recorded.when(other).rejected("document_already_rendered");
    }

    #[test]
    fn a_credit_note_is_a_document_of_its_own() {
        let given = given_subscribed("pro").and(refund(None));
        let mut notes = given.events().iter().filter_map(|recorded| match &recorded.event {
            crate::Event::Account(crate::event::AccountEvent::Invoice(
                InvoiceEvent::CreditNoteIssued(note),
            )) => Some((note.credit_note_id, recorded.number.clone(), recorded.position)),
            _other => None,
        });
        let (credit_note_id, number, shows) = notes.next_back().unwrap();
        let mut command = print_invoice(&given, 'a');
        command.rendered.document = DocumentOf::CreditNote { credit_note_id };
        command.rendered.number = number.unwrap();
        command.rendered.shows = shows;
        let given = given.and(command.clone());
        given.clone().when(command).rejected("document_already_rendered");
        given.clone().when(print_invoice(&given, 'a')).recorded(&["document.rendered"]);
    }

    #[test]
    fn an_unknown_document_is_refused() {
        let given = given_subscribed("pro");
        let mut command = print_invoice(&given, 'a');
        let credit_note_id = CreditNoteId::from_uuid(uuid::Uuid::nil());
        command.rendered.document = DocumentOf::CreditNote { credit_note_id };
        given.when(command).rejected("document_unknown");
    }

    #[test]
    fn what_no_rendering_says_is_refused() {
        type Spoil = fn(&mut DocumentRendered);
        let spoilt: [Spoil; 11] = [
            |it| it.number = "INV-2026-000002".into(),
            |it| it.shows = 1,
            |it| it.sha256 = "A".repeat(64),
            |it| it.sha256 = "ab".into(),
            |it| it.bytes = 0,
            |it| it.media_type = String::new(),
            |it| it.printing.page_size = "a 4".into(),
            |it| it.printing.language = "e".repeat(101),
            |it| it.printing.sac = Some("99831a".into()),
            |it| it.printing.sac = Some("998".into()),
            |it| it.printing = Printing { logo: Some("no hash".into()), ..it.printing.clone() },
        ];
        let given = given_subscribed("pro");
        for spoil in spoilt {
            let mut command = print_invoice(&given, 'a');
            spoil(&mut command.rendered);
            given.clone().when(command).rejected("document_invalid");
        }
    }
}
