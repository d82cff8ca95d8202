// What jsforce makes of the simulated Salesforce; run by real_jsforce.sh.
'use strict';

const jsforce = require('jsforce');

const [url] = process.argv.slice(2);
let passed = 0;

function check(what, good, seen) {
    if (!good) throw new Error(`${what}: ${JSON.stringify(seen)}`);
    passed += 1;
    console.log(`ok: ${what}`);
}

async function refused(work) {
    try {
        await work();
    } catch (error) {
        return error;
    }
    return null;
}

async function connect() {
    const form = new URLSearchParams({ grant_type: 'client_credentials', client_id: 'key', client_secret: 'its-secret' });
    const answer = await fetch(`${url}/services/oauth2/token`, { method: 'POST', body: form });
    const told = await answer.json();
    check('client credentials give a token', answer.status === 200 && told.token_type === 'Bearer', told);
    return new jsforce.Connection({ instanceUrl: url, accessToken: told.access_token, version: '67.0' });
}

async function queries(conn) {
    const page = await conn.query('SELECT Id, LeadSource, CreatedDate FROM Lead ORDER BY Id');
    check('a query has its first page and where the next is', page.totalSize > 2000 && !page.done && page.nextRecordsUrl, page.totalSize);
    const rows = [...page.records];
    let next = page;
    while (!next.done) {
        next = await conn.queryMore(next.nextRecordsUrl);
        rows.push(...next.records);
    }
    check('all pages together are the whole', rows.length === page.totalSize, rows.length);
    check('each lead is told once', new Set(rows.map((row) => row.Id)).size === rows.length);
    const fetched = await conn.query('SELECT Id FROM Opportunity', { autoFetch: true, maxFetch: 100000, scanAll: true });
    const living = await conn.query('SELECT COUNT() FROM Opportunity');
    check('what was deleted is told where all is asked for', fetched.records.length >= living.totalSize, fetched.records.length);
    const some = await conn.sobject('Opportunity').find({ IsWon: true }, ['Id', 'Amount', 'StageName']).limit(5).execute();
    check('jsforce\'s own questions are understood', some.length === 5 && some.every((row) => row.Amount > 0), some);
    const wrong = await refused(() => conn.query('SELECT Nothing__c FROM Lead'));
    check('a field that is not there is INVALID_FIELD', wrong && wrong.errorCode === 'INVALID_FIELD', wrong && wrong.errorCode);
    return page.totalSize;
}

async function descriptions(conn) {
    const lead = await conn.sobject('Lead').describe();
    const names = lead.fields.map((field) => field.name);
    check('a describe names the fields', ['Id', 'SystemModstamp', 'ConvertedContactId', 'Email'].every((name) => names.includes(name)), names.length);
    const all = await conn.describeGlobal();
    check('all objects are listed', all.sobjects.some((own) => own.name === 'CampaignMember'));
    const limits = await conn.request('/services/data/v67.0/limits');
    check('limits are told', limits.DailyApiRequests.Max > 0, limits);
    check('the use of the day is read from the answers', conn.limitInfo.apiUsage.limit > 0, conn.limitInfo);
}

async function writes(conn) {
    const made = await conn.sobject('Lead').create({ LastName: 'Invented', Company: 'None' });
    check('a lead is created', made.success && made.id.length === 18, made);
    const changed = await conn.sobject('Lead').update({ Id: made.id, LeadSource: 'Web' });
    check('and changed', changed.success, changed);
    const read = await conn.sobject('Lead').retrieve(made.id);
    check('and read', read.LeadSource === 'Web', read);
    const gone = await conn.sobject('Lead').destroy(made.id);
    check('and deleted', gone.success, gone);
    const missing = await refused(() => conn.sobject('Lead').retrieve(made.id));
    check('and is not there any more', missing && ['NOT_FOUND', 'ENTITY_IS_DELETED'].includes(missing.errorCode), missing && missing.errorCode);
}

async function bulk(conn, leads) {
    conn.bulk2.pollInterval = 200;
    conn.bulk2.pollTimeout = 60000;
    const rows = await conn.bulk2.query('SELECT Id, LeadSource FROM Lead').then((stream) => stream.toArray());
    check('a bulk query has all leads', rows.length === leads, rows.length);
    check('with their values', rows.every((row) => row.Id.length === 18));
}

async function main() {
    const conn = await connect();
    const leads = await queries(conn);
    await descriptions(conn);
    await writes(conn);
    await bulk(conn, leads);
    console.log(`${passed} checks passed`);
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
