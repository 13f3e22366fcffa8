/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Help: drawn over everything, made from the tables of keys and commands alone.
 * Keys of the view that has the focus come first, then those of all views, then
 * the commands of the `:` line, then what signs mean.  Typing filters by key, command and text.
 */
#include <stdlib.h>
#include <string.h>

#include "src/base/num.h"
#include "src/base/text.h"
#include "ui/command.h"

/* ---- entries ------------------------------------------------------------------- */

struct entry {
    char *keys; /* "k, Up"; of headings NULL */
    char *line; /* "move up" */
    const char *help;
};

struct entries {
    struct entry *items;
    size_t count;
};

static void add_entry(struct entries *entries, char *keys, char *line, const char *help)
{
    entries->items = x_grow(entries->items, entries->count + 1, sizeof *entries->items);
    entries->items[entries->count++] = (struct entry){keys, line, help};
}

static void free_entries(struct entries *entries)
{
    for (size_t i = 0; i < entries->count; i++) {
        free(entries->items[i].keys);
        free(entries->items[i].line);
    }
    free(entries->items);
}

static char *copy(const char *text)
{
    return x_copy(text, strlen(text));
}

/* "<Enter>" is shown as Enter, '<' as itself. */
static void add_key_text(struct buf *out, const char *key)
{
    size_t len = strlen(key);
    bool named = len > 2 && key[0] == '<' && key[len - 1] == '>';
    buf_add(out, key + named, len - (named ? 2 : 0));
}

static bool same_line(const struct key_binding *a, const struct key_binding *b)
{
    return a->where == b->where && strcmp(a->line, b->line) == 0;
}

/* All keys of a line, at its first binding; "" at later ones. */
static char *keys_of(const struct key_binding *binding)
{
    struct buf keys = {0};
    for (const struct key_binding *one = ui_bindings; one->key; one++) {
        if (!same_line(one, binding))
            continue;
        if (one < binding) {
            buf_free(&keys);
            return copy("");
        }
        buf_add_text(&keys, keys.len > 0 ? " " : "");
        add_key_text(&keys, one->key);
    }
    return keys.data ? keys.data : copy("");
}

/* Of "prompt step" that of the command whose argument is asked for. */
static const char *help_of_line(const char *line)
{
    if (strncmp(line, "prompt ", 7) == 0)
        line += 7;
    char *name = x_copy(line, strcspn(line, " "));
    const struct ui_command *command = command_named(name);
    free(name);
    return command ? command->help : "";
}

static bool has_text(const char *text, const char *filter)
{
    return strcasestr(text, filter) != NULL;
}

static bool entry_matches(const struct entry *entry, const char *filter)
{
    return has_text(entry->keys, filter) || has_text(entry->line, filter) ||
           has_text(entry->help, filter);
}

/* Is the filter one of the keys, letter by letter? */
static bool is_key(const struct entry *entry, const char *filter)
{
    size_t len = strlen(filter);
    for (const char *at = entry->keys; *at; at += strcspn(at, " "), at += *at == ' ') {
        if (strcspn(at, " ") == len && strncmp(at, filter, len) == 0)
            return true;
    }
    return false;
}

/* ---- sections -------------------------------------------------------------------- */

/* Which entries: those that have the filter for a key stand above the others. */
enum pass { PASS_ALL, PASS_KEYS, PASS_OTHERS };

static bool is_wanted(const struct entry *entry, const char *filter, enum pass pass)
{
    if (pass == PASS_ALL)
        return true;
    return is_key(entry, filter) ? pass == PASS_KEYS
                                 : pass == PASS_OTHERS && entry_matches(entry, filter);
}

static void add_wanted(struct entries *entries, struct entry entry, const char *filter,
                       enum pass pass)
{
    if (*entry.keys && is_wanted(&entry, filter, pass)) {
        add_entry(entries, entry.keys, entry.line, entry.help);
        return;
    }
    free(entry.keys);
    free(entry.line);
}

static void add_keys(struct entries *entries, unsigned here, bool everywhere, const char *filter,
                     enum pass pass)
{
    for (const struct key_binding *binding = ui_bindings; binding->key; binding++) {
        if ((binding->where & here) && (binding->where == IN_ALL) == everywhere) {
            struct entry entry = {keys_of(binding), copy(binding->line),
                                  help_of_line(binding->line)};
            add_wanted(entries, entry, filter, pass);
        }
    }
}

static void add_commands(struct entries *entries, const char *filter, enum pass pass)
{
    for (const struct ui_command *command = ui_commands; command->name; command++) {
        struct buf line = {0};
        buf_add_format(&line, ":%s%s%s", command->name, *command->arguments ? " " : "",
                       command->arguments);
        add_wanted(entries, (struct entry){line.data, copy(""), command->help}, filter, pass);
    }
}

