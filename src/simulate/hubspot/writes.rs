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
use super::{linking, rules};

/// Properties as a caller tells them; null clears one.
pub(super) type Told = BTreeMap<String, Option<Scalar>>;

#[derive(Deserialize)]
struct LinkTo {
    to: Named,
    types: Vec<LinkType>,
}

/// A link's type by the vendor's number.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LinkType {
    pub(super) association_type_id: u32,
}

/// A record by its id.
#[derive(Deserialize)]
pub(super) struct Named {
    id: Scalar,
}

impl Named {
    /// The id, which must be a number.
    pub(super) fn id(&self) -> Result<u64, Answer> {
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

/// The body of a batch.
#[derive(Deserialize)]
pub(super) struct Batch<T> {
    pub(super) inputs: Vec<T>,
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

/// Carries out a write.
pub(super) fn write(ask: &mut Ask, call: &Call) -> Result<Answer, Answer> {
    match call {
        Call::Create(object) => {
            let told: CreateBody = body(ask)?;
            let written = create_all(ask, *object, &[told])?;
            Ok(Answer::json(201, rows(ask, *object, &written)))
        }
        Call::Update(object, id) => {
            let told: UpdateBody = body(ask)?;
            let written = update_all(ask, *object, vec![(*id, told.properties)])?;
            Ok(Answer::json(200, rows(ask, *object, &written)))
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
        Call::Link(from, to) => linking::link(ask, *from, *to),
        Call::LinkTyped(from, to) => linking::link_typed(ask, *from, *to),
        Call::Unlink(from, to) => {
            ask.portal.dissociate(*from, *to);
            Ok(Answer::json(204, Vec::new()))
        }
        Call::LinkMany(from, to) => linking::link_many(ask, *from, *to, false),
        Call::LinkManyTyped(from, to) => linking::link_many(ask, *from, *to, true),
        Call::UnlinkMany(from, to) => linking::unlink_many(ask, *from, *to),
        // The reads are answered elsewhere.
        _ => Err(Answer::error(405, "METHOD_NOT_ALLOWED", "HTTP 405 Method Not Allowed")),
    }
}

fn number(scalar: &Scalar) -> Result<u64, Answer> {
    let text = scalar.text();
    text.parse().map_err(|_| Answer::invalid(&format!("Invalid id: {text}")))
}

/// The text of a value that a caller tells; null is as good as none.
pub(super) fn told_text(value: &Option<Scalar>) -> String {
    value.as_ref().map(Scalar::text).unwrap_or_default()
}

/// The records as the answer to a write tells them, with commas between them.
fn rows(ask: &Ask, object: Object, ids: &[u64]) -> Vec<u8> {
    let mut out = Vec::new();
    for record in ids.iter().filter_map(|id| ask.portal.shelf(object).find(*id)) {
        if !out.is_empty() {
            out.push(b',');
        }
        let names: Vec<String> =
            record.iter().map(|(name, _)| ask.portal.names.text(name).to_owned()).collect();
        Shape::new(ask.portal, object, &names, &[]).push_row(&mut out, ask.portal, record);
    }
    out
}

/// Refuses to touch what is not there or archived.
pub(super) fn live(ask: &Ask, object: Object, id: u64) -> Result<(), Answer> {
    let found = ask.portal.shelf(object).find(id).filter(|r| r.archived_ms.is_none());
    found.map(|_| ()).ok_or_else(|| Answer::error(404, "OBJECT_NOT_FOUND", "resource not found"))
}

/// The records that a new one shall be linked with.
fn targets(ask: &Ask, object: Object, told: &CreateBody) -> Result<Vec<(Object, u64)>, Answer> {
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
    Ok(targets)
}

/// Creates all or, where one breaks a rule, none.
fn create_all(ask: &mut Ask, object: Object, all: &[CreateBody]) -> Result<Vec<u64>, Answer> {
    let mut links = Vec::with_capacity(all.len());
    for told in all {
        rules::check_properties(ask.portal, object, &told.properties)?;
        links.push(targets(ask, object, told)?);
    }
    rules::check_emails(ask.portal, object, all.iter().map(|told| &told.properties))?;
    let mut written = Vec::with_capacity(all.len());
    for (told, targets) in all.iter().zip(links) {
        let pairs = told.properties.iter().map(|(name, value)| (name.clone(), told_text(value)));
        let id = ask.portal.create(object, pairs.collect(), ask.now);
        for target in targets {
            ask.portal.associate((object, id), target);
        }
        written.push(id);
    }
    Ok(written)
}

/// Changes all or, where one is not there or breaks a rule, none.
fn update_all(ask: &mut Ask, object: Object, all: Vec<(u64, Told)>) -> Result<Vec<u64>, Answer> {
    for (id, told) in &all {
        live(ask, object, *id)?;
        rules::check_properties(ask.portal, object, told)?;
    }
    let mut written = Vec::with_capacity(all.len());
    for (id, told) in all {
        let properties = told.iter().map(|(name, value)| (name.clone(), Some(told_text(value))));
        ask.portal.update(object, id, properties.collect(), ask.now);
        written.push(id);
    }
    Ok(written)
}

fn archive(ask: &mut Ask, object: Object, id: u64) {
    // Archiving twice is no error and changes nothing.
    if live(ask, object, id).is_ok() {
        ask.portal.archive(object, id, ask.now);
    }
}

fn batch(ask: &mut Ask, call: &Call) -> Result<Answer, Answer> {
    let (object, status, written) = match call {
        Call::BatchCreate(object) => {
            let told: Batch<CreateBody> = body(ask)?;
            check_size(told.inputs.len(), 100)?;
            (*object, 201, create_all(ask, *object, &told.inputs)?)
        }
        Call::BatchUpdate(object) => {
            let told: Batch<UpdateBody> = body(ask)?;
            check_size(told.inputs.len(), 100)?;
            let mut all = Vec::with_capacity(told.inputs.len());
            for input in told.inputs {
                let id = input.id.as_ref().ok_or_else(|| Answer::invalid("id is missing"))?;
                all.push((number(id)?, input.properties));
            }
            (*object, 200, update_all(ask, *object, all)?)
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
    out.extend(rows(ask, object, &written));
    Ok(Answer { status, ..end_batch(ask, out, &[]) })
}

/// Merges two records: deals into a new one, the other kinds into the primary.
fn merge(ask: &mut Ask, object: Object) -> Result<Answer, Answer> {
    let told: MergeBody = body(ask)?;
    let (primary, loser) = (number(&told.primary_object_id)?, number(&told.object_id_to_merge)?);
    live(ask, object, primary)?;
    live(ask, object, loser)?;
    let survivor = ask.portal.merge(object, primary, loser, object == Object::Deal, ask.now);
    Ok(Answer::json(200, rows(ask, object, &[survivor])))
}
