/* Parsing XML that may be hostile, includes, and where nodes come from. */
#include "platforms/input/document.h"
#include "tests/platforms/scratch.h"

#include <sys/stat.h>
#include <unistd.h>

#define XI "xmlns:xi='http://www.w3.org/2001/XInclude'"

static void a_document_knows_its_root_files_and_lines(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  const char *path = scratch_write(&files, "a b.xml", "<a>\n<!-- -->\n<b/><c/>\n<b/></a>", -1);
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_document) document = tw_document_load(path, faults);
  assert_non_null(document);
  const xmlNode *root = tw_document_root(document);
  assert_string_equal(root->name, "a");
  const xmlNode *first = tw_node_child(root, "b"), *second = tw_node_next(first, "b");
  assert_int_equal(tw_node_line(first), 3);
  assert_int_equal(tw_node_line(second), 4);
  assert_string_equal(tw_node_next(first, NULL)->name, "c");
  assert_null(tw_node_next(second, NULL));
  assert_string_equal(tw_node_file(second), path);
  assert_string_equal(tw_document_files(document)[0], path);
  assert_null(tw_document_files(document)[1]);
}

static void lines_beyond_65535_are_right(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  GString *text = g_string_new("<a>\n");
  for (int i = 2; i <= 100000; i++)
    g_string_append(text, "<b/>\n");
  g_string_append(text, "</a>");
  const char *path = scratch_write(&files, "long.xml", text->str, (gssize)text->len);
  g_string_free(text, TRUE);
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_document) document = tw_document_load(path, faults);
  const xmlNode *node = tw_node_child(tw_document_root(document), NULL);
  while (tw_node_next(node, NULL) != NULL)
    node = tw_node_next(node, NULL);
  assert_int_equal(tw_node_line(node), 100000);
}

static void a_document_packed_with_gzip_is_read_and_half_of_one_is_not(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  /* "<a>\n<b/></a>" */
  static const guchar packed[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xb3,
                                  0x49, 0xb4, 0xe3, 0xb2, 0x49, 0xd2, 0xb7, 0xb3, 0xd1, 0x4f, 0xb4,
                                  0x03, 0x00, 0x74, 0x67, 0x73, 0x0a, 0x0c, 0x00, 0x00, 0x00};
  const char *path = scratch_write(&files, "a.xml.gz", (const char *)packed, sizeof packed);
  const char *half = scratch_write(&files, "half.xml.gz", (const char *)packed, sizeof packed / 2);
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_document) document = tw_document_load(path, faults);
  assert_no_faults(faults);
  assert_int_equal(tw_node_line(tw_node_child(tw_document_root(document), "b")), 2);
  assert_null(tw_document_load(half, faults));
  assert_int_equal(tw_faults_count(faults), 1);
  assert_non_null(strstr(tw_faults_get(faults, 0), "no whole gzip file"));
}

static void an_included_element_keeps_its_file_and_line(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  const char *path =
      scratch_write(&files, "main.xml", "<a " XI ">\n<xi:include href='mid%20dle.xml'/>\n<c/></a>", -1);
  const char *middle =
      scratch_write(&files, "mid dle.xml", "\n<m " XI ">\n<xi:include href='leaf.xml'/></m>", -1);
  const char *leaf = scratch_write(&files, "leaf.xml", "\n\n\n<l><k/></l>", -1);
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_document) document = tw_document_load(path, faults);
  assert_no_faults(faults);
  const xmlNode *m = tw_node_child(tw_document_root(document), "m");
  const xmlNode *l = tw_node_child(m, "l"), *k = tw_node_child(l, "k");
  assert_string_equal(tw_node_file(m), middle);
  assert_int_equal(tw_node_line(m), 2);
  assert_string_equal(tw_node_file(k), leaf);
  assert_int_equal(tw_node_line(k), 4);
  assert_string_equal(tw_node_file(tw_node_next(m, "c")), path);
  assert_int_equal(tw_node_line(tw_node_next(m, "c")), 3);
  assert_string_equal(tw_document_files(document)[1], middle);
  assert_string_equal(tw_document_files(document)[2], leaf);
  assert_null(tw_document_files(document)[3]);
}

