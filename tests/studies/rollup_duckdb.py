"""The cells of the roll-ups, worked out by DuckDB from the CSV files of tests/studies/evaluation.rs: reading them
is timed apart from grouping them. Usage: python rollup_duckdb.py FOLDER"""
import sys
import time

import duckdb

folder = sys.argv[1]
db = duckdb.connect()
db.execute("SET threads = 2")
begun = time.monotonic()
db.execute(f"""CREATE TABLE lead AS SELECT id, created::TIMESTAMP::DATE AS lead_day, mql::DATE AS mql_day,
    "out"::DATE AS out_day, channel, campaign, owner, segment
    FROM read_csv('{folder}/leads.csv', all_varchar = true, nullstr = '')""")
db.execute(f"""CREATE TABLE deal AS SELECT id, lead, created::TIMESTAMP::DATE AS day, closed::DATE AS closed,
    outcome, owner, amount::DECIMAL(18, 4) AS amount
    FROM read_csv('{folder}/deals.csv', all_varchar = true, nullstr = '')""")
read = time.monotonic() - begun

begun = time.monotonic()
db.execute("""CREATE TABLE unit AS
    SELECT l.*, d.opportunity_day, d.won_day,
           CASE WHEN l.out_day IS NOT NULL AND d.won_day IS NULL AND coalesce(d.all_lost, true)
                THEN greatest(l.out_day, d.last_loss) END AS lost_day
    FROM lead l LEFT JOIN (
        SELECT lead, min(day) AS opportunity_day, min(closed) FILTER (outcome = 'won') AS won_day,
               bool_and(outcome = 'lost') AS all_lost, max(closed) FILTER (outcome = 'lost') AS last_loss
        FROM deal GROUP BY lead) d ON d.lead = l.id""")
db.execute("""CREATE TABLE sale AS
    SELECT d.day AS opportunity_day, CASE WHEN outcome = 'won' THEN closed END AS won_day,
           CASE WHEN outcome = 'lost' THEN closed END AS lost_day, l.channel, l.campaign, d.owner, l.segment,
           CASE WHEN outcome = 'won' THEN amount ELSE 0 END AS value
    FROM deal d LEFT JOIN lead l ON l.id = d.lead""")
days = {"lead": "lead_day", "mql": "mql_day", "opportunity": "opportunity_day", "won": "won_day"}
pairs = [("lead", "mql"), ("lead", "opportunity"), ("lead", "won"), ("mql", "opportunity"), ("mql", "won")]
cells = entrants = 0
for by in ["''", "channel", "campaign", "owner", "segment"]:
    for table, start, end in [("unit", *pair) for pair in pairs] + [("sale", "opportunity", "won")]:
        value = "sum(value)" if table == "sale" else "0"
        found = db.execute(f"""
            CREATE OR REPLACE TABLE cell AS
            SELECT coalesce({by}, '') AS key, {days[start]} AS entered,
                   CASE WHEN {days[end]} IS NOT NULL THEN 'c' WHEN lost_day IS NOT NULL THEN 'l' ELSE 'w' END AS how,
                   greatest(0, coalesce({days[end]}, lost_day, {days[start]}) - {days[start]}) AS lag,
                   count(*) AS n, {value} AS value
            FROM {table} WHERE {days[start]} IS NOT NULL GROUP BY ALL""")
        count, total = db.execute("SELECT count(*), sum(n) FROM cell").fetchone()
        cells += count
        entrants += int(total)
print(f"{time.monotonic() - begun:.1f} s ({read:.1f} s to read the files), {cells} cells, {entrants} entrants")
