//! `bridge-host new`: writes a small working project to a folder. Its files are in the
//! repository's templates. Building it stays out.

mod name;
mod template;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{output, report, schema};
use name::Name;
use template::{File, Kind, Language};

/// Create a project with a working component, as a start for your own
#[derive(clap::Args)]
#[command(after_help = "Example:\n    bridge-host new my-filter --kind middleware --lang rust")]
pub(super) struct Args {
    /// The name of the project and of its folder
    name: String,
    /// What the component does
    #[arg(long, value_enum)]
    kind: Kind,
    /// The language of the component
    #[arg(long, value_enum)]
    lang: Language,
}

/// Why no project was created.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Name(#[from] name::NameError),
    #[error(
        "the folder {0} exists already and was not changed: choose another name, or move the folder"
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
        write(&folder.join(file.path), &name.fill(file.text))?;
    }
    let schema = output::json_text(&schema::schema(), true);
    write(&folder.join(schema::FILE), &schema)?;
    Ok(output::text(&next_steps(&name, &files))?)
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    path.parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::write(path, text))
        .map_err(|error| Error::Write(path.into(), error))
}

/// Returns the written files, and the next commands: the first block of the README.
fn next_steps(name: &Name, files: &[File]) -> String {
    let mut text = String::from("written:\n");
    for file in files {
        text.push_str(&format!("    {}/{}\n", name.as_str(), file.path));
    }
    text.push_str(&format!("    {}/{}\n", name.as_str(), schema::FILE));
    text.push_str(&format!("\nnext:\n    cd {}\n", name.as_str()));
    let readme = files.iter().find(|file| file.path == "README.md");
    let readme = readme.map_or(String::new(), |file| name.fill(file.text));
    let build = readme.split("```").nth(1).unwrap_or_default();
    for command in build.lines().skip(1) {
        text.push_str(&format!("    {command}\n"));
    }
    text + "README.md says how to run it\n"
}
