//! Which shape of wasi:messaging a component has, and the error of one that mixes
//! both.

use super::shape::Shape;
use super::standard::{is_newest_draft, standard_of};
use super::{
    ASYNC_HANDLER, Contract, ContractError, Difference, Direction, Interface, differences,
};

/// An interface that departs from the shape of the rest.
struct Departure<'a> {
    direction: Direction,
    interface: &'a Interface,
    difference: Difference,
}

impl Contract {
    /// The shape of what it has of wasi:messaging, if it has anything of it.
    pub fn shape(&self) -> Option<Shape> {
        let mut ours = self.messaging().peekable();
        ours.peek()?;
        match ours.any(|(_, interface)| is_newest_draft(interface)) {
            true => Some(Shape::Draft),
            false => Some(Shape::Published),
        }
    }

    /// The error of a component that has both shapes.
    pub fn mixed(&self) -> Option<ContractError> {
        let mut drafts = self.messaging().filter(|(_, i)| is_newest_draft(i));
        let (direction, draft) = drafts.next()?;
        let other = self.messaging().find_map(departure)?;
        Some(ContractError::Mixed {
            file: self.file.clone(),
            draft: side(direction, draft),
            published: side(other.direction, other.interface),
            difference: other.difference.between("it", "the newest draft"),
        })
    }

    fn messaging(&self) -> impl Iterator<Item = (Direction, &Interface)> {
        let of_ours = |i: &Interface| {
            let is_known = i.name.ends_with("@0.2.0-draft");
            (is_known && i.path().starts_with("wasi:messaging/")) || i.name == ASYNC_HANDLER
        };
        self.all().filter(move |(_, interface)| of_ours(interface))
    }
}

/// How an interface is as published and not as in the newest draft, if so.
fn departure((direction, interface): (Direction, &Interface)) -> Option<Departure<'_>> {
    let whole = direction == Direction::Export;
    let published = standard_of(Shape::Published, &interface.name)?;
    if !differences(interface, published, whole).is_empty() {
        return None;
    }
    let difference = match standard_of(Shape::Draft, &interface.name) {
        Some(draft) => differences(interface, draft, whole).into_iter().next()?,
        // The asynchronous one stands on the published messages.
        None => Difference::Unknown {
            function: "handle".into(),
            has: interface.function("handle")?.signature(),
        },
    };
    Some(Departure {
        direction,
        interface,
        difference,
    })
}

fn side(direction: Direction, interface: &Interface) -> String {
    let word = match direction {
        Direction::Import => "imports",
        Direction::Export => "exports",
    };
    format!("{word} {}", interface.name)
}
