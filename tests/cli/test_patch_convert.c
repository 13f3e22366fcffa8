/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * patch pack and unpack, and the binary form wherever a patch is read or written.
 */
#include "tests/t.h"

#include "src/base/file.h"
#include "tests/cli/look.h"
#include "tests/cli/run.h"

/* The first four weights of the second group of 60 rows, and a whole row; sorted. */
static const char *bits_patch(void)
{
    struct buf text = {0};
    buf_add_text(&text, "{\"version\": 2, \"format\": \"bankai_xor_v2\", \"name\": \"b\\u001bits\","
                        " \"metadata\": {\"z\": 1, \"a\": [2.5, null]}, \"flips\": [");
    for (int i = 0; i < 60; i++)
        buf_add_format(&text, "{\"layer\": %d, \"proj\": \"down_proj\", \"row\": %d, \"group\": 1,"
                       " \"mask\": \"0f000000000000000000000000000000\"}, ", i / 10, i % 10);
    buf_add_text(&text, "{\"layer\": 5, \"proj\": \"down_proj\", \"row\": 255}]}");
    const char *path = run_write("bits.json", text.data, text.len);
    buf_free(&text);
    return path;
}

static struct buf bytes_of(const char *name)
{
    struct buf bytes = {0};
    struct err err = {0};
    t_ok(file_read(run_path(name), 1 << 20, &bytes, &err), &err);
    return bytes;
}

static void same_file(const char *a, const char *b)
{
    const char *path = run_path(a);
    look_same_files(path, run_path(b));
}

/* Standard output of two command lines that differ in the patch alone. */
static void same_output(struct run *a, struct run *b)
{
    assert_string_equal(a->out.data, b->out.data);
    run_free(a);
    run_free(b);
}

static void pack_bits(void)
{
    run_free(run_ok("patch", "pack", bits_patch(), "-o", run_path("bits.xor"), NULL));
}

static void patch_pack__and_back__the_same_both_ways(void **state)
{
    (void)state;
    pack_bits();
    run_free(run_ok("patch", "unpack", run_path("bits.xor"), "-o", run_path("two.json"), NULL));
    run_free(run_ok("patch", "unpack", bits_patch(), "-o", run_path("printed.json"), NULL));
    same_file("two.json", "printed.json"); /* the flips were sorted */
    struct run *run = run_ok("patch", "pack", run_path("two.json"), "-o", run_path("two.xor"),
                             "--json", NULL);
    same_file("bits.xor", "two.xor");
    json_t *out = run_json(run);
    struct buf bytes = bytes_of("two.xor");
    assert_int_equal(look_int(out, "file_bytes"), bytes.len);
    /* name of 5 bytes, {"z":1,"a":[2.5,null]} of 22 */
    assert_int_equal(look_int(out, "bytes"), bytes.len - 5 - 22);
    assert_int_equal(look_int(out, "flips"), 61);
    buf_free(&bytes);
    json_decref(out);
    run_free(run);
    run = run_ok("patch", "pack", run_path("two.json"), "-o", run_path("two.xor"), NULL);
    run_expect_out(run, "/two.xor: 61 flips, ");
    run_expect_out(run, " without texts)\n");
    run_free(run);
}

static void patch__binary_form__read_by_all(void **state)
{
    (void)state;
    const char *json = bits_patch(), *xor = run_path("bits.xor");
    pack_bits();
    same_output(run_ok("eval", "nano", "--probes", "math,knowledge", "--patch", json, "--json",
                       NULL),
                run_ok("eval", "nano", "--probes", "math,knowledge", "--patch", xor, "--json",
                       NULL));
    same_output(run_ok("gen", "nano", "-p", "The capital of Italy is", "-n", "8", "--patch", json,
                       NULL),
                run_ok("gen", "nano", "-p", "The capital of Italy is", "-n", "8", "--patch", xor,
                       NULL));
    same_output(run_ok("patch", "verify", json, "nano", "--json", NULL),
                run_ok("patch", "verify", xor, "nano", "--json", NULL));
    struct run *run = run_ok("patch", "info", xor, "nano", NULL);
    run_expect_out(run, "name          b\\x1Bits\n"); /* not shown as it is */
    run_expect_out(run, "format        bankai_xor_packed_v1\n");
    run_expect_out(run, "flips         61 (1 rows, 0 groups, 60 bits)\n");
    run_expect_out(run, "bits flipped  1008\n"); /* 60 * 4 and 768 columns */
    run_free(run);
}

/* A search writes what its file's name asks for; the weights' hash holds though the flips
 * of a search are not sorted. */
static void search__output_xor__packed(void **state)
{
    (void)state;
    const char *const names[] = {"found.json", "found.xor"};
    for (size_t i = 0; i < 2; i++)
        run_free(run_ok("search", "nano", GREEDY, "--target", "calculus-train", "--control",
                        "math,code,knowledge", "--seed", "6", "--iters", "30", "-o",
                        run_path(names[i]), NULL));
    run_free(run_ok("patch", "pack", run_path("found.json"), "-o", run_path("packed.xor"), NULL));
    same_file("found.xor", "packed.xor");
    struct run *run = run_ok("patch", "verify", run_path("found.xor"), "nano", NULL);
    run_expect_out(run, "ok: it fits the model");
    assert_int_equal(run->err.len, 0); /* its hash is stated */
    run_free(run);
}

static void patch_pack__bad_input__refused(void **state)
{
    (void)state;
    const char *json = bits_patch();
    pack_bits();
    run_refused("usage", "no output given, expected -o OUT.xor", "patch", "pack", json, NULL);
    run_refused("usage", "no output given, expected -o OUT.json", "patch", "unpack", json, NULL);
    run_refused("usage", "a MODEL is given, expected FILE -o OUT alone", "patch", "pack", json,
                "nano", "-o", run_path("x.xor"), NULL);
    run_refused("usage", "-o is given, which only pack and unpack take", "patch", "info", json,
                "-o", run_path("x.xor"), NULL);
    run_refused("usage", "cannot open", "patch", "pack", "no-such.json", "-o", run_path("x.xor"),
                NULL);
    struct buf bytes = bytes_of("bits.xor");
    bytes.data[bytes.len - 12] ^= 1;
    const char *bad = run_write("bad.xor", bytes.data, bytes.len);
    char expected[100];
    (void)snprintf(expected, sizeof expected, "bad.xor: byte %zu: the checksum is another one",
                   bytes.len - 8);
    run_refused("format", expected, "patch", "unpack", bad, "-o", run_path("x.json"), NULL);
    run_refused("format", expected, "eval", "nano", "--probes", "math", "--patch", bad, NULL);
    buf_free(&bytes);
    struct run *run = run_bankai(NULL, "patch", "pack", json, "-o", "no/such/x.xor", NULL);
    run_expect_status(run, 3);
    run_expect_err(run, "no/such/x.xor: cannot");
    run_free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patch_pack__and_back__the_same_both_ways),
        cmocka_unit_test(patch__binary_form__read_by_all),
        cmocka_unit_test(search__output_xor__packed),
        cmocka_unit_test(patch_pack__bad_input__refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
