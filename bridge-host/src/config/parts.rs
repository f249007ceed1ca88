//! The components of a subscription, and the places of its keys.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::section::{Reader, Section};
use super::value::Value;
use super::{Parts, Place, component};

const CHAIN_HELP: &str =
    "a list of files: chain = [\"filter.wasm\"]; leave it out for the adapter alone";

/// Where the keys of a subscription stand.
pub(super) struct Places<'a> {
    reader: &'a Reader<'a>,
    found: BTreeMap<String, Place>,
}

impl<'a> Places<'a> {
    pub(super) fn new(section: &Section<'a>) -> Self {
        Self {
            reader: section.reader,
            found: BTreeMap::from([("name".into(), section.place())]),
        }
    }

    /// Keeps the place of this key's value.
    pub(super) fn note(&mut self, key: impl Into<String>, value: &Value<'_>) {
        let place = self.reader.source.place(value.span.clone());
        self.found.insert(key.into(), place);
    }

    pub(super) fn into_found(self) -> BTreeMap<String, Place> {
        self.found
    }
}

/// Reads `chain` or `component`.
pub(super) fn parts(section: &mut Section<'_>, places: &mut Places<'_>) -> Option<Parts> {
    let chain = section.take("chain");
    let component = section.take("component");
    match (&chain, &component) {
        (None, None) => Some(Parts::Adapter),
        (Some(value), None) => {
            places.note("chain", value);
            let mut files = Vec::new();
            let items = value.list(CHAIN_HELP)?;
            for (n, item) in items.iter().enumerate() {
                places.note(format!("chain.{n}"), item);
                files.push(file(item));
            }
            files.into_iter().collect::<Option<_>>().map(Parts::Chain)
        }
        (None, Some(value)) => {
            places.note("component", value);
            file(value).map(Parts::Component)
        }
        (Some(_), Some(value)) => {
            section.reader.fault(
                value.key_span.clone(),
                "there is both a `chain` and a `component`",
                "`component` is a composition made whole elsewhere, `chain` is composed here: keep one",
            );
            None
        }
    }
}

fn file(value: &Value<'_>) -> Option<PathBuf> {
    let path = value.path()?;
    component::check(value, &path).map(|()| path)
}
