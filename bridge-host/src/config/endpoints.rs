//! `endpoints`: those that a component's `client.connect` opens, by name. What one
//! of them is, is `endpoint`.

use std::collections::BTreeMap;

use super::endpoint::Endpoint;
use super::endpoint_form::NAMED_ENDPOINT;
use crate::schema::{Of, Section, map};

/// The kind of `endpoints`.
pub(super) const ENDPOINTS: Of<BTreeMap<String, Endpoint>> = map(&NAMED_ENDPOINT);

/// Records endpoints with illegal names, and endpoints without a component that
/// would connect to them: the adapter `is_alone`.
pub(super) fn check(section: &Section<'_>, endpoints: &BTreeMap<String, Endpoint>, is_alone: bool) {
    let Some(value) = section.peek("endpoints") else {
        return;
    };
    if is_alone {
        value.reader.fault(
            value.key_span.clone(),
            "there are `endpoints`, and no component that would connect to them",
            "name the component in `chain` or `component`, or the one endpoint in `to`",
        );
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    for one in value.entries() {
        let name = &one.key;
        if name.is_empty() || !name.chars().all(legal) {
            one.reader.fault(
                one.key_span.clone(),
                format!("{name:?} is no name for an endpoint"),
                "a name is made of letters, digits, `-` and `_`",
            );
        } else if endpoints.get(name).is_some_and(|it| it.handler.is_some()) {
            one.fault(
                format!("the endpoint `{name}` has to be a URL, and is a component"),
                "only `to` may be a component",
            );
        }
    }
}
