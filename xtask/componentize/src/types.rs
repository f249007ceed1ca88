//! The types of a WIT package as types of a component, as far as wasi:http needs
//! them.

use std::collections::HashMap;

use wasm_encoder::{
    ComponentBuilder, ComponentDefinedTypeEncoder, ComponentFuncTypeEncoder, ComponentValType,
    InstanceType, PrimitiveValType, TypeBounds,
};
use wit_parser::{Handle, Resolve, Type, TypeDefKind, TypeId};

/// The indices of the types that have a name.
pub type TypeIndices = HashMap<TypeId, u32>;

/// A place where types are defined.
pub trait Scope {
    /// Defines a new value type.
    fn defined(&mut self) -> (u32, ComponentDefinedTypeEncoder<'_>);
    /// Defines a new function type.
    fn function(&mut self) -> (u32, ComponentFuncTypeEncoder<'_>);
}

impl Scope for InstanceType {
    fn defined(&mut self) -> (u32, ComponentDefinedTypeEncoder<'_>) {
        (self.type_count(), self.ty().defined_type())
    }

    fn function(&mut self) -> (u32, ComponentFuncTypeEncoder<'_>) {
        (self.type_count(), self.ty().function())
    }
}

impl Scope for ComponentBuilder {
    fn defined(&mut self) -> (u32, ComponentDefinedTypeEncoder<'_>) {
        self.type_defined(None)
    }

    fn function(&mut self) -> (u32, ComponentFuncTypeEncoder<'_>) {
        self.type_function(None)
    }
}

/// Defines a named type.
pub fn define(
    scope: &mut impl Scope,
    resolve: &Resolve,
    id: TypeId,
    named: &TypeIndices,
) -> TypeBounds {
    match &resolve.types[id].kind {
        TypeDefKind::Resource => TypeBounds::SubResource,
        kind => TypeBounds::Eq(kind_of(scope, resolve, kind, named)),
    }
}

/// Returns a type where a value is expected.
pub fn value(
    scope: &mut impl Scope,
    resolve: &Resolve,
    ty: &Type,
    named: &TypeIndices,
) -> ComponentValType {
    use PrimitiveValType as P;
    let Type::Id(id) = ty else {
        return ComponentValType::Primitive(match ty {
            Type::Bool => P::Bool,
            Type::U8 => P::U8,
            Type::S8 => P::S8,
            Type::U16 => P::U16,
            Type::S16 => P::S16,
            Type::U32 => P::U32,
            Type::S32 => P::S32,
            Type::U64 => P::U64,
            Type::S64 => P::S64,
            Type::F32 => P::F32,
            Type::F64 => P::F64,
            Type::Char => P::Char,
            Type::String => P::String,
            Type::ErrorContext | Type::Id(_) => P::ErrorContext,
        });
    };
    let definition = &resolve.types[*id];
    ComponentValType::Type(match (&definition.kind, named.get(id)) {
        // A resource is passed on, not copied.
        (TypeDefKind::Resource, Some(index)) => own(scope, *index),
        (_, Some(index)) => *index,
        (TypeDefKind::Type(other), None) => return value(scope, resolve, other, named),
        (kind, None) => kind_of(scope, resolve, kind, named),
    })
}

fn own(scope: &mut impl Scope, resource: u32) -> u32 {
    let (index, encoder) = scope.defined();
    encoder.own(resource);
    index
}

fn kind_of(
    scope: &mut impl Scope,
    resolve: &Resolve,
    kind: &TypeDefKind,
    named: &TypeIndices,
) -> u32 {
    match kind {
        TypeDefKind::Record(record) => {
            let fields = record.fields.iter();
            let fields: Vec<_> = fields
                .map(|field| (field.name.as_str(), value(scope, resolve, &field.ty, named)))
                .collect();
            let (index, encoder) = scope.defined();
            encoder.record(fields);
            index
        }
        TypeDefKind::Variant(variant) => {
            let cases = variant.cases.iter();
            let cases: Vec<_> = cases
                .map(|case| {
                    let payload = case.ty.as_ref();
                    let payload = payload.map(|ty| value(scope, resolve, ty, named));
                    (case.name.as_str(), payload)
                })
                .collect();
            let (index, encoder) = scope.defined();
            encoder.variant(cases);
            index
        }
        TypeDefKind::Option(ty) => {
            let ty = value(scope, resolve, ty, named);
            let (index, encoder) = scope.defined();
            encoder.option(ty);
            index
        }
        TypeDefKind::Result(result) => {
            let mut side = |ty: &Option<Type>| ty.map(|ty| value(scope, resolve, &ty, named));
            let (ok, err) = (side(&result.ok), side(&result.err));
            let (index, encoder) = scope.defined();
            encoder.result(ok, err);
            index
        }
        TypeDefKind::Handle(Handle::Own(resource)) => {
            let resource = named
                .iter()
                .find(|(id, _)| **id == resolve_alias(resolve, *resource));
            own(scope, resource.map_or(0, |(_, index)| *index))
        }
        other => unreachable!("wasi:http names no {} there", other.as_str()),
    }
}

/// Follows aliases to the type itself.
pub fn resolve_alias(resolve: &Resolve, id: TypeId) -> TypeId {
    match resolve.types[id].kind {
        TypeDefKind::Type(Type::Id(other)) => resolve_alias(resolve, other),
        _ => id,
    }
}
