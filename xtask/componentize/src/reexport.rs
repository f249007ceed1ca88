//! Makes a component without code that exports a function of one interface as a
//! function of another: `client-as-handler`, made from the WIT of wasi:http.
//!
//! The types are imported through one instance and the function through another.
//! An inner component imports both and exports them. A flat component would
//! export types that it imports itself, which tools reject.

use wasm_encoder::{
    Alias, ComponentBuilder, ComponentExportKind, ComponentOuterAliasKind, ComponentTypeRef,
    ComponentValType, InstanceType, TypeBounds,
};
use wit_parser::{FunctionKind, InterfaceId, Resolve, Type, TypeDefKind, TypeId};

use crate::types::{Scope, TypeIndices, define, resolve_alias, value};

/// Why the component cannot be made: an item is missing in the WIT.
#[derive(Debug, thiserror::Error)]
#[error("the WIT has no {0}")]
pub struct MissingItem(String);

/// A function: the full name of its interface, and its own name.
pub type FunctionRef<'a> = (&'a str, &'a str);

/// Makes the component that imports `from` and exports it as `to`. Both functions
/// must have the same parameters and result, with types of one interface.
pub fn reexport(
    resolve: &Resolve,
    from: FunctionRef<'_>,
    to: FunctionRef<'_>,
) -> Result<Vec<u8>, MissingItem> {
    let (client, handler) = (interface(resolve, from.0)?, interface(resolve, to.0)?);
    let source = SourceFunction::of(resolve, client, from)?;
    // The other interface only has to have such a function.
    let wanted = &resolve.interfaces[handler].functions;
    wanted.get(to.1).ok_or_else(|| MissingItem(to.1.into()))?;

    let mut outer = ComponentBuilder::default();
    let types = outer.type_instance(None, &source.types());
    let types = outer.import(&source.package, ComponentTypeRef::Instance(types));
    let mut shared = TypeIndices::new();
    for (name, id) in &source.used {
        let index = outer.alias_export(types, name, ComponentExportKind::Type);
        shared.insert(*id, index);
    }
    let client = outer.type_instance(None, &source.client(&shared, from.1));
    let client = outer.import(from.0, ComponentTypeRef::Instance(client));
    let function = outer.alias_export(client, from.1, ComponentExportKind::Func);
    let inner = outer.component(None, source.inner(to.1));
    let mut arguments: Vec<_> = source
        .all
        .iter()
        .map(|(name, id)| {
            let index = shared.get(id).copied();
            let index =
                index.unwrap_or_else(|| outer.alias_export(types, name, ComponentExportKind::Type));
            (argument(name), ComponentExportKind::Type, index)
        })
        .collect();
    arguments.push(("function".into(), ComponentExportKind::Func, function));
    let instance = outer.instantiate(None, inner, arguments);
    outer.export(to.0, ComponentExportKind::Instance, instance, None);
    Ok(outer.finish())
}

fn interface(resolve: &Resolve, name: &str) -> Result<InterfaceId, MissingItem> {
    let mut all = resolve.interfaces.iter().map(|(id, _)| id);
    let found = all.find(|id| resolve.id_of(*id).as_deref() == Some(name));
    found.ok_or_else(|| MissingItem(name.into()))
}

fn argument(name: &str) -> String {
    format!("type-{name}")
}

/// The function, and the types that it needs.
struct SourceFunction<'a> {
    resolve: &'a Resolve,
    function: &'a wit_parser::Function,
    /// The interface of the types.
    package: String,
    /// The types that the function names.
    used: Vec<(String, TypeId)>,
    /// Those types and the types that they consist of, each after its own parts.
    all: Vec<(String, TypeId)>,
}

