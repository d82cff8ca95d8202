//! The shapes of HubSpot's answers. Values are documented as strings or null; numbers and booleans
//! were seen in practice, so any scalar is read as its text, and ids likewise.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A scalar as text; null and structures are nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text<'a>(pub Option<Cow<'a, str>>);

impl Text<'_> {
    /// The text, unless it is blank.
    pub fn filled(&self) -> Option<&str> {
        self.0.as_deref().filter(|text| !text.is_empty())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Borrowed(text))))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Owned(text.to_owned()))))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Borrowed(if value { "true" } else { "false" }))))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Owned(value.to_string()))))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Owned(value.to_string()))))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Owned(value.to_string()))))
            }

            fn visit_unit<E>(self) -> Result<Text<'de>, E> {
                Ok(Text(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text<'de>, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Text(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Text<'de>, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Text(None))
            }
        }
        deserializer.deserialize_any(TextVisitor)
    }
}

/// A record's properties in the order of the answer: a dozen, so looking through them is quick.
#[derive(Clone, Debug, Default)]
pub struct Properties<'a>(Vec<(Cow<'a, str>, Text<'a>)>);

impl Properties<'_> {
    /// A property's value, unless it is blank.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name)?.1.filled()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Properties<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PropertiesVisitor;
        impl<'de> Visitor<'de> for PropertiesVisitor {
            type Value = Properties<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("properties")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Properties::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut found = Vec::with_capacity(16);
                while let Some((name, value)) = map.next_entry::<Text<'de>, Text<'de>>()? {
                    found.push((name.0.unwrap_or_default(), value));
                }
                Ok(Properties(found))
            }
        }
        deserializer.deserialize_any(PropertiesVisitor)
    }
}

/// A value that a property had from a time on.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Version<'a> {
    /// The value.
    #[serde(borrow, default)]
    pub value: Text<'a>,
    /// Since when.
    #[serde(borrow, default)]
    pub timestamp: Text<'a>,
}

/// A record.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Item<'a> {
    /// Its id.
    #[serde(borrow)]
    pub id: Text<'a>,
    /// Its properties.
    #[serde(borrow, default)]
    pub properties: Properties<'a>,
    /// Earlier values of some.
    #[serde(borrow, default)]
    pub properties_with_history: Option<BTreeMap<Cow<'a, str>, Option<Vec<Version<'a>>>>>,
    /// When it changed.
    #[serde(borrow, default)]
    pub updated_at: Text<'a>,
    /// Whether it is in the recycle bin.
    #[serde(default)]
    pub archived: Option<bool>,
    /// Since when.
    #[serde(borrow, default)]
    pub archived_at: Text<'a>,
}

/// A page of anything.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Results<T> {
    /// What is on it.
    pub results: Vec<T>,
    /// Where the next one begins.
    #[serde(default)]
    pub paging: Option<Paging>,
    /// How many there are over all pages, where the vendor counts.
    #[serde(default)]
    pub total: Option<u64>,
    /// What a batch could not do, beside what it did.
    #[serde(default)]
    pub errors: Option<Vec<BatchError>>,
}

impl<T> Results<T> {
    /// Where the next page begins, if there is one.
    pub fn after(&self) -> Option<String> {
        self.paging.as_ref()?.next.as_ref()?.after.0.clone().map(Cow::into_owned)
    }
}

/// Where the next page begins.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Paging {
    /// The next page.
    #[serde(default)]
    pub next: Option<Next>,
}

/// The next page.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Next {
    /// An opaque mark.
    #[serde(default, deserialize_with = "owned")]
    pub after: Text<'static>,
}

/// What went wrong with a part of a batch.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchError {
    /// The class.
    #[serde(default, deserialize_with = "owned")]
    pub category: Text<'static>,
    /// A finer class.
    #[serde(default, deserialize_with = "owned")]
    pub sub_category: Text<'static>,
}

/// What a record is associated with.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Association {
    /// The record.
    pub from: Reference,
    /// What it is associated with; the same one may stand there under several types.
    #[serde(default)]
    pub to: Vec<Target>,
    /// More of them.
    #[serde(default)]
    pub paging: Option<Paging>,
}

/// A reference.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Reference {
    /// The id.
    #[serde(deserialize_with = "owned")]
    pub id: Text<'static>,
}

/// The other end of an association: its id was a number up to v4 and is a string since.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// The id.
    #[serde(default, alias = "id", deserialize_with = "owned")]
    pub to_object_id: Text<'static>,
}

/// A person who owns records.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// The id that records name.
    #[serde(deserialize_with = "owned")]
    pub id: Text<'static>,
    /// E-mail address.
    #[serde(default, deserialize_with = "owned")]
    pub email: Text<'static>,
    /// First name.
    #[serde(default, deserialize_with = "owned")]
    pub first_name: Text<'static>,
    /// Last name.
    #[serde(default, deserialize_with = "owned")]
    pub last_name: Text<'static>,
    /// Whether the user was deactivated.
    #[serde(default)]
    pub archived: Option<bool>,
}

/// A pipeline.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Pipeline {
    /// The id.
    #[serde(deserialize_with = "owned")]
    pub id: Text<'static>,
    /// What people call it.
    #[serde(default, deserialize_with = "owned")]
    pub label: Text<'static>,
    /// Its stages.
    #[serde(default)]
    pub stages: Vec<Stage>,
}

/// A stage. Its id is unique within its pipeline only.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Stage {
    /// The id.
    #[serde(deserialize_with = "owned")]
    pub id: Text<'static>,
    /// What people call it.
    #[serde(default, deserialize_with = "owned")]
    pub label: Text<'static>,
    /// `isClosed` and `probability`, as strings.
    #[serde(default)]
    pub metadata: BTreeMap<String, serde_json::Value>,
}

/// A property's definition.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Property {
    /// Its name.
    pub name: String,
}

fn owned<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Text<'static>, D::Error> {
    let text = Text::deserialize(deserializer)?;
    Ok(Text(text.0.map(|text| Cow::Owned(text.into_owned()))))
}
