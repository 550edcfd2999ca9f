//! A simulated customer: what they do at each step. What they do next follows from what the ledger
//! recorded, which is in [`super::reactions`].

use daybook_events::{
    Rejection, Timestamp,
    commands::{
        CancelOrder, CancelSubscription, ChangePlan, ConfirmPayment, OpenAccount, PlaceOrder,
        RecordRefund, RefundOutcome, ReleaseUsage, ReportUsage, RequestRefund, ReserveUsage,
        ResumeSubscription, Returns, ReviseBillingDetails, SettleDue, StartCheckout,
    },
    ids::{AccountId, AdjustmentId, OrderId, PlanId, ReapplicationId, RefundId, ReservationId},
    period::Cycle,
};
use rand::RngExt;
use rand_chacha::ChaCha12Rng;

use super::{
    Shape, SimulationError,
    desk::{Desk, pick},
    people::{self, Person},
    prices::agreed_price,
};

/// Paid plans from small to large.
const LADDER: &[&str] = &["starter", "pro", "business"];

/// The limit that the panel counts.
pub(super) const COUNTED: &str = "max_servers";

const PANEL: &str = "panel";
pub(super) const SUPPORT: &str = "support";

/// What a customer, or somebody for them, does at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// Opens an account.
    SignUp,
    /// Orders a plan.
    Order,
    /// Goes to the processor's page.
    Checkout(OrderId),
    /// Pays an order that is open.
    Pay(OrderId),
    /// Pays on a page that was left open, whatever has become of the order.
    PayAnyway(OrderId),
    /// Does not want an order any more.
    Abandon(OrderId),
    /// Something falls due.
    Due,
    /// Moves to another plan or cycle.
    Change(Change),
    /// Up and down and up again: how often it happened.
    Waver(u8),
    /// Cancels at period end, or now.
    Cancel { now: bool },
    /// Thinks better of it.
    Resume,
    /// Wants the money back.
    Refund,
    /// The processor answers to a refund.
    Answer(RefundId, Answer),
    /// Moves house.
    Move,
    /// Sets up a business, or closes it.
    Register,
    /// Makes servers, or removes some.
    Use,
    /// What was set aside is used.
    Settle(ReservationId),
    /// What was set aside is not needed.
    Release(ReservationId),
    /// Support is sorry.
    Grant,
    /// Support takes an invoice back, or a part of it.
    Correct { whole: bool },
    /// Nobody expects the money any more.
    WriteOff,
    /// That was wrong.
    Undo(AdjustmentId),
    /// Gets limits of their own.
    Customise,
    /// Gets the plan's current limits.
    Reapply { reapplication_id: ReapplicationId, plan_id: PlanId, force: bool },
    /// Support has looked at a parked account.
    Unpark,
}

/// Where to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    Up,
    Down,
    UpLater,
    DownLater,
    Cycle,
    /// Stays, after all.
    Keep,
}

/// What a processor says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Answer {
    Sent,
    Failed,
}

/// When, and what.
pub(super) type Next = Vec<(Timestamp, Step)>;

#[derive(Debug)]
pub(super) struct Customer {
    external_id: String,
    pub(super) account_id: AccountId,
    pub(super) person: Person,
    plan: &'static str,
    cycle: Cycle,
    is_known: bool,
    orders: u32,
    /// When something falls due next, as the calendar has it.
    due: Option<Timestamp>,
    /// Pays nothing any more.
    pub(super) dodges: bool,
}

impl Customer {
    /// A customer, and when they sign up.
    pub(super) fn new(n: u32, shape: &Shape, rng: &mut ChaCha12Rng) -> (Self, Timestamp) {
        let external_id = people::external_id(shape.seed, n);
        let person = Person::new(external_id.replace('-', "."), rng);
        let at = people::signs_up_at(shape, person.zone, rng);
        let plans =
            [(10, "free"), (38, "starter"), (36, "pro"), (14, "business"), (2, "enterprise")];
        let customer = Self {
            account_id: people::account_id(shape.seed, n),
            external_id,
            person,
            plan: pick(rng, &plans),
            cycle: pick(rng, &[(86, Cycle::Monthly), (14, Cycle::Yearly)]),
            is_known: false,
            orders: 0,
            due: None,
            dodges: false,
        };
        (customer, at)
    }

