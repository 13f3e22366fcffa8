# SPDX-License-Identifier: GPL-3.0-or-later
#
# lint_sizes.awk - reads what `ctags -x --_xformat='%{line} %{end} %F %N'`
# writes for functions; prints median, 90th percentile and the longest ten, and
# fails when a function outside tests/ has more than 70 lines.

{
    size = $2 - $1 + 1
    sizes[++count] = size
    names[count] = $3 ":" $1 " " $4
    if (size > 70 && $3 !~ /^tests\//) {
        print $3 ":" $1 ": " $4 " has " size " lines, at most 70"
        bad = 1
    }
}

END {
    if (count == 0)
        exit 1
    for (i = 2; i <= count; i++) { # insertion sort, longest first
        size = sizes[i]
        name = names[i]
        for (j = i - 1; j > 0 && sizes[j] < size; j--) {
            sizes[j + 1] = sizes[j]
            names[j + 1] = names[j]
        }
        sizes[j + 1] = size
        names[j + 1] = name
    }
    printf "%d functions, lines: median %d, 90th percentile %d; the longest:\n", count,
        sizes[int((count + 1) / 2)], sizes[int(count / 10) + 1]
    for (i = 1; i <= 10 && i <= count; i++)
        printf "  %3d  %s\n", sizes[i], names[i]
    exit bad
}
