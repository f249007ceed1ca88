//! An endpoint as the value of a setting: a URL or a table. What its table has is
//! `endpoint`, which keys those are `endpoint_keys`.

use toml::de::DeValue;

use super::endpoint::{Endpoint, called, read_table};
use super::{endpoint_keys as keys, endpoint_show};
use crate::schema::{Form, Kind, Of, Shape, Shown, Value};

/// The kind of `to`.
pub(super) const ENDPOINT: Of<Endpoint> = Of::kind(Kind::Either(
    URL,
    &Kind::OneOf(keys::ALL, &[keys::BY_URL, keys::BY_COMPONENT]),
));

/// The kind of each of `endpoints`.
pub(super) const NAMED_ENDPOINT: Of<Endpoint> =
    Of::kind(Kind::Either(URL, &Kind::Table(keys::BY_URL)));

const URL: &Kind = &Kind::Text(&Shape {
    name: "URL",
    pattern: None,
    check: |_| Ok(()),
    help: "",
});

impl Form for Endpoint {
    fn from_value(value: &Value<'_>, _: &Kind) -> Option<Self> {
        match value.value {
            DeValue::Table(_) => {
                let section = value.section(&format!("`{}`", value.key))?;
                read_table(section, &value.key)
            }
            DeValue::String(_) => Self::of(&value.text()?)
                .map_err(|what| value.fault(called(&value.key, what), ""))
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
