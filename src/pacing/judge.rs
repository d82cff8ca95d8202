//! How a goal's stage stands: the looks of its period, the curve that its events usually follow, and
//! what the counts say (`statistics.md` 1.12 and 2b to 2c).

use jiff::{SignedDuration, Timestamp, ToSpan, civil::Date};
use rust_decimal::Decimal;
use serde::Serialize;

use super::{
    Actuals, State,
    evidence::{EXPECTED_MIN, Evidence, Looks, Side},
    history::{self, History},
};
use crate::domain::{number::to_f64, period::Period, stage::Metric};
use crate::plan::{Curve, GoalPlan};

/// The dispersion where none could be estimated: variance is twice the mean.
pub const DISPERSION_UNKNOWN: f64 = 2.0;
/// Days from one look to the next, and from the last one to the period's end.
const LOOK_DAYS: i64 = 7;
/// A bound on the looks of one period: ten years of weeks.
const LOOKS_MAX: i64 = 520;

/// Which curve the evidence rests on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "from")]
pub enum Usual {
    /// What comparable periods before were like.
    History {
        /// How many periods.
        periods: usize,
        /// Events in them.
        events: f64,
    },
    /// The plan's `shape`.
    Shape,
    /// Neither: business days alike, and to be sure a period of which 60 % comes in its last third.
    Linear,
}

/// What the evidence says about a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// How it stands.
    pub state: State,
    /// The least alpha whose boundary was crossed, on the side on which the count lies, up to 0.2.
    pub p_value: Option<f64>,
    /// When the boundary was crossed first.
    pub crossed_at: Option<Timestamp>,
    /// What the evidence rests on.
    pub usual: Usual,
    /// What is usual by now: the goal spread as its history is. None without one.
    pub usual_to_date: Option<f64>,
    /// Variance divided by mean that the evidence reckons with.
    pub dispersion: f64,
    /// Looks that were taken, and looks in all.
    pub looks: (usize, usize),
    /// Of a part: when the boundary was crossed at each alpha that its family asks for.
    pub crossings: Vec<Option<Timestamp>>,
    /// Whether the count lies below the plan.
    pub below: bool,
}

/// A stage of a goal that is to be judged.
pub struct Case<'a> {
    /// The goal.
    pub plan: &'a GoalPlan,
    /// What is counted.
    pub metric: Metric,
    /// The days over which it is counted.
    pub period: Period,
    /// Its days.
    pub curve: &'a Curve,
    /// What is wanted in all.
    pub goal_value: Decimal,
    /// What should be there by now.
    pub plan_to_date: f64,
    /// What is there.
    pub count: f64,
    /// The instant that figures are cut at.
    pub at: Timestamp,
    /// Of a part: the alphas at which its family asks for boundaries. See [`super::family`].
    pub alphas: &'a [f64],
}

/// Judges a stage, first match as in `statistics.md` 1.12.
pub fn judge(case: &Case<'_>, actuals: &Actuals<'_>) -> Judgement {
    let today = actuals.calendar.zone.to_datetime(case.at).date();
    let goal = to_f64(case.goal_value);
    let undecided = |state| Judgement {
        state,
        p_value: None,
        crossed_at: None,
        usual: Usual::Linear,
        usual_to_date: None,
        dispersion: DISPERSION_UNKNOWN,
        looks: (0, 0),
        crossings: Vec::new(),
        below: case.count < case.plan_to_date,
    };
    if today < case.period.from || case.goal_value.is_zero() {
        return undecided(State::Undecided);
    }
    if today >= case.period.to {
        return undecided(if case.count >= goal { State::Ahead } else { State::Behind });
    }
    let looks = looks(case.period, actuals);
    let taken: Vec<Timestamp> = looks.iter().copied().filter(|look| *look <= case.at).collect();
    let counts = counts(case, actuals, &taken);
    let whole = learn(case, &Actuals { scope: None, ..*actuals }, None);
    // A part with little history of its own follows the whole's.
    let learnt = match actuals.scope {
        Some(_) => learn(case, actuals, whole.as_ref()).or(whole),
        None => whole,
    };
    let below = case.count < case.plan_to_date;
    let side = if below { Side::Below } else { Side::Above };
    let (usual, dispersion, curves) = curves(case, learnt.as_ref(), &looks, actuals);
    // Every curve that may be true has to speak against the plan.
    let curves: Vec<Looks> =
        curves.into_iter().map(|expected| Looks { expected, dispersion }).collect();
    let evidence: Vec<Evidence> =
        curves.iter().map(|curve| curve.evidence(&counts, side)).collect();
    let crossed = evidence.iter().map(|one| one.crossed).collect::<Option<Vec<usize>>>();
    let crossed = crossed.and_then(|all| all.into_iter().max());
    let p_values: Option<Vec<f64>> = evidence.iter().map(|one| one.p_value).collect();
    let p_value = p_values.and_then(|all| all.into_iter().reduce(f64::max));
    let time = |look: usize| taken.get(look).copied();
    let crossings = case.alphas.iter().map(|alpha| {
        p_value.filter(|p| p <= alpha)?;
        let all = curves.iter().map(|curve| curve.crossed_at(&counts, side, *alpha));
        time(all.collect::<Option<Vec<usize>>>()?.into_iter().max()?)
    });
    // Whether a part is behind is decided with its family.
    let crossed = crossed.filter(|_| case.alphas.is_empty());
    let state = match (crossed, side) {
        (Some(_), Side::Below) => State::Behind,
        (Some(_), Side::Above) if case.count > case.plan_to_date => State::Ahead,
        _ if case.plan_to_date < EXPECTED_MIN || usual == Usual::Linear => State::Undecided,
        _ => State::OnTrack,
    };
    Judgement {
        state,
        p_value,
        crossed_at: crossed.and_then(time),
        crossings: crossings.collect(),
        below,
        usual,
        usual_to_date: learnt.map(|learnt| goal * learnt.share_at(case.period, case.at, actuals)),
        dispersion,
        looks: (taken.len(), looks.len()),
    }
}

