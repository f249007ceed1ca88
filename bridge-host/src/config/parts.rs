//! The components of a subscription: `chain` or `component`. Whether they fit
//! together is seen when they are composed.

use std::path::PathBuf;

use super::component;
use crate::schema::{Form, Group, Part, Section, ShownTable, Table, list};

const CHAIN_HELP: &str =
    "a list of files: chain = [\"filter.wasm\"]; leave it out for the adapter alone";

/// The components of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Parts {
    /// The built-in adapter alone.
    Adapter,
    /// Components in front of the adapter, the first one first.
    Chain(Vec<PathBuf>),
    /// One component, made whole elsewhere.
    Component(PathBuf),
}

impl Parts {
    /// The files of components.
    pub fn files(&self) -> &[PathBuf] {
        match self {
            Self::Adapter => &[],
            Self::Chain(files) => files,
            Self::Component(file) => std::slice::from_ref(file),
        }
    }
}

impl Group for Parts {
    const TABLE: &'static Table = &Table {
        parts: &[
            Part::One(list(&component::FILE, CHAIN_HELP).or_empty("none").named(
                "chain",
                "Components in front of the adapter, the first one first.",
            )),
            Part::One(component::FILE.optional("none").named(
                "component",
                "One component that was composed elsewhere; in place of `chain`.",
            )),
        ],
    };

    fn read(section: &mut Section<'_>) -> Option<Self> {
        section.declare(Self::TABLE);
        match (section.peek("chain"), section.peek("component")) {
            (None, None) => Some(Self::Adapter),
            (Some(_), None) => {
                let files: Vec<PathBuf> = section.read("chain")?;
                (!section.is_faulty("chain")).then_some(Self::Chain(files))
            }
            (None, Some(_)) => section.read::<Option<_>>("component")?.map(Self::Component),
            (Some(_), Some(component)) => {
                section.reader.fault(
                    component.key_span,
                    "there is both a `chain` and a `component`",
                    "`component` is a composition made whole elsewhere, `chain` is composed here: keep one",
                );
                None
            }
        }
    }

    fn show(&self) -> ShownTable {
        let files = |files: &[PathBuf]| files.to_vec().show();
        match self {
            Self::Adapter => ShownTable::new(),
            Self::Chain(chain) => ShownTable::from_iter([("chain".into(), files(chain))]),
            Self::Component(file) => ShownTable::from_iter([("component".into(), file.show())]),
        }
    }
}
