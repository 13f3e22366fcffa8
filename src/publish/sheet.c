/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Cells and rows of CSV (RFC 4180).
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "src/base/text.h"
#include "src/publish/publish_int.h"

enum { FLUSH_BYTES = 1 << 16 };

static void flush(struct sheet *sheet)
{
    if (sheet->ok && sheet->row.len > 0)
        sheet->ok = file_writer_put(sheet->writer, sheet->row.data, sheet->row.len, sheet->err);
    buf_clear(&sheet->row);
}

void sheet_open(struct sheet *sheet, const char *folder, const char *name, const char *header,
                struct err *err)
{
    struct buf path = {0};
    add_path(&path, folder, name);
    *sheet = (struct sheet){.writer = file_writer_open(path.data, err), .err = err};
    sheet->ok = sheet->writer != NULL;
    buf_add_format(&sheet->row, "%s\r\n", header);
    buf_free(&path);
}

static void begin_cell(struct sheet *sheet)
{
    if (sheet->begun)
        buf_add_text(&sheet->row, ",");
    sheet->begun = true;
}

/* What a spreadsheet would compute. */
static bool is_formula(const char *text, size_t len)
{
    return len > 0 && strchr("=+-@\t\r", text[0]) != NULL && text[0] != '\0';
}

/* Line feeds stay, other control characters are shown. */
static void add_visible(struct buf *out, const char *text, size_t len)
{
    for (size_t begin = 0; begin <= len;) {
        const char *feed = memchr(text + begin, '\n', len - begin);
        size_t end = feed ? (size_t)(feed - text) : len;
        text_visible(out, text + begin, end - begin);
        if (feed)
            buf_add_text(out, "\n");
        begin = end + 1;
    }
}

void sheet_bytes(struct sheet *sheet, const char *text, size_t len)
{
    struct buf shown = {0};
    begin_cell(sheet);
    add_visible(&shown, text, len);
    buf_add_text(&sheet->row, is_formula(text, len) ? "\"'" : "\"");
    for (size_t i = 0; i < shown.len; i++)
        buf_add(&sheet->row, shown.data[i] == '"' ? "\"\"" : &shown.data[i],
                shown.data[i] == '"' ? 2 : 1);
    buf_add_text(&sheet->row, "\"");
    buf_free(&shown);
}

void sheet_text(struct sheet *sheet, const char *text)
{
    if (text)
        sheet_bytes(sheet, text, strlen(text));
    else
        sheet_none(sheet);
}

void sheet_none(struct sheet *sheet)
{
    begin_cell(sheet);
}

void sheet_int(struct sheet *sheet, int64_t value)
{
    begin_cell(sheet);
    buf_add_format(&sheet->row, "%" PRId64, value);
}

void sheet_count(struct sheet *sheet, uint64_t value)
{
    begin_cell(sheet);
    buf_add_format(&sheet->row, "%" PRIu64, value);
}

void sheet_real(struct sheet *sheet, double value)
{
    begin_cell(sheet);
    if (!isnan(value))
        buf_add_format(&sheet->row, "%.17g", value);
}

static void add_mask(struct sheet *sheet, const struct flip *flip)
{
    char text[33];
    for (size_t i = 0; i < 16; i++)
        (void)snprintf(text + 2 * i, 3, "%02x",
                       (unsigned)(flip->mask[i / 8] >> 8 * (i % 8) & 0xFF));
    sheet_text(sheet, text);
}

void sheet_flip(struct sheet *sheet, const struct flip *flip)
{
    if (flip->layer == NO_LAYER)
        sheet_none(sheet);
    else
        sheet_int(sheet, flip->layer);
    sheet_text(sheet, proj_name(flip->proj));
    sheet_count(sheet, flip->row);
    if (flip->group == FLIP_WHOLE_ROW) {
        sheet_none(sheet);
        sheet_none(sheet);
    } else {
        sheet_int(sheet, flip->group);
        add_mask(sheet, flip);
    }
}

void sheet_end_row(struct sheet *sheet)
{
    buf_add_text(&sheet->row, "\r\n");
    sheet->begun = false;
    if (sheet->row.len >= FLUSH_BYTES)
        flush(sheet);
}

bool sheet_close(struct sheet *sheet)
{
    flush(sheet);
    buf_free(&sheet->row);
    if (sheet->ok)
        return file_writer_commit(sheet->writer, sheet->err);
    file_writer_abandon(sheet->writer);
    return false;
}
