//! `paceline clients`

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{CliResult, Format, Global, open, output};
use crate::alerts::message::{amount, percent};
use crate::domain::{
    money::decimal_text,
    notice::wrap,
    number::{from_f64, to_f64},
    stage::{Metric, Stage},
};
use crate::evaluate::{
    Snapshot,
    purchasing::{Won, campaigns, won},
    tallies,
};
use crate::rates::clients::{Clients, clients};

/// A client is worth three times what it costs to win one: the usual measure of what may be spent.
const VALUE_OVER_COST: f64 = 3.0;

/// Campaigns that people are shown.
const CAMPAIGNS_MAX: usize = 12;

pub async fn run(global: &Global) -> CliResult {
    let settings = global.settings()?;
    let store = open(&settings).await?;
    let clock = global.clock().now();
    let snapshot = Snapshot::load(&settings, &store, clock, None).await?;
    let data_as_of = tallies::cut_of(&snapshot, Stage::Opportunity, Stage::Won)?;
    let today = settings.company.zone.to_datetime(data_as_of).date();
    let won = won(&snapshot, None, data_as_of);
    let found = clients(&won.purchases, today);
    let margin = snapshot.plans.iter().find_map(|plan| plan.goal.assume.gross_margin);
    let view = View { snapshot: &snapshot, won: &won, found: &found, margin };
    match global.format {
        Format::Json => {
            let mut json = view.json();
            json["as_of"] = json!(clock);
            json["data_as_of"] = json!(data_as_of);
            output::json(&json)
        }
        Format::Csv => view.table().csv(),
        Format::Text => {
            output::text(&view.table().text())?;
            output::text(&view.closing_lines())
        }
    }
}

struct View<'a> {
    snapshot: &'a Snapshot<'a>,
    won: &'a Won,
    found: &'a Clients,
    margin: Option<Decimal>,
}

impl View<'_> {
    /// What winning a client may cost: its lifetime value times the gross margin, over three.
    fn allowed(&self) -> Option<f64> {
        let margin = self.margin.map_or(1.0, to_f64);
        Some(self.found.lifetime_value?.0 * margin / VALUE_OVER_COST)
    }

    /// Campaigns whose cost is known, the dearest first: name, cost, the clients that they brought.
    fn campaigns(&self) -> Vec<(&str, f64, usize)> {
        let known = campaigns(self.snapshot).into_iter();
        let with_cost = known.filter_map(|(key, (name, cost))| {
            let clients = self.won.new_by_campaign.get(key).copied().unwrap_or(0);
            Some((name, to_f64(cost?), clients))
        });
        let mut campaigns: Vec<(&str, f64, usize)> = with_cost.collect();
        campaigns.sort_by(|a, b| b.1.total_cmp(&a.1));
        campaigns
    }

    fn json(&self) -> Value {
        let found = self.found;
        let money = |value: f64| {
            decimal_text(from_f64((value * 100.0).round() / 100.0).unwrap_or_default())
        };
        let campaigns = self.campaigns().into_iter().map(|(name, cost, clients)| {
            json!({
                "name": name, "cost": money(cost), "clients": clients,
                "cost_per_client": (clients > 0).then(|| money(cost / clients as f64)),
            })
        });
        json!({
            "currency": self.snapshot.settings.company.currency,
            "clients": found.count,
            "active": found.active,
            "deals": {
                "count": found.deals.count,
                "value": money(found.deals.sum),
                "average": found.deals.mean.map(money),
                "median": found.deals.median.map(money),
                "largest_share": found.deals.largest_share,
            },
            "top_fifth_share": found.top_fifth_share,
            "retention": found.retention.map(|kept| json!({
                "share": kept.share, "low": kept.low, "high": kept.high, "of": kept.of,
            })),
            "revenue_retention": found.revenue_retention,
            "value_by_years": found.value_by_years.iter().map(|(years, value, of)| json!({
                "years": years, "value": money(*value), "of": of,
            })).collect::<Vec<_>>(),
            "lifetime_value": found.lifetime_value.map(|(value, low, high)| json!({
                "value": money(value), "low": money(low), "high": high.map(money),
            })),
            "gross_margin": self.margin.map(|margin| margin.to_string()),
            "acquisition_cost_allowed": self.allowed().map(money),
            "campaigns": campaigns.collect::<Vec<_>>(),
            "without_client": self.won.purchases.len() - self.won.with_client,
            "without_value": self.won.unvalued,
        })
    }

    fn table(&self) -> output::Table {
        let found = self.found;
        let money =
            |value: f64| amount(Metric::Revenue, value, &self.snapshot.settings.company.currency);
        let known = |text: Option<String>| text.unwrap_or_else(|| "not known".into());
        let row = |what: &str, value: String| vec![what.to_owned(), value];
        let mut rows = vec![
            row("clients", found.count.to_string()),
            row("bought in the last year", found.active.to_string()),
            row("deals in the last year", found.deals.count.to_string()),
            row("average deal", known(found.deals.mean.map(money))),
            row("median deal", known(found.deals.median.map(money))),
            row("largest deal's share", known(found.deals.largest_share.map(percent))),
            row("largest fifth of clients", known(found.top_fifth_share.map(percent))),
            row(
                "came back within a year",
                known(found.retention.map(|kept| {
                    let (low, high) = (percent(kept.low), percent(kept.high));
                    format!("{} ({low} to {high}) of {}", percent(kept.share), kept.of)
                })),
            ),
            row("their revenue, to that before", known(found.revenue_retention.map(percent))),
        ];
        for (years, value, of) in &found.value_by_years {
            let what =
                if *years == 1 { "first year".into() } else { format!("first {years} years") };
            rows.push(row(&format!("brought in the {what}"), format!("{} of {of}", money(*value))));
        }
        rows.push(row(
            "lifetime value",
            known(found.lifetime_value.map(|(value, low, high)| {
                let high = high.map_or("no end".to_owned(), money);
                format!("{} ({} to {high})", money(value), money(low))
            })),
        ));
        rows.push(row("a new client may cost", known(self.allowed().map(money))));
        let campaigns = self.campaigns();
        for (name, cost, clients) in campaigns.iter().take(CAMPAIGNS_MAX).copied() {
            let each = match clients {
                0 => "no new client".to_owned(),
                n => format!("{} each for {n}", money(cost / n as f64)),
            };
            rows.push(row(&format!("cost: {name}"), format!("{}, {each}", money(cost))));
        }
        if campaigns.len() > CAMPAIGNS_MAX {
            let more = campaigns.len() - CAMPAIGNS_MAX;
            rows.push(row(&format!("and {more} more campaigns"), "--format json".into()));
        }
        output::Table { header: vec!["", ""], rows, texts: &[0, 1] }
    }

    fn closing_lines(&self) -> String {
        let margin = match self.margin {
            Some(margin) => format!("times the plan's gross margin of {}", percent(to_f64(margin))),
            None => "of revenue, since no plan gives a `gross_margin`".to_owned(),
        };
        let unknown = self.won.purchases.len() - self.won.with_client;
        let mut text = format!(
            "Lifetime value: revenue of an active client and year over the share that is lost each \
             year. What a new client may cost is a third of it, {margin}. \
             {unknown} deals name no client: their lead stands for it, or else the deal itself."
        );
        if self.won.unvalued > 0 {
            text.push_str(&format!(
                " {} deals have no known value: they count as purchases, and in no sum.",
                self.won.unvalued
            ));
        }
        let mut out = String::new();
        wrap(&mut out, "", &text, output::COLUMNS);
        out
    }
}
