//! `paceline rates`

use clap::ValueEnum;
use jiff::civil::Date;
use serde_json::json;

use super::{CliError, CliResult, Format, Global, open, output};
use crate::alerts::message::percent;
use crate::config::span;
use crate::domain::{
    Opportunity,
    dimension::Dimension,
    notice::wrap,
    number::to_f64,
    stage::{Stage, plural},
};
use crate::evaluate::{EvaluateError, Snapshot, tallies};
use crate::rates::{RateTable, RatesQuery, Row, closed};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The stage entered: visit, lead, mql or opportunity.
    #[arg(long)]
    from: Stage,
    /// The stage to be reached.
    #[arg(long)]
    to: Stage,
    /// Rows by this.
    #[arg(long, value_enum)]
    by: Option<By>,
    /// The conversion window, like 90d.
    #[arg(long, value_parser = window)]
    window: Option<i64>,
    /// Rows split by the month of entry.
    #[arg(long, value_enum)]
    cohorts: Option<Cohorts>,
    /// First day of entry.
    #[arg(long)]
    since: Option<Date>,
    /// The day after the last day of entry.
    #[arg(long)]
    until: Option<Date>,
    /// The cohort's rate, or won / (won + lost) of what closed.
    #[arg(long, value_enum, default_value_t = Basis::Cohort)]
    basis: Basis,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum By {
    Channel,
    Campaign,
    Owner,
    Team,
    Segment,
    Market,
    Product,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Cohorts {
    Month,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Basis {
    Cohort,
    Closed,
}

fn window(text: &str) -> Result<i64, String> {
    span::window_days(text).ok_or_else(|| format!("`{text}` is no window; write it like 90d"))
}

impl Args {
    fn dimension(&self) -> Option<Dimension> {
        self.by.map(|by| match by {
            By::Channel => Dimension::Channel,
            By::Campaign => Dimension::Campaign,
            By::Owner => Dimension::Owner,
            By::Team => Dimension::Team,
            By::Segment => Dimension::Segment,
            By::Market => Dimension::Market,
            By::Product => Dimension::Product,
        })
    }

    fn check(&self) -> CliResult {
        let usage = |text: &str| Err(CliError::Usage(text.to_owned()));
        if self.from >= self.to {
            return usage("--to must be a later stage than --from");
        }
        if self.basis == Basis::Closed {
            if (self.from, self.to) != (Stage::Opportunity, Stage::Won) {
                return usage("--basis closed goes with --from opportunity --to won only");
            }
            if self.window.is_some() || self.cohorts.is_some() {
                return usage("--basis closed goes without --window and --cohorts");
            }
        }
        Ok(())
    }
}

pub async fn run(global: &Global, args: &Args) -> CliResult {
    args.check()?;
    let settings = global.settings()?;
    let store = open(&settings).await?;
    let clock = global.clock().now();
    let snapshot = Snapshot::load(&settings, &store, clock, None).await?;
    let (table, data_as_of) = match args.basis {
        Basis::Closed => closed_table(&snapshot, args)?,
        Basis::Cohort => {
            let query = RatesQuery {
                from: args.from,
                to: args.to,
                by: args.dimension(),
                window_days: args.window,
                by_month: args.cohorts.is_some(),
                since: args.since,
                until: args.until,
            };
            tallies::table(&snapshot, &query).await?
        }
    };
    match global.format {
        Format::Json => {
            let mut document = json!({"as_of": clock, "data_as_of": data_as_of});
            let body = serde_json::to_value(&table)
                .map_err(|error| CliError::Failed(error.to_string()))?;
            if let (Some(document), Some(body)) = (document.as_object_mut(), body.as_object()) {
                document.extend(body.clone());
            }
            output::json(&document)
        }
        Format::Csv => text_table(&table).csv(),
        Format::Text => {
            output::text(&text_table(&table).text())?;
            let mut out = String::new();
            closing_line(&table).lines().for_each(|line| wrap(&mut out, "", line, output::COLUMNS));
            output::text(&out)
        }
    }
}

fn closed_table(
    snapshot: &Snapshot<'_>,
    args: &Args,
) -> Result<(RateTable, jiff::Timestamp), EvaluateError> {
    let data_as_of = tallies::cut_of(snapshot, Stage::Opportunity, Stage::Won)?;
    let by = args.dimension();
    let names = snapshot.names();
    let key = |opportunity: &Opportunity| {
        let name = names.of_opportunity(by?, opportunity, &snapshot.facts);
        Some(name.map(str::to_owned))
    };
    let zone = &snapshot.settings.company.zone;
    let worth = |opportunity: &Opportunity, day| {
        opportunity.worth(&snapshot.settings.currency, day).map(to_f64)
    };
    let (since, until) = (args.since, args.until);
    let mut table = closed::closed(&snapshot.facts, data_as_of, zone, since, until, key, worth);
    tallies::name_rows(snapshot, by, &mut table);
    Ok((table, data_as_of))
}

fn cells(key: String, row: &Row) -> Vec<String> {
    let interval = match (row.low, row.high) {
        (Some(low), Some(high)) => format!("{} to {}", percent(low), percent(high)),
        _ => "–".into(),
    };
    let days = |days: Option<i64>| days.map_or("–".to_owned(), |days| days.to_string());
    let young = if row.window_reached == Some(false) { "*" } else { "" };
    vec![
        key,
        row.entered.to_string(),
        row.matured.to_string(),
        row.converted.to_string(),
        row.rate.map_or("–".to_owned(), |rate| format!("{}{young}", percent(rate))),
        interval,
        days(row.lag_days.p50),
        days(row.lag_days.p90),
    ]
}

fn text_table(table: &RateTable) -> output::Table {
    let mut rows = Vec::new();
    let mut add = |name: String, row: &crate::rates::table::KeyedRow| {
        rows.push(cells(name, &row.row));
        for cohort in row.cohorts.iter().flatten() {
            let month = cohort.from.to_string();
            rows.push(cells(format!("  {}", &month[..7]), &cohort.row));
        }
    };
    let mut keyed: Vec<_> = table.rows.iter().collect();
    keyed.sort_by(|a, b| {
        let rate = |row: &crate::rates::table::KeyedRow| row.row.rate.unwrap_or(f64::INFINITY);
        rate(a).total_cmp(&rate(b))
    });
    for row in keyed {
        let key = row.name.clone().or_else(|| row.key.clone());
        add(key.unwrap_or_else(|| "unattributed".into()), row);
    }
    add("total".into(), &table.total);
    let header = vec!["", "entered", "mature", "converted", "rate", "95 %", "p50", "p90"];
    output::Table::new(header, rows)
}

fn closing_line(table: &RateTable) -> String {
    let row = &table.total.row;
    let window = table.window_days.map_or(String::new(), |days| format!(" within {days} days"));
    let rate = row.rate.map_or("An unknown share".to_owned(), percent);
    let mature = row.matured as f64 / row.entered.max(1) as f64;
    let mut line = format!(
        "{} of {} became {}{window}; {} of them could be seen that long. Lags in days.\n",
        rate,
        plural(table.from),
        table.to,
        percent(mature)
    );
    let young = |row: &crate::rates::table::KeyedRow| {
        let cohorts = row.cohorts.iter().flatten();
        row.row.window_reached == Some(false)
            || cohorts.into_iter().any(|cohort| cohort.row.window_reached == Some(false))
    };
    let unknown = table.rows.iter().chain([&table.total]).find_map(|row| row.row.unknown.as_ref());
    if let Some(why) = unknown {
        line.push_str(&format!("Where there is no rate: {why}.\n"));
    }
    if table.rows.iter().chain([&table.total]).any(young) {
        line.push_str("* too young for the window: a lower bound.\n");
    }
    line
}
