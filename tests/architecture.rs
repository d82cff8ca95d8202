//! The house: who may import whom, what is banned where, how long a file may be, and that everything
//! that can be chosen is registered and documented.

use std::fs;
use std::path::{Path, PathBuf};

/// Lines of code that a file of the program may have.
const FILE_LINES_MAX: usize = 400;
/// The rooms that know no time, network, database or log.
const CORE: [&str; 10] = [
    "domain",
    "plan",
    "rates",
    "forecast",
    "pacing",
    "diagnose",
    "handoff",
    "alerts",
    "digest",
    "attribution",
];
/// Lines that a function may have.
const FUNCTION_LINES_MAX: usize = 70;

fn files_below(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<(String, String)> {
    let files = files_below(Path::new("src"), ".rs");
    files
        .iter()
        .map(|path| (path.display().to_string(), fs::read_to_string(path).unwrap()))
        .collect()
}

/// The room that a file belongs to: `src/store/open.rs` is in `store`.
fn room(file: &str) -> &str {
    let rest = file.strip_prefix("src/").unwrap();
    rest.split(['/', '.']).next().unwrap()
}

/// The part of a file that is not tests.
fn code(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap()
}

/// The rooms that a file names after `crate::`, also within braces.
fn imports(text: &str) -> Vec<String> {
    let rooms = [
        "alerts",
        "attribution",
        "cli",
        "clock",
        "config",
        "daemon",
        "diagnose",
        "digest",
        "domain",
        "evaluate",
        "forecast",
        "handoff",
        "net",
        "outbox",
        "pacing",
        "plan",
        "rates",
        "schedule",
        "simulate",
        "sinks",
        "sources",
        "store",
        "sync",
        "web",
    ];
    let named = |room: &&str| code(text).contains(&format!("crate::{room}"));
    rooms.into_iter().filter(named).map(str::to_owned).collect()
}

#[test]
fn data_flows_one_way() {
    let allowed = |room: &str| -> Option<Vec<&str>> {
        Some(match room {
            "domain" | "clock" | "net" => vec![],
            "simulate" => vec!["net"],
            "plan" | "handoff" => vec!["domain"],
            "rates" => vec!["domain", "plan"],
            "forecast" | "attribution" => vec![],
            "diagnose" => vec!["forecast"],
            "pacing" => vec!["domain", "plan", "forecast"],
            "alerts" => vec!["domain", "plan", "rates", "forecast", "pacing", "handoff"],
            "digest" => vec!["domain", "plan", "rates", "pacing", "handoff", "alerts"],
            // Settings are read into the core's own types.
            "config" => vec!["domain", "plan", "handoff", "alerts"],
            "store" => vec!["domain"],
            "sources" => vec!["domain", "clock", "config", "net"],
            "sinks" => vec!["domain", "config", "net"],
            "sync" => vec!["domain", "clock", "sources", "store"],
            "schedule" => vec!["config", "digest"],
            "outbox" => vec!["domain", "clock", "config", "alerts", "sinks", "store"],
            "evaluate" => {
                let mut rooms = CORE.to_vec();
                rooms.extend(["config", "sources", "store", "outbox"]);
                rooms
            }
            // These put everything together, and nothing imports them.
            "cli" | "daemon" | "web" | "lib" | "main" => return None,
            other => panic!("the room `{other}` is in no plan of the house"),
        })
    };
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let own = room(&file);
        let Some(allowed) = allowed(own) else { continue };
        for import in imports(&text) {
            if import != own && !allowed.contains(&import.as_str()) {
                wrong.push(format!("{file} imports {import}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What such a file of a source's folder holds is worked out, not asked for.
const VENDORS_PURE_FILES: [&str; 5] =
    ["/cursor.rs", "/map.rs", "/report.rs", "/soql.rs", "/wire.rs"];

#[test]
fn the_core_knows_no_time_no_network_no_database_and_no_log() {
    let pure: Vec<&str> = CORE.into_iter().chain(["schedule"]).collect();
    let pure_files = [
        "src/sync/merge.rs",
        "src/sync/units.rs",
        "src/sync/deltas.rs",
        "src/sync/mixer.rs",
        "src/sync/partial.rs",
        "src/sources/history.rs",
        "src/sources/marketo/file.rs",
        "src/sources/window.rs",
        "src/outbox/policy.rs",
    ];
    let banned = [
        "tokio", "sqlx", "reqwest", "lettre", "tracing", "std::fs", "std::net", "std::env",
        "async fn", ".await", "println!",
    ];
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let of_a_vendor = file.starts_with("src/sources/")
            && VENDORS_PURE_FILES.iter().any(|name| file.ends_with(name));
        if !pure.contains(&room(&file)) && !pure_files.contains(&file.as_str()) && !of_a_vendor {
            continue;
        }
        for line in code(&text).lines().filter(|line| !line.trim_start().starts_with("//")) {
            for word in banned.iter().filter(|word| line.contains(**word)) {
                wrong.push(format!("{file} uses {word}: {}", line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn sql_is_in_the_store_and_the_network_in_sources_sinks_and_simulators() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let own = room(&file);
        if own != "store" && code(&text).contains("sqlx::") {
            wrong.push(format!("{file} uses sqlx"));
        }
        let network = ["reqwest::", "lettre::", "TcpStream"];
        if !["sources", "sinks", "net", "simulate"].contains(&own)
            && network.iter().any(|word| code(&text).contains(word))
        {
            wrong.push(format!("{file} uses the network"));
        }
        if file != "src/clock.rs" && code(&text).contains("Timestamp::now(") {
            wrong.push(format!("{file} asks for the time"));
        }
        if code(&text).contains(".begin()")
            && !file.starts_with("src/store/")
            && !text.contains("store.begin()")
        {
            wrong.push(format!("{file} begins a transaction of its own"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_and_functions_are_short_and_every_file_says_what_it_is() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        if !text.starts_with("//! ") {
            wrong.push(format!("{file} does not begin by saying what it is"));
        }
        let is_code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
        let lines = text.lines().filter(is_code).count();
        if lines > FILE_LINES_MAX {
            wrong.push(format!("{file} has {lines} lines of code"));
        }
        wrong.extend(long_functions(&file, &text));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Functions by their indentation: rustfmt closes each at the column where it opened.
fn long_functions(file: &str, text: &str) -> Vec<String> {
    let mut long = Vec::new();
    let mut open: Option<(usize, usize, String)> = None;
    for (number, line) in text.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let starts = ["fn ", "pub fn ", "async fn ", "pub async fn ", "pub(super) fn "];
        if open.is_none() && starts.iter().any(|start| line.trim_start().starts_with(start)) {
            open = Some((number, indent, line.trim().to_owned()));
        }
        if let Some((from, at, name)) = &open
            && indent == *at
            && line.trim() == "}"
        {
            if number - from >= FUNCTION_LINES_MAX {
                long.push(format!("{file}: {name} has {} lines", number - from + 1));
            }
            open = None;
        }
    }
    long
}

/// Files of rules, sources and sinks that are none: what several of them share. Google's two kinds are in one folder.
const SHARED: [&str; 6] = ["mod", "google", "history", "http", "value", "window"];

#[test]
fn every_rule_kind_of_source_and_sink_is_registered_configured_and_documented() {
    let operations = fs::read_to_string("docs/OPERATIONS.md").unwrap();
    let reference = fs::read_to_string("config/paceline.toml").unwrap();
    let stems = |folder: &str| -> Vec<String> {
        fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .filter(|stem| !SHARED.contains(&stem.as_str()))
            .collect()
    };
    let rules: Vec<&str> = paceline::alerts::rules::RULES.iter().map(|(name, _)| *name).collect();
    for rule in stems("src/alerts/rules") {
        assert!(rules.contains(&rule.as_str()), "{rule} is not registered");
        assert!(operations.contains(&format!("## `{rule}`")), "docs/OPERATIONS.md lacks {rule}");
        assert!(
            reference.contains(&format!("[alerts.{rule}]")),
            "config/paceline.toml lacks {rule}"
        );
    }
    let kinds = paceline::config::source::KINDS;
    for kind in stems("src/sources") {
        assert!(kinds.contains(&kind.as_str()), "{kind} is no kind");
    }
    for kind in kinds {
        assert!(reference.contains(&format!("kind = \"{kind}\"")), "the reference lacks {kind}");
    }
    for sink in stems("src/sinks") {
        assert!(reference.contains(&format!("{sink} =")), "the reference lacks {sink}");
    }
}

#[test]
fn the_reference_configuration_and_its_plan_are_read_without_a_problem() {
    use paceline::config::{Settings, document::Document, plan_file};
    let file = Path::new("config/paceline.toml");
    let settings = Settings::from_document(&Document::load(file, None).unwrap()).unwrap();
    assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
    assert_eq!(plan_file::load(&settings.plan.unwrap()).unwrap().len(), 2);
    // Every line that is commented out is good too, once it is put in.
    let text = fs::read_to_string(file).unwrap();
    let email = text
        .lines()
        .skip_while(|line| *line != "# [email]")
        .take_while(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches('#').trim_start())
        .filter(|line| !line.starts_with("where offered"))
        .collect::<Vec<_>>()
        .join("\n");
    let with_email = format!("{text}\n{email}\n");
    Settings::from_document(&Document::from_text(file, &with_email, None).unwrap()).unwrap();
}

#[test]
fn what_is_kept_of_a_lead_names_nobody() {
    use paceline::domain::Object;
    let personal = ["name", "email", "phone", "address", "company", "message", "text", "body"];
    for object in [Object::Lead, Object::Opportunity, Object::Activity] {
        for (field, _) in object.fields() {
            assert!(!personal.contains(field), "{} keeps {field}", object.name());
        }
    }
}
