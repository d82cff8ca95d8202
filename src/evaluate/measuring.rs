//! What plans take from the data.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::{
    Snapshot,
    purchasing::won,
    snapshot::EvaluateError,
    tallies::{cut_of, total_of},
};
use crate::domain::{number::from_f64, scope::Scope, stage::Stage};
use crate::plan::{Assumption, Given, Goal, Lag, Measured, Pair, Provenance};
use crate::rates::{self, clients::clients};

/// What was measured of everything, and of each part that is a goal of its own.
pub type MeasuredBy = BTreeMap<Option<Scope>, Measured>;

/// What these goals take from the data. A part of which something cannot be measured takes the whole's.
///
/// # Errors
/// When the store cannot be read.
pub async fn measured_by(
    snapshot: &Snapshot<'_>,
    goals: &[Goal],
) -> Result<MeasuredBy, EvaluateError> {
    let mut all = MeasuredBy::new();
    if !goals.iter().any(needs_measuring) {
        return Ok(all);
    }
    let whole = measured(snapshot, None).await?;
    for goal in goals.iter().filter(|goal| goal.scope.is_some()) {
        let mut part = measured(snapshot, goal.scope.as_ref()).await?;
        for (pair, rate) in &whole.rates {
            part.rates.entry(*pair).or_insert_with(|| rate.clone());
        }
        for (pair, lag) in &whole.lags {
            part.lags.entry(*pair).or_insert(*lag);
        }
        part.retention_rate = part.retention_rate.or_else(|| whole.retention_rate.clone());
        part.average_deal_value =
            part.average_deal_value.or_else(|| whole.average_deal_value.clone());
        all.insert(goal.scope.clone(), part);
    }
    all.insert(None, whole);
    Ok(all)
}

/// Whether anything in the goal's chain is to be measured.
fn needs_measuring(goal: &Goal) -> bool {
    let assume = &goal.assume;
    let open = |pair: Pair| !matches!(assume.rates.get(&pair), Some(Given::Value(_)));
    let value_open = !matches!(assume.average_deal_value, Given::Value(_));
    let lag_open = assume.lags.values().any(|lag| *lag == Lag::Actual);
    let clients_open = [assume.current_clients, assume.retention_rate].contains(&Given::Actual);
    value_open || lag_open || clients_open || Pair::ALL.into_iter().any(open)
}

/// What the plan takes when it says `"actual"`, or says nothing.
///
/// # Errors
/// When the store cannot be read.
async fn measured(
    snapshot: &Snapshot<'_>,
    scope: Option<&Scope>,
) -> Result<Measured, EvaluateError> {
    let mut measured = Measured::default();
    let zone = &snapshot.settings.company.zone;
    for pair in Pair::ALL {
        let (from, to) = pair.stages();
        let Ok(cut) = cut_of(snapshot, from, to) else { continue };
        let seen_to = zone.to_datetime(cut).date();
        let tally = total_of(snapshot, from, to, cut, scope).await?;
        if pair == Pair::VisitToLead {
            measured.rates.extend(rates::measured::visit_rate(&tally, seen_to).map(|r| (pair, r)));
            continue;
        }
        let horizon = rates::measured::horizon_days(&tally, seen_to);
        measured.rates.extend(rates::measured::rate(&tally, horizon, seen_to).map(|r| (pair, r)));
        measured.lags.extend(rates::measured::lag(&tally, horizon, seen_to).map(|l| (pair, l)));
    }
    measured.average_deal_value = average_deal_value(snapshot, scope);
    measure_clients(snapshot, scope, &mut measured);
    Ok(measured)
}

/// Clients that bought in the last year, and the share of the year before's that bought again.
fn measure_clients(snapshot: &Snapshot<'_>, scope: Option<&Scope>, measured: &mut Measured) {
    let Ok(cut) = cut_of(snapshot, Stage::Opportunity, Stage::Won) else { return };
    let today = snapshot.settings.company.zone.to_datetime(cut).date();
    let found = clients(&won(snapshot, scope, cut).purchases, today);
    let of = |value: Decimal, entered: usize| Assumption {
        value,
        from: Provenance::Measured { entered: entered as u64, horizon_days: 365 },
    };
    let active = (found.active > 0).then(|| of(Decimal::from(found.active), found.active));
    measured.current_clients = active;
    measured.retention_rate =
        found.retention.and_then(|stay| Some(of(from_f64(stay.share)?.round_dp(4), stay.of)));
}

/// The mean value of what was won in the last four quarters, in the company's currency, to the cent.
/// Deals without an amount, or without a rate to convert it, say nothing about it.
fn average_deal_value(snapshot: &Snapshot<'_>, scope: Option<&Scope>) -> Option<Assumption> {
    let zone = &snapshot.settings.company.zone;
    let cut = cut_of(snapshot, Stage::Opportunity, Stage::Won).ok()?;
    let last = zone.to_datetime(cut).date();
    let first = last.saturating_sub(jiff::Span::new().months(12));
    let actuals = snapshot.actuals(scope);
    let living = actuals.opportunities(cut).filter(|o| o.deleted_at.is_none());
    let values: Vec<Decimal> = living
        .filter_map(|o| {
            let day = o.won_at().filter(|at| at.is_seen(cut, zone))?.date(zone);
            (day > first).then(|| o.worth(&snapshot.settings.currency, day))?
        })
        .collect();
    let mean = values.iter().sum::<Decimal>().checked_div(Decimal::from(values.len()))?;
    Some(Assumption {
        value: mean.round_dp(2),
        from: Provenance::Measured { entered: values.len() as u64, horizon_days: 365 },
    })
}
