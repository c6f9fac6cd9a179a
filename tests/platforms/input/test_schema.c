/* XML files described by tables: checks, structs, assignments, RELAX NG, documentation. */
#include "platforms/input/schema.h"
#include "tests/platforms/scratch.h"

#include <libxml/relaxng.h>

#define XI "xmlns:xi='http://www.w3.org/2001/XInclude'"

/* A small site: boxes with sizes, lids on boxes. */
typedef struct box {
  char *id, *file, *note;
  gint64 count, spare;
  double speed, size, weight;
  gboolean open;
  int colour;
} box;

static const char *const colours[] = {"red", "green", "blue", NULL};

static const tw_attribute box_attributes[] = {
    {"id", TW_ATTR_STRING, .offset = offsetof(box, id), .help = "name of the box"},
    {"file", TW_ATTR_PATH, .fallback = TW_ABSENT, .offset = offsetof(box, file), .help = "where it lies"},
    {"note", TW_ATTR_STRING, .fallback = "", .offset = offsetof(box, note), .help = "anything"},
    {"count", TW_ATTR_INT, .fallback = "1", .min = 1, .max = 100, .offset = offsetof(box, count),
     .help = "how many"},
    {"spare", TW_ATTR_INT, .fallback = TW_ABSENT, .offset = offsetof(box, spare), .help = "how many spare"},
    {"speed", TW_ATTR_NUMBER, .fallback = "0.5", .max = 1, .offset = offsetof(box, speed), .help = "share"},
    {"size", TW_ATTR_QUANTITY, TW_BYTES, .positive = TRUE, .offset = offsetof(box, size),
     .help = "room inside"},
    {"weight", TW_ATTR_NUMBER, .fallback = TW_ABSENT, .offset = offsetof(box, weight), .help = "kilograms"},
    {"open", TW_ATTR_BOOL, .fallback = "false", .offset = offsetof(box, open), .help = "whether it is open"},
    {"colour", TW_ATTR_CHOICE, .fallback = "green", .choices = colours, .offset = offsetof(box, colour),
     .help = "hue"},
    {0}};

static gboolean check_box(const xmlNode *node, const void *target, tw_faults *faults)
{
  const box *b = target;
  if (b->open && b->count > 10) {
    tw_node_fault(node, faults, "more than 10 boxes cannot be open; close them");
    return FALSE;
  }
  return TRUE;
}

static const tw_attribute lid_attributes[] = {
    {"label", TW_ATTR_STRING, .fallback = TW_ABSENT, .help = "what is written on it"}, {NULL}};
static const tw_element lid_element = {"lid", "closes a box", lid_attributes, NULL, NULL};
static const tw_child box_children[] = {{&lid_element, 0, 1}, {NULL, 0, 0}};
static const tw_element box_element = {"box", "holds things", box_attributes, box_children, check_box};
static const tw_child site_children[] = {{&box_element, 1, 0}, {NULL, 0, 0}};
static const tw_element site_element = {"site", "all boxes", NULL, site_children, NULL};

static tw_document *load(scratch *files, const char *text, tw_faults *faults)
{
  return tw_document_load(scratch_write(files, "s.xml", text, -1), faults);
}

static void attributes_fill_a_struct_in_base_units(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_document) document =
      load(&files,
           "<site><box id='a' file='x/y.bin' count='7' spare='3' speed='0.25' size='2KiB' weight='-4.5' "
           "open='true' colour='blue' note='hm'/></site>",
           faults);
  const xmlNode *root = tw_document_root(document);
  assert_true(tw_schema_check(root, &site_element, faults));
  box b = {0};
  tw_schema_read(tw_node_child(root, "box"), &box_element, &b);
  assert_string_equal(b.id, "a");
  g_autofree char *expected = g_build_filename(files.folder, "x/y.bin", NULL);
  assert_string_equal(b.file, expected);
  assert_string_equal(b.note, "hm");
  assert_int_equal(b.count, 7);
  assert_int_equal(b.spare, 3);
  assert_near(b.speed, 0.25, 0);
  assert_near(b.size, 2048, 0);
  assert_near(b.weight, -4.5, 0);
  assert_true(b.open);
  assert_int_equal(b.colour, 2);
  tw_schema_clear(&box_element, &b);
  assert_null(b.id);
}

