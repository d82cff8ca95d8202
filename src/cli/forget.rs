//! `paceline forget`

use super::{CliError, CliResult, Global, open, output};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The source that knows the person.
    #[arg(long, value_name = "NAME")]
    source: String,
    /// The person's id there.
    #[arg(long, value_name = "ID")]
    lead: String,
}

pub async fn run(global: &Global, args: &Args) -> CliResult {
    let settings = global.settings()?;
    if !settings.sources.contains_key(&args.source) {
        return Err(CliError::Usage(format!("there is no source `{}`", args.source)));
    }
    let store = open(&settings).await?;
    let now = global.clock().now();
    // The same person in other sources: the CRM's lead, and whoever is counted as that one.
    let mut others = store.same_person(&args.source, &args.lead).await?;
    for key in others.clone() {
        others.extend(store.same_person(&key.source, &key.id).await?);
    }
    let forgotten = store.forget(&args.source, &args.lead, now).await;
    for key in &others {
        store.forget(&key.source, &key.id, now).await?;
    }
    store.close().await;
    let what = match forgotten? {
        true => "was stored, and what is left of it names nobody",
        false => "was not stored, and will not be",
    };
    output::text(&format!(
        "The lead {what}. Copies of the database that were made before still name it until they \
         expire.\n"
    ))
}
