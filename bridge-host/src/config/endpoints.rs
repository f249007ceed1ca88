//! `endpoints`: those that a component's `client.connect` opens, by name.

use super::endpoint::{self, Endpoint};
use super::section::Section;
use super::value::Value;

/// All that are well written, in the order of their names.
pub(super) fn read(value: Option<Value<'_>>) -> Vec<(String, Endpoint)> {
    let section = value.and_then(|value| value.section("`endpoints`"));
    let each = section.map(Section::take_all).unwrap_or_default();
    each.into_iter().filter_map(one).collect()
}

fn one(value: Value<'_>) -> Option<(String, Endpoint)> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if value.key.is_empty() || !value.key.chars().all(legal) {
        value.reader.fault(
            value.key_span.clone(),
            format!("{:?} is no name for an endpoint", value.key),
            "a name is made of letters, digits, `-` and `_`",
        );
        return None;
    }
    let endpoint = endpoint::read(&value)?;
    if endpoint.handler.is_some() {
        value.fault(
            format!(
                "the endpoint `{}` has to be a URL, and is a component",
                value.key
            ),
            "only `to` may be a component",
        );
        return None;
    }
    Some((value.key, endpoint))
}
