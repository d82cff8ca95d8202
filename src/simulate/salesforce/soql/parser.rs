//! The grammar. As in the vendor's, AND and OR do not mix without parentheses, and NOT stands before
//! one simple condition.

use super::Refusal;
use super::ast::{Expr, Function, Item, Literal, Operator, Order, Query};
use super::lexer::{Token, tokens};

/// Queries that are longer are refused, as the vendor refuses them.
const MAX_QUERY_CHARS: usize = 100_000;
/// The vendor allows fewer; this only keeps the stack.
const MAX_DEPTH: usize = 60;
const MAX_OFFSET: usize = 2000;

/// Reads a query.
pub(in super::super) fn parse(text: &str) -> Result<Query, Refusal> {
    if text.len() > MAX_QUERY_CHARS {
        return Err(Refusal::new("QUERY_TOO_COMPLICATED", "SOQL statement is too long"));
    }
    let mut parser = Parser { text, tokens: tokens(text)?, at: 0, depth: 0 };
    let query = parser.query(false)?;
    match parser.peek() {
        None => Ok(query),
        Some(_) => Err(parser.unexpected()),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<(usize, Token)>,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|token| &token.1)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.peek().cloned();
        self.at += 1;
        token
    }

    /// Shows the query up to the piece that is wrong, as the vendor does.
    fn unexpected(&self) -> Refusal {
        let (place, shown) = match self.tokens.get(self.at) {
            Some((place, token)) => (*place, token.shown()),
            None => (self.text.len(), "<EOF>".to_owned()),
        };
        let caret = format!("{:>1$}", "^", place + 1);
        Refusal::malformed(format!(
            "\n{}\n{caret}\nERROR at Row:1:Column:{}\nunexpected token: '{shown}'",
            self.text,
            place + 1
        ))
    }

    fn is_word(&self, ahead: usize, word: &str) -> bool {
        let token = self.tokens.get(self.at + ahead).map(|token| &token.1);
        matches!(token, Some(Token::Word(w)) if w.eq_ignore_ascii_case(word))
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is = self.is_word(0, word);
        self.at += usize::from(is);
        is
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let is = matches!(self.peek(), Some(Token::Sign(s)) if *s == sign);
        self.at += usize::from(is);
        is
    }

    fn needed_word(&mut self, word: &str) -> Result<(), Refusal> {
        if self.take_word(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn needed_sign(&mut self, sign: &str) -> Result<(), Refusal> {
        if self.take_sign(sign) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn name(&mut self) -> Result<String, Refusal> {
        match self.peek() {
            Some(Token::Word(word)) => {
                let word = word.clone();
                self.at += 1;
                Ok(word)
            }
            _ => Err(self.unexpected()),
        }
    }

    fn query(&mut self, inner: bool) -> Result<Query, Refusal> {
        self.needed_word("SELECT")?;
        let mut items = vec![self.item()?];
        while self.take_sign(",") {
            items.push(self.item()?);
        }
        self.needed_word("FROM")?;
        let object = self.name()?;
        let filter = match self.take_word("WHERE") {
            true => Some(self.condition()?),
            false => None,
        };
        let mut order = Vec::new();
        if !inner && self.take_word("ORDER") {
            self.needed_word("BY")?;
            order.push(self.order()?);
            while self.take_sign(",") {
                order.push(self.order()?);
            }
        }
        let limit = match self.take_word("LIMIT") {
            true => Some(self.count()?),
            false => None,
        };
        let offset = match !inner && self.take_word("OFFSET") {
            true => Some(self.count()?),
            false => None,
        };
        if offset.is_some_and(|offset| offset > MAX_OFFSET) {
            let message = format!("Maximum SOQL offset allowed is {MAX_OFFSET}");
            return Err(Refusal::new("NUMBER_OUTSIDE_VALID_RANGE", message));
        }
        if items == [Item::Count] && !order.is_empty() {
            return Err(Refusal::malformed("Ordered field must be grouped or aggregated"));
        }
        Ok(Query { items, object, filter, order, limit, offset })
    }

    fn count(&mut self) -> Result<usize, Refusal> {
        let told = match self.peek() {
            Some(Token::Bare(text)) => text.parse().ok(),
            _ => None,
        };
        let told = told.ok_or_else(|| self.unexpected())?;
        self.at += 1;
        Ok(told)
    }

    fn item(&mut self) -> Result<Item, Refusal> {
        let start = self.at;
        let name = self.name()?;
        if !self.take_sign("(") {
            return Ok(Item::Field(name));
        }
        let function = match name.to_ascii_uppercase().as_str() {
            "COUNT" => Function::Count,
            "MIN" => Function::Min,
            "MAX" => Function::Max,
            _ => {
                self.at = start;
                return Err(self.unexpected());
            }
        };
        if function == Function::Count && self.take_sign(")") {
            return Ok(Item::Count);
        }
        let field = self.name()?;
        self.needed_sign(")")?;
        let has_alias = matches!(self.peek(), Some(Token::Word(_))) && !self.is_word(0, "FROM");
        let alias = if has_alias { Some(self.name()?) } else { None };
        Ok(Item::Aggregate(function, field, alias))
    }

    fn order(&mut self) -> Result<Order, Refusal> {
        let field = self.name()?;
        let descending = self.take_word("DESC");
        if !descending {
            self.take_word("ASC");
        }
        let mut nulls_last = false;
        if self.take_word("NULLS") {
            nulls_last = self.take_word("LAST");
            if !nulls_last {
                self.needed_word("FIRST")?;
            }
        }
        Ok(Order { field, descending, nulls_last })
    }

    fn condition(&mut self) -> Result<Expr, Refusal> {
        if self.is_word(0, "NOT") {
            self.at += 1;
            return Ok(Expr::Not(Box::new(self.simple()?)));
        }
        let first = self.simple()?;
        for word in ["AND", "OR"] {
            if self.is_word(0, word) {
                let mut all = vec![first];
                while self.take_word(word) {
                    all.push(self.simple()?);
                }
                return Ok(if word == "AND" { Expr::And(all) } else { Expr::Or(all) });
            }
        }
        Ok(first)
    }

    fn simple(&mut self) -> Result<Expr, Refusal> {
        if !self.take_sign("(") {
            return self.comparison();
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Refusal::new("QUERY_TOO_COMPLICATED", "The query is too deeply nested"));
        }
        let condition = self.condition()?;
        self.depth -= 1;
        self.needed_sign(")")?;
        Ok(condition)
    }

    fn comparison(&mut self) -> Result<Expr, Refusal> {
        let field = self.name()?;
        let negated = self.is_word(0, "NOT") && self.is_word(1, "IN");
        self.at += usize::from(negated);
        if self.take_word("IN") {
            self.needed_sign("(")?;
            if self.is_word(0, "SELECT") {
                let query = self.query(true)?;
                self.needed_sign(")")?;
                return Ok(Expr::InQuery(field, negated, Box::new(query)));
            }
            let mut all = vec![self.literal()?];
            while self.take_sign(",") {
                all.push(self.literal()?);
            }
            self.needed_sign(")")?;
            return Ok(Expr::In(field, negated, all));
        }
        if self.take_word("LIKE") {
            return Ok(Expr::Compare(field, Operator::Like, self.literal()?));
        }
        let operator = match self.peek() {
            Some(Token::Sign("=")) => Operator::Is,
            Some(Token::Sign("!=" | "<>")) => Operator::IsNot,
            Some(Token::Sign("<")) => Operator::Less,
            Some(Token::Sign("<=")) => Operator::AtMost,
            Some(Token::Sign(">")) => Operator::More,
            Some(Token::Sign(">=")) => Operator::AtLeast,
            _ => return Err(self.unexpected()),
        };
        self.at += 1;
        Ok(Expr::Compare(field, operator, self.literal()?))
    }

    fn literal(&mut self) -> Result<Literal, Refusal> {
        let literal = match self.peek() {
            Some(Token::Text(text)) => Literal::Text(text.clone()),
            Some(Token::Bare(text)) => Literal::Bare(text.clone()),
            Some(Token::Word(word)) => match word.to_ascii_uppercase().as_str() {
                "NULL" => Literal::Null,
                "TRUE" => Literal::Bool(true),
                "FALSE" => Literal::Bool(false),
                _ => return Err(self.unexpected()),
            },
            _ => return Err(self.unexpected()),
        };
        self.next();
        Ok(literal)
    }
}
