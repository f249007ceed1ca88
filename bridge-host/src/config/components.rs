//! Reads the components of a subscription: `chain` or `component`. Whether they fit
//! together is checked when they are composed.

use std::path::PathBuf;

use super::component_file;
use crate::schema::{Group, Part, Section, SettingValue, ShownTable, Table, list};

const CHAIN_HELP: &str =
    "a list of files: chain = [\"filter.wasm\"]; leave it out for the adapter alone";

/// The components of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Components {
    /// The built-in adapter alone.
    Adapter,
    /// Components in front of the adapter, the first one first.
    Chain(Vec<PathBuf>),
    /// One component that was composed elsewhere.
    Component(PathBuf),
}

impl Components {
    /// Returns the files of the components.
    pub fn files(&self) -> &[PathBuf] {
        match self {
            Self::Adapter => &[],
            Self::Chain(files) => files,
            Self::Component(file) => std::slice::from_ref(file),
        }
    }
}

impl Group for Components {
    const TABLE: &'static Table = &Table {
        parts: &[
            Part::One(
                list(&component_file::FILE, CHAIN_HELP)
                    .or_empty("none")
                    .named(
                        "chain",
                        "Components in front of the adapter, the first one first.",
                    ),
            ),
            Part::One(component_file::FILE.optional("none").named(
                "component",
                "One component that was composed elsewhere; instead of `chain`.",
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
                    "keep one: `chain` lists components that the bridge composes, `component` is one that was composed elsewhere",
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
