//! `cargo xtask diagrams`: renders each text source in `docs/diagrams` to the
//! SVG beside it. Reading a source and drawing it are the rooms below.

mod layout;
mod source;
mod svg;

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::workspace::say;

/// The folder of the sources and their SVGs.
const FOLDER: &str = "docs/diagrams";

/// Writes the SVG of every source.
pub fn run(root: &Path) -> Result {
    for source in sources(root)? {
        let svg = source.with_extension("svg");
        fs::write(&svg, rendered(&source)?)
            .map_err(|e| format!("cannot write {}: {e}", svg.display()))?;
        say(&format!("wrote {}", svg.display()));
    }
    Ok(())
}

/// Returns the SVGs that differ from what their source renders to.
pub fn stale(root: &Path) -> Result<Vec<PathBuf>> {
    let mut stale = Vec::new();
    for source in sources(root)? {
        let svg = source.with_extension("svg");
        let committed = fs::read_to_string(&svg).unwrap_or_default();
        if committed != rendered(&source)? {
            stale.push(svg);
        }
    }
    Ok(stale)
}

fn sources(root: &Path) -> Result<Vec<PathBuf>> {
    let folder = root.join(FOLDER);
    let unreadable = |e| format!("cannot read {}: {e}", folder.display());
    let mut sources = Vec::new();
    for entry in fs::read_dir(&folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|ending| ending == "txt") {
            sources.push(path);
        }
    }
    sources.sort();
    Ok(sources)
}

fn rendered(path: &Path) -> Result<String> {
    let text =
        fs::read_to_string(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    let diagram = source::parse(&text).map_err(|e| format!("{}:{e}", path.display()))?;
    svg::render(&diagram).map_err(|e| format!("{}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_renders_and_no_svg_is_stale() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        assert!(sources(&root).unwrap().len() > 2);
        assert_eq!(stale(&root).unwrap(), Vec::<PathBuf>::new());
    }

    #[test]
    fn a_changed_source_makes_its_svg_stale() {
        let root = std::env::temp_dir().join(format!("diagrams-{}", std::process::id()));
        let folder = root.join(FOLDER);
        fs::create_dir_all(&folder).unwrap();
        let source = folder.join("a.txt");
        fs::write(&source, "title A\nbox a 0,0 | A\n").unwrap();
        run(&root).unwrap();
        assert!(stale(&root).unwrap().is_empty());
        fs::write(&source, "title A\nbox a 0,0 | B\n").unwrap();
        assert_eq!(stale(&root).unwrap(), [folder.join("a.svg")]);
        fs::remove_dir_all(&root).unwrap();
    }
}
