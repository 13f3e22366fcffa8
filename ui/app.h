/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ui/app.h - the workbench's state: what views draw and commands change.
 *
 * Owned by the UI thread alone.  Events change it (state.c), commands change it
 * or post jobs (commands_*.c), views draw it (view_*.c) and change nothing.
 *
 * [A1] everything on the screen is a function of this struct, the theme and the
 *      size: drawing twice gives the same grid.
 * [A2] nothing here waits for the worker.
 */
#ifndef UI_APP_H
#define UI_APP_H

#include "ui/grid.h"
#include "ui/key.h"
#include "ui/theme.h"
#include "ui/settings.h"
#include "ui/worker.h"

enum role { ROLE_TARGET, ROLE_CONTROL, ROLE_HELDOUT };

enum row_mark { ROW_TRIED = 1, ROW_REJECTED = 2, ROW_ACCEPTED = 4 /* on now */ };

/* What the map's colours say. */
enum map_colour {
    MAP_SCALE,      /* mean |scale| */
    MAP_PREDICTED,  /* change of the fitness that a flip promises; cells: the best row */
    MAP_IMPACT,     /* its size, whichever way */
    MAP_MEASURED,   /* what was measured, if it was; cells: the best */
    MAP_DIFFERENCE, /* measured minus predicted, of the same flips; cells: the mean */
    MAP_COLOUR_COUNT,
};

/* What a flip of a row (or in it) did when it was measured last. */
struct row_measured {
    float effect; /* on the fitness, NAN: it was not */
    struct flip flip;
    int64_t step; /* of the session, whose flips were on */
};

/* One matrix of the map. */
struct map_matrix {
    int32_t layer;
    enum proj proj;
    uint32_t rows;
    float *mean;    /* [rows] mean |scale|, NULL until EVENT_SCALES */
    float low, high, average; /* of mean */
    uint8_t *marks; /* [rows] enum row_mark bits */
    uint32_t tried, accepted, rejected; /* rows with that mark */
    const struct predicted_matrix *predicted; /* of map.predictions, or NULL */
    struct row_measured *measured; /* [rows], NULL: none was */
    uint32_t measured_count, compared; /* rows that were; that can be compared */
    float measured_most;    /* of them */
    float difference;       /* mean of those compared */
};

struct map_state {
    struct map_matrix *matrices; /* layers x projections, then embed and head */
    size_t matrix_count;
    float low, high;    /* of the layers' averages (embed and head left out), for the colours */
    int layer;          /* cursor: 0-based; == layers: the row of embed and head */
    int column;         /* cursor: 0 .. 6, or 0 .. 1 in the last row */
    bool zoomed;        /* into the matrix under the cursor */
    uint32_t row;       /* cursor in the matrix */
    enum map_colour colour;
    enum granularity granularity;    /* of the next predictions */
    struct predictions *predictions; /* NULL until they are made */
    struct flip *flips; /* [flip_count] that were on when they were */
    size_t flip_count;
    size_t best;        /* cursor in the list of the best */
};

/* All that is known of a flip. */
struct flip_known {
    double predicted;     /* NAN: it was not */
    uint64_t rank;        /* of its row among all rows, from 1 */
    double measured;      /* NAN: it was not */
    bool measured_before; /* with other flips than are on now */
    double difference;    /* NAN: they are not of the same flips */
};

struct answer {
    bool known;
    bool right_base, right_now;
    char *base, *now;  /* greedy texts, owned, NULL until known */
    size_t flip_count; /* accepted flips when measured: stale if others now */
};

/* What the audit found of a probe. */
struct probe_note {
    enum audit_code code;
    enum audit_severity severity;
    char *why; /* owned */
};

/* In which order the probes of a set are listed. */
enum probe_order {
    ORDER_SET, /* as in the files */
    ORDER_NAME,
    ORDER_GAP,     /* smallest first */
    ORDER_DELTA,   /* what gained most first */
    ORDER_VERDICT, /* broke, fixed, wrong, right */
    ORDER_CATEGORY,
    ORDER_BADGE, /* the worst first */
    ORDER_COUNT,
};

