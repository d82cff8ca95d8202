//! Changes of roll-up cells, added up in memory: pure.
//!
//! A lead counts in some twenty cells, so a cell's address is packed into one number, and the texts
//! of keys and currencies are kept once.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use jiff::civil::{Date, date};

use crate::domain::dimension::Dimension;
use crate::domain::stage::Stage;
use crate::domain::unit::{Contribution, End, Unit};
use crate::store::rollups::{Entry, MonthChange};

/// Days are counted from here.
const EPOCH: Date = date(1900, 1, 1);
/// Bits of each part of an address.
const LAG_BITS: u32 = 18;
const DAY_BITS: u32 = 18;
const END_BITS: u32 = 2;
const STAGE_BITS: u32 = 3;
const CURRENCY_BITS: u32 = 8;
const KEY_BITS: u32 = 32;
const KEY_SHIFT: u32 = CURRENCY_BITS + LAG_BITS + END_BITS + DAY_BITS;
/// Pairs of stages that one unit takes part in.
const CONTRIBUTIONS_MAX: usize = 8;

/// Changes of cells.
#[derive(Debug, Default)]
pub struct Deltas {
    /// By dimension, the total first: text -> place in `keys`.
    places: [HashMap<String, u32>; 1 + Dimension::STORED.len()],
    keys: Vec<(Option<Dimension>, String)>,
    currencies: Vec<String>,
    cells: HashMap<u128, (i64, i64), BuildHasherDefault<Mixer>>,
}

impl Deltas {
    /// Adds a unit, or with a sign of -1 takes it away.
    pub fn add(&mut self, unit: &Unit, sign: i64) {
        let contributions = unit.contributions();
        if contributions.is_empty() {
            return;
        }
        let mut parts = [(0_u128, 0_i64); CONTRIBUTIONS_MAX];
        for (part, contribution) in parts.iter_mut().zip(&contributions) {
            let (currency, value) = unit.worth(contribution);
            *part = (pack(self.currency(currency), contribution), sign * value);
        }
        let dimensions = [None].into_iter().chain(Dimension::STORED.map(Some));
        for (index, dimension) in dimensions.enumerate() {
            let text = dimension.and_then(|dimension| unit.key(dimension)).unwrap_or_default();
            let key = u128::from(self.key(index, dimension, text)) << KEY_SHIFT;
            for (packed, value) in &parts[..contributions.len().min(CONTRIBUTIONS_MAX)] {
                let cell = self.cells.entry(packed | key).or_default();
                cell.0 += sign;
                cell.1 += value;
            }
        }
    }

    /// How many cells it holds.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Takes everything out, by month.
    pub fn take(&mut self) -> Vec<MonthChange> {
        let cells = std::mem::take(&mut self.cells).into_iter();
        let changed = cells.filter(|(_, (count, value))| *count != 0 || *value != 0);
        let mut cells: Vec<(u128, (i64, i64))> = changed.collect();
        cells.sort_unstable();
        let mut months: Vec<MonthChange> = Vec::new();
        let mut last = None;
        for (packed, (count, value)) in cells {
            let (key, currency, contribution) = unpack(packed);
            let entered = contribution.entered;
            let place = (contribution.from, contribution.to, key, entered.year(), entered.month());
            if last.replace(place) != Some(place) {
                let (dimension, key) = self.keys[key as usize].clone();
                months.push(MonthChange {
                    from: contribution.from,
                    to: contribution.to,
                    dimension,
                    key,
                    month: entered.first_of_month(),
                    cells: Vec::new(),
                });
            }
            let known = (currency as usize).checked_sub(1).and_then(|n| self.currencies.get(n));
            let currency = known.cloned().unwrap_or_default();
            let (end, lag_days) = (contribution.end, contribution.lag_days);
            let entry = Entry { day: entered.day(), end, lag_days, currency };
            if let Some(month) = months.last_mut() {
                month.cells.push((entry, count, value));
            }
        }
        months
    }

    fn key(&mut self, index: usize, dimension: Option<Dimension>, text: &str) -> u32 {
        if let Some(place) = self.places[index].get(text) {
            return *place;
        }
        let place = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
        self.keys.push((dimension, text.to_owned()));
        self.places[index].insert(text.to_owned(), place);
        place
    }

    /// There are few currencies, so looking through them is quick; most cells have none, which is 0.
    fn currency(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let place = self.currencies.iter().position(|known| known == text);
        let place = place.unwrap_or_else(|| {
            self.currencies.push(text.to_owned());
            self.currencies.len() - 1
        });
        u32::try_from(place + 1).unwrap_or(u32::MAX)
    }
}

/// The address of a cell without its key as a number. Sorted addresses put a month's cells together.
/// Days before 1900 and after 2600 are no days of a company.
fn pack(currency: u32, contribution: &Contribution) -> u128 {
    let days = EPOCH.until(contribution.entered).map_or(0, |span| i64::from(span.get_days()));
    let bounded = |value: i64, bits: u32| value.clamp(0, (1 << bits) - 1) as u128;
    let end = match contribution.end {
        End::Converted => 0,
        End::Lost => 1,
        End::Waiting => 2,
    };
    let stages = stage_number(contribution.from) * 8 + stage_number(contribution.to);
    let mut packed = bounded(stages, 2 * STAGE_BITS) << KEY_BITS;
    for (value, bits) in [
        (days, DAY_BITS),
        (end, END_BITS),
        (contribution.lag_days, LAG_BITS),
        (i64::from(currency), CURRENCY_BITS),
    ] {
        packed = packed << bits | bounded(value, bits);
    }
    packed
}

fn unpack(mut packed: u128) -> (u32, u32, Contribution) {
    let mut part = |bits: u32| {
        let value = (packed & ((1 << bits) - 1)) as i64;
        packed >>= bits;
        value
    };
    let currency = part(CURRENCY_BITS) as u32;
    let lag_days = part(LAG_BITS);
    let end = [End::Converted, End::Lost, End::Waiting][part(END_BITS).clamp(0, 2) as usize];
    let entered = EPOCH.saturating_add(jiff::Span::new().days(part(DAY_BITS)));
    let key = part(KEY_BITS) as u32;
    let to = Stage::ALL[part(STAGE_BITS).clamp(0, 4) as usize];
    let from = Stage::ALL[part(STAGE_BITS).clamp(0, 4) as usize];
    (key, currency, Contribution { from, to, entered, end, lag_days })
}

fn stage_number(stage: Stage) -> i64 {
    Stage::ALL.iter().position(|known| *known == stage).unwrap_or(0) as i64
}

/// Mixes one number: addresses are our own, so nobody can make them collide on purpose.
#[derive(Debug, Default)]
struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn write_u128(&mut self, value: u128) {
        let folded = (value as u64) ^ ((value >> 64) as u64).rotate_left(32);
        let mixed = folded.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 29);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_back() {
        for (from, to) in [(Stage::Lead, Stage::Mql), (Stage::Opportunity, Stage::Won)] {
            for end in [End::Converted, End::Lost, End::Waiting] {
                for (entered, lag_days) in [(date(2017, 6, 14), 0), (date(2026, 2, 28), 1_461)] {
                    let contribution = Contribution { from, to, entered, end, lag_days };
                    let packed = pack(3, &contribution) | 70_000 << KEY_SHIFT;
                    assert_eq!(unpack(packed), (70_000, 3, contribution));
                }
            }
        }
    }
}
