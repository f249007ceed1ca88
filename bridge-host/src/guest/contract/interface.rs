//! An interface as plain text: functions with the names of their parameters,
//! and types. What it ought to be stays out.

use serde::Serialize;
use wit_parser::{Function as WitFunction, IndexMap, InterfaceId, Resolve, WorldItem, WorldKey};

use super::text;

/// One interface that a component imports or exports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// With its version: `wasi:messaging/types@0.2.0-draft`.
    pub name: String,
    /// In the component's order.
    pub functions: Vec<Function>,
    /// The types that it defines or takes from others.
    pub types: Vec<TypeDefinition>,
}

/// One function of an interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Function {
    /// As the component has it: `handle`, `[method]message.topic`.
    pub name: String,
    /// An `async func`.
    #[serde(rename = "async")]
    pub is_async: bool,
    /// Names and types; a method's `self` is the first.
    pub params: Vec<(String, String)>,
    /// Its type.
    pub result: Option<String>,
}

/// A type that has a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TypeDefinition {
    /// Its name in this interface.
    pub name: String,
    /// What it is: `resource`, `variant { … }`, `use other/interface.{name}`.
    pub definition: String,
}

impl Interface {
    /// The name without the version.
    pub fn path(&self) -> &str {
        self.name
            .split_once('@')
            .map_or(&self.name, |(path, _)| path)
    }

    /// The function of that name.
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name == name)
    }

    /// The definition of the type of that name.
    pub fn definition(&self, name: &str) -> Option<&str> {
        let found = self.types.iter().find(|ty| ty.name == name)?;
        Some(&found.definition)
    }

    /// Whether a host that does not know it can have the component start: it
    /// has neither functions nor resources.
    pub(super) fn needs_nothing(&self) -> bool {
        self.functions.is_empty() && self.types.iter().all(|ty| ty.definition != "resource")
    }

    pub(super) fn from_wit(resolve: &Resolve, name: String, id: InterfaceId) -> Self {
        let interface = &resolve.interfaces[id];
        let types = interface.types.iter().map(|(name, id)| TypeDefinition {
            name: name.clone(),
            definition: text::definition(resolve, *id),
        });
        Self {
            name,
            types: types.collect(),
            functions: interface
                .functions
                .values()
                .map(|function| Function::from_wit(resolve, function))
                .collect(),
        }
    }
}

impl Function {
    fn from_wit(resolve: &Resolve, function: &WitFunction) -> Self {
        let params = function
            .params
            .iter()
            .map(|param| (param.name.clone(), text::ty(resolve, &param.ty)));
        Self {
            name: function.name.clone(),
            is_async: function.kind.is_async(),
            params: params.collect(),
            result: function.result.as_ref().map(|ty| text::ty(resolve, ty)),
        }
    }

    /// All of it but the name: `func(ms: message) -> result<_, error>`.
    pub fn signature(&self) -> String {
        let params: Vec<String> = self
            .params
            .iter()
            .map(|(name, ty)| format!("{name}: {ty}"))
            .collect();
        let word = if self.is_async { "async func" } else { "func" };
        let result = self.result.as_ref();
        let result = result.map_or(String::new(), |ty| format!(" -> {ty}"));
        format!("{word}({}){result}", params.join(", "))
    }
}

/// The interfaces among a world's items. A function that lies there by itself
/// counts as an interface of its name; types by themselves are left out.
pub(super) fn all(resolve: &Resolve, items: &IndexMap<WorldKey, WorldItem>) -> Vec<Interface> {
    let mut all = Vec::new();
    for (key, item) in items {
        let name = resolve.name_world_key(key);
        match item {
            WorldItem::Interface { id, .. } => all.push(Interface::from_wit(resolve, name, *id)),
            WorldItem::Function(function) => all.push(Interface {
                name,
                functions: vec![Function::from_wit(resolve, function)],
                types: Vec::new(),
            }),
            WorldItem::Type { .. } => {}
        }
    }
    all
}
