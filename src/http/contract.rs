//! What a route takes and gives, as types: the route table names them, the OpenAPI document is
//! made of them.

use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// Makes the schema of a shape.
pub type Shape = fn(&mut SchemaGenerator) -> Schema;

/// The fields of a query, in groups that routes share.
pub type Asks = &'static [&'static [Param]];

/// One field of a query.
#[derive(Debug, Clone, Copy)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub summary: &'static str,
    /// What its value looks like.
    pub shape: Shape,
}

/// What a route's body looks like.
#[derive(Debug, Clone, Copy)]
pub struct Takes {
    /// Whether it has to be there.
    pub required: bool,
    /// Its content type.
    pub content: &'static str,
    /// Its shape.
    pub shape: Shape,
}

/// What a route gives when all goes well.
#[derive(Debug, Clone, Copy)]
pub struct Gives {
    /// The status.
    pub status: u16,
    /// The content type; empty where there is no content.
    pub content: &'static str,
    /// Its shape.
    pub shape: Shape,
}

/// A type that a route takes as its body.
pub trait Body {
    /// Whether it has to be there.
    const REQUIRED: bool;
    /// Its content type.
    const TYPE: &'static str = "application/json";
    /// Its shape.
    fn shape(generator: &mut SchemaGenerator) -> Schema;
}

impl<T: JsonSchema> Body for T {
    const REQUIRED: bool = true;

    fn shape(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<T>()
    }
}

/// A body that may be left out: as if it were the empty object.
#[derive(Debug)]
pub struct Maybe<T>(PhantomData<T>);

impl<T: JsonSchema> Body for Maybe<T> {
    const REQUIRED: bool = false;

    fn shape(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<T>()
    }
}

/// A body that comes as a form of a page, and may be left out.
#[derive(Debug)]
pub struct Form<T>(PhantomData<T>);

impl<T: JsonSchema> Body for Form<T> {
    const REQUIRED: bool = false;
    const TYPE: &'static str = "application/x-www-form-urlencoded";

    fn shape(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<T>()
    }
}

/// A type that a route gives as its content.
pub trait Content {
    /// Its content type.
    const TYPE: &'static str;
    /// Its shape.
    fn shape(generator: &mut SchemaGenerator) -> Schema;
}

/// JSON of a type.
#[derive(Debug)]
pub struct Json<T>(PhantomData<T>);

impl<T: JsonSchema> Content for Json<T> {
    const TYPE: &'static str = "application/json";

    fn shape(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<T>()
    }
}

/// Content that is a text of some type.
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident $type:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name;

        impl Content for $name {
            const TYPE: &'static str = $type;

            fn shape(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string" })
            }
        }
    )*};
}

texts! {
    /// Lines of comma-separated values.
    Csv "text/csv; charset=utf-8";
    /// A page for people.
    Html "text/html; charset=utf-8";
    /// A file to keep.
    Download "application/octet-stream";
}

/// A document as a file.
#[derive(Debug)]
pub struct Pdf;

impl Content for Pdf {
    const TYPE: &'static str = crate::documents::PDF;

    fn shape(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "contentEncoding": "binary" })
    }
}

/// The fields of queries, by what they are for.
pub mod params {
    use super::{Param, json_schema};

    /// Which page of a list.
    pub const PAGE: &[Param] = &[
        Param {
            name: "limit",
            summary: "How many rows a page has",
            shape: |_| json_schema!({ "type": "integer", "minimum": 1, "maximum": 200, "default": 50 }),
        },
        Param {
            name: "after",
            summary: "The `next` of the page before",
            shape: |_| json_schema!({ "type": "string", "minLength": 1, "maxLength": 200 }),
        },
    ];

    /// Which orders, of every account.
    pub const SEARCH: &[Param] = &[
        Param {
            name: "page",
            summary: "Which page, counted from 1",
            shape: |_| json_schema!({ "type": "integer", "minimum": 1, "maximum": 1_000_000, "default": 1 }),
        },
        Param {
            name: "q",
            summary: "An order's number, or part of its plan's name, its transfer's id, or its customer's id, name or e-mail address",
            shape: |_| json_schema!({ "type": "string", "maxLength": 100 }),
        },
        Param {
            name: "userId",
            summary: "Only those of this user",
            shape: |_| json_schema!({ "type": "string", "maxLength": 200 }),
        },
    ];

