//! `paceline check`: one line a part, and under a broken one what to write where.

use std::collections::BTreeSet;

use super::{CliError, CliResult, Global, output};
use crate::config::{Secret, Settings, plan_file::load_targets};
use crate::domain::notice::wrap;
use crate::evaluate::{
    EvaluateError, Snapshot,
    feasibility::feasibility,
    snapshot::{filled, load_goals},
};
use crate::evaluate::{assumption, trial};
use crate::outbox::address::{team_ways, ways};
use crate::plan::{Measured, lay_out};
use crate::sinks;
use crate::sources;
use crate::store::{Store, people::Matched};

/// Collects the lines.
#[derive(Default)]
struct Report {
    lines: Vec<String>,
    failed: usize,
}

impl Report {
    fn ok(&mut self, part: &str, text: &str) {
        self.lines.push(format!("ok    {part}: {text}"));
    }

    fn warn(&mut self, part: &str, text: &str) {
        self.lines.push(format!("warn  {part}: {text}"));
    }

    fn fail(&mut self, part: &str, text: &str) {
        self.failed += 1;
        self.lines.push(format!("fail  {part}: {}", text.replace('\n', "\n      ")));
    }

    /// All lines within a terminal's width, continued below their text.
    fn text(&self) -> String {
        let mut out = String::new();
        for line in self.lines.iter().flat_map(|line| line.lines()) {
            let text = line.trim_start();
            let indent = match line.len() - text.len() {
                0 => 6,
                spaces => spaces,
            };
            let lead: String = line.chars().take(indent).collect();
            let rest: String = line.chars().skip(indent).collect();
            wrap(&mut out, &lead, &rest, output::COLUMNS);
        }
        out
    }
}

pub async fn run(global: &Global) -> CliResult {
    let mut report = Report::default();
    let settings = match Settings::load(&global.config_file()) {
        Ok(settings) => settings,
        Err(problems) => {
            report.fail("configuration", &problems.to_string());
            output::text(&report.text())?;
            return Err(CliError::Usage("the configuration is not in order".into()));
        }
    };
    report.ok("configuration", &settings.file.display().to_string());
    for warning in &settings.warnings {
        report.warn("configuration", &warning.to_string().replace('\n', "\n      "));
    }
    check_criteria(&settings, &mut report);
    check_plan(&settings, &mut report);
    let store = check_database(&settings, &mut report).await;
    if let Some(store) = &store {
        let found = doubts(&settings, store, global.clock().now()).await;
        match found {
            Ok((doubts, trials)) => {
                doubts.iter().for_each(|text| report.warn("plan", text));
                trials.iter().for_each(|text| report.ok("alerts", text));
            }
            Err(error) => report.fail("database", &error.to_string()),
        }
    }
    check_sources(&settings, &mut report).await;
    check_faults(&settings, store.as_ref(), &mut report).await;
    check_people(&settings, store.as_ref(), &mut report).await;
    check_teams(&settings, store.as_ref(), &mut report).await;
    check_sinks(&settings, &mut report).await;
    check_upkeep(&settings, &mut report).await;
    output::text(&report.text())?;
    match report.failed {
        0 => output::text("Every part is in order.\n"),
        1 => Err(CliError::Failed("1 part is not in order".into())),
        n => Err(CliError::Failed(format!("{n} parts are not in order"))),
    }
}

/// Criteria of which no source says anything decide nothing.
fn check_criteria(settings: &Settings, report: &mut Report) {
    let filled = filled(settings);
    for criterion in &settings.handoff.criteria {
        let field = &criterion.field;
        if !filled.values().any(|fields| fields.contains(field)) {
            let text = format!(
                "no source fills `{field}`, so it is not known of any hand-off: map it, or take \
                 `[handoff.criteria] {field}` out"
            );
            report.warn("handoff", &text);
        }
    }
}

