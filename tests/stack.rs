//! The same company on another stack has the same funnel: with Salesforce, Marketo and Google nobody counts twice.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn paceline(arguments: &[&str]) -> String {
    let ran = Command::new(env!("CARGO_BIN_EXE_paceline")).args(arguments).output().unwrap();
    assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}

fn asked(folder: &Path, arguments: &[&str]) -> Value {
    let config = folder.join("config/paceline.toml");
    let mut all = vec!["--config", config.to_str().unwrap()];
    all.extend(["--as-of", "2026-11-23T13:00:00Z", "--format", "json"]);
    all.extend(arguments);
    serde_json::from_str(&paceline(&all)).unwrap()
}

#[test]
fn on_salesforce_marketo_and_google_the_company_has_the_funnel_that_it_has_on_hubspot() {
    let folder = tempfile::tempdir().unwrap();
    let demo = |stack: &str| {
        let own = folder.path().join(stack);
        let printed = paceline(&["demo", "--stack", stack, "--dir", own.to_str().unwrap()]);
        (own, printed)
    };
    let (hubspot, _) = demo("hubspot");
    let (salesforce, printed) = demo("salesforce");
    assert!(printed.contains("0 data faults"), "{printed}");
    // Google's figures are late by days when all is well: that holds nothing back.
    assert!(printed.contains("data complete to Mon 23 Nov 08:00"), "{printed}");
    assert!(!printed.contains("Held back"), "{printed}");
    // When leads qualified, and most campaigns, only Marketo knows; opportunities only Salesforce.
    for pair in [["lead", "mql"], ["mql", "opportunity"]] {
        let rates = ["rates", "--from", pair[0], "--to", pair[1]];
        let (one, other) = (asked(&hubspot, &rates), asked(&salesforce, &rates));
        let entered = |rates: &Value| rates["total"]["entered"].as_u64().unwrap();
        assert!(entered(&one) > 4_000, "{one}");
        assert_eq!(entered(&one), entered(&other), "{pair:?}");
    }
    // Programs and campaigns of one name are one campaign, and so are the addresses of visits.
    let rates =
        asked(&salesforce, &["rates", "--from", "visit", "--to", "lead", "--by", "campaign"]);
    let rows = rates["rows"].as_array().unwrap();
    let brand: Vec<&Value> =
        rows.iter().filter(|row| row["name"].as_str() == Some("Search ads: Brand")).collect();
    assert_eq!(brand.len(), 1, "one row of a campaign that three vendors know");
    assert!(brand[0]["entered"].as_u64() > brand[0]["converted"].as_u64());
    assert!(brand[0]["converted"].as_u64() > Some(0));
}
