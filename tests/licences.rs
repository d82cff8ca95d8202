//! What goes into the program: the licences and bans of deny.toml, held against the crates of the lock
//! file. `cargo deny` does the same and more; this needs no second program and no network.

use std::process::Command;

use serde_json::Value;

fn strings(table: &toml::Value, path: [&str; 2]) -> Vec<String> {
    let list = table[path[0]][path[1]].as_array().unwrap();
    let name = |entry: &toml::Value| match entry {
        toml::Value::String(text) => text.clone(),
        other => other["name"].as_str().unwrap().to_owned(),
    };
    list.iter().map(name).collect()
}

/// Whether an SPDX expression can be met by what is allowed. `AND` binds closer than `OR`, and old
/// manifests write a slash for `OR`.
fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    let plain = expression.replace('/', " OR ").replace(['(', ')'], " ");
    let all = |terms: &str| {
        terms.split(" AND ").all(|term| allowed.iter().any(|known| known == term.trim()))
    };
    // "(A OR B) AND C" is met when C is allowed, and A or B; without the brackets each side must be.
    if expression.contains(") AND ") {
        let (either, also) = expression.split_once(") AND ").unwrap();
        return is_allowed(either.trim_start_matches('('), allowed) && is_allowed(also, allowed);
    }
    plain.split(" OR ").any(all)
}

#[test]
fn every_crate_has_an_allowed_licence_and_none_is_banned() {
    let rules: toml::Value =
        toml::from_str(&std::fs::read_to_string("deny.toml").unwrap()).unwrap();
    let (allowed, banned) =
        (strings(&rules, ["licenses", "allow"]), strings(&rules, ["bans", "deny"]));
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--locked", "--format-version", "1"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 100);
    let mut wrong = Vec::new();
    for package in packages {
        let (name, licence) = (package["name"].as_str().unwrap(), package["license"].as_str());
        if banned.iter().any(|known| known == name) {
            wrong.push(format!("{name} is banned"));
        }
        if !licence.is_some_and(|licence| is_allowed(licence, &allowed)) {
            wrong.push(format!("{name}: {licence:?} is not allowed"));
        }
        let origin = package["source"].as_str();
        if origin.is_some_and(|origin| !origin.starts_with("registry+")) {
            wrong.push(format!("{name} comes from {origin:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_expression_is_read_as_spdx_means_it() {
    let allowed = ["MIT", "Unicode-3.0"].map(str::to_owned);
    assert!(is_allowed("MIT OR Apache-2.0", &allowed) && is_allowed("Apache-2.0/MIT", &allowed));
    assert!(is_allowed("(MIT OR Apache-2.0) AND Unicode-3.0", &allowed));
    assert!(!is_allowed("(MIT OR Apache-2.0) AND GPL-3.0", &allowed));
    assert!(!is_allowed("MIT AND GPL-3.0", &allowed) && !is_allowed("GPL-3.0", &allowed));
}
