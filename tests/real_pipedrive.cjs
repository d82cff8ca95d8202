// What the vendor's own client makes of the simulated Pipedrive; run by real_pipedrive.sh.
'use strict';

const v1 = require('pipedrive/v1');
const v2 = require('pipedrive/v2');

const [url, token] = process.argv.slice(2);
let passed = 0;

function check(what, good, seen) {
    if (!good) throw new Error(`${what}: ${JSON.stringify(seen)}`);
    passed += 1;
    console.log(`ok: ${what}`);
}

function configured(vendor, path, apiKey) {
    return new vendor.Configuration({ apiKey, basePath: `${url}${path}` });
}

// Reads a list of v2 to its end.
async function whole(read) {
    const rows = [];
    let cursor;
    let pages = 0;
    do {
        const answer = await read(cursor);
        if (answer.success !== true || !Array.isArray(answer.data)) throw new Error('no list');
        rows.push(...answer.data);
        pages += 1;
        cursor = answer.additional_data?.next_cursor ?? undefined;
        if (pages > 1000) throw new Error('the list does not end');
    } while (cursor);
    return { rows, pages };
}

async function refused(work) {
    try {
        await work();
    } catch (error) {
        return error;
    }
    return null;
}

const increasing = (values) => values.every((value, at) => at === 0 || values[at - 1] <= value);

async function lists(api) {
    const all = await whole((cursor) => api.deals.getDeals(
        { sort_by: 'update_time', sort_direction: 'asc', include_fields: 'source_lead_id', limit: 50, cursor },
    ));
    check('deals come in pages of fifty', all.pages === Math.ceil(all.rows.length / 50) && all.pages > 1, all.pages);
    check('deals are told once each', new Set(all.rows.map((deal) => deal.id)).size === all.rows.length);
    check('deals are in the order of update_time', increasing(all.rows.map((deal) => deal.update_time)));
    check('times of v2 have no fractions', all.rows.every((deal) => /^[\d-]+T[\d:]{8}Z$/.test(deal.update_time)));
    check('a converted lead is named', all.rows.some((deal) => /^[0-9a-f-]{36}$/.test(deal.source_lead_id)));
    check('no deleted deal is among them', all.rows.every((deal) => !deal.is_deleted));
    const of = (status, since, until) => whole((cursor) => api.deals.getDeals(
        { status, updated_since: since, updated_until: until, limit: 500, cursor },
    ));
    const won = await of('won');
    check('won deals have a won_time', won.rows.length > 0 && won.rows.every((deal) => deal.won_time), won.rows.length);
    const every = await of('open,won,lost,deleted');
    check('deleted deals come on request', every.rows.some((deal) => deal.is_deleted), every.rows.length);
    const middle = all.rows[Math.floor(all.rows.length / 2)].update_time;
    const later = await of(undefined, middle);
    const earlier = await of(undefined, undefined, middle);
    check('updated_since and updated_until divide them', later.rows.length + earlier.rows.length === all.rows.length);
    check('updated_since counts its second', later.rows.some((deal) => deal.update_time === middle));
    const wrong = await refused(() => of(undefined, '2026-01-01T00:00:00.000Z'));
    check('fractions of seconds are refused', wrong && wrong.success === false, wrong);
    const archived = await api.deals.getArchivedDeals();
    check('no deal is in the archive', archived.success && archived.data.length === 0, archived);
    const stages = await api.stages.getStages();
    check('stages have a pipeline', stages.data.every((stage) => stage.pipeline_id === 1), stages);
    const pipelines = await api.pipelines.getPipelines();
    check('there is a pipeline', pipelines.data.length === 1, pipelines);
    const fields = await api.fields.getDealFields({ limit: 500 });
    const channel = fields.data.find((field) => field.field_code === 'channel');
    check('the channel has options', channel.options.length > 3 && channel.options[0].label, channel);
    const activities = await whole((cursor) => api.activities.getActivities({ done: true, limit: 500, cursor }));
    check('activities that are done say when', activities.rows.length > 0
        && activities.rows.every((activity) => activity.done && activity.marked_as_done_time));
    const persons = await whole((cursor) => api.persons.getPersons({ limit: 500, cursor }));
    check('persons come too', persons.rows.length > 0, persons.pages);
    return won.rows[0];
}

async function leftovers(api, deal) {
    let start = 0;
    const leads = [];
    for (let page = 0; page < 1000; page += 1) {
        const answer = await api.leads.getLeads({ limit: 100, start });
        leads.push(...answer.data);
        const { pagination } = answer.additional_data;
        if (!pagination.more_items_in_collection) break;
        start = pagination.next_start;
    }
    check('leads come in pages, once each', new Set(leads.map((lead) => lead.id)).size === leads.length && leads.length > 100, leads.length);
    check('times of leads have milliseconds', leads.every((lead) => /\.\d{3}Z$/.test(lead.add_time)));
    const recent = await api.leads.getLeads(
        { limit: 500, start: 0, updated_since: '2026-11-01T00:00:00Z', sort: 'update_time ASC' },
    );
    check('updated_since of leads', recent.data.length > 0 && recent.data.every((lead) => lead.update_time >= '2026-11-01'), recent.data.length);
    const archived = await api.leads.getArchivedLeads({ limit: 100, start: 0 });
    check('disqualified leads are in the archive', archived.data.length > 0 && archived.data.every((lead) => lead.is_archived));
    const users = await api.users.getUsers();
    check('there are users', users.data.length > 3 && users.data.every((user) => user.email), users);
    const me = await api.users.getCurrentUser();
    check('it is an administrator', me.data.access[0].admin === true && me.data.company_domain, me);
    const types = await api.types.getActivityTypes();
    check('types of activity have keys', types.data.every((type) => type.key_string), types);
    const currencies = await api.currencies.getCurrencies();
    check('currencies have codes', currencies.data.some((currency) => currency.code === 'EUR'), currencies);
    const log = [];
    let cursor;
    do {
        const answer = await api.deals.getDealChangelog({ id: deal.id, cursor, limit: 3 });
        log.push(...answer.data);
        cursor = answer.additional_data?.next_cursor ?? undefined;
    } while (cursor);
    check('a change log ends with add_time', log.at(-1).field_key === 'add_time', log);
    check('a change log has the win', log.some((row) => row.field_key === 'status' && row.new_value === 'won'), log);
    const flow = await api.deals.getDealUpdates(
        { id: deal.id, start: 0, limit: 500, all_changes: '1', items: 'dealChange' },
    );
    check('the flow tells the same changes', flow.data.length === log.length, [flow.data.length, log.length]);
}

