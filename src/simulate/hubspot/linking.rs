//! The endpoints that make and take away associations.

use serde::Deserialize;
use serde_json::{Value, json};

use super::object::Object;
use super::reads::{body, check_size, end_batch};
use super::server::Ask;
use super::wire::Answer;
use super::writes::{Batch, LinkType, Named, live};

/// One record among all kinds.
type Key = (Object, u64);

#[derive(Deserialize)]
struct LinkBody {
    from: Named,
    to: Named,
    #[serde(default)]
    types: Vec<LinkType>,
}

#[derive(Deserialize)]
struct UnlinkBody {
    from: Named,
    to: Targets,
}

/// One target or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Targets {
    One(Named),
    Many(Vec<Named>),
}

/// Refuses types that do not link the two kinds; only the unlabelled one is simulated.
fn check_types(types: &[LinkType], from: Object, to: Object) -> Result<(), Answer> {
    if types.is_empty() {
        return Err(Answer::invalid("at least one association type is needed"));
    }
    let wrong = types.iter().find(|kind| kind.association_type_id != from.link_type(to));
    match wrong {
        None => Ok(()),
        Some(kind) => Err(Answer::invalid(&format!(
            "Invalid association type {} between {} and {}",
            kind.association_type_id,
            from.singular(),
            to.singular()
        ))),
    }
}

/// Links pairs; all of them or, where a record is not there, none.
fn link_all(ask: &mut Ask, pairs: &[(Key, Key)]) -> Result<(), Answer> {
    for (object, id) in pairs.iter().flat_map(|(from, to)| [from, to]) {
        live(ask, *object, *id)?;
    }
    for (from, to) in pairs {
        ask.portal.associate(*from, *to);
    }
    Ok(())
}

/// The answer to links that were made, each told in a shape of its own.
fn linked(ask: &Ask, status: u16, pairs: &[(Key, Key)], told: fn(Key, Key) -> Value) -> Answer {
    let rows: Vec<String> = pairs.iter().map(|(from, to)| told(*from, *to).to_string()).collect();
    let out = format!("{{\"status\":\"COMPLETE\",\"results\":[{}", rows.join(","));
    Answer { status, ..end_batch(ask, out.into_bytes(), &[]) }
}

fn unlabelled(from: Key, to: Key) -> Value {
    json!({
        "associationSpec": {
            "associationCategory": "HUBSPOT_DEFINED",
            "associationTypeId": from.0.link_type(to.0),
        },
        "from": { "id": from.1.to_string() },
        "to": { "id": to.1.to_string() },
    })
}

fn labels(from: Key, to: Key) -> Value {
    json!({
        "fromObjectTypeId": from.0.type_id(),
        "fromObjectId": from.1.to_string(),
        "toObjectTypeId": to.0.type_id(),
        "toObjectId": to.1.to_string(),
        // The unlabelled type has none.
        "labels": [],
    })
}

/// Makes the unlabelled link between two records.
pub(super) fn link(ask: &mut Ask, from: Key, to: Key) -> Result<Answer, Answer> {
    link_all(ask, &[(from, to)])?;
    Ok(linked(ask, 200, &[(from, to)], unlabelled))
}

/// Makes the links of the types in the body between two records.
pub(super) fn link_typed(ask: &mut Ask, from: Key, to: Key) -> Result<Answer, Answer> {
    let types: Vec<LinkType> = body(ask)?;
    check_types(&types, from.0, to.0)?;
    link_all(ask, &[(from, to)])?;
    Ok(Answer::json(201, labels(from, to).to_string().into_bytes()))
}

/// Makes many links: the unlabelled ones, or those of the types that each input tells.
pub(super) fn link_many(
    ask: &mut Ask,
    from: Object,
    to: Object,
    typed: bool,
) -> Result<Answer, Answer> {
    let told: Batch<LinkBody> = body(ask)?;
    check_size(told.inputs.len(), 2000)?;
    let mut pairs = Vec::with_capacity(told.inputs.len());
    for input in &told.inputs {
        if typed {
            check_types(&input.types, from, to)?;
        }
        pairs.push(((from, input.from.id()?), (to, input.to.id()?)));
    }
    link_all(ask, &pairs)?;
    Ok(if typed { linked(ask, 201, &pairs, labels) } else { linked(ask, 200, &pairs, unlabelled) })
}

/// Takes many links away; those that are not there are no error.
pub(super) fn unlink_many(ask: &mut Ask, from: Object, to: Object) -> Result<Answer, Answer> {
    let told: Batch<UnlinkBody> = body(ask)?;
    check_size(told.inputs.len(), 2000)?;
    for input in told.inputs {
        let from = (from, input.from.id()?);
        let targets = match input.to {
            Targets::One(target) => vec![target],
            Targets::Many(targets) => targets,
        };
        for target in targets {
            ask.portal.dissociate(from, (to, target.id()?));
        }
    }
    Ok(Answer::json(204, Vec::new()))
}
