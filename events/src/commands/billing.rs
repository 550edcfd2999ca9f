//! What several commands share: charging, settling and crediting.

mod charging;
mod crediting;
mod settling;

pub(super) use self::{
    charging::{Issue, Item, bill, quote, tax},
    crediting::{Credit, Creditable, Crediting, credit_covering, credit_of, issue_credit_note},
    settling::{collect, grant, pay_what_is_open, recover, settle},
};
