/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tables and views (FORMAT.md says what they mean), version and migration.
 *
 * SQLite keeps the text of every CREATE.  A file is only used where the texts are
 * these to the letter, so that nothing in it does what we do not know of: no other
 * defaults, generated columns or checks.  Triggers are switched off (open.c).
 */
#include <stdio.h>
#include <string.h>

#include "src/base/num.h"
#include "src/session/session_int.h"

/* Six columns that say which weights; layer is NULL for embed and head, grp and mask
 * are NULL for a whole row. */
#define FLIP_COLUMNS "layer INTEGER, proj TEXT, row INTEGER, grp INTEGER, mask TEXT"

static const struct {
    const char *name;
    const char *sql;
} objects[] = {
    {"session",
     "CREATE TABLE session(one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL,"
     " created_ms INTEGER NOT NULL, head INTEGER REFERENCES step(id))"},
    {"origin",
     "CREATE TABLE origin(one INTEGER PRIMARY KEY CHECK (one = 1), program_version TEXT NOT NULL,"
     " model_path TEXT NOT NULL, model_sha256 TEXT NOT NULL, model_bytes INTEGER NOT NULL,"
     " shape TEXT NOT NULL, settings TEXT NOT NULL, probes_name TEXT NOT NULL, gaps_before TEXT)"},
    {"probe",
     "CREATE TABLE probe(idx INTEGER PRIMARY KEY, part TEXT NOT NULL, set_name TEXT NOT NULL,"
     " name TEXT NOT NULL, category TEXT NOT NULL, prompt TEXT NOT NULL, correct TEXT NOT NULL,"
     " wrong TEXT NOT NULL, alternates TEXT NOT NULL)"},
    {"step",
     "CREATE TABLE step(id INTEGER PRIMARY KEY, parent INTEGER REFERENCES step(id),"
     " redo INTEGER REFERENCES step(id), made_by TEXT NOT NULL, tried INTEGER NOT NULL,"
     " screened INTEGER NOT NULL, time_ms INTEGER NOT NULL, fitness, gaps TEXT, note TEXT)"},
    {"step_flip",
     "CREATE TABLE step_flip(step INTEGER NOT NULL REFERENCES step(id), n INTEGER NOT NULL, "
     FLIP_COLUMNS ", PRIMARY KEY (step, n)) WITHOUT ROWID"},
    {"event",
     "CREATE TABLE event(seq INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, kind TEXT NOT NULL,"
     " step INTEGER NOT NULL REFERENCES step(id), number INTEGER, " FLIP_COLUMNS ","
     " accepted INTEGER NOT NULL, screened INTEGER NOT NULL, stopped INTEGER NOT NULL,"
     " fitness, gaps TEXT, text TEXT, data TEXT)"},
    {"answer",
     "CREATE TABLE answer(step INTEGER NOT NULL REFERENCES step(id),"
     " probe INTEGER NOT NULL REFERENCES probe(idx), text TEXT NOT NULL,"
     " is_right INTEGER NOT NULL, PRIMARY KEY (step, probe)) WITHOUT ROWID"},
    {"name",
     "CREATE TABLE name(name TEXT PRIMARY KEY, step INTEGER NOT NULL REFERENCES step(id))"
     " WITHOUT ROWID"},
    {"kept", "CREATE TABLE kept(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"},
    {"event_tried", "CREATE INDEX event_tried ON event(seq) WHERE kind = 'tried'"},
    {"event_screened",
     "CREATE INDEX event_screened ON event(seq) WHERE kind = 'tried' AND screened = 1"},
    {"probes",
     "CREATE VIEW probes AS SELECT idx AS probe, part, set_name, name, category, prompt, correct,"
     " wrong, alternates, json_extract(gaps_before, '$[' || idx || ']') AS gap_before"
     " FROM probe, origin"},
    {"steps",
     "CREATE VIEW steps AS WITH RECURSIVE way(id) AS (SELECT head FROM session UNION ALL"
     " SELECT step.parent FROM step JOIN way ON step.id = way.id WHERE step.parent IS NOT NULL)"
     " SELECT id AS step, parent, redo, id IN (SELECT id FROM way) AS is_on,"
     " id = (SELECT head FROM session) AS is_head, made_by,"
     " strftime('%Y-%m-%dT%H:%M:%fZ', time_ms / 1000.0, 'unixepoch') AS time, tried, screened,"
     " (SELECT count(*) FROM step_flip WHERE step_flip.step = step.id) AS flips, fitness,"
     " (SELECT group_concat(name, ', ') FROM name WHERE name.step = step.id) AS names, note"
     " FROM step"},
    {"flips",
     "CREATE VIEW flips AS SELECT step, n, layer, proj, row, grp, mask, is_on, made_by, fitness"
     " FROM step_flip JOIN steps USING (step)"},
    {"gaps",
     "CREATE VIEW gaps AS SELECT step.id AS step, probe.idx AS probe, part, name,"
     " json_extract(gaps_before, '$[' || probe.idx || ']') AS gap_before, now.value AS gap,"
     " now.value - json_extract(gaps_before, '$[' || probe.idx || ']') AS gain"
     " FROM origin, step, json_each(step.gaps) AS now JOIN probe ON probe.idx = now.key"},
    {"generations",
     "CREATE VIEW generations AS SELECT now.step, now.probe, part, name, base.text AS text_base,"
     " now.text, base.is_right AS right_base, now.is_right,"
     " CASE base.is_right * 2 + now.is_right WHEN 0 THEN 'stayed_wrong' WHEN 1 THEN 'fixed'"
     " WHEN 2 THEN 'broke' WHEN 3 THEN 'stayed_right' END AS verdict"
     " FROM answer AS now JOIN probe ON probe.idx = now.probe"
     " LEFT JOIN answer AS base ON base.step = 0 AND base.probe = now.probe"},
};

