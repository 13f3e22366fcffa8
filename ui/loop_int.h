/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ui/loop_int.h - the inside of the loop: loop.c (keys, events, frames) and loop_asked.c (what
 * a command asked for and the loop alone can do).
 */
#ifndef UI_LOOP_INT_H
#define UI_LOOP_INT_H

#include "ui/app.h"

struct loop {
    struct app *app;
    struct worker *worker;
    struct worker_options options; /* of the next one */
    char *session;                 /* that it opens, owned; NULL: as it was asked for */
    char *model, *probes_of;       /* of a search with other settings, owned */
    char *from;                    /* what it begins with, owned, or NULL */
    struct settings settings;      /* of the next worker, where they were changed */
    struct settings settings_before;
    char *retreat;  /* session to go back to if the new search cannot be opened, owned */
    bool failed_to_open; /* that */
    char *view;     /* to be taken when it is open, owned */
    bool headless;
    bool dirty;        /* to be painted at once */
    bool reported;     /* to be painted when the next frame is due */
    double painted_at;
    bool idle;         /* the worker, with all events taken, at the last look */
    int signals;       /* signalfd */
    int ended_by;      /* signal, or 0 */
    bool failed;
    struct err err;
};

/* loop.c */
void loop_fit_terminal(struct loop *loop);
void loop_stop_here(void);

/* loop_asked.c: false where there is nothing to go on with. */
bool loop_do_what_was_asked(struct loop *loop);
/* A search with other settings could not be opened: is there one to go back to? */
bool loop_take_failure(struct loop *loop, const struct err *err);
/* What waits for the session to be open. */
void loop_take_opened(struct loop *loop, enum event_type type);
void loop_free_asked(struct loop *loop);

#endif
