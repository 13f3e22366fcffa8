/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/experiment/table.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/text.h"

struct table {
    const char *name;
    char *title;
    const struct column *columns;
    size_t column_count;
    json_t *rows;
};

struct account {
    struct table *tables;
    size_t table_count;
    json_t *claims;
    json_t *notes;
};

struct account *account_new(void)
{
    struct account *account = x_new(1, sizeof *account);
    account->claims = json_array();
    account->notes = json_array();
    return account;
}

void account_free(struct account *account)
{
    if (!account)
        return;
    for (size_t i = 0; i < account->table_count; i++) {
        free(account->tables[i].title);
        json_decref(account->tables[i].rows);
    }
    free(account->tables);
    json_decref(account->claims);
    json_decref(account->notes);
    free(account);
}

void account_table(struct account *account, const char *name, const char *title,
                   const struct column *columns, size_t count)
{
    account->tables = x_grow(account->tables, account->table_count + 1, sizeof *account->tables);
    account->tables[account->table_count++] = (struct table){
        .name = name,
        .title = x_copy(title, strlen(title)),
        .columns = columns,
        .column_count = count,
        .rows = json_array(),
    };
}

void account_row(struct account *account, json_t *row)
{
    BUG_ON(account->table_count == 0);
    (void)json_array_append_new(account->tables[account->table_count - 1].rows, row);
}

static const char *verdict_word(enum verdict_of_claim verdict)
{
    switch (verdict) {
    case CLAIM_LIKE: return "like";
    case CLAIM_UNLIKE: return "unlike";
    case CLAIM_OPEN: return "open";
    }
    return "open";
}

__attribute__((format(printf, 1, 0))) static char *format_text(const char *format,
                                                               va_list values)
{
    char text[512];
    (void)vsnprintf(text, sizeof text, format, values);
    return x_copy(text, strlen(text));
}

void account_claim(struct account *account, struct claim claim, const char *published,
                   const char *ours, ...)
{
    va_list values;
    va_start(values, ours);
    char *text = format_text(ours, values);
    va_end(values);
    json_t *object = json_object();
    (void)json_object_set_new(object, "claim", json_string(claim.what));
    (void)json_object_set_new(object, "published", json_string(published));
    (void)json_object_set_new(object, "ours", json_text(text, strlen(text)));
    (void)json_object_set_new(object, "rule", json_string(claim.rule));
    (void)json_object_set_new(object, "verdict", json_string(verdict_word(claim.verdict)));
    (void)json_array_append_new(account->claims, object);
    free(text);
}

void account_note(struct account *account, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    char *text = format_text(format, values);
    va_end(values);
    (void)json_array_append_new(account->notes, json_text(text, strlen(text)));
    free(text);
}

/* ---- text -------------------------------------------------------------------------- */

