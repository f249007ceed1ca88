//! Tells which revision of wasi:messaging a component uses, and rejects a component that mixes
//! both.

use super::revision::MessagingRevision;
use super::standard::{is_newest_draft, standard_of};
use super::{
    ASYNC_HANDLER, Contract, ContractError, Difference, Direction, Interface, differences,
};

/// An interface that is published, but differs from the newest draft.
struct DraftDifference<'a> {
    direction: Direction,
    interface: &'a Interface,
    difference: Difference,
}

impl Contract {
    /// Returns the revision of wasi:messaging that the component uses, if it uses it.
    pub fn revision(&self) -> Option<MessagingRevision> {
        let mut interfaces = self.messaging().peekable();
        interfaces.peek()?;
        match interfaces.any(|(_, interface)| is_newest_draft(interface)) {
            true => Some(MessagingRevision::Draft),
            false => Some(MessagingRevision::Published),
        }
    }

    /// Returns the error of a component that uses both revisions.
    pub fn mixed_revisions(&self) -> Option<ContractError> {
        let mut drafts = self.messaging().filter(|(_, i)| is_newest_draft(i));
        let (direction, draft) = drafts.next()?;
        let other = self.messaging().find_map(draft_difference)?;
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

/// Returns how an interface of the published revision differs from the newest draft.
fn draft_difference(
    (direction, interface): (Direction, &Interface),
) -> Option<DraftDifference<'_>> {
    let whole = direction == Direction::Export;
    let published = standard_of(MessagingRevision::Published, &interface.name)?;
    if !differences(interface, published, whole).is_empty() {
        return None;
    }
    let difference = match standard_of(MessagingRevision::Draft, &interface.name) {
        Some(draft) => differences(interface, draft, whole).into_iter().next()?,
        // The asynchronous interface uses the published messages.
        None => Difference::Unknown {
            function: "handle".into(),
            has: interface.function("handle")?.signature(),
        },
    };
    Some(DraftDifference {
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
