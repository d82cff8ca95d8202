//! The stages of opportunities, and what an opportunity takes from its stage.

use super::cell::Cell;
use super::ids::Key;
use super::org::Org;
use super::table::Record;

/// A stage: its name, its probability in percent, whether it is closed, whether it is won.
pub type StageTold<'a> = (&'a str, f64, bool, bool);

/// The stages that the vendor gives a new org.
pub(super) const USUAL: [StageTold<'static>; 10] = [
    ("Prospecting", 10.0, false, false),
    ("Qualification", 10.0, false, false),
    ("Needs Analysis", 20.0, false, false),
    ("Value Proposition", 50.0, false, false),
    ("Id. Decision Makers", 60.0, false, false),
    ("Perception Analysis", 70.0, false, false),
    ("Proposal/Price Quote", 75.0, false, false),
    ("Negotiation/Review", 90.0, false, false),
    ("Closed Won", 100.0, true, true),
    ("Closed Lost", 0.0, true, false),
];

/// 2010-01-01T00:00:00Z.
const BEGINNING: i64 = 1_262_304_000;

fn forecast(probability: f64, closed: bool) -> (&'static str, &'static str) {
    match (closed, probability) {
        (true, p) if p > 0.0 => ("Closed", "Closed"),
        (true, _) => ("Omitted", "Omitted"),
        (false, p) if p >= 75.0 => ("Forecast", "Commit"),
        (false, p) if p >= 50.0 => ("BestCase", "Best Case"),
        _ => ("Pipeline", "Pipeline"),
    }
}

impl Org {
    /// A stage is shown by another label; records hold its name, which stays.
    pub fn rename_stage(&mut self, name: &str, label: &str) {
        let Some(table) = self.table_mut("OpportunityStage") else { return };
        for at in 0..table.records.len() {
            if table.value(&table.records[at], "ApiName").as_text() == name {
                table.set(at, "MasterLabel", Cell::text(label));
            }
        }
    }

    /// Puts other stages in place of the present ones, in this order.
    pub fn set_stages(&mut self, stages: &[StageTold<'_>]) {
        let by = self.user;
        let Some(table) = self.table_mut("OpportunityStage") else { return };
        table.records.clear();
        for (at, (name, probability, closed, won)) in stages.iter().enumerate() {
            let key = table.next_key();
            table.records.push(Record::new(key, BEGINNING, by));
            let (category, category_name) = forecast(*probability, *closed);
            for (field, value) in [
                ("MasterLabel", Cell::text(name)),
                ("ApiName", Cell::text(name)),
                ("IsActive", Cell::Bool(true)),
                ("SortOrder", Cell::Number((at + 1) as f64)),
                ("IsClosed", Cell::Bool(*closed)),
                ("IsWon", Cell::Bool(*won)),
                ("ForecastCategory", Cell::text(category)),
                ("ForecastCategoryName", Cell::text(category_name)),
                ("DefaultProbability", Cell::Number(*probability)),
            ] {
                table.set(at, field, value);
            }
        }
    }

    /// Puts what follows from the stage into an opportunity. The probability follows unless it was set
    /// together with the stage.
    pub(super) fn follow_stage(&mut self, key: Key, with_probability: bool) {
        let stage = self.value("Opportunity", key, "StageName");
        let Some(table) = self.table("OpportunityStage") else { return };
        let found = table.records.iter().find(|record| {
            table.value(record, "ApiName").as_text().eq_ignore_ascii_case(stage.as_text())
        });
        let Some(found) = found else {
            // A stage that was deleted since: an opportunity that has it is open.
            self.put("Opportunity", key, "IsClosed", Cell::Bool(false));
            self.put("Opportunity", key, "IsWon", Cell::Bool(false));
            return;
        };
        let fields = ["IsClosed", "IsWon", "ForecastCategory", "ForecastCategoryName"];
        let mut told: Vec<(&str, Cell)> =
            fields.into_iter().map(|field| (field, table.value(found, field))).collect();
        if with_probability {
            told.push(("Probability", table.value(found, "DefaultProbability")));
        }
        for (field, value) in told {
            self.put("Opportunity", key, field, value);
        }
    }

    /// Expected revenue is the amount times the probability.
    pub(super) fn expect_revenue(&mut self, key: Key) {
        let of = |field: &str| self.value("Opportunity", key, field).number();
        let revenue = match (of("Amount"), of("Probability")) {
            (Some(amount), Some(probability)) => Cell::Number(amount * probability / 100.0),
            _ => Cell::Null,
        };
        self.put("Opportunity", key, "ExpectedRevenue", revenue);
    }
}
