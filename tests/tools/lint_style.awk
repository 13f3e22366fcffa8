# SPDX-License-Identifier: GPL-3.0-or-later
#
# lint_style.awk FILE... - what every source file has: an SPDX line, lines of at
# most 100 columns, no tabs (Makefile excepted), no white space at ends of
# lines; headers have a guard named after their path; messages of err_set begin
# in lower case.  To be run with LC_ALL=C: not every awk knows UTF-8.

function complain(text)
{
    print FILENAME ":" FNR ": " text
    bad = 1
}

function guard_of(path)
{
    sub(/^\.\//, "", path)
    gsub(/[^A-Za-z0-9]/, "_", path)
    return toupper(path)
}

function end_of_file()
{
    if (file == "")
        return
    if (!spdx) {
        print file ": no SPDX line in the first two lines"
        bad = 1
    }
    if (file ~ /\.h$/ && !(guarded && defined)) {
        print file ": no header guard " guard_of(file)
        bad = 1
    }
}

FNR == 1 {
    end_of_file()
    file = FILENAME
    spdx = guarded = defined = in_message = 0
}

FNR <= 2 && /SPDX-License-Identifier: GPL-3\.0-or-later/ { spdx = 1 }
$1 == "#ifndef" && $2 == guard_of(FILENAME) { guarded = 1 }
guarded && $1 == "#define" && $2 == guard_of(FILENAME) { defined = 1 }

{
    shown = $0
    gsub(/[\200-\277]/, "", shown) # continuation bytes of UTF-8 take no column
    if (length(shown) > 100)
        complain("is " length(shown) " columns long, at most 100")
}
/[ \t\r]$/ { complain("white space at the end of the line") }
/\t/ && FILENAME !~ /Makefile$/ { complain("has a tab") }

# The first string after "err_set(" may stand on the next line.
FILENAME ~ /\.c$/ && /err_set\(/ { in_message = 3 }
in_message > 0 {
    in_message--
    text = $0
    sub(/.*err_set\(/, "", text)
    if (match(text, /"/)) {
        if (substr(text, RSTART + 1) ~ /^[A-Z][a-z]+[ ,:;]/)
            complain("an error message begins in upper case")
        in_message = 0
    }
}

END {
    end_of_file()
    exit bad
}
