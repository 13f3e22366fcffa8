/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The session as tables: rows and columns as of the views of its file.
 */
#include <math.h>
#include <string.h>

#include "probes/evaluate.h"
#include "src/publish/publish_int.h"
#include "src/session/state.h"

static void add_time(struct sheet *sheet, int64_t time_ms)
{
    char text[TIME_TEXT_SIZE];
    time_text(time_ms, text);
    sheet_text(sheet, text);
}

/* ---- steps, flips ------------------------------------------------------------------ */

struct naming {
    struct buf *names;
    int64_t step;
};

static bool each_name(void *user, const char *name, int64_t step)
{
    struct naming *naming = user;
    if (step == naming->step)
        buf_add_format(naming->names, "%s%s", naming->names->len ? ", " : "", name);
    return step <= naming->step;
}

static void add_names(struct sheet *sheet, struct session *session, int64_t step)
{
    struct buf names = {0};
    struct naming naming = {&names, step};
    sheet->ok = sheet->ok && session_each_name(session, each_name, &naming, sheet->err);
    sheet_text(sheet, names.data);
    buf_free(&names);
}

static void add_or_none(struct sheet *sheet, int64_t value)
{
    if (value < 0)
        sheet_none(sheet);
    else
        sheet_int(sheet, value);
}

static void add_step(struct sheet *sheet, const struct story *story,
                     const struct session_step *step)
{
    sheet_int(sheet, step->id);
    add_or_none(sheet, step->parent);
    add_or_none(sheet, step->redo);
    sheet_int(sheet, story->is_on[step->id]);
    sheet_int(sheet, step->id == story->head);
    sheet_text(sheet, step->by);
    add_time(sheet, step->time_ms);
    sheet_count(sheet, step->tried);
    sheet_count(sheet, step->screened);
    sheet_count(sheet, step->flip_count);
    sheet_real(sheet, step->fitness);
    add_names(sheet, story->session, step->id);
    sheet_text(sheet, step->note);
    sheet_end_row(sheet);
}

static void add_flips(struct sheet *sheet, const struct story *story,
                      const struct session_step *step)
{
    for (size_t i = 0; i < step->flip_count; i++) {
        sheet_int(sheet, step->id);
        sheet_count(sheet, i);
        sheet_flip(sheet, &step->flips[i]);
        sheet_int(sheet, story->is_on[step->id]);
        sheet_text(sheet, step->by);
        sheet_real(sheet, step->fitness);
        sheet_end_row(sheet);
    }
}

static void add_gaps(struct sheet *sheet, const struct story *story,
                     const struct session_step *step)
{
    const struct session_origin *origin = story->origin;
    size_t searched = origin->target_count + origin->control_count;
    for (size_t i = 0; i < step->gap_count && i < searched; i++) {
        double before = origin->gaps_before ? origin->gaps_before[i] : (double)NAN;
        sheet_int(sheet, step->id);
        sheet_count(sheet, i);
        sheet_text(sheet, part_word(story_part(story, i)));
        sheet_text(sheet, origin->probes->probes[i].set);
        sheet_text(sheet, origin->probes->probes[i].name);
        sheet_real(sheet, before);
        sheet_real(sheet, step->gaps[i]);
        sheet_real(sheet, step->gaps[i] - before);
        sheet_end_row(sheet);
    }
}

static bool write_by_step(const struct story *story, const char *folder, const char *name,
                          const char *header,
                          void (*add)(struct sheet *, const struct story *,
                                      const struct session_step *),
                          struct err *err)
{
    struct sheet sheet;
    sheet_open(&sheet, folder, name, header, err);
    for (size_t id = 0; sheet.ok && id < story->steps; id++) {
        struct session_step step;
        sheet.ok = session_step(story->session, (int64_t)id, &step, err);
        if (sheet.ok)
            add(&sheet, story, &step);
    }
    return sheet_close(&sheet);
}

bool write_steps(const struct story *story, const char *folder, struct err *err)
{
    return write_by_step(story, folder, "steps.csv",
                         "step,parent,redo,is_on,is_head,made_by,time,tried,screened,flips,"
                         "fitness,names,note", add_step, err);
}

bool write_flips(const struct story *story, const char *folder, struct err *err)
{
    return write_by_step(story, folder, "flips.csv",
                         "step,n,layer,proj,row,group,mask,is_on,made_by,fitness", add_flips, err);
}

bool write_gaps(const struct story *story, const char *folder, struct err *err)
{
    return write_by_step(story, folder, "gaps.csv",
                         "step,probe,part,set,name,gap_before,gap,gain", add_gaps, err);
}

/* ---- candidates --------------------------------------------------------------------- */

bool write_tried(const struct story *story, const char *folder, struct err *err)
{
    struct sheet sheet;
    sheet_open(&sheet, folder, "tried.csv",
               "seq,number,time,by,step,layer,proj,row,group,mask,accepted,screened,stopped,"
               "fitness,fitness_before,gain", err);
    for (size_t i = 0; sheet.ok && i < story->candidate_count; i++) {
        const struct candidate *candidate = &story->candidates[i];
        sheet_count(&sheet, candidate->seq);
        sheet_count(&sheet, candidate->number);
        add_time(&sheet, candidate->time_ms);
        sheet_text(&sheet, candidate->by_hand ? "hand" : "search");
        sheet_int(&sheet, candidate->step);
        sheet_flip(&sheet, &candidate->flip);
        sheet_int(&sheet, candidate->accepted);
        sheet_int(&sheet, candidate->screened);
        sheet_int(&sheet, candidate->stopped);
        sheet_real(&sheet, candidate->fitness);
        sheet_real(&sheet, candidate->before);
        sheet_real(&sheet, candidate->fitness - candidate->before);
        sheet_end_row(&sheet);
    }
    return sheet_close(&sheet);
}

/* ---- generations -------------------------------------------------------------------- */

struct generations {
    struct sheet *sheet;
    const struct story *story;
};

static bool each_answer(void *user, const struct session_answer *answer)
{
    struct generations *all = user;
    struct sheet *sheet = all->sheet;
    const struct story *story = all->story;
    if (answer->probe >= story->probes)
        return true;
    const struct probe *probe = &story->origin->probes->probes[answer->probe];
    const struct told *base = &story->base[answer->probe];
    sheet_int(sheet, answer->step);
    sheet_count(sheet, answer->probe);
    sheet_text(sheet, part_word(story_part(story, answer->probe)));
    sheet_text(sheet, probe->set);
    sheet_text(sheet, probe->name);
    sheet_text(sheet, probe->category);
    sheet_text(sheet, probe->prompt);
    sheet_text(sheet, probe->correct);
    if (base->text)
        sheet_bytes(sheet, base->text, base->len);
    else
        sheet_none(sheet);
    sheet_bytes(sheet, answer->text, answer->text_len);
    add_or_none(sheet, base->text ? base->right : -1);
    sheet_int(sheet, answer->right);
    sheet_text(sheet, base->text ? verdict_name(verdict_of(base->right, answer->right)) : NULL);
    sheet_end_row(sheet);
    return sheet->ok;
}

bool write_generations(const struct story *story, const char *folder, struct err *err)
{
    struct sheet sheet;
    struct generations all = {&sheet, story};
    sheet_open(&sheet, folder, "generations.csv",
               "step,probe,part,set,name,category,prompt,correct,text_base,text,right_base,"
               "is_right,verdict", err);
    for (size_t id = 0; sheet.ok && id < story->steps; id++)
        sheet.ok = session_each_answer(story->session, (int64_t)id, each_answer, &all, err) &&
                   sheet.ok;
    return sheet_close(&sheet);
}
