//! Tables with fixed keys. One description drives decoding, merging, suggestions, JSON Schema and the reference, so that
//! they cannot disagree.

use serde_json::{Map as JsonMap, Value as Json, json};
use toml::{Spanned, de::DeTable, de::DeValue};

use super::{
    decode::{Decoder, Toml},
    field::{Disagreement, Field},
    source::{Located, Span},
};
use crate::{Problem, text};

/// One key of a table, as the reference and the schema show it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FieldInfo {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    /// The default as TOML, where there is a plain one.
    pub(crate) default: Option<&'static str>,
    pub(crate) required: bool,
    pub(crate) expected: fn() -> String,
    pub(crate) schema: fn() -> Json,
}

/// A table with fixed keys. The `table!` macro makes it.
pub(crate) trait Table: Default + Clone + PartialEq {
    /// What the table is.
    const DOC: &'static str;
    /// Groups of keys of which only one can hold.
    const ONE_OF: &'static [&'static [&'static str]];

    /// Its keys, in the order of the reference.
    fn fields() -> Vec<FieldInfo>;
    /// [`Table::ONE_OF`] with that of the tables whose keys it takes in.
    fn groups() -> Vec<&'static [&'static str]>;
    /// Decodes `value` into the field `key`; `false` if there is no such field.
    fn set(&mut self, key: &str, value: &Toml<'_>, decoder: &mut Decoder<'_>) -> bool;
    /// Where the field `key` is set.
    fn at(&self, key: &str) -> Option<Span>;
    /// Forgets the field `key`.
    fn clear(&mut self, key: &str);
    /// Lays every field that `upper` sets over this table's.
    fn merge_fields(&mut self, upper: &Self);
    /// Finds the fields that both set, differently.
    fn compare_fields(&self, other: &Self, prefix: &str, found: &mut Vec<Disagreement>);
    /// Every field that is set.
    fn list_settings(&self, prefix: &str, found: &mut Vec<(String, String, Span)>);
}

/// Reads the keys of `entries` into a table. `at` is where the table is; a document is everywhere.
pub(crate) fn decode<T: Table>(
    entries: &DeTable<'_>,
    at: Option<&std::ops::Range<usize>>,
    decoder: &mut Decoder<'_>,
) -> T {
    let mut table = T::default();
    for (name, value) in entries {
        if !table.set(name.get_ref(), value, decoder) {
            decoder.report(name.span(), unknown::<T>(name.get_ref()));
        }
    }
    for group in T::groups() {
        let mut set: Vec<_> = group.iter().filter_map(|key| Some((table.at(key)?, *key))).collect();
        set.sort_unstable();
        if let [(first, one), (second, other), ..] = set.as_slice() {
            let problem = Problem::new("E_CONFLICT", format!("`{one}` and `{other}` exclude each other"))
                .remedy(format!("keep one of {}", quoted(group)));
            decoder.clash(*second, problem, *first, one);
        }
    }
    for field in T::fields() {
        if field.required && !entries.contains_key(field.name) && !decoder.is_broken() {
            let problem = Problem::new("E_MISSING_KEY", format!("`{}` is missing", field.name));
            let remedy = format!("`{}` is: {}", field.name, sentence(field.doc));
            decoder.report_table(at.cloned(), problem.remedy(remedy));
        }
    }
    table
}

/// Reads a whole document.
pub(crate) fn decode_document<T: Table>(document: &Spanned<DeTable<'_>>, decoder: &mut Decoder<'_>) -> T {
    decode(document.get_ref(), None, decoder)
}

/// Reads a table that is a field of another.
pub(crate) fn decode_field<T: Table>(value: &Toml<'_>, decoder: &mut Decoder<'_>) -> Option<T> {
    let DeValue::Table(entries) = value.get_ref() else {
        decoder.mismatch(value, "a table");
        return None;
    };
    Some(decode(entries, Some(&value.span()), decoder))
}

