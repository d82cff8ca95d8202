//! Everything that figures are made from, at one clock.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, OnceLock};

use jiff::{Timestamp, civil::Date};

use super::{
    completeness::{Completeness, completeness, objects_of},
    forecasting::{Prospects, prospects},
    measuring::{MeasuredBy, measured_by},
    present,
    tallies::{self, Asked},
    versions::{self, Standing},
};
use crate::config::{
    Problems, Settings, plan_file,
    source::{CompleteTo, Kind, Source},
};
use crate::domain::{
    Facts, Fault, Object,
    dimension::Dimension,
    record::ATTRIBUTES,
    scope::{Names, Part, Scope},
    stage::Metric,
    team::Teams,
    vocabulary::Vocabulary,
};
use crate::handoff::{Excuse, Ledger, LedgerInput, criteria::FIELDS, ledger};
use crate::pacing::{
    self, PaceRow, State,
    actual::Actuals,
    chart::{ChartPoint, chart},
    judge::DISPERSION_UNKNOWN,
};
use crate::plan::{self, Goal, GoalPlan, Measured, lay_out};
use crate::rates::table::Tallies;
use crate::sources;
use crate::store::{
    Store, StoreError,
    sources::{CountCheck, SourceState},
};

/// Why an evaluation could not be made.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// The store could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing was ever read.
    #[error("no source of {what} has been read completely yet: run `paceline sync` first")]
    NothingRead {
        /// What is asked for.
        what: String,
    },
}

/// Facts, plan and ledger at one clock.
pub struct Snapshot<'a> {
    /// The configuration.
    pub settings: &'a Settings,
    /// The store that it was read from.
    pub store: &'a Store,
    /// The clock.
    pub clock: Timestamp,
    /// What was known by then only, for past digests; the present knowledge when absent.
    pub known_at: Option<Timestamp>,
    /// The facts.
    pub facts: Facts,
    /// Whether some of the leads are only counted.
    pub counted: bool,
    /// How far they are complete.
    pub completeness: Completeness,
    /// The states of the sources.
    pub states: BTreeMap<String, SourceState>,
    /// How many opportunities each source has, there and here.
    pub counts: Vec<CountCheck>,
    /// What the company calls channels and campaigns.
    pub words: Vocabulary,
    /// Who belongs to whom.
    pub teams: Teams,
    /// The goals that could be worked out.
    pub plans: Vec<GoalPlan>,
    /// Goal -> the version that had it first, and the goal as it was approved then, where it differs.
    pub baselines: BTreeMap<String, (i64, Vec<GoalPlan>)>,
    /// How the plan file stands to what was approved.
    pub standing: Standing,
    /// What is wrong with the others, or with the plan file.
    pub plan_errors: Vec<String>,
    /// Tallies that were asked for.
    pub(super) tallied: Mutex<HashMap<Asked, Arc<Tallies>>>,
    /// Where the goals stand, once that was asked for.
    paced: OnceLock<Vec<PaceRow>>,
    /// What the plan took from the data.
    pub measured: MeasuredBy,
    /// What the forecasts rest on: for everything, and for each part that is a goal of its own.
    pub prospects: BTreeMap<Option<Scope>, Prospects>,
}

