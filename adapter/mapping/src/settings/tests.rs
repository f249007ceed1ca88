//! Tests of settings, valid and invalid.

use super::*;

fn read(pairs: &[(&str, &str)]) -> Result<Settings, Vec<SettingsError>> {
    Settings::from_pairs(pairs.iter().copied())
}

fn faults(pairs: &[(&str, &str)]) -> Vec<String> {
    let faults = read(pairs).err().unwrap_or_default();
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn defaults() {
    let settings = read(&[("to.url", "http://h/x"), ("minimum", "100")]).unwrap();
    assert!(settings == Settings::new(Endpoint::parse("http://h/x").unwrap()));
    assert_eq!(settings.timeout, None);
}

#[test]
fn everything() {
    let settings = read(&[
        ("to.url", "https://h"),
        ("to.method", "PUT"),
        ("to.envelope", "json"),
        ("to.headers.Authorization", "Bearer x"),
        ("to.timeout", "5m"),
        ("to.successful_on", "304"),
        ("to.retry_on", "404"),
        ("to.dead_letter_on", "501"),
    ])
    .unwrap();
    assert_eq!(settings.method, Method::Put);
    assert_eq!(settings.envelope, Envelope::Json);
    assert_eq!(
        settings.headers,
        [("authorization".into(), "Bearer x".into())]
    );
    assert_eq!(settings.timeout, Some(Duration::from_secs(300)));
}

#[test]
fn all_faults_at_once() {
    let found = faults(&[
        ("to.method", "post"),
        ("to.envelope", "cloudevents"),
        ("to.timeout", "30"),
        ("to.retry_on", "5xx,teapot"),
        ("to.headers.Host", "h"),
        ("to.headers.a b", "x"),
        ("to.headers.x-key", "s3cret\n"),
        ("to.headers.x-pad", "s3cret "),
        ("to.headers.x-two", "a"),
        ("to.headers.X-Two", "b"),
        ("to.ulr", "http://h"),
        ("to.nonsense", ""),
    ]);
    assert_eq!(found.len(), 12, "{found:#?}");
    assert!(
        found
            .iter()
            .any(|text| text.contains("did you mean to.url?"))
    );
    assert!(found.contains(&SettingsError::NoUrl.to_string()));
    assert!(!found.concat().contains("s3cret"));
}

#[test]
fn two_lists_cannot_name_one_status() {
    let found = faults(&[
        ("to.url", "http://h"),
        ("to.successful_on", "404"),
        ("to.retry_on", "4xx"),
        ("to.dead_letter_on", "400-403"),
    ]);
    assert_eq!(
        found,
        [
            "to.successful_on and to.retry_on both name the status 404: take it out of one of them",
            "to.retry_on and to.dead_letter_on both name the status 400: take it out of one of them",
        ]
    );
}

#[test]
fn a_bad_url_is_not_a_missing_one() {
    assert_eq!(
        faults(&[("to.url", "shop.example")]),
        ["to.url must begin with http:// or https://"]
    );
}
