//! Runs `bridge-host check` on the configs in `tests/config`, and compares its output with
//! the expected reports beside them. `BLESS=1` writes the reports.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use bridge_host::config::{Components, Config, EMBEDDED, Fault, load};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config")
}

/// Runs `bridge-host check` with exactly this environment.
fn check(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bridge-host"))
        .arg("check")
        .args(arguments)
        .current_dir(folder())
        .env_clear()
        .envs(environment.iter().copied())
        .output()
        .expect("the binary under test runs")
}

/// Returns the whole output and the exit code.
fn report(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("reports are UTF-8");
    let code = output.status.code().expect("it ends by itself");
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    format!("{stdout}{stderr}exit {code}\n")
}

fn cases() -> Vec<String> {
    let entries = fs::read_dir(folder()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.ends_with(".toml")).collect();
    names.sort();
    names
}

#[test]
fn every_config_has_its_report() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for case in cases() {
        let found = report(&check(&[&case], &[]));
        let file = folder().join(&case).with_extension("expected");
        if bless {
            fs::write(&file, &found).unwrap();
        }
        let expected = fs::read_to_string(&file).unwrap_or_default();
        if found != expected {
            wrong.push(format!("{case}: expected\n{expected}\nfound\n{found}"));
        }
    }
    assert!(cases().len() >= 25);
    assert!(
        wrong.is_empty(),
        "{}\nBLESS=1 accepts them",
        wrong.join("\n")
    );
}

#[test]
fn no_report_has_a_secret() {
    for case in cases() {
        for arguments in [vec![&*case], vec!["--json", &case]] {
            let found = report(&check(&arguments, &[("INTAKE_TOKEN", "s3cret token")]));
            assert!(!found.contains("s3cret"), "{found}");
        }
    }
}

#[test]
fn variables_are_taken_and_not_shown() {
    let environment = [
        ("INTAKE_TOKEN", "abc"),
        ("HOOK_URL", "https://s3cret.example"),
        ("HOOK_TOKEN", "s3cret"),
    ];
    let output = check(&["19-unset-variable.toml"], &environment);
    let found = report(&output);
    assert!(output.status.success(), "{found}");
    assert!(found.contains(" ${HOOK_URL}/orders\n"), "{found}");
    assert!(!found.contains("s3cret"), "{found}");

    let wrong = [
        ("INTAKE_TOKEN", "abc"),
        ("HOOK_URL", "s3cret"),
        ("HOOK_TOKEN", "s3cret\n"),
    ];
    let found = report(&check(&["19-unset-variable.toml"], &wrong));
    assert!(found.contains("2 errors found"), "{found}");
    assert!(!found.contains("s3cret"), "{found}");
}

#[test]
fn a_config_that_is_not_there() {
    let found = report(&check(&["none.toml"], &[]));
    assert!(
        found.starts_with("error: cannot read the config none.toml"),
        "{found}"
    );
    assert!(found.ends_with("exit 78\n"), "{found}");
    assert_eq!(check(&["--none"], &[]).status.code(), Some(2));
}

/// A pipe without a writer, and a device that never ends.
#[test]
fn only_regular_files_are_read() {
    let pipe = Path::new(env!("CARGO_TARGET_TMPDIR")).join("config.pipe");
    let _ = fs::remove_file(&pipe);
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let found = report(&check(&[pipe.to_str().unwrap()], &[]));
    assert!(found.contains("it is a named pipe"), "{found}");
    let found = report(&check(&["/dev/zero"], &[]));
    assert!(found.contains("it is a device"), "{found}");
    assert!(found.ends_with("exit 78\n"), "{found}");
}

#[test]
fn a_variable_that_is_not_utf_8_is_distinguished_from_an_unset_one() {
    use std::os::unix::ffi::OsStrExt;

    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("variable.toml");
    fs::write(&file, "[intake]\ntoken = \"${TOKEN:default}\"\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bridge-host"));
    command.arg("check").arg(&file).env_clear();
    command.env("TOKEN", std::ffi::OsStr::from_bytes(b"s3cret\xff"));
    let found = report(&command.output().unwrap());
    assert!(found.contains("`TOKEN` is not UTF-8"), "{found}");
    assert!(!found.contains("s3cret"), "{found}");
}

/// The time per error does not grow with the number of errors.
#[test]
fn twenty_thousand_equal_names_are_reported_quickly() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("names.toml");
    let one = "[[subscriptions]]\nname = \"a\"\ntopics = [\"a\"]\nto = \"http://h/\"\n";
    fs::write(&file, one.repeat(20_000)).unwrap();
    let began = std::time::Instant::now();
    let found = report(&check(&[file.to_str().unwrap()], &[]));
    assert!(found.contains("19999 errors found"));
    let took = began.elapsed();
    assert!(took < Duration::from_secs(60), "{took:?}");
}

#[test]
fn json_has_the_errors_or_the_settings() {
    let read = |case: &str| -> serde_json::Value {
        serde_json::from_slice(&check(&["--json", case], &[]).stdout).unwrap()
    };
    let faulty = read("35-several-in-one.toml");
    assert_eq!(faulty["valid"], false);
    assert_eq!(faulty["errors"][0]["line"], 2);
    assert_eq!(faulty["errors"].as_array().unwrap().len(), 8);

    let valid = read("36-valid.toml");
    assert_eq!(valid["valid"], true);
    let orders = &valid["config"]["subscriptions"][0];
    assert_eq!(
        orders["to"]["successful_on"],
        serde_json::json!(["2xx", 409])
    );
    assert_eq!(orders["retry"]["max_attempts"], 8);
    assert_eq!(orders["schedule"]["waits"][5]["last_attempt"], 8);
    assert_eq!(orders["max_in_flight"], 1);
    assert_eq!(valid["config"]["http"]["max_idle"], 256);
}

