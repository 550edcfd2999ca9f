//! How the values that have a text form of their own look in JSON Schemas.

/// Declares the schema of a type that is a text in JSON.
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
