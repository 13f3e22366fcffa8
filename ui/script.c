/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/file.h"
#include "src/base/num.h"
#include "ui/command.h"

enum { SCRIPTS_MAX = 8, SCRIPT_BYTES_MAX = 1 << 20, WAIT_MS_MAX = 3600000, SIZE_MAX_CELLS = 1000 };

struct script {
    char *path;
    struct buf text; /* line feeds become zero bytes as lines are taken */
    size_t at;
    int line;
};

static struct script scripts[SCRIPTS_MAX]; /* the last one runs */
static size_t script_count;
static double waits_until; /* `wait N ms`, else 0 */
static bool waits_idle;

bool script_push(const char *path, struct err *err)
{
    struct script script = {.path = NULL};
    if (script_count == SCRIPTS_MAX)
        return err_set(err, ERR_USAGE, "scripts are nested deeper than %d", SCRIPTS_MAX);
    if (!file_read(path, SCRIPT_BYTES_MAX, &script.text, err)) {
        buf_free(&script.text);
        return false;
    }
    script.path = x_copy(path, strlen(path));
    scripts[script_count++] = script;
    return true;
}

static void pop(void)
{
    struct script *script = &scripts[--script_count];
    free(script->path);
    buf_free(&script->text);
}

void script_stop(void)
{
    while (script_count > 0)
        pop();
    waits_until = 0;
    waits_idle = false;
}

bool script_is_running(void)
{
    return script_count > 0 || waits_until > 0 || waits_idle;
}

double script_deadline(void)
{
    return waits_until;
}

/* The next line without the blanks around it, valid until the script ends; NULL
 * at the end of the last script. */
static char *next_line(void)
{
    while (script_count > 0 && scripts[script_count - 1].at >= scripts[script_count - 1].text.len)
        pop();
    if (script_count == 0)
        return NULL;
    struct script *script = &scripts[script_count - 1];
    char *line = script->text.data + script->at;
    size_t left = script->text.len - script->at;
    char *end = memchr(line, '\n', left);
    size_t len = end ? (size_t)(end - line) : left;
    script->at += len + (end != NULL);
    script->line++;
    while (len > 0 && strchr(" \t\r", line[len - 1]))
        len--;
    line[len] = '\0'; /* text ends in a zero byte of its own */
    return line + strspn(line, " \t");
}

/* What comes behind the word, or NULL where the line has another one. */
static const char *behind(const char *line, const char *word)
{
    size_t len = strlen(word);
    if (strncmp(line, word, len) != 0 || (line[len] && line[len] != ' '))
        return NULL;
    return line + len + strspn(line + len, " ");
}

/* ---- lines ------------------------------------------------------------------------- */

static bool wait_for(const char *what, struct err *err)
{
    int ms = 0, end = 0;
    waits_idle = strcmp(what, "idle") == 0;
    if (waits_idle)
        return true;
    if (sscanf(what, "%7d ms%n", &ms, &end) != 1 || end == 0 || what[end] || ms < 0 ||
        ms > WAIT_MS_MAX)
        return err_set(err, ERR_USAGE, "wait '%s', expected idle or such as 50 ms", what);
    waits_until = clock_seconds() + ms / 1000.0;
    return true;
}

static bool press(const struct script_host *host, const char *keys, struct err *err)
{
    while (*keys) {
        key_code key = KEY_CODE_NONE;
        size_t len = key_parse(keys, &key);
        if (len == 0)
            return err_set(err, ERR_USAGE, "key '%s' is not UTF-8", keys);
        keys += len;
        if (key == ' ' && keys[-1] == ' ')
            continue;
        host->key(host->user, key);
        host->paint(host->user);
    }
    return true;
}

static bool resize(const struct script_host *host, const char *size, struct err *err)
{
    int columns = 0, rows = 0, end = 0;
    if (!host->headless)
        return err_set(err, ERR_USAGE, "resize needs --headless");
    if (sscanf(size, "%5dx%5d%n", &columns, &rows, &end) != 2 || size[end] || columns < 1 ||
        rows < 1 || columns > SIZE_MAX_CELLS || rows > SIZE_MAX_CELLS)
        return err_set(err, ERR_USAGE, "size '%s', expected such as 80x24", size);
    host->resize(host->user, rows, columns);
    return true;
}

/* A picture of the screen has what was said last on it; other commands begin by
 * forgetting that. */
static bool command(struct app *app, const char *line, struct err *err)
{
    if (behind(line, "screen")) {
        app->message_is_error = false;
        command_run(app, line);
    } else {
        app_command(app, line);
    }
    return app->message_is_error ? err_set(err, ERR_USAGE, "%s", app->message) : true;
}

static bool run_one(const struct script_host *host, const char *line, struct err *err)
{
    const char *rest;
    if ((rest = behind(line, "wait")))
        return wait_for(rest, err);
    if ((rest = behind(line, "key")))
        return press(host, rest, err);
    if ((rest = behind(line, "resize")))
        return resize(host, rest, err);
    return command(host->app, line, err);
}

static bool run_line(const struct script_host *host, const char *line, struct err *err)
{
    host->app->by_script = true; /* its keys are typed by nobody */
    bool ok = run_one(host, line, err);
    host->app->by_script = false;
    return ok;
}

/* ---- running ------------------------------------------------------------------------- */

static bool waits(const struct script_host *host, bool ran)
{
    if (waits_until > 0 && clock_seconds() >= waits_until)
        waits_until = 0;
    if (waits_idle && host->idle && !ran)
        waits_idle = false;
    return waits_until > 0 || waits_idle;
}

/* The file and line go in front of what was wrong. */
static bool failed(const char *path, int line, struct err *err)
{
    (void)err_file(err, path);
    (void)err_where(err, "line %d", line);
    script_stop();
    return false;
}

bool script_run(const struct script_host *host, struct err *err)
{
    bool ran = false; /* host->idle is not true any more */
    while (!waits(host, ran) && !host->app->quit) {
        char *line = next_line();
        if (!line)
            return true;
        if (!*line || *line == '#')
            continue;
        bool may_fail = *line == '-';
        line += may_fail;
        const struct script *script = &scripts[script_count - 1];
        char *path = x_copy(script->path, strlen(script->path));
        int number = script->line;
        struct err problem = {0};
        ran = true;
        host->paint(host->user);
        bool ok = run_line(host, line, &problem) || may_fail;
        if (!ok) {
            *err = problem;
            (void)failed(path, number, err);
        }
        free(path);
        if (!ok)
            return false;
    }
    return true;
}
