//! How long the steps of a chain take, and what that does to the stages before the goal's.

use std::collections::BTreeMap;

use jiff::{Span, ToSpan, civil::Date};

use super::{
    chain::PlanError,
    curve::Curve,
    goal::{Goal, Pair},
};
use crate::domain::{
    calendar::BusinessCalendar,
    normal::normal_cdf,
    period::{Period, move_back},
    stage::Metric,
};

/// The 90 % point of the normal distribution.
const Z90: f64 = 1.281_551_565_544_600_4;
/// A step is not followed for longer, in days.
const HORIZON_DAYS: usize = 3_660;

/// The time from one stage to the next.
#[derive(Clone, Copy, Debug, Default)]
pub enum Lag {
    /// Not given: none.
    #[default]
    None,
    /// `"actual"`: as it was measured.
    Actual,
    /// Always the same.
    Fixed(Span),
    /// A log-normal distribution.
    LogNormal {
        /// Half of those that go on take longer, in days.
        median_days: i64,
        /// One in ten of them takes longer, in days.
        p90_days: i64,
    },
}

impl PartialEq for Lag {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

/// How long a step took, of those that went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeasuredLag {
    /// Half took longer, in days.
    pub median_days: i64,
    /// One in ten took longer, in days.
    pub p90_days: i64,
    /// How many entered.
    pub entered: u64,
}

impl MeasuredLag {
    /// As a plan uses it: a distribution, or none for what goes on within the day.
    pub fn lag(self) -> Lag {
        match (self.median_days, self.p90_days) {
            (0, 0) => Lag::None,
            (median, p90) => {
                let median_days = median.max(1);
                Lag::LogNormal { median_days, p90_days: p90.max(median_days + 1) }
            }
        }
    }
}

impl Lag {
    /// The day less the lag, or less its median.
    pub fn before(&self, day: Date) -> Date {
        match self {
            Lag::None | Lag::Actual => day,
            Lag::Fixed(span) => move_back(day, *span),
            Lag::LogNormal { median_days, .. } => move_back(day, median_days.days()),
        }
    }

    /// For people: `2 months`, `half within 60 days, nine in ten within 150`.
    pub fn title(&self) -> String {
        match self {
            Lag::None | Lag::Actual => "none".into(),
            Lag::Fixed(span) => match (span.get_months(), span.get_days()) {
                (0, days) => format!("{days} days"),
                (months, _) => format!("{months} months"),
            },
            Lag::LogNormal { median_days, p90_days } => {
                format!("half within {median_days} days, nine in ten within {p90_days}")
            }
        }
    }
}

/// The share of a wait that is over after so many days.
#[derive(Clone)]
enum Wait {
    /// One log-normal step, exactly.
    One { mu: f64, sigma: f64 },
    /// Several, by days: the chance of each day, which stands for half a day around it.
    Several(Vec<f64>),
}

impl Wait {
    fn of(median_days: i64, p90_days: i64) -> Wait {
        let mu = (median_days as f64).ln();
        Wait::One { mu, sigma: ((p90_days as f64).ln() - mu) / Z90 }
    }

    fn over_after(&self, days: f64) -> f64 {
        match self {
            _ if days <= 0.0 => 0.0,
            Wait::One { mu, sigma } => normal_cdf((days.ln() - mu) / sigma),
            Wait::Several(by_day) => {
                let whole = days as usize;
                let sum: f64 = by_day.iter().take(whole).sum();
                (sum + by_day.get(whole).map_or(0.0, |last| last / 2.0)).min(1.0)
            }
        }
    }

    fn by_day(&self) -> Vec<f64> {
        match self {
            Wait::Several(by_day) => by_day.clone(),
            Wait::One { .. } => {
                let up_to = |day: usize| self.over_after(day as f64 + 0.5);
                let mut by_day = vec![up_to(0)];
                while by_day.len() < HORIZON_DAYS && up_to(by_day.len() - 1) < 0.999_999 {
                    let day = by_day.len();
                    by_day.push(up_to(day) - up_to(day - 1));
                }
                by_day
            }
        }
    }

