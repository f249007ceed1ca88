//! What is left to do once a component has returned: to wait for the responses
//! that are not read to their end, and to name the handler where it is to blame.

use std::time::Duration;

use tokio::time::timeout;

use super::call_record::{CallRecord, Cause};
use super::open_response::Open;
use super::outcome::{CallResult, Failure, Reply};
use super::running::GRACE;

/// Waits for what is left of a call that returned, for no longer than `left`
/// of its `limit`. What goes wrong there is the call's result; else these are
/// its replies.
pub(crate) async fn conclude(
    result: &mut CallResult,
    record: &CallRecord,
    left: Duration,
    limit: Duration,
) -> Vec<Reply> {
    if let CallResult::Connection(_) | CallResult::Other(_) = result
        && let Some((cause, why)) = record.take_cause()
    {
        blame(result, cause, why);
    }
    let open = record.take_open();
    if open.is_empty() {
        return Vec::new();
    }
    match result {
        CallResult::Ok => match timeout(left, finish(open)).await {
            Ok(Ok(replies)) => return replies,
            Ok(Err(why)) => *result = why,
            Err(_) => *result = Failure::OutOfTime(limit).into(),
        },
        CallResult::Failed(_) => drop(open),
        _ => drop(timeout(left.min(GRACE), finish(open)).await),
    }
    Vec::new()
}

/// Tells of an HTTP handler what the component, which asked it, cannot know.
fn blame(result: &mut CallResult, cause: Cause, why: String) {
    match (result, cause) {
        (result @ CallResult::Connection(_), Cause::Handler(failure)) => {
            *result = Failure::InHandler(Box::new(failure)).into();
        }
        (CallResult::Connection(text) | CallResult::Other(text), Cause::Answered(prefix))
            if text.starts_with(&prefix) =>
        {
            *text = why;
        }
        _ => {}
    }
}

async fn finish(all: Vec<Open>) -> Result<Vec<Reply>, CallResult> {
    let mut replies = Vec::new();
    for open in all {
        replies.extend(open.finish().await?);
    }
    Ok(replies)
}
