//! `[handoff.criteria]`: what marketing and sales agreed that an opportunity must be.

use rust_decimal::Decimal;

use super::reader::{Entry, Reader};
use crate::domain::Object;
use crate::handoff::criteria::{Criterion, FIELDS, Test};

/// Reads lines like `industry = { in = ["software"] }` and `executive_sponsor = "set"`.
pub fn read(handoff: &Reader<'_>) -> Vec<Criterion> {
    let Some(table) = handoff.table("criteria") else { return Vec::new() };
    let mut criteria = Vec::new();
    for (field, entry) in table.free_entries() {
        if Object::Opportunity.field_index(&field).is_some() && !FIELDS.contains(&field.as_str()) {
            table.problem(
                &field,
                "is no field that criteria can be of",
                format!("use one of {}, or an attribute of your own", FIELDS.join(", ")),
            );
            continue;
        }
        let tests = match entry {
            Entry::Scalar(text) if text == "set" => vec![Test::Set],
            Entry::Table(own) => read_tests(&own),
            _ => Vec::new(),
        };
        if tests.is_empty() {
            table.problem(
                &field,
                "asks for nothing",
                format!(
                    "write `{field} = \"set\"`, or `{field} = {{ in = [\"…\"] }}` with some of: in, not_in, \
                     at_least, at_most"
                ),
            );
            continue;
        }
        criteria.push(Criterion { field, tests });
    }
    criteria
}

fn read_tests(table: &Reader<'_>) -> Vec<Test> {
    let number = |key| table.parsed(key, "an amount like 10000", |text| text.parse().ok());
    let (least, most): (Option<Decimal>, Option<Decimal>) = (number("at_least"), number("at_most"));
    if least.zip(most).is_some_and(|(least, most)| least > most) {
        table.problem(
            "at_most",
            "is below `at_least`: nothing meets both",
            "write a larger amount",
        );
    }
    let names = |key| {
        let names = table.list(key)?;
        if names.is_empty() {
            table.problem(key, "names nothing", "write `[\"software\", \"retail\"]`");
        }
        Some(names)
    };
    let tests = [
        names("in").map(Test::In),
        names("not_in").map(Test::NotIn),
        least.map(Test::AtLeast),
        most.map(Test::AtMost),
    ];
    table.finish();
    tests.into_iter().flatten().collect()
}
