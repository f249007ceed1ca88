//! Sending: lines gathered to batches, a few batches at once, and what was not
//! taken again where that is wanted.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Error;
use super::answer::Answer;
use super::line::Line;
use super::progress::Progress;
use super::source::{ReadLine, Source};
use super::target::Target;

/// Lines in one batch.
const LINES: usize = 64;
/// Bytes in one batch, unless a line alone has more.
const BYTES: usize = 4 << 20;
/// Batches under way at once.
const BATCHES: usize = 4;
/// Before a batch is sent again; doubled each time.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// No wait is longer.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// What came of a line, or that there is no bridge.
type Answered = Result<(u64, Answer), Error>;

/// Sends all that the source has. The error is what ended it early.
pub(super) async fn all(
    source: Source,
    target: Target,
    wait: bool,
    progress: &mut Progress,
) -> Result<(), Error> {
    let (to, mut lines) = mpsc::channel(LINES);
    let (answers, mut answered) = mpsc::channel(LINES);
    source.read(to);
    let mut batches = JoinSet::new();
    let mut ended = false;
    while !ended || !batches.is_empty() {
        tokio::select! {
            biased;
            Some(answer) = answered.recv() => progress.take(answer?),
            Some(_) = batches.join_next() => {}
            line = lines.recv(), if !ended && batches.len() < BATCHES => match line {
                Some(first) => {
                    let batch = gather(first?, &mut lines, progress)?;
                    let sending = batch_until_done(batch, target.clone(), wait, answers.clone());
                    batches.spawn(sending);
                }
                None => ended = true,
            },
        }
    }
    drop(answers);
    while let Some(answer) = answered.recv().await {
        progress.take(answer?);
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
    target: Target,
    wait: bool,
    answers: mpsc::Sender<Answered>,
) {
    let mut pause = FIRST_WAIT;
    while !batch.is_empty() {
        let found = match target.send(&batch).await {
            Ok(found) => found,
            Err(error @ Error::NobodyListens(_)) if !wait => {
                let _ = answers.send(Err(error)).await;
                return;
            }
            Err(error) => vec![Answer::none(error.to_string()); batch.len()],
        };
        let mut again = Vec::new();
        for (line, answer) in batch.into_iter().zip(found) {
            match answer {
                Answer::Refused { lasting: false, .. } if wait => again.push(line),
                answer => {
                    if answers.send(Ok((line.number, answer))).await.is_err() {
                        return;
                    }
                }
            }
        }
        batch = again;
        if !batch.is_empty() {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_WAIT);
        }
    }
}
