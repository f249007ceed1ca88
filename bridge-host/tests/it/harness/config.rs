//! Configs of the tests, built section by section. What a test is about stands in
//! its own lines; names, topics, components and endpoints are written here.

use std::fmt::{self, Debug, Display, Formatter, Write};
use std::ops::{Add, Deref};
use std::path::PathBuf;

use super::Endpoint;

/// The text of a config that ends in a subscription.
#[derive(Clone, Debug)]
pub struct Config(String);

impl Config {
    /// A subscription of this name to these topics.
    pub fn subscription(name: &str, topics: &str) -> Self {
        let section = format!("[[subscriptions]]\nname = {name:?}\ntopics = [{topics:?}]\n");
        Self(section)
    }

    /// The subscription `all`: every message goes to this endpoint.
    pub fn all(endpoint: &Endpoint) -> Self {
        Self::subscription("all", ">").to(&endpoint.url("/"))
    }

    /// Sets the endpoint.
    pub fn to(self, url: &str) -> Self {
        self.key("to", url)
    }

    /// Sets the connection that messages come from.
    pub fn from(self, connection: &str) -> Self {
        self.key("from", connection)
    }

    /// Sets the component.
    pub fn component(self, file: PathBuf) -> Self {
        self.key("component", file)
    }

    /// Sets the components in front of the adapter.
    pub fn chain(self, files: &[PathBuf]) -> Self {
        self.key("chain", files)
    }

    /// Gives up after this many attempts, with hardly a pause between them.
    pub fn attempts(self, count: u32) -> Self {
        let retry = "initial_delay = \"1ms\", max_delay = \"2ms\"";
        self.lines(&format!("retry = {{ max_attempts = {count}, {retry} }}"))
    }

    /// Adds lines as they stand.
    pub fn lines(mut self, lines: &str) -> Self {
        self.0.push_str(lines);
        self.0.push('\n');
        self
    }

    /// Text, paths and lists of paths are written in TOML as Rust shows them.
    fn key(mut self, key: &str, value: impl Debug) -> Self {
        writeln!(self.0, "{key} = {value:?}").expect("a string takes every line");
        self
    }
}

impl Deref for Config {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Display for Config {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl AsRef<str> for Config {
    fn as_ref(&self) -> &str {
        self
    }
}

/// One config after the other.
impl<R: AsRef<str>> Add<R> for Config {
    type Output = Self;

    fn add(mut self, other: R) -> Self {
        self.0.push_str(other.as_ref());
        self
    }
}

impl FromIterator<Config> for Config {
    fn from_iter<I: IntoIterator<Item = Config>>(configs: I) -> Self {
        Self(configs.into_iter().map(|config| config.0).collect())
    }
}
