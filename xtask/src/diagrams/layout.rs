//! Where the parts of a diagram are on the page, in pixels: rectangles on a
//! grid, and the corners of arrows. How they look is `svg`'s.

use super::source::{Area, Arrow, Diagram, End, Side};

const CELL: (f64, f64) = (150.0, 54.0);
const GAP: (f64, f64) = (46.0, 40.0);
/// Around the grid, so that the frames of groups stay on the page.
const MARGIN: f64 = 30.0;
/// How far a frame stands off the boxes inside; below them it has a heading.
const FRAME: f64 = 16.0;
const HEADING: f64 = 14.0;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rectangle {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl Rectangle {
    /// A box in this area.
    pub fn of(area: Area) -> Self {
        let extent = |cells: f64, cell: f64, gap: f64| cells * cell + (cells - 1.0) * gap;
        Self {
            x: MARGIN + area.column * (CELL.0 + GAP.0),
            y: MARGIN + area.row * (CELL.1 + GAP.1),
            width: extent(area.columns, CELL.0, GAP.0),
            height: extent(area.rows, CELL.1, GAP.1),
        }
    }

    /// The frame around boxes in this area.
    pub fn around(area: Area) -> Self {
        let inner = Self::of(area);
        Self {
            x: inner.x - FRAME,
            y: inner.y - FRAME,
            width: inner.width + 2.0 * FRAME,
            height: inner.height + 2.0 * FRAME + HEADING,
        }
    }

    pub fn right(&self) -> f64 {
        self.x + self.width
    }

    pub fn bottom(&self) -> f64 {
        self.y + self.height
    }

    /// A point on a side, which is this far along it.
    fn on(&self, side: Side, along: Option<f64>) -> Point {
        let along = along.unwrap_or(0.5);
        let (x, y) = (self.x + self.width * along, self.y + self.height * along);
        match side {
            Side::Left => (self.x, y),
            Side::Right => (self.right(), y),
            Side::Top => (x, self.y),
            Side::Bottom => (x, self.bottom()),
        }
    }
}

pub type Point = (f64, f64);

/// The size of the page.
pub fn page(diagram: &Diagram) -> Point {
    let boxes = diagram.boxes.iter().map(|node| Rectangle::of(node.area));
    let groups = diagram.groups.iter();
    let all = boxes.chain(groups.map(|node| Rectangle::around(node.area)));
    all.fold((0.0, 0.0), |(width, height): Point, one| {
        let (right, bottom) = (one.right() + MARGIN, one.bottom() + MARGIN);
        (width.max(right), height.max(bottom))
    })
}

/// The corners of an arrow: two for a straight one, three or four for others.
pub fn corners(diagram: &Diagram, arrow: &Arrow) -> Result<Vec<Point>, String> {
    let (from, to) = (
        rectangle(diagram, &arrow.from)?,
        rectangle(diagram, &arrow.to)?,
    );
    let (out, into) = sides(&from, &to);
    let (out, into) = (
        arrow.from.side.unwrap_or(out),
        arrow.to.side.unwrap_or(into),
    );
    let (mut a, mut b) = (from.on(out, arrow.from.along), to.on(into, arrow.to.along));
    let is_upright = |side| matches!(side, Side::Top | Side::Bottom);
    let chosen = (arrow.from.along.is_some(), arrow.to.along.is_some());
    Ok(match (is_upright(out), is_upright(into)) {
        (false, false) if out == into => around(a, b, out),
        (true, true) if out == into => around(a, b, out),
        (false, false) => {
            let ranges = ((from.y, from.bottom()), (to.y, to.bottom()));
            level(&mut a.1, &mut b.1, ranges, chosen);
            let x = f64::midpoint(a.0, b.0);
            straightened(vec![a, (x, a.1), (x, b.1), b])
        }
        (true, true) => {
            let ranges = ((from.x, from.right()), (to.x, to.right()));
            level(&mut a.0, &mut b.0, ranges, chosen);
            let y = f64::midpoint(a.1, b.1);
            straightened(vec![a, (a.0, y), (b.0, y), b])
        }
        (false, true) => vec![a, (b.0, a.1), b],
        (true, false) => vec![a, (a.0, b.1), b],
    })
}

fn rectangle(diagram: &Diagram, end: &End) -> Result<Rectangle, String> {
    let group = diagram.groups.iter().find(|node| node.name == end.name);
    let group = group.map(|node| Rectangle::around(node.area));
    let node = diagram.boxes.iter().find(|node| node.name == end.name);
    let node = node.map(|node| Rectangle::of(node.area));
    node.or(group).ok_or_else(|| {
        format!(
            "an arrow names the box {:?}, which does not exist",
            end.name
        )
    })
}

/// The sides that face each other.
fn sides(from: &Rectangle, to: &Rectangle) -> (Side, Side) {
    if from.right() <= to.x {
        (Side::Right, Side::Left)
    } else if to.right() <= from.x {
        (Side::Left, Side::Right)
    } else if from.bottom() <= to.y {
        (Side::Bottom, Side::Top)
    } else {
        (Side::Top, Side::Bottom)
    }
}

/// Moves the ends that the source did not choose, so that the arrow is straight
/// where the ranges of its two boxes allow it.
fn level(a: &mut f64, b: &mut f64, (from, to): (Point, Point), chosen: (bool, bool)) {
    let (start, end) = (from.0.max(to.0), from.1.min(to.1));
    match chosen {
        (false, false) if start < end => {
            (*a, *b) = (f64::midpoint(start, end), f64::midpoint(start, end));
        }
        (true, false) if (start..=end).contains(a) => *b = *a,
        (false, true) if (start..=end).contains(b) => *a = *b,
        _ => {}
    }
}

/// An arrow that leaves and enters on the same side goes around.
fn around(a: Point, b: Point, side: Side) -> Vec<Point> {
    const OUT: f64 = 22.0;
    match side {
        Side::Left => vec![a, (a.0.min(b.0) - OUT, a.1), (a.0.min(b.0) - OUT, b.1), b],
        Side::Right => vec![a, (a.0.max(b.0) + OUT, a.1), (a.0.max(b.0) + OUT, b.1), b],
        Side::Top => vec![a, (a.0, a.1.min(b.1) - OUT), (b.0, a.1.min(b.1) - OUT), b],
        Side::Bottom => vec![a, (a.0, a.1.max(b.1) + OUT), (b.0, a.1.max(b.1) + OUT), b],
    }
}

fn straightened(corners: Vec<Point>) -> Vec<Point> {
    let (first, last) = (corners[0], corners[corners.len() - 1]);
    let is_straight = (first.0 - last.0).abs() < 0.5 || (first.1 - last.1).abs() < 0.5;
    if is_straight {
        vec![first, last]
    } else {
        corners
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::parse;
    use super::*;

    fn corners_of(text: &str) -> Vec<Point> {
        let diagram = parse(&format!("title T\n{text}")).unwrap();
        corners(&diagram, &diagram.arrows[0]).unwrap()
    }

    #[test]
    fn an_arrow_is_straight_where_it_can_be() {
        let boxes = "box a 0,0\nbox b 1,0\nbox c 1,2 1x1\n";
        let straight = corners_of(&format!("{boxes}arrow a > b"));
        assert_eq!(straight, [(180.0, 57.0), (226.0, 57.0)]);
        assert_eq!(corners_of(&format!("{boxes}arrow b > c")).len(), 2);
        assert_eq!(corners_of(&format!("{boxes}arrow a > c")).len(), 4);
        assert_eq!(
            corners_of(&format!("{boxes}arrow a.bottom > c.left")).len(),
            3
        );
        assert_eq!(corners_of(&format!("{boxes}arrow b.top > a.top")).len(), 4);
        let chosen = corners_of("box a 0,0 2x1\nbox b 0,1 2x1\narrow a.bottom@0.1 > b");
        assert!(chosen.len() == 2 && chosen[0].0 < 100.0, "{chosen:?}");
    }

    #[test]
    fn an_arrow_needs_its_boxes() {
        let diagram = parse("title T\nbox a 0,0\narrow a > b").unwrap();
        let error = corners(&diagram, &diagram.arrows[0]).unwrap_err();
        assert!(error.contains("\"b\", which does not exist"), "{error}");
    }

    #[test]
    fn the_page_holds_everything() {
        let diagram = parse("title T\nbox a 0,0\ngroup g 0,0 2x1 | G").unwrap();
        let (width, height) = page(&diagram);
        assert!(width > 400.0 && height > 100.0);
    }
}