impl<'a> Snapshot<'a> {
    /// Reads everything. With `known_at`, as it was known then.
    ///
    /// # Errors
    /// See [`EvaluateError`].
    pub async fn load(
        settings: &'a Settings,
        store: &'a Store,
        clock: Timestamp,
        known_at: Option<Timestamp>,
    ) -> Result<Snapshot<'a>, EvaluateError> {
        let states = store.source_states().await?;
        let (facts, complete) = match known_at {
            Some(known) => {
                (store.facts_known_at(known).await?, store.complete_known_at(known).await?)
            }
            None => (store.facts().await?, complete_now(&states)),
        };
        let known = (facts, false, complete);
        Snapshot::of(settings, store, clock, known_at, states, known).await
    }

    /// Reads what a check of the present needs: most leads are only counted.
    ///
    /// # Errors
    /// See [`EvaluateError`].
    pub async fn load_present(
        settings: &'a Settings,
        store: &'a Store,
        clock: Timestamp,
    ) -> Result<Snapshot<'a>, EvaluateError> {
        let states = store.source_states().await?;
        let complete = complete_now(&states);
        let (facts, counted) = present::facts(settings, store, clock, &complete).await?;
        Snapshot::of(settings, store, clock, None, states, (facts, counted, complete)).await
    }

    async fn of(
        settings: &'a Settings,
        store: &'a Store,
        clock: Timestamp,
        known_at: Option<Timestamp>,
        states: BTreeMap<String, SourceState>,
        (facts, counted, complete): (Facts, bool, BTreeMap<String, Timestamp>),
    ) -> Result<Snapshot<'a>, EvaluateError> {
        let completeness = completeness(settings, &complete, clock);
        let named = facts.campaigns.iter();
        let named = named.map(|(id, own)| (own.source.as_str(), id.as_str(), own.name.as_str()));
        let mut snapshot = Snapshot {
            words: settings.words.clone().with_campaigns(named),
            settings,
            store,
            clock,
            known_at,
            teams: teams(settings, &facts),
            facts,
            counted,
            completeness,
            states,
            counts: store.count_checks().await?,
            plans: Vec::new(),
            baselines: BTreeMap::new(),
            standing: Standing::default(),
            plan_errors: Vec::new(),
            tallied: Mutex::default(),
            paced: OnceLock::new(),
            measured: MeasuredBy::default(),
            prospects: BTreeMap::new(),
        };
        snapshot.work_plans().await?;
        let whole = |plan: &&GoalPlan| plan.goal.part_of.is_none();
        let scopes: BTreeSet<Option<Scope>> =
            snapshot.plans.iter().filter(whole).map(|plan| plan.goal.scope.clone()).collect();
        for scope in scopes {
            let of_scope = prospects(&snapshot, scope.as_ref()).await?;
            snapshot.prospects.insert(scope, of_scope);
        }
        Ok(snapshot)
    }

    /// A plan that is wrong, or a goal that cannot be worked out yet, stops nothing else.
    async fn work_plans(&mut self) -> Result<(), EvaluateError> {
        let goals = match load_goals(self.settings) {
            Ok(goals) => goals,
            Err(problems) => {
                self.plan_errors.push(problems.to_string());
                return Ok(());
            }
        };
        self.measured = measured_by(self, &goals).await?;
        let versions = self.store.plan_versions(self.known_at.unwrap_or(self.clock)).await?;
        let text = self.settings.plan.as_deref().map(plan_file::text).unwrap_or_default();
        self.standing = versions::standing(&text, &versions);
        let company = &self.settings.company;
        self.baselines = versions::baselines(&goals, &versions, company);
        let nothing = Measured::default();
        for goal in &goals {
            let measured = self.measured.get(&goal.scope).unwrap_or(&nothing);
            match lay_out(goal, measured, &company.hours, company.fiscal_start) {
                Ok(plan) => {
                    let parts = plan::parts(&plan);
                    self.plans.push(plan);
                    self.plans.extend(parts);
                }
                Err(error) => self.plan_errors.push(error.to_string()),
            }
        }
        Ok(())
    }

    /// `data_as_of` of these objects, never later than the clock.
    pub fn data_as_of(&self, objects: &[Object]) -> Option<Timestamp> {
        self.completeness.of(objects).map(|at| at.min(self.clock))
    }

    /// The earliest `data_as_of` over everything that some source reports. Sources that are late by days when all is
    /// well tell theirs for themselves; it is theirs where there is no other.
    pub fn data_as_of_all(&self) -> Option<Timestamp> {
        let known = self.completeness.complete_to.iter();
        let known: Option<Vec<(i64, Timestamp)>> =
            known.map(|(name, at)| Some((self.usual_lag_secs(name), (*at)?))).collect();
        let known = known?;
        let prompt = known.iter().filter(|(lag, _)| *lag == 0).map(|(_, at)| *at).min();
        let at = prompt.or_else(|| known.iter().map(|(_, at)| *at).min());
        at.map(|at| at.min(self.clock))
    }

    /// How far behind the clock a source is when all is well, in seconds.
    fn usual_lag_secs(&self, name: &str) -> i64 {
        self.settings.sources.get(name).map_or(0, |source| source.kind.lag_secs())
    }

    /// Sources whose data is too old, or was never complete.
    pub fn stale_sources(&self) -> Vec<&str> {
        let after = self.settings.alerts.source_stale.after_secs;
        let stale = |(name, at): &(&String, &Option<Timestamp>)| {
            let late = |at: Timestamp| self.clock.as_second() - at.as_second();
            at.is_none_or(|at| late(at) > after + self.usual_lag_secs(name))
        };
        let sources = self.completeness.complete_to.iter();
        sources.filter(stale).map(|(name, _)| name.as_str()).collect()
    }

    /// Where every goal stands. Metrics that no source reports have no row.
    ///
    /// # Errors
    /// When a source that a goal rests on was never read completely.
    pub fn pace(&self) -> Result<Vec<PaceRow>, EvaluateError> {
        for metric in Metric::ALL {
            let objects = objects_of(metric.stage());
            let reported = !self.completeness.sources_of(objects).is_empty();
            if reported && self.uses(metric) && self.completeness.of(objects).is_none() {
                return Err(EvaluateError::NothingRead { what: metric.name().to_owned() });
            }
        }
        Ok(self.pace_known())
    }

    /// As [`Snapshot::pace`], without the rows whose sources were never read completely. They are worked
    /// out once: a forecast takes thousands of draws.
    pub fn pace_known(&self) -> Vec<PaceRow> {
        self.paced.get_or_init(|| self.work_pace()).clone()
    }

    fn work_pace(&self) -> Vec<PaceRow> {
        let calendar = &self.settings.company.hours;
        let of_metric =
            |metric: Metric| Some((metric, self.completeness.of(objects_of(metric.stage()))?));
        let complete: BTreeMap<Metric, Timestamp> =
            Metric::ALL.into_iter().filter_map(of_metric).collect();
        let mut all = Vec::new();
        for plan in &self.plans {
            let actuals = self.actuals(plan.goal.scope.as_ref());
            let goal = &plan.goal;
            let sibling = |other: &&GoalPlan| {
                other.goal.part_of.is_some() && other.goal.part_of == goal.part_of
            };
            let siblings: Vec<&GoalPlan> = self.plans.iter().filter(sibling).collect();
            let carried = |(metric, _): &(&Metric, &Timestamp)| self.is_carried(plan, **metric);
            let complete: BTreeMap<Metric, Timestamp> =
                complete.iter().filter(carried).map(|(metric, at)| (*metric, *at)).collect();
            let mut rows = pacing::rows(plan, &siblings, &actuals, &complete, self.clock);
            // Where opportunities have no history of their own the cautious dispersion holds.
            let created = rows.iter().find(|row| row.metric == Metric::Opportunities);
            let dispersion =
                created.map_or(DISPERSION_UNKNOWN, |created| created.judgement.dispersion);
            // A part follows its whole: it has no forecast of its own.
            let prospects = self.prospects.get(&goal.scope).filter(|_| goal.part_of.is_none());
            for (row, prospects) in rows.iter_mut().zip(std::iter::repeat(prospects)) {
                prospects.inspect(|prospects| prospects.extend(row, plan, dispersion, calendar));
            }
            let wins = rows.iter().find(|row| row.metric == Metric::Wins);
            let at_risk = wins.is_some_and(|wins| wins.judgement.state == State::AtRisk);
            let revenue = rows.iter_mut().filter(|row| at_risk && row.metric == Metric::Revenue);
            revenue.for_each(|row| row.judgement.state = State::AtRisk);
            all.extend(rows);
        }
        for row in &mut all {
            let goal = row.part_of.as_ref().unwrap_or(&row.goal);
            let Some((version, approved)) = self.baselines.get(goal) else { continue };
            let same = approved.iter().find(|plan| plan.goal.name == row.goal);
            row.baseline = same.and_then(|plan| pacing::baseline(row, *version, plan, calendar));
        }
        for plan in &self.plans {
            let part = |row: &&mut PaceRow| row.part_of.as_deref() == Some(&plan.goal.name);
            pacing::family::raise(&mut all.iter_mut().filter(part).collect::<Vec<_>>());
        }
        all
    }

    /// Whether records of a metric can belong to the goal's part at all: leads have no product, and where no
    /// lead has an owner none of them says anything about a team.
    fn is_carried(&self, plan: &GoalPlan, metric: Metric) -> bool {
        let Some(by) = plan.goal.scope.as_ref().map(|scope| scope.by) else { return true };
        let names = self.names();
        match metric {
            Metric::Visits => {
                self.facts.visits.iter().any(|visit| names.of_visit(by, visit).is_some())
            }
            Metric::Leads | Metric::Mqls => {
                self.facts.counted.knows(by)
                    || self.facts.leads.values().any(|lead| names.of_lead(by, lead).is_some())
            }
            _ => true,
        }
    }

    /// The chart of a row.
    pub fn chart(&self, row: &PaceRow, points: i32) -> Vec<ChartPoint> {
        let plan = self.plans.iter().find(|plan| plan.goal.name == row.goal);
        let of = |plan: &GoalPlan| chart(plan, row, &self.actuals(row.scope.as_ref()), points);
        plan.map(of).unwrap_or_default()
    }

    /// What the company calls the values of a record.
    pub fn names(&self) -> Names<'_> {
        Names { words: &self.words, teams: &self.teams }
    }

    /// Counts what happened in a part, or in all.
    pub fn actuals<'b>(&'b self, scope: Option<&'b Scope>) -> Actuals<'b> {
        Actuals {
            facts: &self.facts,
            calendar: &self.settings.company.hours,
            currency: &self.settings.currency,
            names: self.names(),
            scope,
        }
    }

    fn uses(&self, metric: Metric) -> bool {
        self.plans.iter().any(|plan| plan.chain.required.contains_key(&metric))
    }

    /// The hand-off ledger.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn ledger(&self) -> Result<Ledger, EvaluateError> {
        let excuses = self.store.excuses(self.known_at.unwrap_or(self.clock)).await?;
        let excuses = excuses
            .into_iter()
            .map(|(key, row)| (key, Excuse { by: row.by, reason: row.reason }))
            .collect();
        Ok(ledger(&LedgerInput {
            facts: &self.facts,
            teams: &self.teams,
            hours: &self.settings.company.hours,
            settings: &self.settings.handoff,
            filled: &filled(self.settings),
            watched: &self.watched(),
            words: &self.words,
            currency: &self.settings.currency,
            activities_from: self.activities_from(),
            opportunities_complete: self.data_as_of(&[Object::Opportunity]),
            excuses: &excuses,
            clock: self.clock,
            activities_complete: self.data_as_of(&[Object::Activity]),
        }))
    }

    /// The sources of which it is known what they had when they were read: not a file that may be older than its
    /// sync.
    fn watched(&self) -> BTreeSet<String> {
        let sources = self.settings.sources.iter();
        let own = sources.filter(|(_, source)| match &source.kind {
            Kind::Csv(csv) => csv.complete_to == CompleteTo::Modified,
            _ => true,
        });
        own.map(|(name, _)| name.clone()).collect()
    }

    /// From when on every source of activities knows what was done.
    fn activities_from(&self) -> Option<Date> {
        let names = self.completeness.sources_of(&[Object::Activity]);
        names.iter().filter_map(|name| self.settings.sources.get(name)?.past.events).max()
    }

    /// Faults that only show when records are put together: steps back in time, amounts without a
    /// currency rate.
    pub fn derived_faults(&self) -> Vec<Fault> {
        let company = &self.settings.company;
        let mut faults = tallies::negative_lag_faults(self);
        faults.extend(self.counts.iter().filter(|count| count.there != count.here).map(|count| {
            Fault {
                source: count.source.clone(),
                origin: "count".into(),
                object: Object::Opportunity.name().into(),
                record: String::new(),
                kind: "count_differs".into(),
                detail: format!(
                    "the source counts {} opportunities, here are {}; `paceline sync --source {} --full` \
                     compares them",
                    count.there, count.here, count.source
                ),
                line: 0,
            }
        }));
        faults.extend(pacing::actual::currency_faults(
            &self.facts,
            &self.settings.currency,
            &company.hours,
        ));
        faults
    }
}

