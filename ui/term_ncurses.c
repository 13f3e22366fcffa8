/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The terminal by ncurses.  It keeps a copy of the grid that is on the screen and
 * tells ncurses of the cells that differ; ncurses sends what changed of them.
 *
 * Pairs of colours are numbered here, filled in as they are first used: the
 * library's own alloc_pair hands out none at all once its table was full
 * (ncurses 6.4).  Nothing is decided by return codes of drawing functions, which
 * say that all is well where a character became a blank: whether a character can
 * be shown is asked of the locale.
 */
#include <fcntl.h>
#include <langinfo.h>
#include <ncursesw/ncurses.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "ui/glyph.h"
#include "ui/term.h"
#include "ui/theme_int.h"

enum { ESCAPE_DELAY_MS = 25, PASTE_BEGIN = KEY_MAX + 1, PASTE_END, PALETTE = 256 };

static const char paste_on[] = "\033[?2004h";
static const char paste_off[] = "\033[?2004l";

static struct {
    SCREEN *screen;
    FILE *out, *in;     /* standard output and input, of our own */
    enum colour_mode mode;
    bool utf8;
    bool all;           /* the next show sends everything */
    unsigned theme;     /* theme_number of what is shown */
    struct grid shown;
    bool cursor_shown;
    bool pasting;       /* between the marks of a paste, outside of prompts */
    struct buf ahead;   /* bytes that ncurses took before a prompt was opened */
    int pair_next;
    bool pairs_full;
    uint16_t pairs[PALETTE + 1][PALETTE + 1]; /* [foreground + 1][background + 1] */
} term;

/* What restores the terminal, ready for a signal handler [R1]. */
static struct {
    atomic_bool up;
    char bytes[256];
    size_t len;
    struct termios modes;
} rescue;

static void write_bytes(const char *bytes, size_t len)
{
    if (write(STDOUT_FILENO, bytes, len) < 0)
        return; /* the terminal went away: its hang-up ends us */
}

/* ---- open and close ------------------------------------------------------------------ */

bool term_usable(struct err *err)
{
    const char *type = getenv("TERM");
    bool dumb = !type || !*type || strcmp(type, "dumb") == 0;
    if (!dumb && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
        return true;
    return err_set(err, ERR_USAGE, "no terminal to draw on: use bankai search, eval, gen, score "
                                   "or patch instead");
}

/* A capability without its padding "$<5/>". */
static void add_rescue(const char *name)
{
    const char *text = tigetstr(name);
    if (!text || text == (const char *)-1)
        return;
    while (*text && rescue.len < sizeof rescue.bytes) {
        const char *end = text[0] == '$' && text[1] == '<' ? strchr(text, '>') : NULL;
        if (end)
            text = end + 1;
        else
            rescue.bytes[rescue.len++] = *text++;
    }
}

static void prepare_rescue(void)
{
    static const char *const names[] = {"sgr0", "rmkx", "cnorm", "rmcup"};
    rescue.len = sizeof paste_off - 1;
    memcpy(rescue.bytes, paste_off, rescue.len);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        add_rescue(names[i]);
    atomic_store(&rescue.up, true);
}

static enum colour_mode offered(void)
{
    if (!has_colors() || COLORS < 8)
        return COLOUR_MONO;
    return COLORS >= PALETTE ? COLOUR_256 : COLOUR_16;
}

/* What was asked for, or less where the terminal has less. */
static bool choose_colours(const char *colour, enum colour_mode *mode, struct err *err)
{
    const char *no_color = getenv("NO_COLOR");
    *mode = offered();
    if (strcmp(colour, "auto") == 0) {
        if (no_color && *no_color)
            *mode = COLOUR_MONO;
    } else if (strcmp(colour, "none") == 0) {
        *mode = COLOUR_MONO;
    } else if (strcmp(colour, "16") == 0) {
        *mode = *mode < COLOUR_16 ? *mode : COLOUR_16;
    } else if (strcmp(colour, "256") != 0) {
        return err_set(err, ERR_USAGE, "'%s' is no number of colours, expected auto, 256, 16 or "
                                       "none", colour);
    }
    return true;
}

static void forget_pairs(void)
{
    memset(term.pairs, 0, sizeof term.pairs);
    term.pair_next = 1;
    term.pairs_full = false;
}

static void set_up_colours(void)
{
    if (term.mode == COLOUR_MONO)
        return;
    forget_pairs();
}

static void set_up_keys(void)
{
    (void)raw(); /* Ctrl-C and Ctrl-Z are keys */
    (void)noecho();
    (void)nonl();
    (void)intrflush(stdscr, FALSE);
    (void)keypad(stdscr, TRUE);
    (void)nodelay(stdscr, TRUE);
    (void)set_escdelay(ESCAPE_DELAY_MS);
    (void)define_key("\033[200~", PASTE_BEGIN);
    (void)define_key("\033[201~", PASTE_END);
}

static FILE *open_copy(int fd, const char *mode)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return copy < 0 ? NULL : fdopen(copy, mode);
}

