/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Any bytes as the record of an experiment: refused with an error, or gone on with.
 * Nothing is computed: a unit that the record does not have ends the run.  Where all are
 * there, whatever is in them is reported.
 *
 * The first byte chooses the experiment ('a' + n); the header is ours, the bytes behind
 * the first are the lines after it.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "src/base/json.h"
#include "src/experiment/experiment.h"
#include "tests/fuzz/fuzz.h"

enum { EXPERIMENTS = 12 };

static struct model *model;
static const struct lab_settings settings = {
    .probes = "math",
    .targets = "knowledge",
    .controls = "code",
    .heldout = "math",
    .iterations = 2,
    .repeats = 1,
    .size_count = 1,
    .sizes = {1},
    .layer_count = 1,
    .layers = {1},
};

static void write_record(int fd, const json_t *header, const uint8_t *data, size_t size)
{
    struct buf text = {0};
    json_print(&text, header, false);
    buf_add(&text, "\n", 1);
    buf_add(&text, data, size);
    BUG_ON(write(fd, text.data, text.len) != (ssize_t)text.len);
    buf_free(&text);
}

static void say(const struct lab *lab)
{
    struct account *account = lab_account(lab);
    struct buf text = {0};
    json_t *object = json_object();
    account_print(account, &text);
    account_json(account, object);
    for (size_t i = 0; i < text.len; i++) /* nothing of a record drives a terminal */
        BUG_ON((unsigned char)text.data[i] < 32 && text.data[i] != '\n');
    json_decref(object);
    buf_free(&text);
    account_free(account);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    cancel_flag cancel = true;
    char path[32];
    if (size == 0)
        return 0;
    model = model ? model : model_open("nano", &err);
    const struct experiment *experiment = experiments[(data[0] + EXPERIMENTS - 'a' % EXPERIMENTS) %
                                                      EXPERIMENTS];
    struct state_name before = model_state(model);
    struct lab *lab = lab_new(experiment, model, &settings, &err);
    BUG_ON(!lab);
    int fd = memfd_create("record", MFD_CLOEXEC);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    write_record(fd, lab_header(lab), data + 1, size - 1);
    if (lab_open(lab, path, false, 0, &err) && lab_run(lab, NULL, &cancel, &err))
        say(lab);
    BUG_ON(!state_name_equal(before, model_state(model)));
    lab_free(lab);
    (void)close(fd);
    return 0;
}