struct probe_state {
    const struct probe *probe; /* borrowed from EVENT_OPENED */
    enum role role;
    size_t category; /* of the set's, in order of first appearance */
    double before, now; /* gaps; NAN until measured */
    double previous;    /* before the last accepted flip or undo */
    double candidate;   /* under the last tried candidate; NAN if not measured */
    struct probe_note *notes; /* fatal ones first */
    size_t note_count;
    struct probe_detail *detail[2]; /* base, now; owned, NULL until measured */
    size_t detail_flips;            /* accepted flips when it was: stale if others now */
    struct answer answer;
};

/* The selected probe token by token, in the probes view. */
struct detail_state {
    bool open; /* has the view to itself, or its right half */
    bool ids;  /* of tokens are shown */
    int scroll;
};

struct search_state {
    struct flip *accepted; /* [accepted_count] */
    size_t accepted_count;
    double fitness;
    double *history; /* fitness after each accepted flip */
    size_t history_count;
    uint64_t tried, screened;
    double seconds_each;
    uint64_t left;
    struct flip *next; /* next candidates, best guess of the draw */
    float *next_scales;
    double *next_promised; /* NAN: by no pass */
    size_t next_count;
    bool small; /* what is cheap to know need not be asked for */
    bool has_last;
    struct event_tried last; /* gaps not kept here: see probe_state.candidate */
    bool flips_known;        /* those that are on have been told */
    bool last_was_on;        /* the first flip of the last candidate, before it */
    bool taken_back;         /* the last candidate had been accepted */
    size_t last_flips;       /* accepted flips it was tried with, SIZE_MAX: others than now */
    int64_t step;            /* of the session */
    bool can_redo;
    bool finished;           /* no candidate is left, or iterations are used up */
    size_t cursor;           /* in the list of next candidates */
};

struct compare_state {
    char *prompt;  /* typed by the person, NULL: the selected probe */
    char *base, *now;
    bool known;
    size_t flip_count;
    int scroll;
};

struct job_state {
    bool running;
    enum job_type type;
    uint64_t done, total;
    double started; /* clock_seconds */
    double phase_started; /* of what is done now, */
    uint64_t phase_done;  /* after so much of it */
    uint64_t tried_before;
    size_t accepted_before;
    char what[48];
};

/* Named states and the way back to the last one. */
struct states_state {
    struct event_states named;
    bool has_previous;
    int64_t previous; /* step that was left by going to another state */
    size_t cursor;    /* in the list of patches */
};

/* What the search is run with, and what a person would have it run with. */
struct settings_state {
    struct settings now;
    struct settings pending; /* in the list of settings, or asked for */
    size_t cursor;
    bool asked; /* search with the pending ones, once the loop can */
};

/* Two states compared. */
struct diff_state {
    struct event_diff found;
    int scroll;
};

/* A list over the views, which has the keys while it is open. */
enum overlay { OVERLAY_NONE, OVERLAY_PATCHES, OVERLAY_DIFF, OVERLAY_BEST, OVERLAY_SETTINGS };

enum view_id { VIEW_MAP, VIEW_SEARCH, VIEW_PROBES, VIEW_COMPARE, VIEW_COUNT };

