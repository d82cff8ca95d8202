//! What a portal has beside records: owners, the deal pipelines, and the list of properties.

use super::object::Object;
use super::portal::Portal;

/// A user of the portal who can own records.
#[derive(Debug, Clone)]
pub struct Owner {
    /// The owner id, which `hubspot_owner_id` names.
    pub id: u64,
    /// The e-mail address.
    pub email: String,
    /// The full name; the first word is told as the first name.
    pub name: String,
    /// Whether the user is deactivated.
    pub archived: bool,
}

impl Owner {
    /// The user id, which is never the owner id.
    pub(super) fn user_id(&self) -> u64 {
        self.id + 50_000_000
    }
}

/// One stage of a pipeline.
#[derive(Debug, Clone)]
pub struct Stage {
    /// The id that `dealstage` holds.
    pub id: String,
    /// The name people see.
    pub label: String,
    /// Whether a deal in it is closed.
    pub is_closed: bool,
    /// The probability as text: `"1.0"` in a closed stage means won.
    pub probability: String,
}

impl Stage {
    /// A stage from its parts.
    pub fn new(id: &str, label: &str, is_closed: bool, probability: &str) -> Stage {
        let (id, label) = (id.to_owned(), label.to_owned());
        Stage { id, label, is_closed, probability: probability.to_owned() }
    }

    /// Whether a deal in it is won.
    pub(super) fn is_won(&self) -> bool {
        self.is_closed && self.probability.parse::<f64>().is_ok_and(|p| p >= 1.0)
    }
}

/// A deal pipeline with its stages in order.
#[derive(Debug, Clone)]
pub struct Pipeline {
    /// The id that the property `pipeline` holds.
    pub id: String,
    /// The name people see.
    pub label: String,
    /// The stages in the order of display.
    pub stages: Vec<Stage>,
}

/// The pipeline that every new portal has.
pub(super) fn standard_pipeline() -> Pipeline {
    let stages = [
        ("appointmentscheduled", "Appointment Scheduled", "0.2"),
        ("qualifiedtobuy", "Qualified To Buy", "0.4"),
        ("presentationscheduled", "Presentation Scheduled", "0.6"),
        ("decisionmakerboughtin", "Decision Maker Bought-In", "0.8"),
        ("contractsent", "Contract Sent", "0.9"),
    ];
    let mut stages: Vec<Stage> =
        stages.iter().map(|(id, label, p)| Stage::new(id, label, false, p)).collect();
    stages.push(Stage::new("closedwon", "Closed Won", true, "1.0"));
    stages.push(Stage::new("closedlost", "Closed Lost", true, "0.0"));
    Pipeline { id: "default".to_owned(), label: "Sales Pipeline".to_owned(), stages }
}

impl Portal {
    /// Adds an owner or replaces the one with the same id.
    pub fn add_owner(&mut self, id: u64, email: &str, name: &str, archived: bool) {
        let owner = Owner { id, email: email.to_owned(), name: name.to_owned(), archived };
        self.owners.insert(id, owner);
    }

    /// Adds a deal pipeline or replaces the one with the same id.
    pub fn add_pipeline(&mut self, id: &str, label: &str, stages: Vec<Stage>) {
        self.pipelines.retain(|p| p.id != id);
        self.pipelines.push(Pipeline { id: id.to_owned(), label: label.to_owned(), stages });
    }

    /// Deletes a stage for good; deals that are or were in it keep naming it.
    pub fn remove_stage(&mut self, pipeline: &str, stage: &str) {
        for kept in self.pipelines.iter_mut().filter(|p| p.id == pipeline) {
            kept.stages.retain(|s| s.id != stage);
        }
    }
}

