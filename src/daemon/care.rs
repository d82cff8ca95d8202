//! What keeps the store in order: nightly copies, what is deleted, and whether the file is sound.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use jiff::{Timestamp, ToSpan, civil::Date};

use super::Ground;
use crate::daemon::jobs::JobError;
use crate::store::care::PARTIAL;

/// The names of nightly copies begin so and end so; between them is the day.
const PREFIX: &str = "paceline-";
const SUFFIX: &str = ".db";
/// Where nothing was read for longer, the clock may be wrong.
const QUIET_SECS_MAX: i64 = 32 * 86_400;
/// Only their owner may look into the folder of copies.
const FOLDER_MODE: u32 = 0o700;

/// Makes tonight's copy and removes those that are kept no longer.
pub(super) async fn backup(ground: &Ground) -> Result<String, JobError> {
    let backup = &ground.settings.backup;
    let folder = &backup.directory;
    let on = |what: &str, error: std::io::Error| {
        JobError::of(format!("backup: {what} {}: {error}", folder.display()))
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(folder)
        .map_err(|error| on("make", error))?;
    let today = ground.settings.company.zone.to_datetime(ground.clock.now()).date();
    let target = folder.join(format!("{PREFIX}{today}{SUFFIX}"));
    ground.store.copy_to(&target).await?;
    let days = days_of(folder).map_err(|error| on("list", error))?;
    remove_partial(folder).map_err(|error| on("remove an unfinished copy from", error))?;
    let gone = expired(&days, backup.keep_daily, backup.keep_weekly);
    for day in &gone {
        let path = folder.join(format!("{PREFIX}{day}{SUFFIX}"));
        fs::remove_file(&path).map_err(|error| on("remove an old copy from", error))?;
    }
    tracing::info!(path = %target.display(), removed = gone.len(), "the database was copied");
    Ok(format!("copied to {}", target.display()))
}

/// A copy that a kill left unfinished is nobody's.
fn remove_partial(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with(PREFIX) && name.ends_with(PARTIAL) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// The days of the copies in a folder; other files are nobody's business.
fn days_of(folder: &Path) -> std::io::Result<Vec<Date>> {
    let mut days = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let day = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX));
        days.extend(day.and_then(|day| day.parse::<Date>().ok()));
    }
    Ok(days)
}

/// Which copies are kept no longer: all but the newest `daily`, and the newest of each of the
/// `weekly` ISO weeks before those.
fn expired(days: &[Date], daily: usize, weekly: usize) -> Vec<Date> {
    let mut newest_first = days.to_vec();
    newest_first.sort_unstable_by(|a, b| b.cmp(a));
    newest_first.dedup();
    let week = |day: &Date| {
        let iso = day.iso_week_date();
        (iso.year(), iso.week())
    };
    let kept = newest_first.len().min(daily);
    let mut weeks: Vec<_> = newest_first[..kept].iter().map(week).collect();
    weeks.dedup();
    let most = weeks.len() + weekly;
    let mut gone = Vec::new();
    for day in &newest_first[kept..] {
        if weeks.contains(&week(day)) || weeks.len() >= most {
            gone.push(*day);
        } else {
            weeks.push(week(day));
        }
    }
    gone
}

/// Deletes what is kept no longer.
pub(super) async fn retention(ground: &Ground) -> Result<String, JobError> {
    let (store, retention) = (&ground.store, &ground.settings.retention);
    let now = ground.clock.now();
    let newest = store.source_states().await?.values().filter_map(|state| state.complete_to).max();
    // A clock that is ahead must not delete years of history.
    if newest.is_none_or(|at| now.as_second() - at.as_second() > QUIET_SECS_MAX) {
        return Ok("nothing was deleted, since no source was read for over a month".into());
    }
    let before = |secs: i64| now.saturating_sub(secs.seconds()).unwrap_or(Timestamp::UNIX_EPOCH);
    let messages = store.delete_messages(before(retention.messages_secs)).await?;
    let alerts = store.delete_alerts(before(retention.evaluations_secs)).await?;
    let changes = match retention.change_log_secs {
        Some(secs) => store.delete_changes(before(secs)).await?,
        None => 0,
    };
    tracing::info!(messages, alerts, changes, "what is kept no longer was deleted");
    Ok(format!("{messages} messages, {alerts} alerts and {changes} changes deleted"))
}

/// Looks whether the database's file is sound.
pub(super) async fn integrity(ground: &Ground) -> Result<String, JobError> {
    ground.store.check_integrity().await?;
    Ok("the file is sound".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn the_newest_days_are_kept_and_one_copy_of_each_week_before_them() {
        let first = date(2026, 9, 1);
        let days: Vec<Date> = (0..60).map(|n| first.saturating_add(n.days())).collect();
        let gone = expired(&days, 7, 3);
        let kept: Vec<String> = days
            .iter()
            .filter(|day| !gone.contains(day))
            .map(|day| day.strftime("%a %d %b").to_string())
            .collect();
        // The last day is Friday, 30 October; the seven daily ones reach into the week before.
        assert_eq!(
            kept,
            [
                "Sun 04 Oct",
                "Sun 11 Oct",
                "Sun 18 Oct",
                "Sat 24 Oct",
                "Sun 25 Oct",
                "Mon 26 Oct",
                "Tue 27 Oct",
                "Wed 28 Oct",
                "Thu 29 Oct",
                "Fri 30 Oct",
            ]
        );
        assert_eq!(expired(&kept_days(&days, &gone), 7, 3), [], "a second look removes nothing");
        assert_eq!(expired(&days[..3], 7, 0), []);
    }

    fn kept_days(days: &[Date], gone: &[Date]) -> Vec<Date> {
        days.iter().filter(|day| !gone.contains(day)).copied().collect()
    }
}
