//! The daemon seen from outside: the status page, health, readiness and metrics. It only reads, but for
//! what signed links in messages ask for; what came from a vendor is escaped.

mod acting;
mod chart;
mod guard;
mod health;
mod listener;
mod metrics;
mod pages;
mod view;

pub use metrics::METRICS;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Router, extract::Request, routing::get};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};

use crate::daemon::Ground;
use crate::evaluate::{Board, EvaluateError, Snapshot};

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// More is no form of ours.
const FORM_BYTES_MAX: usize = 16 * 1024;
/// Nothing is loaded, run or framed: the pages are text, tables and inline pictures.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// What the pages stand on; a new configuration arrives as a new ground.
#[derive(Clone)]
pub struct Web {
    ground: watch::Receiver<Ground>,
    /// Figures are worked out once, however many ask.
    figuring: Arc<Mutex<()>>,
}

impl Web {
    /// The web of a ground.
    pub fn new(ground: watch::Receiver<Ground>) -> Web {
        Web { ground, figuring: Arc::default() }
    }

    fn ground(&self) -> Ground {
        self.ground.borrow().clone()
    }

    /// The figures of the last check; before the first one they are worked out.
    async fn board(&self) -> Result<Arc<Board>, EvaluateError> {
        let ground = self.ground();
        if let Some(board) = ground.pulse.board() {
            return Ok(board);
        }
        let _alone = self.figuring.lock().await;
        if let Some(board) = ground.pulse.board() {
            return Ok(board);
        }
        let now = ground.clock.now();
        let snapshot = Snapshot::load_present(&ground.settings, &ground.store, now).await?;
        ground.pulse.set_board(Board::of(&snapshot).await?);
        ground.pulse.board().ok_or(EvaluateError::NothingRead { what: "anything".into() })
    }
}

/// Opens the port.
///
/// # Errors
/// A sentence, when it cannot be had.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address)
        .await
        .map_err(|error| format!("`[http] listen`: {address} cannot be opened: {error}"))
}

/// Serves until the task is dropped.
pub async fn serve(listener: TcpListener, web: Web) {
    if let Err(error) = axum::serve(listener::Limited::new(listener), router(web)).await {
        tracing::error!(%error, "the status page is not served any more");
    }
}

/// Every page.
pub fn router(web: Web) -> Router {
    Router::new()
        .route("/", get(pages::overview))
        .route("/goals/{*name}", get(pages::goal))
        .route("/alerts/{id}", get(pages::alert))
        .route("/handoffs", get(pages::handoffs))
        .route("/sources/{*name}", get(pages::source))
        .route("/digests/{week}", get(pages::digest))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::metrics))
        .layer(middleware::from_fn_with_state(web.clone(), guard::authorised))
        // Whoever watches the process needs no secret to see that it lives.
        .route("/healthz", get(health::healthy))
        // A link in a message is signed, and that is enough.
        .route("/act/{action}/{alert}", get(acting::ask).post(acting::act))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(middleware::from_fn_with_state(web.clone(), guard::known_host))
        .layer(middleware::from_fn(bounded))
        .with_state(web)
}

/// Ends what takes too long, and adds what every answer says.
async fn bounded(request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(ANSWER_TIMEOUT, next.run(request)).await;
    let mut response = answer.unwrap_or_else(|_| {
        (StatusCode::SERVICE_UNAVAILABLE, "the answer took too long\n").into_response()
    });
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

type Asked = State<Web>;