static void an_include_of_a_part_takes_that_part(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  const char *path = scratch_write(
      &files, "main.xml", "<a " XI "><xi:include href='parts.xml' xpointer='xpointer(/parts/p)'/></a>", -1);
  scratch_write(&files, "parts.xml", "<parts>\n<p id='1'/>\n<q/>\n<p id='2'/></parts>", -1);
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_document) document = tw_document_load(path, faults);
  assert_no_faults(faults);
  const xmlNode *first = tw_node_child(tw_document_root(document), NULL);
  assert_string_equal(first->name, "p");
  assert_string_equal(tw_node_next(first, NULL)->name, "p");
  assert_int_equal(tw_node_line(tw_node_next(first, NULL)), 4);
}

static void a_fallback_stands_in_for_a_missing_include(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  const char *path = scratch_write(&files, "main.xml",
                                   "<a " XI "><xi:include href='none.xml'><xi:fallback><b/></xi:fallback>"
                                   "</xi:include></a>",
                                   -1);
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_document) document = tw_document_load(path, faults);
  assert_no_faults(faults);
  assert_non_null(tw_node_child(tw_document_root(document), "b"));
}

static void a_doctype_is_accepted_and_never_fetched(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  const char *path = scratch_write(
      &files, "p.xml",
      "<?xml version='1.0'?>\n<!DOCTYPE platform SYSTEM \"https://simgrid.invalid/simgrid.dtd\">\n"
      "<platform version=\"4.1\"/>",
      -1);
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_document) document = tw_document_load(path, faults);
  assert_no_faults(faults);
  assert_string_equal(tw_document_root(document)->name, "platform");
}

static void canonical_text_holds_what_was_included(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  const char *path = scratch_write(&files, "main.xml", "<a y='2'   x='1'><!-- gone --><b/></a>", -1);
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_document) document = tw_document_load(path, faults);
  g_autofree char *text = tw_document_canonical(document);
  assert_string_equal(text, "<a x=\"1\" y=\"2\"><b></b></a>");
}

/* One hostile or broken document and the whole message that a user sees. */
typedef struct broken {
  const char *text, *fault;
} broken;

static void broken_documents_are_refused_with_a_line(void **state)
{
  (void)state;
  static const broken rows[] = {
      {"", "d.xml: it is empty; write an XML document"},
      {"hello", "d.xml:1: is not well-formed XML: Start tag expected, '<' not found"},
      {"<a>\n<b>\n</a>", "d.xml:3: is not well-formed XML: Opening and ending tag mismatch: b line 2 and a"},
      {"<a>\n<b x='1' x='2'/></a>", "d.xml:2: is not well-formed XML: Attribute x redefined"},
      {"<a>&nbsp;</a>",
       "d.xml:1: uses an entity that XML does not define (Entity 'nbsp' not defined); write the text itself"},
      {"<!DOCTYPE a SYSTEM 'x.dtd'>\n<a b='&nbsp;'/>",
       "d.xml:2: uses an entity that XML does not define (Entity 'nbsp' not defined); write the text itself"},
      {"<!DOCTYPE a [\n<!ENTITY l 'lol'><!ENTITY m '&l;&l;&l;'>]>\n<a>&m;</a>",
       "d.xml:2: declares the entity \"l\" in its DOCTYPE; remove the declaration and write the text itself"},
      {"<!DOCTYPE a [<!ENTITY f SYSTEM 'file:///etc/passwd'>]>\n<a>&f;</a>",
       "d.xml:1: declares the entity \"f\" in its DOCTYPE; remove the declaration and write the text itself"},
      {"<!DOCTYPE a [<!ENTITY % p '<!ENTITY q \"x\">'>\n%p;]><a/>",
       "d.xml:1: declares the entity \"p\" in its DOCTYPE; remove the declaration and write the text itself"},
      {"<!DOCTYPE a [<!ATTLIST a b CDATA 'hidden'>]><a/>",
       "d.xml:1: declares the attribute \"b\" in its DOCTYPE; remove the declaration and write the text "
       "itself"},
      {"<a><xi:include href='x'/></a>",
       "d.xml:1: is not well-formed XML: Namespace prefix xi on include is not defined"},
      {"<a " XI ">\n<xi:include href='none.xml'/></a>",
       "d.xml:2: cannot include \"none.xml\": No such file or directory"},
      {"<a " XI ">\n<xi:include href='d.xml'/></a>",
       "d.xml:2: cannot include \"d.xml\": the file includes itself; remove the loop"},
      {"<a " XI ">\n<xi:include href='http://localhost/x.xml'/></a>",
       "d.xml:2: an include needs an href that names a local file, such as href=\"pool.xml\""},
      {"<a " XI "><xi:include href='a b.xml'/></a>",
       "d.xml:1: cannot include \"a b.xml\": it is no URI; write a blank as %20"},
      {"<a " XI "><xi:include parse='text' href='d.xml'/></a>",
       "d.xml:1: parse=\"text\" is not supported; include XML"},
      {"<a " XI "><xi:include/></a>",
       "d.xml:1: an include needs an href that names a local file, such as href=\"pool.xml\""},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_auto(scratch) files = scratch_new();
    const char *path = scratch_write(&files, "d.xml", rows[i].text, -1);
    g_autoptr(tw_faults) faults = tw_faults_new();
    assert_null(tw_document_load(path, faults));
    assert_faults(&files, faults, rows[i].fault);
  }
}

