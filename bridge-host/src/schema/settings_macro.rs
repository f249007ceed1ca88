//! The macro `settings!`: declares a struct together with its fields as settings.
//! The struct implements the trait of `group`.

/// Declares a table of settings: the struct that code uses, how the table is read, and
/// its documentation in docs/reference/configuration.md and the JSON Schema.
///
/// ```text
/// settings! {
///     /// How requests go to endpoints on the network.
///     #[derive(Clone, Debug)]
///     pub struct Settings {
///         /// a connection that was idle for this long is closed
///         idle_timeout: Duration = duration()
///             .default("\"60s\"")
///             .most(Duration::from_secs(90), "most servers have closed it by then");
///         /// a PEM file of certificates that are trusted beside the system's
///         ca_file: Option<PathBuf> = path_to(&PEM).optional("none");
///         /// a group of keys that are in the same table
///         auth: Auth;
///     }
/// }
/// ```
///
/// - A field's name is its key, and its doc comment documents the key. `"as"
///   seen_as: String = …` gives the key another name than the field.
/// - `field: Type => value;` declares no key: the field has this value until code sets it.
/// - `check = function;` behind the struct: a `fn(&Section, &Self)` that records
///   faults between several keys.
/// - `in "name"` in front of `{`: the name of the table in errors, instead of its key.
#[macro_export]
macro_rules! settings {
    (
        $(#[doc = $doc:literal])*
        $(#[derive($($derive:ident),* $(,)?)])?
        pub struct $Name:ident $(in $title:literal)? {
            $(
                $(#[doc = $about:literal])*
                $($key:literal)? $field:ident : $type:ty $(= $of:expr)? $(=> $value:expr)? ;
            )*
        }
        $(check = $check:path;)?
    ) => {
        $(#[doc = $doc])*
        $(#[derive($($derive),*)])?
        pub struct $Name {
            $( $(#[doc = $about])* pub $field: $type, )*
        }

        impl $crate::schema::Group for $Name {
            const TABLE: &'static $crate::schema::Table = &$crate::schema::Table {
                parts: &[
                    $( $crate::settings!(@part [$($key)? $field] [$($about)*] $type $(, $of)? $(=> $value)?) ),*
                ],
            };

            fn read(section: &mut $crate::schema::Section<'_>) -> Option<Self> {
                section.declare(<Self as $crate::schema::Group>::TABLE);
                $( let $field = $crate::settings!(@read section [$($key)? $field] $type $(, $of)? $(=> $value)?); )*
                let read = Self { $( $field: $field? ),* };
                $( $check(section, &read); )?
                Some(read)
            }

            fn show(&self) -> $crate::schema::ShownTable {
                let mut all = $crate::schema::ShownTable::new();
                $( $crate::settings!(@show all self [$($key)? $field] $field $type $(, $of)? $(=> $value)?); )*
                all
            }
        }

        impl $crate::schema::SettingValue for $Name {
            fn show(&self) -> $crate::schema::Shown {
                <Self as $crate::schema::Group>::show(self).into()
            }

            fn from_value(
                value: &$crate::schema::Value<'_>,
                _: &$crate::schema::Kind,
            ) -> Option<Self> {
                let name = $crate::settings!(@name value $($title)?);
                let mut section = value.section(&name)?;
                let read = <Self as $crate::schema::Group>::read(&mut section);
                section.finish();
                read
            }
        }
    };

    (@name $value:ident) => { $value.title() };
    (@name $value:ident $title:literal) => { $title };

    (@key $field:ident) => { stringify!($field) };
    (@key $key:literal $field:ident) => { $key };

    (@part [$($key:tt)*] [$($about:literal)*] $type:ty, $of:expr) => {{
        const OF: $crate::schema::Declaration<$type> = $of;
        $crate::schema::Part::One(
            OF.named($crate::settings!(@key $($key)*), concat!($($about),*)),
        )
    }};
    (@part [$($key:tt)*] [$($about:literal)*] $type:ty) => {
        $crate::schema::Part::Group(<$type as $crate::schema::Group>::TABLE)
    };

    (@part [$($key:tt)*] [$($about:literal)*] $type:ty => $value:expr) => {
        $crate::schema::Part::Group(&$crate::schema::Table { parts: &[] })
    };

    (@show $all:ident $self:ident [$($key:tt)*] $field:ident $type:ty, $of:expr) => {
        $all.insert(
            $crate::settings!(@key $($key)*).to_owned(),
            <$type as $crate::schema::SettingValue>::show(&$self.$field),
        )
    };
    (@show $all:ident $self:ident [$($key:tt)*] $field:ident $type:ty) => {
        $all.extend(<$type as $crate::schema::Group>::show(&$self.$field))
    };
    (@show $all:ident $self:ident [$($key:tt)*] $field:ident $type:ty => $value:expr) => {};

    (@read $section:ident [$($key:tt)*] $type:ty, $of:expr) => {
        $section.read::<$type>($crate::settings!(@key $($key)*))
    };
    (@read $section:ident [$($key:tt)*] $type:ty) => {
        <$type as $crate::schema::Group>::read($section)
    };
    (@read $section:ident [$($key:tt)*] $type:ty => $value:expr) => { Some($value) };
}