    /// Takes a step; what follows from it goes into the calendar.
    pub(super) async fn take(
        &mut self,
        step: Step,
        at: Timestamp,
        desk: &mut Desk<'_>,
    ) -> Result<Next, SimulationError> {
        if !self.is_known && step != Step::SignUp {
            return Ok(Vec::new());
        }
        if step == Step::Due && self.due.take_if(|due| *due == at).is_none() {
            // What was due then is due at another time now.
            return Ok(Vec::new());
        }
        let mut next = self.act(step, at, desk).await?;
        for recorded in desk.listen() {
            next.extend(self.react(&recorded.event, desk));
        }
        let due = desk.account(self.account_id, |account| Some(account.next_due()?.0)).await?;
        // What fell due on an account that nobody might bill is due at once.
        let due = due.map(|due| due.max(at));
        if due != self.due {
            next.extend(due.map(|due| (due, Step::Due)));
            self.due = due;
        }
        Ok(next)
    }

    async fn act(
        &mut self,
        step: Step,
        at: Timestamp,
        desk: &mut Desk<'_>,
    ) -> Result<Next, SimulationError> {
        let account_id = self.account_id;
        match step {
            Step::SignUp => return self.sign_up(desk).await,
            Step::Order => self.order(desk).await?,
            Step::Checkout(order) => self.checkout(order, desk).await?,
            Step::Pay(order) => self.pay(order, false, desk).await?,
            Step::PayAnyway(order) => self.pay(order, true, desk).await?,
            Step::Abandon(order_id) => {
                desk.ask(PANEL, CancelOrder { account_id, order_id }).await?.ok();
            }
            Step::Due => {
                desk.ask("daybook", SettleDue { account_id, until: Some(at) }).await?.ok();
            }
            Step::Change(change) => self.change(change, desk).await?,
            Step::Waver(times) => return self.waver(times, desk).await,
            Step::Cancel { now } => {
                let command = CancelSubscription { account_id, at_period_end: !now };
                desk.ask(PANEL, command).await?.ok();
            }
            Step::Resume => {
                desk.ask(PANEL, ResumeSubscription { account_id }).await?.ok();
            }
            Step::Refund => self.refund(desk).await?,
            Step::Answer(refund, answer) => self.answer(refund, answer, desk).await?,
            Step::Move | Step::Register => self.revise(step, desk).await?,
            Step::Use => return self.use_servers(desk).await,
            Step::Settle(reservation) => self.settle(reservation, desk).await?,
            Step::Release(reservation_id) => {
                desk.ask(PANEL, ReleaseUsage { account_id, reservation_id }).await?.ok();
            }
            Step::Grant
            | Step::Correct { .. }
            | Step::WriteOff
            | Step::Undo(_)
            | Step::Customise
            | Step::Reapply { .. }
            | Step::Unpark => self.support(step, desk).await?,
        }
        Ok(Vec::new())
    }

    async fn sign_up(&mut self, desk: &mut Desk<'_>) -> Result<Next, SimulationError> {
        let command = OpenAccount {
            account_id: self.account_id,
            external_id: Some(self.external_id.clone()),
            currency: self.person.currency,
            zone: self.person.zone,
            billing: self.person.billing(),
        };
        desk.ask(PANEL, command).await?.ok();
        self.is_known = true;
        Ok(vec![(desk.within(60, 1_800), Step::Order)])
    }