static void absent_attributes_take_their_default_or_none(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_document) document = load(&files, "<site><box id='a' size='1B'/></site>", faults);
  assert_true(tw_schema_check(tw_document_root(document), &site_element, faults));
  box b;
  tw_schema_read(tw_node_child(tw_document_root(document), "box"), &box_element, &b);
  assert_null(b.file);
  assert_string_equal(b.note, "");
  assert_int_equal(b.count, 1);
  assert_int_equal(b.spare, G_MININT64);
  assert_near(b.speed, 0.5, 0);
  assert_true(isnan(b.weight));
  assert_false(b.open);
  assert_int_equal(b.colour, 1);
  tw_schema_clear(&box_element, &b);
}

static void a_path_counts_from_the_file_that_names_it(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autofree char *sub = g_build_filename(files.folder, "sub", NULL);
  assert_int_equal(g_mkdir(sub, 0700), 0);
  scratch_write(&files, "sub/box.xml", "<box id='a' size='1B' file='../y.bin'/>", -1);
  g_autoptr(tw_document) document =
      load(&files, "<site " XI "><xi:include href='sub/box.xml'/></site>", faults);
  assert_true(tw_schema_check(tw_document_root(document), &site_element, faults));
  box b;
  tw_schema_read(tw_node_child(tw_document_root(document), "box"), &box_element, &b);
  g_autofree char *expected = g_build_filename(files.folder, "sub/../y.bin", NULL);
  assert_string_equal(b.file, expected);
  tw_schema_clear(&box_element, &b);
  g_ptr_array_add(files.paths, g_strdup(sub));
}

static void every_fault_is_found_at_once(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_document) document =
      load(&files,
           "<site>\n"
           "<box size='0B' cuont='1'/>\n"
           "<box id='' size='80' count='0' speed='x' open='yes' colour='gren'/>\n"
           "<box id='a' size='1GB' count='1.5' colour='ultraviolet' zzz='1'/>\n"
           "<box id='a' size='1GB' count='11' open='true'><lid/><lid/></box>\n"
           "<bxo/><lid/>text</site>",
           faults);
  assert_false(tw_schema_check(tw_document_root(document), &site_element, faults));
  assert_faults(&files, faults,
                "s.xml:2: size of <box>: \"0B\" is out of range; write a size above zero, such as 80GB",
                "s.xml:2: <box> has no attribute \"cuont\"; did you mean \"count\"?",
                "s.xml:2: <box> lacks the attribute \"id\"; write id=\"...\", name of the box",
                "s.xml:3: id of <box>: is empty; write name of the box",
                "s.xml:3: size of <box>: \"80\" has no unit; write a size, such as 80GB",
                "s.xml:3: count of <box>: \"0\" is out of range; write a whole number from 1 to 100",
                "s.xml:3: speed of <box>: \"x\" is not a number; write a number from 0 to 1",
                "s.xml:3: open of <box>: \"yes\" is not a truth value; write true or false",
                "s.xml:3: colour of <box>: \"gren\" is unknown; did you mean \"green\"?",
                "s.xml:4: count of <box>: \"1.5\" is not a whole number; write a whole number from 1 to 100",
                "s.xml:4: colour of <box>: \"ultraviolet\" is unknown; write one of red, green, blue",
                "s.xml:4: <box> has no attribute \"zzz\"; write one of id, file, note, count, spare, speed, "
                "size, weight, "
                "open, colour",
                "s.xml:5: more than 10 boxes cannot be open; close them",
                "s.xml:5: <lid> stands too often in <box>; at most 1 may",
                "s.xml:6: <bxo> cannot stand in <site>; did you mean \"box\"?",
                "s.xml:6: <lid> cannot stand in <site>; write box",
                "s.xml:1: <site> holds text; its values are attributes");
}

