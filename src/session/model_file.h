/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/session/model_file.h - where the model of a session is now.
 */
#ifndef SRC_SESSION_MODEL_FILE_H
#define SRC_SESSION_MODEL_FILE_H

#include "engine/engine.h"
#include "src/session/session.h"

/* Append the path of the session's model: the one that it names, or, where nothing is
 * there any more, that of a file with the same SHA-256.  It is looked for beside its old
 * place and the session, in the folders that BANKAI_MODELS lists (with colons between
 * them), and in those of models that were used before.  Files of another size are not
 * read.  `how` ends the message of a failure: how to say where it is. */
bool session_find_model(struct session *session, const char *how, struct buf *path,
                        cancel_flag *cancel, struct err *err);

#endif