    async fn order(&mut self, desk: &mut Desk<'_>) -> Result<(), SimulationError> {
        let tempted = if desk.chance(40) { desk.special } else { None };
        let plan = tempted.unwrap_or(self.plan);
        let cycle = if plan == "free" { Cycle::Monthly } else { self.cycle };
        let price = (plan == "enterprise").then(|| agreed_price(self.person.currency)).flatten();
        let coupons: &[(u32, Option<&str>)] = if self.orders == 0 {
            &[
                (38, None),
                (34, Some("WELCOME")),
                (16, Some("LAUNCH")),
                (10, Some("PARTNER")),
                (2, Some("GUESSED")),
            ]
        } else {
            &[(54, None), (40, Some("WELCOME")), (6, Some("LAUNCH"))]
        };
        let coupon = desk.pick(coupons);
        let mut command = PlaceOrder {
            account_id: self.account_id,
            plan: plan.to_owned(),
            cycle,
            price,
            coupon: coupon.map(str::to_owned),
            merchant_of_record: None,
        };
        self.dodges = false;
        let placed = desk.ask(PANEL, command.clone()).await?;
        if placed.is_err() && command.coupon.take().is_some() {
            desk.ask(PANEL, command).await?.ok();
        }
        self.orders += 1;
        Ok(())
    }

    async fn checkout(
        &mut self,
        order_id: OrderId,
        desk: &mut Desk<'_>,
    ) -> Result<(), SimulationError> {
        let account_id = self.account_id;
        let waiting = desk.account(account_id, move |account| {
            let order = account.orders.get(order_id)?;
            (order.is_open() && order.checkout.is_none()).then_some(order.amount)
        });
        let Some(amount) = waiting.await? else { return Ok(()) };
        let (processor, processor_order_id) = desk.processor_order(order_id, amount);
        let command = StartCheckout {
            account_id,
            order_id,
            processor,
            processor_order_id,
            returns: Returns::default(),
            merchant_of_record: false,
        };
        desk.ask(PANEL, command).await?.ok();
        Ok(())
    }

    async fn pay(
        &mut self,
        order_id: OrderId,
        anyway: bool,
        desk: &mut Desk<'_>,
    ) -> Result<(), SimulationError> {
        self.checkout(order_id, desk).await?;
        let account_id = self.account_id;
        let checkout = desk.account(account_id, move |account| {
            let order = account.orders.get(order_id)?;
            let checkout = order.checkout.as_ref()?;
            (anyway || order.is_open()).then(|| checkout.processor_order_id.clone())
        });
        let Some(processor_order_id) = checkout.await? else { return Ok(()) };
        let processor_payment_id = processor_order_id.replace("order_", "pay_");
        let command = ConfirmPayment {
            account_id,
            processor_order_id,
            processor_payment_id,
            amount: None,
            merchant: None,
        };
        desk.ask("sandbox", command).await?.ok();
        Ok(())
    }

    /// The rung of the ladder that the customer stands on.
    async fn rung(&self, desk: &Desk<'_>) -> Result<Option<usize>, SimulationError> {
        let held = desk.account(self.account_id, |account| Some(account.live()?.plan.slug.clone()));
        Ok(held.await?.and_then(|held| LADDER.iter().position(|slug| *slug == held)))
    }

    async fn change(&mut self, change: Change, desk: &mut Desk<'_>) -> Result<(), SimulationError> {
        let rung = self.rung(desk).await?.unwrap_or(0);
        let to = match change {
            Change::Up | Change::UpLater => rung.checked_add(1),
            Change::Down | Change::DownLater => rung.checked_sub(1),
            Change::Cycle | Change::Keep => None,
        };
        let plan = to.and_then(|rung| LADDER.get(rung)).copied();
        let cycle = match (change, self.cycle) {
            (Change::Cycle, Cycle::Monthly) => Some(Cycle::Yearly),
            (Change::Cycle, Cycle::Yearly) => Some(Cycle::Monthly),
            (Change::Up | Change::Down | Change::UpLater | Change::DownLater, _)
                if plan.is_none() =>
            {
                return Ok(());
            }
            (_, _) => None,
        };
        let command = ChangePlan {
            account_id: self.account_id,
            plan: plan.map(str::to_owned),
            cycle,
            price: None,
            at_period_end: matches!(change, Change::UpLater | Change::DownLater),
            preview: None,
        };
        if desk.ask(PANEL, command).await?.is_ok() {
            self.plan = plan.unwrap_or(self.plan);
            self.cycle = cycle.unwrap_or(self.cycle);
        }
        Ok(())
    }