static void add_signs(struct entries *entries, const char *filter, enum pass pass)
{
    static const struct {
        const char *sign, *help;
    } signs[] = {
        {"~", "stale: measured with other flips than are on now"},
        {"\u00B7", "gap unchanged: equal to the bit, or by less than 0.005"},
        {"\u25B2 \u25BC", "gap up, down (a search signal); won, lost: its sign turned"},
        {"+ -", "the answer was fixed, broke"},
        {"= \u00D7", "the answer stayed right, stayed wrong"},
        {"p", "how likely fixed against broke is by luck (exact McNemar)"},
        {"#", "a category of the probes"},
        {"!", "audit: fatal, it measures nothing; capitals warn"},
        {"D d", "audit: dead pair, both answers have one score"},
        {"O o", "audit: no wrong answer, and the metric needs one"},
        {"U u", "audit: its right answer is not right by its rule"},
        {"A a", "audit: its wrong answer is accepted"},
        {"L l", "audit: longer than what is generated"},
        {"M m", "audit: several tokens, the metric looks at one"},
        {"S s", "audit: the first token is a bare space"},
        {"G g", "audit: prompt and answer are glued by a token"},
        {"C c", "audit: the wrong answer is no real competitor"},
        {"R r", "audit: the target is right already"},
        {"W w", "audit: the control is wrong already"},
        {"P p", "audit: the same question as one before"},
        {"N n", "audit: nearly the same as one before"},
        {"T t", "audit: one contrast through the category"},
        {"B b", "audit: a blank at the end matters"},
    };
    for (size_t i = 0; i < countof(signs); i++)
        add_wanted(entries, (struct entry){copy(signs[i].sign), copy(""), signs[i].help}, filter,
                   pass);
}

/* A heading, taken back if nothing follows it. */
static void end_section(struct entries *entries, size_t heading)
{
    if (entries->count == heading + 1)
        free(entries->items[--entries->count].line);
}

static size_t begin_section(struct entries *entries, const char *title)
{
    add_entry(entries, NULL, copy(title), NULL);
    return entries->count - 1;
}

static struct entries entries_of(const struct app *app)
{
    const char *filter = app->help_filter ? app->help_filter : "";
    enum pass first = *filter ? PASS_KEYS : PASS_ALL, last = *filter ? PASS_OTHERS : PASS_ALL;
    unsigned here = 1U << app->focus;
    struct buf title = {0};
    struct entries entries = {0};

    buf_add_format(&title, "keys in %s", view_of(app->focus)->title);
    size_t heading = begin_section(&entries, title.data);
    buf_free(&title);
    for (enum pass pass = first; pass <= last; pass++)
        add_keys(&entries, here, false, filter, pass);
    end_section(&entries, heading);

    heading = begin_section(&entries, "keys everywhere");
    for (enum pass pass = first; pass <= last; pass++)
        add_keys(&entries, here, true, filter, pass);
    end_section(&entries, heading);

    heading = begin_section(&entries, "commands, typed after :");
    for (enum pass pass = first; pass <= last; pass++)
        add_commands(&entries, filter, pass);
    end_section(&entries, heading);

    heading = begin_section(&entries, "signs in Probes");
    for (enum pass pass = first; pass <= last; pass++)
        add_signs(&entries, filter, pass);
    end_section(&entries, heading);
    return entries;
}

/* ---- drawing ----------------------------------------------------------------------- */

enum {
    KEYS_COLUMNS = 13,
    LINE_COLUMN = 15,
    HELP_COLUMN = 32,
    WIDE_COLUMNS = 60, /* from here on there is room for the explanations */
};

static void draw_entry(struct grid *grid, struct rect area, int row, const struct entry *entry)
{
    if (!entry->keys) {
        grid_text(grid, area, row, 0, entry->line, strlen(entry->line), STYLE_TITLE);
        return;
    }
    bool command = *entry->line == '\0';
    int help_column = area.columns >= WIDE_COLUMNS ? HELP_COLUMN : command ? 20 : LINE_COLUMN;
    int end = grid_text(grid, area, row, 1, entry->keys, strlen(entry->keys), STYLE_HINT_KEY);
    if (!command && end < LINE_COLUMN && area.columns >= WIDE_COLUMNS)
        end = grid_text(grid, area, row, LINE_COLUMN, entry->line, strlen(entry->line),
                        STYLE_TEXT);
    if (end >= help_column)
        help_column = end + 1;
    if (area.columns < WIDE_COLUMNS && !command)
        grid_text(grid, area, row, help_column, entry->line, strlen(entry->line), STYLE_TEXT);
    else
        grid_text(grid, area, row, help_column, entry->help, strlen(entry->help), STYLE_TEXT);
}

