//! Random cases: an account, its seller, its first instant, and what is asked of it. A case is
//! made from its number alone, the same on every machine.

use std::sync::LazyLock;

use chrono::{Days, Months, NaiveDate, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use daybook_events::{
    Timestamp,
    coupon::{CouponDuration, CouponValue},
    money::{Currency, Money},
    policy::ChangeTiming,
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::parties::{CHOICES, Taxation};

/// Something that a customer or the seller may ask, or that time may do.
#[derive(Debug, Clone)]
pub(super) enum Move {
    Nothing,
    Renew(u8, bool),
    Order(usize, bool, bool),
    Checkout,
    Pay,
    PayOldest,
    Change(usize, Option<bool>, bool),
    Cancel(bool),
    Resume,
    Refund(Option<u32>, bool),
    CreditInvoice(usize, Option<u32>),
    Grant(u32),
}

/// One account and what becomes of it.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) currency: Currency,
    pub(super) zone: Tz,
    pub(super) start: Timestamp,
    /// Minor units: three plans, by the month and by the year.
    pub(super) prices: [(u32, u32); 3],
    pub(super) by_day: bool,
    pub(super) upgrade: ChangeTiming,
    pub(super) downgrade: ChangeTiming,
    pub(super) taxation: Taxation,
    pub(super) percent: String,
    pub(super) coupon: Option<(CouponValue, CouponDuration)>,
    pub(super) first: (usize, bool),
    /// What is asked, each some seconds and microseconds after the one before.
    pub(super) moves: Vec<(i64, i64, Move)>,
    /// Amounts of a document of several lines, and what is taken back of which.
    pub(super) document: (Vec<u32>, Vec<(usize, u32)>),
}

const CURRENCIES: [&str; 6] = ["USD", "EUR", "INR", "JPY", "KWD", "GBP"];
const ZONES: [Tz; 10] = [
    Tz::UTC,
    Tz::America__New_York,
    Tz::Europe__Berlin,
    Tz::Asia__Kolkata,
    Tz::Australia__Lord_Howe,
    Tz::Asia__Kathmandu,
    Tz::America__St_Johns,
    Tz::Pacific__Chatham,
    Tz::America__Santiago,
    Tz::Europe__London,
];
/// 1 January 2024 and 2029.
const YEARS: (i64, i64) = (1_704_067_200, 1_861_920_000);

/// When the clocks of each zone change between those, in seconds since 1970.
static NIGHTS: LazyLock<Vec<Vec<i64>>> = LazyLock::new(|| {
    let offset = |zone: Tz, second: i64| {
        let at = Utc.timestamp_opt(second, 0).unwrap().naive_utc();
        zone.offset_from_utc_datetime(&at).fix()
    };
    let nights = |zone: &Tz| {
        let changes = |second: &i64| offset(*zone, *second) != offset(*zone, second - 1);
        let days = (YEARS.0..YEARS.1).step_by(86_400);
        let of_change = days.filter(|day| offset(*zone, *day) != offset(*zone, day + 86_400));
        of_change.filter_map(|day| (day..=day + 86_400).step_by(1_800).find(changes)).collect()
    };
    ZONES.iter().map(nights).collect()
});

fn instant_of(local: NaiveDateTime, zone: Tz) -> i64 {
    let here = zone.from_local_datetime(&local).latest();
    here.map_or_else(|| local.and_utc().timestamp(), |instant| instant.timestamp())
}

/// An instant at which a subscription begins: any, late in a month, on a leap day, in a night in
/// which the clocks change, or so that a later period begins in one.
fn a_start(zone: usize) -> impl Strategy<Value = i64> {
    let tz = ZONES[zone];
    let at = move |day: NaiveDate, second: i64| {
        instant_of(day.and_hms_opt(0, 0, 0).unwrap() + TimeDelta::seconds(second), tz)
    };
    let month_end =
        (0_u32..60, 28_u32..=31, 0_i64..86_400).prop_map(move |(month, day, second)| {
            let first = NaiveDate::from_ymd_opt(2024, 1, 1).unwrap() + Months::new(month);
            let last = (first + Months::new(1)).pred_opt().unwrap();
            at((first + Days::new(u64::from(day) - 1)).min(last), second)
        });
    let leap_day = (any::<bool>(), 0_i64..86_400).prop_map(move |(late, second)| {
        at(NaiveDate::from_ymd_opt(if late { 2028 } else { 2024 }, 2, 29).unwrap(), second)
    });
    let nights = || (any::<prop::sample::Index>(), -10_800_i64..10_800);
    let night_of = move |index: prop::sample::Index| {
        let nights = &NIGHTS[zone];
        if nights.is_empty() { YEARS.0 } else { nights[index.index(nights.len())] }
    };
    let night = nights().prop_map(move |(index, seconds)| night_of(index) + seconds);
    let before_night = (nights(), 1_u32..=12).prop_map(move |((index, seconds), months)| {
        // Read on the clock as it runs before the change, so that local times in a gap occur.
        let change = night_of(index);
        let before = Utc.timestamp_opt(change - 1, 0).unwrap().with_timezone(&tz).naive_local();
        instant_of(before + TimeDelta::seconds(seconds) - Months::new(months), tz)
    });
    prop_oneof![3 => YEARS.0..YEARS.1, 3 => month_end, 1 => leap_day, 1 => night, 2 => before_night]
}

fn a_price() -> impl Strategy<Value = u32> {
    prop_oneof![1 => 1_u32..100, 3 => 100_u32..5_000, 2 => 5_000_u32..300_000]
}

fn a_percent() -> impl Strategy<Value = String> {
    let usual = prop::sample::select(vec!["18", "5", "12", "28", "19", "20", "7.25", "0", "100"]);
    let odd = (0_u32..40, 0_u32..10_000).prop_map(|(whole, part)| format!("{whole}.{part:04}"));
    prop_oneof![2 => usual.prop_map(str::to_owned), 1 => odd]
}

fn a_taxation() -> impl Strategy<Value = Taxation> {
    prop_oneof![
        1 => Just(Taxation::None),
        2 => any::<bool>().prop_map(|inclusive| Taxation::National { inclusive }),
        1 => Just(Taxation::Regional),
        3 => (0..CHOICES.0, prop::bool::weighted(0.2), any::<bool>())
            .prop_map(|(buyer, from_territory, inclusive)| {
                Taxation::India { buyer, from_territory, inclusive }
            }),
        2 => (0..CHOICES.1, any::<bool>())
            .prop_map(|(buyer, inclusive)| Taxation::Union { buyer, inclusive }),
    ]
}

fn a_coupon(currency: Currency) -> impl Strategy<Value = Option<(CouponValue, CouponDuration)>> {
    let percent = a_percent().prop_map(|percent| {
        let percent =
            if percent == "0" || percent == "0.0000" { "33.3333".into() } else { percent };
        CouponValue::Percent(percent.parse().unwrap())
    });
    let fixed = (1_u32..4_000).prop_map(move |minor| {
        CouponValue::Fixed(vec![Money::from_minor(i128::from(minor), currency).unwrap()])
    });
    let duration = prop_oneof![
        Just(CouponDuration::Once),
        (1_u32..5).prop_map(CouponDuration::Periods),
        Just(CouponDuration::Forever),
    ];
    prop::option::of((prop_oneof![percent, fixed], duration))
}

/// Some seconds and microseconds: none at all, some days, or much longer.
fn a_pause() -> impl Strategy<Value = (i64, i64)> {
    let seconds = prop_oneof![
        3 => Just(0_i64),
        2 => 0_i64..86_400,
        6 => 0_i64..12 * 86_400,
        2 => 0_i64..40 * 86_400,
        1 => 0_i64..400 * 86_400,
    ];
    (seconds, prop_oneof![1 => Just(0_i64), 1 => 0_i64..1_000_000])
}

fn a_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        1 => Just(Move::Nothing),
        4 => (1_u8..5, prop::bool::weighted(0.9)).prop_map(|(n, pays)| Move::Renew(n, pays)),
        1 => (0_usize..3, any::<bool>(), any::<bool>())
            .prop_map(|(plan, yearly, coupon)| Move::Order(plan, yearly, coupon)),
        1 => Just(Move::Checkout),
        4 => Just(Move::Pay),
        1 => Just(Move::PayOldest),
        7 => (0_usize..3, prop::option::of(any::<bool>()), prop::bool::weighted(0.2))
            .prop_map(|(plan, yearly, late)| Move::Change(plan, yearly, late)),
        1 => any::<bool>().prop_map(Move::Cancel),
        1 => Just(Move::Resume),
        2 => (prop::option::weighted(0.3, 1_u32..1_000), prop::bool::weighted(0.2))
            .prop_map(|(part, overridden)| Move::Refund(part, overridden)),
        3 => (0_usize..3, prop::option::weighted(0.7, 1_u32..1_000))
            .prop_map(|(back, part)| Move::CreditInvoice(back, part)),
        2 => (1_u32..5_000).prop_map(Move::Grant),
    ]
}

