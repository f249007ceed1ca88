//! Sending: lines gathered to batches, one batch after the other so that the
//! order holds, and what was not taken again where that is wanted.

use std::time::Duration;

use tokio::sync::mpsc;

use super::Error;
use super::answer::Answer;
use super::line::Line;
use super::progress::Progress;
use super::source::{ReadLine, Source};
use super::target::Target;

/// Lines in one batch: a bridge commits about as many together.
const LINES: usize = 1000;
/// Bytes in one batch, unless a line alone has more.
const BYTES: usize = 4 << 20;
/// Before a batch is sent again; doubled each time.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// No wait is longer.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Sends all that the source has. The error is what ended it early.
pub(super) async fn all(
    source: Source,
    target: &Target,
    wait: bool,
    progress: &mut Progress,
) -> Result<(), Error> {
    let (to, mut lines) = mpsc::channel(LINES);
    source.read(to);
    while let Some(first) = lines.recv().await {
        let batch = gather(first?, &mut lines, progress)?;
        batch_until_done(batch, target, wait, progress).await?;
    }
    Ok(())
}

/// The lines that are there already, up to a full batch.
fn gather(
    first: ReadLine,
    lines: &mut mpsc::Receiver<Result<ReadLine, Error>>,
    progress: &mut Progress,
) -> Result<Vec<Line>, Error> {
    let mut batch = Vec::new();
    let mut bytes = 0;
    let mut next = Some(first);
    while let Some(line) = next.take() {
        match line {
            Ok(line) => {
                bytes += line.text.len();
                batch.push(line);
            }
            Err((number, reason)) => progress.fail(number, &reason),
        }
        if batch.len() < LINES && bytes < BYTES {
            next = lines.try_recv().ok().transpose()?;
        }
    }
    Ok(batch)
}

/// Sends a batch; where that is wanted, again, until every line has an answer
/// that lasts.
async fn batch_until_done(
    mut batch: Vec<Line>,
    target: &Target,
    wait: bool,
    progress: &mut Progress,
) -> Result<(), Error> {
    let mut pause = FIRST_WAIT;
    while !batch.is_empty() {
        let found = match target.send(&batch).await {
            Ok(found) => found,
            Err(error @ Error::NobodyListens(_)) if !wait => return Err(error),
            Err(error) => vec![Answer::none(error.to_string()); batch.len()],
        };
        let mut again = Vec::new();
        for (line, answer) in batch.into_iter().zip(found) {
            match answer {
                Answer::Refused { lasting: false, .. } if wait => again.push(line),
                answer => progress.take(line.number, answer),
            }
        }
        batch = again;
        if !batch.is_empty() {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_WAIT);
        }
    }
    Ok(())
}
