//! What people do from a message: the link shows a form, and the form does it. The link's signature is
//! all that is asked for, so that a team lead needs no token; a mail scanner that follows it does nothing.

use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use minijinja::context;
use serde::Deserialize;

use super::pages::{PageError, render, shown};
use super::{Asked, view};
use crate::alerts::message::day_time;
use crate::domain::silence::Silence;
use crate::evaluate::acting::{self, ActError};
use crate::outbox::link::{Action, Signer};
use crate::store::alerts::AlertRow;

/// As all pages, and the form may be sent to us.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                      form-action 'self'; frame-ancestors 'none'";

/// What stands behind the question mark of a link.
#[derive(Debug, Deserialize)]
pub struct Signed {
    until: i64,
    signature: String,
}

/// What somebody filled in.
#[derive(Debug, Deserialize)]
pub struct Filled {
    by: String,
    why: String,
    until: String,
}

/// `GET /act/ACTION/ALERT`: the question.
pub async fn ask(
    State(web): Asked,
    Path((action, id)): Path<(String, i64)>,
    Query(signed): Query<Signed>,
) -> Result<Response, PageError> {
    let ground = web.ground();
    let Some((action, row)) = allowed(&ground, &action, id, &signed).await? else {
        return Ok(refused());
    };
    let zone = &ground.settings.company.zone;
    let page = render(
        &ground,
        "act",
        title(action),
        context! { alert => shown(&view::alert(&row, zone)), action => action.name(), done => "" },
    )?;
    Ok(with_form(page))
}

/// `POST /act/ACTION/ALERT`: the deed.
pub async fn act(
    State(web): Asked,
    Path((action, id)): Path<(String, i64)>,
    Query(signed): Query<Signed>,
    Form(filled): Form<Filled>,
) -> Result<Response, PageError> {
    let ground = web.ground();
    let Some((action, row)) = allowed(&ground, &action, id, &signed).await? else {
        return Ok(refused());
    };
    let (store, now, zone) = (&ground.store, ground.clock.now(), &ground.settings.company.zone);
    let until = match acting::until(&filled.until, now, zone) {
        Ok(until) => until,
        Err(error) => return told(error),
    };
    let done = match action {
        Action::Acknowledge => {
            let who = (filled.by.as_str(), filled.why.as_str());
            let which = (id, acting::Reach::Thread);
            match acting::acknowledge(store, which, who, until, now, &ground.settings).await {
                Ok(done) => done.sentence(zone),
                Err(error) => return told(error),
            }
        }
        Action::Silence => {
            let silence = Silence {
                id: 0,
                rule: Some(row.rule.clone()),
                scope: Some(row.scope.clone()),
                team: None,
                by: filled.by,
                why: filled.why,
                from: now,
                until,
            };
            match acting::silence(store, silence).await {
                Ok(number) => format!(
                    "Nothing is told of this until {}. What still goes on then is told; \
                     `paceline alerts unsilence {number}` ends it sooner.",
                    day_time(until, zone)
                ),
                Err(error) => return told(error),
            }
        }
    };
    tracing::info!(alert = id, action = action.name(), "somebody acted on an alert");
    let page = render(
        &ground,
        "act",
        title(action),
        context! { alert => shown(&view::alert(&row, zone)), action => action.name(), done },
    )?;
    Ok(page.into_response())
}

fn title(action: Action) -> &'static str {
    match action {
        Action::Acknowledge => "Acknowledge an alert",
        Action::Silence => "Silence an alert",
    }
}

async fn allowed(
    ground: &crate::daemon::Ground,
    action: &str,
    id: i64,
    signed: &Signed,
) -> Result<Option<(Action, AlertRow)>, PageError> {
    let Some(action) = Action::of(action) else { return Ok(None) };
    let Some(signer) = Signer::of(&ground.store).await? else { return Ok(None) };
    if !signer.allows(action, id, signed.until, &signed.signature, ground.clock.now()) {
        return Ok(None);
    }
    Ok(ground.store.alert(id).await?.map(|row| (action, row)))
}

fn refused() -> Response {
    let text = "this link has ended, or was not made here: use the one of a newer message, or \
                `paceline alerts ack` on the server\n";
    (StatusCode::FORBIDDEN, text).into_response()
}

/// What cannot be done is said; what fails is the page's own error.
fn told(error: ActError) -> Result<Response, PageError> {
    match error {
        ActError::Store(error) => Err(error.into()),
        ActError::Refused(text) => {
            let text = format!("{text}\nGo back to mend it.\n");
            Ok((StatusCode::UNPROCESSABLE_ENTITY, text).into_response())
        }
    }
}

fn with_form(page: Html<String>) -> Response {
    let policy = (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    ([policy], page).into_response()
}
