//! When the writer maintains the database: the times of the next poll and the next round of
//! retention, and how much was written since the last checkpoint.
//!
//! `upkeep` does the work.

use std::time::{Duration, Instant};

use crate::store::publish::PublishCommand;

/// The interval between two checks of the files and of changes by other processes.
pub(super) const POLL: Duration = Duration::from_secs(1);
/// The size of a page of the WAL, in bytes.
pub(super) const PAGE: u64 = 4096;

pub(super) struct MaintenanceSchedule {
    pub(super) data_version: i64,
    pub(super) poll_at: Instant,
    pub(super) retain_at: Instant,
    /// The approximate number of pages written since the last checkpoint.
    pub(super) pages: u64,
}

impl MaintenanceSchedule {
    pub(super) fn new(data_version: i64) -> Self {
        let now = Instant::now();
        Self {
            data_version,
            poll_at: now + POLL,
            retain_at: now,
            pages: 0,
        }
    }

    pub(super) fn next_at(&self) -> Instant {
        self.poll_at.min(self.retain_at)
    }

    /// Makes the next poll due now, because the disk is full.
    pub(super) fn poll_soon(&mut self) {
        self.poll_at = Instant::now();
    }

    /// Counts a commit of dead letters with this many bytes.
    pub(super) fn count_kept(&mut self, bytes: u64) {
        self.pages += 4 + bytes / PAGE;
    }

    /// Counts a commit of a group.
    pub(super) fn count_group(&mut self, publishes: &[PublishCommand], settles: usize) {
        let data: u64 = publishes.iter().map(|p| 1 + p.size() / PAGE).sum();
        self.pages += 4 + data + settles as u64 / 64;
    }
}
