//! The commands: one file each. Data goes to stdout, everything else to stderr.

mod alert_care;
mod alerts;
mod attribution;
mod backtest;
mod backup;
mod check;
mod clients;
mod demo;
mod diagnose;
mod digest;
mod discover;
mod faults;
mod feasible;
mod followups;
mod forecasts;
mod forget;
mod health;
mod jobs;
mod nurture;
mod output;
mod pace;
mod plan;
mod plan_text;
mod plan_versions;
mod progress;
mod rates;
mod run;
mod service;
mod simulate;
mod sync;
mod what_if;

pub use demo::hubspot_configuration;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use jiff::Timestamp;

use crate::clock::Clock;
use crate::config::{Problems, Settings};
use crate::evaluate::{EvaluateError, digesting::DigestError};
use crate::store::{Store, StoreError};

/// Holds a company's funnel against its revenue plan and speaks up while there is still time.
#[derive(Debug, Parser)]
#[command(name = "paceline", version = crate::VERSION, about, propagate_version = true, max_term_width = 100)]
struct Args {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Where a configuration is looked for, the first first.
const CONFIG_FILES: [&str; 2] = ["config/paceline.toml", "paceline.toml"];

/// Flags that every command takes.
#[derive(Clone, Debug, clap::Args)]
struct Global {
    /// The configuration file; `PACELINE__…` variables are laid over it.
    /// Without it: config/paceline.toml, else paceline.toml, in this folder.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The clock: what happened after it has not happened yet.
    #[arg(long, global = true, value_name = "RFC3339")]
    as_of: Option<Timestamp>,
    /// How to print; csv is for tables.
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Log more (-v) or much more (-vv).
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Log errors only, and show no progress.
    #[arg(short, long, global = true)]
    quiet: bool,
    /// How to log.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Pretty)]
    log_format: LogFormat,
}

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
    Csv,
}

/// How to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    Pretty,
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The daemon: runs every job on its schedule; with --once it does what is due and exits.
    Run(run::Args),
    /// What a source holds, as TOML to paste into the configuration.
    Discover(discover::Args),
    /// One sync pass of every source, or of one.
    Sync(sync::Args),
    /// The backward plan, period by period, with its arithmetic.
    Plan(plan::Args),
    /// Conversion and win rates.
    Rates(rates::Args),
    /// Where every goal stands.
    Pace(pace::Args),
    /// Why a goal is missed: what each factor contributed, and the questions of the evaluation.
    Diagnose,
    /// What opportunities, wins or their value are owed to: by first, last and shared touches.
    Attribution(attribution::Args),
    /// What clients are worth: value, retention, and what winning one may cost.
    Clients,
    /// Which alerts the rules would have told of the past, and what came of each.
    Backtest(backtest::Args),
    /// How good the forecasts are: those that were made, and earlier periods replayed.
    Forecasts,
    /// The hand-off ledger: one verdict for every handed-off opportunity.
    Followups(followups::Args),
    /// The alerts.
    Alerts(alerts::Args),
    /// The digest of a week.
    Digest(digest::Args),
    /// What is wrong with single records.
    Faults,
    /// When each job of the daemon ran, how it ended, and when it is due.
    Jobs,
    /// A consistent copy of the database, also while the daemon runs.
    Backup(backup::Args),
    /// Forgets a person: what is stored no longer names them, and they are not stored again.
    Forget(forget::Args),
    /// Asks the running daemon whether it is well.
    Health,
    /// Whether every part is in order, and for a broken one which line to change.
    Check,
    /// The main job on an embedded company, without any account or server.
    Demo(demo::Args),
    /// A simulated vendor on loopback, to try things out.
    Simulate(simulate::Args),
}

/// Why a command ends early, with its exit code.
#[derive(Debug, thiserror::Error)]
enum CliError {
    /// Failed or incomplete: 1.
    #[error("{0}")]
    Failed(String),
    /// Bad usage or bad configuration: 2.
    #[error("{0}")]
    Usage(String),
    /// Done, but something is behind: 3.
    #[error("{0}")]
    Behind(String),
}

impl CliError {
    fn code(&self) -> u8 {
        match self {
            CliError::Failed(_) => 1,
            CliError::Usage(_) => 2,
            CliError::Behind(_) => 3,
        }
    }
}

