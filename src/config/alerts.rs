//! `[alerts]`: how alerts are told. `[escalation]`: who else hears of them.

use super::{alert_rules, reader::Reader};
use crate::alerts::rules::RULES;
use crate::alerts::settings::{AlertSettings, Delivery, Escalation};
use crate::domain::calendar::Allowance;

/// Reads `[alerts]`.
pub fn read(root: &Reader<'_>) -> AlertSettings {
    let mut settings = AlertSettings::default();
    let Some(table) = root.table("alerts") else { return settings };
    let mode = table.parsed("mode", "\"live\" or \"shadow\"", |text| match text {
        "live" => Some(false),
        "shadow" => Some(true),
        _ => None,
    });
    settings.shadow = mode.unwrap_or(false);
    let delivery = table.parsed("deliver", "\"working_hours\" or \"always\"", |text| match text {
        "working_hours" => Some(Delivery::WorkingHours),
        "always" => Some(Delivery::Always),
        _ => None,
    });
    settings.delivery = delivery.unwrap_or(settings.delivery);
    settings.critical_passes = table.flag("critical_passes").unwrap_or(true);
    settings.messages_per_week =
        alert_rules::whole(&table, "messages_per_week").unwrap_or(settings.messages_per_week);
    alert_rules::read(&table, &mut settings);
    table.finish();
    settings
}

/// Reads `[escalation]`; its ways are read by [`super::sinks`].
pub fn read_escalation(table: &Reader<'_>, escalation: &mut Escalation) {
    escalation.owners = table.flag("owners").unwrap_or(false);
    let after =
        table.parsed("after", "\"4 business hours\" or \"1 business day\"", Allowance::parse);
    escalation.after = after.unwrap_or(escalation.after);
    if let Some(rules) = table.list("rules") {
        for rule in rules.iter().filter(|rule| RULES.iter().all(|(name, _)| name != rule)) {
            let names: Vec<&str> = RULES.iter().map(|(name, _)| *name).collect();
            let mend = format!("use some of: {}", names.join(", "));
            table.problem("rules", format!("`{rule}` is no rule"), mend);
        }
        escalation.rules = rules;
    }
}