static void a_fault_in_an_included_file_names_that_file(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  const char *path = scratch_write(
      &files, "main.xml", "<a " XI "><xi:include href='b.xml'/>\n<xi:include href='c.xml'/></a>", -1);
  scratch_write(&files, "b.xml", "<b>\n<broken</b>", -1);
  scratch_write(&files, "c.xml", "<c " XI ">\n\n<xi:include href='main.xml'/></c>", -1);
  g_autoptr(tw_faults) faults = tw_faults_new();
  assert_null(tw_document_load(path, faults));
  assert_faults(&files, faults, "b.xml:2: is not well-formed XML: error parsing attribute name",
                "c.xml:3: cannot include \"main.xml\": the file includes itself; remove the loop");
}

/* A document in a folder of its own names one beside that folder: directly, over a link, and where that is allowed. */
static void an_include_stays_in_the_folder_unless_allowed(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new(), others = scratch_new();
  const char *secret = scratch_write(&others, "secret.xml", "<secret/>", -1);
  g_autofree char *direct = g_strdup_printf("<a " XI "><xi:include href='%s'/></a>", secret);
  g_autofree char *link = g_build_filename(files.folder, "link.xml", NULL);
  assert_int_equal(symlink(secret, link), 0);
  g_ptr_array_add(files.paths, g_strdup(link));
  const char *const texts[] = {direct, "<a " XI "><xi:include href='link.xml'/></a>"};
  for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
    const char *path = scratch_write(&files, "d.xml", texts[i], -1);
    g_autoptr(tw_faults) faults = tw_faults_new();
    assert_null(tw_document_load(path, faults));
    assert_int_equal(tw_faults_count(faults), 1);
    assert_non_null(strstr(tw_faults_get(faults, 0), "d.xml:1: cannot include \""));
    assert_non_null(strstr(tw_faults_get(faults, 0), "it lies outside of "));
    g_autofree char *allowed = g_strconcat("/nowhere:", others.folder, NULL);
    g_setenv("TOKENWORKS_ALLOW", allowed, TRUE);
    g_autoptr(tw_document) document = tw_document_load(path, faults);
    g_unsetenv("TOKENWORKS_ALLOW");
    assert_non_null(document);
    assert_string_equal(tw_node_child(tw_document_root(document), NULL)->name, "secret");
  }
}

/* What ships may be included from anywhere. */
static void an_include_may_name_what_ships(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  g_autofree char *text =
      g_strdup_printf("<a " XI "><xi:include href='%s/platforms/devices/h100-sxm.xml'/></a>", TW_SOURCE_DIR);
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_document) document = tw_document_load(scratch_write(&files, "d.xml", text, -1), faults);
  assert_non_null(document);
}

