//! The source of documents: an account's events and the book's up to a position, folded into the
//! rows that they are printed of.

use daybook_events::{
    Event, Money, Recorded, StreamId,
    book::Book,
    event::{AccountEvent as A, DocumentOf, InvoiceEvent as I, PaymentMethod},
    ids::{AccountId, InvoiceId, OrderId, PaymentId},
    personal::Party,
};
use daybook_projections::{
    accounts::{AccountRow, Accounts},
    as_of,
    invoices::Invoices,
    orders::{OrderRow, Orders},
    payments::Payments,
    projection::Projection,
    query::Reach,
};

use super::{
    DocumentError,
    compose::{self, Around, PaidInto},
    paper::Paper,
};
use crate::app::App;

/// What documents of an account are printed of, as of a position.
#[derive(Debug)]
pub struct Source {
    account_id: AccountId,
    events: Vec<Recorded>,
    book: Book,
    position: i64,
}

impl Source {
    /// What a document was issued of: everything up to the last event of its account that was
    /// recorded with its issue and counts from the same instant. Transactions do not share an
    /// instant, and what a late clock records in one transaction counts from instants of its own;
    /// so that is said by the events alone, and is the same whoever asks and when.
    ///
    /// # Errors
    /// A database that cannot be reached; a log without the document.
    pub async fn as_issued(
        app: &App,
        account_id: AccountId,
        document: DocumentOf,
    ) -> Result<Self, DocumentError> {
        let events = read(app, account_id).await?;
        let issue = events.iter().find(|recorded| issues(recorded, document));
        let issue = issue.ok_or_else(|| DocumentError::Missing(document.to_string()))?;
        let instants = |it: &Recorded| (it.recorded_at, it.effective_at);
        let together = events.iter().filter(|recorded| instants(recorded) == instants(issue));
        let position = together.map(|recorded| recorded.position).max().unwrap_or(issue.position);
        Self::of(app, account_id, events, position).await
    }

    /// Everything up to a position.
    ///
    /// # Errors
    /// A database that cannot be reached.
    pub async fn as_of(
        app: &App,
        account_id: AccountId,
        position: i64,
    ) -> Result<Self, DocumentError> {
        let events = read(app, account_id).await?;
        Self::of(app, account_id, events, position).await
    }

    async fn of(
        app: &App,
        account_id: AccountId,
        mut events: Vec<Recorded>,
        position: i64,
    ) -> Result<Self, DocumentError> {
        events.retain(|recorded| recorded.position <= position);
        let mut book = Book::default();
        for recorded in app.history(Reach::Ledger).of_everybody(StreamId::Book).await? {
            if let Event::Book(event) = &recorded.event
                && recorded.position <= position
            {
                book.evolve(event, &recorded);
            }
        }
        Ok(Self { account_id, events, book, position })
    }

    /// The position as of which everything is.
    #[must_use]
    pub fn position(&self) -> i64 {
        self.position
    }

    fn row<P: Projection>(&self, key: &str) -> Result<P::Row, DocumentError> {
        let row = as_of::row::<P>(key, &self.events)?;
        row.ok_or_else(|| DocumentError::Missing(key.to_owned()))
    }

    fn account(&self) -> Result<AccountRow, DocumentError> {
        self.row::<Accounts>(&self.account_id.to_string())
    }

    /// The document of an invoice or of a credit note.
    ///
    /// # Errors
    /// A history that does not hold it, or does not hold together.
    pub fn paper(&self, document: DocumentOf) -> Result<Paper, DocumentError> {
        match document {
            DocumentOf::Invoice { invoice_id } => self.invoice(invoice_id),
            DocumentOf::CreditNote { .. } => self.credit_note(document),
        }
    }