/// The properties that a portal knows even when no record has them.
pub(super) fn standard_properties(object: Object) -> &'static [&'static str] {
    match object {
        Object::Contact => &[
            "address",
            "city",
            "company",
            "country",
            "createdate",
            "email",
            "first_conversion_date",
            "firstname",
            "hs_analytics_first_timestamp",
            "hs_analytics_source",
            "hs_analytics_source_data_1",
            "hs_analytics_source_data_2",
            "hs_latest_source",
            "hs_latest_source_data_1",
            "hs_latest_source_timestamp",
            "hs_lead_status",
            "hs_lifecyclestage_marketingqualifiedlead_date",
            "hs_merged_object_ids",
            "hs_object_id",
            "hs_v2_date_entered_marketingqualifiedlead",
            "hubspot_owner_assigneddate",
            "hubspot_owner_id",
            "jobtitle",
            "lastmodifieddate",
            "lastname",
            "lifecyclestage",
            "mobilephone",
            "phone",
            "recent_conversion_date",
            "state",
            "website",
            "zip",
        ],
        Object::Deal => &[
            "amount",
            "amount_in_home_currency",
            "closed_lost_reason",
            "closed_won_reason",
            "closedate",
            "createdate",
            "deal_currency_code",
            "dealname",
            "dealstage",
            "dealtype",
            "hs_analytics_source",
            "hs_analytics_source_data_1",
            "hs_analytics_source_data_2",
            "hs_deal_stage_probability",
            "hs_is_closed",
            "hs_is_closed_lost",
            "hs_is_closed_won",
            "hs_lastmodifieddate",
            "hs_merged_object_ids",
            "hs_object_id",
            "hs_v2_date_entered_current_stage",
            "hubspot_owner_assigneddate",
            "hubspot_owner_id",
            "num_associated_contacts",
            "pipeline",
        ],
        _ => activity_properties(object),
    }
}

fn activity_properties(object: Object) -> &'static [&'static str] {
    macro_rules! with_common {
        ($($name:literal),*) => {
            &["hs_createdate", "hs_created_by_user_id", "hs_lastmodifieddate",
              "hs_merged_object_ids", "hs_object_id", "hs_timestamp", "hubspot_owner_id",
              $($name),*]
        };
    }
    match object {
        Object::Call => with_common!(
            "hs_call_body",
            "hs_call_direction",
            "hs_call_disposition",
            "hs_call_duration",
            "hs_call_status",
            "hs_call_title"
        ),
        Object::Email => with_common!(
            "hs_email_direction",
            "hs_email_headers",
            "hs_email_status",
            "hs_email_subject",
            "hs_email_text"
        ),
        Object::Meeting => with_common!(
            "hs_meeting_end_time",
            "hs_meeting_outcome",
            "hs_meeting_start_time",
            "hs_meeting_title"
        ),
        Object::Task => with_common!(
            "hs_task_body",
            "hs_task_completion_date",
            "hs_task_status",
            "hs_task_subject",
            "hs_task_type"
        ),
        _ => with_common!("hs_note_body"),
    }
}

/// The vendor's type and field type of a property, as far as its name tells.
pub(super) fn property_type(name: &str) -> (&'static str, &'static str) {
    const DATES: [&str; 4] = ["date", "_at", "_time", "timestamp"];
    const CHOICES: [&str; 12] = [
        "hs_analytics_source",
        "hs_latest_source",
        "dealstage",
        "pipeline",
        "hubspot_owner_id",
        "lifecyclestage",
        "dealtype",
        "hs_email_status",
        "hs_email_direction",
        "hs_task_status",
        "hs_call_direction",
        "hs_meeting_outcome",
    ];
    if name.contains("date_entered") || DATES.iter().any(|end| name.ends_with(end)) {
        ("datetime", "date")
    } else if CHOICES.contains(&name) {
        ("enumeration", "select")
    } else if name.starts_with("hs_is_") {
        ("bool", "booleancheckbox")
    } else if ["amount", "amount_in_home_currency", "hs_object_id", "hs_deal_stage_probability"]
        .contains(&name)
        || name.starts_with("num_")
    {
        ("number", "number")
    } else {
        ("string", "text")
    }
}