fn a_timing() -> impl Strategy<Value = ChangeTiming> {
    prop_oneof![
        4 => Just(ChangeTiming::Now),
        1 => Just(ChangeTiming::OncePaid),
        1 => Just(ChangeTiming::PeriodEnd),
    ]
}

fn a_document() -> impl Strategy<Value = (Vec<u32>, Vec<(usize, u32)>)> {
    let amounts = prop::collection::vec(prop_oneof![1 => Just(0_u32), 5 => 0_u32..9_000], 1..7);
    (amounts, prop::collection::vec((0_usize..6, 0_u32..4_000), 0..6))
}

fn a_case() -> impl Strategy<Value = Case> {
    (0..CURRENCIES.len(), 0..ZONES.len()).prop_flat_map(|(currency, zone)| {
        let currency: Currency = CURRENCIES[currency].parse().unwrap();
        let micros = prop_oneof![2 => Just(0_i64), 1 => 0_i64..1_000_000];
        let prices = prop::array::uniform3((a_price(), a_price()));
        let seller = (a_timing(), a_timing(), any::<bool>(), a_taxation(), a_percent());
        let asked = (
            0_usize..3,
            prop::bool::weighted(0.3),
            prop::collection::vec((a_pause(), a_move()), 1..9),
        );
        let parts =
            (a_start(zone), micros, prices, seller, a_coupon(currency), asked, a_document());
        parts.prop_map(move |(start, micros, prices, seller, coupon, asked, document)| {
            let (upgrade, downgrade, by_day, taxation, percent) = seller;
            let (plan, yearly, moves) = asked;
            let paused = |((seconds, micros), step)| (seconds, micros, step);
            Case {
                currency,
                zone: ZONES[zone],
                start: Timestamp::from_micros(start * 1_000_000 + micros).unwrap(),
                prices,
                by_day,
                upgrade,
                downgrade,
                taxation,
                percent,
                coupon,
                first: (plan, yearly),
                moves: moves.into_iter().map(paused).collect(),
                document,
            }
        })
    })
}

/// The case of a number.
pub(super) fn case(number: u32) -> Case {
    let mut seed = [0; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    a_case().new_tree(&mut runner).unwrap().current()
}
