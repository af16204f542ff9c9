//! Tables with fixed keys. One description drives decoding, merging, suggestions, JSON Schema and the reference, so that
//! they cannot disagree.

use serde_json::Value as Json;

use super::{
    decode::{Decoder, Toml},
    field::{Disagreement, Field},
    source::{Located, Span},
};

mod read;
mod schema;

pub(crate) use read::{decode_document, decode_field};
pub(crate) use schema::schema;

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
