# SPDX-License-Identifier: GPL-3.0-or-later
#
# lint_layers.awk FILE... - who may include whom, and who may print.
#
#   layer    folder                   may include
#   base     src/base                 base
#   engine   engine without search    base, engine
#   patches  patches                  base, engine/engine.h, patches, probes
#   probes   probes                   base, engine/engine.h, patches, probes
#   search   engine/search            base, engine, patches, probes, search
#   session  src/session              base, patches, probes, search, session
#   ui       ui                       headers of all below that are not *_int.h
#   top      src/*, tests             everything

function layer_of(path)
{
    if (path ~ /^src\/base\//) return "base"
    if (path ~ /^engine\/search\//) return "search"
    if (path ~ /^engine\//) return "engine"
    if (path ~ /^patches\//) return "patches"
    if (path ~ /^probes\//) return "probes"
    if (path ~ /^src\/session\//) return "session"
    if (path ~ /^ui\//) return "ui"
    return "top"
}

function may_include(from, header,    to)
{
    to = layer_of(header)
    if (header == "engine/engine.h" && from ~ /^(patches|probes|session)$/)
        return 1
    if (header ~ /_int\.h$/ && from != to)
        return from == "top"
    return index(allowed[from], " " to " ") > 0
}

function complain(text)
{
    print FILENAME ":" FNR ": " text
    bad = 1
}

BEGIN {
    allowed["base"] = " base "
    allowed["engine"] = " base engine "
    allowed["patches"] = " base patches probes "
    allowed["probes"] = " base patches probes "
    allowed["search"] = " base engine patches probes search "
    allowed["session"] = " base patches probes search session "
    allowed["ui"] = " base engine patches probes search session ui "
    allowed["top"] = " base engine patches probes search session ui top "
}

FNR == 1 {
    layer = layer_of(FILENAME)
    below_top = layer != "top" && FILENAME !~ /^src\/base\/(err|buf)\.c$/
    in_comment = 0
}

/^#[ ]*include "/ {
    split($0, parts, "\"")
    header = parts[2]
    if (header !~ /\// && !($0 ~ /\.inc"/))
        complain("includes \"" header "\" without its folder")
    else if (!may_include(layer, header))
        complain("layer " layer " may not include " header)
    else if (header ~ /\.c$/)
        complain("includes a .c file")
}

/^#[ ]*include <(ncursesw?\/)?(ncurses|curses|term|panel)\.h>/ {
    if (FILENAME != "ui/term_ncurses.c")
        complain("only ui/term_ncurses.c includes ncurses")
}
/^#[ ]*include <cmocka\.h>/ && FILENAME != "tests/t.h" {
    complain("only tests/t.h includes cmocka.h")
}

# Calls outside comments and strings.
below_top && FILENAME ~ /\.[ch]$/ {
    code = $0
    if (in_comment && !sub(/^.*\*\//, "", code))
        next
    in_comment = 0
    gsub(/"([^"\\]|\\.)*"/, "\"\"", code)
    gsub(/\/\*[^*]*\*+([^\/*][^*]*\*+)*\//, "", code)
    if (sub(/\/\*.*/, "", code))
        in_comment = 1
    if (match(code, /(^|[^A-Za-z0-9_])(printf|puts|putchar|perror|vprintf|exit|_exit|abort)[ ]*\(/))
        complain("calls " substr(code, RSTART, RLENGTH) " below src/*.c")
    if (match(code, /[^A-Za-z0-9_](stdout|stderr)[^A-Za-z0-9_]/))
        complain("uses a standard stream below src/*.c")
}

END { exit bad }
