//! The questions of the evaluation, in their order, each answered from the figures.

use jiff::{ToSpan, civil::Date};

use super::{
    Snapshot,
    diagnosing::Diagnosis,
    feasibility::{About, Feasibility, feasibility},
    questioning_late::{cost_of_late, criteria},
    snapshot::EvaluateError,
};
use crate::alerts::message::{amount, count_text, exact_money, percent};
use crate::alerts::outlook::chance_text;
use crate::diagnose::Factor;
use crate::domain::{number::to_f64, period::Period, stage::Metric};
use crate::handoff::{Ledger, Verdict, summarise};
use crate::pacing::{PaceRow, State};
use crate::plan::Pair;
use crate::rates::assumed::Verdict as Borne;

/// What is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Yes.
    Yes,
    /// No.
    No,
    /// The figures do not tell.
    NotDecidable,
}

impl Answer {
    /// In words.
    pub fn title(self) -> &'static str {
        match self {
            Answer::Yes => "yes",
            Answer::No => "no",
            Answer::NotDecidable => "not decidable",
        }
    }
}

/// A question with its answer.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Question {
    /// Its name in JSON.
    pub name: &'static str,
    /// What is asked.
    pub asks: &'static str,
    /// Whose it is.
    pub owner: &'static str,
    /// The answer.
    pub answer: Answer,
    /// What it rests on.
    pub says: Vec<String>,
}

/// Everything that the answers rest on.
struct Known<'a> {
    snapshot: &'a Snapshot<'a>,
    rows: Vec<PaceRow>,
    diagnoses: &'a [Diagnosis],
    feasible: Vec<Feasibility>,
    ledger: Ledger,
}

/// All questions, with what was found about each goal.
///
/// # Errors
/// When the store cannot be read.
pub async fn questions(
    snapshot: &Snapshot<'_>,
    diagnoses: &[Diagnosis],
) -> Result<Vec<Question>, EvaluateError> {
    let known = Known {
        snapshot,
        rows: snapshot.pace_known(),
        diagnoses,
        feasible: feasibility(snapshot).await?,
        ledger: snapshot.ledger().await?,
    };
    Ok(vec![
        known.goal(Metric::Wins, "sales_goal", "Does sales meet its goal?", "sales"),
        known.marketing(),
        criteria(snapshot, &known.ledger).await?,
        known.follow_up(),
        known.assumption(Pair::WinRate),
        known.value(),
        known.timing(),
        data(snapshot).await?,
        known.plan(),
        cost_of_late(snapshot, &known.ledger).await?,
    ])
}

fn question(name: &'static str, asks: &'static str, owner: &'static str) -> Question {
    Question { name, asks, owner, answer: Answer::NotDecidable, says: Vec::new() }
}

/// The worst of several answers; nothing decides nothing.
fn worst(answers: &[Answer]) -> Answer {
    let has = |answer: Answer| answers.contains(&answer);
    match () {
        () if has(Answer::No) => Answer::No,
        () if has(Answer::Yes) && !has(Answer::NotDecidable) => Answer::Yes,
        () => Answer::NotDecidable,
    }
}

fn answer_of(state: State) -> Answer {
    match state {
        State::Behind | State::AtRisk => Answer::No,
        State::OnTrack | State::Ahead => Answer::Yes,
        State::Undecided => Answer::NotDecidable,
    }
}

