/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/null_run.h"
#include "src/search/train_options.h"

extern const struct command command_train;

static int run(struct arguments *arguments, struct err *err)
{
    struct buf usage = {0};
    buf_add_format(&usage, "train %s", command_train.synopsis);
    int status = train_options_run(arguments, arguments_text(arguments, "targets", NULL),
                                   arguments_text(arguments, "controls", NULL), usage.data, err);
    buf_free(&usage);
    return status;
}

static const struct option_spec options[] = {
    {"targets", 0, "SET", "probes to learn: built-in sets, JSON files or JSON lines"},
    {"controls", 0, "SET", "prompts on which the model is to stay as it is: any set (its answers "
                           "are not looked at), self:FILE (a prompt a line) or self:N"},
    {"heldout", 0, "SET", "probes that are answered before and after, and never learned from"},
    {"output", 'o', "PATCH", "patch file, rewritten at every step that kept flips"},
    {"name", 0, "NAME", "name of the patch (train)"},
    {"session", 's', "FILE", "training to begin, or to go on with where it stopped"},
    {"objective", 0, "O", "ce (default), ce_clamped or margin of the targets' whole answers"},
    {"proj", 0, "LIST", "of q, k, v, o, gate, up, down (all)"},
    {"seed", 0, "N", "of minibatches, and of null models (42)"},
    {"price", 0, "X", "of a byte of patch, taken off the objective (0)"},
    TRAIN_OPTIONS,
    NULL_OPTION,
    {NULL, 0, NULL, NULL},
};

const struct command command_train = {
    .name = "train",
    .synopsis = "MODEL --targets SET --controls SET [--heldout SET] [-s SESSION] -o PATCH",
    .summary = "Learn flips from thousands of targets",
    .details = "Each step asks the gradient of a fresh minibatch which bits would help, flips\n"
               "hundreds of them together, and keeps them unless they harm a second minibatch.\n"
               "Targets are learned as whole answers; controls hold the model where it is, by\n"
               "the divergence of its next tokens from before.  Skills near the targets are best\n"
               "learned, too, as --neighbours.  After each step what was set apart is measured:\n"
               "targets, neighbours, controls.  With -s the training can be stopped or killed and\n"
               "goes on, to the bit; --resume FILE --point N -o PATCH gives the patch of any of\n"
               "its steps.  At the end the steps are shown that no other step beats in bytes,\n"
               "gain and harm (--front writes their patches), and held-out probes are answered:\n"
               "that is the result.  --null N answers them with as many random flips, too; the\n"
               "mean divergence on neutral text is told beside it.  --trim PATCH --bytes N makes\n"
               "a patch smaller by what each unit contributes.  The same as search --method\n"
               "train.  Exit status 1: nothing was kept.",
    .options = options,
    .positional_min = 0,
    .positional_max = 1,
    .takes_model = true,
    .run = run,
};
