//! Builds the configs of tests from sections. Tests add the lines that they are
//! about; names, topics, components and endpoints have methods.

use std::fmt::{self, Debug, Display, Formatter, Write};
use std::ops::{Add, Deref};
use std::path::PathBuf;

use super::Endpoint;

/// The text of a config that ends in a subscription.
#[derive(Clone, Debug)]
pub struct Config(String);

impl Config {
    /// Begins a subscription with this name and these topics.
    pub fn subscription(name: &str, topics: &str) -> Self {
        let section = format!("[[subscriptions]]\nname = {name:?}\ntopics = [{topics:?}]\n");
        Self(section)
    }

    /// Begins the subscription `all`, which sends every message to this endpoint.
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

    /// Limits the attempts, with short pauses between them.
    pub fn attempts(self, count: u32) -> Self {
        let retry = "initial_delay = \"1ms\", max_delay = \"2ms\"";
        self.lines(&format!("retry = {{ max_attempts = {count}, {retry} }}"))
    }

    /// Adds these lines unchanged.
    pub fn lines(mut self, lines: &str) -> Self {
        self.0.push_str(lines);
        self.0.push('\n');
        self
    }

    /// Adds a key. The debug format of strings, paths and lists of paths is valid
    /// TOML.
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

/// Appends another config.
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