static void another_root_or_namespace_is_refused(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_document) other = load(&files, "<place/>", faults);
  assert_false(tw_schema_check(tw_document_root(other), &site_element, faults));
  g_autoptr(tw_document) foreign = load(&files, "<site xmlns='urn:x'/>", faults);
  assert_false(tw_schema_check(tw_document_root(foreign), &site_element, faults));
  g_autoptr(tw_document) empty = load(&files, "<site/>", faults);
  assert_false(tw_schema_check(tw_document_root(empty), &site_element, faults));
  g_autoptr(tw_document) question = load(&files, "<question/>", faults);
  assert_false(tw_schema_check(tw_document_root(question), &site_element, faults));
  assert_faults(
      &files, faults, "s.xml:1: <place> cannot stand here; write <site>",
      "s.xml:1: <site> is in the namespace \"urn:x\"; remove its xmlns",
      "s.xml:1: <site> lacks a <box>: holds things",
      "s.xml:1: <question> cannot stand here; write <site>, or: `tokenworks plan` takes a question");
}

static const char two_boxes[] = "<site>\n<box id='a' size='1B' note='n'/>\n<box id='b' size='1B'/></site>";

static char *value_of(const tw_document *document, int index, const char *name)
{
  const xmlNode *node = tw_node_child(tw_document_root(document), "box");
  while (index-- > 0)
    node = tw_node_next(node, "box");
  xmlChar *text = xmlGetNoNsProp(node, BAD_CAST name);
  char *copy = g_strdup((char *)text);
  xmlFree(text);
  return copy;
}

static void an_assignment_sets_what_its_xpath_names(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_document) document = load(&files, two_boxes, faults);
  assert_true(tw_document_set(document, &site_element, "//box[@id='b' and @size=\"1B\"]/@count=9", faults));
  assert_true(tw_document_set(document, &site_element, "/site/box/@size=2GB", faults));
  assert_true(tw_document_set(document, &site_element, "//@note=x=y", faults));
  g_autofree char *none = value_of(document, 0, "count"), *nine = value_of(document, 1, "count");
  g_autofree char *size = value_of(document, 0, "size"), *note = value_of(document, 0, "note");
  g_autofree char *no_note = value_of(document, 1, "note");
  assert_null(none);
  assert_string_equal(nine, "9"); /* created, as the schema allows it there */
  assert_string_equal(size, "2GB");
  assert_string_equal(note, "x=y"); /* split at the first '=' alone */
  assert_null(no_note);             /* //@note names those that exist */
}

static void an_assignment_adds_an_element_where_it_may_stand_once(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_document) document = load(&files, two_boxes, faults);
  const xmlNode *first = tw_node_child(tw_document_root(document), "box");
  assert_true(tw_document_set(document, &site_element, "//box[@id='b']/lid/@label=top", faults));
  assert_null(tw_node_child(first, "lid"));
  assert_non_null(tw_node_child(tw_node_next(first, "box"), "lid"));
  assert_true(tw_document_set(document, &site_element, "//box[@id='a']/lid/@label=top", faults));
  assert_non_null(tw_node_child(first, "lid"));
  /* A box may stand more than once, so that which one is meant would be a guess; a key may stand nowhere. */
  assert_false(tw_document_set(document, &site_element, "/site/bin/@label=top", faults));
  assert_false(tw_document_set(document, &site_element, "//box[@id='a']/key/@label=top", faults));
  assert_false(tw_document_set(document, &site_element, "//box[@id='a']/lid/@lable=top", faults));
}

