//! The descriptors that a listener reserves. When the process has no other descriptor,
//! the listener closes one to accept a connection, and opens it again afterwards.

use std::fs::File;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

/// How many descriptors a listener reserves.
const SPARES: usize = 2;

/// The descriptors that one listener reserves. Clones share them.
#[derive(Clone)]
pub(super) struct DescriptorReserve(Arc<ReserveState>);

struct ReserveState {
    spares: Mutex<Spares>,
    /// Notified when a spare was opened again.
    returned: Notify,
}

#[derive(Default)]
struct Spares {
    open: Vec<File>,
    lent: usize,
}

/// A spare that was closed. When it is dropped, the spare is opened again, if the
/// process has a descriptor left by then.
pub(super) struct LentDescriptor(Option<DescriptorReserve>);

impl DescriptorReserve {
    /// Opens the spares.
    pub(super) fn new() -> Self {
        let reserve = Self(Arc::new(ReserveState {
            spares: Mutex::default(),
            returned: Notify::new(),
        }));
        while reserve.refill() {}
        reserve
    }

    /// Closes a spare, so that the process has a free descriptor. `None` if no spare
    /// is open.
    pub(super) fn lend(&self) -> Option<LentDescriptor> {
        let mut spares = self.lock();
        drop(spares.open.pop()?);
        spares.lent += 1;
        Some(LentDescriptor(Some(self.clone())))
    }

    /// Returns whether other parts of the process have taken the descriptors of all
    /// spares, so that no spare comes back by itself.
    pub(super) fn is_lost(&self) -> bool {
        let spares = self.lock();
        spares.open.is_empty() && spares.lent == 0
    }

    /// Waits until a lent spare is open again.
    pub(super) async fn returned(&self) {
        self.0.returned.notified().await;
    }

    /// Opens one more spare. Returns `false` if none is missing, or if the
    /// process has no descriptor left for it.
    pub(super) fn refill(&self) -> bool {
        let mut spares = self.lock();
        let is_missing = spares.open.len() < SPARES;
        let opened = is_missing.then(|| File::open("/dev/null").ok()).flatten();
        let is_open = opened.is_some();
        spares.open.extend(opened);
        if is_open {
            self.0.returned.notify_one();
        }
        is_open
    }

    fn lock(&self) -> MutexGuard<'_, Spares> {
        self.0.spares.lock()
    }
}

impl LentDescriptor {
    /// Opens the spare again while its borrower keeps the descriptor. Returns
    /// `false` if the process has no other descriptor.
    pub(super) fn replace(&mut self) -> bool {
        let is_replaced = self.0.as_ref().is_none_or(DescriptorReserve::refill);
        if is_replaced {
            self.settle();
        }
        is_replaced
    }

    fn settle(&mut self) {
        if let Some(reserve) = self.0.take() {
            reserve.lock().lent -= 1;
        }
    }
}

impl Drop for LentDescriptor {
    fn drop(&mut self) {
        self.replace();
        self.settle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spare_is_lent_once_until_it_is_opened_again() {
        let reserve = DescriptorReserve::new();
        let (first, mut second) = (reserve.lend().unwrap(), reserve.lend().unwrap());
        assert!(reserve.lend().is_none() && !reserve.is_lost());
        drop(first);
        let third = reserve.lend().unwrap();
        assert!(second.replace(), "there are descriptors");
        drop(second);
        assert_eq!(reserve.lock().open.len(), 1, "it was opened again once");
        drop(third);
        assert_eq!(reserve.lock().open.len(), SPARES);
    }
}