impl Known<'_> {
    /// The rows of a metric of whole goals that have begun.
    fn begun(&self, metric: Metric) -> impl Iterator<Item = &PaceRow> {
        let begun = move |row: &&PaceRow| {
            row.metric == metric && row.part_of.is_none() && row.plan_to_date > 0.0
        };
        self.rows.iter().filter(begun)
    }

    fn goal(
        &self,
        metric: Metric,
        name: &'static str,
        asks: &'static str,
        owner: &'static str,
    ) -> Question {
        let mut asked = question(name, asks, owner);
        let answers: Vec<Answer> = self.begun(metric).map(|row| answer_of(row.state())).collect();
        asked.answer = worst(&answers);
        asked.says = self.begun(metric).map(|row| self.says(row)).collect();
        asked
    }

    fn says(&self, row: &PaceRow) -> String {
        let today = self.snapshot.settings.company.zone.to_datetime(row.at).date();
        format!(
            "{}: {} of {} {} {}, {}",
            row.goal,
            count_text(to_f64(row.actual)),
            count_text(row.plan_to_date.ceil()),
            row.metric.title(),
            if today < row.period.to { "by now" } else { "in the end" },
            row.state().title()
        )
    }

    /// What marketing owes, also by the month, and which part fell short.
    fn marketing(&self) -> Question {
        let mut asked = self.goal(
            Metric::Opportunities,
            "marketing_goal",
            "Does marketing deliver its qualified opportunities?",
            "marketing",
        );
        for row in self.begun(Metric::Opportunities) {
            asked.says.extend(self.month(row));
            let of_goal = |part: &&PaceRow| {
                part.part_of.as_ref() == Some(&row.goal) && part.metric == row.metric
            };
            let short =
                self.rows.iter().filter(of_goal).filter(|part| part.state() == State::Behind);
            asked.says.extend(short.map(|part| format!("it fell short at {}", self.says(part))));
        }
        asked
    }

    /// What is owed in the running month.
    fn month(&self, row: &PaceRow) -> Option<String> {
        let calendar = &self.snapshot.settings.company.hours;
        let today = calendar.zone.to_datetime(row.at).date();
        if today >= row.period.to {
            return None;
        }
        let from = today.first_of_month().max(row.period.from);
        let to = today.first_of_month().saturating_add(1.month()).min(row.period.to);
        let plan = self.snapshot.plans.iter().find(|plan| plan.goal.name == row.goal)?;
        let curve = plan.curves.get(&row.metric)?;
        let share = |day: Date| {
            let at = day.to_zoned(calendar.zone.clone()).ok()?.timestamp();
            Some(curve.share_at(at, calendar))
        };
        let goal = to_f64(row.goal_value);
        let by_now = goal * (curve.share_at(row.at, calendar) - share(from)?);
        let month = goal * (share(to)? - share(from)?);
        let actuals = self.snapshot.actuals(plan.goal.scope.as_ref());
        let actual = actuals.count(row.metric, Period { from, to }, row.at, plan);
        Some(format!(
            "{}: this month {} of {} by now, {} owed in all",
            row.goal,
            count_text(to_f64(actual)),
            count_text(by_now.ceil()),
            count_text(month.round())
        ))
    }

    /// What sales owes: each hand-off, in time.
    fn follow_up(&self) -> Question {
        let mut asked = question("follow_up", "Does sales follow up on all of them?", "sales");
        let month = self.snapshot.clock.checked_sub(jiff::SignedDuration::from_hours(24 * 30));
        let since = month.unwrap_or(self.snapshot.clock);
        let all = summarise(self.ledger.rows.iter());
        let lately = summarise(self.ledger.rows.iter().filter(|row| row.handed_off_at >= since));
        for (name, summary) in [("in all", &all), ("in the last 30 days", &lately)] {
            let Some(share) = summary.in_time_share() else { continue };
            let (late, overdue) = (summary.count(Verdict::Late), summary.count(Verdict::Overdue));
            asked.says.push(format!(
                "{name} {} of {} hand-offs in time ({} late, {} overdue, {} not known)",
                percent(share),
                count_text(summary.handed_off as f64),
                late,
                overdue,
                summary.count(Verdict::Unknown)
            ));
        }
        asked.answer = match all.in_time_share() {
            None => Answer::NotDecidable,
            Some(_) if all.count(Verdict::Late) + all.count(Verdict::Overdue) == 0 => Answer::Yes,
            Some(_) => Answer::No,
        };
        asked
    }

    /// Whether the close ratio is met, or was set too high.
    fn assumption(&self, pair: Pair) -> Question {
        let mut asked = question("close_ratio", "Is the close ratio met?", "sales");
        asked.answer = self.borne(About::Rate(pair), &mut asked.says, percent);
        let of_pair = |one: &Diagnosis| {
            one.links.iter().position(|link| link.pair == pair && link.separable).map(Factor::Rate)
        };
        self.served(of_pair, &mut asked);
        asked
    }

    fn value(&self) -> Question {
        let mut asked = question("deal_value", "Are deals worth what was planned?", "sales");
        let currency = &self.snapshot.settings.company.currency;
        // As exact as the plan has it.
        let money = |value: f64| exact_money(value, currency);
        asked.answer = self.borne(About::DealValue, &mut asked.says, money);
        self.served(|_| Some(Factor::Value), &mut asked);
        asked
    }

    /// A factor that cost the goals something, by more than chance, is not met, whatever holds in general.
    fn served(&self, factor: impl Fn(&Diagnosis) -> Option<Factor>, asked: &mut Question) {
        let currency = &self.snapshot.settings.company.currency;
        for one in self.diagnoses {
            let Some(factor) = factor(one) else { continue };
            let part = one.parts.iter().find(|part| part.factor == factor);
            let Some(part) = part.filter(|part| part.is_decided() && part.effect < 0.0) else {
                continue;
            };
            let show = |value: f64| amount(one.row.metric, value, currency);
            asked.answer = Answer::No;
            asked.says.push(format!(
                "{}: of what served it so far, it makes {} ({} to {})",
                one.row.goal,
                show(part.effect),
                show(part.low),
                show(part.high)
            ));
        }
    }

    fn borne(&self, about: About, says: &mut Vec<String>, text: impl Fn(f64) -> String) -> Answer {
        let mut answers = Vec::new();
        for found in &self.feasible {
            let assumed = found.assumptions.iter().filter(|assumed| assumed.about == about);
            for assumed in assumed {
                answers.push(match assumed.verdict {
                    Borne::Holds | Borne::Careful => Answer::Yes,
                    Borne::Contradicted | Borne::NeverReached => Answer::No,
                    Borne::NotDecidable => Answer::NotDecidable,
                });
                let Some(past) = assumed.past else { continue };
                let (low, high) = (text(past.low), text(past.high));
                let mut line = format!(
                    "{}: planned {}, measured {} ({low} to {high}) of {}",
                    found.goal,
                    text(assumed.planned),
                    text(past.value),
                    past.of
                );
                let best = past.best.filter(|_| assumed.verdict.is_doubtful());
                if let Some((_, best)) = best {
                    line.push_str(&if assumed.planned > best {
                        format!("; set too high: no quarter had more than {}", text(best))
                    } else {
                        format!("; it was {} in the best quarter", text(best))
                    });
                }
                says.push(line);
            }
        }
        worst(&answers)
    }

    fn timing(&self) -> Question {
        let mut asked = question("timing", "Do deals close when they were planned to?", "sales");
        let mut answers = Vec::new();
        for one in self.diagnoses {
            let timing = one.parts.iter().find(|part| matches!(part.factor, Factor::Timing(_)));
            let Some(timing) = timing else { continue };
            answers.push(match (timing.is_decided(), timing.effect < 0.0) {
                (false, _) => Answer::NotDecidable,
                (true, true) => Answer::No,
                (true, false) => Answer::Yes,
            });
            let currency = &self.snapshot.settings.company.currency;
            let show = |value: f64| amount(one.row.metric, value, currency);
            asked.says.push(format!(
                "{}: timing makes {} ({} to {})",
                one.row.goal,
                show(timing.effect),
                show(timing.low),
                show(timing.high)
            ));
        }
        asked.answer = worst(&answers);
        asked
    }

    fn plan(&self) -> Question {
        let mut asked = question("plan", "Can the goal be reached?", "whoever set the goal");
        let mut answers = Vec::new();
        for found in &self.feasible {
            let (planned, present) = (found.at_planned_volumes, found.at_present_volumes);
            let Some(chance) = planned.into_iter().chain(present).reduce(f64::max) else {
                continue;
            };
            answers.push(if chance >= 0.5 { Answer::Yes } else { Answer::No });
            let told = [("planned", planned), ("present", present)].into_iter();
            let told = told.filter_map(|(volumes, chance)| {
                Some(format!("{} with the {volumes} volumes", chance_text(chance?)))
            });
            let told: Vec<String> = told.collect();
            let mut line = format!("{}: a chance of {}", found.goal, told.join(", "));
            let volumes = found.assumptions.iter().filter(|assumed| {
                matches!(assumed.about, About::Volume(_)) && assumed.verdict.is_doubtful()
            });
            for assumed in volumes {
                let About::Volume(metric) = assumed.about else { continue };
                line.push_str(&format!("; so many {} were never there", metric.title()));
            }
            asked.says.push(line);
        }
        asked.answer = worst(&answers);
        asked
    }
}

async fn data(snapshot: &Snapshot<'_>) -> Result<Question, EvaluateError> {
    let mut asked = question("data", "Can the data be trusted?", "the operator");
    let faults = snapshot.store.faults().await?.len() + snapshot.derived_faults().len();
    let stale = snapshot.stale_sources();
    asked.says.extend(stale.iter().map(|source| format!("{source} has no complete data lately")));
    asked.says.push(match faults {
        0 => "no data faults".to_owned(),
        1 => "1 data fault: paceline faults".to_owned(),
        n => format!("{} data faults: paceline faults", count_text(n as f64)),
    });
    asked.answer = if stale.is_empty() { Answer::Yes } else { Answer::No };
    Ok(asked)
}
