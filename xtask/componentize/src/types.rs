//! The types of a WIT as a component has them, as far as wasi:http goes.

use std::collections::HashMap;

use wasm_encoder::{
    ComponentBuilder, ComponentDefinedTypeEncoder, ComponentFuncTypeEncoder, ComponentValType,
    InstanceType, PrimitiveValType, TypeBounds,
};
use wit_parser::{Handle, Resolve, Type, TypeDefKind, TypeId};

/// The indices of types that have a name.
pub type Named = HashMap<TypeId, u32>;

/// Where types are defined.
pub trait Scope {
    /// A new type that holds values.
    fn defined(&mut self) -> (u32, ComponentDefinedTypeEncoder<'_>);
    /// A new type of functions.
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

/// What a named type is.
pub fn define(scope: &mut impl Scope, resolve: &Resolve, id: TypeId, named: &Named) -> TypeBounds {
    match &resolve.types[id].kind {
        TypeDefKind::Resource => TypeBounds::SubResource,
        kind => TypeBounds::Eq(kind_of(scope, resolve, kind, named)),
    }
}

/// A type in a place where a value is.
pub fn value(
    scope: &mut impl Scope,
    resolve: &Resolve,
    ty: &Type,
    named: &Named,
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
        // A resource is handed over, not copied.
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

fn kind_of(scope: &mut impl Scope, resolve: &Resolve, kind: &TypeDefKind, named: &Named) -> u32 {
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
            let resource = named.iter().find(|(id, _)| **id == origin(resolve, *resource));
            own(scope, resource.map_or(0, |(_, index)| *index))
        }
        other => unreachable!("wasi:http names no {} there", other.as_str()),
    }
}

/// A type itself, where it is another interface's under a name.
pub fn origin(resolve: &Resolve, id: TypeId) -> TypeId {
    match resolve.types[id].kind {
        TypeDefKind::Type(Type::Id(other)) => origin(resolve, other),
        _ => id,
    }
}