async function writes(second, first) {
    const made = await second.deals.addDeal(
        { AddDealRequest: { title: 'Made by the client', value: 12.5, currency: 'EUR' } },
    );
    check('a deal is made', made.data.status === 'open' && made.data.origin === 'API', made);
    const { id } = made.data;
    const moved = await second.deals.updateDeal({ id, UpdateDealRequest: { stage_id: 3 } });
    check('a deal moves', moved.data.stage_id === 3 && moved.data.stage_change_time, moved);
    const won = await second.deals.updateDeal({ id, UpdateDealRequest: { status: 'won' } });
    check('a deal is won in its stage', won.data.won_time && won.data.stage_id === 3, won);
    const log = await first.deals.getDealChangelog({ id });
    check('all that is in its log', log.data.map((row) => row.field_key).join() === 'close_time,won_time,status,stage_change_time,stage_id,add_time', log);
    const person = await second.persons.addPerson({ AddPersonRequest: { name: 'Pat' } });
    const lead = await first.leads.addLead({
        AddLeadRequest: { title: 'A lead', person_id: person.data.id, value: { amount: 5, currency: 'USD' } },
    });
    check('a lead is made', /^[0-9a-f-]{36}$/.test(lead.data.id) && lead.data.source_name === 'API', lead);
    const changed = await first.leads.updateLead(
        { id: lead.data.id, UpdateLeadRequest: { title: 'Another title' } },
    );
    check('a lead is changed', changed.data.title === 'Another title', changed);
    const activity = await second.activities.addActivity({
        AddActivityRequest: { subject: 'Call', type: 'call', lead_id: lead.data.id, done: true },
    });
    check('an activity is made done', activity.data.marked_as_done_time, activity);
    const begun = await second.leads.convertLeadToDeal(
        { id: lead.data.id, ConvertLeadToDealRequest: { stage_id: 2 } },
    );
    const status = await second.leads.getLeadConversionStatus(
        { id: lead.data.id, conversion_id: begun.data.conversion_id },
    );
    check('a lead is converted', status.data.status === 'completed', status);
    const gone = await refused(() => first.leads.getLead({ id: lead.data.id }));
    check('a converted lead is gone', gone && gone.success === false, gone);
    const now = await second.activities.getActivity({ id: activity.data.id });
    check('its activity is the deal\'s', now.data.deal_id === status.data.deal_id && now.data.lead_id === null, now);
    await second.deals.updateDeal({ id, UpdateDealRequest: { is_archived: true } });
    const archived = await second.deals.getArchivedDeals();
    check('a deal is archived', archived.data.length === 1 && archived.data[0].id === id, archived);
    await second.deals.deleteDeal({ id: status.data.deal_id });
    const deleted = await second.deals.getDeal({ id: status.data.deal_id });
    check('a deal is deleted', deleted.data.is_deleted === true, deleted);
    const wrong = await refused(() => second.deals.updateDeal({ id, UpdateDealRequest: { no_such_field: 1 } }));
    check('unknown fields are refused', wrong && wrong.success === false, wrong);
    const missing = await refused(() => second.deals.getDeal({ id: 999999999 }));
    check('what is not there is not found', missing && missing.errorCode === 404, missing);
}

function apis(apiKey) {
    const two = configured(v2, '/api/v2', apiKey);
    const one = configured(v1, '/v1', apiKey);
    return [{
        deals: new v2.DealsApi(two),
        activities: new v2.ActivitiesApi(two),
        persons: new v2.PersonsApi(two),
        stages: new v2.StagesApi(two),
        pipelines: new v2.PipelinesApi(two),
        fields: new v2.DealFieldsApi(two),
        leads: new v2.LeadsApi(two),
    }, {
        leads: new v1.LeadsApi(one),
        users: new v1.UsersApi(one),
        types: new v1.ActivityTypesApi(one),
        currencies: new v1.CurrenciesApi(one),
        deals: new v1.DealsApi(one),
    }];
}

async function main() {
    const [second, first] = apis(token);
    const deal = await lists(second);
    await leftovers(first, deal);
    await writes(second, first);
    const [stranger] = apis('another');
    const error = await refused(() => stranger.deals.getDeals());
    check('another token is refused', error && error.errorCode === 401 && error.error === 'unauthorized access', error);
    console.log(`${passed} passed, 0 failed`);
}

main().catch((error) => {
    console.error(error);
    console.log(`${passed} passed, 1 failed`);
    process.exit(1);
});
