//! How this host authenticates at a NATS server: with one of four methods.
//!
//! `session` passes them to the client.

use crate::schema::{
    Group, Part, Rejection, Secret, Section, Shape, ShownTable, Table, any_text, secret, secret_of,
};

/// How a client authenticates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    /// No authentication.
    #[default]
    None,
    /// A token.
    Token(Secret),
    /// A user and a password.
    User(String, Secret),
    /// A signature with this seed.
    Nkey(Secret),
    /// The contents of a credentials file.
    Credentials(Secret),
}

const NKEY: Shape = Shape {
    name: "seed of a user",
    pattern: None,
    check: check_nkey,
    help: "a seed begins with SU and has 58 letters and digits: nkey = { file = \"user.nk\" }",
};

const CREDENTIALS: Shape = Shape {
    name: "credentials",
    pattern: None,
    check: check_credentials,
    help: "it is the text of a file that `nsc` wrote: credentials = { file = \"user.creds\" }",
};

impl Group for Auth {
    const TABLE: &'static Table = &Table {
        parts: &[
            Part::One(
                secret()
                    .optional("none")
                    .named("token", "Shown to the server; secret."),
            ),
            Part::One(
                any_text()
                    .optional("none")
                    .named("user", "Shown to the server, with `password`."),
            ),
            Part::One(
                secret()
                    .optional("none")
                    .named("password", "Belongs to `user`; secret."),
            ),
            Part::One(secret_of(&NKEY).optional("none").named(
                "nkey",
                "The seed of a user, which begins with `SU`; secret: `{ file = \"user.nk\" }`.",
            )),
            Part::One(secret_of(&CREDENTIALS).optional("none").named(
                "credentials",
                "The text of a credentials file; secret: `{ file = \"user.creds\" }`.",
            )),
        ],
    };

    fn read(section: &mut Section<'_>) -> Option<Self> {
        section.declare(Self::TABLE);
        let is_there = |key: &&str| section.peek(key).is_some();
        let (user, password) = (is_there(&"user"), is_there(&"password"));
        let single: Vec<_> = ["token", "nkey", "credentials"]
            .into_iter()
            .filter(is_there)
            .collect();
        if single.len() + usize::from(user || password) > 1 {
            section.reader.fault(
                section.span.clone(),
                format!(
                    "{} has several of `token`, `user` with `password`, `nkey`, `credentials`",
                    section.name
                ),
                "a server accepts one of them: remove the others",
            );
            return None;
        }
        match (user, password) {
            (true, true) => by_user(section),
            (true, false) => {
                let help = "set the password of the user: password = \"${NATS_PASSWORD}\"";
                section.missing("password", help);
                None
            }
            (false, true) => {
                section.missing("user", "set the user of the password: user = \"…\"");
                None
            }
            (false, false) => match single.first() {
                Some(key) => by_secret(section, key),
                None => Some(Self::None),
            },
        }
    }

    fn show(&self) -> ShownTable {
        let shown = |key: &str| (key.to_owned(), "***".into());
        match self {
            Self::None => ShownTable::new(),
            Self::Token(_) => ShownTable::from_iter([shown("token")]),
            Self::User(user, _) => {
                ShownTable::from_iter([("user".into(), user.as_str().into()), shown("password")])
            }
            Self::Nkey(_) => ShownTable::from_iter([shown("nkey")]),
            Self::Credentials(_) => ShownTable::from_iter([shown("credentials")]),
        }
    }
}

fn by_user(section: &mut Section<'_>) -> Option<Auth> {
    let user: Option<String> = section.read("user")?;
    let password: Option<Secret> = section.read("password")?;
    Some(Auth::User(user?, password?))
}

fn by_secret(section: &mut Section<'_>, key: &'static str) -> Option<Auth> {
    let secret = section.read::<Option<Secret>>(key)??;
    Some(match key {
        "token" => Auth::Token(secret),
        "nkey" => Auth::Nkey(secret),
        // The client expects a newline at the end, which was removed from the file's text.
        _ => Auth::Credentials(Secret::new(format!("{}\n", secret.expose().trim_end()))),
    })
}

fn check_nkey(seed: &str) -> Result<(), Rejection> {
    match seed.starts_with("SU") && seed.len() == 58 {
        true => Ok(()),
        false => Err("`nkey` is not the seed of a user".into()),
    }
}

fn check_credentials(text: &str) -> Result<(), Rejection> {
    const PARTS: [(&str, &str); 2] = [
        ("BEGIN NATS USER JWT", "no JWT of a user"),
        ("BEGIN USER NKEY SEED", "no seed of a user"),
    ];
    match PARTS.iter().find(|(part, _)| !text.contains(part)) {
        Some((_, missing)) => Err(format!("`credentials` has {missing} in it").into()),
        None => Ok(()),
    }
}
