//! `bridge-host new`: a small project that works, as a folder. What is in it
//! is in the repository's templates; building it is its own commands' matter.

mod name;
mod template;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{output, report, schema};
use name::Name;
use template::{File, Kind, Language};

/// Start a project of your own: a component that works, to build upon
#[derive(clap::Args)]
pub(super) struct Args {
    /// Its name, and that of the folder that is made
    name: String,
    /// What the component does
    #[arg(long, value_enum)]
    kind: Kind,
    /// The language of the component
    #[arg(long, value_enum)]
    lang: Language,
}

/// Why there is no project.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Name(#[from] name::NameError),
    #[error(
        "the folder {0} is there already, and nothing in it was touched; choose another name, \
         or move it away"
    )]
    Exists(String),
    #[error("cannot write {}: {}", .0.display(), .1)]
    Write(PathBuf, io::Error),
    #[error(transparent)]
    Output(#[from] output::OutputError),
}

pub(super) fn run(args: &Args) -> ExitCode {
    match make(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error @ Error::Name(_)) => report::refusal(&error),
        Err(error) => report::failure(&error),
    }
}

fn make(args: &Args) -> Result<(), Error> {
    let name = Name::new(&args.name)?;
    let files = template::files(args.kind, args.lang);
    let folder = Path::new(name.as_str());
    std::fs::create_dir(folder).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists(args.name.clone()),
        _ => Error::Write(folder.into(), error),
    })?;
    for file in &files {
        write(&folder.join(file.path), &name.put_into(file.text))?;
    }
    let schema = output::json_text(&schema::schema(), true);
    write(&folder.join(schema::FILE), &schema)?;
    Ok(output::text(&told(&name, &files))?)
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    path.parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::write(path, text))
        .map_err(|error| Error::Write(path.into(), error))
}

/// What was written, and the commands that come next: the first of its README.
fn told(name: &Name, files: &[File]) -> String {
    let mut text = String::from("written:\n");
    for file in files {
        text.push_str(&format!("    {}/{}\n", name.as_str(), file.path));
    }
    text.push_str(&format!("    {}/{}\n", name.as_str(), schema::FILE));
    text.push_str(&format!("\nnext:\n    cd {}\n", name.as_str()));
    let readme = files.iter().find(|file| file.path == "README.md");
    let readme = readme.map_or(String::new(), |file| name.put_into(file.text));
    let build = readme.split("```").nth(1).unwrap_or_default();
    for command in build.lines().skip(1) {
        text.push_str(&format!("    {command}\n"));
    }
    text + "and README.md has how to run it\n"
}
