/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ui/command_int.h - what the files of commands share.
 *
 * command.c parses lines and finds commands, commands.c is their table,
 * commands_*.c are their functions by topic, command_complete.c completes.
 */
#ifndef UI_COMMAND_INT_H
#define UI_COMMAND_INT_H

#include "ui/command.h"

/* A function of the table; what it cannot do it complains about. */
typedef void command_function(struct app *app, const struct command_call *call);

/* commands_view.c */
command_function command_back, command_close, command_enter, command_focus, command_show_help,
    command_maximise, command_move, command_probe, command_prompt, command_quit, command_redraw,
    command_suspend, command_theme, command_view;

/* commands_search.c */
command_function command_accept, command_answers, command_cancel, command_run_gen,
    command_heldout, command_keep, command_pause, command_reject, command_run_search,
    command_step, command_try, command_undo, command_redo;

/* commands_states.c */
command_function command_diff, command_edit, command_go_to_step, command_name, command_patch_word,
    command_patches;

/* commands_probes.c */
command_function command_ids, command_run_audit, command_run_detail, command_sort, command_tab;

/* commands_map.c */
command_function command_best, command_goto, command_layer, command_of_map, command_measure,
    command_proj;

/* commands_settings.c */
command_function command_set;

/* commands_file.c */
command_function command_screen, command_source, command_write, command_write_over;

/* commands_session.c */
command_function command_note, command_notes, command_resume, command_run_shell, command_of_session;

/* ---- shared ---------------------------------------------------------------- */

/* Would this call change the session or the flips? */
bool command_changes(const struct command_call *call);

/* "~/x" lies in the home folder; owned by the caller. */
char *command_expand_home(const char *path);
/* The folder in which sessions without a path lie, with a slash at its end. */
bool command_sessions_folder(struct buf *path);

/* Is a model open?  If not, say that this command needs one. */
bool command_needs_model(struct app *app, const struct command_call *call);

/* Words that an argument may be, ended by NULL. */
extern const char *const command_motions[]; /* by enum motion */
extern const char *const command_directions[];
extern const char *const command_themes[];
extern const char *const command_orders[]; /* by enum probe_order, then "reverse" */
extern const char *const command_tabs[];   /* by enum role, then next and previous */
extern const char *const command_patch_words[];
extern const char *const command_map_words[];
extern const char *const command_projections[]; /* by enum proj, short names */

/* Index of a word, or -1 after complaining with the words that it may be. */
int command_word(struct app *app, const struct command_call *call, const char *word,
                 const char *const *words);

/* A whole number of the command's first argument; fallback if it has none. */
bool command_number(struct app *app, const struct command_call *call, int64_t max,
                    int64_t fallback, int64_t *out);

/* Read "3.gate.514", "embed.17", or without the row "3.gate": a matrix of the
 * model (whose row is 0 then); complains otherwise. */
struct place {
    struct flip flip; /* of the whole row */
    bool has_row;
};
bool command_place(struct app *app, const char *text, struct place *place);

/* "~/x" lies in the home folder; owned by the caller. */
char *command_expand_home(const char *path);

/* The `:` line with something typed already (commands_view.c). */
void command_prompt_with(struct app *app, const char *initial);

/* Post a job; a search that goes on until it is paused is paused for it. */
void command_post_before_run(struct app *app, struct job job);

/* Put the map's cursor on a matrix (of the model). */
void command_map_at(struct app *app, int32_t layer, enum proj proj);

/* Give a view the focus, and the screen if it is not to be seen now. */
void command_show(struct app *app, enum view_id view);

/* Views that can be seen if nothing is maximised. */
bool command_view_has_room(const struct app *app, enum view_id view);

#endif
