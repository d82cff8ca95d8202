//! The plan as it is in the file, beside what was approved.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::measuring::MeasuredBy;
use crate::config::{company::Company, document::Document, plan_file};
use crate::domain::scope::Scope;
use crate::plan::{
    self, Assumption, Goal, GoalPlan, Measured, MeasuredLag, Pair, Provenance, lay_out,
};
use crate::store::plans::PlanVersion;

/// How the plan file stands to what was approved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The number of the file's version: that of the approved one, or the next one.
    pub number: i64,
    /// Who approved it, and why; none for a draft.
    pub approved: Option<(String, String)>,
    /// Whether any version was ever approved.
    pub any: bool,
}

/// The file beside the versions.
pub fn standing(text: &str, versions: &[PlanVersion]) -> Standing {
    match versions.last() {
        Some(last) if last.plan == text => Standing {
            number: last.number,
            approved: Some((last.by.clone(), last.reason.clone())),
            any: true,
        },
        last => Standing {
            number: last.map_or(0, |last| last.number) + 1,
            approved: None,
            any: last.is_some(),
        },
    }
}

/// Goal -> the first version that had it, and that goal as it was approved then, with its parts. Goals that
/// still are as they were approved are not there.
pub fn baselines(
    goals: &[Goal],
    versions: &[PlanVersion],
    company: &Company,
) -> BTreeMap<String, (i64, Vec<GoalPlan>)> {
    let mut found = BTreeMap::new();
    for version in versions {
        // What was approved was in order then; a later program may not read it any more.
        let Ok(document) = Document::from_text(Path::new("approved plan"), &version.plan, None)
        else {
            continue;
        };
        let Ok(approved) = plan_file::from_document(&document) else { continue };
        for then in approved {
            let now = goals.iter().find(|goal| goal.name == then.name);
            let Some(now) = now.filter(|now| !found.contains_key(&now.name)) else { continue };
            let measured = read(&version.measured, then.scope.as_ref());
            let plan = lay_out(&then, &measured, &company.hours, company.fiscal_start);
            let Ok(plan) = plan else { continue };
            let same = Goal { place: String::new(), ..then.clone() }
                == Goal { place: String::new(), ..now.clone() };
            let mut plans = plan::parts(&plan);
            plans.push(plan);
            // It is the baseline all the same: a later version does not take its place.
            found.insert(now.name.clone(), (version.number, if same { Vec::new() } else { plans }));
        }
    }
    found.retain(|_, (_, plans)| !plans.is_empty());
    found
}

const VALUE: &str = "average_deal_value";
const CLIENTS: &str = "current_clients";
const RETENTION: &str = "retention_rate";

/// What was measured, to be kept with a version: what is approved must not move with later data.
pub fn write(measured: &MeasuredBy) -> String {
    let of = |measured: &Measured| {
        let rates = measured.rates.iter().map(|(pair, rate)| (pair.key().to_owned(), told(rate)));
        let others = [
            (VALUE, &measured.average_deal_value),
            (CLIENTS, &measured.current_clients),
            (RETENTION, &measured.retention_rate),
        ];
        let value =
            others.into_iter().filter_map(|(key, one)| Some((key.to_owned(), told(one.as_ref()?))));
        let lags = measured.lags.iter().map(|(pair, lag)| {
            let days = json!([lag.median_days, lag.p90_days, lag.entered]);
            (lag_key(*pair), days)
        });
        rates.chain(value).chain(lags).collect::<serde_json::Map<_, _>>()
    };
    let by_scope: serde_json::Map<String, Value> =
        measured.iter().map(|(scope, one)| (name(scope.as_ref()), of(one).into())).collect();
    Value::Object(by_scope).to_string()
}

fn told(assumption: &Assumption) -> Value {
    let (entered, days) = match assumption.from {
        Provenance::Measured { entered, horizon_days } => (entered, horizon_days),
        _ => (0, 0),
    };
    json!({ "value": assumption.value.to_string(), "entered": entered, "horizon_days": days })
}

fn name(scope: Option<&Scope>) -> String {
    scope.map_or_else(|| "all".into(), Scope::name)
}

fn read(text: &str, scope: Option<&Scope>) -> Measured {
    let json: Value = serde_json::from_str(text).unwrap_or_default();
    let of = &json[name(scope)];
    let assumption = |key: &str| {
        let one = &of[key];
        let from = Provenance::Measured {
            entered: one["entered"].as_u64().unwrap_or(0),
            horizon_days: one["horizon_days"].as_i64().unwrap_or(0),
        };
        Some(Assumption { value: one["value"].as_str()?.parse().ok()?, from })
    };
    let lag = |pair: Pair| {
        let days = &of[lag_key(pair)];
        let (median_days, p90_days) = (days[0].as_i64()?, days[1].as_i64()?);
        Some(MeasuredLag { median_days, p90_days, entered: days[2].as_u64().unwrap_or(0) })
    };
    let rates = Pair::ALL.into_iter().filter_map(|pair| Some((pair, assumption(pair.key())?)));
    let lags = Pair::ALL.into_iter().filter_map(|pair| Some((pair, lag(pair)?)));
    Measured {
        rates: rates.collect(),
        average_deal_value: assumption(VALUE),
        current_clients: assumption(CLIENTS),
        retention_rate: assumption(RETENTION),
        lags: lags.collect(),
    }
}

fn lag_key(pair: Pair) -> String {
    format!("{}_days", pair.key())
}
