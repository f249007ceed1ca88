//! Dead letters of other brokers, written together in a transaction of their
//! own: they are few, and someone waits for each.

use super::group::save_kept;
use super::{Writer, in_transaction};
use crate::broker::embedded::keep::Keep;
use crate::broker::embedded::shared::closed;
use crate::broker::embedded::store::now_ms;

impl Writer {
    pub(super) fn keep(&mut self, keeps: Vec<Keep>) {
        if keeps.is_empty() {
            return;
        }
        let size: u64 = keeps.iter().map(Keep::size).sum();
        let books = &mut self.books;
        let written = in_transaction(&self.conn, |conn| {
            let excess = books.retainer.excess(books.kept, size);
            let gone = match excess {
                0 => 0,
                excess => books.retainer.make_room(conn, excess)?,
            };
            if gone < excess {
                return Ok(None);
            }
            let now = now_ms();
            let mut written = 0;
            for keep in &keeps {
                written += keep.apply(conn, now)?;
            }
            let kept = books.kept + written - gone;
            save_kept(conn, kept)?;
            Ok(Some(kept))
        });
        let result = match written {
            Ok(Some(kept)) => {
                self.books.kept = kept;
                self.upkeep.kept(size);
                Ok(())
            }
            Ok(None) => Err(self.no_room()),
            Err(error) => {
                self.books.retainer.undone();
                Err(self.fault(&error).for_caller())
            }
        };
        for keep in keeps {
            keep.answer(result.clone());
        }
    }

    /// The store is poisoned, and says so.
    pub(super) fn fail_keeps(&self, keeps: Vec<Keep>) {
        let error = self.shared.check().err().unwrap_or_else(closed);
        for keep in keeps {
            keep.answer(Err(error.clone()));
        }
    }
}
