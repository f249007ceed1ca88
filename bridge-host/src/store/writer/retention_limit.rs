//! The size limit of the store: tells publishers and the operator why messages are refused, until
//! there is room again.
//!
//! `retention` removes messages.

use super::Writer;
use super::bookkeeping::save_kept;
use crate::store::database::in_transaction;
use crate::store::error::StoreFailure;
use crate::store::state::RETENTION;

/// If a message of this size fits, only larger messages are refused.
const LARGE: u64 = 1 << 20;

impl Writer {
    /// Returns the error for a message of this size, and raises the trouble for the operator.
    pub(super) fn no_room_error(&mut self, size: u64) -> StoreFailure {
        let why = self.no_room();
        let size = size.min(LARGE);
        if self.books.retainer.excess(self.books.kept, size) > 0 {
            let smallest = self.refused.map_or(size, |before| before.min(size));
            self.refused = Some(smallest);
            let folder = self.shared.folder.display();
            let what = format!("the embedded broker in {folder} refuses messages, {why}");
            self.shared.troubles.raise(RETENTION, what);
        }
        why
    }

    fn no_room(&self) -> StoreFailure {
        let found = match self.books.retainer.none_settled() {
            true => "and all of its messages are pending or dead letters",
            false => {
                "and a search found too few settled messages to remove; the next attempt continues the search"
            }
        };
        StoreFailure::RetentionFull {
            kept: self.books.kept,
            most: self.books.retainer.max_size(),
            found,
        }
    }

    /// Checks whether a refused message would fit now.
    pub(super) fn retry_refused(&mut self) {
        let Some(size) = self.refused else { return };
        let books = &mut self.books;
        let made = in_transaction(&self.conn, |conn| {
            books.refresh(conn)?;
            let excess = books.retainer.excess(books.kept, size);
            let gone = match excess {
                0 => 0,
                excess => books.retainer.make_room(conn, excess)?,
            };
            if gone > 0 {
                save_kept(conn, books.kept - gone)?;
            }
            Ok((gone, gone >= excess))
        });
        match made {
            Ok((gone, enough)) => {
                self.books.kept -= gone;
                if enough {
                    self.refused = None;
                    self.shared.troubles.clear(RETENTION);
                }
            }
            Err(error) => {
                self.books.retainer.rolled_back();
                self.fault(&error);
            }
        }
    }
}