static void a_nul_byte_is_refused_with_its_line(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  const char *path = scratch_write(&files, "d.xml", "<a>\n<b/>\0</a>", 13);
  g_autoptr(tw_faults) faults = tw_faults_new();
  assert_null(tw_document_load(path, faults));
  assert_faults(&files, faults, "d.xml:2: holds a NUL byte; write plain UTF-8 text");
}

static void what_is_no_regular_file_is_refused(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  g_autofree char *absent = g_build_filename(files.folder, "absent.xml", NULL);
  g_autofree char *fifo = g_build_filename(files.folder, "fifo.xml", NULL);
  assert_int_equal(mkfifo(fifo, 0600), 0);
  g_ptr_array_add(files.paths, g_strdup(fifo));
  g_autoptr(tw_faults) faults = tw_faults_new();
  assert_null(tw_document_load(absent, faults));
  assert_null(tw_document_load(fifo, faults));
  assert_null(tw_document_load("/dev/zero", faults));
  assert_faults(&files, faults,
                "absent.xml: cannot be opened: No such file or directory; name a file that exists",
                "fifo.xml: it is not a regular file", "/dev/zero: it is not a regular file");
}

static void deep_documents_are_refused(void **state)
{
  (void)state;
  for (int depth = 64; depth <= 100000; depth = depth == 64 ? 65 : 100 * depth) {
    g_auto(scratch) files = scratch_new();
    GString *text = g_string_new(NULL);
    for (int i = 0; i < depth; i++)
      g_string_append(text, "<a>");
    for (int i = 0; i < depth; i++)
      g_string_append(text, "</a>");
    const char *path = scratch_write(&files, "deep.xml", text->str, -1);
    g_string_free(text, TRUE);
    g_autoptr(tw_faults) faults = tw_faults_new();
    g_autoptr(tw_document) document = tw_document_load(path, faults);
    assert_int_equal(document != NULL, depth == 64);
    assert_int_equal(tw_faults_count(faults), depth == 64 ? 0 : 1);
  }
}

static void includes_that_multiply_are_refused(void **state)
{
  (void)state;
  /* Each of 30 files includes the next one twice: 2^30 elements, were they all read. */
  g_auto(scratch) files = scratch_new();
  const char *path = NULL;
  for (int i = 30; i >= 0; i--) {
    g_autofree char *name = g_strdup_printf("f%d.xml", i);
    g_autofree char *text = g_strdup_printf(
        "<f " XI "><xi:include href='f%d.xml'/>\n<xi:include href='f%d.xml'/></f>", i + 1, i + 1);
    path = scratch_write(&files, name, i == 30 ? "<f/>" : text, -1);
  }
  g_autoptr(tw_faults) faults = tw_faults_new();
  assert_null(tw_document_load(path, faults));
  assert_true(tw_faults_count(faults) > 0);
  g_autofree char *first = scratch_fault(&files, faults, 0);
  assert_non_null(strstr(first, "more than 64 MiB or 4096 files with all includes; split it"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_document_knows_its_root_files_and_lines),
      cmocka_unit_test(lines_beyond_65535_are_right),
      cmocka_unit_test(a_document_packed_with_gzip_is_read_and_half_of_one_is_not),
      cmocka_unit_test(an_included_element_keeps_its_file_and_line),
      cmocka_unit_test(an_include_of_a_part_takes_that_part),
      cmocka_unit_test(a_fallback_stands_in_for_a_missing_include),
      cmocka_unit_test(a_doctype_is_accepted_and_never_fetched),
      cmocka_unit_test(canonical_text_holds_what_was_included),
      cmocka_unit_test(broken_documents_are_refused_with_a_line),
      cmocka_unit_test(a_fault_in_an_included_file_names_that_file),
      cmocka_unit_test(an_include_stays_in_the_folder_unless_allowed),
      cmocka_unit_test(an_include_may_name_what_ships),
      cmocka_unit_test(a_nul_byte_is_refused_with_its_line),
      cmocka_unit_test(what_is_no_regular_file_is_refused),
      cmocka_unit_test(deep_documents_are_refused),
      cmocka_unit_test(includes_that_multiply_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