static void add_cell(struct buf *out, const struct column *column, const json_t *value)
{
    if (json_is_string(value))
        text_visible(out, json_string_value(value), json_string_length(value));
    else if (json_is_number(value) && column->format) {
        char text[64];
        /* The format is a constant of a column table. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        (void)snprintf(text, sizeof text, column->format, json_number_value(value));
#pragma GCC diagnostic pop
        buf_add_text(out, text);
    } else if (json_is_integer(value))
        buf_add_format(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_number(value))
        buf_add_format(out, "%.4g", json_number_value(value));
    else if (json_is_boolean(value))
        buf_add_text(out, json_is_true(value) ? "yes" : "no");
    else
        buf_add_text(out, "-");
}

static size_t columns_of(const struct buf *cell)
{
    return text_columns(cell->data ? cell->data : "", cell->len);
}

/* The widest of a column's cells and its title. */
static size_t column_width(const struct table *table, size_t index)
{
    const struct column *column = &table->columns[index];
    size_t width = text_columns(column->title, strlen(column->title)), i;
    json_t *row;
    json_array_foreach(table->rows, i, row) {
        struct buf cell = {0};
        add_cell(&cell, column, json_object_get(row, column->key));
        width = columns_of(&cell) > width ? columns_of(&cell) : width;
        buf_free(&cell);
    }
    return width;
}

/* Texts that any row of the column has stand left. */
static bool stands_left(const struct table *table, size_t index)
{
    json_t *row;
    size_t i;
    json_array_foreach(table->rows, i, row) {
        if (json_is_string(json_object_get(row, table->columns[index].key)))
            return true;
    }
    return false;
}

static void add_spaces(struct buf *out, size_t count)
{
    for (; count > 0; count--)
        buf_add(out, " ", 1);
}

static void add_padded(struct buf *out, const struct buf *cell, size_t width, bool left)
{
    size_t used = columns_of(cell);
    add_spaces(out, left ? 0 : width - used);
    if (cell->len > 0)
        buf_add(out, cell->data, cell->len);
    add_spaces(out, left ? width - used : 0);
}

static void end_line(struct buf *out)
{
    while (out->len > 0 && out->data[out->len - 1] == ' ')
        out->len--;
    buf_add(out, "\n", 1);
}

struct layout {
    size_t *widths;
    bool *left;
};

/* "ours" and "published" above the first column of each side. */
static void add_sides(struct buf *out, const struct table *table, const struct layout *layout)
{
    size_t at = 0, used = 0;
    enum side last = SIDE_NONE;
    for (size_t i = 0; i < table->column_count; i++) {
        enum side side = table->columns[i].side;
        const char *word = side == SIDE_OURS ? "ours" : "published";
        if (side != SIDE_NONE && side != last) {
            size_t gap = at > used ? at - used : used > 0;
            add_spaces(out, gap);
            buf_add_text(out, word);
            used += gap + strlen(word);
        }
        last = side;
        at += layout->widths[i] + 2;
    }
    if (used > 0)
        end_line(out);
}

static void add_titles(struct buf *out, const struct table *table, const struct layout *layout)
{
    for (size_t i = 0; i < table->column_count; i++) {
        struct buf cell = {0};
        buf_add_text(&cell, table->columns[i].title);
        add_padded(out, &cell, layout->widths[i], layout->left[i]);
        buf_add_text(out, "  ");
        buf_free(&cell);
    }
    end_line(out);
}

static void add_row(struct buf *out, const struct table *table, const struct layout *layout,
                    const json_t *row)
{
    for (size_t i = 0; i < table->column_count; i++) {
        struct buf cell = {0};
        add_cell(&cell, &table->columns[i], json_object_get(row, table->columns[i].key));
        add_padded(out, &cell, layout->widths[i], layout->left[i]);
        buf_add_text(out, "  ");
        buf_free(&cell);
    }
    end_line(out);
}

static void print_table(const struct table *table, struct buf *out)
{
    struct layout layout = {
        .widths = x_new(table->column_count, sizeof *layout.widths),
        .left = x_new(table->column_count, sizeof *layout.left),
    };
    for (size_t i = 0; i < table->column_count; i++) {
        layout.widths[i] = column_width(table, i);
        layout.left[i] = stands_left(table, i);
    }
    buf_add_format(out, "\n%s\n", table->title);
    add_sides(out, table, &layout);
    add_titles(out, table, &layout);
    json_t *row;
    size_t i;
    json_array_foreach(table->rows, i, row)
        add_row(out, table, &layout, row);
    free(layout.widths);
    free(layout.left);
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void print_claim(const json_t *claim, struct buf *out)
{
    buf_add_format(out, "%-6s  %s\n", text_of(claim, "verdict"), text_of(claim, "claim"));
    buf_add_format(out, "        published  %s\n", text_of(claim, "published"));
    buf_add_format(out, "        ours       %s\n", text_of(claim, "ours"));
    buf_add_format(out, "        rule       %s\n", text_of(claim, "rule"));
}

void account_print(const struct account *account, struct buf *out)
{
    json_t *one;
    size_t i;
    for (i = 0; i < account->table_count; i++)
        print_table(&account->tables[i], out);
    if (json_array_size(account->claims) > 0)
        buf_add_text(out, "\nlike and unlike the published result\n");
    json_array_foreach(account->claims, i, one)
        print_claim(one, out);
    if (json_array_size(account->notes) > 0)
        buf_add_text(out, "\n");
    json_array_foreach(account->notes, i, one)
        buf_add_format(out, "note: %s\n", json_string_value(one));
}

/* ---- JSON -------------------------------------------------------------------------- */

void account_json(const struct account *account, json_t *object)
{
    json_t *tables = json_array();
    for (size_t i = 0; i < account->table_count; i++) {
        const struct table *table = &account->tables[i];
        (void)json_array_append_new(tables, json_pack("{s:s, s:s, s:O}", "name", table->name,
                                                      "title", table->title, "rows",
                                                      table->rows));
    }
    (void)json_object_set_new(object, "tables", tables);
    (void)json_object_set(object, "claims", account->claims);
    (void)json_object_set(object, "notes", account->notes);
}
