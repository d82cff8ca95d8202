//! The write endpoints, so that real clients can fill and change a portal.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::filter::Scalar;
use super::object::Object;
use super::reads::{body, check_size, end_batch};
use super::render::Shape;
use super::route::Call;
use super::server::Ask;
use super::wire::Answer;

type Told = BTreeMap<String, Option<Scalar>>;

#[derive(Deserialize)]
struct LinkTo {
    to: Named,
    types: Vec<LinkType>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LinkType {
    association_type_id: u32,
}

#[derive(Deserialize)]
struct Named {
    id: Scalar,
}

impl Named {
    fn id(&self) -> Result<u64, Answer> {
        let text = self.id.text();
        text.parse().map_err(|_| Answer::invalid(&format!("Invalid id: {text}")))
    }
}

#[derive(Deserialize)]
struct CreateBody {
    #[serde(default)]
    properties: Told,
    #[serde(default)]
    associations: Vec<LinkTo>,
}

#[derive(Deserialize)]
struct UpdateBody {
    /// Only batches carry it here; a single update has it in its path.
    id: Option<Scalar>,
    properties: Told,
}

#[derive(Deserialize)]
struct Batch<T> {
    inputs: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MergeBody {
    primary_object_id: Scalar,
    object_id_to_merge: Scalar,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GdprBody {
    object_id: Scalar,
}

#[derive(Deserialize)]
struct LinkBody {
    from: Named,
    to: Targets,
}

/// Creating takes one target, archiving takes several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Targets {
    One(Named),
    Many(Vec<Named>),
}

/// Carries out a write.
pub(super) fn write(ask: &mut Ask, call: &Call) -> Result<Answer, Answer> {
    match call {
        Call::Create(object) => {
            let told = body(ask)?;
            let id = create(ask, *object, &told)?;
            Ok(Answer::json(201, row(ask, *object, id)))
        }
        Call::Update(object, id) => {
            let told: UpdateBody = body(ask)?;
            update(ask, *object, *id, told.properties)?;
            Ok(Answer::json(200, row(ask, *object, *id)))
        }
        Call::Archive(object, id) => {
            archive(ask, *object, *id);
            Ok(Answer::json(204, Vec::new()))
        }
        Call::BatchCreate(_) | Call::BatchUpdate(_) | Call::BatchArchive(_) => batch(ask, call),
        Call::Merge(object) => merge(ask, *object),
        Call::GdprDelete(object) => {
            let told: GdprBody = body(ask)?;
            let id = number(&told.object_id)?;
            ask.portal.purge(*object, id);
            Ok(Answer::json(204, Vec::new()))
        }
        Call::Link(from, to) => {
            for (object, id) in [from, to] {
                live(ask, *object, *id)?;
            }
            ask.portal.associate(*from, *to);
            Ok(Answer::json(200, b"{\"status\":\"COMPLETE\",\"results\":[]}".to_vec()))
        }
        Call::Unlink(from, to) => {
            ask.portal.dissociate(*from, *to);
            Ok(Answer::json(204, Vec::new()))
        }
        Call::LinkMany(from, to) => link_many(ask, *from, *to, true),
        Call::UnlinkMany(from, to) => link_many(ask, *from, *to, false),
        // The reads are answered elsewhere.
        _ => Err(Answer::error(405, "METHOD_NOT_ALLOWED", "HTTP 405 Method Not Allowed")),
    }
}

fn number(scalar: &Scalar) -> Result<u64, Answer> {
    let text = scalar.text();
    text.parse().map_err(|_| Answer::invalid(&format!("Invalid id: {text}")))
}

fn text(value: Option<Scalar>) -> String {
    value.map(|v| v.text()).unwrap_or_default()
}

/// The record as the answer to a write tells it.
fn row(ask: &Ask, object: Object, id: u64) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some(record) = ask.portal.shelf(object).find(id) {
        let names: Vec<String> =
            record.iter().map(|(name, _)| ask.portal.names.text(name).to_owned()).collect();
        Shape::new(ask.portal, object, &names, &[]).push_row(&mut out, ask.portal, record);
    }
    out
}

/// Refuses to touch what is not there or archived.
fn live(ask: &Ask, object: Object, id: u64) -> Result<(), Answer> {
    let found = ask.portal.shelf(object).find(id).filter(|r| r.archived_ms.is_none());
    found.map(|_| ()).ok_or_else(|| Answer::error(404, "OBJECT_NOT_FOUND", "resource not found"))
}

fn create(ask: &mut Ask, object: Object, told: &CreateBody) -> Result<u64, Answer> {
    let mut targets = Vec::new();
    for link in &told.associations {
        // The type's number tells the kind at the other end.
        let kind = Object::ALL.into_iter().find(|to| {
            link.types.iter().any(|kind| kind.association_type_id == object.link_type(*to))
        });
        let kind = kind.ok_or_else(|| Answer::invalid("Invalid association type"))?;
        let id = link.to.id()?;
        live(ask, kind, id)?;
        targets.push((kind, id));
    }
    let properties: Vec<(String, String)> =
        told.properties.iter().map(|(name, value)| (name.clone(), text(value.clone()))).collect();
    let id = ask.portal.create(object, properties, ask.now);
    for target in targets {
        ask.portal.associate((object, id), target);
    }
    Ok(id)
}

fn update(ask: &mut Ask, object: Object, id: u64, told: Told) -> Result<(), Answer> {
    live(ask, object, id)?;
    let properties = told.into_iter().map(|(name, value)| (name, Some(text(value)))).collect();
    ask.portal.update(object, id, properties, ask.now);
    Ok(())
}

fn archive(ask: &mut Ask, object: Object, id: u64) {
    // Archiving twice is no error and changes nothing.
    if live(ask, object, id).is_ok() {
        ask.portal.archive(object, id, ask.now);
    }
}

fn batch(ask: &mut Ask, call: &Call) -> Result<Answer, Answer> {
    let mut written = Vec::new();
    let (object, status) = match call {
        Call::BatchCreate(object) => {
            let told: Batch<CreateBody> = body(ask)?;
            check_size(told.inputs.len(), 100)?;
            for input in &told.inputs {
                written.push(create(ask, *object, input)?);
            }
            (*object, 201)
        }
        Call::BatchUpdate(object) => {
            let told: Batch<UpdateBody> = body(ask)?;
            check_size(told.inputs.len(), 100)?;
            for input in told.inputs {
                let id = input.id.as_ref().ok_or_else(|| Answer::invalid("id is missing"))?;
                let id = number(id)?;
                update(ask, *object, id, input.properties)?;
                written.push(id);
            }
            (*object, 200)
        }
        Call::BatchArchive(object) => {
            let told: Batch<Named> = body(ask)?;
            check_size(told.inputs.len(), 100)?;
            for input in told.inputs {
                archive(ask, *object, input.id()?);
            }
            return Ok(Answer::json(204, Vec::new()));
        }
        _ => return Err(Answer::invalid("not a batch")),
    };
    let mut out = b"{\"status\":\"COMPLETE\",\"results\":[".to_vec();
    for (at, id) in written.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend(row(ask, object, *id));
    }
    let mut answer = end_batch(ask, out, &[]);
    answer.status = status;
    Ok(answer)
}

