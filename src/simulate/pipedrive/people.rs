//! The lists of v1 that are not paged: users, the types of activity, the currencies.

use serde_json::{Value, json};

use super::catalog::Kind;
use super::record::number_of;
use super::refusals::not_found;
use super::render;
use super::server::Ask;
use super::wire::Answer;

/// The types of activity of every new account.
const TYPES: [(&str, &str); 6] = [
    ("call", "Call"),
    ("meeting", "Meeting"),
    ("task", "Task"),
    ("deadline", "Deadline"),
    ("email", "Email"),
    ("lunch", "Lunch"),
];

const CURRENCIES: [(&str, &str, &str); 4] = [
    ("USD", "US Dollar", "US$"),
    ("EUR", "Euro", "€"),
    ("GBP", "British Pound Sterling", "£"),
    ("CHF", "Swiss Franc", "CHF"),
];

/// A list that has one page, of which v1 tells nothing, or that there is nothing to tell.
fn whole(ask: &Ask, mut rows: Vec<Value>) -> Answer {
    ask.reorder(&mut rows);
    let mut body = json!({ "success": true, "data": rows });
    if ask.turn.is_multiple_of(2) {
        body["additional_data"] = Value::Null;
    }
    Answer::json(200, body.to_string().into_bytes())
}

/// All users, those among them who are not active any more.
pub(super) fn users(ask: &Ask) -> Answer {
    let users = ask.account.table(Kind::User).records.iter();
    whole(ask, users.map(|user| render::told(ask.account, Kind::User, user, &[])).collect())
}

/// One user.
pub(super) fn user(ask: &Ask, id: &str) -> Result<Answer, Answer> {
    let user = number_of(Kind::User, id).and_then(|id| ask.account.table(Kind::User).find(id));
    let Some(user) = user else { return Err(not_found("User not found")) };
    Ok(super::lists::single(&render::told(ask.account, Kind::User, user, &[])))
}

/// The user whose token it is, and the company.
pub(super) fn me(ask: &Ask) -> Result<Answer, Answer> {
    let user = ask.account.table(Kind::User).find(ask.account.admin);
    let Some(user) = user else { return Err(not_found("User not found")) };
    let mut told = render::told(ask.account, Kind::User, user, &[]);
    told["is_admin"] = json!(u8::from(ask.admin));
    told["access"][0]["admin"] = json!(ask.admin);
    told["company_id"] = json!(6_191_422);
    told["company_name"] = json!("Example");
    told["company_domain"] = json!("example");
    told["company_country"] = json!("US");
    told["company_industry"] = json!("it_and_telecommunications");
    told["language"] = json!({ "language_code": "en", "country_code": "US" });
    Ok(super::lists::single(&told))
}

/// The types of activity.
pub(super) fn activity_types(ask: &Ask) -> Answer {
    let rows = (1..).zip(TYPES).map(|(id, (key, name))| {
        json!({
            "id": id,
            "name": name,
            "icon_key": key,
            "color": null,
            "order_nr": id,
            "key_string": key,
            "active_flag": true,
            "is_custom_flag": false,
            "add_time": "2010-06-21 00:00:00",
            "update_time": null,
        })
    });
    whole(ask, rows.collect())
}

/// The currencies.
pub(super) fn currencies(ask: &Ask) -> Answer {
    let rows = (1..).zip(CURRENCIES).map(|(id, (code, name, symbol))| {
        json!({
            "id": id,
            "code": code,
            "name": name,
            "decimal_points": 2,
            "symbol": symbol,
            "active_flag": true,
            "is_custom_flag": false,
        })
    });
    whole(ask, rows.collect())
}
