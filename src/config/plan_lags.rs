//! How long the steps of a plan take: `sales_cycle`, and `lags` for each step.

use std::collections::BTreeMap;

use super::{reader::Reader, span};
use crate::plan::{Lag, Pair};

/// Reads the lags of `[goal.assume]`; the sales cycle is that of the win rate.
pub(super) fn read(assume: &Reader<'_>) -> BTreeMap<Pair, Lag> {
    let mut lags = BTreeMap::new();
    lags.extend(read_lag(assume, "sales_cycle").map(|lag| (Pair::WinRate, lag)));
    let Some(table) = assume.table("lags") else { return lags };
    for pair in Pair::ALL {
        let Some(lag) = read_lag(&table, pair.key()) else { continue };
        if pair == Pair::WinRate && lags.contains_key(&pair) {
            let mend = "keep one of them: both are the time from opportunity to won";
            table.problem(pair.key(), "`sales_cycle` is given too", mend);
        }
        lags.insert(pair, lag);
    }
    table.finish();
    lags
}

/// A span, a distribution, or `"actual"`.
fn read_lag(table: &Reader<'_>, key: &'static str) -> Option<Lag> {
    if !table.is_table(key) {
        return table.parsed(key, "a span like \"3 months\", or \"actual\"", |text| match text {
            "actual" => Some(Lag::Actual),
            _ => span::calendar_span(text).map(Lag::Fixed),
        });
    }
    let law = table.table(key)?;
    let days = |key, example| {
        let days = law.parsed(key, "a span like \"60d\"", span::window_days);
        law.required(key, example, days)
    };
    let (median, p90) = (days("median", "median = \"60d\""), days("p90", "p90 = \"150d\""));
    law.finish();
    let (median_days, p90_days) = (median?, p90?);
    if median_days >= p90_days {
        law.problem("p90", "must be longer than the median", "write a longer span");
        return None;
    }
    Some(Lag::LogNormal { median_days, p90_days })
}