/// Merges two records: deals into a new one, the other kinds into the primary.
fn merge(ask: &mut Ask, object: Object) -> Result<Answer, Answer> {
    let told: MergeBody = body(ask)?;
    let (primary, loser) = (number(&told.primary_object_id)?, number(&told.object_id_to_merge)?);
    live(ask, object, primary)?;
    live(ask, object, loser)?;
    let survivor = ask.portal.merge(object, primary, loser, object == Object::Deal, ask.now);
    Ok(Answer::json(200, row(ask, object, survivor)))
}

fn link_many(ask: &mut Ask, from: Object, to: Object, linking: bool) -> Result<Answer, Answer> {
    let told: Batch<LinkBody> = body(ask)?;
    check_size(told.inputs.len(), 2000)?;
    for input in told.inputs {
        let from_id = input.from.id()?;
        let targets = match input.to {
            Targets::One(target) => vec![target],
            Targets::Many(targets) => targets,
        };
        for target in targets {
            let (from, to) = ((from, from_id), (to, target.id()?));
            if linking {
                live(ask, from.0, from.1)?;
                live(ask, to.0, to.1)?;
                ask.portal.associate(from, to);
            } else {
                ask.portal.dissociate(from, to);
            }
        }
    }
    if !linking {
        return Ok(Answer::json(204, Vec::new()));
    }
    let mut answer = end_batch(ask, b"{\"status\":\"COMPLETE\",\"results\":[".to_vec(), &[]);
    answer.status = 201;
    Ok(answer)
}
