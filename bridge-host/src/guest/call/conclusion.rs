//! Concludes a call after the component has returned: waits for responses that have not ended, and
//! attributes a failure to the HTTP handler that caused it.

use std::time::Duration;

use tokio::time::timeout;

use super::call_record::{CallRecord, FailureCause};
use super::open_response::OpenResponse;
use super::outcome::{CallResult, Failure, Reply};
use super::running_handler::GRACE;

/// Waits until all responses of a call have ended, for up to `left`. Returns the replies. A
/// response that fails replaces the result of the call. `limit` is the call's whole time limit, for
/// the error.
pub(crate) async fn conclude(
    result: &mut CallResult,
    record: &CallRecord,
    left: Duration,
    limit: Duration,
) -> Vec<Reply> {
    if let CallResult::Connection(_) | CallResult::Other(_) = result
        && let Some((cause, why)) = record.take_cause()
    {
        attribute_failure(result, cause, why);
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

/// Replaces an error by the failure of the HTTP handler that caused it, which the component cannot
/// know.
fn attribute_failure(result: &mut CallResult, cause: FailureCause, why: String) {
    match (result, cause) {
        (result @ CallResult::Connection(_), FailureCause::Handler(failure)) => {
            *result = Failure::InHandler(Box::new(failure)).into();
        }
        (
            CallResult::Connection(text) | CallResult::Other(text),
            FailureCause::Answered(prefix),
        ) if text.starts_with(&prefix) => {
            *text = why;
        }
        _ => {}
    }
}

async fn finish(all: Vec<OpenResponse>) -> Result<Vec<Reply>, CallResult> {
    let mut replies = Vec::new();
    for open in all {
        replies.extend(open.finish().await?);
    }
    Ok(replies)
}
