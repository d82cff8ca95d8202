//! The fields of deals, which leads share: those that every account has, and those of this one.

use serde_json::{Value, json};

use super::account::Account;
use super::query;
use super::refusals::not_found;
use super::server::Ask;
use super::wire::Answer;

/// A field that the account added; its key differs from account to account.
#[derive(Debug, Clone)]
pub(super) struct Custom {
    pub(super) key: String,
    pub(super) label: String,
    pub(super) kind: String,
    /// The options with their ids.
    pub(super) options: Vec<(u64, String)>,
}

impl Custom {
    /// Whether the account added it; of the channel only the options are its own.
    pub(super) fn is_own(&self) -> bool {
        self.key != CHANNEL
    }
}

/// Every account has it.
const CHANNEL: &str = "channel";
/// Options of custom fields are numbered from here.
const FIRST_OPTION: u64 = 28;

/// The fields that every account has: code, name and type.
const BUILT_IN: [(&str, &str, &str); 14] = [
    ("id", "ID", "int"),
    ("title", "Title", "varchar"),
    ("value", "Value", "double"),
    ("currency", "Currency", "varchar"),
    ("owner_id", "Owner", "user"),
    ("stage_id", "Stage", "stage"),
    ("status", "Status", "status"),
    ("add_time", "Deal created", "date"),
    ("update_time", "Update time", "date"),
    ("lost_reason", "Lost reason", "varchar_options"),
    ("expected_close_date", "Expected close date", "date"),
    ("origin", "Source origin", "varchar"),
    (CHANNEL, "Source channel", "enum"),
    ("channel_id", "Source channel ID", "varchar"),
];

impl Account {
    /// Replaces the options of the marketing channel; they are numbered from 1.
    pub fn set_channels(&mut self, labels: &[&str]) {
        self.custom.retain(|field| field.key != CHANNEL);
        let options = (1..).zip(labels.iter().map(|label| (*label).to_owned())).collect();
        let (key, label) = (CHANNEL.to_owned(), "Source channel".to_owned());
        self.custom.insert(0, Custom { key, label, kind: "enum".to_owned(), options });
    }

    /// The number of a marketing channel, by its label.
    pub fn channel(&self, label: &str) -> Option<u64> {
        let field = self.custom.iter().find(|field| field.key == CHANNEL)?;
        field.options.iter().find(|option| option.1 == label).map(|option| option.0)
    }

    /// Adds a field of a type (`varchar`, `date`, `enum`, …) with its options; its key is told, which is
    /// made of the label and has forty digits. One that is there already keeps its key.
    pub fn add_field(&mut self, label: &str, kind: &str, options: &[&str]) -> String {
        let key = key_of(label);
        let taken: u64 = self.custom.iter().map(|field| field.options.len() as u64).sum();
        if !self.custom.iter().any(|field| field.key == key) {
            let labels = options.iter().map(|label| (*label).to_owned());
            let options = (FIRST_OPTION + taken..).zip(labels).collect();
            let (label, kind) = (label.to_owned(), kind.to_owned());
            self.custom.push(Custom { key: key.clone(), label, kind, options });
        }
        key
    }
}

/// Forty hexadecimal digits that are always the same for a label.
fn key_of(label: &str) -> String {
    let mut key = String::new();
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    for round in 0_u8..3 {
        for byte in label.bytes().chain([round]) {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        state ^= state >> 29;
        key.push_str(&format!("{state:016x}"));
    }
    key.truncate(40);
    key
}

fn told(code: &str, name: &str, kind: &str, options: Option<&[(u64, String)]>) -> Value {
    let options: Option<Vec<Value>> = options.map(|options| {
        options.iter().map(|(id, label)| json!({ "id": id, "label": label })).collect()
    });
    json!({
        "field_name": name,
        "field_code": code,
        "description": null,
        "field_type": kind,
        "options": options,
        "subfields": null,
        "is_custom_field": code.len() == 40,
        "is_optional_response_field": false,
    })
}

fn all(account: &Account) -> Vec<Value> {
    let options = |code: &str| {
        let field = account.custom.iter().find(|field| field.key == code);
        field.map(|field| field.options.as_slice())
    };
    let built_in = BUILT_IN.iter().map(|(code, name, kind)| told(code, name, kind, options(code)));
    let own = account.custom.iter().filter(|field| field.is_own());
    let own = own.map(|field| {
        let options = (!field.options.is_empty()).then_some(field.options.as_slice());
        told(&field.key, &field.label, &field.kind, options)
    });
    built_in.chain(own).collect()
}

/// The list of the fields.
pub(super) fn list(ask: &Ask) -> Result<Answer, Answer> {
    let limit = query::limit(ask)?;
    let from = super::cursor::place(ask)?;
    let fields = all(ask.account);
    let page: Vec<Value> = fields.iter().skip(from).take(limit).cloned().collect();
    let next = from + page.len();
    let cursor = (next < fields.len()).then(|| super::cursor::of_place("index", next));
    Ok(super::lists::answer(ask, page, cursor))
}

/// One field.
pub(super) fn one(ask: &Ask, code: &str) -> Result<Answer, Answer> {
    let field = all(ask.account).into_iter().find(|field| field["field_code"] == code);
    field.map(|field| super::lists::single(&field)).ok_or_else(|| not_found("Field not found"))
}
