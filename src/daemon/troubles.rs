//! Who hears of the daemon's own troubles: the operator, over the outbox while the store takes
//! messages, and past it when it does not.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Ground;
use crate::config::Settings;
use crate::daemon::jobs::{JobError, Report};
use crate::domain::notice::Document;
use crate::outbox::{
    address::{tell_operator, ways},
    operator_document,
};
use crate::schedule::Job;
use crate::sinks::{self, Delivery, Outgoing};
use crate::store::{StoreError, Trouble};

/// A job that failed so often in a row is told; less may be a network that was away.
const FAILURES_TOLD: i64 = 3;
/// Seconds between two messages past the outbox about the same trouble.
const EMERGENCY_SECS: i64 = 6 * 3_600;
/// Seconds until it is tried again where nobody was reached.
const UNREACHED_SECS: i64 = 600;

/// Tells what a run means for the operator: a secret that is refused at once, other failures when
/// they last, and their end.
///
/// # Errors
/// When the store does not take the message.
pub(super) async fn after_run(
    ground: &Ground,
    job: &Job,
    result: &Result<Report, JobError>,
    failures_before: i64,
) -> Result<(), StoreError> {
    let Err(error) = result else {
        return tell_recovery(ground, job, failures_before).await;
    };
    if let Some(trouble) = error.trouble {
        emergency(ground, trouble, &error.text).await;
        return Ok(());
    }
    let failures = failures_before + 1;
    if error.refused || failures >= FAILURES_TOLD {
        let title = match (job, error.refused) {
            (Job::Sync(source) | Job::Reconcile(source), true) => {
                format!("Source {source} refuses its secret")
            }
            (Job::Sync(source) | Job::Reconcile(source), false) => {
                format!("Source {source} could not be read {failures} times in a row")
            }
            _ => format!("Job {} failed {failures} times in a row", job.name()),
        };
        tell(ground, job, "failing", title, &error.text).await?;
    }
    Ok(())
}

/// What was told as failing is told as mended.
async fn tell_recovery(ground: &Ground, job: &Job, failures_before: i64) -> Result<(), StoreError> {
    if failures_before < FAILURES_TOLD {
        return Ok(());
    }
    let title = format!("Job {} works again", job.name());
    let why = format!("it had failed {failures_before} times in a row; nothing is to be done");
    tell(ground, job, "mended", title, &why).await
}

/// Once a day for each job: what lasts is worth a reminder, and no more.
async fn tell(
    ground: &Ground,
    job: &Job,
    what: &str,
    title: String,
    why: &str,
) -> Result<(), StoreError> {
    let now = ground.clock.now();
    let day = ground.settings.company.zone.to_datetime(now).date();
    let document = operator_document(title, &[("Why", why)]);
    let thread = format!("job:{}:{what}:{day}", job.name());
    tell_operator(&ground.settings, &ground.store, &thread, &document, now).await?;
    ground.store.bring_forward(&Job::Deliver.name(), now).await
}

/// The configuration that was to be taken is broken, and the old one stays.
///
/// # Errors
/// When the store does not take the message.
pub async fn refused_configuration(ground: &Ground, problems: &str) -> Result<(), StoreError> {
    let now = ground.clock.now();
    let title = "The new configuration is broken; the old one runs on".to_owned();
    let document = operator_document(title, &[("Why", problems)]);
    let thread = format!("configuration:{now}");
    tell_operator(&ground.settings, &ground.store, &thread, &document, now).await?;
    ground.store.bring_forward(&Job::Deliver.name(), now).await
}

/// The store takes no messages, so the operator is told past it: directly, over every way there is,
/// and seldom.
pub async fn emergency(ground: &Ground, trouble: Trouble, why: &str) {
    let now = ground.clock.now();
    if !ground.pulse.may_tell(trouble.name(), now, EMERGENCY_SECS) {
        return;
    }
    let reached = tell_past_the_store(&ground.settings, trouble, why, now).await;
    if !reached {
        // Nobody heard of it, so it is tried again soon.
        ground.pulse.told_earlier(trouble.name(), now, EMERGENCY_SECS - UNREACHED_SECS);
    }
    tracing::error!(why, reached, "{}", trouble.title());
}

/// Tells the operator of a trouble with the store directly, and says whether anybody was reached.
pub async fn tell_past_the_store(
    settings: &Settings,
    trouble: Trouble,
    why: &str,
    now: Timestamp,
) -> bool {
    let lines = [("Why", why), ("Means", trouble.meaning())];
    let document = operator_document(format!("paceline: {}", trouble.title()), &lines);
    let mut reached = false;
    for ((sink, address), delivery) in send_past_the_store(settings, &document, now).await {
        match delivery {
            Delivery::Sent | Delivery::Kept(_) => reached = true,
            other => tracing::warn!(sink, address, ?other, "the operator was not reached"),
        }
    }
    reached
}

async fn send_past_the_store(
    settings: &Settings,
    document: &Document,
    now: Timestamp,
) -> BTreeMap<(&'static str, String), Delivery> {
    let mut deliveries = BTreeMap::new();
    for (sink, address) in ways("operator", &settings.operator) {
        let message = Outgoing {
            document,
            id: now.as_millisecond(),
            store_id: "emergency",
            thread: "emergency",
            may_repeat: false,
            created: now,
            now,
            root: None,
        };
        let delivery = match sinks::open(settings, sink, &address) {
            Ok(way) => way.deliver(message).await,
            Err(text) => Delivery::Unready(text),
        };
        deliveries.insert((sink, address), delivery);
    }
    deliveries
}
