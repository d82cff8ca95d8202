//! `paceline discover`

use std::collections::BTreeMap;

use super::{CliError, CliResult, Global, output};
use crate::domain::Object;
use crate::domain::notice::plain;
use crate::sources::{self, Discovered};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The source's key in the configuration.
    #[arg(long, value_name = "NAME")]
    source: String,
}

pub async fn run(global: &Global, args: &Args) -> CliResult {
    let settings = global.settings()?;
    let Some(known) = settings.sources.get(&args.source) else {
        return Err(CliError::Usage(format!("there is no source `{}`", args.source)));
    };
    let source = sources::open(&args.source, known, &settings.company.zone);
    let found = source.discover().await.map_err(|error| CliError::Failed(error.to_string()))?;
    output::text(&toml(&found))
}

/// A TOML string. What a terminal would obey is escaped.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for (c, shown) in text.chars().zip(plain(text).chars()) {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c == shown => out.push(c),
            c => out.push_str(&format!("\\u{:04X}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

fn toml(found: &Discovered) -> String {
    let mut out = String::new();
    let merged = |field: &str| -> BTreeMap<String, u64> {
        let mut all = BTreeMap::new();
        for (_, values) in found.iter().filter(|((_, name), _)| *name == field) {
            for (value, count) in values.iter().filter(|(value, _)| !value.is_empty()) {
                *all.entry(value.clone()).or_insert(0) += count;
            }
        }
        all
    };
    out.push_str("[channels]   # vendor value = \"your channel\"\n");
    for (value, count) in merged("channel") {
        out.push_str(&format!("{} = {}   # {count} records\n", quoted(&value), quoted(&value)));
    }
    let owners: Vec<String> = merged("owner").into_keys().map(|owner| quoted(&owner)).collect();
    out.push_str(&format!("\n[team.sales]\nowners = [{}]\n", owners.join(", ")));
    for ((object, field), values) in found {
        if matches!(*field, "channel" | "owner") {
            continue;
        }
        out.push_str(&format!("\n# {} of {}:\n", field, object.name()));
        for (value, count) in values {
            let shown = if value.is_empty() { "(nothing)".into() } else { plain(value) };
            out.push_str(&format!("#   {shown}: {count}\n"));
        }
    }
    if found.keys().any(|(object, field)| *object == Object::Opportunity && *field == "stage") {
        out.push_str("\n# [handoff]\n# when = \"stage:…\"   # one of the stages above\n");
    }
    out
}
