//! The schema as tables: what the text and JSON forms need to know about each message.

/// A message type.
#[derive(Debug)]
pub struct Message {
    /// The name within the package, nested names with a dot: `AttrValue.ListValue`.
    pub name: &'static str,
    /// The fields, by ascending number.
    pub fields: &'static [Field],
    /// Whether this is the entry of a map: field 1 the key, field 2 the value.
    pub map_entry: bool,
}

/// A field of a message.
#[derive(Debug)]
pub struct Field {
    /// The number on the wire.
    pub number: u32,
    /// The name in text.
    pub name: &'static str,
    /// The name in JSON.
    pub json_name: &'static str,
    /// The type of the value.
    pub kind: Kind,
    /// Whether there may be many values (true for maps also).
    pub repeated: bool,
    /// The group of which at most one member is set.
    pub oneof: Option<&'static str>,
}

/// The type of a field's value.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub enum Kind {
    Bool,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint64,
    Fixed32,
    Fixed64,
    Float,
    Double,
    String,
    Bytes,
    Enum(&'static Enum),
    Message(&'static Message),
}

/// An enum type.
#[derive(Debug)]
pub struct Enum {
    /// The name within the package.
    pub name: &'static str,
    /// Names and numbers.
    pub values: &'static [(&'static str, i32)],
}

include!(concat!(env!("OUT_DIR"), "/schema.rs"));

/// The message of that name (`GraphDef`, `AttrValue.ListValue`).
pub fn message(name: &str) -> Option<&'static Message> {
    MESSAGES.iter().copied().find(|m| m.name == name)
}

impl Message {
    /// The field of that number.
    pub fn field(&self, number: u32) -> Option<&'static Field> {
        self.fields.iter().find(|f| f.number == number)
    }
    /// The field of that name in text.
    pub fn field_named(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|f| f.name == name)
    }
}

impl Field {
    /// The entry type, when this is a map.
    pub fn map(&self) -> Option<&'static Message> {
        match self.kind {
            Kind::Message(m) if m.map_entry => Some(m),
            _ => None,
        }
    }
    /// Whether many values stand in one length-delimited field.
    pub fn is_packed(&self) -> bool {
        self.repeated && !matches!(self.kind, Kind::String | Kind::Bytes | Kind::Message(_))
    }
}

impl Enum {
    /// The name of a number, if it has one.
    pub fn name_of(&self, number: i32) -> Option<&'static str> {
        self.values.iter().find(|v| v.1 == number).map(|v| v.0)
    }
    /// The number of a name.
    pub fn number_of(&self, name: &str) -> Option<i32> {
        self.values.iter().find(|v| v.0 == name).map(|v| v.1)
    }
}
