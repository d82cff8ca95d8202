//! The query language: its words, its grammar, and what a query means for the records of an org.

mod ast;
mod bind;
mod lexer;
mod matching;
mod parser;
mod run;
mod select;

#[cfg(test)]
mod tests;

pub(super) use ast::Item;
pub(super) use parser::parse;
pub(super) use run::{Found, Scope, run};
pub(super) use select::Selection;

/// Why a query is refused: the vendor's code, and its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Refusal {
        Refusal { code, message: message.into() }
    }

    /// The query is none.
    pub(super) fn malformed(message: impl Into<String>) -> Refusal {
        Refusal::new("MALFORMED_QUERY", message)
    }

    /// There is no such field, or not one that can be used so.
    pub(super) fn field(message: impl Into<String>) -> Refusal {
        Refusal::new("INVALID_FIELD", message)
    }

    /// The object has no field of that name, or the caller may not know it.
    pub(super) fn no_column(name: &str, object: &str) -> Refusal {
        Refusal::field(format!(
            "No such column '{name}' on entity '{object}'. If you are attempting to use a custom \
             field, be sure to append the '__c' after the custom field name. Please reference your \
             WSDL or the describe call for the appropriate names."
        ))
    }

    /// There is no object of that name, or the caller may not know it.
    pub(super) fn no_object(name: &str) -> Refusal {
        Refusal::new(
            "INVALID_TYPE",
            format!(
                "sObject type '{name}' is not supported. If you are attempting to use a custom \
                 object, be sure to append the '__c' after the entity name. Please reference your \
                 WSDL or the describe call for the appropriate names."
            ),
        )
    }
}
