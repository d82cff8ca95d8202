//! What the account has objects of, and the fields that their answers always carry.

use serde_json::{Value, json};

/// The kinds of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Lead,
    Deal,
    Person,
    Activity,
    User,
    Stage,
    Pipeline,
}

/// What a field holds as long as nobody has filled it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unset {
    Null,
    No,
    Yes,
    Number(u64),
    Text(&'static str),
    List,
    /// The user whose token it is.
    Admin,
    /// Worked out when it is told.
    Told,
}

impl Unset {
    /// The value; none of a field that is worked out.
    pub(super) fn value(self, admin: u64) -> Value {
        match self {
            Unset::Null | Unset::Told => Value::Null,
            Unset::No => Value::Bool(false),
            Unset::Yes => Value::Bool(true),
            Unset::Number(number) => json!(number),
            Unset::Text(text) => json!(text),
            Unset::List => json!([]),
            Unset::Admin => json!(admin),
        }
    }
}

use Unset::{Admin, List, No, Null, Number, Text, Told, Yes};

type Fields = &'static [(&'static str, Unset)];

const DEAL: Fields = &[
    ("id", Told),
    ("title", Text("")),
    ("creator_user_id", Admin),
    ("owner_id", Admin),
    ("value", Number(0)),
    ("person_id", Null),
    ("org_id", Null),
    ("stage_id", Null),
    ("pipeline_id", Null),
    ("currency", Text("USD")),
    ("archive_time", Told),
    ("add_time", Told),
    ("update_time", Told),
    ("stage_change_time", Null),
    ("status", Text("open")),
    ("is_archived", Told),
    ("is_deleted", Told),
    ("probability", Null),
    ("lost_reason", Null),
    ("visible_to", Number(3)),
    ("close_time", Null),
    ("won_time", Null),
    ("lost_time", Null),
    ("local_won_date", Told),
    ("local_lost_date", Told),
    ("local_close_date", Told),
    ("expected_close_date", Null),
    ("label_ids", List),
    ("origin", Text("ManuallyCreated")),
    ("origin_id", Null),
    ("channel", Null),
    ("channel_id", Null),
    ("source_lead_id", Null),
    ("first_won_time", Null),
    ("acv", Null),
    ("arr", Null),
    ("mrr", Null),
];

const LEAD: Fields = &[
    ("id", Told),
    ("title", Text("")),
    ("owner_id", Admin),
    ("creator_id", Admin),
    ("label_ids", List),
    ("value", Null),
    ("expected_close_date", Null),
    ("person_id", Null),
    ("organization_id", Null),
    ("is_archived", Told),
    ("archive_time", Told),
    ("source_name", Text("Manually created")),
    ("origin", Text("ManuallyCreated")),
    ("origin_id", Null),
    ("channel", Null),
    ("channel_id", Null),
    ("source_deal_id", Null),
    ("was_seen", No),
    ("next_activity_id", Null),
    ("add_time", Told),
    ("update_time", Told),
    ("visible_to", Text("3")),
    ("cc_email", Told),
];

const PERSON: Fields = &[
    ("id", Told),
    ("name", Text("")),
    ("first_name", Null),
    ("last_name", Null),
    ("owner_id", Admin),
    ("org_id", Null),
    ("add_time", Told),
    ("update_time", Told),
    ("emails", List),
    ("phones", List),
    ("is_deleted", Told),
    ("visible_to", Number(3)),
    ("label_ids", List),
    ("picture_id", Null),
];

const ACTIVITY: Fields = &[
    ("id", Told),
    ("subject", Text("")),
    ("type", Text("call")),
    ("owner_id", Admin),
    ("creator_user_id", Admin),
    ("is_deleted", Told),
    ("add_time", Told),
    ("update_time", Told),
    ("deal_id", Null),
    ("lead_id", Null),
    ("person_id", Null),
    ("org_id", Null),
    ("project_id", Null),
    ("due_date", Null),
    ("due_time", Null),
    ("duration", Null),
    ("busy", No),
    ("done", No),
    ("marked_as_done_time", Null),
    ("location", Null),
    ("participants", List),
    ("conference_meeting_client", Null),
    ("conference_meeting_url", Null),
    ("conference_meeting_id", Null),
    ("public_description", Null),
    ("priority", Null),
    ("outcome", Null),
    ("note", Null),
];

const USER: Fields = &[
    ("id", Told),
    ("name", Text("")),
    ("default_currency", Text("USD")),
    ("locale", Text("en_US")),
    ("lang", Number(1)),
    ("email", Text("")),
    ("phone", Null),
    ("activated", Yes),
    ("last_login", Told),
    ("created", Told),
    ("modified", Told),
    ("has_created_company", No),
    ("access", Told),
    ("active_flag", Told),
    ("timezone_name", Text("Etc/UTC")),
    ("timezone_offset", Text("+00:00")),
    ("role_id", Number(1)),
    ("icon_url", Null),
    ("is_you", Told),
    ("is_deleted", Told),
    ("is_admin", Told),
];

const STAGE: Fields = &[
    ("id", Told),
    ("order_nr", Number(1)),
    ("name", Text("")),
    ("is_deleted", Told),
    ("deal_probability", Number(100)),
    ("pipeline_id", Number(1)),
    ("is_deal_rot_enabled", No),
    ("days_to_rotten", Null),
    ("add_time", Told),
    ("update_time", Told),
];

const PIPELINE: Fields = &[
    ("id", Told),
    ("name", Text("")),
    ("order_nr", Number(1)),
    ("is_deleted", Told),
    ("is_deal_probability_enabled", Yes),
    ("add_time", Told),
    ("update_time", Told),
];

/// Fields that are told only to those who name them in `include_fields`.
pub(super) const ON_REQUEST: [&str; 2] = ["source_lead_id", "first_won_time"];

impl Kind {
    const ALL: [(Kind, &'static str); 7] = [
        (Kind::Lead, "leads"),
        (Kind::Deal, "deals"),
        (Kind::Person, "persons"),
        (Kind::Activity, "activities"),
        (Kind::User, "users"),
        (Kind::Stage, "stages"),
        (Kind::Pipeline, "pipelines"),
    ];

    /// How many there are.
    pub(super) const COUNT: usize = Kind::ALL.len();

    /// The kind of a name in a path.
    pub(super) fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.iter().find(|known| known.1 == name).map(|known| known.0)
    }

    /// What an answer carries, in this order.
    pub(super) fn fields(self) -> Fields {
        match self {
            Kind::Lead => LEAD,
            Kind::Deal => DEAL,
            Kind::Person => PERSON,
            Kind::Activity => ACTIVITY,
            Kind::User => USER,
            Kind::Stage => STAGE,
            Kind::Pipeline => PIPELINE,
        }
    }

    /// Whether it is a field that every account has.
    pub(super) fn has(self, field: &str) -> bool {
        self.fields().iter().any(|known| known.0 == field)
    }
}
