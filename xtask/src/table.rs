//! Plain text tables: columns as wide as their widest cell.

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Renders a header and rows, each line ended, no trailing blanks.
pub(crate) fn render(columns: &[(&str, Align)], rows: &[Vec<String>]) -> String {
    let header: Vec<String> = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
    let lines: Vec<&Vec<String>> = std::iter::once(&header).chain(rows).collect();
    let width = |column: usize| {
        lines
            .iter()
            .filter_map(|line| line.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let mut text = String::new();
    for line in &lines {
        let cells =
            line.iter()
                .zip(columns)
                .enumerate()
                .map(|(at, (cell, (_, align)))| match align {
                    Align::Left => format!("{cell:<width$}", width = width(at)),
                    Align::Right => format!("{cell:>width$}", width = width(at)),
                });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}