impl From<Problems> for CliError {
    fn from(problems: Problems) -> Self {
        CliError::Usage(problems.to_string())
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        CliError::Failed(error.to_string())
    }
}

impl From<EvaluateError> for CliError {
    fn from(error: EvaluateError) -> Self {
        CliError::Failed(error.to_string())
    }
}

impl From<DigestError> for CliError {
    fn from(error: DigestError) -> Self {
        match error {
            DigestError::Evaluate(error) => error.into(),
            DigestError::NotOver { .. } => CliError::Usage(error.to_string()),
            _ => CliError::Failed(error.to_string()),
        }
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        CliError::Failed(error.to_string())
    }
}

type CliResult = Result<(), CliError>;

impl Global {
    fn clock(&self) -> Clock {
        self.as_of.map_or(Clock::System, Clock::Fixed)
    }

    fn settings(&self) -> Result<Settings, CliError> {
        Ok(Settings::load(&self.config_file())?)
    }

    /// The file that was named, or the one that lies here.
    fn config_file(&self) -> PathBuf {
        let here = CONFIG_FILES.iter().map(PathBuf::from).find(|file| file.exists());
        self.config.clone().or(here).unwrap_or_else(|| CONFIG_FILES[0].into())
    }

    fn shows_progress(&self) -> bool {
        !self.quiet
    }
}

/// What is wrong with the plan, after what could be worked out was printed.
fn plan_in_order(errors: &[String]) -> CliResult {
    if errors.is_empty() { Ok(()) } else { Err(CliError::Usage(errors.join("\n"))) }
}

/// Opens the database of a command that reads it.
async fn open(settings: &Settings) -> Result<Store, CliError> {
    Ok(Store::open_existing(&settings.database).await?)
}

/// How long the end may take once everything is done.
const SHUTDOWN: std::time::Duration = std::time::Duration::from_millis(500);

/// Runs the program.
pub fn main() -> ExitCode {
    let args = Args::parse();
    start_log(&args.global);
    let runtime =
        match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                eprintln!("paceline: the runtime cannot be started: {error}");
                return ExitCode::from(1);
            }
        };
    let result = runtime.block_on(dispatch(&args));
    // Work that cannot be interrupted, like a name that is being looked up, holds nobody up.
    runtime.shutdown_timeout(SHUTDOWN);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("paceline: {error}");
            ExitCode::from(error.code())
        }
    }
}

async fn dispatch(args: &Args) -> CliResult {
    let global = &args.global;
    match &args.command {
        Command::Run(args) => run::run(global, args).await,
        Command::Discover(args) => discover::run(global, args).await,
        Command::Sync(args) => sync::run(global, args).await,
        Command::Plan(args) => plan::run(global, args).await,
        Command::Rates(args) => rates::run(global, args).await,
        Command::Pace(args) => pace::run(global, args).await,
        Command::Diagnose => diagnose::run(global).await,
        Command::Clients => clients::run(global).await,
        Command::Attribution(args) => attribution::run(global, args).await,
        Command::Backtest(args) => backtest::run(global, args).await,
        Command::Forecasts => forecasts::run(global).await,
        Command::Followups(args) => followups::run(global, args).await,
        Command::Alerts(args) => alerts::run(global, args).await,
        Command::Digest(args) => digest::run(global, args).await,
        Command::Faults => faults::run(global).await,
        Command::Jobs => jobs::run(global).await,
        Command::Backup(args) => backup::run(global, args).await,
        Command::Forget(args) => forget::run(global, args).await,
        Command::Health => health::run(global).await,
        Command::Check => check::run(global).await,
        Command::Demo(args) => demo::run(global, args).await,
        Command::Simulate(args) => simulate::run(global, args).await,
    }
}

fn start_log(global: &Global) {
    use tracing_subscriber::EnvFilter;
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let level = match (global.quiet, global.verbose) {
        (true, _) => "error",
        // A terminal shows progress; a file or a journal wants lines.
        (false, 0) if colours => "warn",
        (false, 0) => "paceline=info,warn",
        (false, 1) => "paceline=info,warn",
        (false, _) => "paceline=debug,info",
    };
    let filter = EnvFilter::try_from_env("PACELINE_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        .with_writer(std::io::stderr);
    match global.log_format {
        LogFormat::Json => log.json().init(),
        LogFormat::Pretty => log.with_target(false).init(),
    }
}