static void close_copies(void)
{
    if (term.out)
        (void)fclose(term.out);
    if (term.in)
        (void)fclose(term.in);
    term.out = term.in = NULL;
}

bool term_open(const char *colour, struct err *err)
{
    const char *type = getenv("TERM");
    (void)tcgetattr(STDIN_FILENO, &rescue.modes);
    term.out = open_copy(STDOUT_FILENO, "w");
    term.in = open_copy(STDIN_FILENO, "r");
    term.screen = term.out && term.in ? newterm(NULL, term.out, term.in) : NULL;
    if (!term.screen) {
        close_copies();
        return err_set(err, ERR_USAGE, "terminal type '%s' is not known here, expected such as "
                                       "TERM=xterm-256color", type ? type : "");
    }
    prepare_rescue();
    (void)start_color(); /* COLORS is known from here on */
    (void)use_default_colors(); /* or screens without colours become white on black */
    if (!choose_colours(colour, &term.mode, err)) {
        term_close();
        return false;
    }
    term.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    set_up_keys();
    set_up_colours();
    (void)curs_set(0);
    term.cursor_shown = false;
    term.all = true;
    (void)refresh();
    write_bytes(paste_on, sizeof paste_on - 1);
    return true;
}

void term_close(void)
{
    if (!term.screen)
        return;
    write_bytes(paste_off, sizeof paste_off - 1);
    (void)curs_set(1);
    (void)endwin();
    atomic_store(&rescue.up, false);
    delscreen(term.screen);
    term.screen = NULL;
    close_copies();
    grid_free(&term.shown);
    buf_free(&term.ahead);
}

void term_emergency_restore(void)
{
    if (!atomic_exchange(&rescue.up, false))
        return;
    write_bytes(rescue.bytes, rescue.len);
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &rescue.modes);
}

void term_suspend(void)
{
    write_bytes(paste_off, sizeof paste_off - 1);
    (void)curs_set(1);
    (void)endwin();
    atomic_store(&rescue.up, false);
}

void term_resume(void)
{
    (void)refresh();
    (void)curs_set(term.cursor_shown);
    atomic_store(&rescue.up, true);
    write_bytes(paste_on, sizeof paste_on - 1);
    term_redraw_all();
}

enum colour_mode term_colour_mode(void)
{
    return term.mode;
}

/* The terminal is asked: nobody else takes notice of another size. */
void term_size(int *rows, int *columns)
{
    struct winsize size = {0};
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col;
    if (known && (size.ws_row != LINES || size.ws_col != COLS)) {
        (void)resizeterm(size.ws_row, size.ws_col);
        term_redraw_all();
    }
    *rows = LINES;
    *columns = COLS;
}

/* ---- showing --------------------------------------------------------------------------- */

enum { BRIGHT_BLACK = 8 };

