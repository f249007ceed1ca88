//! Declares `settings` and `allow`: what components can read and reach. Their limits are
//! declared by `guest`.

use crate::http::AllowList;
use crate::schema::{
    Declaration, Kind, Reader, Rejection, Section, SettingValue, Shape, Shown, Text, Value, list,
    secret, sounds_secret, text,
};

/// The settings that components read through `wasi:config/store`.
pub(super) const SETTINGS: Declaration<Vec<(String, Text)>> =
    Declaration::kind(Kind::Map(&secret().as_kind()));

/// The hosts that components may reach.
pub(super) const ALLOW: Declaration<Vec<String>> = list(
    &ENTRY,
    "a list of hosts: allow = [\"api.example.com\", \"*.internal.example\", \"10.0.0.0/8\"]",
);

const ENTRY: Declaration<String> = text(&Shape {
    name: "host, IP address or CIDR block",
    pattern: None,
    check: check_entry,
    help: "",
});

impl SettingValue for Vec<(String, Text)> {
    fn from_value(value: &Value<'_>, _: &Kind) -> Option<Self> {
        let all = value.section("`settings`")?.take_all();
        Some(all.iter().filter_map(setting).collect())
    }

    fn show(&self) -> Shown {
        let shown = self.iter().map(|(key, text)| (key.clone(), text.show()));
        Shown::Object(shown.collect())
    }

    fn absent(_: &Reader<'_>) -> Option<Self> {
        Some(Self::new())
    }
}

fn setting(setting: &Value<'_>) -> Option<(String, Text)> {
    let key = &setting.key;
    if key.starts_with("to.") || key == "to" {
        setting.reader.fault(
            setting.key_span.clone(),
            format!("`{key}` is not allowed in `settings`"),
            "keys that begin with `to.` are reserved for the endpoint: write them in `to = { … }`",
        );
        return None;
    }
    let text = setting.secret_text()?;
    let text = match sounds_secret(key) {
        true => Text::hidden(text.expose(), "***"),
        false => text,
    };
    Some((key.clone(), text))
}

fn check_entry(entry: &str) -> Result<(), Rejection> {
    match AllowList::parse(&[entry.to_owned()]) {
        Ok(_) => Ok(()),
        Err(errors) => {
            let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
            Err(errors.join("; ").into())
        }
    }
}

/// Checks `limits` against the rest of the config: `most` is the memory of all components.
pub(super) fn check_limits(section: &Section<'_>, most: u64, memory: u64, handler_alone: bool) {
    let Some(limits) = section.peek("limits") else {
        return;
    };
    if memory > most {
        let show = crate::schema::show_size;
        let (one, all) = (show(memory), show(most));
        limits.key("memory").fault(
            format!("`limits.memory` is {one}, which is more than the {all} of `wasm.memory`"),
            "lower it, or raise `memory` in [wasm], which all instances share",
        );
    }
    let reuse = limits.key("reuse");
    if handler_alone && reuse.key == "reuse" {
        reuse.reader.fault(
            reuse.key_span,
            "`limits.reuse` applies to chains and components, and this subscription has only an HTTP handler",
            "write `reuse` in `to`: `reuse = false` gives each request a new instance, which is the \
             default for wasi:http 0.2; with `reuse = true` instances are reused",
        );
    }
}