/// Many subscriptions, of which `check` shows only the differences from the defaults.
#[test]
fn a_subscription_takes_few_lines() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("many.toml");
    let one =
        |n| format!("[[subscriptions]]\nname = \"s{n}\"\ntopics = [\"a\"]\nto = \"http://h/\"\n");
    fs::write(&file, (0..20).map(one).collect::<String>()).unwrap();
    let file = file.to_str().unwrap();
    let found = report(&check(&[file], &[]));
    assert!(found.lines().count() < 20 * 7 + 20, "{found}");
    let all = report(&check(&[file, "--verbose"], &[]));
    for key in [
        "to.retry_on ",
        "limits.memory ",
        "max_in_flight ",
        "15 and on ",
    ] {
        assert!(!found.contains(key) && all.contains(key), "{key}: {all}");
    }
}

#[test]
fn verbose_shows_the_defaults_of_missing_keys() {
    let found = report(&check(&["56-valid-threads.toml", "--verbose"], &[]));
    for (key, value) in [
        ("start", "all"),
        ("retry.max_age", "3d"),
        ("to.timeout", "the timeout of the subscription"),
        ("dead_letters", "the broker's own, or the local store"),
    ] {
        let is_shown = |line: &str| {
            let line = line.trim_start().strip_prefix(key);
            line.is_some_and(|rest| rest.trim_start() == value)
        };
        assert!(found.lines().any(is_shown), "{key}: {found}");
    }
}

#[test]
fn the_example_of_the_documentation_is_valid() {
    let text = include_str!("../../../docs/reference/configuration.md");
    let example = text.split("```toml\n").nth(1).unwrap();
    let example = example.split("```").next().unwrap();
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("documented.toml");
    fs::write(&file, example).unwrap();
    let found = report(&check(&[file.to_str().unwrap()], &[]));
    assert!(found.ends_with("exit 0\n"), "{found}");
}

fn read(case: &str) -> Result<Config, Vec<Fault>> {
    let variables = [("CURRENCY", "CHF"), ("HOME", "/home-of-someone")];
    let variables: BTreeMap<_, _> = variables
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect();
    load(&folder().join(case), &variables, &|_, _| Vec::new())
}

#[test]
fn a_loaded_config_has_the_values_of_the_file() {
    let config = read("36-valid.toml").unwrap();
    assert_eq!(config.intake.token.as_ref().unwrap().expose(), "s3cret");
    assert_eq!(&*config.wasm.cache, folder().join("cache"));
    let embedded = config.connections[EMBEDDED].settings();
    assert_eq!(embedded.store(), Some(&*folder().join("bridge-data")));

    let orders = &config.subscriptions[0];
    assert_eq!(orders.components, Components::Adapter);
    assert_eq!(orders.policy.retry.max_delay, Duration::from_secs(20));
    assert_eq!(orders.limits.memory, 64 << 20);
    let pairs = orders.pairs();
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(key, value)| (&**key, &**value))
        .collect();
    assert_eq!(
        pairs,
        [
            ("to.url", "https://shop.example/hooks/orders"),
            ("to.method", "PUT"),
            ("to.envelope", "json"),
            ("to.successful_on", "2xx,409"),
            ("to.retry_on", "404"),
            ("to.headers.authorization", "Bearer s3cret"),
            ("minimum", "100"),
            ("currency", "CHF"),
            ("api_key", "s3cret"),
        ]
    );
    let shown = format!("{config:?}");
    assert!(
        !shown.contains("s3cret") && !shown.contains("CHF"),
        "{shown}"
    );
}

#[test]
fn later_errors_have_their_line() {
    let config = read("36-valid.toml").unwrap();
    let orders = &config.subscriptions[0];
    let line = |key| orders.location(key).map(|location| location.line);
    assert_eq!(line("topics"), Some(11));
    assert_eq!(line("chain.0"), line("name"));

    let faulty = |_: &_, one: &bridge_host::config::Subscription| {
        vec![Fault::new(
            one.location("to").cloned(),
            "nobody is there",
            None::<String>,
        )]
    };
    let faults = load(&folder().join("36-valid.toml"), &BTreeMap::new(), &faulty).unwrap_err();
    assert_eq!(faults[0].location.as_ref().unwrap().line, 19);
}

#[test]
fn forward_needs_two_arguments_only() {
    let none = BTreeMap::new();
    let config = Config::forward(
        &["orders.>".into()],
        "http://h/x?key=$A",
        Path::new("data"),
        &none,
    )
    .unwrap();
    let only = &config.subscriptions[0];
    assert_eq!(
        only.pairs(),
        [("to.url".to_string(), "http://h/x?key=$A".to_string())]
    );
    assert!(only.location("to").is_none());
    let name = |topics: &[&str], url| {
        let topics: Vec<_> = topics.iter().map(ToString::to_string).collect();
        let config = Config::forward(&topics, url, Path::new("data"), &none).unwrap();
        config.subscriptions[0].name.clone()
    };
    let (topics, url) = (
        ["orders.>", "refunds.*"],
        "https://shop.example/hooks?key=A",
    );
    let one = name(&topics, url);
    assert_eq!(one, "forward-orders-3f1616ca");
    assert_eq!(
        name(&[topics[1], topics[0]], url),
        one,
        "it is the same forward"
    );
    let corrected = name(&topics, "https://shop.example/hook?key=B");
    assert_eq!(corrected, one, "it keeps its position");
    assert_ne!(name(&topics[..1], url), one);
    assert!(name(&[">"], "http://[::1]:9000").starts_with("forward-"));
    let faults =
        Config::forward(&["a..b".into(), "".into()], "h/x", Path::new("data"), &none).unwrap_err();
    assert_eq!(faults.len(), 3);
}