/* Terminals with direct colours take red, green and blue, but for the first 8.
 * Where there are 8 colours, bold makes bright ones, but nobody is to read bold
 * black on black. */
static int colour_number(int index)
{
    if (COLORS == 8 && index >= 8)
        return index - 8;
    if (COLORS <= PALETTE || index < 8)
        return index;
    struct rgb rgb = palette_rgb(index);
    int number = rgb.red << 16 | rgb.green << 8 | rgb.blue;
    return number < 8 ? 16 : number;
}

static int pair_of(int foreground, int background)
{
    if (COLORS == 8 && foreground == BRIGHT_BLACK)
        foreground = COLOUR_DEFAULT;
    if (term.mode == COLOUR_MONO || (foreground < 0 && background < 0))
        return 0;
    uint16_t *pair = &term.pairs[foreground + 1][background + 1];
    if (*pair != 0)
        return *pair;
    int last = COLOR_PAIRS < UINT16_MAX ? COLOR_PAIRS : UINT16_MAX;
    if (term.pair_next >= last) {
        term.pairs_full = true;
        return 0;
    }
    (void)init_extended_pair(term.pair_next, colour_number(foreground),
                             colour_number(background));
    *pair = (uint16_t)term.pair_next++;
    return *pair;
}

static attr_t attributes_of(const struct look *look)
{
    attr_t attributes = A_NORMAL;
    if (look->attributes & ATTR_BOLD)
        attributes |= A_BOLD;
    if (look->attributes & ATTR_REVERSE)
        attributes |= A_REVERSE;
    if (look->attributes & ATTR_UNDERLINE)
        attributes |= A_UNDERLINE;
    if (look->attributes & ATTR_DIM)
        attributes |= A_DIM;
    if (COLORS == 8 && look->foreground >= 8)
        attributes |= look->foreground == BRIGHT_BLACK ? A_DIM : A_BOLD;
    return attributes;
}

static void put_cell(int row, int column, struct cell cell, const struct theme *theme, int width)
{
    struct look look = {0};
    uint32_t point = glyph_of(cell, theme, term.mode, term.utf8, &look);
    if (point >= 0x80 && wcwidth((wchar_t)point) != width)
        point = '?'; /* this locale does not know the character */
    wchar_t text[2] = {(wchar_t)point, L'\0'};
    int pair = pair_of(look.foreground, look.background);
    cchar_t shown;
    (void)setcchar(&shown, text, attributes_of(&look), 0, &pair);
    (void)mvadd_wch(row, column, &shown);
    if (width == 2 && point == '?')
        (void)mvadd_wch(row, column + 1, &shown);
}

static bool cell_differs(struct cell a, struct cell b)
{
    return a.point != b.point || a.style != b.style;
}

static void show_row(const struct grid *grid, const struct theme *theme, int row)
{
    const struct cell *now = grid->cells + (size_t)row * (size_t)grid->columns;
    const struct cell *old = term.shown.cells + (size_t)row * (size_t)grid->columns;
    for (int column = 0; column < grid->columns && column < COLS; column++) {
        if (now[column].point == 0)
            continue;
        bool wide = column + 1 < grid->columns && now[column + 1].point == 0;
        if (term.all || cell_differs(now[column], old[column]) ||
            (wide && cell_differs(now[column + 1], old[column + 1])))
            put_cell(row, column, now[column], theme, wide ? 2 : 1);
    }
}

static void show_cursor(const struct grid *grid)
{
    if (grid->cursor_shown)
        (void)move(grid->cursor_row, grid->cursor_column);
    if (grid->cursor_shown != term.cursor_shown)
        (void)curs_set(grid->cursor_shown);
    term.cursor_shown = grid->cursor_shown;
}

/* Everything is sent again: another size, theme, or nothing is known of the
 * screen. */
static void begin_again(const struct grid *grid)
{
    grid_resize(&term.shown, grid->rows, grid->columns);
    if (term.mode != COLOUR_MONO) {
        reset_color_pairs(); /* redefining pairs on the screen takes far longer */
        forget_pairs();
    }
    (void)erase();
    (void)clearok(curscr, TRUE);
    term.all = true;
}

