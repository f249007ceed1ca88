//! Two interfaces of one name, side by side: what differs, in words.

use std::fmt;

use super::interface::Interface;

/// One difference between an interface and another of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// A function is not there.
    Missing {
        /// Its name.
        function: String,
        /// Its signature on the other side.
        wanted: String,
    },
    /// A function is there that the other side does not have.
    Unknown {
        /// Its name.
        function: String,
        /// Its signature.
        has: String,
    },
    /// A function has another signature.
    Signature {
        /// Its name.
        function: String,
        /// What it is.
        has: String,
        /// What it is on the other side.
        wanted: String,
    },
    /// A type has another definition.
    Type {
        /// Its name.
        name: String,
        /// What it is.
        has: String,
        /// What it is on the other side.
        wanted: String,
    },
}

/// What differs in `has`, compared with `wanted`. An exported interface must
/// be `whole`; an imported one carries only what its component uses.
pub fn differences(has: &Interface, wanted: &Interface, whole: bool) -> Vec<Difference> {
    let mut found = Vec::new();
    for function in &has.functions {
        let signature = function.signature();
        match wanted.function(&function.name) {
            None => found.push(Difference::Unknown {
                function: function.name.clone(),
                has: signature,
            }),
            Some(other) if other.signature() != signature => found.push(Difference::Signature {
                function: function.name.clone(),
                has: signature,
                wanted: other.signature(),
            }),
            Some(_) => {}
        }
    }
    for ty in &has.types {
        if let Some(other) = wanted.definition(&ty.name)
            && other != ty.definition
        {
            found.push(Difference::Type {
                name: ty.name.clone(),
                has: ty.definition.clone(),
                wanted: other.into(),
            });
        }
    }
    if whole {
        let absent = |name: &str| has.function(name).is_none();
        let missing = wanted.functions.iter().filter(|f| absent(&f.name));
        found.extend(missing.map(|function| Difference::Missing {
            function: function.name.clone(),
            wanted: function.signature(),
        }));
    }
    found
}

impl Difference {
    /// The difference, told of two sides by name.
    pub fn between(&self, one: &str, other: &str) -> String {
        match self {
            Self::Missing { function, wanted } => {
                format!("`{function}`: {one} does not have it; {other} has `{wanted}`")
            }
            Self::Unknown { function, has } => {
                format!("`{function}`: {one} has `{has}`; {other} does not have it")
            }
            Self::Signature {
                function: name,
                has,
                wanted,
            }
            | Self::Type { name, has, wanted } => {
                format!("`{name}`: {one} has `{has}`; {other} has `{wanted}`")
            }
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.between("it", "the contract"))
    }
}
