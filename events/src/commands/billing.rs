//! What several commands share: charging, settling and crediting.

mod charging;
mod crediting;
mod settling;

pub(super) use self::{
    charging::{ByProcessor, Issue, Item, bill, issue, quote, tax_of},
    crediting::{Credit, Creditable, Crediting, credit_covering, credit_of, issue_credit_note},
    settling::{collect, grant, pay_what_is_open, recover, settle},
};
