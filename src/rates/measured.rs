//! What the plan takes when it says `"actual"`: one stated horizon for each pair.

use jiff::{ToSpan, civil::Date};
use rust_decimal::{Decimal, RoundingStrategy};

use super::estimate::{Row, Tally};
use crate::domain::number::from_f64;
use crate::plan::{Assumption, MeasuredLag, Provenance};

/// The horizons that a rate may be measured at, in days.
pub const HORIZONS_DAYS: [i64; 5] = [30, 60, 90, 180, 365];
/// The share of all conversions that must have come within the horizon.
const HORIZON_SHARE: f64 = 0.95;

/// The smallest horizon within which 95 % of the conversions of the last eight quarters came
/// (`statistics.md` 1.2); the longest when there are none.
pub fn horizon_days(tally: &Tally, seen_to: Date) -> i64 {
    let lags = tally.conversion_lags_since(seen_to.saturating_sub(24.months()));
    let all: u64 = lags.values().sum();
    let within = |horizon: i64| lags.range(..=horizon).map(|(_, count)| count).sum::<u64>();
    HORIZONS_DAYS
        .into_iter()
        .find(|horizon| all > 0 && within(*horizon) as f64 >= HORIZON_SHARE * all as f64)
        .unwrap_or(HORIZONS_DAYS[HORIZONS_DAYS.len() - 1])
}

/// The rate of the last four quarters' entrants at a horizon, rounded half-even to four decimals
/// before it enters the chain. None while nobody has reached the horizon, or nobody converted.
pub fn rate(tally: &Tally, horizon_days: i64, seen_to: Date) -> Option<Assumption> {
    let until = seen_to.tomorrow().unwrap_or(seen_to);
    let cohort = tally.between(seen_to.saturating_sub(12.months()), until);
    let row = cohort.row(Some(horizon_days), seen_to);
    if row.window_reached != Some(true) {
        return None;
    }
    assumption(&row, horizon_days)
}

/// How long it took those of the last four quarters' entrants that went on within a horizon. None while
/// nobody has reached it, or nobody went on.
pub fn lag(tally: &Tally, horizon_days: i64, seen_to: Date) -> Option<MeasuredLag> {
    let until = seen_to.tomorrow().unwrap_or(seen_to);
    let cohort = tally.between(seen_to.saturating_sub(12.months()), until);
    let row = cohort.row(Some(horizon_days), seen_to);
    row.window_reached.filter(|reached| *reached)?;
    Some(MeasuredLag {
        median_days: row.lag_days.p50?,
        p90_days: row.lag_days.p90?,
        entered: row.entered,
    })
}

/// Leads ÷ visits of the last four quarters: a lead comes with its visit, so there is nothing to wait
/// for.
pub fn visit_rate(tally: &Tally, seen_to: Date) -> Option<Assumption> {
    let until = seen_to.tomorrow().unwrap_or(seen_to);
    let row = tally.between(seen_to.saturating_sub(12.months()), until).visit_row(None, seen_to);
    assumption(&row, 0)
}

fn assumption(row: &Row, horizon_days: i64) -> Option<Assumption> {
    let value =
        from_f64(row.rate?)?.round_dp_with_strategy(4, RoundingStrategy::MidpointNearestEven);
    (value > Decimal::ZERO).then_some(Assumption {
        value,
        from: Provenance::Measured { entered: row.entered, horizon_days },
    })
}