void term_show(const struct grid *grid, const struct theme *theme)
{
    if (term.all || term.pairs_full || term.theme != theme_number(theme) ||
        term.shown.rows != grid->rows || term.shown.columns != grid->columns)
        begin_again(grid);
    for (int row = 0; row < grid->rows && row < LINES; row++)
        show_row(grid, theme, row);
    memcpy(term.shown.cells, grid->cells,
           (size_t)grid->rows * (size_t)grid->columns * sizeof *grid->cells);
    show_cursor(grid);
    (void)refresh();
    term.all = false;
    term.theme = theme_number(theme);
}

void term_redraw_all(void)
{
    term.all = true;
}

/* ---- keys ------------------------------------------------------------------------------- */

static key_code named_key(wint_t code)
{
    switch (code) {
    case KEY_UP: return KEY_CODE_UP;
    case KEY_DOWN: return KEY_CODE_DOWN;
    case KEY_LEFT: return KEY_CODE_LEFT;
    case KEY_RIGHT: return KEY_CODE_RIGHT;
    case KEY_HOME: return KEY_CODE_HOME;
    case KEY_END: return KEY_CODE_END;
    case KEY_PPAGE: return KEY_CODE_PAGE_UP;
    case KEY_NPAGE: return KEY_CODE_PAGE_DOWN;
    case KEY_BTAB: return KEY_CODE_SHIFT_TAB;
    case KEY_F(1): return KEY_CODE_F1;
    case KEY_RESIZE: return KEY_CODE_RESIZE;
    case KEY_BACKSPACE: return KEY_CODE_BACKSPACE;
    case KEY_ENTER: return KEY_CODE_ENTER;
    default: return KEY_CODE_NONE;
    }
}

static key_code plain_key(wint_t code)
{
    if (code == 8)
        return KEY_CODE_BACKSPACE;
    return code == 10 ? KEY_CODE_ENTER : (key_code)code;
}

/* Text pasted outside of a prompt is not taken for keys. */
key_code term_key(void)
{
    for (;;) {
        wint_t code = 0;
        int status = get_wch(&code);
        if (status == ERR)
            return KEY_CODE_NONE;
        if (status == KEY_CODE_YES && (code == PASTE_BEGIN || code == PASTE_END)) {
            term.pasting = code == PASTE_BEGIN;
            continue;
        }
        key_code key = status == KEY_CODE_YES ? named_key(code) : plain_key(code);
        if (key != KEY_CODE_NONE && (!term.pasting || key == KEY_CODE_RESIZE))
            return key;
    }
}

/* ncurses may have taken bytes while it looked for the end of a key. */
void term_raw_mode(bool on)
{
    buf_clear(&term.ahead);
    for (key_code key = 0; on && (key = term_key()) != KEY_CODE_NONE;)
        if (key != KEY_CODE_RESIZE)
            key_bytes(key, &term.ahead);
}

size_t term_raw_bytes(char *bytes, size_t size)
{
    if (term.ahead.len > 0) {
        size_t len = term.ahead.len < size ? term.ahead.len : size;
        memcpy(bytes, term.ahead.data, len);
        memmove(term.ahead.data, term.ahead.data + len, term.ahead.len - len);
        term.ahead.len -= len;
        return len;
    }
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};
    if (poll(&input, 1, 0) <= 0 || !(input.revents & POLLIN))
        return 0;
    ssize_t len = read(STDIN_FILENO, bytes, size);
    return len > 0 ? (size_t)len : 0;
}

/* Its queue holds 137; who types more than that ahead of a prompt's end loses it. */
void term_unread(const char *bytes, size_t len)
{
    for (size_t i = len < 100 ? len : 100; i > 0; i--)
        (void)ungetch((unsigned char)bytes[i - 1]);
}