fn check_plan(settings: &Settings, report: &mut Report) {
    let Some(file) = &settings.plan else {
        let file = settings.file.display();
        let text = format!("there is none: add `[plan]` with `file = \"plan.toml\"` to {file}");
        return report.warn("plan", &text);
    };
    match load_goals(settings) {
        Err(problems) => report.fail("plan", &problems.to_string()),
        Ok(goals) => {
            for goal in &goals {
                let company = &settings.company;
                let nothing = Measured::default();
                match lay_out(goal, &nothing, &company.hours, company.fiscal_start) {
                    Ok(_) => report.ok("plan", &format!("goal {}", goal.name)),
                    // What is to be measured may be measured later.
                    Err(error) if error.message.contains("measured") => {
                        report.warn("plan", &error.to_string().replace('\n', "\n      "));
                    }
                    Err(error) => report.fail("plan", &error.to_string()),
                }
            }
            let targets = load_targets(file).map_or(0, |targets| targets.len());
            if targets > 0 {
                report.ok("plan", &format!("targets: {targets}"));
            }
            if goals.is_empty() && targets == 0 {
                report.warn("plan", &format!("{} has no goal", file.display()));
            }
        }
    }
}

/// What the past contradicts, or never reached, should be known before a period starts; and how often the
/// pace rule would have spoken of these goals.
async fn doubts(
    settings: &Settings,
    store: &Store,
    now: jiff::Timestamp,
) -> Result<(Vec<String>, Vec<String>), EvaluateError> {
    let snapshot = Snapshot::load(settings, store, now, None).await?;
    let trials = trial::trials(&snapshot).iter().map(trial::sentence).collect();
    let mut doubts = Vec::new();
    for found in feasibility(&snapshot).await? {
        for assumed in found.assumptions.iter().filter(|one| one.verdict.is_doubtful()) {
            let text = assumption::sentence(assumed, &settings.company.currency);
            doubts.push(format!("goal {}: {text}", found.goal));
        }
    }
    Ok((doubts, trials))
}

async fn check_database(settings: &Settings, report: &mut Report) -> Option<Store> {
    match Store::open(&settings.database).await {
        Ok(store) => {
            report.ok("database", &settings.database.display().to_string());
            Some(store)
        }
        Err(error) => {
            report.fail(
                "database",
                &format!("{error}\n    mend: `[database] url` in {}", settings.file.display()),
            );
            None
        }
    }
}

async fn check_sources(settings: &Settings, report: &mut Report) {
    if settings.sources.is_empty() {
        let file = settings.file.display();
        report.fail("sources", &format!("there is none: add `[source.NAME]` to {file}"));
    }
    for (name, known) in &settings.sources {
        let part = format!("source {name}");
        let source = sources::open(name, known, &settings.company.zone);
        match source.check().await {
            Ok(probe) => {
                report.ok(&part, &probe.found);
                probe.warnings.iter().for_each(|text| report.warn(&part, text));
            }
            Err(error) => report.fail(&part, &error.to_string()),
        }
        let Ok(found) = source.discover().await else { continue };
        let unmapped: BTreeSet<&str> = found
            .iter()
            .filter(|((_, field), _)| *field == "channel")
            .flat_map(|(_, values)| values.keys())
            .map(String::as_str)
            .filter(|value| !value.is_empty() && !settings.words.knows(value))
            .collect();
        if !unmapped.is_empty() {
            let names: Vec<&str> = unmapped.into_iter().take(20).collect();
            let text = format!("channels that keep their own name: {}", names.join(", "));
            report.warn("channels", &text);
        }
    }
}

/// What is wrong with the records that were read.
async fn check_faults(settings: &Settings, store: Option<&Store>, report: &mut Report) {
    let Some(store) = store else { return };
    for name in settings.sources.keys() {
        let Ok(faults) = crate::sync::known_faults(store, name).await else { continue };
        faults.iter().for_each(|fault| report.warn(&format!("source {name}"), fault));
    }
}

/// Who is in several sources counts once: how many were found.
async fn check_people(settings: &Settings, store: Option<&Store>, report: &mut Report) {
    let (Some(store), Some(people)) = (store, crate::daemon::people(settings)) else { return };
    for name in &people.others {
        let Ok(found) = store.matched(name).await else { continue };
        let part = format!("source {name}");
        let Matched { leads, matched, by_address } = found;
        let (by_id, crm) = (matched - by_address.min(matched), &people.crm);
        let text = format!(
            "{matched} of {leads} leads are leads of {crm} too, and count once: {by_id} by its id, {by_address} by \
             their address"
        );
        match (leads, matched) {
            (0, _) => {}
            (_, 0) => {
                let mend = "map `crm_id`, or set `[identity] email = true`";
                report.warn(&part, &format!("{text}; mend: {mend}, if they are the same people"));
            }
            _ => report.ok(&part, &text),
        }
    }
}

