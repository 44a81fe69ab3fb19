//! Neutral parameters and rows: what both drivers can bind and give back.

use std::borrow::Cow;

use keystead_protocol::time::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

use crate::fault::Fault;

/// A parameter as both databases can bind it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// SQL NULL.
    Null,
    /// `BOOLEAN`, or 0 and 1.
    Bool(bool),
    /// `BIGINT`.
    Int(i64),
    /// `TEXT`.
    Text(Cow<'a, str>),
    /// JSON text: `TEXT` on SQLite, `JSONB` on PostgreSQL.
    Document(String),
    /// `BYTEA`, or `BLOB`.
    Bytes(&'a [u8]),
}

/// Something that can be bound to `$n`.
pub trait Param {
    /// The neutral value of this parameter.
    fn value(&self) -> Value<'_>;
}

/// The parameters of one statement, `$1` first.
pub type Params<'a> = &'a [&'a dyn Param];

impl Param for bool {
    fn value(&self) -> Value<'_> {
        Value::Bool(*self)
    }
}
impl Param for i64 {
    fn value(&self) -> Value<'_> {
        Value::Int(*self)
    }
}
impl Param for u32 {
    fn value(&self) -> Value<'_> {
        Value::Int(i64::from(*self))
    }
}
impl Param for str {
    fn value(&self) -> Value<'_> {
        Value::Text(Cow::Borrowed(self))
    }
}
impl Param for String {
    fn value(&self) -> Value<'_> {
        Value::Text(Cow::Borrowed(self))
    }
}
impl Param for [u8] {
    fn value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}
impl Param for Vec<u8> {
    fn value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}
impl Param for Timestamp {
    fn value(&self) -> Value<'_> {
        Value::Int(self.as_millis())
    }
}
impl<T: Param> Param for Option<T> {
    fn value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, Param::value)
    }
}
impl<T: Param + ?Sized> Param for &T {
    fn value(&self) -> Value<'_> {
        (**self).value()
    }
}

/// A document or a set, stored as JSON text.
#[derive(Debug, Clone, PartialEq)]
pub struct Json<T>(pub T);

impl<T: Serialize> Param for Json<T> {
    fn value(&self) -> Value<'_> {
        // A document that cannot be written as JSON binds as NULL, and every document column is NOT NULL.
        serde_json::to_string(&self.0).map_or(Value::Null, Value::Document)
    }
}

/// One column of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// SQL NULL.
    Null,
    /// `BOOLEAN` (PostgreSQL only; SQLite answers [`Column::Int`]).
    Bool(bool),
    /// Any integer.
    Int(i64),
    /// Text or a JSON document.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// A type that a column can become. Illegal contents are refused here, so that no record can hold them.
pub trait FromColumn: Sized {
    /// # Errors
    /// Says what was expected; the caller adds which column it was.
    fn from_column(column: Column) -> Result<Self, String>;
}

/// One row of an answer, consumed column by column in the order of the statement's column list.
#[derive(Debug)]
pub struct Row {
    columns: std::vec::IntoIter<Column>,
    taken: usize,
}

impl Row {
    pub(super) fn new(columns: Vec<Column>) -> Self {
        Self {
            columns: columns.into_iter(),
            taken: 0,
        }
    }

    /// Takes the next column.
    ///
    /// # Errors
    /// [`Fault::Corrupt`] if the row has no further column or its content is not a legal `T`.
    pub fn take<T: FromColumn>(&mut self) -> Result<T, Fault> {
        let column = self.taken;
        self.taken += 1;
        self.columns
            .next()
            .ok_or_else(|| "a column".to_owned())
            .and_then(T::from_column)
            .map_err(|why| Fault::Corrupt { column, why })
    }
}