/// What other tools call our fields.
const ELSEWHERE: [(&str, &str); 16] = [
    ("state", "ensure"),
    ("permissions", "mode"),
    ("perms", "mode"),
    ("src", "source"),
    ("text", "content"),
    ("contents", "content"),
    ("require", "needs"),
    ("requires", "needs"),
    ("depends_on", "needs"),
    ("after", "needs"),
    ("notify", "restart_on"),
    ("subscribe", "restart_on"),
    ("running", "active"),
    ("onlyif", "when"),
    ("noop", "audit"),
    ("verify", "validate"),
];

fn unknown<T: Table>(key: &str) -> Problem {
    let problem = Problem::new("E_UNKNOWN_KEY", format!("there is no key `{key}` here"));
    let fields = T::fields();
    let ours = ELSEWHERE.iter().find(|(theirs, _)| *theirs == key).map(|(_, ours)| *ours);
    let ours = ours.filter(|ours| fields.iter().any(|field| field.name == *ours));
    if let Some(near) = ours.or_else(|| text::near(key, fields.iter().map(|field| field.name))) {
        problem.remedy(format!("did you mean `{near}`?"))
    } else {
        let known: Vec<_> = fields.iter().map(|field| field.name).collect();
        problem.remedy(format!("known here: {}", quoted(&known)))
    }
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The first sentence of a description.
fn sentence(doc: &str) -> String {
    let doc = paragraph(doc);
    doc.split_once(". ").map_or(doc.clone(), |(first, _)| format!("{first}."))
}

/// A doc comment as running text.
pub(crate) fn paragraph(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Lays `upper` over `lower`: field by field, and a key of an exclusive group displaces the others.
pub(crate) fn merge<T: Table>(lower: &mut T, upper: &T) {
    for group in T::ONE_OF {
        if group.iter().any(|key| upper.at(key).is_some()) {
            for key in group.iter().filter(|key| upper.at(key).is_none()) {
                lower.clear(key);
            }
        }
    }
    lower.merge_fields(upper);
}

/// Finds where two tables of equal rank disagree.
pub(crate) fn disagreements<T: Table>(one: &T, other: &T, prefix: &str, found: &mut Vec<Disagreement>) {
    one.compare_fields(other, prefix, found);
    for group in T::ONE_OF {
        let set = |table: &T| group.iter().find_map(|key| Some((table.at(key)?, *key)));
        if let (Some((at, key)), Some((against, other_key))) = (set(one), set(other))
            && key != other_key
        {
            found.push(Disagreement { field: format!("{prefix}{key}"), one: at, other: against });
        }
    }
}

/// The JSON Schema of a table.
pub(crate) fn schema<T: Table>() -> Json {
    let mut properties = JsonMap::new();
    let mut required = Vec::new();
    for field in T::fields() {
        let mut schema = (field.schema)();
        if let Some(object) = schema.as_object_mut() {
            let own = object.remove("description");
            let own = own.as_ref().and_then(Json::as_str).map(|own| format!("\n\n{own}")).unwrap_or_default();
            object.insert("description".to_owned(), format!("{}{own}", paragraph(field.doc)).into());
            if let Some(default) = field.default {
                object.insert("default".to_owned(), literal(default));
            }
        }
        properties.insert(field.name.to_owned(), schema);
        if field.required {
            required.push(field.name);
        }
    }
    let mut schema = json!({
        "type": "object",
        "description": paragraph(T::DOC),
        "properties": properties,
        "additionalProperties": false,
    });
    if let Some(object) = schema.as_object_mut() {
        if !required.is_empty() {
            object.insert("required".to_owned(), json!(required));
        }
        let exclusive: Vec<Json> = T::groups().into_iter().flat_map(pairs).collect();
        if !exclusive.is_empty() {
            object.insert("allOf".to_owned(), exclusive.into());
        }
    }
    schema
}

/// "Not both", for each two keys of a group.
fn pairs(group: &'static [&'static str]) -> impl Iterator<Item = Json> {
    group.iter().enumerate().flat_map(move |(index, one)| {
        group.iter().skip(index + 1).map(move |other| json!({ "not": { "required": [one, other] } }))
    })
}

/// A TOML literal as JSON.
pub(crate) fn literal(toml: &str) -> Json {
    let parsed = format!("value = {toml}").parse::<toml::Table>().ok();
    parsed
        .and_then(|mut table| table.remove("value"))
        .and_then(|value| serde_json::to_value(value).ok())
        .unwrap_or(Json::Null)
}

/// The name of a field, without the mark of a raw identifier.
pub(crate) const fn plain(name: &'static str) -> &'static str {
    match name.as_bytes() {
        [b'r', b'#', rest @ ..] => match str::from_utf8(rest) {
            Ok(plain) => plain,
            Err(_) => name,
        },
        _ => name,
    }
}

impl Decoder<'_> {
    /// Tells of two keys that exclude each other.
    fn clash(&mut self, at: Span, problem: Problem, other: Span, key: &str) {
        let related = self.locate(other);
        self.report_at(at, problem.related(format!("`{key}` is here"), related));
    }
}

/// Lays the optional field of a higher layer over that of a lower one.
pub(crate) fn merge_option<F: Field>(lower: &mut Option<Located<F>>, upper: Option<&Located<F>>) {
    match (lower, upper) {
        (_, None) => {}
        (Some(lower), Some(upper)) => {
            lower.value.merge(&upper.value);
            lower.at = upper.at;
        }
        (none @ None, Some(upper)) => *none = Some(upper.clone()),
    }
}

/// Makes a [`Table`] that is also a [`Field`].
///
/// ```text
/// table! {
///     /// What the table is.
///     pub(crate) struct Name {
///         before first: OtherTable,
///         /// What the field is.
///         field: Type = "the default as TOML",
///         /// A field that must be there.
///         other: Type [required],
///         after last: OtherTable,
///     }
///     one_of [["field", "other"]]
/// }
/// ```
macro_rules! table {
    (
        $(#[doc = $doc:literal])+
        pub(crate) struct $name:ident {
            $(before $lead:ident: $lead_type:ty,)*
            $(
                $(#[doc = $field_doc:literal])+
                $field:ident: $type:ty $([$required:ident])? $(= $default:literal)?,
            )*
            $(after $more:ident: $more_type:ty,)*
        }
        $(one_of $groups:tt)?
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Default, PartialEq)]
        pub(crate) struct $name {
            $(
                /// Keys that several sorts of tables have.
                pub(crate) $lead: $lead_type,
            )*
            $(
                $(#[doc = $field_doc])+
                pub(crate) $field: Option<$crate::document::source::Located<$type>>,
            )*
            $(
                /// Keys that several sorts of tables have.
                pub(crate) $more: $more_type,
            )*
        }

        impl $crate::document::table::Table for $name {
            const DOC: &'static str = concat!($($doc, "\n"),+);
            const ONE_OF: &'static [&'static [&'static str]] = $crate::document::table::table!(@groups $($groups)?);

            fn fields() -> Vec<$crate::document::table::FieldInfo> {
                let mut fields = Vec::new();
                $(fields.extend(<$lead_type as $crate::document::table::Table>::fields());)*
                fields.extend([
                    $($crate::document::table::FieldInfo {
                        name: $crate::document::table::plain(stringify!($field)),
                        doc: concat!($($field_doc, "\n"),+),
                        default: $crate::document::table::table!(@default $($default)?),
                        required: $crate::document::table::table!(@required $($required)?),
                        expected: <$type as $crate::document::field::Field>::expected,
                        schema: <$type as $crate::document::field::Field>::schema,
                    },)*
                ]);
                $(fields.extend(<$more_type as $crate::document::table::Table>::fields());)*
                fields
            }

            fn groups() -> Vec<&'static [&'static str]> {
                #[allow(unused_mut, reason = "only mutable with fields of another table")]
                let mut groups = <Self as $crate::document::table::Table>::ONE_OF.to_vec();
                $(groups.extend(<$lead_type as $crate::document::table::Table>::groups());)*
                $(groups.extend(<$more_type as $crate::document::table::Table>::groups());)*
                groups
            }

            fn set(
                &mut self,
                key: &str,
                value: &$crate::document::decode::Toml<'_>,
                decoder: &mut $crate::document::decode::Decoder<'_>,
            ) -> bool {
                $(if key == $crate::document::table::plain(stringify!($field)) {
                    let at = decoder.span(value.span());
                    self.$field = <$type as $crate::document::field::Field>::decode(value, decoder)
                        .map(|value| $crate::document::source::Located { value, at });
                    return true;
                })*
                false $(|| self.$lead.set(key, value, decoder))* $(|| self.$more.set(key, value, decoder))*
            }

            fn at(&self, key: &str) -> Option<$crate::document::source::Span> {
                $(if key == $crate::document::table::plain(stringify!($field)) {
                    return self.$field.as_ref().map(|field| field.at);
                })*
                None $(.or_else(|| self.$lead.at(key)))* $(.or_else(|| self.$more.at(key)))*
            }

            fn clear(&mut self, key: &str) {
                $(if key == $crate::document::table::plain(stringify!($field)) {
                    self.$field = None;
                })*
                $(self.$lead.clear(key);)*
                $(self.$more.clear(key);)*
            }

            fn merge_fields(&mut self, upper: &Self) {
                $($crate::document::table::merge_option(&mut self.$field, upper.$field.as_ref());)*
                $($crate::document::table::merge(&mut self.$lead, &upper.$lead);)*
                $($crate::document::table::merge(&mut self.$more, &upper.$more);)*
            }

            fn compare_fields(
                &self,
                other: &Self,
                prefix: &str,
                found: &mut Vec<$crate::document::field::Disagreement>,
            ) {
                $(if let (Some(one), Some(other)) = (&self.$field, &other.$field) {
                    let name = format!("{prefix}{}", $crate::document::table::plain(stringify!($field)));
                    <$type as $crate::document::field::Field>::disagreements(&name, one, other, found);
                })*
                $($crate::document::table::disagreements(&self.$lead, &other.$lead, prefix, found);)*
                $($crate::document::table::disagreements(&self.$more, &other.$more, prefix, found);)*
            }

            fn list_settings(
                &self,
                prefix: &str,
                found: &mut Vec<(String, String, $crate::document::source::Span)>,
            ) {
                $(self.$lead.list_settings(prefix, found);)*
                $(if let Some(field) = &self.$field {
                    let name = format!("{prefix}{}", $crate::document::table::plain(stringify!($field)));
                    $crate::document::field::Field::settings(&field.value, &name, field.at, found);
                })*
                $(self.$more.list_settings(prefix, found);)*
            }
        }

        impl $crate::document::field::Field for $name {
            fn expected() -> String {
                "a table".to_owned()
            }
            fn schema() -> serde_json::Value {
                $crate::document::table::schema::<Self>()
            }
            fn decode(
                value: &$crate::document::decode::Toml<'_>,
                decoder: &mut $crate::document::decode::Decoder<'_>,
            ) -> Option<Self> {
                $crate::document::table::decode_field(value, decoder)
            }
            fn show(&self) -> String {
                let mut settings = Vec::new();
                $crate::document::table::Table::list_settings(self, "", &mut settings);
                let shown: Vec<_> = settings.iter().map(|(name, value, _)| format!("{name} = {value}")).collect();
                format!("{{ {} }}", shown.join(", "))
            }
            fn merge(&mut self, upper: &Self) {
                $crate::document::table::merge(self, upper);
            }
            fn disagreements(
                name: &str,
                one: &$crate::document::source::Located<Self>,
                other: &$crate::document::source::Located<Self>,
                found: &mut Vec<$crate::document::field::Disagreement>,
            ) {
                $crate::document::table::disagreements(&one.value, &other.value, &format!("{name}."), found);
            }
            fn settings(
                &self,
                name: &str,
                _at: $crate::document::source::Span,
                found: &mut Vec<(String, String, $crate::document::source::Span)>,
            ) {
                $crate::document::table::Table::list_settings(self, &format!("{name}."), found);
            }
        }
    };
    (@groups) => { &[] };
    (@groups [$([$($key:literal),+]),+]) => { &[$(&[$($key),+]),+] };
    (@default) => { None };
    (@default $default:literal) => { Some($default) };
    (@required) => { false };
    (@required required) => { true };
}
pub(crate) use table;