/// Owners in no team are teams of one, and nobody is told about them.
async fn check_teams(settings: &Settings, store: Option<&Store>, report: &mut Report) {
    let Some(store) = store else { return };
    let now = jiff::Timestamp::MAX;
    let Ok(snapshot) = crate::evaluate::Snapshot::load(settings, store, now, None).await else {
        return;
    };
    let opportunities = snapshot.facts.opportunities.values();
    let owners: BTreeSet<&str> = opportunities.filter_map(|o| o.owner.as_deref()).collect();
    let alone: Vec<&str> =
        owners.into_iter().filter(|owner| snapshot.teams.team_of(owner).is_none()).collect();
    if !alone.is_empty() {
        let some: Vec<&str> = alone.iter().copied().take(20).collect();
        let text = format!(
            "owners in no team (the operator hears of theirs): {}; add them to a `[team.*] owners`",
            some.join(", ")
        );
        report.warn("teams", &text);
    }
}

/// The page, the copies and the heartbeat. The heartbeat's address is not asked: that would feign one.
async fn check_upkeep(settings: &Settings, report: &mut Report) {
    if let Some(address) = settings.http.listen {
        let asked = crate::net::ping(&format!("http://{address}/healthz"), None).await;
        match (asked, crate::web::listen(address).await) {
            (Ok(()), _) => report.ok("http", &format!("a daemon serves the page at {address}")),
            (Err(_), Ok(_)) => report.ok("http", &format!("{address} is free for the page")),
            (Err(_), Err(text)) => report.fail("http", &text),
        }
    }
    let secrets = [
        ("http", settings.http.token.as_ref()),
        ("heartbeat", settings.heartbeat.as_ref().map(|heartbeat| &heartbeat.url)),
    ];
    for (part, secret) in secrets {
        match secret.map(Secret::reveal) {
            Some(Err(error)) => report.fail(part, &error.to_string()),
            Some(Ok(_)) => report.ok(part, "its secret can be read"),
            None => {}
        }
    }
    let backup = &settings.backup;
    if backup.enabled {
        let folder = backup.directory.display();
        // It is the daemon that makes the folder, so that it is its own.
        let here = std::path::Path::new(".");
        let above = backup
            .directory
            .ancestors()
            .map(|path| if path.as_os_str().is_empty() { here } else { path });
        let mut there = above.filter(|path| path.exists());
        match there.next().map(std::fs::metadata) {
            Some(Ok(found)) if found.is_dir() && !found.permissions().readonly() => {
                report.ok("backup", &format!("each night into {folder}"));
            }
            _ => report.fail(
                "backup",
                &format!("{folder} cannot be made\n    mend: `[backup] directory`"),
            ),
        }
    }
}

async fn check_sinks(settings: &Settings, report: &mut Report) {
    let mut all: BTreeSet<(&'static str, String)> =
        ways("operator", &settings.operator).into_iter().collect();
    all.extend(settings.teams.keys().flat_map(|team| team_ways(settings, team)));
    if settings.operator.is_empty() {
        let file = settings.file.display();
        let text = format!("nobody hears of failing sources: add `[operator]` to {file}");
        report.warn("operator", &text);
    }
    for (sink, address) in all {
        let part = format!("{sink} to {address}");
        let result = match sinks::open(settings, sink, &address) {
            Ok(opened) => opened.check().await,
            Err(text) => Err(text),
        };
        match result {
            Ok(text) => report.ok(&part, &text),
            Err(text) => {
                let place = sinks::place(settings, sink, &address).unwrap_or_else(|| {
                    let table = if sink == "email" { "email" } else { address.as_str() };
                    format!("`[{table}]` in {}", settings.file.display())
                });
                report.fail(&part, &format!("{text}\n    mend: {place}"));
            }
        }
    }
}
