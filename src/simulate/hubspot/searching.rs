//! The search endpoint: what a body may ask for, and the page that answers it.

use serde::Deserialize;

use super::filter::{Filter, Scalar, Test, Wanted};
use super::json::push_number;
use super::object::Object;
use super::reads::{body, push_next, push_rows, shape};
use super::render::Source;
use super::search::Query;
use super::server::Ask;
use super::tokens::Words;
use super::wire::Answer;

/// The vendor gives no more results of one search than these.
const SEARCH_CAP: usize = 10_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SearchBody {
    #[serde(default)]
    filter_groups: Vec<GroupBody>,
    #[serde(default)]
    sorts: Vec<SortBody>,
    #[serde(default)]
    properties: Vec<String>,
    limit: Option<usize>,
    after: Option<Scalar>,
    query: Option<String>,
}

#[derive(Deserialize)]
struct GroupBody {
    filters: Vec<FilterBody>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FilterBody {
    property_name: String,
    operator: String,
    value: Option<Scalar>,
    high_value: Option<Scalar>,
    #[serde(default)]
    values: Vec<Scalar>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum SortBody {
    Name(String),
    #[serde(rename_all = "camelCase")]
    Full {
        property_name: String,
        direction: Option<String>,
    },
}

fn source(ask: &Ask, object: Object, name: &str) -> Result<Source, Answer> {
    ask.portal.source(object, name).ok_or_else(|| {
        let kind = object.singular();
        Answer::invalid(&format!("Property \"{name}\" does not exist for object type {kind}"))
    })
}

fn filter(ask: &Ask, object: Object, told: &FilterBody) -> Result<Filter, Answer> {
    let name = &told.property_name;
    let source = source(ask, object, name)?;
    let lacking = |what: &str| {
        Answer::invalid(&format!("filter on {name} with {} needs {what}", told.operator))
    };
    let value = || told.value.as_ref().map(Wanted::new).ok_or_else(|| lacking("value"));
    let high = || told.high_value.as_ref().map(Wanted::new).ok_or_else(|| lacking("highValue"));
    let values = || {
        let all: Vec<Wanted> = told.values.iter().map(Wanted::new).collect();
        if all.is_empty() { Err(lacking("values")) } else { Ok(all) }
    };
    let words = || match (source, told.value.as_ref().and_then(|v| Words::new(&v.text()))) {
        (Source::Stored(_), Some(words)) => Ok(words),
        (Source::Stored(_), None) => Err(lacking("value")),
        _ => Err(lacking("a property of text")),
    };
    let test = match told.operator.as_str() {
        "EQ" => Test::Equal(value()?),
        "NEQ" => Test::NotEqual(value()?),
        "LT" => Test::Less(value()?),
        "LTE" => Test::AtMost(value()?),
        "GT" => Test::Greater(value()?),
        "GTE" => Test::AtLeast(value()?),
        "BETWEEN" => Test::Between(value()?, high()?),
        "IN" => Test::In(values()?),
        "NOT_IN" => Test::NotIn(values()?),
        "CONTAINS_TOKEN" => Test::Contains(words()?),
        "NOT_CONTAINS_TOKEN" => Test::Lacks(words()?),
        "HAS_PROPERTY" => Test::Present,
        "NOT_HAS_PROPERTY" => Test::Absent,
        other => return Err(Answer::invalid(&format!("{other} is not a known operator"))),
    };
    let filter = Filter { source, test };
    let dated = source == Source::Modified || super::catalog::property_type(name).0 == "datetime";
    if dated && filter.wanted().iter().any(|want| want.whole == Some(0)) {
        return Err(Answer::error(500, "INTERNAL_ERROR", "internal error"));
    }
    if source != Source::Id && !dated {
        return Ok(filter);
    }
    if filter.wanted().iter().any(|want| want.whole.is_none()) {
        return Err(Answer::invalid(&format!("the value of the filter on {name} is invalid")));
    }
    Ok(filter)
}

fn query(ask: &Ask, object: Object, body: &SearchBody) -> Result<Query, Answer> {
    let limit = body.limit.unwrap_or(10);
    if !(1..=200).contains(&limit) {
        return Err(Answer::invalid(&format!("limit {limit} is not between 1 and 200")));
    }
    let told = body.after.as_ref().map_or_else(|| "0".to_owned(), Scalar::text);
    let offset: usize = if told.is_empty() { Ok(0) } else { told.parse() }
        .map_err(|_| Answer::invalid("after must be an integer-formatted string"))?;
    if offset + limit > SEARCH_CAP {
        return Err(Answer::invalid(
            "There was a problem with the request: \
             no more than 10000 results can be paged through.",
        ));
    }
    if body.query.as_ref().is_some_and(|q| !q.is_empty()) {
        return Err(Answer::invalid("the full-text query is not simulated"));
    }
    let counts: Vec<usize> = body.filter_groups.iter().map(|g| g.filters.len()).collect();
    let many =
        counts.len() > 5 || counts.iter().any(|c| *c > 6) || counts.iter().sum::<usize>() > 18;
    if many || counts.contains(&0) {
        return Err(Answer::invalid("filterGroups: at most 5 groups of 1 to 6 filters, 18 in all"));
    }
    let (sort, descending) = match body.sorts.as_slice() {
        [] => (Source::Id, false),
        [SortBody::Name(name)] => {
            let bare = name.strip_prefix('-');
            (source(ask, object, bare.unwrap_or(name))?, bare.is_some())
        }
        [SortBody::Full { property_name, direction }] => {
            (source(ask, object, property_name)?, direction.as_deref() == Some("DESCENDING"))
        }
        _ => return Err(Answer::invalid("only one sort is supported")),
    };
    let groups: Result<Vec<Vec<Filter>>, Answer> = body
        .filter_groups
        .iter()
        .map(|group| group.filters.iter().map(|f| filter(ask, object, f)).collect())
        .collect();
    Ok(Query { groups: groups?, sort, descending, offset, limit })
}

/// One page of a search.
pub(super) fn search(ask: &mut Ask, object: Object) -> Result<Answer, Answer> {
    let body: SearchBody = body(ask)?;
    let query = query(ask, object, &body)?;
    let found = ask.portal.search(object, &query, ask.now.as_millisecond());
    let shape = shape(ask, object, &body.properties, &[]);
    let next = query.offset + found.ids.len();
    let mut ids = found.ids;
    ask.spoil.reorder(&mut ids);
    if let Some(since_ms) = query.since_ms().filter(|_| ask.spoil.stale_row) {
        ids.splice(..0, ask.portal.before(object, since_ms));
    }
    let mut out = Vec::with_capacity(ids.len() * 512 + 128);
    out.extend_from_slice(b"{\"total\":");
    push_number(&mut out, found.total as u64);
    out.extend_from_slice(b",\"results\":[");
    let shelf = ask.portal.shelf(object);
    push_rows(&mut out, ask.portal, &shape, ids.iter().filter_map(|id| shelf.records.get(id)));
    out.push(b']');
    if next < found.total {
        push_next(&mut out, next as u64, None);
    }
    out.push(b'}');
    Ok(Answer::json(200, out))
}
