//! `kind = "marketo"`.

use jiff::civil::Date;

use super::api::{FieldNames, RateLimit, base_url, daily_share, field_names, rate_limit};
use super::google::since;
use super::reader::Reader;
use super::secret::Secret;
use crate::domain::Object;

/// `kind = "marketo"`
#[derive(Clone, Debug, PartialEq)]
pub struct Marketo {
    /// The instance's address, without `/rest`.
    pub base_url: String,
    /// The id of the custom service.
    pub client_id: Secret,
    /// Its secret.
    pub client_secret: Secret,
    /// The first day of which leads are read.
    pub since: Option<Date>,
    /// What makes a lead a qualified one, where no field holds the date.
    pub mql: Option<Mql>,
    /// Whether memberships and form fills are read as touches, for attribution.
    pub touches: bool,
    /// Of what a day allows the whole instance, the share that is ours.
    pub daily_share: f64,
    /// How fast it may ask.
    pub rate_limit: RateLimit,
    /// Field names that replace the usual ones.
    pub fields: FieldNames,
}

/// What makes a lead a qualified one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mql {
    /// A field gets a value.
    Attribute {
        /// The field, by the name that people see or by that of the API.
        attribute: String,
        /// The value.
        becomes: String,
    },
    /// A program moves it to a status.
    ProgramStatus(String),
}

/// Reads the keys of a Marketo source.
pub fn read_marketo(table: &Reader<'_>) -> Option<Marketo> {
    let example = "base_url = \"https://123-abc-456.mktorest.com\"";
    let base_url = table.required("base_url", example, base_url(table));
    let base_url = base_url.map(|url| url.trim_end_matches("/rest").to_owned());
    let client_id = table.text_or_secret("client_id");
    let client_id = table.required("client_id", "client_id = \"the service's id\"", client_id);
    let example = "client_secret = { file = \"marketo-secret\" }";
    let client_secret = table.required("client_secret", example, table.secret("client_secret"));
    let (since, touches) = (since(table), table.flag("touches").unwrap_or(false));
    let (daily_share, rate_limit) = (daily_share(table), rate_limit(table));
    let mut mql = None;
    let fields = field_names(table, &[Object::Lead], |object, field, own| {
        let known = object == Object::Lead && field == "mql_at";
        if known {
            mql = read_mql(own);
        }
        known
    });
    Some(Marketo {
        base_url: base_url?,
        client_id: client_id?,
        client_secret: client_secret?,
        since,
        mql,
        touches,
        daily_share,
        rate_limit,
        fields,
    })
}

/// `mql_at = { attribute = "Lead Status", becomes = "MQL" }` or `{ program_status = "MQL" }`
fn read_mql(table: &Reader<'_>) -> Option<Mql> {
    let (attribute, becomes) = (table.text("attribute"), table.text("becomes"));
    let status = table.text("program_status");
    table.finish();
    match (attribute, becomes, status) {
        (Some(attribute), Some(becomes), None) => Some(Mql::Attribute { attribute, becomes }),
        (None, None, Some(status)) => Some(Mql::ProgramStatus(status)),
        _ => {
            let mend = "write `{ attribute = \"Lead Status\", becomes = \"MQL\" }` or \
                        `{ program_status = \"MQL\" }`";
            table.problem("", "does not say what makes a lead a qualified one", mend);
            None
        }
    }
}