static void a_bad_assignment_says_what_would_be_right(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_document) document = load(&files, two_boxes, faults);
  const char *const assignments[] = {"//box/@count",
                                     "//box[@id='c']/@count=1",
                                     "//box/@cuont=1",
                                     "//box/@count=0",
                                     "//box[/@count=1",
                                     "//box/count=1",
                                     "//box[@/@id=1",
                                     "1+1/@id=x",
                                     "//box/@*=1",
                                     "=",
                                     NULL};
  for (const char *const *assignment = assignments; *assignment != NULL; assignment++)
    assert_false(tw_document_set(document, &site_element, *assignment, faults));
  assert_faults(
      &files, faults, "--set //box/@count: holds no '='; write XPATH=VALUE, such as //router/@policy=random",
      "--set //box[@id='c']/@count=1: no element matches \"//box[@id='c']\"; `tokenworks check --dump` shows "
      "what "
      "there is",
      "--set //box/@cuont=1: <box> has no attribute \"cuont\"; did you mean \"count\"?",
      "--set //box/@count=0: count of <box>: \"0\" is out of range; write a whole number from 1 to 100",
      "--set //box[/@count=1: holds no '='; write XPATH=VALUE, such as //router/@policy=random",
      "--set //box/count=1: \"//box/count\" does not end in an attribute; write it as //router/@policy",
      "--set //box[@/@id=1: holds no '='; write XPATH=VALUE, such as //router/@policy=random",
      "--set 1+1/@id=x: \"1+1\" is not an XPath of elements; write one such as //pool[@id='decode']",
      "--set //box/@*=1: \"//box/@*\" does not end in an attribute; write it as //router/@policy",
      "--set =: \"\" does not end in an attribute; write it as //router/@policy");
}

static void ignore_error(void *data, xmlErrorPtr error)
{
  (void)data, (void)error;
}

static gboolean valid_by_relaxng(const char *schema, const char *path)
{
  xmlRelaxNGParserCtxtPtr parser = xmlRelaxNGNewMemParserCtxt(schema, (int)strlen(schema));
  xmlRelaxNGPtr grammar = xmlRelaxNGParse(parser);
  assert_non_null(grammar);
  xmlRelaxNGValidCtxtPtr context = xmlRelaxNGNewValidCtxt(grammar);
  xmlRelaxNGSetValidStructuredErrors(context, ignore_error, NULL);
  xmlDoc *xml = xmlReadFile(path, NULL, 0);
  int result = xmlRelaxNGValidateDoc(context, xml);
  xmlFreeDoc(xml);
  xmlRelaxNGFreeValidCtxt(context);
  xmlRelaxNGFree(grammar);
  xmlRelaxNGFreeParserCtxt(parser);
  return result == 0;
}

static void the_relaxng_schema_agrees_with_the_table(void **state)
{
  (void)state;
  static const struct {
    gboolean good;
    const char *text;
  } rows[] = {
      {TRUE, "<site><box id='a' size='1.5 GiB' count='3' speed='1' weight='-2' open='true' "
             "colour='red'><lid/></box>"
             "<box id='b' size='80GB' xml:base='x.xml'/></site>"},
      {TRUE, "<site " XI "><xi:include href='x.xml'/></site>"},
      {FALSE, "<site><box size='1B'/></site>"},
      {FALSE, "<site><box id='a' size='80'/></site>"},
      {FALSE, "<site><box id='a' size='1B' count='0'/></site>"},
      {FALSE, "<site><box id='a' size='1B' count='x'/></site>"},
      {FALSE, "<site><box id='a' size='1B' speed='1.5'/></site>"},
      {FALSE, "<site><box id='a' size='1B' open='yes'/></site>"},
      {FALSE, "<site><box id='a' size='1B' colour='pink'/></site>"},
      {FALSE, "<site><box id='a' size='1B' unknown='1'/></site>"},
      {FALSE, "<site><box id='a' size='1B'><lid/><lid/></box></site>"},
      {FALSE, "<site><lid/></site>"},
      {FALSE, "<box id='a' size='1B'/>"},
  };
  g_autofree char *schema = tw_schema_relaxng(&site_element);
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_auto(scratch) files = scratch_new();
    const char *path = scratch_write(&files, "s.xml", rows[i].text, -1);
    if (valid_by_relaxng(schema, path) != rows[i].good)
      fail_msg("RELAX NG disagrees on %s", rows[i].text);
    g_autoptr(tw_faults) faults = tw_faults_new();
    g_autoptr(tw_document) document = tw_document_load(path, faults);
    if (document != NULL &&
        tw_schema_check(tw_document_root(document), &site_element, faults) != rows[i].good)
      fail_msg("the table disagrees on %s", rows[i].text);
  }
}

