//! `paceline digest`

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{CliError, CliResult, Format, Global, open, output};
use crate::daemon;
use crate::digest::{Digest, Week, html};
use crate::evaluate::digesting;
use crate::outbox;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The ISO week, like 2026-W47; the last complete one by default.
    #[arg(long)]
    week: Option<Week>,
    /// Writes HTML, text, Slack blocks and JSON into this directory.
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Sends it to the teams of `[digest] to`.
    #[arg(long)]
    send: bool,
}

pub async fn run(global: &Global, args: &Args) -> CliResult {
    let settings = global.settings()?;
    let store = open(&settings).await?;
    let clock = global.clock();
    let now = clock.now();
    let week = args.week.unwrap_or_else(|| Week::last_complete(now, &settings.company.zone));
    let digest = if args.send {
        let digest = daemon::send_digest(&settings, &store, week, now).await?;
        let delivered = outbox::deliver_due(&store, &settings, &clock).await?;
        eprintln!("{} messages sent, {} to be tried again", delivered.sent, delivered.again);
        digest
    } else {
        digesting::digest_of(&settings, &store, week, now).await?
    };
    if let Some(directory) = &args.output {
        for path in write_files(&digest, directory)? {
            output::text(&format!("{}\n", path.display()))?;
        }
        return Ok(());
    }
    match global.format {
        Format::Json => output::json(&json!(digest)),
        _ => output::text(&crate::digest::text::render(&digest)),
    }
}

/// Writes the digest in every form and gives the paths, the HTML first.
pub fn write_files(digest: &Digest, directory: &Path) -> Result<Vec<PathBuf>, CliError> {
    fs::create_dir_all(directory)
        .map_err(|error| CliError::Failed(format!("{}: {error}", directory.display())))?;
    let document = html::document(digest).map_err(|error| CliError::Failed(error.to_string()))?;
    let blocks = json!({"text": document.subject, "blocks": document.blocks});
    let forms = [
        ("html", document.html),
        ("txt", document.text),
        ("slack.json", format!("{blocks:#}\n")),
        ("json", format!("{:#}\n", json!(digest))),
    ];
    let mut paths = Vec::new();
    for (ending, content) in forms {
        let path = directory.join(format!("digest-{}.{ending}", digest.week));
        fs::write(&path, content)
            .map_err(|error| CliError::Failed(format!("{}: {error}", path.display())))?;
        paths.push(path);
    }
    Ok(paths)
}
