//! Formats the facts about a component for people. The facts come from `facts`.

use std::fmt::{self, Display, Formatter};

use super::facts::Facts;
use crate::guest::contract::{ImportAccess, Interface};

/// Shows facts as lines of text.
pub(super) struct Text<'a>(pub(super) &'a Facts);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let facts = self.0;
        writeln!(
            f,
            "{}: a WebAssembly component, {} bytes",
            facts.component, facts.bytes
        )?;
        made_with(f, facts)?;
        if let Some(shape) = facts.speaks {
            writeln!(f, "uses {shape}")?;
        }
        uses(f, facts)?;
        exports(f, facts)?;
        reach(f, facts)
    }
}

fn made_with(f: &mut Formatter<'_>, facts: &Facts) -> fmt::Result {
    let tools: Vec<String> = ["language", "processed-by", "sdk"]
        .iter()
        .filter_map(|field| facts.made_with.get(*field))
        .flatten()
        .map(|(tool, versions)| {
            let words = std::iter::once(tool).chain(versions);
            words.map(String::as_str).collect::<Vec<_>>().join(" ")
        })
        .collect();
    match tools.is_empty() {
        true => Ok(()),
        false => writeln!(f, "made with {}", tools.join(", ")),
    }
}

fn uses(f: &mut Formatter<'_>, facts: &Facts) -> fmt::Result {
    writeln!(f, "\nmay be used as")?;
    for one in &facts.uses {
        writeln!(f, "  {}\n      {}", one.role, one.config)?;
    }
    if let Some(reason) = &facts.not_a_handler {
        writeln!(f, "  nothing in bridge-host: {reason}")?;
    }
    Ok(())
}

fn exports(f: &mut Formatter<'_>, facts: &Facts) -> fmt::Result {
    writeln!(f, "\nexports")?;
    if facts.exports.is_empty() {
        writeln!(f, "  nothing")?;
    }
    for interface in &facts.exports {
        writeln!(f, "  {}", interface.name)?;
        functions(f, interface)?;
    }
    Ok(())
}

fn functions(f: &mut Formatter<'_>, interface: &Interface) -> fmt::Result {
    for function in &interface.functions {
        writeln!(f, "      {}: {}", function.name, function.signature())?;
    }
    Ok(())
}

fn reach(f: &mut Formatter<'_>, facts: &Facts) -> fmt::Result {
    writeln!(f, "\ncan reach")?;
    if facts.imports.is_empty() {
        writeln!(f, "  nothing")?;
    }
    for reach in ImportAccess::ALL {
        let names: Vec<&str> = facts.reaching(reach).map(|i| i.name.as_str()).collect();
        if !names.is_empty() {
            writeln!(
                f,
                "  {}\n      {}",
                reach.description(),
                names.join("\n      ")
            )?;
        }
    }
    Ok(())
}