static void the_documentation_names_everything(void **state)
{
  (void)state;
  g_autofree char *text = tw_schema_describe(&site_element);
  assert_non_null(strstr(text, "<site>  all boxes\n  <box>  once or more\n"));
  assert_non_null(
      strstr(text, "  count                  how many; a whole number from 1 to 100; default \"1\"\n"));
  assert_non_null(
      strstr(text, "  size                   room inside; a size above zero, such as 80GB; required\n"));
  assert_non_null(strstr(text, "  colour                 hue; one of red, green, blue; default \"green\"\n"));
  assert_non_null(strstr(text, "  weight                 kilograms; a number; optional\n"));
  assert_non_null(strstr(text, "<lid>  closes a box\n"));
}

/* Random damage to a good document: whatever comes out, it is either refused with a fault or it reads. */
static void damaged_documents_never_crash(void **state)
{
  (void)state;
  static const char good[] = "<?xml version='1.0'?>\n<!DOCTYPE site SYSTEM 'x.dtd'>\n<site " XI
                             "><!-- c --><box id='a' size='1GB' count='3' colour='red'><lid/></box>\n"
                             "<box id='b' size='2 MiB' speed='1e-3'/><xi:include href='s.xml'/></site>";
  static const char *const bits[] = {"<",    ">",       "&",         "'",     "/",     "<!ENTITY x 'y'>",
                                     "&x;",  "]]>",     "<![CDATA[", "\xff",  "1e999", "-",
                                     "<box", "</site>", "xmlns='u'", "<?p?>", "&#0;",  "&#xFFFFFFFF;"};
  g_autoptr(GRand) chance = g_rand_new_with_seed(7);
  g_auto(scratch) files = scratch_new();
  int refused = 0;
  for (int round = 0; round < 3000; round++) {
    g_autoptr(GString) text = g_string_new(good);
    for (int cuts = g_rand_int_range(chance, 1, 4); cuts > 0; cuts--) {
      gssize at = g_rand_int_range(chance, 0, (gint32)text->len);
      gssize length = g_rand_int_range(chance, 1, 6);
      if (g_rand_boolean(chance))
        g_string_erase(text, at, MIN(length, (gssize)text->len - at));
      else
        g_string_insert(text, at, bits[g_rand_int_range(chance, 0, G_N_ELEMENTS(bits))]);
    }
    const char *path = scratch_write(&files, "s.xml", text->str, (gssize)text->len);
    g_autoptr(tw_faults) faults = tw_faults_new();
    g_autoptr(tw_document) document = tw_document_load(path, faults);
    assert_int_equal(document == NULL, tw_faults_count(faults) > 0);
    if (document != NULL && tw_schema_check(tw_document_root(document), &site_element, faults)) {
      box b;
      const xmlNode *node = tw_node_child(tw_document_root(document), "box");
      tw_schema_read(node, &box_element, &b);
      tw_schema_clear(&box_element, &b);
    }
    refused += tw_faults_count(faults) > 0;
  }
  assert_true(refused > 1000);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(attributes_fill_a_struct_in_base_units),
      cmocka_unit_test(absent_attributes_take_their_default_or_none),
      cmocka_unit_test(a_path_counts_from_the_file_that_names_it),
      cmocka_unit_test(every_fault_is_found_at_once),
      cmocka_unit_test(another_root_or_namespace_is_refused),
      cmocka_unit_test(an_assignment_sets_what_its_xpath_names),
      cmocka_unit_test(an_assignment_adds_an_element_where_it_may_stand_once),
      cmocka_unit_test(a_bad_assignment_says_what_would_be_right),
      cmocka_unit_test(the_relaxng_schema_agrees_with_the_table),
      cmocka_unit_test(the_documentation_names_everything),
      cmocka_unit_test(damaged_documents_never_crash),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
