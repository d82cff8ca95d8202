//! A goal's chart as an inline picture: pure. The plan is a dashed line and what there was a solid one,
//! so it reads in grey as well; its numbers stand in words beside it.

use std::fmt::Write as _;

use crate::pacing::chart::ChartPoint;

/// The picture's size; it is scaled to the page.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 160.0;
/// Room for the lines' own width.
const MARGIN: f64 = 4.0;

/// The picture. `title` says in words what it shows.
pub fn svg(points: &[ChartPoint], title: &str) -> String {
    if points.len() < 2 {
        return String::new();
    }
    let highest = points
        .iter()
        .flat_map(|point| [point.plan, point.actual.unwrap_or(0.0)])
        .fold(1.0_f64, f64::max);
    let (first, last) = (points[0].at.as_second(), points[points.len() - 1].at.as_second());
    let span = (last - first).max(1) as f64;
    let x = |point: &ChartPoint| {
        MARGIN + (point.at.as_second() - first) as f64 / span * (WIDTH - 2.0 * MARGIN)
    };
    let y = |value: f64| HEIGHT - MARGIN - value / highest * (HEIGHT - 2.0 * MARGIN);
    let line = |values: &dyn Fn(&ChartPoint) -> Option<f64>| {
        let mut text = String::new();
        for point in points {
            if let Some(value) = values(point) {
                // Writing to a String cannot fail.
                let _ = write!(text, "{:.1},{:.1} ", x(point), y(value));
            }
        }
        text.trim_end().to_owned()
    };
    let (plan, actual) = (line(&|point| Some(point.plan)), line(&|point| point.actual));
    let now = points.iter().rev().find(|point| point.actual.is_some());
    let now = now.map_or(String::new(), |point| {
        let (x, y) = (x(point), y(point.actual.unwrap_or(0.0)));
        format!("<circle class=\"now\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/>")
    });
    let base = y(0.0);
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" preserveAspectRatio=\"none\">\
         <title>{}</title>\
         <line class=\"base\" x1=\"{MARGIN}\" y1=\"{base}\" x2=\"{}\" y2=\"{base}\"/>\
         <polyline class=\"plan\" points=\"{plan}\"/>\
         <polyline class=\"actual\" points=\"{actual}\"/>{now}</svg>",
        crate::domain::notice::html_escape(title),
        WIDTH - MARGIN,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_ends_at_the_top_and_what_there_was_ends_at_now() {
        let point = |at: &str, plan, actual| ChartPoint { at: at.parse().unwrap(), plan, actual };
        let picture = svg(
            &[
                point("2026-01-01T00:00:00Z", 0.0, Some(0.0)),
                point("2026-01-11T00:00:00Z", 50.0, Some(25.0)),
                point("2026-01-21T00:00:00Z", 100.0, None),
            ],
            "<wins>",
        );
        assert!(picture.contains("points=\"4.0,156.0 320.0,80.0 636.0,4.0\""), "{picture}");
        assert!(picture.contains("points=\"4.0,156.0 320.0,118.0\""), "{picture}");
        assert!(picture.contains("<title>&lt;wins&gt;</title>"), "{picture}");
        assert_eq!(svg(&[], "nothing"), "");
    }
}