/// Company midnight of every seventh day after the first, the last at least seven days before the end.
fn looks(period: Period, actuals: &Actuals<'_>) -> Vec<Timestamp> {
    let last = period.to.saturating_sub(LOOK_DAYS.days());
    (1..=LOOKS_MAX)
        .map(|week| period.from.saturating_add((week * LOOK_DAYS).days()))
        .take_while(|day| *day <= last)
        .filter_map(|day| midnight(day, actuals))
        .collect()
}

fn midnight(day: Date, actuals: &Actuals<'_>) -> Option<Timestamp> {
    Some(day.to_zoned(actuals.calendar.zone.clone()).ok()?.timestamp())
}

/// What was there at each look.
fn counts(case: &Case<'_>, actuals: &Actuals<'_>, looks: &[Timestamp]) -> Vec<f64> {
    let mut events = actuals.events(case.metric, case.period, case.at, case.plan);
    events.sort_unstable_by_key(|(at, _)| *at);
    let (mut sum, mut next) = (0.0, 0);
    let by = |look: &Timestamp| {
        while let Some((_, count)) = events.get(next).filter(|(at, _)| at < look) {
            (sum, next) = (sum + to_f64(*count), next + 1);
        }
        sum
    };
    looks.iter().map(by).collect()
}

/// The curves of which one is true, as expected events by each look, with the dispersion.
fn curves(
    case: &Case<'_>,
    learnt: Option<&History>,
    looks: &[Timestamp],
    actuals: &Actuals<'_>,
) -> (Usual, f64, Vec<Vec<f64>>) {
    let goal = to_f64(case.goal_value);
    let planned: Vec<f64> =
        looks.iter().map(|at| case.curve.share_at(*at, actuals.calendar)).collect();
    let times_goal = |shares: &[f64]| shares.iter().map(|share| goal * share).collect::<Vec<f64>>();
    let dispersion = learnt.map_or(DISPERSION_UNKNOWN, |learnt| learnt.dispersion);
    if case.plan.goal.shape.is_some() {
        return (Usual::Shape, dispersion, vec![times_goal(&planned)]);
    }
    if let Some(learnt) = learnt {
        let shares = &learnt.by_week[..looks.len().min(learnt.by_week.len())];
        let usual = Usual::History { periods: learnt.periods, events: learnt.events };
        return (usual, dispersion, vec![times_goal(shares)]);
    }
    let late: Vec<f64> = planned.iter().map(|share| back_loaded(*share)).collect();
    (Usual::Linear, dispersion, vec![times_goal(&planned), times_goal(&late)])
}

/// 15, 25 and 60 % in the three thirds of a period, of which a share is over.
fn back_loaded(share: f64) -> f64 {
    match share * 3.0 {
        third if third <= 1.0 => 0.15 * third,
        third if third <= 2.0 => 0.15 + 0.25 * (third - 1.0),
        third => 0.40 + 0.60 * (third - 2.0),
    }
}

/// What the periods before teach: those from which on the data reaches, the latest first.
fn learn(case: &Case<'_>, actuals: &Actuals<'_>, whole: Option<&History>) -> Option<History> {
    let weeks = history::weeks(case.period);
    let earlier = history::before(case.period);
    let span = Period { from: earlier.last()?.from, to: case.period.from };
    let zone = &actuals.calendar.zone;
    let events = actuals.events(case.metric, span, case.at, case.plan);
    let days: Vec<(Date, f64)> = events
        .into_iter()
        .map(|(at, count)| (zone.to_datetime(at).date(), to_f64(count)))
        .collect();
    // A first week without any event belongs to a time of which nothing was recorded.
    let first = days.iter().map(|(day, _)| *day).min()?;
    let known = earlier
        .into_iter()
        .take_while(|period| first < period.from.saturating_add(LOOK_DAYS.days()));
    let weekly: Vec<Vec<f64>> = known
        .map(|period| {
            let mut counts = vec![0.0; weeks];
            for (day, count) in &days {
                if let Some(week) = history::week_of(period, *day, weeks) {
                    counts[week] += count;
                }
            }
            counts
        })
        .collect();
    History::learn(&weekly, whole)
}

impl History {
    /// The share that is usual by an instant of a period, days of a week alike.
    fn share_at(&self, period: Period, at: Timestamp, actuals: &Actuals<'_>) -> f64 {
        let Some(from) = midnight(period.from, actuals) else { return 0.0 };
        let week = SignedDuration::from_hours(24 * LOOK_DAYS).as_secs_f64();
        let passed = (at.duration_since(from).as_secs_f64() / week).max(0.0);
        let whole = passed.floor() as usize;
        let by = |weeks: usize| match weeks {
            0 => 0.0,
            weeks => self.by_week[weeks.min(self.by_week.len()) - 1],
        };
        by(whole) + (by(whole + 1) - by(whole)) * passed.fract()
    }
}
