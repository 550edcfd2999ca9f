//! Values that are a text in JSON.

/// Declares that a type is, in JSON, the text that `Display` prints and `FromStr` reads, with the
/// rest of its JSON Schema. It debugs as it prints.
macro_rules! as_text {
    ($name:ident, $schema:tt) => {
        $crate::text::text_schema!($name, $schema);

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use as_text;

/// Declares the JSON Schema of a type that is a text in JSON.
macro_rules! text_schema {
    ($name:ident, { $($more:tt)* }) => {
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", $($more)* })
            }
        }
    };
}
pub(crate) use text_schema;
