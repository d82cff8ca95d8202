//! What the vendor sets by itself when a record is written.

use jiff::Timestamp;

use super::json;
use super::object::Object;
use super::portal::Portal;

/// The lifecycle stage whose entry is dated here.
const QUALIFIED: &str = "marketingqualifiedlead";
/// The two properties that date it.
const QUALIFIED_DATES: [&str; 2] =
    ["hs_v2_date_entered_marketingqualifiedlead", "hs_lifecyclestage_marketingqualifiedlead_date"];

fn value<'a>(properties: &'a [(String, String)], name: &str) -> Option<&'a str> {
    properties.iter().find(|p| p.0 == name).map(|p| p.1.as_str())
}

impl Portal {
    /// Adds what a write implies, unless the caller says otherwise.
    pub(super) fn with_consequences(
        &self,
        object: Object,
        id: Option<u64>,
        mut properties: Vec<(String, String)>,
        at: Timestamp,
    ) -> Vec<(String, String)> {
        let implied = match object {
            Object::Deal => self.of_stage(id, &properties),
            Object::Contact => self.of_lifecycle(id, &properties, at),
            _ => Vec::new(),
        };
        for (name, implied) in implied {
            if value(&properties, name).is_none() {
                properties.push((name.to_owned(), implied));
            }
        }
        properties
    }

    /// What a deal's stage implies.
    fn of_stage(
        &self,
        id: Option<u64>,
        properties: &[(String, String)],
    ) -> Vec<(&'static str, String)> {
        let Some(stage) = value(properties, "dealstage") else { return Vec::new() };
        let told = value(properties, "pipeline").map(str::to_owned);
        let known = || self.property(Object::Deal, id?, "pipeline");
        let pipeline = told.or_else(known).unwrap_or_else(|| "default".to_owned());
        let found = self.pipelines.iter().find(|p| p.id == pipeline);
        let Some(stage) = found.and_then(|p| p.stages.iter().find(|s| s.id == stage)) else {
            return Vec::new();
        };
        vec![
            ("hs_is_closed", stage.is_closed.to_string()),
            ("hs_is_closed_won", stage.is_won().to_string()),
            ("hs_is_closed_lost", (stage.is_closed && !stage.is_won()).to_string()),
            ("hs_deal_stage_probability", stage.probability.clone()),
        ]
    }

    /// The dates of a contact's first entry into the stage of qualified leads. A caller who tells
    /// one of them knows the date better.
    fn of_lifecycle(
        &self,
        id: Option<u64>,
        properties: &[(String, String)],
        at: Timestamp,
    ) -> Vec<(&'static str, String)> {
        let known = |name: &str| self.property(Object::Contact, id?, name);
        let enters = value(properties, "lifecyclestage") == Some(QUALIFIED)
            && known("lifecyclestage").as_deref() != Some(QUALIFIED);
        let dated =
            QUALIFIED_DATES.iter().any(|n| value(properties, n).is_some() || known(n).is_some());
        if !enters || dated {
            return Vec::new();
        }
        let now = json::instant(at.as_millisecond());
        QUALIFIED_DATES.into_iter().map(|name| (name, now.clone())).collect()
    }
}
