/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/publish/publish_int.h - what the files of this folder share.
 *
 *   folder.c   the folder, whole or not at all   patch.c    the patch of a step
 *   story.c    what happened, read once          probes.c   probe sets
 *   sheet.c    cells and rows of CSV             tables.c   the tables
 *   svg.c      parts of drawings    curve.c      heatmap.c
 *   report.c   the page             report_parts.c
 */
#ifndef SRC_PUBLISH_PUBLISH_INT_H
#define SRC_PUBLISH_PUBLISH_INT_H

#include "src/base/file_writer.h"
#include "src/publish/publish.h"

/* ---- what happened -------------------------------------------------------------- */

enum { PARTS = 3 }; /* targets, controls, held-out */

struct candidate { /* tried by the search, or measured by hand */
    uint64_t seq, number;
    int64_t time_ms, step; /* head then */
    struct flip flip;
    bool by_hand, accepted, screened, stopped;
    double fitness, before; /* before: of the head */
};

struct change { /* of the head */
    uint64_t tried;  /* candidates drawn by then */
    int64_t step;    /* new head */
    bool made;       /* the step was made, not gone to */
    bool by_search;
    double fitness;
};

struct told { /* a generated answer */
    char *text;   /* NULL: none */
    size_t len;
    bool right;
};

/* Of one state of the session; texts are owned. */
struct story {
    struct session *session;
    const struct session_origin *origin;
    const char *version; /* of the program that writes */
    const char *title;   /* the session's name */
    int64_t head;
    size_t steps;        /* the root included */
    double *fitness;     /* [steps] */
    bool *is_on;         /* [steps] on the way to the head */
    int64_t *way;        /* [way_count] without the root */
    size_t way_count;
    struct candidate *candidates;
    size_t candidate_count;
    struct change *changes;
    size_t change_count;
    uint64_t tried, accepted, screened, looks, shells;
    size_t probes;
    struct told *base, *now; /* [probes] */
};

/* story_free is due in any case. */
bool story_read(struct session *session, struct story *out, struct err *err);
void story_free(struct story *story);

size_t story_part(const struct story *story, size_t probe); /* 0, 1, 2 */
const char *part_word(size_t part); /* "target", "control", "heldout" */
/* Behind the last slash. */
const char *base_name(const char *path);
/* "2026-11-20T22:15:30.123Z" */
enum { TIME_TEXT_SIZE = 40 };
void time_text(int64_t time_ms, char out[TIME_TEXT_SIZE]);

/* ---- files ------------------------------------------------------------------------- */

/* Path of a file in the folder, appended. */
void add_path(struct buf *out, const char *folder, const char *name);
bool write_text(const char *folder, const char *name, const struct buf *text, struct err *err);

/* A CSV file in the making; once something failed, nothing more is done. */
struct sheet {
    struct file_writer *writer;
    struct buf row;
    bool begun; /* there is a cell in the row */
    bool ok;
    struct err *err;
};

/* header: names of the columns with commas between. */
void sheet_open(struct sheet *sheet, const char *folder, const char *name, const char *header,
                struct err *err);
void sheet_text(struct sheet *sheet, const char *text); /* NULL: nothing */
void sheet_bytes(struct sheet *sheet, const char *text, size_t len);
void sheet_int(struct sheet *sheet, int64_t value);
void sheet_count(struct sheet *sheet, uint64_t value);
void sheet_none(struct sheet *sheet);
void sheet_real(struct sheet *sheet, double value); /* NAN: nothing */
void sheet_flip(struct sheet *sheet, const struct flip *flip); /* five cells */
void sheet_end_row(struct sheet *sheet);
/* Returns whether all of it was written. */
bool sheet_close(struct sheet *sheet);

bool write_steps(const struct story *story, const char *folder, struct err *err);
bool write_flips(const struct story *story, const char *folder, struct err *err);
bool write_tried(const struct story *story, const char *folder, struct err *err);
bool write_gaps(const struct story *story, const char *folder, struct err *err);
bool write_generations(const struct story *story, const char *folder, struct err *err);

/* Its sets in the folder's probes/. */
bool write_probes(const struct story *story, const char *folder, struct err *err);
/* "probes/math.json" of the set that the probe begins; false: it begins none. */
bool probes_file(const struct story *story, size_t probe, struct buf *out, size_t *count);

bool write_curve(const struct story *story, const char *folder, struct err *err);
bool write_heatmap(const struct story *story, const char *folder, struct err *err);
bool write_report(const struct story *story, const char *folder, struct err *err);

/* ---- drawings ------------------------------------------------------------------------ */

/* Head with title and description, white ground; the tail. */
void svg_begin(struct buf *out, int width, int height, const char *title, const char *about);
void svg_end(struct buf *out);
/* anchor: "start", "middle", "end".  The text is escaped, control characters shown. */
void svg_text(struct buf *out, double x, double y, const char *anchor, const char *extra,
              const char *text);
/* Append with & < > " ' as entities. */
void svg_escape(struct buf *out, const char *text, size_t len);

#endif
