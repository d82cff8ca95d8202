//! Half-open spans of days, and the grid that a plan is laid out in.

use jiff::{
    ToSpan,
    civil::{Date, date},
};

/// The most cells that a grid may have: a century of weeks.
const GRID_LIMIT_CELLS: usize = 5_300;

/// The days `[from, to)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period {
    /// First day.
    pub from: Date,
    /// The day after the last.
    pub to: Date,
}

impl Period {
    /// Whether the day lies in it.
    pub fn contains(&self, day: Date) -> bool {
        self.from <= day && day < self.to
    }
}

/// The length of a grid cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// From Monday.
    Week,
    /// Calendar months.
    Month,
    /// Three months, counted from the start of the fiscal year.
    Quarter,
}

/// The month and day on which the fiscal year starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FiscalStart {
    /// 1 to 12.
    pub month: i8,
    /// 1 to 28.
    pub day: i8,
}

impl Default for FiscalStart {
    fn default() -> Self {
        FiscalStart { month: 1, day: 1 }
    }
}

impl Every {
    /// The grid cell that contains `day`.
    pub fn cell(self, day: Date, fiscal: FiscalStart) -> Period {
        match self {
            Every::Week => {
                let from =
                    day.saturating_sub(i64::from(day.weekday().to_monday_zero_offset()).days());
                Period { from, to: from.saturating_add(7.days()) }
            }
            Every::Month => {
                let from = day.first_of_month();
                Period { from, to: from.saturating_add(1.month()) }
            }
            Every::Quarter => {
                let mut from = date(day.year() - 1, fiscal.month, fiscal.day);
                for _ in 0..9 {
                    let to = from.saturating_add(3.months());
                    if day < to {
                        return Period { from, to };
                    }
                    from = to;
                }
                Period { from, to: from.saturating_add(3.months()) }
            }
        }
    }

    /// The cells that cover `[first, goal.to)`, cut at the goal's own bounds.
    pub fn grid(self, first: Date, goal: Period, fiscal: FiscalStart) -> Vec<Period> {
        let mut cells = Vec::new();
        let mut day = first.min(goal.from);
        if day < goal.from {
            day = self.cell(day, fiscal).from;
        }
        while day < goal.to && cells.len() < GRID_LIMIT_CELLS {
            let mut to = self.cell(day, fiscal).to.min(goal.to);
            if day < goal.from {
                to = to.min(goal.from);
            }
            cells.push(Period { from: day, to });
            day = to;
        }
        cells
    }
}

/// Moves a day back by calendar months (clamped to the month's end) and days.
pub fn move_back(day: Date, lag: jiff::Span) -> Date {
    day.saturating_sub(lag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_is_cut_at_the_goals_bounds_and_continues_before_it() {
        let goal = Period { from: date(2027, 1, 10), to: date(2027, 3, 5) };
        let grid = Every::Month.grid(date(2026, 12, 20), goal, FiscalStart::default());
        let bounds: Vec<_> = grid.iter().map(|p| (p.from, p.to)).collect();
        assert_eq!(
            bounds,
            [
                (date(2026, 12, 1), date(2027, 1, 1)),
                (date(2027, 1, 1), date(2027, 1, 10)),
                (date(2027, 1, 10), date(2027, 2, 1)),
                (date(2027, 2, 1), date(2027, 3, 1)),
                (date(2027, 3, 1), date(2027, 3, 5)),
            ]
        );
    }

    #[test]
    fn weeks_start_on_monday_and_quarters_with_the_fiscal_year() {
        let week = Every::Week.cell(date(2026, 11, 22), FiscalStart::default());
        assert_eq!(week.from, date(2026, 11, 16));
        let quarter = Every::Quarter.cell(date(2027, 1, 15), FiscalStart { month: 2, day: 1 });
        assert_eq!((quarter.from, quarter.to), (date(2026, 11, 1), date(2027, 2, 1)));
    }

    #[test]
    fn the_thirty_first_of_may_less_three_months_is_the_end_of_february() {
        assert_eq!(move_back(date(2027, 5, 31), 3.months()), date(2027, 2, 28));
    }
}
