//! An endpoint as the value of a setting: a URL or a table. The table is read by
//! `endpoint`, and its keys are declared in `endpoint_keys`.

use toml::de::DeValue;

use super::endpoint::{Endpoint, read_table, with_key};
use super::{endpoint_keys as keys, endpoint_show};
use crate::schema::{Declaration, Kind, SettingValue, Shape, Shown, Value};

/// The kind of `to`.
pub(super) const ENDPOINT: Declaration<Endpoint> = Declaration::kind(Kind::Either(
    URL,
    &Kind::OneOf(keys::ALL, &[keys::BY_URL, keys::BY_COMPONENT]),
));

/// The kind of each of `endpoints`.
pub(super) const NAMED_ENDPOINT: Declaration<Endpoint> =
    Declaration::kind(Kind::Either(URL, &Kind::Table(keys::BY_URL)));

const URL: &Kind = &Kind::Text(&Shape {
    name: "URL",
    pattern: None,
    check: |_| Ok(()),
    help: "",
});

impl SettingValue for Endpoint {
    fn from_value(value: &Value<'_>, _: &Kind) -> Option<Self> {
        match value.value {
            DeValue::Table(_) => {
                let section = value.section(&format!("`{}`", value.key))?;
                read_table(section, &value.key)
            }
            DeValue::String(_) => Self::of(&value.text()?)
                .map_err(|what| value.fault(with_key(&value.key, what), ""))
                .ok(),
            _ => {
                let key = &value.key;
                let help = format!("{key} = \"https://…\" or {key} = {{ url = \"…\" }}");
                value.wrong_kind("a URL or a table", help);
                None
            }
        }
    }

    fn show(&self) -> Shown {
        endpoint_show::show(self).into()
    }
}
