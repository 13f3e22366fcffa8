/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Parts of drawings.  Colours are those of Okabe and Ito, which people with any vision
 * tell apart, and shapes and numbers say the same again for prints without colour.
 */
#include <string.h>

#include "src/base/text.h"
#include "src/publish/publish_int.h"

void svg_escape(struct buf *out, const char *text, size_t len)
{
    struct buf shown = {0};
    text_visible(&shown, text, len);
    for (size_t i = 0; i < shown.len; i++) {
        const char *entity = shown.data[i] == '&'    ? "&amp;"
                             : shown.data[i] == '<'  ? "&lt;"
                             : shown.data[i] == '>'  ? "&gt;"
                             : shown.data[i] == '"'  ? "&quot;"
                             : shown.data[i] == '\'' ? "&#39;"
                                                     : NULL;
        buf_add(out, entity ? entity : &shown.data[i], entity ? strlen(entity) : 1);
    }
    buf_free(&shown);
}

void svg_begin(struct buf *out, int width, int height, const char *title, const char *about)
{
    buf_add_format(out,
                   "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                   "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\""
                   " viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\""
                   " fill=\"#222\" role=\"img\">\n<title>",
                   width, height, width, height);
    svg_escape(out, title, strlen(title));
    buf_add_text(out, "</title>\n<desc>");
    svg_escape(out, about, strlen(about));
    buf_add_format(out, "</desc>\n<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", width,
                   height);
}

void svg_text(struct buf *out, double x, double y, const char *anchor, const char *extra,
              const char *text)
{
    buf_add_format(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\"%s%s>", x, y, anchor,
                   extra[0] ? " " : "", extra);
    svg_escape(out, text, strlen(text));
    buf_add_text(out, "</text>\n");
}

void svg_end(struct buf *out)
{
    buf_add_text(out, "</svg>\n");
}
