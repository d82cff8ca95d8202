//! The pages: each number of the overview links to how it came about.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context, value::Serde};
use serde::Serialize;

use super::{Asked, view};
use crate::alerts::message::{day_time, day_time_zone};
use crate::daemon::Ground;
use crate::digest::{Digest, html};
use crate::domain::Fault;
use crate::evaluate::EvaluateError;
use crate::handoff::ledger::Verdict;
use crate::schedule::Job;
use crate::store::StoreError;

const LAYOUT: &str = include_str!("templates/layout.html");
const TEMPLATES: [(&str, &str); 6] = [
    ("overview", include_str!("templates/overview.html")),
    ("goal", include_str!("templates/goal.html")),
    ("alert", include_str!("templates/alert.html")),
    ("act", include_str!("templates/act.html")),
    ("handoffs", include_str!("templates/handoffs.html")),
    ("source", include_str!("templates/source.html")),
];
/// Digests that the overview names.
const DIGESTS_MAX: i64 = 12;
/// Faults that a source's page shows.
const FAULTS_MAX: usize = 200;

/// Why a page is not shown.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The figures cannot be made.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// There is no such thing.
    #[error("there is no such page")]
    Missing,
    /// A template is broken, which a test would show.
    #[error("the page cannot be written out: {0}")]
    Render(#[from] minijinja::Error),
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let status = match self {
            PageError::Missing => StatusCode::NOT_FOUND,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        if status != StatusCode::NOT_FOUND {
            tracing::error!(error = %self, "a page could not be shown");
        }
        (status, format!("{self}\n")).into_response()
    }
}

type Page = Result<Html<String>, PageError>;

/// `GET /`
pub async fn overview(State(web): Asked) -> Page {
    let ground = web.ground();
    let (board, zone) = (web.board().await?, &ground.settings.company.zone);
    let (store, now) = (&ground.store, ground.clock.now());
    let alerts = store.alerts_between(now, Timestamp::MAX).await?;
    let open = alerts.iter().filter(|row| row.state != "resolved");
    let teams = board.handoffs_by_team.iter().map(|(name, sum)| view::team(name, sum));
    let rows = store.jobs().await?;
    let jobs = Job::all(&ground.settings).into_iter().filter_map(|job| {
        let name = job.name();
        Some(view::job(&name, rows.get(&name)?, zone))
    });
    render(
        &ground,
        "overview",
        "Overview",
        context! {
            ailment => ground.pulse.ailment(),
            checked => day_time_zone(board.at, zone),
            complete => board.data_as_of.map(|at| day_time_zone(at, zone)),
            plan_errors => &board.plan_errors,
            goals => shown(&view::goals(&board, &ground.settings.company.currency)),
            alerts => shown(&open.map(|row| view::alert(row, zone)).collect::<Vec<_>>()),
            verdicts => verdicts(),
            all => shown(&view::team("all", &board.handoffs)),
            teams => shown(&teams.collect::<Vec<_>>()),
            sources => shown(&sources(&ground).await?),
            jobs => shown(&jobs.collect::<Vec<_>>()),
            digests => store.digest_weeks(DIGESTS_MAX).await?,
        },
    )
}

/// `GET /goals/NAME`
pub async fn goal(State(web): Asked, Path(name): Path<String>) -> Page {
    let (ground, board) = (web.ground(), web.board().await?);
    let currency = &ground.settings.company.currency;
    let plan = board.plans.iter().position(|plan| plan.goal.name == name);
    let plan = plan.ok_or(PageError::Missing)?;
    let goals = view::goals(&board, currency);
    render(
        &ground,
        "goal",
        &name,
        context! {
            goal => shown(&goals[plan]),
            arithmetic => &board.plans[plan].chain.arithmetic,
            checked => day_time_zone(board.at, &ground.settings.company.zone),
        },
    )
}

