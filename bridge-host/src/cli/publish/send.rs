//! Sends lines in batches, one batch after the other to keep their order, and retries
//! refused lines if requested. A single batch is sent by `target`.

use std::time::Duration;

use tokio::sync::mpsc;

use super::answer::Answer;
use super::error::Error;
use super::line::{Line, in_line};
use super::progress::Progress;
use super::source::{ReadLine, Source};
use super::target::Target;

/// The most lines of one batch: about as many as a bridge commits together.
const LINES: usize = 1000;
/// The most bytes of one batch, unless a single line has more.
const BYTES: usize = 4 << 20;
/// The wait before a batch is sent again, which doubles each time.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Sends all lines of the source. The error is the reason for an early end.
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

/// Collects the lines that were read already, up to a full batch.
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
            Err(invalid) => wrong.push(invalid),
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
    /// The numbers of lines that are not messages, and why.
    wrong: Vec<(u64, String)>,
}

/// Sends a batch. With `wait`, sends refused lines again until each line has a lasting
/// response. Prints failures in the order of the lines.
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
            Err(error @ Error::NotListening(_)) if !wait => {
                let lines = batch.iter().map(|line| line.number);
                let wrong = failed.iter().map(|(number, _)| *number);
                progress.abort(lines.chain(wrong), &error.to_string());
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
