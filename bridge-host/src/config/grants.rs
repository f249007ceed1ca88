//! What components are given: `settings`, `allow`, `limits`.

use super::section::Section;
use super::text::Text;
use super::value::Value;
use super::{Guests, mask};
use crate::guest::Limits;
use crate::http::Allow;

const ALLOW_HELP: &str =
    "a list of hosts: allow = [\"api.example.com\", \"*.internal.example\", \"10.0.0.0/8\"]";

/// What components read through `wasi:config/store`.
pub(super) fn settings(value: Option<Value<'_>>) -> Vec<(String, Text)> {
    let mut all = Vec::new();
    let section = value.and_then(|value| value.section("`settings`"));
    for setting in section.map(Section::take_all).unwrap_or_default() {
        if setting.key.starts_with("to.") || setting.key == "to" {
            setting.reader.fault(
                setting.key_span.clone(),
                format!("`{}` is not for `settings`", setting.key),
                "keys that begin with `to.` are the endpoint's: write them in `to = { … }`",
            );
            continue;
        }
        let Some(text) = setting.secret_text() else {
            continue;
        };
        let text = match mask::sounds_secret(&setting.key) {
            true => Text::hidden(text.expose(), "***"),
            false => text,
        };
        all.push((setting.key, text));
    }
    all
}

/// What components may reach.
pub(super) fn allow(value: Option<Value<'_>>) -> Vec<String> {
    let mut all = Vec::new();
    let items = value.and_then(|value| value.list(ALLOW_HELP));
    for item in items.unwrap_or_default() {
        let Some(text) = item.text() else { continue };
        let entry = text.expose().to_string();
        match Allow::parse(std::slice::from_ref(&entry)) {
            Ok(_) => all.push(entry),
            Err(errors) => {
                for error in errors {
                    item.told(text.hide_in(&error.to_string()));
                }
            }
        }
    }
    all
}

/// What one instance may use; `handler_alone` is an HTTP handler's, without
/// components in front of it.
pub(super) fn limits(value: Option<Value<'_>>, guests: &Guests, handler_alone: bool) -> Limits {
    let mut limits = Limits::default();
    let Some(mut section) = value.and_then(|value| value.section("`limits`")) else {
        return limits;
    };
    let memory = section.take("memory");
    if let Some(value) = &memory
        && let Some(size) = value.size()
    {
        limits.memory = size;
        if size > guests.memory {
            let (one, all) = (super::show_size(size), super::show_size(guests.memory));
            value.fault(
                format!("`limits.memory`, {one}, is more than `guests.memory`, {all}"),
                "lower it, or raise `memory` in [guests], which all instances share",
            );
        }
    }
    if let Some(requests) = section.take("requests").and_then(|it| it.count()) {
        limits.requests = requests;
    }
    if let Some(output) = section.take("output").and_then(|it| it.size()) {
        limits.output = output;
    }
    if let Some(compute) = section.take("compute").and_then(|it| it.duration()) {
        limits.compute = compute;
    }
    let fresh = section.take("fresh");
    if let Some(value) = fresh.as_ref().filter(|_| handler_alone) {
        value.reader.fault(
            value.key_span.clone(),
            "`limits.fresh` applies to chains and components, and this subscription has only an HTTP handler",
            "write `reuse` in `to`: `reuse = false` gives each request a new instance, which is the \
             default for wasi:http 0.2; with `reuse = true` instances are reused",
        );
    } else if let Some(fresh) = fresh.and_then(|it| it.flag()) {
        limits.fresh = fresh;
    }
    if let Some(calls) = section.take("recycle_after").and_then(|it| it.count()) {
        limits.recycle_after = calls;
    }
    section.finish();
    limits
}
