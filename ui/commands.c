/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The table of commands.  Lines of help are short enough for a help screen of
 * 80 columns beside the command and its arguments.
 */
#include "ui/command_int.h"

const struct ui_command ui_commands[] = {
    {"accept", "", 0, 0, "accept the last tried candidate", command_accept},
    {"answers", "", 0, 0, "answers of targets and controls, base and now", command_answers},
    {"back", "", 0, 0, "zoom out, leave the typed text", command_back},
    {"cancel", "", 0, 0, "stop the running job; twice: waiting ones too", command_cancel},
    {"close", "", 0, 0, "close help, zoom or full size; else quit", command_close},
    {"enter", "", 0, 0, "go deeper: zoom in, open what is selected", command_enter},
    {"focus", "next|previous", 1, 1, "give the keys to another view", command_focus},
    {"gen", "TEXT", 1, -1, "continue a text, base and now", command_run_gen},
    {"goto", "L.PROJ.ROW", 1, 1, "a row on the map: 3.gate.514, embed.17", command_goto},
    {"heldout", "", 0, 0, "answers of the held-out set (counted)", command_heldout},
    {"help", "", 0, 0, "keys and commands; typing filters", command_show_help},
    {"keep", "[L.PROJ.ROW]", 0, 1, "flip the row under the cursor for good", command_keep},
    {"layer", "next|previous", 1, 1, "the same matrix of another layer", command_layer},
    {"maximise", "", 0, 0, "give this view the whole screen, or not", command_maximise},
    {"move", "MOTION", 1, 1, "move the cursor", command_move},
    {"pause", "", 0, 0, "stop the search and what waits behind it", command_pause},
    {"probe", "NAME", 1, -1, "go to a probe", command_probe},
    {"proj", "next|previous", 1, 1, "another matrix of the same layer", command_proj},
    {"prompt", "[COMMAND]", 0, 1, "type a command", command_prompt},
    {"q", "", 0, 0, "quit", command_quit},
    {"quit", "", 0, 0, "quit; accepted flips are in the patch file", command_quit},
    {"redo", "[N]", 0, 1, "put back what was undone last, or N", command_redo},
    {"redraw", "", 0, 0, "draw the whole screen again", command_redraw},
    {"reject", "", 0, 0, "reject the last tried candidate", command_reject},
    {"run", "", 0, 0, "let the search run until it is paused", command_run_search},
    {"screen", "FILE", 1, -1, "write this screen to a file, as text", command_screen},
    {"source", "FILE", 1, -1, "run the commands in a file", command_source},
    {"state", "STEP", 1, 1, "go to any step of the session; 0: no flips", command_go_to_step},
    {"step", "[N]", 0, 1, "try the next candidate, or N of them", command_step},
    {"suspend", "", 0, 0, "back to the shell; fg returns", command_suspend},
    {"theme", "[NAME]", 0, 1, "colours: dark, light, a file; or the next", command_theme},
    {"try", "[L.PROJ.ROW]", 0, 1, "measure the row under the cursor, not kept", command_try},
    {"undo", "[N]", 0, 1, "take back the last accepted flip, or N", command_undo},
    {"view", "NAME", 1, 1, "show map, search, probes or compare", command_view},
    {"w", "PATCH", 0, -1, "write the accepted flips to a new file", command_write},
    {"w!", "PATCH", 1, -1, "the same, replacing the file", command_write_over},
    {"write", "PATCH", 0, -1, "write the accepted flips to a new file", command_write},
    {NULL, NULL, 0, 0, NULL, NULL},
};
