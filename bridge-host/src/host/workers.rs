//! Runs work that needs seconds of CPU time on one thread per core, beside the runtime, so
//! that an aborted start does not wait for it. The work itself stays out.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{io, thread};

use tokio::sync::mpsc;

/// Calls `work` with each item, on at most one thread per core, and returns the results in
/// the order of the items. Calls `progress` with the number of finished items. Returns the
/// first error. If the future is dropped, no further items begin.
pub(super) async fn on_all_cores<T, R, E>(
    items: Vec<T>,
    work: impl Fn(&T) -> Result<R, E> + Send + Sync + 'static,
    progress: impl Fn(usize),
) -> io::Result<Result<Vec<R>, E>>
where
    T: Send + Sync + 'static,
    R: Send + 'static,
    E: Send + 'static,
{
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let count = items.len();
    let shared = Arc::new((items, work, AtomicUsize::new(0)));
    let (done, mut results) = mpsc::unbounded_channel();
    for _ in 0..cores.min(count) {
        let (shared, done) = (shared.clone(), done.clone());
        let each = move || {
            let (items, work, next) = &*shared;
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                let Some(item) = items.get(n).filter(|_| !done.is_closed()) else {
                    return;
                };
                // An error means that the caller was dropped.
                let _ = done.send((n, work(item)));
            }
        };
        thread::Builder::new().name("start".into()).spawn(each)?;
    }
    drop((shared, done));
    let mut found: Vec<_> = (0..count).map(|_| None).collect();
    for so_far in 0..count {
        progress(so_far);
        let (n, result) = results
            .recv()
            .await
            .ok_or_else(|| io::Error::other("a thread of the start panicked"))?;
        match result {
            Ok(result) => found[n] = Some(result),
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(found.into_iter().flatten().collect()))
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    #[tokio::test]
    async fn results_keep_their_order_and_progress_is_reported() {
        let reported = Mutex::new(Vec::new());
        let double = |n: &u64| {
            thread::sleep(std::time::Duration::from_millis(20 - 2 * n));
            Ok::<_, ()>(2 * n)
        };
        let report = |done| reported.lock().push(done);
        let doubled = on_all_cores((0..10).collect(), double, report)
            .await
            .unwrap();
        assert_eq!(doubled, Ok((0..20).step_by(2).collect()));
        assert_eq!(*reported.lock(), (0..10).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn an_error_ends_the_work() {
        let work = |n: &u64| if *n == 2 { Err("two") } else { Ok(()) };
        let found = on_all_cores((0..1000).collect(), work, |_| {}).await;
        assert_eq!(found.unwrap(), Err("two"));
        let none = on_all_cores(Vec::new(), work, |_| {}).await;
        assert_eq!(none.unwrap(), Ok(Vec::new()));
    }
}
