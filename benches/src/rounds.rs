//! The same benchmark several times over: on a host that is shared, one round says as much about the neighbours as about us.

use anyhow::{Result, ensure};

use crate::Row;

/// One row for each name: every figure is the median of its rounds, the ratio too, since a round's limit was measured beside
/// its rate.
///
/// # Errors
/// If the rounds do not have the same rows.
pub fn medians(rounds: &[Vec<Row>]) -> Result<Vec<Row>> {
    let Some(first) = rounds.first() else {
        return Ok(Vec::new());
    };
    let row = |(index, row): (usize, &Row)| {
        let same: Vec<&Row> = rounds.iter().filter_map(|round| round.get(index)).collect();
        ensure!(
            same.len() == rounds.len() && same.iter().all(|it| it.name == row.name),
            "{} is not in every round",
            row.name
        );
        let of = |figure: fn(&Row) -> Option<f64>| {
            median(same.iter().filter_map(|it| figure(it)).collect())
        };
        Ok(Row {
            name: row.name.clone(),
            value: of(|it| Some(it.value)).unwrap_or(row.value),
            unit: row.unit,
            limit: of(|it| it.limit),
            ratio: of(|it| it.ratio),
            p50_ms: of(|it| it.p50_ms),
            p99_ms: of(|it| it.p99_ms),
        })
    };
    first.iter().enumerate().map(row).collect()
}

/// The one in the middle, or halfway between the two.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (low, high) = (
        values.get(values.len().saturating_sub(1) / 2)?,
        values.get(values.len() / 2)?,
    );
    Some(f64::midpoint(*low, *high))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::float_cmp, reason = "whole numbers")]

    use super::*;

    fn round(value: f64, limit: f64) -> Vec<Row> {
        vec![
            Row::rate("tokens", value).of(limit),
            Row::new("idle", value, "MiB"),
        ]
    }

    #[test]
    fn a_bad_minute_of_the_host_does_not_count() {
        let rounds = [round(80.0, 100.0), round(20.0, 40.0), round(45.0, 50.0)];
        let rows = medians(&rounds).unwrap();
        assert_eq!((rows[0].value, rows[0].limit), (45.0, Some(50.0)));
        assert_eq!(rows[0].ratio, Some(0.8), "of the ratios, not of the rates");
        assert_eq!((rows[1].value, rows[1].ratio), (45.0, None));
        assert_eq!(medians(&rounds[..2]).unwrap()[1].value, 50.0);
    }

    #[test]
    fn rounds_must_be_alike() {
        assert!(medians(&[round(1.0, 1.0), vec![]]).is_err());
    }
}