    /// How new an answer has to be.
    pub const READ: &[Param] = &[Param {
        name: "min_position",
        summary: "Wait until the answer shows this position of the log",
        shape: |_| json_schema!({ "type": "integer", "minimum": 0 }),
    }];

    /// Which span of an export.
    pub const EXPORT: &[Param] = &[
        Param {
            name: "from",
            summary: "From this day in the seller's zone, or this instant, on",
            shape: |_| json_schema!({ "type": "string", "examples": ["2026-05-01"] }),
        },
        Param {
            name: "to",
            summary: "Up to before this day or instant",
            shape: |_| json_schema!({ "type": "string", "examples": ["2026-06-01"] }),
        },
    ];

    /// Whose sessions.
    pub const USER: &[Param] = &[Param {
        name: "user",
        summary: "Those of this user, by the panel's own id",
        shape: |_| json_schema!({ "type": "string", "minLength": 1, "maxLength": 200 }),
    }];

    /// Which deliveries.
    pub const DELIVERED: &[Param] = &[Param {
        name: "status",
        summary: "Those that have come so far",
        shape: |_| json_schema!({ "type": "string", "enum": ["pending", "delivered", "given_up"] }),
    }];

    /// Whether a subscription ends now.
    pub const IMMEDIATELY: &[Param] = &[Param {
        name: "immediately",
        summary: "Whether it ends now, and not with its period",
        shape: |_| json_schema!({ "type": "boolean", "default": false }),
    }];

    /// Whether subscribers with limits of their own lose them.
    pub const FORCE: &[Param] = &[Param {
        name: "force",
        summary: "Whether subscribers with limits of their own lose them",
        shape: |_| json_schema!({ "type": "boolean", "default": false }),
    }];

    /// Which moment of the past.
    pub const AS_OF: &[Param] = &[
        Param {
            name: "as_of",
            summary: "As things were at this instant, or after this position of the log",
            shape: |_| {
                json_schema!({
                    "anyOf": [
                        { "type": "string", "format": "date-time" },
                        { "type": "integer", "minimum": 0 },
                    ],
                    "examples": ["2026-05-01T00:00:00Z", 42],
                })
            },
        },
        Param {
            name: "as_known_at",
            summary: "From what the ledger had been told by this instant",
            shape: |_| {
                let example = "2026-05-01T00:00:00Z";
                json_schema!({ "type": "string", "format": "date-time", "examples": [example] })
            },
        },
    ];

    /// Which page of a list that is numbered.
    pub const NUMBERED: &[Param] = &[
        Param {
            name: "limit",
            summary: "How many events a page has",
            shape: |_| json_schema!({ "type": "integer", "minimum": 1, "maximum": 200, "default": 50 }),
        },
        Param {
            name: "after",
            summary: "The `next` of the page before",
            shape: |_| json_schema!({ "type": "integer", "minimum": 0, "default": 0 }),
        },
    ];

    /// Up to which day.
    pub const THROUGH: &[Param] = &[Param {
        name: "through",
        summary: "The last accounting day that counts, in the seller's zone; today where it is absent",
        shape: |_| json_schema!({ "type": "string", "format": "date" }),
    }];

    /// Which type of event.
    pub const TYPE: &[Param] = &[Param {
        name: "type",
        summary: "Events of this type only",
        shape: |_| {
            let types: Vec<_> = daybook_events::Event::types().into_iter().map(|it| it.0).collect();
            json_schema!({ "type": "string", "enum": types })
        },
    }];

    /// Which messages of the inbox.
    pub const STATE: &[Param] = &[Param {
        name: "state",
        summary: "Messages of which this became",
        shape: |_| {
            let states = crate::settlement::apply::State::ALL.map(|state| state.name());
            json_schema!({ "type": "string", "enum": states })
        },
    }];

    /// Which stream.
    pub const STREAM: &[Param] = &[Param {
        name: "stream",
        summary: "Events of this stream only",
        shape: |_| json_schema!({ "type": "string", "examples": ["book"] }),
    }];
}