/// The fields of opportunities that each source fills, of those that the ledger asks for: what it needs itself, and what
/// the agreed criteria are of.
pub fn filled(settings: &Settings) -> BTreeMap<String, BTreeSet<String>> {
    let own = ["handed_off_at", "accepted_at", "rejected_at", "next_step"];
    let agreed = settings.handoff.criteria.iter().map(|criterion| criterion.field.as_str());
    let asked: Vec<&str> = own.into_iter().chain(agreed).collect();
    let of = |(name, source): (&String, &Source)| {
        let opened = sources::open(name, source, &settings.company.zone);
        let fills = |field: &&&str| {
            if !own.contains(*field) && !FIELDS.contains(*field) {
                return opened.provides(Object::Opportunity, &format!("{ATTRIBUTES}.{field}"));
            }
            // An opportunity takes some values from its lead.
            [Object::Opportunity, Object::Lead].iter().any(|object| opened.provides(*object, field))
        };
        (name.clone(), asked.iter().filter(fills).map(|field| (*field).to_owned()).collect())
    };
    settings.sources.iter().map(of).collect()
}

/// How far each source is complete.
fn complete_now(states: &BTreeMap<String, SourceState>) -> BTreeMap<String, Timestamp> {
    let of = |(name, state): (&String, &SourceState)| Some((name.clone(), state.complete_to?));
    states.iter().filter_map(of).collect()
}