/* ---- version ---------------------------------------------------------------- */

static bool pragma_int(struct session *session, const char *sql, int64_t *out, struct err *err)
{
    struct query query = query_new(session, sql, err);
    *out = query_next(&query) ? row_int(&query, 0, INT32_MIN, INT64_MAX) : 0;
    return query_end(&query);
}

static bool check_version(int64_t version, const struct session *session, struct err *err)
{
    bool ok = version >= 1 && version <= SESSION_VERSION;
    if (version > SESSION_VERSION)
        (void)err_set(err, ERR_UNSUPPORTED, "has version %lld, this program knows versions up "
                      "to %d: open it with a newer program", (long long)version, SESSION_VERSION);
    else if (!ok)
        (void)err_set(err, ERR_FORMAT, "has version %lld, expected 1 to %d", (long long)version,
                      SESSION_VERSION);
    else if (version < SESSION_VERSION && session->mode == SESSION_READ)
        ok = err_set(err, ERR_UNSUPPORTED, "has version %lld, expected %d: open it without -R "
                     "once", (long long)version, SESSION_VERSION);
    return ok || err_where(err, "user_version");
}

bool session_schema_check(struct session *session, bool *is_new, struct err *err)
{
    int64_t application = 0, version = 0, count = 0;
    if (!pragma_int(session, "PRAGMA application_id", &application, err) ||
        !pragma_int(session, "PRAGMA user_version", &version, err) ||
        !pragma_int(session, "SELECT count(*) FROM sqlite_master", &count, err))
        return false;
    *is_new = application == 0 && version == 0 && count == 0;
    if (*is_new && session->mode == SESSION_READ)
        return err_set(err, ERR_FORMAT, "is empty, expected a session");
    if (*is_new)
        return true;
    if (application == SESSION_APPLICATION)
        return check_version(version, session, err);
    (void)err_set(err, ERR_FORMAT, "is an SQLite file of another program (0x%llX, expected 0x%X)",
                  (unsigned long long)application & 0xFFFFFFFF, (unsigned)SESSION_APPLICATION);
    return err_where(err, "application_id");
}

/* ---- migration: one function for each version, from the one before it ------- */

static bool create(struct session *session, struct err *err)
{
    for (size_t i = 0; i < countof(objects); i++)
        if (!session_exec(session, objects[i].sql, err))
            return false;
    struct query insert = query_new(session, "INSERT INTO session VALUES(1,"
                                    " lower(hex(randomblob(16))), ?, NULL)", err);
    query_int(&insert, session_clock_ms());
    return query_run(&insert);
}

static bool (*const migrations[SESSION_VERSION])(struct session *, struct err *) = {
    create, /* 0 to 1 */
};

static bool migrate_once(struct session *session, int64_t version, struct err *err)
{
    char mark[120];
    (void)snprintf(mark, sizeof mark, "PRAGMA application_id = %d; PRAGMA user_version = %lld",
                   SESSION_APPLICATION, (long long)version + 1);
    bool ok = session_begin(session, true, err);
    return ok && session_end(session, migrations[version](session, err) &&
                             session_exec(session, mark, err), err);
}

static bool has_object(struct session *session, const char *name, const char *sql,
                       struct err *err)
{
    struct query query = query_new(session, "SELECT sql FROM sqlite_master WHERE name = ?", err);
    query_text(&query, name);
    bool found = query_next(&query);
    bool same = found && strcmp(row_text(&query, 0, NULL), sql) == 0;
    if (!query_end(&query))
        return false;
    if (same)
        return true;
    (void)err_set(err, ERR_FORMAT, found ? "is not defined as version %d defines it"
                                         : "is missing, expected in version %d", SESSION_VERSION);
    return err_where(err, "table or view %s", name);
}

bool session_schema_migrate(struct session *session, struct err *err)
{
    int64_t version = 0;
    if (!pragma_int(session, "PRAGMA user_version", &version, err))
        return false;
    for (; session->mode == SESSION_WRITE && version < SESSION_VERSION; version++)
        if (!migrate_once(session, version, err))
            return false;
    for (size_t i = 0; i < countof(objects); i++)
        if (!has_object(session, objects[i].name, objects[i].sql, err))
            return false;
    return true;
}
