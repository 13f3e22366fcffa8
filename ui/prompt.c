/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * readline is given bytes from a queue and never reads, writes or asks the
 * terminal for anything.  It keeps all its state in globals, so there is one
 * prompt.  What the person sees is drawn from rl_line_buffer.
 *
 * What the queue leaves out or holds back, because readline would wait for more
 * or take it for something else:
 *   - a lone ESC, which readline takes for the beginning of a Meta key; it
 *     cancels, or leaves the insert mode of those who have vi keys
 *   - Ctrl-C, which cancels
 *   - pasted text (between ESC [200~ and ESC [201~), inserted as it is with its
 *     control characters made spaces
 *   - the first bytes of a UTF-8 character, until the rest is there
 */
#include "ui/prompt_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <readline/history.h>
#include <readline/readline.h>

#include "src/base/err.h"
#include "src/base/text.h"

enum { KEY_INTERRUPT = 3, KEY_QUOTE = 22, KEY_ESC = 27, LINE_BYTES_MAX = 1 << 16 };

static const char paste_begin[] = "\033[200~";
static const char paste_end[] = "\033[201~";
enum { PASTE_MARK_LEN = sizeof paste_begin - 1 };

static struct {
    bool open, ready; /* readline was set up */
    unsigned number;  /* of prompts opened so far */
    enum prompt_kind kind;
    char *label;
    prompt_complete *complete;
    void (*done)(void *user, const char *line);
    void *user;
    bool ended;       /* readline has given the line, or NULL */
    char *line;       /* that line */
    struct buf held;  /* bytes not given to readline yet */
    bool pasting;
    bool quoting;     /* the last byte was Ctrl-V: the next means nothing */
    char **matches;   /* what Tab listed, ended by NULL */
    int scroll;       /* first column shown */
} prompt;

/* The bytes readline reads now. */
static struct {
    const char *bytes;
    size_t len, at;
} queue;

/* ---- what readline calls -------------------------------------------------------- */

static int take_byte(FILE *stream)
{
    (void)stream;
    return queue.at < queue.len ? (unsigned char)queue.bytes[queue.at++] : EOF;
}

static int byte_waits(void)
{
    return queue.at < queue.len;
}

static void draw_nothing(void)
{
}

static void take_line(char *line)
{
    prompt.ended = true;
    prompt.line = line;
}

static void free_matches(void)
{
    for (char **match = prompt.matches; match && *match; match++)
        free(*match);
    free(prompt.matches);
    prompt.matches = NULL;
}

/* matches[0] is what all have in common; the others are kept. */
static void keep_matches(char **matches, int count, int longest)
{
    (void)longest;
    free_matches();
    prompt.matches = x_new((size_t)count + 1, sizeof *prompt.matches);
    for (int i = 0; i < count; i++)
        prompt.matches[i] = x_copy(matches[i + 1], strlen(matches[i + 1]));
}

/* Bytes that all of the strings begin with, cut before a broken character. */
static size_t common_length(char **strings, size_t count)
{
    size_t len = strlen(strings[0]);
    for (size_t i = 1; i < count; i++)
        for (size_t at = 0; at < len; at++)
            if (strings[i][at] != strings[0][at])
                len = at;
    while (len > 0 && ((unsigned char)strings[0][len] & 0xC0) == 0x80)
        len--;
    return len;
}

/* readline wants the common beginning first; it frees all. */
static char **as_readline_matches(char **found, const char *word)
{
    size_t count = 0, len = strlen(word);
    for (char **next = found; *next; next++) {
        if (strncmp(*next, word, len) == 0)
            found[count++] = *next;
        else
            free(*next);
    }
    char **matches = NULL;
    if (count > 0) {
        matches = malloc((count + 2) * sizeof *matches);
        BUG_ON(!matches);
        memcpy(matches + 1, found, count * sizeof *found);
        matches[0] = x_copy(found[0], common_length(found, count));
        matches[count + 1] = NULL;
    }
    free(found);
    return matches;
}

static char **complete_word(const char *word, int start, int end)
{
    rl_attempted_completion_over = 1; /* no file names instead */
    if (!prompt.complete)
        return NULL;
    char *text = x_copy(rl_line_buffer, (size_t)end);
    char **found = prompt.complete(prompt.user, text, (size_t)start);
    free(text);
    char **matches = found ? as_readline_matches(found, word) : NULL;
    size_t len = matches ? strlen(matches[0]) : 0;
    /* Behind a folder more is to come. */
    rl_completion_suppress_append = len > 0 && strchr("/.", matches[0][len - 1]) != NULL;
    return matches;
}

static void set_up(void)
{
    if (prompt.ready)
        return;
    prompt.ready = true;
    rl_readline_name = "bankai";
    rl_catch_signals = 0;
    rl_catch_sigwinch = 0;
    rl_change_environment = 0; /* LINES and COLUMNS would freeze what ncurses knows */
    rl_prep_term_function = NULL;
    rl_deprep_term_function = NULL;
    rl_getc_function = take_byte;
    rl_input_available_hook = byte_waits;
    rl_redisplay_function = draw_nothing;
    rl_completion_display_matches_hook = keep_matches;
    rl_attempted_completion_function = complete_word;
    rl_basic_word_break_characters = " ";
    rl_completer_word_break_characters = " ";
    rl_outstream = fopen("/dev/null", "we");
    (void)rl_initialize();
    (void)rl_variable_bind("bell-style", "none");
    (void)rl_variable_bind("show-all-if-ambiguous", "on");
    (void)rl_variable_bind("enable-bracketed-paste", "off"); /* done here */
    rl_set_screen_size(24, 1000);
}

/* ---- open and close -------------------------------------------------------------- */

void prompt_start(void)
{
    set_up();
}

void prompt_open(enum prompt_kind kind, const char *label, const char *initial,
                 prompt_complete *complete, void (*done)(void *user, const char *line),
                 void *user)
{
    BUG_ON(kind >= PROMPT_KIND_COUNT);
    prompt_cancel();
    set_up();
    prompt.open = true;
    prompt.number++;
    prompt.kind = kind;
    prompt.label = x_copy(label, strlen(label));
    prompt.complete = complete;
    prompt.done = done;
    prompt.user = user;
    prompt.ended = prompt.pasting = prompt.quoting = false;
    prompt.scroll = 0;
    buf_clear(&prompt.held);
    prompt_history_use(kind);
    rl_callback_handler_install("", take_line);
    if (initial)
        (void)rl_insert_text(initial);
}

bool prompt_is_open(void)
{
    return prompt.open;
}

static void blank_controls(char *line)
{
    for (unsigned char *byte = (unsigned char *)line; *byte; byte++)
        if (*byte < ' ' || *byte == 0x7F)
            *byte = ' ';
}

/* A search through the history that is not ended first would go on in the next
 * prompt. */
static void leave_readline(void)
{
    rl_callback_sigcleanup();
    rl_replace_line("", 0);
    rl_callback_handler_remove();
}

/* done may open the next prompt, so everything is put away before it is called. */
static void close_with(char *line)
{
    void (*done)(void *, const char *) = prompt.done;
    leave_readline();
    free_matches();
    free(prompt.label);
    prompt.label = NULL;
    prompt.open = false;
    buf_clear(&prompt.held);
    if (line) {
        blank_controls(line);
        prompt_history_add(prompt.kind, line);
    }
    if (done)
        done(prompt.user, line);
    free(line);
}

void prompt_cancel(void)
{
    if (prompt.open)
        close_with(NULL);
}

/* ---- bytes -------------------------------------------------------------------------- */

/* Give bytes to readline; false when the prompt was closed by them. */
static bool give(const char *bytes, size_t len)
{
    queue.bytes = bytes;
    queue.len = len;
    queue.at = 0;
    free_matches();
    while (queue.at < queue.len && !prompt.ended)
        rl_callback_read_char();
    queue.len = queue.at = 0;
    if (!prompt.ended)
        return true;
    char *line = prompt.line;
    prompt.line = NULL;
    prompt.ended = false;
    close_with(line);
    return false;
}

/* Pasted text; during a search it is typed, else it is one thing to undo. */
static bool insert(const char *bytes, size_t len)
{
    if (rl_end + (int)len > LINE_BYTES_MAX)
        return true;
    struct buf text = {0};
    text_valid(&text, bytes, len);
    bool open = true;
    if (text.len > 0) {
        blank_controls(text.data);
        if (RL_ISSTATE(RL_STATE_ISEARCH))
            open = give(text.data, text.len);
        else
            (void)rl_insert_text(text.data);
    }
    buf_free(&text);
    return open;
}

/* Length of what can be given: all but a character whose end is missing. */
static size_t whole_characters(const char *bytes, size_t len)
{
    size_t start = len;
    while (start > 0 && len - start < 3 && ((unsigned char)bytes[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0)
        return len;
    unsigned char lead = (unsigned char)bytes[start - 1];
    size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    return size > len - start + 1 ? start - 1 : len;
}

/* Length of the end of bytes that may be the beginning of mark. */
static size_t begun_mark(const char *bytes, size_t len, const char *mark)
{
    /* ESC alone at the end is a key of its own, or the next read tells. */
    for (size_t size = PASTE_MARK_LEN - 1; size > 1; size--)
        if (size <= len && memcmp(bytes + len - size, mark, size) == 0)
            return size;
    return 0;
}

static const char *find_mark(const char *bytes, size_t len, const char *mark)
{
    return len >= PASTE_MARK_LEN ? memmem(bytes, len, mark, PASTE_MARK_LEN) : NULL;
}

/* Typed bytes up to a Ctrl-C that is not quoted; it cancels. */
static bool type(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == KEY_INTERRUPT && !prompt.quoting) {
            if (give(bytes, i))
                prompt_cancel();
            return false;
        }
        prompt.quoting = !prompt.quoting && bytes[i] == KEY_QUOTE;
    }
    return give(bytes, len);
}

/* One stretch of typed or pasted bytes from what is held; returns its length,
 * 0 when more must come first or the prompt is closed. */
static size_t take_stretch(const char *bytes, size_t len)
{
    const char *mark = prompt.pasting ? paste_end : paste_begin;
    const char *found = find_mark(bytes, len, mark);
    size_t size = found ? (size_t)(found - bytes) : len - begun_mark(bytes, len, mark);
    if (!found)
        size = whole_characters(bytes, size);
    bool open = prompt.pasting ? insert(bytes, size) : size == 0 || type(bytes, size);
    if (!open)
        return 0;
    if (found) {
        prompt.pasting = !prompt.pasting;
        size += PASTE_MARK_LEN;
    }
    return size;
}

/* A lone ESC leaves vi's insert mode, else the prompt. */
static void escape(void)
{
    if (rl_editing_mode == 0 && rl_get_keymap() == rl_get_keymap_by_name("vi-insert"))
        (void)rl_vi_movement_mode(1, KEY_ESC);
    else
        prompt_cancel();
}

void prompt_feed(const char *bytes, size_t len)
{
    if (!prompt.open)
        return;
    bool lone = len == 1 && bytes[0] == KEY_ESC && prompt.held.len == 0;
    if (lone && !prompt.quoting && !prompt.pasting) {
        escape();
        return;
    }
    struct buf work = prompt.held; /* closing clears what is held */
    prompt.held = (struct buf){0};
    buf_add(&work, bytes, len);
    unsigned number = prompt.number;
    size_t at = 0;
    while (at < work.len && prompt.open) {
        size_t used = take_stretch(work.data + at, work.len - at);
        if (used == 0)
            break;
        at += used;
    }
    /* Not what closed this prompt, if that opened the next one. */
    if (prompt.open && prompt.number == number && at < work.len)
        buf_add(&prompt.held, work.data + at, work.len - at);
    buf_free(&work);
}

/* ---- drawing ------------------------------------------------------------------------- */

static int columns_of(const char *text, size_t len)
{
    return grid_text_columns(text, len);
}

/* The byte of the line from where it is shown, so that the cursor keeps four
 * columns from both edges. */
static size_t first_shown(const char *line, size_t len, size_t point, int width)
{
    int margin = width > 12 ? 4 : 0;
    int cursor = columns_of(line, point);
    int last = width - 1 - margin;
    if (columns_of(line, len) < width)
        prompt.scroll = 0;
    else if (cursor - prompt.scroll > last)
        prompt.scroll = cursor - last;
    else if (cursor - margin < prompt.scroll)
        prompt.scroll = cursor > margin ? cursor - margin : 0;
    size_t at = 0;
    for (int column = 0; at < len && column < prompt.scroll;) {
        uint32_t ignored = 0;
        size_t size = text_decode(line + at, len - at, &ignored);
        size = size ? size : 1;
        column += columns_of(line + at, size);
        at += size;
    }
    return at;
}

static void draw_matches(struct grid *grid, struct rect row)
{
    grid_fill(grid, row, (struct rect){0, 0, 1, row.columns}, ' ', STYLE_HINT);
    int column = 0;
    for (char **match = prompt.matches; *match && column < row.columns; match++) {
        const char *shown = strrchr(*match, '/');
        shown = shown && shown[1] ? shown + 1 : *match;
        column = grid_text(grid, row, 0, column, shown, strlen(shown), STYLE_HINT) + 2;
    }
}

void prompt_draw(struct grid *grid, struct rect row)
{
    if (!prompt.open || row.rows < 1 || row.columns < 1)
        return;
    struct rect area = {row.row + row.rows - 1, row.column, 1, row.columns};
    if (area.row > 0 && prompt.matches)
        draw_matches(grid, (struct rect){area.row - 1, area.column, 1, area.columns});
    grid_fill(grid, area, (struct rect){0, 0, 1, area.columns}, ' ', STYLE_PROMPT);
    /* A search through the history shows what is searched instead of the label. */
    bool searching = RL_ISSTATE(RL_STATE_ISEARCH | RL_STATE_NSEARCH) && rl_display_prompt;
    const char *label = searching ? rl_display_prompt : prompt.label;
    int column = grid_text(grid, area, 0, 0, label, strlen(label), STYLE_PROMPT);
    if (column > area.columns * 2 / 3)
        column = area.columns * 2 / 3;
    struct rect room = {area.row, area.column + column, 1, area.columns - column};
    size_t len = (size_t)rl_end, point = (size_t)rl_point;
    size_t from = first_shown(rl_line_buffer, len, point, room.columns);
    grid_fill(grid, room, (struct rect){0, 0, 1, room.columns}, ' ', STYLE_PROMPT);
    (void)grid_text(grid, room, 0, 0, rl_line_buffer + from, len - from, STYLE_PROMPT);
    if (from > 0)
        grid_put(grid, room, 0, 0, '<', STYLE_PROMPT);
    int cursor = point >= from ? columns_of(rl_line_buffer + from, point - from) : 0;
    grid_cursor(grid, room, 0, cursor < room.columns ? cursor : room.columns - 1);
}
