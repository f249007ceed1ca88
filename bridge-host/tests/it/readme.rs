//! The README's commands and configs, as they stand there. Only addresses are
//! replaced, so that the tests keep to free ports.

use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::docs::{blocks, root};
use crate::harness::{ReservedAddress, binary, guest, request, until};

/// The blocks of a language, in order.
fn readme(language: &str) -> Vec<String> {
    let page = std::fs::read_to_string(root().join("README.md")).expect("the README");
    let blocks = blocks(&page).into_iter();
    let blocks = blocks.filter(|block| block.info == language);
    blocks.map(|block| block.text).collect()
}

/// The commands of the host in the block that begins so, without their comments.
fn commands(first: &str) -> Vec<String> {
    let block = readme("sh")
        .into_iter()
        .find(|block| block.starts_with(first));
    let block = block.unwrap_or_else(|| panic!("the README has no block that begins {first:?}"));
    let lines = block
        .lines()
        .map(|line| line.split("   #").next().unwrap_or(line).trim());
    let commands = lines.filter(|line| line.starts_with("bridge-host "));
    commands.map(str::to_owned).collect()
}

/// A folder with the components that the README names.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, file) in [
        ("filter", "filter"),
        ("enrich", "enrich"),
        ("orders", "service"),
    ] {
        let to = folder.path().join(format!("{file}.wasm"));
        std::fs::copy(guest(name), to).expect("a copy");
    }
    folder
}

fn shell(folder: &TempDir, command: &str) -> Command {
    let mut shell = Command::new("sh");
    let binaries = binary().parent().expect("a folder").display().to_string();
    shell
        .args(["-c", &format!("PATH=\"{binaries}:$PATH\"; exec {command}")])
        .current_dir(folder.path());
    shell
}

fn succeed(folder: &TempDir, command: &str) -> String {
    let output = shell(folder, command).output().expect("a shell");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Ends with the test.
struct Background(Child);

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forwarding_without_a_config() {
    let folder = folder();
    let reserved = [ReservedAddress::new(), ReservedAddress::new()];
    let [endpoint, intake] = reserved.each_ref().map(|one| one.address.to_string());
    let mut background = Vec::new();
    let mut shown = std::path::PathBuf::new();
    let three = commands("cargo install --path bridge-host");
    assert_eq!(three.len(), 3, "a first message takes four lines");
    for command in three {
        let command = command.replace("127.0.0.1:9000", &endpoint);
        let address = match command.split(' ').nth(1) {
            Some("receive") => format!("--address {endpoint}"),
            Some("forward") => format!("--intake {intake}"),
            Some("publish") => format!("--to http://{intake}"),
            other => panic!("the README runs {other:?}"),
        };
        let Some(command) = command.strip_suffix('&') else {
            succeed(&folder, &format!("{command} {address}"));
            continue;
        };
        let output = folder.path().join(format!("{}.out", background.len()));
        let file = std::fs::File::create(&output).expect("a file");
        if command.contains("receive") {
            shown = output;
        }
        let mut shell = shell(&folder, &format!("{command} {address}"));
        background.push(Background(
            shell
                .stdout(file)
                .stderr(Stdio::null())
                .spawn()
                .expect("sh"),
        ));
    }
    let line = until("the message", || async {
        let shown = std::fs::read_to_string(&shown).ok()?;
        shown
            .lines()
            .find(|line| line.contains("250"))
            .map(str::to_owned)
    })
    .await;
    assert!(
        line.contains(" 204 ") && line.contains("orders.new"),
        "{line}"
    );
    let intake = intake.parse().expect("an address");
    let health = request(intake, "GET", "/healthz", &[], "")
        .await
        .expect("an answer");
    assert_eq!(health.status, 200);
    drop(background);
}

#[test]
fn configs_are_sound_and_commands_work() {
    let folder = folder();
    let configs = readme("toml");
    assert_eq!(configs.len(), 3);
    for config in configs.iter().rev() {
        assert!(config.lines().count() < 10, "short is the point of it");
        std::fs::write(folder.path().join("bridge.toml"), config).expect("a file");
        succeed(&folder, "bridge-host check");
    }
    for command in commands("bridge-host check") {
        let printed = succeed(&folder, &command);
        if command.starts_with("bridge-host inspect") {
            assert!(printed.contains("component = \"orders.wasm\""), "{printed}");
        }
    }
}

#[test]
fn a_project_is_begun() {
    let folder = folder();
    for command in commands("bridge-host new") {
        let printed = succeed(&folder, &command);
        assert!(printed.contains("my-filter/README.md"), "{printed}");
    }
    assert!(folder.path().join("my-filter/bridge.toml").is_file());
}
