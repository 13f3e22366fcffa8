/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "src/cli/answer_option.h"
#include "src/base/json.h"
#include "src/base/text.h"
#include "src/task/score_items.h"

extern const struct command command_score;

static void print_json(const struct score_items *items)
{
    json_t *array = json_array();
    for (size_t i = 0; i < items->count; i++) {
        const char *name = items->list[i].name;
        (void)json_array_append_new(array, json_pack("{s:o, s:b}", "name",
                                                     json_text(name, strlen(name)), "correct",
                                                     items->list[i].correct));
    }
    cli_print_json(array, true);
}

static void add_quoted(struct buf *out, const char *text, size_t len)
{
    buf_add_text(out, "\"");
    text_visible(out, text, len);
    buf_add_text(out, "\"");
}

/* What was said, and for a wrong one what should have been. */
static void add_item(struct buf *out, const struct score_item *item)
{
    buf_add_text(out, item->correct ? "right  " : "wrong  ");
    text_visible(out, item->name, strlen(item->name));
    buf_add_text(out, "  ");
    add_quoted(out, item->generated.data ? item->generated.data : "", item->generated.len);
    for (size_t i = 0; i < item->accepted_count && !item->correct; i++) {
        buf_add_text(out, i == 0 ? ", expected " : " or ");
        add_quoted(out, item->accepted[i], strlen(item->accepted[i]));
    }
    buf_add_text(out, "\n");
}

static void print_lines(const struct score_items *items)
{
    struct buf out = {0};
    size_t right = 0;
    for (size_t i = 0; i < items->count; i++) {
        add_item(&out, &items->list[i]);
        right += items->list[i].correct;
    }
    buf_add_format(&out, "%zu of %zu right\n", right, items->count);
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

static int run(struct arguments *arguments, struct err *err)
{
    const char *path = arguments_positional(arguments, 0);
    struct score_items items = {0};
    struct answer_rule rule;
    bool given = false;
    bool ok = answer_option_read(arguments, &rule, &given, err) &&
              score_items_read(&items, path, arguments_has(arguments, "before"),
                               given ? &rule : NULL, err) &&
              (score_items_judge(&items, err) || err_file(err, path));
    if (ok && arguments_json(arguments))
        print_json(&items);
    else if (ok)
        print_lines(&items);
    score_items_free(&items);
    return ok ? EXIT_DONE : cli_fail(err);
}

static const struct option_spec options[] = {
    ANSWER_MODE_OPTION,
    {"before", 0, NULL, "of an evaluation or session: the answers without patch or flips"},
    {NULL, 0, NULL, NULL},
};

const struct command command_score = {
    .name = "score",
    .synopsis = "FILE [--mode M] [--before]",
    .summary = "Judge stored generations again",
    .details = "FILE is a JSON array of {\"name\": ..., \"generated\": ..., \"accepted\": [...]},\n"
               "each perhaps with a \"mode\"; or what eval --json has printed; or a session,\n"
               "whose answers at the head are judged.  Prints a verdict for each and the total;\n"
               "with --json an array of {\"name\": ..., \"correct\": true|false} in the same\n"
               "order.  The modes are described in probes/FORMAT.md.",
    .options = options,
    .positional_min = 1,
    .positional_max = 1,
    .takes_model = false,
    .run = run,
};
