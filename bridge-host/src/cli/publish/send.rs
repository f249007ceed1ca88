//! Sending: lines gathered to batches, one batch after the other so that the
//! order holds, and what was not taken again where that is wanted.

use std::time::Duration;

use tokio::sync::mpsc;

use super::answer::Answer;
use super::error::Error;
use super::line::{Line, in_line};
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
        let batch = gather(first?, &mut lines)?;
        batch_until_done(batch, target, wait, progress).await?;
    }
    Ok(())
}

/// The lines that are there already, up to a full batch.
fn gather(
    first: ReadLine,
    lines: &mut mpsc::Receiver<Result<ReadLine, Error>>,
) -> Result<Batch, Error> {
    let (mut batch, mut wrong) = (Vec::new(), Vec::new());
    let mut bytes = 0;
    let mut next = Some(first);
    while let Some(line) = next.take() {
        match line {
            Ok(line) => {
                bytes += line.text.len();
                batch.push(line);
            }
            Err(told) => wrong.push(told),
        }
        if batch.len() + wrong.len() < LINES && bytes < BYTES {
            next = lines.try_recv().ok().transpose()?;
        }
    }
    Ok(Batch {
        lines: batch,
        wrong,
    })
}

/// Lines that are sent together.
struct Batch {
    lines: Vec<Line>,
    /// The numbers of those that are no messages, and why.
    wrong: Vec<(u64, String)>,
}

/// Sends a batch; where that is wanted, again, until every line has an answer
/// that lasts. What failed is told in the order of the lines.
async fn batch_until_done(
    batch: Batch,
    target: &Target,
    wait: bool,
    progress: &mut Progress,
) -> Result<(), Error> {
    let (mut batch, mut failed) = (batch.lines, batch.wrong);
    let mut pause = FIRST_WAIT;
    while !batch.is_empty() {
        let found = match target.send(&batch).await {
            Ok(found) => found,
            Err(error @ Error::NobodyListens(_)) if !wait => {
                let lines = batch.iter().map(|line| line.number);
                let wrong = failed.iter().map(|(number, _)| *number);
                progress.lose(lines.chain(wrong), &error.to_string());
                return Err(error);
            }
            Err(error) => vec![Answer::none(error.to_string()); batch.len()],
        };
        let mut again = Vec::new();
        for (line, answer) in batch.into_iter().zip(found) {
            match answer {
                Answer::Refused { lasting: false, .. } if wait => again.push(line),
                Answer::Refused { reason, .. } => failed.push((line.number, in_line(&reason))),
                Answer::Accepted { id, duplicate } => progress.accept(id, duplicate),
            }
        }
        batch = again;
        if !batch.is_empty() {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_WAIT);
        }
    }
    failed.sort_unstable_by_key(|(number, _)| *number);
    for (number, reason) in &failed {
        progress.fail(*number, reason);
    }
    Ok(())
}