    /// Up and down, minute after minute: more invoices in a day than a seller wants to send.
    async fn waver(&mut self, times: u8, desk: &mut Desk<'_>) -> Result<Next, SimulationError> {
        let up = times.is_multiple_of(2) && self.rung(desk).await? != Some(LADDER.len() - 1);
        self.change(if up { Change::Up } else { Change::Down }, desk).await?;
        let again = times < 20;
        Ok(again.then(|| (desk.within(30, 90), Step::Waver(times + 1))).into_iter().collect())
    }

    async fn refund(&mut self, desk: &mut Desk<'_>) -> Result<(), SimulationError> {
        let reason = desk.pick(&[
            (60, "customer_request"),
            (25, "too expensive"),
            (15, "server location is too far away"),
        ]);
        let mut command = RequestRefund {
            account_id: self.account_id,
            amount: None,
            reason: reason.to_owned(),
            override_policy: false,
        };
        let asked = desk.ask(PANEL, command.clone()).await?;
        let late = matches!(asked, Err(Rejection::RefundWindowClosed { .. }));
        if late && desk.chance(50) {
            command.override_policy = true;
            "the customer was ill".clone_into(&mut command.reason);
            desk.ask(SUPPORT, command).await?.ok();
        }
        Ok(())
    }

    async fn answer(
        &mut self,
        refund_id: RefundId,
        answer: Answer,
        desk: &mut Desk<'_>,
    ) -> Result<(), SimulationError> {
        let outcome = match answer {
            Answer::Sent => desk.processor_refund(refund_id),
            Answer::Failed => RefundOutcome::Failed("the card was closed".to_owned()),
        };
        let account_id = self.account_id;
        desk.ask("sandbox", RecordRefund { account_id, refund_id, outcome }).await?.ok();
        Ok(())
    }

    async fn revise(&mut self, step: Step, desk: &mut Desk<'_>) -> Result<(), SimulationError> {
        match step {
            Step::Register => self.person.registers(),
            _ => self.person.moves(&mut desk.rng),
        }
        let (account_id, billing) = (self.account_id, self.person.billing());
        desk.ask(PANEL, ReviseBillingDetails { account_id, billing }).await?.ok();
        Ok(())
    }

    async fn use_servers(&mut self, desk: &mut Desk<'_>) -> Result<Next, SimulationError> {
        let (account_id, limit) = (self.account_id, COUNTED.to_owned());
        let allowed = desk.account(account_id, |account| {
            Some(account.live()?.plan.limits.get(COUNTED).copied().flatten().unwrap_or(100))
        });
        let Some(allowed) = allowed.await? else { return Ok(Vec::new()) };
        if desk.chance(40) {
            // Now and then somebody made servers behind the panel's back.
            let most = if desk.chance(10) { allowed + 3 } else { allowed };
            let used = desk.rng.random_range(0..=most);
            desk.ask(PANEL, ReportUsage { account_id, limit, used, settles: None }).await?.ok();
            return Ok(Vec::new());
        }
        let quantity = desk.rng.random_range(1..=allowed.clamp(1, 6));
        let refused = desk.ask(PANEL, ReserveUsage { account_id, limit, quantity }).await?.err();
        let grows = matches!(refused, Some(Rejection::PlanLimitExceeded { upgrade: Some(_), .. }));
        let upgrade = grows && desk.chance(60);
        let soon = desk.within(60, 3_600);
        Ok(upgrade.then_some((soon, Step::Change(Change::Up))).into_iter().collect())
    }

    async fn settle(
        &mut self,
        reservation: ReservationId,
        desk: &mut Desk<'_>,
    ) -> Result<(), SimulationError> {
        let account_id = self.account_id;
        let used = desk.account(account_id, |account| Some(account.usage.of(COUNTED)));
        let used = used.await?.unwrap_or(0);
        let (limit, settles) = (COUNTED.to_owned(), Some(reservation));
        desk.ask(PANEL, ReportUsage { account_id, limit, used, settles }).await?.ok();
        Ok(())
    }
}