struct app {
    struct worker *worker; /* NULL in tests */
    void (*post)(struct app *app, const struct job *job); /* tests replace it */
    const struct model *model;   /* for shape and names */
    const struct model_shape *shape;
    bool opened;
    char *model_name;
    enum metric metric, control_metric; /* of the gaps */
    char *output; /* patch file that holds the accepted flips */
    char *session; /* its file */
    bool read_only;      /* the session is only looked at */
    char *offer;         /* "last session: ...", shown until something is tried */
    char *offer_path;    /* its file */
    char *reopen;        /* session to open instead of this one, once the loop can */
    char paused[256];    /* what cannot be written, "" if all could be */
    struct map_state map;
    struct probe_state *probes; /* targets, controls, held-out */
    size_t probe_count, target_count, control_count, heldout_count;
    size_t category_count[3]; /* [role] */
    bool heldout_asked; /* its answers were asked for: show them */
    uint64_t heldout_looks;
    size_t probe_cursor; /* its set is the one that is shown */
    size_t probe_last[3]; /* [role] where the cursor was when the set was left */
    enum probe_order order;
    bool order_reversed;
    struct detail_state detail;
    bool audited;        /* probe_state.notes are known */
    struct search_state search;
    struct compare_state compare;
    struct job_state job;
    struct states_state states;
    struct diff_state diff;
    struct settings_state settings;
    enum overlay overlay;
    enum view_id screen; /* 1 .. 4: the view that has the most room */
    enum view_id focus;  /* the view that gets keys */
    bool maximised;
    bool help_open;
    int help_scroll;
    char *help_filter;   /* what was typed in help, "" for all */
    char *page;          /* lines that are shown over everything, or NULL */
    const char *page_title;
    int page_scroll;
    char message[256];   /* last message or error, shown in the status line */
    bool message_is_error;
    struct grid *grid;
    struct theme *theme;
    enum colour_mode colours;
    double cancel_at;    /* when C-c was pressed last, 0: never */
    bool typed;          /* the command at hand was typed by a person into the : line */
    bool by_script;      /* a script presses the keys */
    char *shell;         /* shell command to run, once the loop can */
    bool suspend;        /* give the terminal back to the shell, once the loop can */
    bool quit;
    char *said_at_exit;  /* printed after the terminal was restored */
    double now;          /* clock of this frame; fixed in tests */
};

struct app *app_new(void);
void app_free(struct app *app);

/* Change the state by an event, which is the caller's to free: what is kept is copied,
 * or (states, diff) taken out of it. */
void app_event(struct app *app, struct event *event);

/* Forget the model and all that came with it: another one will be opened. */
void app_forget(struct app *app);

/* The view state (which view, cursors, zoom) as text, owned by the caller, and back: what
 * does not fit this model is left out. */
char *app_view_text(const struct app *app);
void app_take_view(struct app *app, const char *text);

/* Handle one key or one command line ("goto 3.gate.514"); errors become
 * app->message. */
void app_key(struct app *app, key_code key);
void app_command(struct app *app, const char *line);

/* Draw everything into app->grid (any size from 1 x 1). */
void app_draw(struct app *app);

/* The message line. */
void app_say(struct app *app, const char *format, ...) __attribute__((format(printf, 2, 3)));
void app_complain(struct app *app, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- questions that views and commands share (state.c) -------------------- */

struct map_matrix *app_matrix(struct app *app, int32_t layer, enum proj proj); /* or NULL */
struct map_matrix *app_matrix_at_cursor(struct app *app);
/* The flip of the row under the map's cursor (zoomed), else false. */
bool app_row_at_cursor(struct app *app, struct flip *flip);
/* What a hand flips there: that row or, where the map shows groups or bits, the best of
 * them. */
bool app_unit_at_cursor(struct app *app, struct flip *flip);
/* All that is known of a flip. */
struct flip_known app_known(struct app *app, const struct flip *flip);
/* How many flips are on that were not when the predictions were made, or the other way
 * round; 0: they hold. */
size_t app_predictions_age(const struct app *app);
/* Rows of the matrix with a larger mean scale. */
uint32_t app_row_rank(const struct map_matrix *matrix, uint32_t row);
struct probe_state *app_selected_probe(struct app *app); /* or NULL */
/* What a step is called, or NULL. */
const char *app_state_name(const struct app *app, int64_t step);
/* The set that the probes view shows. */
enum role app_probe_tab(const struct app *app);
/* The probe whose detail is seen and not known as it is now, for worker_wish_probe. */
size_t app_wished_probe(const struct app *app);
/* "won", "lost", "up", "down", "same" of a probe's gap. */
const char *app_gap_word(const struct probe_state *probe);

#endif
