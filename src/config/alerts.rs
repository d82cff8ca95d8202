//! `[alerts]`: every rule has a switch and its thresholds.

use super::{reader::Reader, span};
use crate::alerts::settings::{
    AlertSettings, FollowupOverdue, PaceBehind, RateBelowPlan, SourceStale,
};

/// Reads `[alerts]`.
pub fn read(root: &Reader<'_>) -> AlertSettings {
    let mut settings = AlertSettings {
        shadow: false,
        pace_behind: PaceBehind { enabled: true, steps: vec![0.10, 0.20, 0.40] },
        rate_below_plan: RateBelowPlan {
            enabled: true,
            minimum_entrants: 20,
            minimum_mature_share: 0.5,
            steps: vec![0.10, 0.20, 0.40],
        },
        followup_overdue: FollowupOverdue { enabled: true, minimum_count: 1 },
        source_stale: SourceStale { enabled: true, after_secs: 86_400, steps: vec![1.0, 3.0, 7.0] },
    };
    let Some(table) = root.table("alerts") else { return settings };
    let mode = table.parsed("mode", "\"live\" or \"shadow\"", |text| match text {
        "live" => Some(false),
        "shadow" => Some(true),
        _ => None,
    });
    settings.shadow = mode.unwrap_or(false);
    if let Some(rule) = table.table("pace_behind") {
        let part = &mut settings.pace_behind;
        part.enabled = rule.flag("enabled").unwrap_or(true);
        part.steps = steps(&rule, &part.steps);
        rule.finish();
    }
    if let Some(rule) = table.table("rate_below_plan") {
        let part = &mut settings.rate_below_plan;
        part.enabled = rule.flag("enabled").unwrap_or(true);
        part.steps = steps(&rule, &part.steps);
        part.minimum_entrants =
            whole(&rule, "minimum_entrants").unwrap_or(part.minimum_entrants as usize) as u64;
        part.minimum_mature_share = rule
            .parsed("minimum_mature_share", "a share like 0.5", |text| {
                text.parse().ok().filter(|share| (0.0..=1.0).contains(share))
            })
            .unwrap_or(part.minimum_mature_share);
        rule.finish();
    }
    if let Some(rule) = table.table("followup_overdue") {
        let part = &mut settings.followup_overdue;
        part.enabled = rule.flag("enabled").unwrap_or(true);
        part.minimum_count = whole(&rule, "minimum_count").unwrap_or(part.minimum_count);
        rule.finish();
    }
    if let Some(rule) = table.table("source_stale") {
        let part = &mut settings.source_stale;
        part.enabled = rule.flag("enabled").unwrap_or(true);
        let after = rule.parsed("after", "a span like \"24h\"", span::duration_secs);
        part.after_secs = after.unwrap_or(part.after_secs);
        part.steps = steps(&rule, &part.steps);
        rule.finish();
    }
    table.finish();
    settings
}

fn whole(rule: &Reader<'_>, key: &'static str) -> Option<usize> {
    rule.parsed(key, "a whole number from 1 on", |text| text.parse().ok().filter(|n| *n > 0))
}

/// Growing numbers above 0; the first is where an alert starts.
fn steps(rule: &Reader<'_>, default: &[f64]) -> Vec<f64> {
    let Some(texts) = rule.list("steps") else { return default.to_vec() };
    let numbers: Option<Vec<f64>> = texts.iter().map(|text| text.parse().ok()).collect();
    let grows = |n: &Vec<f64>| {
        n.first().is_some_and(|first| *first > 0.0) && n.windows(2).all(|pair| pair[0] < pair[1])
    };
    match numbers.filter(grows) {
        Some(numbers) => numbers,
        None => {
            rule.problem("steps", "must be growing numbers above 0", "write `steps = [0.1, 0.2]`");
            default.to_vec()
        }
    }
}
