//! `paceline attribution`

use std::collections::BTreeMap;

use clap::ValueEnum;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::{CliResult, Format, Global, open, output};
use crate::alerts::message::amount;
use crate::attribution::{Credit, Model};
use crate::domain::{
    dimension::Dimension,
    money::decimal_text,
    notice::wrap,
    number::{from_f64, to_f64},
    stage::Metric,
};
use crate::evaluate::{
    Snapshot,
    attributing::{Attribution, Owed, attribute},
    purchasing::campaigns,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// What it is owed to.
    #[arg(long, value_enum, default_value_t = By::Channel)]
    by: By,
    /// What is owed.
    #[arg(long, value_enum, default_value_t = Of::Opportunities)]
    of: Of,
    /// Created (or won) on this day or later.
    #[arg(long, value_name = "DATE")]
    since: Option<Date>,
    /// Created (or won) before this day.
    #[arg(long, value_name = "DATE")]
    until: Option<Date>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    Channel,
    Campaign,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Of {
    Opportunities,
    Wins,
    Value,
}

pub async fn run(global: &Global, args: &Args) -> CliResult {
    let settings = global.settings()?;
    let store = open(&settings).await?;
    let clock = global.clock().now();
    let snapshot = Snapshot::load(&settings, &store, clock, None).await?;
    let by = if args.by == By::Channel { Dimension::Channel } else { Dimension::Campaign };
    let owed = match args.of {
        Of::Opportunities => Owed::Opportunities,
        Of::Wins => Owed::Wins,
        Of::Value => Owed::Value,
    };
    let found = attribute(&snapshot, by, owed, args.since, args.until).await?;
    let campaigns = campaigns(&snapshot);
    let view = View { snapshot: &snapshot, by, owed, found: &found, campaigns };
    match global.format {
        Format::Json => output::json(&view.json()),
        Format::Csv => view.table().csv(),
        Format::Text => {
            if found.records > 0 {
                output::text(&view.table().text())?;
            }
            let mut out = String::new();
            wrap(&mut out, "", &view.closing_line(), output::COLUMNS);
            output::text(&out)
        }
    }
}

struct View<'a> {
    snapshot: &'a Snapshot<'a>,
    by: Dimension,
    owed: Owed,
    found: &'a Attribution,
    campaigns: BTreeMap<&'a str, (&'a str, Option<Decimal>)>,
}

impl View<'_> {
    fn currency(&self) -> &str {
        &self.snapshot.settings.company.currency
    }

    /// The name and the cost of a campaign.
    fn campaign(&self, key: Option<&String>) -> (Option<String>, Option<Decimal>) {
        let key = key.filter(|_| self.by == Dimension::Campaign);
        let found = key.and_then(|key| self.campaigns.get(key.as_str()));
        (found.map(|(name, _)| (*name).to_owned()), found.and_then(|(_, cost)| *cost))
    }

    fn number(&self, value: f64) -> Value {
        if self.owed != Owed::Value {
            return json!(value);
        }
        let cents = from_f64((value * 100.0).round() / 100.0).unwrap_or_default();
        decimal_text(cents).into()
    }

    fn row(&self, key: Option<&String>, credit: &Credit) -> Value {
        let (name, cost) = self.campaign(key);
        let mut row = Map::new();
        row.insert("key".into(), json!(key));
        row.insert("name".into(), json!(name));
        for (model, sum) in Model::ALL.into_iter().zip(credit.sourced) {
            row.insert(model.name().into(), self.number(sum));
        }
        row.insert("influenced".into(), self.number(credit.influenced));
        row.insert("cost".into(), json!(cost.map(decimal_text)));
        Value::Object(row)
    }

    fn json(&self) -> Value {
        let found = self.found;
        let rows: Vec<Value> =
            found.credits.iter().map(|(key, credit)| self.row(key.as_ref(), credit)).collect();
        // The sum of nothing is minus zero.
        let total: f64 = found.credits.values().map(|credit| credit.sourced[0]).sum::<f64>() + 0.0;
        json!({
            "as_of": self.snapshot.clock,
            "data_as_of": found.data_as_of,
            "by": self.by.name(),
            "of": self.of(),
            "currency": (self.owed == Owed::Value).then(|| self.currency()),
            "rows": rows,
            "total": self.number(total),
            "records": found.records,
            "with_touches": found.touched,
            "without_value": found.unvalued,
        })
    }

    fn of(&self) -> &'static str {
        match self.owed {
            Owed::Opportunities => "opportunities",
            Owed::Wins => "wins",
            Owed::Value => "value",
        }
    }

    fn table(&self) -> output::Table {
        let text = |value: f64| match self.owed {
            Owed::Value => amount(Metric::Revenue, value, self.currency()),
            _ => format!("{value:.1}"),
        };
        let mut credits: Vec<(&Option<String>, &Credit)> = self.found.credits.iter().collect();
        credits.sort_by(|a, b| b.1.sourced[2].total_cmp(&a.1.sourced[2]));
        let of_campaign = self.by == Dimension::Campaign;
        let rows = credits.into_iter().map(|(key, credit)| {
            let (name, cost) = self.campaign(key.as_ref());
            let named = name.or_else(|| key.clone()).unwrap_or_else(|| "unattributed".into());
            let mut row = vec![named];
            row.extend(credit.sourced.iter().map(|sum| text(*sum)));
            row.push(text(credit.influenced));
            if of_campaign {
                let cost = cost.map(|cost| amount(Metric::Revenue, to_f64(cost), self.currency()));
                row.push(cost.unwrap_or_else(|| "–".into()));
            }
            row
        });
        let mut header = vec![self.by.name(), "first", "last", "linear", "U", "W", "influenced"];
        header.extend(of_campaign.then_some("cost"));
        output::Table::new(header, rows.collect())
    }

    fn closing_line(&self) -> String {
        let found = self.found;
        if found.records == 0 {
            return "There is nothing to attribute in this time.".into();
        }
        let mut line = format!(
            "{} {}, {} with known touches; the others are owed to the {} that their record names. \
             Each column from first to W adds up to what is attributed; what is influenced is not to be added.",
            found.records,
            if self.owed == Owed::Opportunities { "opportunities" } else { "wins" },
            found.touched,
            self.by.name()
        );
        if found.unvalued > 0 {
            line.push_str(&format!(" {} without a known value are left out.", found.unvalued));
        }
        line
    }
}
