/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ui/view_int.h - what the views share: frames, columns of tables, words.
 */
#ifndef UI_VIEW_INT_H
#define UI_VIEW_INT_H

#include "ui/view.h"

/* ---- frames and tables (draw_parts.c) -------------------------------------- */

/* What is left of the area inside its frame; the area itself where the screen
 * is too small for frames. */
struct rect view_inside(const struct app *app, struct rect area);

/* Draw the frame, if there is one, and return the inside. */
struct rect view_frame(struct app *app, struct rect area, const char *title, bool focused);

/* Text in a column of a table: cut at its width.  Returns the column behind. */
int view_cell(struct app *app, struct rect area, int row, int column, int width, style_id style,
              const char *text);
/* The same, pushed to the right edge of its width. */
int view_cell_right(struct app *app, struct rect area, int row, int column, int width,
                    style_id style, const char *text);

/* Text that is drawn in whole or not at all.  Returns the column behind it, one
 * outside the area if it did not fit. */
int view_piece(struct app *app, struct rect area, int row, int column, style_id style,
               const char *text);

/* Keys that are bound to a command line ("accept"), as the hint bar shows them;
 * ":accept" if there is none. */
void view_key_of(const char *line, struct buf *out);
/* A key's name as people read it: "Enter", not "<Enter>". */
void view_key_shown(const char *key, struct buf *out);

/* First line of a list of `count` lines to show in `rows`, so that the line of
 * the cursor is seen. */
int view_first_line(int count, int rows, int cursor);

/* Add a piece to the readout line if it fits into it in whole. */
bool view_readout_add(const struct app *app, struct buf *out, const char *piece);

/* ---- hint bar (draw_hints.c) -------------------------------------------------- */

void hints_draw(struct app *app, struct rect line);

/* ---- words ------------------------------------------------------------------ */

/* "L12 gate_proj row 5414", "embed row 7", with the group or the bit if it is only one. */
void view_flip_text(struct buf *out, const struct flip *flip);
/* The same where there are only so many columns: "L12 gate row 5414 group 3", or else
 * "L12.gate.5414.g3", with "b407" for a bit of the row and "g3/8" for 8 bits of a group. */
void view_flip_fit(struct buf *out, const struct flip *flip, int columns);

/* Has the text or answer been measured with other flips than those on now? */
bool view_is_stale(const struct app *app, size_t flip_count);

/* "143", "12 345", "3.1 M" */
void view_count_text(struct buf *out, uint64_t count);

/* "0:53", "1:02:10" */
void view_time_text(struct buf *out, double seconds);

/* "4 of 143"; "4" alone where more were kept by hand than tried by the search. */
void view_accepted_text(const struct app *app, const char *of, struct buf *out);

/* Acceptance in percent of what was tried. */
double view_accept_percent(const struct app *app);

/* ---- heat ------------------------------------------------------------------- */

enum mark_glyph { MARK_TRIED = 0x00B7 /* · */, MARK_REJECTED = 0x00D7 /* × */,
                  MARK_ACCEPTED = 0x25C6 /* ◆ */ };

/* 0 .. HEAT_LEVELS - 1, linear; the middle where all values are equal. */
int view_heat_level(float value, float low, float high);

/* A style for text on the heat of a level: the far end of the ladder on it. */
style_id view_heat_text(int level);

/* Fill an area with one level. */
void view_heat_fill(struct app *app, struct rect clip, struct rect part, int level);

/* "0.004 ▕ ladder ▏ 0.031  16 steps  WHAT" */
void view_legend(struct app *app, struct rect area, int row, float low, float high,
                 const char *what);

/* ---- what the map's colours say (map_values.c) ---------------------------------- */

extern const char *const map_colour_names[]; /* by enum map_colour, NULL at the end */

/* Values that are seen together. */
struct map_range {
    float low, high;
    bool diverges; /* they have a sign */
    bool any;      /* false: none is known */
};

/* NAN: not known. */
float map_cell_value(const struct app *app, const struct map_matrix *matrix);
float map_row_value(const struct app *app, const struct map_matrix *matrix, uint32_t row);
/* Measured minus predicted (state_predicted.c), NAN unless both are of the same flips. */
float map_difference(const struct map_state *map, const struct map_matrix *matrix, uint32_t row);
/* Rows that promise a gain, that were measured, or can be compared. */
uint64_t map_cell_count(const struct app *app, const struct map_matrix *matrix);
bool map_diverges(enum map_colour colour);
struct map_range map_range_of_cells(const struct app *app);
struct map_range map_range_of_rows(const struct app *app, const struct map_matrix *matrix);
/* Level of heat (style.h); HEAT_NONE where the value is not known. */
int map_level(float value, const struct map_range *range);
void map_colour_text(const struct app *app, struct buf *out);
void map_legend(struct app *app, struct rect area, int row, const struct map_range *range,
                const char *what);
/* "predicted +0.0123 #12/15360  measured +0.0110 (-0.0013)" of a flip, as far as it is
 * known; nothing if nothing is. */
