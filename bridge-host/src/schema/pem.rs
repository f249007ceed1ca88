//! Files of certificates and keys. The room that uses such a file parses it.

use std::path::{Path, PathBuf};

use super::declaration::path_to;
use super::group::{Group, ShownTable};
use super::section::Section;
use super::setting::{Part, PathKind, Rejection, Table};
use super::setting_value::SettingValue;
use crate::files;

/// A readable file of certificates, or of a key.
pub const FILE: PathKind = PathKind {
    name: "PEM file",
    check,
};

/// A client's certificate and its key: `cert_file` and `key_file`, which come
/// together.
pub type Client = Option<(PathBuf, PathBuf)>;

impl Group for Client {
    const TABLE: &'static Table = &Table {
        parts: &[
            Part::One(path_to(&FILE).optional("none").named(
                "cert_file",
                "A PEM file of this host's certificate, for servers that ask for one.",
            )),
            Part::One(
                path_to(&FILE)
                    .optional("none")
                    .named("key_file", "A PEM file of the key of `cert_file`."),
            ),
        ],
    };

    fn read(section: &mut Section<'_>) -> Option<Self> {
        section.declare(Self::TABLE);
        let certificate = section.read::<Option<PathBuf>>("cert_file")?;
        let key = section.read::<Option<PathBuf>>("key_file")?;
        let is_there = |key: &str| section.peek(key).is_some();
        match (is_there("cert_file"), is_there("key_file")) {
            (true, false) => section.missing("key_file", "a certificate comes with its key"),
            (false, true) => section.missing("cert_file", "a key comes with its certificate"),
            _ => {}
        }
        Some(certificate.zip(key))
    }

    fn show(&self) -> ShownTable {
        let (certificate, key) = self.clone().unzip();
        [("cert_file", certificate.show()), ("key_file", key.show())]
            .map(|(key, value)| (key.to_owned(), value))
            .into_iter()
            .collect()
    }
}

fn check(path: &Path) -> Result<(), Rejection> {
    let text = files::read(path, files::MAX_SECRET).map_err(|error| {
        let what = format!("cannot read {}: {error}", path.display());
        Rejection::new(
            what,
            "the file must be a PEM file that the user of this process can read",
        )
    })?;
    if String::from_utf8_lossy(&text).contains("-----BEGIN ") {
        return Ok(());
    }
    let what = format!("{} is not a PEM file", path.display());
    Err(Rejection::new(
        what,
        "a PEM file has a line such as -----BEGIN CERTIFICATE-----",
    ))
}