    fn invoice(&self, id: InvoiceId) -> Result<Paper, DocumentError> {
        let row = self.row::<Invoices>(&id.to_string())?;
        let mut paid = Vec::new();
        for (payment_id, amount) in self.events.iter().filter_map(|it| paid_into(it, id)) {
            paid.push((self.row::<Payments>(&payment_id.to_string())?, amount));
        }
        let payments: Vec<_> =
            paid.iter().map(|(payment, amount)| PaidInto { payment, amount: *amount }).collect();
        let methods = self.book.payment_methods();
        let around = self.around(&methods, row.order_id)?;
        compose::invoice(&row, &payments, &around)
            .map_err(|error| DocumentError::Money(row.number.clone(), error))
    }

    fn credit_note(&self, document: DocumentOf) -> Result<Paper, DocumentError> {
        let missing = || DocumentError::Missing(document.to_string());
        let issued = self.events.iter().find_map(|recorded| match &recorded.event {
            Event::Account(A::Invoice(I::CreditNoteIssued(note))) => {
                let credit_note_id = note.credit_note_id;
                (DocumentOf::CreditNote { credit_note_id } == document).then_some(note)
            }
            _ => None,
        });
        let issued = issued.ok_or_else(missing)?;
        let row = self.row::<Invoices>(&issued.invoice_id.to_string())?;
        let mut notes = row.credit_notes.iter();
        let note = notes.find(|note| note.credit_note_id == issued.credit_note_id);
        let methods = self.book.payment_methods();
        let around = self.around(&methods, row.order_id)?;
        let parties = (&issued.seller, &issued.bill_to.0);
        Ok(compose::credit_note(&row, note.ok_or_else(missing)?, parties, &around))
    }

    /// What an order will be billed as; `None` for one that never will, or whose invoice is there.
    ///
    /// # Errors
    /// A history that does not hold it, or does not hold together.
    pub fn pro_forma(&self, order: &OrderRow) -> Result<Option<Paper>, DocumentError> {
        let account = self.account()?;
        let nobody = Party::default();
        let seller = self.book.opened.as_ref().map_or(&nobody, |opened| &opened.seller);
        let methods = self.book.payment_methods();
        let around = self.around(&methods, Some(order.order_id))?;
        compose::pro_forma(order, (seller, &account.billing.0), &around)
            .map_err(|error| DocumentError::Money(order.number.clone(), error))
    }

    /// An order as of the position.
    ///
    /// # Errors
    /// A history that does not hold it.
    pub fn order(&self, id: OrderId) -> Result<OrderRow, DocumentError> {
        self.row::<Orders>(&id.to_string())
    }

    fn around<'a>(
        &self,
        methods: &'a [PaymentMethod],
        order: Option<OrderId>,
    ) -> Result<Around<'a>, DocumentError> {
        let order = order.map(|id| self.order(id)).transpose()?;
        Ok(Around {
            position: self.position,
            seller_zone: self.book.time_zone(),
            account_zone: self.account()?.time_zone.parse().unwrap_or(chrono_tz::Tz::UTC),
            methods,
            order_number: order.map(|order| order.number),
        })
    }
}

async fn read(app: &App, account_id: AccountId) -> Result<Vec<Recorded>, DocumentError> {
    Ok(app.history(Reach::Account(account_id)).of_account(account_id).await?)
}

fn issues(recorded: &Recorded, document: DocumentOf) -> bool {
    match &recorded.event {
        Event::Account(A::Invoice(I::InvoiceIssued(issued))) => {
            let invoice_id = issued.invoice_id;
            DocumentOf::Invoice { invoice_id } == document
        }
        Event::Account(A::Invoice(I::CreditNoteIssued(note))) => {
            let credit_note_id = note.credit_note_id;
            DocumentOf::CreditNote { credit_note_id } == document
        }
        _ => false,
    }
}

/// The payment that an event puts into an invoice, and how much of it.
fn paid_into(recorded: &Recorded, id: InvoiceId) -> Option<(PaymentId, Money)> {
    match &recorded.event {
        Event::Account(A::Invoice(I::InvoicePaid(paid))) if paid.invoice_id == id => {
            paid.payment_id.map(|payment| (payment, paid.from_payment))
        }
        _ => None,
    }
}