void map_known_text(const struct flip_known *known, uint64_t rows, bool shorter,
                    struct buf *out);

/* ---- one matrix (view_matrix.c) ----------------------------------------------- */

/* How the rows of a matrix lie in an area: row = base + y * stride + x. */
struct raster {
    struct rect cells;   /* where they are drawn */
    uint32_t stride;     /* rows in a line, a power of two */
    uint32_t base;       /* first row shown */
    uint32_t lines;      /* lines of the whole matrix */
    int lines_shown;     /* lines that fit */
    int lines_per_text_row; /* 2 with half blocks */
    int width;           /* columns of one cell */
};
struct raster raster_of(const struct app *app, const struct map_matrix *matrix,
                        struct rect inside);

void matrix_draw(struct app *app, struct rect area, bool focused);
void matrix_move(struct app *app, enum motion motion);
void matrix_readout(struct app *app, struct buf *out);

/* ---- lists over the views: view_patches.c, view_diff.c, view_best.c,
 * view_settings.c -------------------------- */

/* Lines of the list, the line of its cursor (or -1: it scrolls), and drawing one. */
size_t patches_count(const struct app *app);
/* The step that a line goes to. */
int64_t patches_step(const struct app *app, size_t line);
void patches_draw(struct app *app, struct rect inside);
/* view_best.c: the flips that promise most. */
size_t best_count(const struct app *app);
bool best_at_cursor(const struct app *app, struct flip *flip);
void best_draw(struct app *app, struct rect inside);
/* view_settings.c: what the search is run with. */
size_t settings_lines(const struct app *app);
bool settings_at_cursor(const struct app *app, struct settings_item *item);
void settings_draw(struct app *app, struct rect inside);
/* commands_settings.c: begin a search with the pending ones, unless they cannot be used. */
void settings_use(struct app *app);
size_t diff_count(const struct app *app);
void diff_draw(struct app *app, struct rect inside);

/* ---- probes -------------------------------------------------------------------- */

/* How many of app->probes are listed: held-out ones only once asked for. */
size_t probes_listed(const struct app *app);
size_t probes_section_first(const struct app *app, enum role role);
size_t probes_section_count(const struct app *app, enum role role);

/* state_order.c: a set as it is listed (held-out ones: nothing before they were asked for);
 * the caller frees it. */
size_t *probes_order(const struct app *app, enum role role, size_t *count);
const char *probes_order_name(enum probe_order order);

/* view_probes_head.c: what stands above and below the list. */
extern const char *const probes_role_names[]; /* "targets", ... */
void probes_draw_tabs(struct app *app, struct rect area, int row);
void probes_draw_summary(struct app *app, struct rect area, int row);
/* Lines of the set's categories, of which the selected probe's is seen. */
void probes_draw_categories(struct app *app, struct rect area);

/* view_probes_row.c: one probe in columns. */
enum probe_column {
    PROBE_BADGE, PROBE_BEFORE, PROBE_NOW, PROBE_CHANGE, PROBE_TRY, PROBE_ANSWER, PROBE_COUNT
};
struct probe_widths {
    int name;
    bool has[PROBE_COUNT];
};
struct probe_widths probes_widths(const struct app *app, int room);
void probes_draw_titles(struct app *app, struct rect area, int row,
                        const struct probe_widths *widths);
void probes_draw_row(struct app *app, struct rect area, int row,
                     const struct probe_widths *widths, size_t probe, bool focused);
/* "+ fixed", "- BROKE", "= right", "× wrong", with "~" behind it if stale; "-". */
style_id probes_verdict_text(const struct app *app, const struct answer *answer, char *out,
                             size_t size);
/* "▲ +0.65 up", "·" for a change that is none. */
style_id probes_change_text(const struct probe_state *probe, char *out, size_t size);
/* "D", "M", ...: the letter of a finding; small for a note. */
char probes_badge(const struct probe_note *note);
style_id probes_badge_style(enum audit_severity severity);

/* view_detail.c: the selected probe token by token.  Of the area of the view (its frame
 * included) the part for it, without rows where there is none; the list's is shortened. */
struct rect detail_split(const struct app *app, struct rect *list);
void detail_draw(struct app *app, struct rect area, bool focused);
/* Measured with the flips that are on? */
bool detail_is_fresh(const struct app *app, const struct probe_state *probe);
/* Scroll it by some lines. */
void detail_scroll(struct app *app, int by);

/* Is it less than what prints as 0.00?  Gaps are measured to the bit, so most that do not
 * change are equal. */
bool probes_is_no_change(double change);

/* ---- state ------------------------------------------------------------------------ */

/* Number of layers, and of matrices in the row below them. */
int map_layers(const struct app *app);
int map_extra_columns(const struct app *app);

/* From the text that a person typed back to the selected probe. */
void state_forget_prompt(struct app *app);

/* Put the map's cursor on the row of a flip, zoomed in. */
bool map_go(struct app *app, const struct flip *flip);

#endif
