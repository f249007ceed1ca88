//! The text source of a diagram: boxes and groups on a grid, and arrows between
//! boxes, one a line. Where that ends up on a page is `layout`'s.

/// A diagram as its source says it.
#[derive(Debug, Default)]
pub struct Diagram {
    /// Read by screen readers, and shown as a tooltip.
    pub title: String,
    /// Boxes, by which arrows find their ends.
    pub boxes: Vec<Node>,
    /// Frames around boxes.
    pub groups: Vec<Node>,
    pub arrows: Vec<Arrow>,
}

/// A box or a group.
#[derive(Debug)]
pub struct Node {
    pub name: String,
    pub area: Area,
    /// The first line is the heading.
    pub lines: Vec<String>,
    /// Drawn with the accent colour.
    pub accented: bool,
}

/// Where a node is, in columns and rows of the grid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Area {
    pub column: f64,
    pub row: f64,
    pub columns: f64,
    pub rows: f64,
}

/// An arrow from one box to another.
#[derive(Debug)]
pub struct Arrow {
    pub from: End,
    pub to: End,
    pub dashed: bool,
    pub label: String,
}

/// A box, and where the arrow touches it; without a side, the layout chooses
/// one.
#[derive(Debug)]
pub struct End {
    pub name: String,
    pub side: Option<Side>,
    /// How far along the side, from 0 to 1; the middle by default.
    pub along: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Left,
    Right,
    Top,
    Bottom,
}

/// Reads a source. An error begins with the number of its line.
pub fn parse(text: &str) -> Result<Diagram, String> {
    let mut diagram = Diagram::default();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        statement(&mut diagram, line).map_err(|error| format!("{}: {error}", at + 1))?;
    }
    if diagram.title.is_empty() {
        return Err("1: a diagram needs a title".into());
    }
    Ok(diagram)
}

fn statement(diagram: &mut Diagram, line: &str) -> Result<(), String> {
    let (keyword, rest) = line.split_once(' ').unwrap_or((line, ""));
    match keyword {
        "title" => diagram.title = rest.trim().into(),
        "box" => diagram.boxes.push(node(rest, false)?),
        "accent" => diagram.boxes.push(node(rest, true)?),
        "group" => diagram.groups.push(node(rest, false)?),
        "arrow" => diagram.arrows.push(arrow(rest)?),
        other => {
            return Err(format!(
                "unknown statement {other:?}: use title, box, accent, group or arrow"
            ));
        }
    }
    Ok(())
}

/// `NAME COLUMN,ROW [COLUMNSxROWS] | HEADING | LINE …`
fn node(text: &str, accented: bool) -> Result<Node, String> {
    let mut parts = text.split('|').map(str::trim);
    let mut words = parts.next().unwrap_or_default().split_whitespace();
    let (Some(name), Some(place)) = (words.next(), words.next()) else {
        return Err("NAME COLUMN,ROW is expected".into());
    };
    let (column, row) = pair(place, ',')?;
    let (columns, rows) = words
        .next()
        .map_or(Ok((1.0, 1.0)), |size| pair(size, 'x'))?;
    Ok(Node {
        name: name.into(),
        area: Area {
            column,
            row,
            columns,
            rows,
        },
        lines: parts.map(String::from).collect(),
        accented,
    })
}

fn pair(text: &str, separator: char) -> Result<(f64, f64), String> {
    let numbers = text.split_once(separator);
    let numbers = numbers.and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    numbers.ok_or_else(|| format!("{text:?} is not of the form 1{separator}2"))
}

/// `FROM[.SIDE[@ALONG]] > TO[.SIDE[@ALONG]] [: LABEL]`, or with `~>` for a dashed
/// line.
fn arrow(text: &str) -> Result<Arrow, String> {
    let (ends, label) = text.split_once(" : ").unwrap_or((text, ""));
    let dashed = ends.contains("~>");
    let (from, to) = ends
        .split_once(if dashed { "~>" } else { ">" })
        .ok_or("FROM > TO is expected")?;
    Ok(Arrow {
        from: end(from)?,
        to: end(to)?,
        dashed,
        label: label.trim().into(),
    })
}

fn end(text: &str) -> Result<End, String> {
    let (name, side) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let (side, along) = side.split_once('@').unwrap_or((side, ""));
    let side = match side {
        "" => None,
        "left" => Some(Side::Left),
        "right" => Some(Side::Right),
        "top" => Some(Side::Top),
        "bottom" => Some(Side::Bottom),
        other => {
            return Err(format!(
                "unknown side {other:?}: use left, right, top or bottom"
            ));
        }
    };
    let along = match along {
        "" => None,
        number => Some(
            number
                .parse()
                .map_err(|_| format!("{number:?} is not a number"))?,
        ),
    };
    Ok(End {
        name: name.into(),
        side,
        along,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_read() {
        let text = "# a comment\ntitle T\nbox a 0,1 2x1 | A | more\narrow a.left@0.2 ~> a : back\n";
        let diagram = parse(text).unwrap();
        assert_eq!(diagram.title, "T");
        assert_eq!(diagram.boxes[0].area.columns, 2.0);
        assert_eq!(diagram.boxes[0].lines, ["A", "more"]);
        let arrow = &diagram.arrows[0];
        assert!(arrow.dashed && arrow.label == "back");
        assert_eq!(arrow.from.side, Some(Side::Left));
        assert_eq!(arrow.from.along, Some(0.2));
        assert_eq!(arrow.to.side, None);
    }

    #[test]
    fn an_error_names_its_line() {
        let error = |text: &str| parse(text).unwrap_err();
        assert!(error("title T\nbx a 0,0").starts_with("2: unknown statement \"bx\""));
        assert!(error("title T\nbox a 0").starts_with("2: \"0\" is not of the form 1,2"));
        assert!(error("title T\narrow a b").starts_with("2: FROM > TO"));
        assert!(error("title T\narrow a.up > b").starts_with("2: unknown side \"up\""));
        assert!(error("box a 0,0").contains("needs a title"));
    }
}
