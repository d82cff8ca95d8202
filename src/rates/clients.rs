//! What clients are worth: how much they bought, whether they came back, and how few bring most of it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Span, civil::Date};

use super::interval::wilson;

/// Years of which the value of a client is told.
const YEARS: [i32; 3] = [1, 2, 3];
/// Fewer clients than this tell neither retention nor lifetime value.
const CLIENTS_MIN: usize = 20;

/// A won deal.
#[derive(Clone, Debug, PartialEq)]
pub struct Purchase {
    /// Whose it is.
    pub client: String,
    /// When it was won.
    pub day: Date,
    /// What it is worth, in the company's currency, where that is known.
    pub value: Option<f64>,
}

/// What deals were worth.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Deals {
    /// How many.
    pub count: usize,
    /// Their sum.
    pub sum: f64,
    /// Mean and median; none without a deal.
    pub mean: Option<f64>,
    /// See there.
    pub median: Option<f64>,
    /// The largest one's share of the sum.
    pub largest_share: Option<f64>,
}

/// A share with its 95 % interval (Wilson), and on how many.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// The share.
    pub share: f64,
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// On how many.
    pub of: usize,
}

/// What was measured of clients.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clients {
    /// Clients that ever bought.
    pub count: usize,
    /// Those who bought in the last year.
    pub active: usize,
    /// The deals of the last year.
    pub deals: Deals,
    /// The share of the last year's revenue that its largest fifth of clients brought.
    pub top_fifth_share: Option<f64>,
    /// Of those who bought in the year before, who bought again in the last one.
    pub retention: Option<Share>,
    /// What those who bought in the year before brought in the last, over what they brought before.
    pub revenue_retention: Option<f64>,
    /// What a client brought in its first years, by years, of those who have been clients for as long:
    /// the mean and on how many.
    pub value_by_years: Vec<(i32, f64, usize)>,
    /// Revenue of a client and year over the share that is lost each year, with the ends that the
    /// retention's interval gives; the upper one has no end where nobody may be lost.
    pub lifetime_value: Option<(f64, f64, Option<f64>)>,
}

/// Measures clients from what was won by `today`.
///
/// Lifetime value is `mean yearly revenue of an active client / (1 - retention)`: the mean of a life that
/// ends with the same chance each year. It is told from 20 clients of the year before on.
pub fn clients(purchases: &[Purchase], today: Date) -> Clients {
    let back = |years: i32| today.saturating_sub(Span::new().years(years));
    let (year, before) = (back(1), back(2));
    // A client who bought for nobody knows how much is a client all the same.
    let bought = |from: Date, to: Date| -> BTreeSet<&str> {
        let of_time = purchases.iter().filter(|one| one.day > from && one.day <= to);
        of_time.map(|one| one.client.as_str()).collect()
    };
    let sums = |from: Date, to: Date| -> BTreeMap<&str, f64> {
        let mut sums = BTreeMap::new();
        for purchase in purchases.iter().filter(|one| one.day > from && one.day <= to) {
            if let Some(value) = purchase.value {
                *sums.entry(purchase.client.as_str()).or_insert(0.0) += value;
            }
        }
        sums
    };
    let (last, earlier) = (bought(year, today), bought(before, year));
    let (paid, paid_before) = (sums(year, today), sums(before, year));
    let values = purchases.iter().filter(|one| one.day > year && one.day <= today);
    let revenue: f64 = paid.values().sum();
    let again = earlier.intersection(&last).count();
    let retention = (earlier.len() >= CLIENTS_MIN).then(|| {
        let share = again as f64 / earlier.len() as f64;
        let (low, high) = wilson(share, earlier.len() as f64);
        Share { share, low, high, of: earlier.len() }
    });
    let before_sum: f64 = paid_before.values().sum();
    let of_those: f64 = earlier.iter().filter_map(|client| paid.get(client)).sum();
    let yearly = (!paid.is_empty()).then(|| revenue / paid.len() as f64);
    let life = |kept: f64| yearly.filter(|_| kept < 1.0).map(|yearly| yearly / (1.0 - kept));
    Clients {
        count: bought(Date::MIN, today).len(),
        active: last.len(),
        deals: deals(values.filter_map(|one| one.value).collect()),
        top_fifth_share: top_fifth(&paid),
        retention,
        revenue_retention: (retention.is_some() && before_sum > 0.0).then(|| of_those / before_sum),
        value_by_years: YEARS.iter().filter_map(|n| value_of(purchases, *n, today)).collect(),
        lifetime_value: retention
            .and_then(|kept| Some((life(kept.share)?, life(kept.low)?, life(kept.high)))),
    }
}

