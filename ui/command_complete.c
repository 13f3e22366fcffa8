/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Completion of the `:` line: names of commands, then of their arguments.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "ui/command_int.h"
#include "ui/view_int.h"

struct found {
    char **items; /* [count], one more for the NULL at the end */
    size_t count;
    const char *prefix;
    size_t prefix_len;
};

static void add(struct found *found, const char *word)
{
    if (strncmp(word, found->prefix, found->prefix_len) != 0)
        return;
    found->items = x_grow(found->items, found->count + 2, sizeof *found->items);
    found->items[found->count++] = x_copy(word, strlen(word));
    found->items[found->count] = NULL;
}

static void add_words(struct found *found, const char *const *words)
{
    for (; *words; words++)
        add(found, *words);
}

static void add_commands(struct found *found)
{
    for (const struct ui_command *command = ui_commands; command->name; command++)
        add(found, command->name);
}

static void add_views(struct found *found)
{
    for (int view = 0; view < VIEW_COUNT; view++)
        add(found, view_of((enum view_id)view)->name);
}

/* Held-out probes have no names until they were asked for. */
static void add_probes(struct found *found, const struct app *app)
{
    for (size_t i = 0; i < app->probe_count; i++) {
        if (app->probes[i].role != ROLE_HELDOUT || app->heldout_asked)
            add(found, app->probes[i].probe->name);
    }
}

/* ---- places ------------------------------------------------------------------ */

/* "0." to "35.", or after "3." its projections. */
static void add_places(struct found *found, const struct app *app)
{
    struct buf word = {0};
    const char *dot = memchr(found->prefix, '.', found->prefix_len);
    for (uint32_t layer = 0; !dot && app->shape && layer < app->shape->layers; layer++) {
        buf_clear(&word);
        buf_add_format(&word, "%u.", layer);
        add(found, word.data);
    }
    for (int proj = 0; dot && proj < PROJ_LAYER_COUNT; proj++) {
        buf_clear(&word);
        buf_add_format(&word, "%.*s.%s.", (int)(dot - found->prefix), found->prefix,
                       command_projections[proj]);
        add(found, word.data);
    }
    if (!dot) {
        add(found, "embed.");
        if (app->shape && !app->shape->tied)
            add(found, "head.");
    }
    buf_free(&word);
}

/* ---- files ------------------------------------------------------------------- */

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_file(struct found *found, const char *folder, size_t folder_len,
                     const struct dirent *entry)
{
    struct buf word = {0};
    bool is_folder = entry->d_type == DT_DIR;
    buf_add_format(&word, "%.*s%s%s", (int)folder_len, folder, entry->d_name, is_folder ? "/" : "");
    add(found, word.data);
    buf_free(&word);
}

/* Hidden ones only when asked for by their dot. */
static void add_files(struct found *found)
{
    const char *slash = memrchr(found->prefix, '/', found->prefix_len);
    size_t folder_len = slash ? (size_t)(slash - found->prefix) + 1 : 0;
    struct buf path = {0};
    const char *home = getenv("HOME");
    bool at_home = folder_len >= 2 && strncmp(found->prefix, "~/", 2) == 0 && home;
    if (folder_len == 0)
        buf_add_text(&path, ".");
    else
        buf_add_format(&path, "%s%.*s", at_home ? home : "", (int)folder_len - (at_home ? 1 : 0),
                       found->prefix + (at_home ? 1 : 0));
    DIR *folder = opendir(path.data);
    buf_free(&path);
    if (!folder)
        return;
    bool hidden = found->prefix[folder_len] == '.';
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        bool self = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        if (!self && (entry->d_name[0] == '.') == hidden)
            add_file(found, found->prefix, folder_len, entry);
    }
    (void)closedir(folder);
    if (found->count > 1)
        qsort(found->items, found->count, sizeof *found->items, compare_texts);
}

/* Those of the sessions' folder by their names, others by their paths. */
static void add_sessions(struct found *found)
{
    struct buf path = {0};
    DIR *folder = command_sessions_folder(&path) ? opendir(path.data) : NULL;
    buf_free(&path);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char *dot = strrchr(entry->d_name, '.');
        if (!dot || dot == entry->d_name || strcmp(dot, ".bankai") != 0)
            continue;
        *dot = '\0';
        add(found, entry->d_name);
    }
    if (folder)
        (void)closedir(folder);
    if (found->count > 1)
        qsort(found->items, found->count, sizeof *found->items, compare_texts);
    if (memchr(found->prefix, '/', found->prefix_len))
        add_files(found);
}

