//! Reads messages from an argument, a file or standard input: one message, or many line by
//! line on a thread. Sending them stays out.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Read, stdin};
use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

use super::args::Args;
use super::error::Error;
use super::line::{self, Line, Template};
use crate::files;
use crate::message::MessageId;

/// The most bytes of a message's data, so that endless input is not read into memory.
const MAX_DATA: u64 = 1 << 30;
/// The most bytes of a line, which may contain the data as base64.
const MAX_LINE: u64 = 3 << 29;

/// The messages to publish.
pub(super) enum Source {
    /// One message.
    One(Line),
    /// A message on each line.
    Many {
        from: Box<dyn BufRead + Send>,
        name: PathBuf,
        kind: Kind,
    },
}

/// The kind of a line.
pub(super) enum Kind {
    /// A message; the topic is for lines without one.
    Message(Option<String>),
    /// The data of a message.
    Data(Template),
}

/// A line to send, or its number and why it cannot be sent.
pub(super) type ReadLine = Result<Line, (u64, String)>;

impl Source {
    /// Opens the source that the arguments name. A single message is read at once.
    pub fn open(args: &Args) -> Result<Self, Error> {
        let template = args.topic.clone().map(|topic| Template {
            topic,
            content_type: args.content_type.clone(),
            metadata: args.metadata.clone(),
        });
        match (&args.ndjson, template) {
            (None, None) => Err(Error::NoData),
            (None, Some(template)) => {
                let id = match &args.id {
                    Some(id) => {
                        MessageId::parse(id).map_err(|error| Error::Id(id.clone(), error))?
                    }
                    None => MessageId::generate(),
                };
                Ok(Self::One(template.line(1, &id, &data(args)?)))
            }
            (Some(path), template) => Ok(Self::Many {
                from: open(path)?,
                name: path.clone(),
                kind: match template {
                    Some(template) if args.raw_lines => Kind::Data(template),
                    template => Kind::Message(template.map(|template| template.topic)),
                },
            }),
        }
    }

    /// Returns whether there can be more than one message.
    pub fn is_many(&self) -> bool {
        matches!(self, Self::Many { .. })
    }

    /// Reads lines in the background, as far as the channel has capacity.
    pub fn read(self, to: mpsc::Sender<Result<ReadLine, Error>>) {
        match self {
            Self::One(line) => _ = to.try_send(Ok(Ok(line))),
            Self::Many { from, name, kind } => {
                std::thread::spawn(move || {
                    if let Err(error) = read_lines(from, &kind, &to) {
                        let _ = to.blocking_send(Err(Error::Read(name, error)));
                    }
                });
            }
        }
    }
}

fn read_lines(
    mut from: Box<dyn BufRead + Send>,
    kind: &Kind,
    to: &mpsc::Sender<Result<ReadLine, Error>>,
) -> std::io::Result<()> {
    let mut number = 0;
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut from).take(MAX_LINE).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(());
        }
        if read as u64 == MAX_LINE {
            let why = format!("line {} has {MAX_LINE} bytes and more", number + 1);
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, why));
        }
        number += 1;
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let read = match kind {
            Kind::Data(template) => Ok(template.line(number, &MessageId::generate(), text)),
            Kind::Message(_) if text.trim_ascii().is_empty() => continue,
            Kind::Message(topic) => std::str::from_utf8(text)
                .map_err(|error| format!("this line is not UTF-8: {error}"))
                .and_then(|text| line::complete(number, text, topic.as_deref()))
                .map_err(|reason| (number, reason)),
        };
        // An error means that sending has failed, so no more lines are needed.
        if to.blocking_send(Ok(read)).is_err() {
            return Ok(());
        }
    }
}

fn open(path: &Path) -> Result<Box<dyn BufRead + Send>, Error> {
    if path == Path::new("-") {
        return Ok(Box::new(BufReader::new(stdin())));
    }
    let file = File::open(path).map_err(|error| Error::Read(path.into(), error))?;
    Ok(Box::new(BufReader::with_capacity(1 << 18, file)))
}

fn data(args: &Args) -> Result<Vec<u8>, Error> {
    if let Some(data) = &args.data {
        return Ok(data.clone().into_bytes());
    }
    if let Some(path) = &args.file {
        let read = File::open(path).and_then(|file| files::bounded(file, MAX_DATA));
        return read.map_err(|error| Error::Read(path.clone(), error));
    }
    if stdin().is_terminal() {
        return Err(Error::NoData);
    }
    files::bounded(stdin(), MAX_DATA).map_err(Error::Stdin)
}
