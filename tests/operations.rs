//! What an operator is given holds together: every alert has its paragraph, and whatever watches from
//! outside asks for metrics that there are.

use std::collections::BTreeSet;
use std::fs;

use paceline::alerts::rules::RULES;
use paceline::web::METRICS;

fn headings() -> BTreeSet<String> {
    let text = fs::read_to_string("docs/OPERATIONS.md").unwrap();
    let headings = text.lines().filter_map(|line| line.strip_prefix("## "));
    headings.map(|heading| heading.trim_matches('`').to_owned()).collect()
}

/// The words of a text that could be names of metrics.
fn metrics_in(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit()));
    words.filter(|word| word.starts_with("paceline_") || word.starts_with("process_")).collect()
}

#[test]
fn every_rule_has_its_paragraph_for_the_operator() {
    let headings = headings();
    let missing: Vec<&str> =
        RULES.iter().map(|(name, _)| *name).filter(|name| !headings.contains(*name)).collect();
    assert!(missing.is_empty(), "docs/OPERATIONS.md has no heading for {missing:?}");
}

#[test]
fn every_prometheus_alert_has_its_paragraph_and_every_paragraph_its_alert() {
    let rules = fs::read_to_string("deploy/prometheus-rules.yml").unwrap();
    let alerts: BTreeSet<String> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .map(str::to_owned)
        .collect();
    let told: BTreeSet<String> =
        headings().into_iter().filter(|name| name.starts_with("Paceline")).collect();
    assert!(alerts.len() > 5 && alerts == told, "{alerts:?} and {told:?}");
}

#[test]
fn whatever_watches_asks_for_metrics_that_there_are() {
    let known: BTreeSet<&str> = METRICS.iter().map(|(name, _)| *name).collect();
    for file in ["deploy/prometheus-rules.yml", "deploy/grafana.json"] {
        let text = fs::read_to_string(file).unwrap();
        let asked = metrics_in(&text);
        let strange: Vec<&&str> = asked.iter().filter(|name| !known.contains(**name)).collect();
        assert!(asked.len() > 5 && strange.is_empty(), "{file}: {strange:?}");
    }
}