fn deals(mut values: Vec<f64>) -> Deals {
    values.sort_by(f64::total_cmp);
    let (count, sum) = (values.len(), values.iter().sum::<f64>());
    let Some(largest) = values.last().copied() else { return Deals::default() };
    let median = 0.5 * (values[(count - 1) / 2] + values[count / 2]);
    Deals {
        count,
        sum,
        mean: Some(sum / count as f64),
        median: Some(median),
        largest_share: (sum > 0.0).then(|| largest / sum),
    }
}

/// The share of the largest fifth, rounded up to whole clients; none of fewer than five.
fn top_fifth(sums: &BTreeMap<&str, f64>) -> Option<f64> {
    let mut values: Vec<f64> = sums.values().copied().collect();
    values.sort_by(|a, b| b.total_cmp(a));
    let all: f64 = values.iter().sum();
    let top: f64 = values.iter().take(values.len().div_ceil(5)).sum();
    (values.len() >= 5 && all > 0.0).then(|| top / all)
}

/// The mean of what clients brought within their first years, of those whose first deal is as long ago.
fn value_of(purchases: &[Purchase], years: i32, today: Date) -> Option<(i32, f64, usize)> {
    let mut first: BTreeMap<&str, Date> = BTreeMap::new();
    for purchase in purchases.iter().filter(|one| one.day <= today) {
        let day = first.entry(&purchase.client).or_insert(purchase.day);
        *day = purchase.day.min(*day);
    }
    let end = |day: Date| day.saturating_add(Span::new().years(years));
    first.retain(|_, day| end(*day) <= today);
    let within =
        |one: &&Purchase| first.get(one.client.as_str()).is_some_and(|day| one.day < end(*day));
    let sum: f64 = purchases.iter().filter(within).filter_map(|one| one.value).sum();
    (!first.is_empty()).then(|| (years, sum / first.len() as f64, first.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn purchase(client: usize, day: Date, value: f64) -> Purchase {
        Purchase { client: format!("c{client:02}"), day, value: Some(value) }
    }

    /// Twenty clients bought for 100 each in 2025; fifteen of them bought again in 2026, one of them for
    /// 8,600 and the others for 100; five new ones bought for 100.
    #[test]
    fn value_and_retention_are_those_worked_by_hand() {
        let mut bought: Vec<Purchase> =
            (0..20).map(|n| purchase(n, date(2025, 3, 1), 100.0)).collect();
        bought.extend((1..15).map(|n| purchase(n, date(2026, 3, 1), 100.0)));
        bought.push(purchase(0, date(2026, 3, 1), 8_600.0));
        bought.extend((20..25).map(|n| purchase(n, date(2026, 4, 1), 100.0)));
        bought.push(purchase(99, date(2027, 1, 2), 1.0));
        let found = clients(&bought, date(2026, 12, 31));
        assert_eq!((found.count, found.active), (25, 20));
        let deals = found.deals;
        assert_eq!((deals.count, deals.sum, deals.median), (20, 10_500.0, Some(100.0)));
        assert_eq!(deals.largest_share, Some(8_600.0 / 10_500.0));
        assert_eq!(found.top_fifth_share, Some(8_900.0 / 10_500.0));
        let kept = found.retention.unwrap();
        assert_eq!((kept.share, kept.of), (0.75, 20));
        assert!((kept.low - 0.5313).abs() < 1e-4 && (kept.high - 0.8881).abs() < 1e-4);
        assert_eq!(found.revenue_retention, Some(10_000.0 / 2_000.0));
        let (life, low, high) = found.lifetime_value.unwrap();
        assert_eq!(life, 525.0 / 0.25);
        assert!(low < life && high.unwrap() > life);
        // Within a year of 1 March 2025 nobody bought again.
        assert_eq!(found.value_by_years, [(1, 100.0, 20)]);
    }

    #[test]
    fn who_bought_for_an_unknown_sum_came_back_all_the_same() {
        let mut bought: Vec<Purchase> =
            (0..20).map(|n| purchase(n, date(2025, 3, 1), 100.0)).collect();
        bought.extend((0..10).map(|n| purchase(n, date(2026, 3, 1), 100.0)));
        let unpriced = Purchase { value: None, ..purchase(10, date(2026, 3, 1), 0.0) };
        bought.push(unpriced);
        let found = clients(&bought, date(2026, 12, 31));
        assert_eq!((found.active, found.retention.unwrap().share), (11, 0.55));
        assert_eq!(found.deals.count, 10, "it has no value to be averaged");
        assert!((found.lifetime_value.unwrap().0 - 100.0 / 0.45).abs() < 1e-9);
    }

    #[test]
    fn few_clients_tell_no_lifetime() {
        let found = clients(&[purchase(1, date(2025, 3, 1), 100.0)], date(2026, 12, 31));
        assert_eq!(
            (found.retention, found.lifetime_value, found.top_fifth_share),
            (None, None, None)
        );
        assert_eq!(found.deals, Deals::default());
        assert_eq!(clients(&[], date(2026, 12, 31)), Clients::default());
    }
}