/* ---- by command ---------------------------------------------------------------- */

static bool is_one_of(const char *name, const char *const *names)
{
    while (*names && strcmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

/* ---- states -------------------------------------------------------------------- */

/* Names of states, behind what stands in front of them. */
static void add_states(struct found *found, const struct app *app, const char *before)
{
    struct buf word = {0};
    for (size_t i = 0; i < app->states.named.count + 2; i++) {
        buf_clear(&word);
        buf_add_format(&word, "%s%s", before,
                       i == 0   ? "base"
                       : i == 1 ? "head"
                                : app->states.named.items[i - 2].name);
        add(found, word.data);
    }
    buf_free(&word);
}

/* "A..", and behind the dots the other. */
static void add_pairs(struct found *found, const struct app *app)
{
    const char *dots = strstr(found->prefix, "..");
    char *before = x_copy(found->prefix, dots ? (size_t)(dots + 2 - found->prefix) : 0);
    add_states(found, app, before);
    free(before);
}

/* Behind `open` a file. */
static void add_patch_words(struct found *found, const char *line)
{
    const char *open = strstr(line, "open ");
    if (open)
        add_files(found);
    else
        add_words(found, command_patch_words);
}

/* Behind `colour` what the colours may say. */
static void add_map_words(struct found *found, const char *line)
{
    add_words(found, strstr(line, "colour ") ? map_colour_names : command_map_words);
}

/* Names of settings, and behind one its values: every second word. */
static void add_settings(struct found *found, const struct app *app, const char *line)
{
    struct settings_item items[SETTINGS_MAX], item;
    char *before = x_copy(line, (size_t)(found->prefix - line)), *rest = before;
    const char *last = NULL;
    size_t words = 0;
    for (char *word; (word = strtok_r(rest, " :", &rest)); words++)
        last = word;
    bool of_value = words % 2 == 0 && last && settings_find(last, &item); /* "set" is one, too */
    for (int i = 0; of_value && settings_choice(&item, i); i++)
        add(found, settings_choice(&item, i));
    size_t count = settings_list(&app->settings.now.options, items);
    for (size_t i = 0; words % 2 == 1 && i < count; i++)
        add(found, settings_name(&items[i]));
    free(before);
}

static void add_arguments(struct found *found, const struct app *app, const char *name,
                          const char *line)
{
    static const char *const of_files[] = {"e", "screen", "source", "w", "w!", "write", NULL};
    static const char *const of_places[] = {"goto", "keep", "try", NULL};
    static const char *const of_directions[] = {"focus", "layer", "proj", NULL};

    if (is_one_of(name, of_files))
        add_files(found);
    else if (is_one_of(name, of_places))
        add_places(found, app);
    else if (is_one_of(name, of_directions))
        add_words(found, command_directions);
    else if (strcmp(name, "diff") == 0)
        add_pairs(found, app);
    else if (strcmp(name, "state") == 0)
        add_states(found, app, "");
    else if (strcmp(name, "patch") == 0)
        add_patch_words(found, line);
    else if (strcmp(name, "map") == 0)
        add_map_words(found, line);
    else if (strcmp(name, "move") == 0)
        add_words(found, command_motions);
    else if (strcmp(name, "probe") == 0)
        add_probes(found, app);
    else if (strcmp(name, "prompt") == 0)
        add_commands(found);
    else if (strcmp(name, "resume") == 0)
        add_sessions(found);
    else if (strcmp(name, "session") == 0)
        add(found, "name");
    else if (strcmp(name, "set") == 0)
        add_settings(found, app, line);
    else if (strcmp(name, "sort") == 0)
        add_words(found, command_orders);
    else if (strcmp(name, "tab") == 0)
        add_words(found, command_tabs);
    else if (strcmp(name, "theme") == 0)
        add_words(found, command_themes);
    else if (strcmp(name, "view") == 0)
        add_views(found);
}

char **command_complete(void *app, const char *text, size_t start)
{
    struct found found = {.prefix = text + start, .prefix_len = strlen(text + start)};
    size_t begin = strspn(text, " :");
    size_t len = strcspn(text + begin, " ");
    if (start <= begin + len) {
        add_commands(&found);
    } else {
        char *name = x_copy(text + begin, len);
        add_arguments(&found, app, name, text);
        free(name);
    }
    return found.items;
}
