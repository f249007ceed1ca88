//! Declares and checks `endpoints`: the endpoints that a component opens by name with
//! `client.connect`. Reading one endpoint is in `endpoint`.

use std::collections::BTreeMap;

use super::endpoint::Endpoint;
use super::endpoint_form::NAMED_ENDPOINT;
use crate::schema::{Declaration, Section, map};

/// The kind of `endpoints`.
pub(super) const ENDPOINTS: Declaration<BTreeMap<String, Endpoint>> = map(&NAMED_ENDPOINT);

/// Checks the names of endpoints, and that there is a component that can connect to them:
/// the adapter must not be `alone`.
pub(super) fn check(section: &Section<'_>, endpoints: &BTreeMap<String, Endpoint>, is_alone: bool) {
    let Some(value) = section.peek("endpoints") else {
        return;
    };
    if is_alone {
        value.reader.fault(
            value.key_span.clone(),
            "there are `endpoints`, but no component that could connect to them",
            "name the component in `chain` or `component`, or the one endpoint in `to`",
        );
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    for one in value.entries() {
        let name = &one.key;
        if name.is_empty() || !name.chars().all(legal) {
            one.reader.fault(
                one.key_span.clone(),
                format!("{name:?} is not a valid name for an endpoint"),
                "use letters, digits, `-` and `_`",
            );
        } else if endpoints.get(name).is_some_and(|it| it.handler.is_some()) {
            one.fault(
                format!("the endpoint `{name}` must be a URL, but is a component"),
                "only `to` may be a component",
            );
        }
    }
}