    /// This wait and then that one.
    fn then(&self, other: &Wait) -> Wait {
        let (first, second) = (self.by_day(), other.by_day());
        let days = (first.len() + second.len()).min(HORIZON_DAYS);
        let mut sum = vec![0.0; days];
        for (day, chance) in first.iter().enumerate() {
            for (more, other) in second.iter().take(days.saturating_sub(day)).enumerate() {
                sum[day + more] += chance * other;
            }
        }
        Wait::Several(sum)
    }
}

/// A stage before the goal's own.
pub(super) struct Upstream {
    /// What is counted in it.
    pub metric: Metric,
    /// Its days.
    pub curve: Curve,
    /// The share of what comes of it that lands inside the goal; 1 where every lag is fixed.
    pub in_goal_share: f64,
    /// Whether it comes earlier than the goal.
    pub moved: bool,
}

/// The stages before the goal's own, the nearest first. Each day of the goal moves back by the lags of the
/// steps up to it (by their medians where they are distributions), then to the nearest business day. The
/// share that lands inside the goal is `sum_d share_d · [G(to - d) - G(from - d)]`, G being the law of the
/// steps that are distributions, and the goal's bounds less the fixed ones (`statistics.md` 1.11).
pub(super) fn upstream(
    goal: &Goal,
    own: &Curve,
    steps: &[(Pair, Lag)],
    calendar: &BusinessCalendar,
) -> Vec<Upstream> {
    let mut found = Vec::new();
    let (mut curve, mut window) = (own.clone(), goal.period);
    let mut wait: Option<Wait> = None;
    let mut share = 1.0_f64;
    let mut moved = false;
    for (pair, lag) in steps {
        curve = curve.moved_back(lag, calendar);
        moved |= !matches!(lag, Lag::None);
        match lag {
            Lag::None | Lag::Actual => {}
            Lag::Fixed(_) => {
                window = Period { from: lag.before(window.from), to: lag.before(window.to) };
            }
            Lag::LogNormal { median_days, p90_days } => {
                let step = Wait::of(*median_days, *p90_days);
                let whole = wait.as_ref().map_or_else(|| step.clone(), |after| step.then(after));
                share = share.min(landing(&curve, &whole, window));
                wait = Some(whole);
            }
        }
        let metric = Metric::of_stage(pair.stages().0);
        found.push(Upstream { metric, curve: curve.clone(), in_goal_share: share, moved });
    }
    found
}

fn landing(created: &Curve, wait: &Wait, window: Period) -> f64 {
    let days = |from: Date, to: Date| from.until(to).map_or(0.0, |span| f64::from(span.get_days()));
    let lands =
        |day: Date| wait.over_after(days(day, window.to)) - wait.over_after(days(day, window.from));
    created.days().map(|(day, share)| share * lands(day)).sum()
}

/// The steps from the goal's own stage back to the first of its chain, with what each takes. A lag of the
/// whole way stands at its last step.
///
/// # Errors
/// A lag of a step that the plan does not have, or one that is to be measured where nothing could be.
pub(super) fn steps(
    goal: &Goal,
    chain: &[Pair],
    measured: &BTreeMap<Pair, MeasuredLag>,
) -> Result<Vec<(Pair, Lag)>, PlanError> {
    let unused = |pair: &&Pair| {
        let whole = **pair == Pair::WinRate && chain.contains(&Pair::LeadToWon);
        !chain.contains(pair) && !whole
    };
    if let Some(pair) = goal.assume.lags.keys().find(unused) {
        let used: Vec<&str> = chain.iter().map(|pair| pair.key()).collect();
        return Err(goal.error(
            format!("`{}` in `lags` is no step of this plan", pair.key()),
            format!("its steps are: {}", used.join(", ")),
        ));
    }
    let mut at = goal.metric.stage();
    let mut steps = Vec::new();
    for pair in chain.iter().rev() {
        let (from, to) = pair.stages();
        if to != at {
            continue;
        }
        at = from;
        let lag = match goal.assume.lag(*pair) {
            Lag::Actual => measured.get(pair).map(|lag| lag.lag()).ok_or_else(|| {
                goal.error(
                    format!(
                        "how long `{}` takes is to be measured, but too few are known",
                        pair.key()
                    ),
                    "give a span, like \"60d\", until there is data",
                )
            })?,
            given => given,
        };
        steps.push((*pair, lag));
    }
    Ok(steps)
}
