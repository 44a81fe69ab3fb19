//! A picture of measured ratios: one bar for each row that has a limit, readable on light and dark pages.

use std::fmt::Write as _;

/// A bar: what was measured, its rate in words, and which part of the limit it reached.
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) said: String,
    pub(crate) ratio: f64,
}

const LINE: usize = 26;
const LABELS: usize = 310;
const WHOLE: usize = 400;
const TOP: usize = 34;

/// Draws the bars as SVG. A ratio above one ends at the edge and is said in figures.
pub(crate) fn draw(bars: &[Bar]) -> String {
    let (width, height) = (LABELS + WHOLE + 190, TOP + bars.len() * LINE + 12);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"system-ui, sans-serif\" font-size=\"13\" role=\"img\" aria-label=\"Rates as parts of their limits\">\n\
         <style>text{{fill:#1f2430}} .part{{fill:#3b6fd4}} .whole{{fill:#e3e7ef}} .said{{fill:#5b6475}}\n\
         @media (prefers-color-scheme: dark){{text{{fill:#e6e9f0}} .part{{fill:#7aa2f7}} .whole{{fill:#2a3040}} .said{{fill:#a3abbd}}}}</style>\n\
         <text class=\"said\" x=\"{LABELS}\" y=\"18\">0</text><text class=\"said\" x=\"{end}\" y=\"18\" text-anchor=\"end\">the limit, in the same run</text>\n",
        end = LABELS + WHOLE,
    );
    for (line, bar) in bars.iter().enumerate() {
        let y = TOP + line * LINE;
        let text = y + 13;
        let part = (bar.ratio.clamp(0.0, 1.0) * WHOLE as f64).round();
        // Writing to a string cannot fail.
        let _ = writeln!(
            svg,
            "<text x=\"{name}\" y=\"{text}\" text-anchor=\"end\">{}</text>\
             <rect class=\"whole\" x=\"{LABELS}\" y=\"{y}\" width=\"{WHOLE}\" height=\"17\" rx=\"3\"/>\
             <rect class=\"part\" x=\"{LABELS}\" y=\"{y}\" width=\"{part}\" height=\"17\" rx=\"3\"/>\
             <text class=\"said\" x=\"{said}\" y=\"{text}\">{:.0} % · {}</text>",
            escape(&bar.name),
            bar.ratio * 100.0,
            escape(&bar.said),
            name = LABELS - 10,
            said = LABELS + WHOLE + 10,
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_part_and_never_longer_than_the_whole() {
        let bar = |ratio| Bar {
            name: "a<b".to_owned(),
            said: "1/s".to_owned(),
            ratio,
        };
        let svg = draw(&[bar(0.5), bar(1.5)]);
        let parts: Vec<&str> = svg
            .lines()
            .filter_map(|line| line.split_once("class=\"part\"")?.1.split('"').nth(5))
            .collect();
        assert_eq!(parts, ["200", "400"]);
        assert!(
            svg.contains("a&lt;b") && svg.contains("150 % · 1/s"),
            "{svg}"
        );
    }
}
