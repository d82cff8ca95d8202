//! Spans of time as people write them.

use jiff::{Span, ToSpan};

/// Days in an average month, for windows that are given in months.
const MONTH_DAYS: f64 = 365.25 / 12.0;

/// `30s`, `10m`, `2h`, `1d`, `1w` in seconds.
pub fn duration_secs(text: &str) -> Option<i64> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let count: i64 = text[..split].parse().ok().filter(|n| *n > 0)?;
    let unit_secs = match text[split..].trim() {
        "s" | "second" | "seconds" => 1,
        "m" | "min" | "minute" | "minutes" => 60,
        "h" | "hour" | "hours" => 3_600,
        "d" | "day" | "days" => 86_400,
        "w" | "week" | "weeks" => 604_800,
        _ => return None,
    };
    count.checked_mul(unit_secs)
}

/// `90d`, `12 weeks`, `6 months`, `1 year` as a calendar span.
pub fn calendar_span(text: &str) -> Option<Span> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let count: i64 = text[..split].parse().ok().filter(|n| (0..=3_660).contains(n))?;
    match text[split..].trim() {
        "d" | "day" | "days" => Some(count.days()),
        "w" | "week" | "weeks" => Some((count * 7).days()),
        "month" | "months" => Some(count.months()),
        "q" | "quarter" | "quarters" => Some((count * 3).months()),
        "y" | "year" | "years" => Some((count * 12).months()),
        _ => None,
    }
}

/// A conversion window in whole days; a month is 30.44 of them.
pub fn window_days(text: &str) -> Option<i64> {
    let span = calendar_span(text)?;
    let months = f64::from(span.get_months());
    let days = (months * MONTH_DAYS).round() as i64 + i64::from(span.get_days());
    (days > 0).then_some(days)
}

/// `mon` to `sun` as an ISO number.
pub fn weekday(text: &str) -> Option<i8> {
    let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let text = text.to_lowercase();
    let index = names.iter().position(|name| text.starts_with(name))?;
    i8::try_from(index + 1).ok()
}

/// `09:00` in minutes after midnight; `24:00` is the end of the day.
pub fn minute_of_day(text: &str) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute): (i64, i64) = (hour.parse().ok()?, minute.parse().ok()?);
    let total = hour * 60 + minute;
    ((0..60).contains(&minute) && (0..=1440).contains(&total)).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_people_write_them() {
        assert_eq!(duration_secs("10m"), Some(600));
        assert_eq!(duration_secs("0m"), None);
        assert_eq!(duration_secs("10"), None);
        assert_eq!(window_days("90d"), Some(90));
        assert_eq!(window_days("6 months"), Some(183));
        assert_eq!(window_days("1 year"), Some(365));
        assert_eq!(window_days("90 parsecs"), None);
        assert_eq!(minute_of_day("24:00"), Some(1440));
        assert_eq!(minute_of_day("24:30"), None);
        assert_eq!(weekday("Friday"), Some(5));
    }
}
