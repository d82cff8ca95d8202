//! The files of bulk extracts, as the vendor writes them: what is empty is the text `null`.

use serde_json::{Map, Value, json};

use super::activities::seen;
use super::asked::Range;
use super::faults::Dirt;
use super::fields::CREATED_AT;
use super::instance::{Instance, Lead, text, time};
use super::kinds::DELETE;
use super::log::Activity;
use super::members;
use super::programs::{Member, Program};

/// The formats and what stands between their values.
pub(super) const DELIMITERS: [(&str, char); 3] = [("CSV", ','), ("TSV", '\t'), ("SSV", ';')];

/// What a file holds.
#[derive(Debug)]
pub(super) enum Content {
    /// By their creation or by their last change of any field.
    Leads {
        by: usize,
        range: Range,
    },
    Activities {
        range: Range,
        types: Vec<u64>,
        primaries: Vec<u64>,
        shift: u32,
    },
    /// Where several programs are asked for, a column in front tells which it was.
    Members {
        programs: Vec<u64>,
        several: bool,
        statuses: Vec<String>,
        updated: Option<Range>,
    },
}

/// What a job writes.
#[derive(Debug)]
pub(super) struct Spec {
    pub(super) content: Content,
    pub(super) fields: Vec<String>,
    pub(super) headers: Vec<String>,
    /// Fields that come out empty.
    pub(super) hidden: Vec<String>,
    pub(super) format: (&'static str, char),
    pub(super) dirt: Vec<Dirt>,
}

impl Spec {
    /// The name of the format.
    pub(super) fn format(&self) -> &'static str {
        self.format.0
    }
}

/// Every so many values get what does not belong into them, one kind after the other.
const DIRTY_EVERY: usize = 5;
/// Fields in whose values it is found.
const DIRTY: [&str; 3] = ["company", "lastName", "primaryAttributeValue"];

struct Writer<'a> {
    spec: &'a Spec,
    out: String,
    rows: usize,
}

impl Writer<'_> {
    fn cell(&mut self, value: &str) {
        let delimiter = self.spec.format.1;
        // A carriage return alone does not have the vendor put quotation marks around the value.
        let quoted = value.contains([delimiter, '"', '\n']);
        if !self.out.is_empty() && !self.out.ends_with('\n') {
            self.out.push(delimiter);
        }
        if quoted {
            self.out.push('"');
            self.out.push_str(&value.replace('"', "\"\""));
            self.out.push('"');
        } else {
            self.out.push_str(value);
        }
    }

    fn row(&mut self, first: Option<&str>, value: impl Fn(&str) -> Value) {
        if let Some(first) = first {
            self.cell(first);
        }
        for field in &self.spec.fields {
            let told = text(&value(field));
            let told = if self.spec.hidden.contains(field) { String::new() } else { told };
            match told.as_str() {
                "" => self.cell("null"),
                told if DIRTY.contains(&field.as_str()) => self.cell(&self.dirty(told)),
                told => self.cell(told),
            }
        }
        self.out.push('\n');
        self.rows += 1;
    }

    fn dirty(&self, value: &str) -> String {
        let dirt = &self.spec.dirt;
        if dirt.is_empty() || !self.rows.is_multiple_of(DIRTY_EVERY) {
            return value.to_owned();
        }
        let middle = value.char_indices().nth(value.chars().count() / 2).map_or(0, |at| at.0);
        let (one, other) = value.split_at(middle);
        let between = match dirt[self.rows / DIRTY_EVERY % dirt.len()] {
            Dirt::Cr => '\r',
            Dirt::Nul => '\0',
            Dirt::LineSeparator => '\u{2028}',
        };
        format!("{one}{between}{other}")
    }
}

fn within(range: &Range, at: i64) -> bool {
    (range.0..=range.1).contains(&at)
}

/// The file of a job that is processed at a time, and how many records it has.
pub(super) fn file(instance: &Instance, spec: &Spec, at: i64) -> (Vec<u8>, usize) {
    let mut writer = Writer { spec, out: String::new(), rows: 0 };
    if matches!(spec.content, Content::Members { several: true, .. }) {
        writer.cell("programId");
    }
    for header in &spec.headers {
        writer.cell(header);
    }
    writer.out.push('\n');
    match &spec.content {
        Content::Leads { by, range } => {
            let stamp = |lead: &Lead| if *by == CREATED_AT { lead.created } else { lead.changed };
            for lead in instance.leads.iter().filter(|lead| within(range, stamp(lead))) {
                writer.row(None, |field| of_lead(instance, lead, field));
            }
        }
        Content::Activities { range, types, primaries, shift } => {
            let wanted = |row: &&Activity| {
                let primary = row.primary_id.map(|id| id as u64);
                row.kind.name != DELETE
                    && within(range, row.at)
                    && seen(row, at)
                    && (types.is_empty() || types.contains(&u64::from(row.kind.id(*shift))))
                    && (primaries.is_empty() || primary.is_some_and(|id| primaries.contains(&id)))
            };
            for row in instance.log.rows().iter().filter(wanted) {
                writer.row(None, |field| of_activity(row, *shift, field));
            }
        }
        Content::Members { programs, several, statuses, updated } => {
            for program in programs.iter().filter_map(|id| instance.program(*id)) {
                let first = several.then(|| program.id.to_string());
                let wanted = |member: &&Member| {
                    updated.as_ref().is_none_or(|range| within(range, member.updated))
                        && (statuses.is_empty() || statuses.iter().any(|s| s == member.status.0))
                };
                for member in program.members.iter().filter(wanted) {
                    writer.row(first.as_deref(), |name| of_member(instance, program, member, name));
                }
            }
        }
    }
    (writer.out.into_bytes(), writer.rows)
}

fn of_lead(instance: &Instance, lead: &Lead, field: &str) -> Value {
    instance.place(field).map_or(Value::Null, |place| instance.value(lead, place))
}

fn of_member(instance: &Instance, program: &Program, member: &Member, field: &str) -> Value {
    if members::FIELDS.iter().any(|known| known.0 == field) {
        return members::value(program, member, field);
    }
    let lead = instance.find(member.lead).map(|place| &instance.leads[place]);
    lead.map_or(Value::Null, |lead| of_lead(instance, lead, field))
}

fn of_activity(row: &Activity, shift: u32, field: &str) -> Value {
    match field {
        "marketoGUID" => json!(row.id.to_string()),
        "leadId" => json!(row.lead),
        "activityDate" => json!(time(row.at)),
        "activityTypeId" => json!(row.kind.id(shift)),
        "campaignId" => row.campaign.map_or(Value::Null, |id| json!(id)),
        "primaryAttributeValueId" => row.primary_id.map_or(Value::Null, |id| json!(id)),
        "primaryAttributeValue" => json!(row.primary),
        "attributes" => {
            let told =
                row.attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
            json!(Value::Object(told.collect::<Map<String, Value>>()).to_string())
        }
        "actionResult" => json!("succeeded"),
        _ => Value::Null,
    }
}