impl FromColumn for i64 {
    fn from_column(column: Column) -> Result<Self, String> {
        match column {
            Column::Int(n) => Ok(n),
            Column::Null | Column::Bool(_) | Column::Text(_) | Column::Bytes(_) => {
                Err("an integer".to_owned())
            }
        }
    }
}
impl FromColumn for u32 {
    fn from_column(column: Column) -> Result<Self, String> {
        i64::from_column(column)?
            .try_into()
            .map_err(|_| "an integer from 0 to 2^32".to_owned())
    }
}
impl FromColumn for bool {
    fn from_column(column: Column) -> Result<Self, String> {
        match column {
            Column::Bool(b) => Ok(b),
            Column::Int(0) => Ok(false),
            Column::Int(1) => Ok(true),
            Column::Null | Column::Int(_) | Column::Text(_) | Column::Bytes(_) => {
                Err("a boolean".to_owned())
            }
        }
    }
}
impl FromColumn for String {
    fn from_column(column: Column) -> Result<Self, String> {
        match column {
            Column::Text(text) => Ok(text),
            Column::Null | Column::Bool(_) | Column::Int(_) | Column::Bytes(_) => {
                Err("a text".to_owned())
            }
        }
    }
}
impl FromColumn for Vec<u8> {
    fn from_column(column: Column) -> Result<Self, String> {
        match column {
            Column::Bytes(bytes) => Ok(bytes),
            Column::Null | Column::Bool(_) | Column::Int(_) | Column::Text(_) => {
                Err("bytes".to_owned())
            }
        }
    }
}
impl FromColumn for Timestamp {
    fn from_column(column: Column) -> Result<Self, String> {
        i64::from_column(column).map(Timestamp::from_millis)
    }
}
impl<T: FromColumn> FromColumn for Option<T> {
    fn from_column(column: Column) -> Result<Self, String> {
        match column {
            Column::Null => Ok(None),
            present => T::from_column(present).map(Some),
        }
    }
}
impl<T: DeserializeOwned> FromColumn for Json<T> {
    fn from_column(column: Column) -> Result<Self, String> {
        serde_json::from_str(&String::from_column(column)?)
            .map(Json)
            .map_err(|e| format!("a document: {e}"))
    }
}

impl Value<'_> {
    /// Whether this is a text with U+0000, or a document with the escape of it that `JSONB` refuses.
    pub(super) fn holds_nul(&self) -> bool {
        match self {
            Self::Text(text) => text.contains('\0'),
            Self::Document(text) => text.match_indices("\\u0000").any(|(at, _)| {
                let slashes = text[..at].bytes().rev().take_while(|b| *b == b'\\').count();
                slashes % 2 == 0
            }),
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Bytes(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nul_is_found_in_texts_and_as_an_escape_in_documents() {
        let text = |t: &'static str| Value::Text(Cow::Borrowed(t));
        let document = |t: &str| Value::Document(t.to_owned());
        for (name, value, want) in [
            ("plain text", text("abc"), false),
            ("a NUL in a text", text("a\0c"), true),
            (
                "the letters of the escape in a text",
                text(r"\u0000"),
                false,
            ),
            (
                "an escape of NUL in a document",
                document(r#"{"a":"\u0000"}"#),
                true,
            ),
            (
                "an escaped backslash before u0000",
                document(r#"{"a":"\\u0000"}"#),
                false,
            ),
            (
                "an escaped backslash, then an escape of NUL",
                document(r#"{"a":"\\\u0000"}"#),
                true,
            ),
        ] {
            assert_eq!(value.holds_nul(), want, "{name}");
        }
    }

    #[test]
    fn a_row_names_the_column_that_is_wrong() {
        let mut row = Row::new(vec![Column::Int(1), Column::Int(2)]);
        assert_eq!(row.take::<bool>(), Ok(true));
        assert_eq!(
            row.take::<bool>(),
            Err(Fault::Corrupt {
                column: 1,
                why: "a boolean".to_owned()
            })
        );
        assert_eq!(
            row.take::<i64>(),
            Err(Fault::Corrupt {
                column: 2,
                why: "a column".to_owned()
            })
        );
    }
}
