//! Types of WIT as text. The same type has the same text, wherever it is written.

use wit_parser::{Handle, Resolve, Type, TypeDef, TypeDefKind, TypeId, TypeOwner};

/// Returns the text of a type where it is used: its name, if it has one.
pub(super) fn ty(resolve: &Resolve, ty: &Type) -> String {
    let word = match ty {
        Type::Bool => "bool",
        Type::U8 => "u8",
        Type::U16 => "u16",
        Type::U32 => "u32",
        Type::U64 => "u64",
        Type::S8 => "s8",
        Type::S16 => "s16",
        Type::S32 => "s32",
        Type::S64 => "s64",
        Type::F32 => "f32",
        Type::F64 => "f64",
        Type::Char => "char",
        Type::String => "string",
        Type::ErrorContext => "error-context",
        Type::Id(id) => return named(resolve, *id),
    };
    word.into()
}

/// Returns the text of a type where it is defined: its structure, or its origin.
pub(super) fn definition(resolve: &Resolve, id: TypeId) -> String {
    let def = &resolve.types[id];
    match &def.kind {
        TypeDefKind::Type(Type::Id(target)) => {
            let base = base(resolve, *target);
            match (base.owner, &base.name) {
                (TypeOwner::Interface(owner), Some(name)) if base.owner != def.owner => {
                    let from = resolve.id_of(owner).unwrap_or_default();
                    format!("use {from}.{{{name}}}")
                }
                _ => named(resolve, *target),
            }
        }
        TypeDefKind::Type(target) => ty(resolve, target),
        kind => structure(resolve, kind),
    }
}

/// Follows `use` and aliases to the definition of a type.
fn base(resolve: &Resolve, id: TypeId) -> &TypeDef {
    let def = &resolve.types[id];
    match &def.kind {
        TypeDefKind::Type(Type::Id(target)) => base(resolve, *target),
        _ => def,
    }
}

/// Returns the name of a type whose kind requires one. For other types a name is an alias, which a
/// component may leave out, so their structure is returned.
fn named(resolve: &Resolve, id: TypeId) -> String {
    let def = base(resolve, id);
    match (&def.name, &def.kind) {
        (
            Some(name),
            TypeDefKind::Record(_)
            | TypeDefKind::Variant(_)
            | TypeDefKind::Enum(_)
            | TypeDefKind::Flags(_)
            | TypeDefKind::Resource,
        ) => name.clone(),
        (_, kind) => structure(resolve, kind),
    }
}

fn structure(resolve: &Resolve, kind: &TypeDefKind) -> String {
    let one = |target: &Type| ty(resolve, target);
    let maybe = |word: &str, target: &Option<Type>| match target {
        Some(target) => format!("{word}<{}>", one(target)),
        None => word.to_owned(),
    };
    match kind {
        TypeDefKind::Record(record) => {
            let fields = record.fields.iter();
            block(
                "record",
                fields.map(|f| format!("{}: {}", f.name, one(&f.ty))),
            )
        }
        TypeDefKind::Variant(variant) => {
            let cases = variant.cases.iter();
            block(
                "variant",
                cases.map(|case| match &case.ty {
                    Some(ty) => format!("{}({})", case.name, one(ty)),
                    None => case.name.clone(),
                }),
            )
        }
        TypeDefKind::Enum(set) => block("enum", set.cases.iter().map(|case| case.name.clone())),
        TypeDefKind::Flags(flags) => {
            block("flags", flags.flags.iter().map(|flag| flag.name.clone()))
        }
        TypeDefKind::Resource => "resource".into(),
        TypeDefKind::Handle(Handle::Own(id)) => named(resolve, *id),
        TypeDefKind::Handle(Handle::Borrow(id)) => format!("borrow<{}>", named(resolve, *id)),
        TypeDefKind::Tuple(tuple) => {
            let types: Vec<String> = tuple.types.iter().map(one).collect();
            format!("tuple<{}>", types.join(", "))
        }
        TypeDefKind::Option(target) => format!("option<{}>", one(target)),
        TypeDefKind::Result(result) => match (&result.ok, &result.err) {
            (None, None) => "result".into(),
            (Some(ok), None) => format!("result<{}>", one(ok)),
            (None, Some(err)) => format!("result<_, {}>", one(err)),
            (Some(ok), Some(err)) => format!("result<{}, {}>", one(ok), one(err)),
        },
        TypeDefKind::List(target) => format!("list<{}>", one(target)),
        TypeDefKind::FixedLengthList(target, length) => format!("list<{}, {length}>", one(target)),
        TypeDefKind::Map(key, value) => format!("map<{}, {}>", one(key), one(value)),
        TypeDefKind::Future(target) => maybe("future", target),
        TypeDefKind::Stream(target) => maybe("stream", target),
        TypeDefKind::Type(target) => one(target),
        TypeDefKind::Unknown => "unknown".into(),
    }
}

fn block(word: &str, items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    format!("{word} {{ {} }}", items.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_a_text() {
        let mut resolve = Resolve::default();
        let package = resolve
            .push_str(
                "a.wit",
                "package a:b; interface base { resource r; type n = u8; record p { x: n } }
                 interface c {
                    use base.{r as renamed, p};
                    type alias = list<renamed>;
                    record record-of { a: option<p>, b: borrow<renamed> }
                    variant variant-of { one, two(result<u8>) }
                    enum enum-of { one, two }
                    flags flags-of { one, two }
                    f: func(a: alias, b: tuple<char, bool>, c: result<_, p>) -> result<u8, s64>;
                    g: async func(a: future<f32>, b: stream, c: future) -> result;
                 }",
            )
            .expect("WIT");
        let found = resolve.packages[package].interfaces["c"];
        let found = super::super::Interface::from_wit(&resolve, "c".into(), found);
        let definitions: Vec<_> = found.types.iter().map(|t| t.definition.as_str()).collect();
        assert_eq!(
            definitions,
            [
                "use a:b/base.{r}",
                "use a:b/base.{p}",
                "list<r>",
                "record { a: option<p>, b: borrow<r> }",
                "variant { one, two(result<u8>) }",
                "enum { one, two }",
                "flags { one, two }",
            ]
        );
        let signatures: Vec<_> = found.functions.iter().map(|f| f.signature()).collect();
        assert_eq!(
            signatures,
            [
                "func(a: list<r>, b: tuple<char, bool>, c: result<_, p>) -> result<u8, s64>",
                "async func(a: future<f32>, b: stream, c: future) -> result",
            ]
        );
    }
}