/// The goals of the plan file; none without one.
///
/// # Errors
/// Every problem of the file.
pub fn load_goals(settings: &Settings) -> Result<Vec<Goal>, Problems> {
    let goals = settings.plan.as_deref().map(plan_file::load).transpose()?.unwrap_or_default();
    let mut problems = Vec::new();
    for goal in &goals {
        let parts = goal.shares.iter().map(|(scope, _)| scope).chain(&goal.scope);
        let named = parts.filter(|scope| scope.by == Dimension::Team);
        let named = named.filter_map(|scope| match &scope.part {
            Part::Key(team) => Some(team),
            Part::Rest(_) => None,
        });
        for team in named.chain(&goal.team).filter(|team| !settings.teams.contains_key(*team)) {
            problems.push(crate::config::Problem {
                place: goal.place.clone(),
                key: "team".into(),
                message: format!("goal `{}` names team `{team}`, which does not exist", goal.name),
                mend: format!("add `[team.{team}]` to {}", settings.file.display()),
            });
        }
    }
    if problems.is_empty() { Ok(goals) } else { Err(Problems(problems)) }
}

/// Owners are configured by id or by e-mail address.
fn teams(settings: &Settings, facts: &Facts) -> Teams {
    let mut teams = Teams::default();
    for (name, team) in &settings.teams {
        let members = teams.members.entry(name.clone()).or_default();
        for owner in &team.owners {
            members.insert(owner.clone());
            let same = |known: &&crate::domain::facts::Owner| {
                known.email.as_deref().is_some_and(|email| email.eq_ignore_ascii_case(owner))
            };
            members.extend(facts.owners.values().filter(same).map(|known| known.id.clone()));
        }
        if let Some(hours) = &team.hours {
            teams.hours.insert(name.clone(), hours.clone());
        }
    }
    teams
}
