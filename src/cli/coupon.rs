//! `daybook coupon`: offer, list or withdraw coupons.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use daybook_events::{
    Currency, Money, Timestamp,
    commands::{Command, OfferCoupon, WithdrawCoupon},
    coupon::{CouponCode, CouponDuration, CouponTerms, CouponValue},
    percent::Percent,
    store::{Ledger, Request},
};
use daybook_projections::{
    coupons::{CouponRow, Coupons},
    live,
    query::{Page, Reads},
};
use uuid::Uuid;

use super::{Failure, Output, output, with_ledger};
use crate::{
    app::system_origin,
    config::{Opening, Place},
};

/// Offer, list or withdraw coupons.
#[derive(Debug, Subcommand)]
pub(super) enum Coupon {
    /// Put a coupon on offer; its terms never change
    Offer(Box<Offer>),
    /// List coupons
    List(List),
    /// Take a coupon off offer; discounts already held go on
    Withdraw(Withdraw),
}

#[derive(Debug, Args)]
pub(super) struct Offer {
    /// What customers type: 3 to 32 letters, digits, `-` and `_`
    code: CouponCode,

    #[command(flatten)]
    value: Value,

    /// For how many periods; without it and `--forever`, the first
    #[arg(long, value_name = "N", conflicts_with = "forever")]
    periods: Option<u32>,

    /// For every period
    #[arg(long)]
    forever: bool,

    /// A plan that it is good for, by id, number or slug; again for more; all without it
    #[arg(long, value_name = "PLAN")]
    plan: Vec<String>,

    /// How many orders may hold it, all accounts together
    #[arg(long, value_name = "N")]
    max_redemptions: Option<u32>,

    /// How many orders of one account may hold it
    #[arg(long, value_name = "N")]
    max_per_account: Option<u32>,

    /// From when on, such as 2026-06-01T00:00:00Z
    #[arg(long, value_name = "INSTANT")]
    valid_from: Option<Timestamp>,

    /// Until when
    #[arg(long, value_name = "INSTANT")]
    expires_at: Option<Timestamp>,

    #[command(flatten)]
    opening: Opening,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Value {
    /// A share of the price
    #[arg(long, value_name = "PERCENT")]
    percent: Option<Percent>,

    /// An amount off, such as 5.00:USD; again for other currencies
    #[arg(long, value_name = "AMOUNT:CURRENCY", value_parser = amount)]
    amount: Vec<Money>,
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    opening: Opening,
}

#[derive(Debug, Args)]
pub(super) struct Withdraw {
    /// Its code
    code: CouponCode,
    #[command(flatten)]
    opening: Opening,
}

fn amount(text: &str) -> Result<Money, String> {
    let (amount, currency) =
        text.split_once(':').ok_or_else(|| "an amount is such as 5.00:USD".to_owned())?;
    let currency: Currency = currency.parse().map_err(|error| format!("{error}"))?;
    Money::parse(amount, currency).map_err(|error| error.to_string())
}

impl Coupon {
    pub(super) async fn run(self, place: &Place, output: Output) -> Result<ExitCode, Failure> {
        let rows = match self {
            Self::Offer(offer) => {
                let opening = offer.opening.clone();
                with_ledger(place, &opening, async |ledger| {
                    let command = offer.command(&ledger).await?;
                    submit(&ledger, command.into()).await
                })
                .await?
            }
            Self::List(list) => {
                with_ledger(place, &list.opening, async |ledger| rows(&ledger).await).await?
            }
            Self::Withdraw(withdraw) => {
                with_ledger(place, &withdraw.opening, async |ledger| {
                    submit(&ledger, WithdrawCoupon { code: withdraw.code }.into()).await
                })
                .await?
            }
        };
        output.print(&rows, |rows| {
            let header = ["CODE", "VALUE", "LASTS", "REDEEMED", "ON OFFER"];
            output::table(&header, rows.iter().map(columns))
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Offer {
    async fn command(&self, ledger: &Ledger) -> Result<OfferCoupon, Failure> {
        let value = match self.value.percent {
            Some(percent) => CouponValue::Percent(percent),
            None => CouponValue::Fixed(self.value.amount.clone()),
        };
        let duration = match self.periods {
            Some(periods) => CouponDuration::Periods(periods),
            None if self.forever => CouponDuration::Forever,
            None => CouponDuration::Once,
        };
        let mut plans = Vec::new();
        for reference in &self.plan {
            let wanted = reference.clone();
            let found =
                ledger.look(None, move |world| world.catalogue.find(&wanted).map(|plan| plan.id));
            plans.push(found.await?.ok_or_else(|| format!("there is no plan `{reference}`"))?);
        }
        let terms = CouponTerms {
            value,
            duration,
            plans,
            max_redemptions: self.max_redemptions,
            max_per_account: self.max_per_account,
            valid_from: self.valid_from,
            expires_at: self.expires_at,
        };
        Ok(OfferCoupon { code: self.code, terms })
    }
}

async fn submit(ledger: &Ledger, command: Command) -> Result<Vec<CouponRow>, Failure> {
    ledger.submit(Request::new(command, system_origin("cli"), Uuid::now_v7())).await?;
    rows(ledger).await
}

async fn rows(ledger: &Ledger) -> Result<Vec<CouponRow>, Failure> {
    live::catch_up(ledger.pool(), daybook_projections::all()).await?;
    let page = Page { after: None, limit: 10_000 };
    Ok(Reads::new(ledger.pool().clone()).all().list::<Coupons>(&page).await?)
}

fn columns(row: &CouponRow) -> Vec<String> {
    let value = match &row.terms.value {
        CouponValue::Percent(percent) => format!("{percent} %"),
        CouponValue::Fixed(amounts) => {
            amounts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        }
    };
    let lasts = match row.terms.duration {
        CouponDuration::Once => "1 period".to_owned(),
        CouponDuration::Periods(n) => format!("{n} periods"),
        CouponDuration::Forever => "for ever".to_owned(),
    };
    let most = row.terms.max_redemptions.map_or_else(String::new, |most| format!(" of {most}"));
    let on_offer = if row.withdrawn_at.is_some() { "withdrawn" } else { "yes" };
    vec![
        row.code.to_string(),
        value,
        lasts,
        format!("{}{most}", row.redemptions),
        on_offer.to_owned(),
    ]
}
