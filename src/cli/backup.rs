//! `paceline backup PATH`

use std::path::PathBuf;

use super::{CliError, CliResult, Global, open, output};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The copy; it must not exist yet.
    #[arg(value_name = "PATH")]
    path: PathBuf,
}

pub async fn run(global: &Global, args: &Args) -> CliResult {
    let settings = global.settings()?;
    let path = if args.path.is_dir() {
        let today = settings.company.zone.to_datetime(global.clock().now()).date();
        args.path.join(format!("paceline-{today}.db"))
    } else {
        args.path.clone()
    };
    if path.exists() {
        let path = path.display();
        return Err(CliError::Usage(format!("{path} exists already: name another file")));
    }
    let store = open(&settings).await?;
    let copied = store.copy_to(&path).await;
    store.close().await;
    copied?;
    let bytes = std::fs::metadata(&path)?.len();
    output::text(&format!("{}: {bytes} bytes, checked\n", path.display()))
}
