//! Compares two interfaces of the same name, and describes the differences.

use std::fmt;

use super::interface::Interface;

/// One difference between an interface and another of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// A function is missing.
    MissingImport {
        /// The name of the function.
        function: String,
        /// The signature that the other interface has.
        wanted: String,
    },
    /// A function does not exist in the other interface.
    Unknown {
        /// The name of the function.
        function: String,
        /// The signature of the function.
        has: String,
    },
    /// A function has a different signature.
    Signature {
        /// The name of the function.
        function: String,
        /// The signature in this interface.
        has: String,
        /// The signature in the other interface.
        wanted: String,
    },
    /// A type has a different definition.
    Type {
        /// The name of the type.
        name: String,
        /// The definition in this interface.
        has: String,
        /// The definition in the other interface.
        wanted: String,
    },
}

/// Returns how `has` differs from `wanted`. With `whole`, as for an export, missing functions
/// count. An import contains only the functions that its component uses.
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
        found.extend(missing.map(|function| Difference::MissingImport {
            function: function.name.clone(),
            wanted: function.signature(),
        }));
    }
    found
}

impl Difference {
    /// Describes the difference between two sides with these names.
    pub fn between(&self, one: &str, other: &str) -> String {
        match self {
            Self::MissingImport { function, wanted } => {
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