impl<'a> SourceFunction<'a> {
    fn of(
        resolve: &'a Resolve,
        interface: InterfaceId,
        (name, function): FunctionRef<'_>,
    ) -> Result<Self, MissingItem> {
        let found = &resolve.interfaces[interface];
        let function = found.functions.get(function);
        let function = function.ok_or_else(|| MissingItem(format!("{name}.{function:?}")))?;
        let mut source = Self {
            resolve,
            function,
            package: String::new(),
            used: Vec::new(),
            all: Vec::new(),
        };
        for (name, id) in &found.types {
            let id = resolve_alias(resolve, *id);
            source.collect(id);
            source.used.push((name.clone(), id));
        }
        let owner = source.all.last().map(|(_, id)| resolve.types[*id].owner);
        if let Some(wit_parser::TypeOwner::Interface(owner)) = owner {
            source.package = resolve.id_of(owner).unwrap_or_default();
        }
        Ok(source)
    }

    /// Adds a type, after the types that it consists of.
    fn collect(&mut self, id: TypeId) {
        let id = resolve_alias(self.resolve, id);
        if self.all.iter().any(|(_, known)| *known == id) {
            return;
        }
        let definition = &self.resolve.types[id];
        let parts: Vec<Type> = match &definition.kind {
            TypeDefKind::Record(record) => record.fields.iter().map(|it| it.ty).collect(),
            TypeDefKind::Variant(variant) => variant.cases.iter().filter_map(|it| it.ty).collect(),
            TypeDefKind::Option(ty) => vec![*ty],
            _ => Vec::new(),
        };
        for part in parts {
            if let Type::Id(id) = part {
                self.collect(id);
            }
        }
        if let Some(name) = &definition.name {
            self.all.push((name.clone(), id));
        }
    }

    /// Returns the interface of the types, reduced to the needed ones.
    fn types(&self) -> InstanceType {
        let mut instance = InstanceType::new();
        let mut named = TypeIndices::new();
        for (name, id) in &self.all {
            let bounds = define(&mut instance, self.resolve, *id, &named);
            let index = instance.type_count();
            instance.export(name.as_str(), ComponentTypeRef::Type(bounds));
            named.insert(*id, index);
        }
        instance
    }

    /// Returns the interface of the function, as it is imported.
    fn client(&self, shared: &TypeIndices, function: &str) -> InstanceType {
        let mut instance = InstanceType::new();
        let mut named = TypeIndices::new();
        for (name, id) in &self.used {
            let outer = instance.type_count();
            instance.alias(Alias::Outer {
                kind: ComponentOuterAliasKind::Type,
                count: 1,
                index: shared[id],
            });
            instance.export(name.as_str(), ComponentTypeRef::Type(TypeBounds::Eq(outer)));
            named.insert(*id, outer + 1);
        }
        let ty = self.signature(&mut instance, &named);
        instance.export(function, ComponentTypeRef::Func(ty));
        instance
    }

    /// Returns the inner component.
    fn inner(&self, function: &str) -> ComponentBuilder {
        let mut inner = ComponentBuilder::default();
        let mut named = TypeIndices::new();
        for (name, id) in &self.all {
            let bounds = define(&mut inner, self.resolve, *id, &named);
            let index = inner.import(argument(name), ComponentTypeRef::Type(bounds));
            named.insert(*id, index);
        }
        let ty = self.signature(&mut inner, &named);
        let imported = inner.import("function", ComponentTypeRef::Func(ty));
        let mut fresh = named.clone();
        for (name, id) in &self.used {
            let index = inner.export(name.as_str(), ComponentExportKind::Type, named[id], None);
            fresh.insert(*id, index);
        }
        let ty = self.signature(&mut inner, &fresh);
        let ty = Some(ComponentTypeRef::Func(ty));
        inner.export(function, ComponentExportKind::Func, imported, ty);
        inner
    }

    /// Defines the function's type with these types.
    fn signature(&self, scope: &mut impl Scope, named: &TypeIndices) -> u32 {
        let params = self.function.params.iter();
        let params: Vec<(&str, ComponentValType)> = params
            .map(|param| {
                (
                    param.name.as_str(),
                    value(scope, self.resolve, &param.ty, named),
                )
            })
            .collect();
        let result = self.function.result.as_ref();
        let result = result.map(|ty| value(scope, self.resolve, ty, named));
        let is_async = matches!(self.function.kind, FunctionKind::AsyncFreestanding);
        let (index, mut function) = scope.function();
        function.async_(is_async).params(params).result(result);
        index
    }
}
