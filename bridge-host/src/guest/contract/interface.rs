//! An interface as text: its functions, with the names of their parameters, and its types.
//! Comparing interfaces is in `compare`.

use serde::Serialize;
use wit_parser::{Function as WitFunction, IndexMap, InterfaceId, Resolve, WorldItem, WorldKey};

use super::type_text as text;

/// One interface that a component imports or exports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// The full name, with the version: `wasi:messaging/types@0.2.0-draft`.
    pub name: String,
    /// The functions, in the component's order.
    pub functions: Vec<Function>,
    /// The types that the interface defines, or uses from other interfaces.
    pub types: Vec<TypeDefinition>,
}

/// One function of an interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Function {
    /// The name in the component: `handle`, `[method]message.topic`.
    pub name: String,
    /// Whether it is an `async func`.
    #[serde(rename = "async")]
    pub is_async: bool,
    /// The names and types of the parameters. A method's `self` is the first one.
    pub params: Vec<(String, String)>,
    /// The type of the result.
    pub result: Option<String>,
}

/// A named type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TypeDefinition {
    /// The name in this interface.
    pub name: String,
    /// The definition: `resource`, `variant { … }`, `use other/interface.{name}`.
    pub definition: String,
}

impl Interface {
    /// Returns the name without the version.
    pub fn path(&self) -> &str {
        self.name
            .split_once('@')
            .map_or(&self.name, |(path, _)| path)
    }

    /// Returns the function with this name.
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name == name)
    }

    /// Returns the definition of the type with this name.
    pub fn definition(&self, name: &str) -> Option<&str> {
        let found = self.types.iter().find(|ty| ty.name == name)?;
        Some(&found.definition)
    }

    /// Returns whether a component that imports the interface can start without it: the interface
    /// has neither functions nor resources.
    pub(super) fn is_types_only(&self) -> bool {
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

    /// Returns the function without its name: `func(ms: message) -> result<_, error>`.
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

/// Returns the interfaces among a world's items. A function outside an interface becomes an
/// interface with the function's name. Types outside an interface are left out.
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
