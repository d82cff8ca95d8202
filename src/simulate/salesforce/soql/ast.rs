//! A query as it is written, before anything is known of objects and fields.

/// A query.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Query {
    pub(in super::super) items: Vec<Item>,
    pub(in super::super) object: String,
    pub(super) filter: Option<Expr>,
    pub(super) order: Vec<Order>,
    pub(super) limit: Option<usize>,
    pub(in super::super) offset: Option<usize>,
}

/// What is selected.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Item {
    Field(String),
    /// `COUNT()`, which is told in `totalSize`.
    Count,
    /// Function, field and alias.
    Aggregate(Function, String, Option<String>),
}

/// The functions over all rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Function {
    Count,
    Min,
    Max,
}

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr {
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    Compare(String, Operator, Literal),
    /// Whether the field is in the list, or in none of it.
    In(String, bool, Vec<Literal>),
    /// Whether the field is in what another query selects.
    InQuery(String, bool, Box<Query>),
}

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Is,
    IsNot,
    Less,
    AtMost,
    More,
    AtLeast,
    Like,
}

/// A value in a condition.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    Text(String),
    /// A number, a date or a date with a time.
    Bare(String),
}

/// One key of the order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Order {
    pub(super) field: String,
    pub(super) descending: bool,
    pub(super) nulls_last: bool,
}
