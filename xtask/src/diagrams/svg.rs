//! A diagram as SVG text, with colours for light and for dark surroundings.
//! Where its parts are comes from `layout`.

use std::fmt::Write;

use super::layout::{self, Point, Rectangle};
use super::source::{Arrow, Diagram, Node};

/// Plain rules, because many viewers know no CSS variables.
const STYLE: &str = "\
    text { font-family: system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; }
    .page { fill: #ffffff; }
    .box { fill: #f3f5f8; stroke: #57606a; stroke-width: 1.2; }
    .accent { fill: #ddf0e3; stroke: #57606a; stroke-width: 1.2; }
    .group { fill: none; stroke: #8c959f; stroke-width: 1.2; stroke-dasharray: 6 4; }
    .head { font-size: 14px; font-weight: 600; fill: #1f2328; }
    .line, .label, .frame { font-size: 11.5px; fill: #57606a; }
    .arrow { fill: none; stroke: #57606a; stroke-width: 1.4; }
    .dashed { stroke-dasharray: 5 4; }
    .tip { fill: #57606a; }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117; }
      .box { fill: #1c2330; stroke: #9aa5b1; }
      .accent { fill: #17402a; stroke: #9aa5b1; }
      .group { stroke: #6e7681; }
      .head { fill: #e6edf3; }
      .line, .label, .frame { fill: #9aa5b1; }
      .arrow { stroke: #9aa5b1; }
      .tip { fill: #9aa5b1; }
    }
";

/// Renders a diagram; fails where an arrow names a box that does not exist.
pub fn render(diagram: &Diagram) -> Result<String, String> {
    let (width, height) = layout::page(diagram);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\">\n  <title>{}</title>\n  <style>\n{STYLE}  </style>\n  \
         <rect class=\"page\" width=\"{width}\" height=\"{height}\" rx=\"8\"/>\n",
        escaped(&diagram.title)
    );
    for node in &diagram.groups {
        group(&mut out, node);
    }
    for node in &diagram.boxes {
        boxed(&mut out, node);
    }
    for one in &diagram.arrows {
        arrow(&mut out, one, &layout::corners(diagram, one)?);
    }
    out.push_str("</svg>\n");
    Ok(out)
}

fn rectangle(out: &mut String, class: &str, it: Rectangle) {
    let Rectangle {
        x,
        y,
        width,
        height,
    } = it;
    line(
        out,
        format_args!(
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>"
        ),
    );
}

fn text(out: &mut String, class: &str, (x, y): Point, anchor: &str, text: &str) {
    let text = escaped(text);
    line(
        out,
        format_args!(
            "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{text}</text>"
        ),
    );
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "  {text}").expect("a string takes all text");
}

fn group(out: &mut String, node: &Node) {
    let it = Rectangle::around(node.area);
    rectangle(out, "group", it);
    if let Some(heading) = node.lines.first() {
        text(
            out,
            "frame",
            (it.x + 16.0, it.bottom() - 10.0),
            "start",
            heading,
        );
    }
}

/// The lines of a box stand in its middle, the heading first.
fn boxed(out: &mut String, node: &Node) {
    const LINE: f64 = 16.0;
    let it = Rectangle::of(node.area);
    rectangle(out, if node.accented { "accent" } else { "box" }, it);
    let x = it.x + it.width / 2.0;
    let more = node.lines.len().saturating_sub(1) as f64;
    let top = it.y + it.height / 2.0 + 5.0 - more * LINE / 2.0;
    for (at, content) in node.lines.iter().enumerate() {
        let class = if at == 0 { "head" } else { "line" };
        text(out, class, (x, top + at as f64 * LINE), "middle", content);
    }
}

fn arrow(out: &mut String, arrow: &Arrow, corners: &[Point]) {
    let points: Vec<_> = corners.iter().map(|(x, y)| format!("{x},{y}")).collect();
    let dashed = if arrow.dashed { " dashed" } else { "" };
    let points = points.join(" ");
    line(
        out,
        format_args!("<polyline class=\"arrow{dashed}\" points=\"{points}\"/>"),
    );
    tip(out, corners[corners.len() - 2], corners[corners.len() - 1]);
    if !arrow.label.is_empty() {
        label(out, &arrow.label, corners);
    }
}

/// The head of an arrow that comes from `before`.
fn tip(out: &mut String, before: Point, (x, y): Point) {
    let (dx, dy) = ((x - before.0).signum(), (y - before.1).signum());
    let points = if (x - before.0).abs() > (y - before.1).abs() {
        format!("{x},{y} {0},{1} {0},{2}", x - 8.0 * dx, y - 4.0, y + 4.0)
    } else {
        format!("{x},{y} {1},{0} {2},{0}", y - 8.0 * dy, x - 4.0, x + 4.0)
    };
    line(
        out,
        format_args!("<polygon class=\"tip\" points=\"{points}\"/>"),
    );
}

/// Above the longest part of the arrow, or to the right of an upright one.
fn label(out: &mut String, content: &str, corners: &[Point]) {
    let length = |pair: &&[Point]| {
        let (a, b) = (pair[0], pair[1]);
        (a.0 - b.0).abs() + (a.1 - b.1).abs()
    };
    let parts = corners.windows(2);
    let longest = parts.max_by(|a, b| length(a).total_cmp(&length(b)));
    let Some([a, b]) = longest else { return };
    let (x, y) = (f64::midpoint(a.0, b.0), f64::midpoint(a.1, b.1));
    if (a.1 - b.1).abs() < 0.5 {
        text(out, "label", (x, y - 6.0), "middle", content);
    } else {
        text(out, "label", (x + 7.0, y + 4.0), "start", content);
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::source::parse;
    use super::*;

    #[test]
    fn a_diagram_is_drawn_for_light_and_dark() {
        let text = "title A > B\nbox a 0,0 | A & a | more\naccent b 1,0 | B\narrow a ~> b : go\n";
        let svg = render(&parse(text).unwrap()).unwrap();
        assert!(svg.contains("<title>A &gt; B</title>"));
        assert!(svg.contains("prefers-color-scheme: dark"));
        assert!(svg.contains("A &amp; a") && svg.contains("class=\"accent\""));
        assert!(svg.contains("arrow dashed") && svg.contains(">go</text>"));
    }
}
