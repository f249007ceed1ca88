//! The dead letters of a bridge, read with its command line.

use std::process::Command;

use super::bridge::{Bridge, binary};
use super::until;

/// A dead letter, in the format of `dead-letters list` with `--json`.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Letter {
    pub letter: i64,
    pub subscription: String,
    pub id: String,
    pub topic: String,
    pub reason: String,
    pub status: Option<u16>,
    pub blocks: Option<String>,
    pub attempts: u32,
    pub backtrace: Option<String>,
}

impl Bridge {
    /// Runs a command of the binary in the bridge's folder, and returns its
    /// output.
    pub fn command(&self, args: &[&str]) -> String {
        let output = Command::new(binary())
            .args(args)
            .current_dir(self.folder.path())
            .output()
            .expect("the tool runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{args:?}: {}\n{stderr}",
            output.status
        );
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Returns all dead letters.
    pub fn dead_letters(&self) -> Vec<Letter> {
        let printed = self.command(&["dead-letters", "list", "--json"]);
        serde_json::from_str(&printed).unwrap_or_else(|e| panic!("{e}: {printed}"))
    }

    /// Waits for the dead letter of a message, and returns it.
    pub async fn dead_letter(&self, id: &str) -> Letter {
        until(&format!("the dead letter of {id}"), || async {
            self.dead_letters()
                .into_iter()
                .find(|letter| letter.id == id)
        })
        .await
    }
}
