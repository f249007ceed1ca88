//! Secrets in a config: strings that are never shown, written in the config or in a
//! separate file. The room `secret` has the type.

use serde_json::Value as Shown;
use toml::de::DeValue;

use super::setting::Kind;
use super::setting_value::SettingValue;
use super::text::Text;
use super::value::Value;
use crate::files;
use crate::secret::Secret;

impl SettingValue for Secret {
    fn from_value(value: &Value<'_>, kind: &Kind) -> Option<Self> {
        let text = value.secret_text()?;
        if text.expose().is_empty() {
            let what = format!("`{}` is empty", value.key);
            value.fault(what, "leave the key out if you need no secret");
            return None;
        }
        if let Kind::Secret(shape) = kind
            && let Err(wrong) = (shape.check)(text.expose())
        {
            value.fault(wrong.what, wrong.help.unwrap_or_else(|| shape.help.into()));
            return None;
        }
        Some(Self::new(text.expose()))
    }

    fn show(&self) -> Shown {
        "***".into()
    }
}

impl Value<'_> {
    /// Reads a string, or the content of the file in `{ file = "…" }` without the
    /// newline at its end.
    pub fn secret_text(&self) -> Option<Text> {
        if !matches!(self.value, DeValue::Table(_)) {
            return self.text();
        }
        let mut section = self.section(&format!("`{}`", self.key))?;
        let Some(value) = section.take("file") else {
            section.missing("file", "write \"…\", \"${NAME}\" or { file = \"path\" }");
            return None;
        };
        section.finish();
        let path = value.path()?;
        match files::read_text(&path, files::MAX_SECRET) {
            Ok(text) => {
                let text = text.strip_suffix('\n').unwrap_or(&text);
                let text = text.strip_suffix('\r').unwrap_or(text);
                let shown = format!("{{ file = {:?} }}", path.display().to_string());
                Some(Text::hidden(text, shown))
            }
            Err(error) => {
                let what = format!("cannot read {}: {error}", path.display());
                value.fault(what, "the file must contain the secret as UTF-8 text");
                None
            }
        }
    }
}