static int clamp_scroll(int scroll, size_t count, int rows)
{
    int most = (int)count - rows;
    return scroll > most ? (most > 0 ? most : 0) : scroll < 0 ? 0 : scroll;
}

/* The top line: what was typed, or what can be. */
static void draw_filter(struct app *app, struct rect inside, size_t count)
{
    const char *filter = app->help_filter ? app->help_filter : "";
    struct grid *grid = app->grid;
    if (*filter == '\0') {
        grid_format(grid, inside, 0, 0, STYLE_DIM, "type to filter, arrows scroll, Esc closes");
        grid->cursor_shown = false;
        return;
    }
    int end = grid_format(grid, inside, 0, 0, STYLE_PROMPT, "filter: %s", filter);
    if (count == 0)
        grid_format(grid, inside, 2, 1, STYLE_TEXT, "no key or command has this text");
    grid_cursor(grid, inside, 0, end);
}

/* Rows of entries in an area: all but the frame and the filter. */
static struct rect list_of(struct rect inside)
{
    inside.row++;
    inside.rows = inside.rows > 0 ? inside.rows - 1 : 0;
    return inside;
}

void help_draw(struct app *app, struct rect area)
{
    struct grid *grid = app->grid;
    grid_fill(grid, area, (struct rect){0, 0, area.rows, area.columns}, ' ', STYLE_TEXT);
    struct rect inside = grid_frame(grid, area, "Help", true);
    struct rect list = list_of(inside);
    struct entries entries = entries_of(app);
    int scroll = clamp_scroll(app->help_scroll, entries.count, list.rows);
    int count = (int)entries.count;
    for (int row = 0; row < list.rows && row + scroll < count; row++)
        draw_entry(grid, list, row, &entries.items[row + scroll]);
    draw_filter(app, inside, entries.count);
    int left = count - scroll - list.rows;
    if (left > 0 && inside.columns > 55 && inside.rows > 0)
        grid_format(grid, inside, 0, inside.columns - 10, STYLE_DIM, "%3d below", left);
    free_entries(&entries);
}

/* ---- keys --------------------------------------------------------------------------- */

static int page_rows(const struct app *app)
{
    int rows = (app->grid ? app->grid->rows : 24) - 4;
    return rows > 1 ? rows : 1;
}

static void scroll_by(struct app *app, int by)
{
    struct entries entries = entries_of(app);
    app->help_scroll = clamp_scroll(app->help_scroll, entries.count, page_rows(app)) + by;
    app->help_scroll = clamp_scroll(app->help_scroll, entries.count, page_rows(app));
    free_entries(&entries);
}

static void set_filter(struct app *app, const char *text, size_t len)
{
    char *filter = x_copy(text, len);
    free(app->help_filter);
    app->help_filter = filter;
    app->help_scroll = 0;
}

/* Take the last character away. */
static void shorten_filter(struct app *app)
{
    const char *filter = app->help_filter ? app->help_filter : "";
    size_t len = strlen(filter);
    while (len > 0 && ((unsigned char)filter[len - 1] & 0xC0) == 0x80)
        len--;
    set_filter(app, filter, len > 0 ? len - 1 : 0);
}

static void lengthen_filter(struct app *app, key_code key)
{
    struct buf filter = {0};
    buf_add_text(&filter, app->help_filter ? app->help_filter : "");
    if (key == ' ')
        buf_add_text(&filter, " "); /* its name is <Space> */
    else
        key_add_name(key, &filter);
    set_filter(app, filter.data, filter.len);
    buf_free(&filter);
}

static bool closes(const struct app *app, key_code key)
{
    bool empty = !app->help_filter || *app->help_filter == '\0';
    return key == KEY_CODE_ESC || key == KEY_CODE_F1 || (empty && (key == 'q' || key == '?'));
}

void help_key(struct app *app, key_code key)
{
    if (closes(app, key))
        app->help_open = false;
    else if (key == KEY_CODE_BACKSPACE)
        shorten_filter(app);
    else if (key == KEY_CODE_UP || key == KEY_CODE_DOWN)
        scroll_by(app, key == KEY_CODE_UP ? -1 : 1);
    else if (key == KEY_CODE_PAGE_UP || key == KEY_CODE_PAGE_DOWN)
        scroll_by(app, key == KEY_CODE_PAGE_UP ? -page_rows(app) : page_rows(app));
    else if (key == KEY_CODE_HOME || key == KEY_CODE_END)
        scroll_by(app, key == KEY_CODE_HOME ? -100000 : 100000);
    else if (key == ('u' & 31))
        set_filter(app, "", 0);
    else if (key >= ' ' && key < KEY_CODE_BASE)
        lengthen_filter(app, key);
}
