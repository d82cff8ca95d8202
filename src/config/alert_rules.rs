//! `[alerts.RULE]`: the switch, the patience and the thresholds of each rule.

use super::{reader::Reader, span};
use crate::alerts::lifecycle::Patience;
use crate::alerts::settings::AlertSettings;
use crate::domain::calendar::Allowance;

/// Reads the table of every rule.
pub fn read(table: &Reader<'_>, settings: &mut AlertSettings) {
    read_pace(table, settings);
    read_followup(table, settings);
    read_sources(table, settings);
    read_pipeline(table, settings);
}

/// One rule's table: its switch and its patience, and then what only it has.
fn rule(
    table: &Reader<'_>,
    name: &'static str,
    settings: &mut AlertSettings,
    own: impl FnOnce(&Reader<'_>, &mut AlertSettings),
) {
    let Some(rule) = table.table(name) else { return };
    let before = settings.patience.get(name).copied().unwrap_or_default();
    let patience = Patience {
        enter: whole(&rule, "pending_checks").unwrap_or(before.enter),
        leave: whole(&rule, "recover_checks").unwrap_or(before.leave),
    };
    settings.patience.insert(name.into(), patience);
    own(&rule, settings);
    rule.finish();
}

fn switch(rule: &Reader<'_>, enabled: &mut bool) {
    *enabled = rule.flag("enabled").unwrap_or(*enabled);
}

fn read_pace(table: &Reader<'_>, settings: &mut AlertSettings) {
    rule(table, "pace_behind", settings, |rule, all| {
        let part = &mut all.pace_behind;
        switch(rule, &mut part.enabled);
        steps(rule, &mut part.steps);
    });
    rule(table, "rate_below_plan", settings, |rule, all| {
        let part = &mut all.rate_below_plan;
        switch(rule, &mut part.enabled);
        steps(rule, &mut part.steps);
        part.minimum_entrants =
            whole(rule, "minimum_entrants").unwrap_or(part.minimum_entrants as usize) as u64;
        share(rule, "minimum_mature_share", &mut part.minimum_mature_share);
    });
    rule(table, "assumption_doubtful", settings, |rule, all| {
        switch(rule, &mut all.assumption_doubtful.enabled);
    });
    rule(table, "target_behind", settings, |rule, all| {
        switch(rule, &mut all.target_behind.enabled);
    });
    rule(table, "month_missed", settings, |rule, all| {
        switch(rule, &mut all.month_missed.enabled);
    });
    rule(table, "goal_out_of_reach", settings, |rule, all| {
        let part = &mut all.goal_out_of_reach;
        switch(rule, &mut part.enabled);
        share(rule, "chance", &mut part.chance);
    });
    rule(table, "last_useful_day", settings, |rule, all| {
        let part = &mut all.last_useful_day;
        switch(rule, &mut part.enabled);
        part.days = whole(rule, "days").unwrap_or(part.days);
    });
}

fn read_followup(table: &Reader<'_>, settings: &mut AlertSettings) {
    rule(table, "followup_overdue", settings, |rule, all| {
        let part = &mut all.followup_overdue;
        switch(rule, &mut part.enabled);
        part.minimum_count = whole(rule, "minimum_count").unwrap_or(part.minimum_count);
    });
    rule(table, "followup_due_soon", settings, |rule, all| {
        let part = &mut all.followup_due_soon;
        switch(rule, &mut part.enabled);
        let before = rule.parsed("before", "\"1 business hour\"", Allowance::parse);
        part.before = before.unwrap_or(part.before);
    });
    rule(table, "followup_coverage", settings, |rule, all| {
        let part = &mut all.followup_coverage;
        switch(rule, &mut part.enabled);
        share(rule, "minimum_share", &mut part.minimum_share);
        part.minimum_count = whole(rule, "minimum_count").unwrap_or(part.minimum_count);
        part.days = whole(rule, "days").unwrap_or(part.days);
    });
    rule(table, "handoffs_returned", settings, |rule, all| {
        let part = &mut all.handoffs_returned;
        switch(rule, &mut part.enabled);
        share(rule, "maximum_share", &mut part.maximum_share);
        part.minimum_count = whole(rule, "minimum_count").unwrap_or(part.minimum_count);
        part.days = whole(rule, "days").unwrap_or(part.days);
    });
    rule(table, "acceptance_overdue", settings, |rule, all| {
        switch(rule, &mut all.acceptance_overdue.enabled);
    });
    rule(table, "next_step_missing", settings, |rule, all| {
        let part = &mut all.next_step_missing;
        switch(rule, &mut part.enabled);
        let after = rule.parsed("after", "\"2 business days\"", Allowance::parse);
        part.after = after.unwrap_or(part.after);
    });
    rule(table, "criteria_unmet", settings, |rule, all| {
        switch(rule, &mut all.criteria_unmet.enabled);
    });
    rule(table, "criteria_too_tight", settings, |rule, all| {
        switch(rule, &mut all.criteria_too_tight.enabled);
    });
    rule(table, "mailed_after_opt_out", settings, |rule, all| {
        switch(rule, &mut all.mailed_after_opt_out.enabled);
    });
    rule(table, "unowned_opportunity", settings, |rule, all| {
        switch(rule, &mut all.unowned_opportunity.enabled);
    });
}

fn read_sources(table: &Reader<'_>, settings: &mut AlertSettings) {
    rule(table, "source_stale", settings, |rule, all| {
        let part = &mut all.source_stale;
        switch(rule, &mut part.enabled);
        let after = rule.parsed("after", "a span like \"24h\"", span::duration_secs);
        part.after_secs = after.unwrap_or(part.after_secs);
        steps(rule, &mut part.steps);
    });
    rule(table, "source_failing", settings, |rule, all| {
        switch(rule, &mut all.source_failing.enabled);
    });
    rule(table, "source_unusual", settings, |rule, all| {
        let part = &mut all.source_unusual;
        switch(rule, &mut part.enabled);
        part.flood_count = whole(rule, "flood_count").unwrap_or(part.flood_count);
        part.flood_times = whole(rule, "flood_times").unwrap_or(part.flood_times);
        part.empty_days = whole(rule, "empty_days").unwrap_or(part.empty_days);
    });
    rule(table, "data_faults", settings, |rule, all| {
        let part = &mut all.data_faults;
        switch(rule, &mut part.enabled);
        steps(rule, &mut part.steps);
    });
}

fn read_pipeline(table: &Reader<'_>, settings: &mut AlertSettings) {
    rule(table, "pipeline_coverage", settings, |rule, all| {
        let part = &mut all.pipeline_coverage;
        switch(rule, &mut part.enabled);
        steps(rule, &mut part.steps);
    });
    for name in ["close_dates_slipped", "opportunities_stalled"] {
        rule(table, name, settings, |rule, all| {
            let part = if name == "close_dates_slipped" {
                &mut all.close_dates_slipped
            } else {
                &mut all.opportunities_stalled
            };
            switch(rule, &mut part.enabled);
            part.minimum_count = whole(rule, "minimum_count").unwrap_or(part.minimum_count);
            share(rule, "maximum_share", &mut part.maximum_share);
        });
    }
}

/// A whole number from 1 on.
pub fn whole(rule: &Reader<'_>, key: &'static str) -> Option<usize> {
    rule.parsed(key, "a whole number from 1 on", |text| text.parse().ok().filter(|n| *n > 0))
}

fn share(rule: &Reader<'_>, key: &'static str, value: &mut f64) {
    let read = rule.parsed(key, "a share like 0.5", |text| {
        text.parse().ok().filter(|share| (0.0..=1.0).contains(share))
    });
    *value = read.unwrap_or(*value);
}

/// Growing numbers above 0; the first is where an alert starts.
fn steps(rule: &Reader<'_>, value: &mut Vec<f64>) {
    let Some(texts) = rule.list("steps") else { return };
    let numbers: Option<Vec<f64>> = texts.iter().map(|text| text.parse().ok()).collect();
    let grows = |n: &Vec<f64>| {
        n.first().is_some_and(|first| *first > 0.0) && n.windows(2).all(|pair| pair[0] < pair[1])
    };
    match numbers.filter(grows) {
        Some(numbers) => *value = numbers,
        None => {
            rule.problem("steps", "must be growing numbers above 0", "write `steps = [0.1, 0.2]`")
        }
    }
}
