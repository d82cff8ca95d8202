//! `[handoff.criteria]`: what marketing and sales agreed that an opportunity must be.

use super::reader::{Entry, Reader};
use crate::handoff::criteria::{Criterion, Test};

/// Reads lines like `industry = { in = ["software"] }` and `executive_sponsor = "set"`.
pub fn read(handoff: &Reader<'_>) -> Vec<Criterion> {
    let Some(table) = handoff.table("criteria") else { return Vec::new() };
    let mut criteria = Vec::new();
    for (field, entry) in table.free_entries() {
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
    let tests = [
        table.list("in").map(Test::In),
        table.list("not_in").map(Test::NotIn),
        number("at_least").map(Test::AtLeast),
        number("at_most").map(Test::AtMost),
    ];
    table.finish();
    tests.into_iter().flatten().collect()
}
