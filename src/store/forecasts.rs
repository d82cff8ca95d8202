//! Forecasts that were made, and how their periods ended.

use jiff::Timestamp;
use sqlx::{Row, sqlite::SqliteRow};

use super::{Store, StoreResult, Write, instant, on};
use crate::domain::{period::Period, stage::Metric};

/// A forecast that was made.
#[derive(Clone, Debug, PartialEq)]
pub struct ForecastRow {
    /// The goal.
    pub goal: String,
    /// What is counted.
    pub metric: Metric,
    /// Over which days.
    pub period: Period,
    /// When it was made.
    pub at: Timestamp,
    /// What was wanted.
    pub goal_value: f64,
    /// What was there.
    pub so_far: f64,
    /// The share of the plan that should have been there.
    pub elapsed: f64,
    /// p10, p50, p90 and the chance of the goal.
    pub said: [f64; 4],
    /// What it came to; none before its end.
    pub ended: Option<f64>,
}

impl Store {
    /// Every forecast that was kept, by goal, metric, period and week.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn forecasts(&self) -> StoreResult<Vec<ForecastRow>> {
        let rows = sqlx::query(
            "SELECT goal, metric, period_from, period_to, made_ms, goal_value, so_far, elapsed,
                    p10, p50, p90, probability, ended
             FROM forecast ORDER BY goal, metric, period_from, period_to, week",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(on("read forecasts"))?;
        Ok(rows.iter().filter_map(made).collect())
    }
}

fn made(row: &SqliteRow) -> Option<ForecastRow> {
    let metric: &str = row.get(1);
    Some(ForecastRow {
        goal: row.get(0),
        metric: Metric::ALL.into_iter().find(|one| one.name() == metric)?,
        period: Period {
            from: row.get::<&str, _>(2).parse().ok()?,
            to: row.get::<&str, _>(3).parse().ok()?,
        },
        at: instant(row.get(4)),
        goal_value: row.get(5),
        so_far: row.get(6),
        elapsed: row.get(7),
        said: [row.get(8), row.get(9), row.get(10), row.get(11)],
        ended: row.get(12),
    })
}

impl Write {
    /// Keeps a forecast, unless one of that week is kept already.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn keep_forecast(&mut self, made: &ForecastRow, week: &str) -> StoreResult<()> {
        sqlx::query(
            "INSERT OR IGNORE INTO forecast VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
        )
        .bind(&made.goal)
        .bind(made.metric.name())
        .bind(made.period.from.to_string())
        .bind(made.period.to.to_string())
        .bind(week)
        .bind(made.at.as_millisecond())
        .bind(made.goal_value)
        .bind(made.so_far)
        .bind(made.elapsed)
        .bind(made.said[0])
        .bind(made.said[1])
        .bind(made.said[2])
        .bind(made.said[3])
        .execute(&mut *self.transaction)
        .await
        .map_err(on("keep a forecast"))?;
        Ok(())
    }

    /// Says how a period ended, to each forecast of it.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn end_forecasts(
        &mut self,
        goal: &str,
        metric: Metric,
        period: Period,
        ended: f64,
    ) -> StoreResult<()> {
        sqlx::query(
            "UPDATE forecast SET ended = ?5
             WHERE goal = ?1 AND metric = ?2 AND period_from = ?3 AND period_to = ?4
               AND ended IS NOT ?5",
        )
        .bind(goal)
        .bind(metric.name())
        .bind(period.from.to_string())
        .bind(period.to.to_string())
        .bind(ended)
        .execute(&mut *self.transaction)
        .await
        .map_err(on("end forecasts"))?;
        Ok(())
    }
}
