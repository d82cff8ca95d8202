//! Amounts in their own currency, and the dated rates that bring them to the company's.

use std::collections::BTreeMap;

use jiff::civil::Date;
use rust_decimal::Decimal;

/// An amount with its currency.
#[derive(Clone, Debug, PartialEq)]
pub struct Money {
    /// The exact amount.
    pub amount: Decimal,
    /// An ISO 4217 code, in capitals.
    pub currency: String,
}

/// The value of one unit of each foreign currency in the company's, from a day on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CurrencyRates {
    /// The reporting currency.
    pub company: String,
    /// Currency -> first day of validity -> value of one unit.
    pub rates: BTreeMap<String, BTreeMap<Date, Decimal>>,
}

impl CurrencyRates {
    /// The amount in the company's currency at the rate of that day; none without a rate.
    ///
    /// No currency means the company's own.
    pub fn convert(&self, amount: Decimal, currency: Option<&str>, day: Date) -> Option<Decimal> {
        let currency = currency.unwrap_or(&self.company).to_uppercase();
        if currency == self.company {
            return Some(amount);
        }
        let (_, rate) = self.rates.get(&currency)?.range(..=day).next_back()?;
        amount.checked_mul(*rate)
    }
}

/// Prints an amount with at least two decimals, exactly.
pub fn decimal_text(amount: Decimal) -> String {
    let mut amount = amount.normalize();
    if amount.scale() < 2 {
        amount.rescale(2);
    }
    amount.to_string()
}

/// Prints money for people, rounded to what matters: `$1.92 M`, `$310,000`, `EUR 950`.
pub fn for_people(amount: Decimal, currency: &str) -> String {
    let sign = if amount.is_sign_negative() { "-" } else { "" };
    let symbol = match currency {
        "USD" => "$".to_owned(),
        "EUR" => "€".to_owned(),
        "GBP" => "£".to_owned(),
        other => format!("{other} "),
    };
    let size = amount.abs();
    let million = Decimal::from(1_000_000);
    if size >= million {
        return format!("{sign}{symbol}{:.2} M", (size / million).round_dp(2));
    }
    let step = Decimal::from(if size >= Decimal::from(10_000) { 1_000 } else { 1 });
    let rounded = (size / step).round() * step;
    format!("{sign}{symbol}{}", thousands(&rounded.normalize().to_string()))
}

/// Puts commas between the thousands of a whole number's digits.
pub fn thousands(digits: &str) -> String {
    let (whole, rest) = digits.split_once('.').map_or((digits, None), |(w, r)| (w, Some(r)));
    let mut out = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0
            && (whole.len() - index).is_multiple_of(3)
            && digit != '-'
            && !out.ends_with('-')
        {
            out.push(',');
        }
        out.push(digit);
    }
    match rest {
        Some(rest) => format!("{out}.{rest}"),
        None => out,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn the_rate_of_the_day_applies_and_a_missing_one_is_not_guessed() {
        let mut rates = CurrencyRates { company: "USD".into(), ..Default::default() };
        let eur = rates.rates.entry("EUR".into()).or_default();
        eur.insert(date(2026, 1, 1), "1.08".parse().unwrap());
        eur.insert(date(2026, 7, 1), "1.10".parse().unwrap());
        let hundred = Decimal::from(100);
        assert_eq!(
            rates.convert(hundred, Some("EUR"), date(2026, 6, 30)),
            Some(Decimal::from(108))
        );
        assert_eq!(rates.convert(hundred, Some("EUR"), date(2026, 7, 1)), Some(Decimal::from(110)));
        assert_eq!(rates.convert(hundred, Some("EUR"), date(2025, 12, 31)), None);
        assert_eq!(rates.convert(hundred, Some("GBP"), date(2026, 7, 1)), None);
        assert_eq!(rates.convert(hundred, None, date(2020, 1, 1)), Some(hundred));
    }

    #[test]
    fn money_is_rounded_to_what_matters() {
        let dollars = |n: i64| for_people(Decimal::from(n), "USD");
        assert_eq!(dollars(1_921_400), "$1.92 M");
        assert_eq!(dollars(310_420), "$310,000");
        assert_eq!(dollars(950), "$950");
        assert_eq!(thousands("1234567"), "1,234,567");
        assert_eq!(thousands("-123"), "-123");
    }
}