/// `GET /alerts/ID`
pub async fn alert(State(web): Asked, Path(id): Path<i64>) -> Page {
    let ground = web.ground();
    let zone = &ground.settings.company.zone;
    let row = ground.store.alert(id).await?.ok_or(PageError::Missing)?;
    let steps = ground.store.transitions_of(id).await?;
    let steps: Vec<[String; 4]> = steps
        .into_iter()
        .map(|step| {
            let told = if step.sent { "told" } else { "not told" };
            [day_time(step.at, zone), step.kind, told.to_owned(), step.reason]
        })
        .collect();
    let shown_alert = view::alert(&row, zone);
    let heard = ground.store.heard_of(id).await?;
    let heard: Vec<String> = heard
        .into_iter()
        .map(|(who, heard)| {
            format!("{} {}", who.replace('*', "everybody"), day_time(heard.at, zone))
        })
        .collect();
    let told = if heard.is_empty() { "nobody yet".to_owned() } else { heard.join(", ") };
    let title = format!("Alert {id}");
    render(&ground, "alert", &title, context! { alert => shown(&shown_alert), steps, told })
}

/// `GET /handoffs`
pub async fn handoffs(State(web): Asked) -> Page {
    let (ground, board) = (web.ground(), web.board().await?);
    let zone = &ground.settings.company.zone;
    let rows: Vec<_> = board.open_handoffs.iter().map(|row| view::handoff(row, zone)).collect();
    let teams = board.handoffs_by_team.iter().map(|(name, sum)| view::team(name, sum));
    render(
        &ground,
        "handoffs",
        "Hand-offs",
        context! {
            verdicts => verdicts(),
            all => shown(&view::team("all", &board.handoffs)),
            teams => shown(&teams.collect::<Vec<_>>()),
            rows => shown(&rows),
            open => board.handoffs.count(Verdict::Waiting) + board.handoffs.count(Verdict::Overdue)
                + board.handoffs.count(Verdict::Unknown),
            checked => day_time_zone(board.at, zone),
        },
    )
}

/// `GET /sources/NAME`
pub async fn source(State(web): Asked, Path(name): Path<String>) -> Page {
    let ground = web.ground();
    let found = sources(&ground).await?.into_iter().find(|source| source.name == name);
    let source = found.ok_or(PageError::Missing)?;
    let faults = ground.store.faults().await?;
    let own = faults.iter().filter(|fault| fault.source == name);
    let total = own.clone().count();
    let row = |fault: &Fault| {
        [&fault.object, &fault.record, &fault.kind, &fault.detail].map(String::clone)
    };
    let rows: Vec<[String; 4]> = own.take(FAULTS_MAX).map(row).collect();
    render(&ground, "source", &name, context! { source => shown(&source), faults => rows, total })
}

/// `GET /digests/WEEK`: the digest as it was written.
pub async fn digest(State(web): Asked, Path(week): Path<String>) -> Page {
    let stored = web.ground().store.digest(&week).await?.ok_or(PageError::Missing)?;
    let digest: Digest = serde_json::from_str(&stored).map_err(|_| PageError::Missing)?;
    Ok(Html(html::render(&digest)?))
}

async fn sources(ground: &Ground) -> Result<Vec<view::Source>, StoreError> {
    let states = ground.store.source_states().await?;
    let (now, zone) = (ground.clock.now(), &ground.settings.company.zone);
    let after = ground.settings.alerts.source_stale.after_secs;
    let of = |(name, own): (&String, &crate::config::source::Source)| {
        let state = states.get(name).cloned().unwrap_or_default();
        view::source(name, &state, after + own.kind.lag_secs(), now, zone)
    };
    Ok(ground.settings.sources.iter().map(of).collect())
}

fn verdicts() -> Vec<String> {
    Verdict::ALL.iter().map(|verdict| verdict.name().replace('_', " ")).collect()
}

pub(super) fn shown<T: Serialize>(value: &T) -> Value {
    Value::from(Serde(value))
}

pub(super) fn render(ground: &Ground, name: &str, title: &str, values: Value) -> Page {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_template("layout", LAYOUT)?;
    for (name, template) in TEMPLATES {
        environment.add_template(name, template)?;
    }
    let page = environment.get_template(name)?.render(context! {
        company => &ground.settings.company.name,
        title,
        version => env!("CARGO_PKG_VERSION"),
        ..values
    })?;
    // Escaping leaves control characters as they are, and a terminal that shows the source obeys them.
    let lines = page.lines().map(crate::domain::notice::plain);
    Ok(Html(lines.collect::<Vec<_>>().join("\n")))
}
