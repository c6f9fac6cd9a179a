#include "platforms/input/schema.h"

#include <math.h>

static gboolean is_absent(const char *fallback)
{
  return fallback != NULL && *fallback == *TW_ABSENT;
}

static gboolean refuse(char **why, const char *format, ...) G_GNUC_PRINTF(2, 3);
static gboolean refuse(char **why, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  *why = g_strdup_vprintf(format, arguments);
  va_end(arguments);
  return FALSE;
}

static gboolean is_bounded(const tw_attribute *attribute)
{
  return attribute->min != 0 || attribute->max != 0;
}

static char *bound(const tw_attribute *attribute, double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  if (attribute->type == TW_ATTR_QUANTITY)
    return tw_quantity_format(value, attribute->dimension);
  return g_strdup(g_ascii_formatd(text, sizeof text, "%.15g", value));
}

char *tw_attribute_range(const tw_attribute *attribute)
{
  const char *help = attribute->type == TW_ATTR_INT        ? "a whole number"
                     : attribute->type == TW_ATTR_QUANTITY ? tw_dimension_help(attribute->dimension)
                                                           : "a number";
  gsize noun = strcspn(help, ",");
  GString *text = g_string_new_len(help, (gssize)noun);
  if (attribute->positive)
    g_string_append(text, " above zero");
  if (is_bounded(attribute)) {
    g_autofree char *min = bound(attribute, attribute->min), *max = bound(attribute, attribute->max);
    if (attribute->max >= G_MAXDOUBLE)
      g_string_append_printf(text, " of at least %s", min);
    else if (attribute->positive)
      g_string_append_printf(text, " and up to %s", max);
    else
      g_string_append_printf(text, " from %s to %s", min, max);
  }
  g_string_append(text, help + noun);
  return g_string_free(text, FALSE);
}

static gboolean check_range(const tw_attribute *attribute, double value, const char *text, char **why)
{
  gboolean outside = is_bounded(attribute) && (value < attribute->min || value > attribute->max);
  if (!outside && !(attribute->positive && value <= 0))
    return TRUE;
  g_autofree char *help = tw_attribute_range(attribute);
  return refuse(why, "\"%s\" is out of range; write %s", text, help);
}

static int choice_index(const tw_attribute *attribute, const char *text)
{
  for (int i = 0; attribute->choices[i] != NULL; i++)
    if (g_str_equal(attribute->choices[i], text))
      return i;
  return -1;
}

static gboolean has_control(const char *text)
{
  for (; *text != '\0'; text++)
    if (g_ascii_iscntrl(*text))
      return TRUE;
  return FALSE;
}

gboolean tw_attribute_check(const tw_attribute *attribute, const char *text, char **why)
{
  double number = 0;
  gint64 integer = 0;
  switch (attribute->type) {
  case TW_ATTR_STRING:
  case TW_ATTR_PATH:
    if (*text == '\0' && !attribute->empty &&
        (attribute->fallback == NULL || attribute->type == TW_ATTR_PATH))
      return refuse(why, "is empty; write %s", attribute->help);
    if (has_control(text))
      return refuse(why, "holds a control character; write plain text");
    return TRUE;
  case TW_ATTR_INT:
  case TW_ATTR_NUMBER:
    if (attribute->type == TW_ATTR_INT ? !tw_integer_parse(text, &integer)
                                       : !tw_number_parse(text, &number)) {
      g_autofree char *help = tw_attribute_range(attribute);
      return refuse(why, "\"%s\" is not %s; write %s", text,
                    attribute->type == TW_ATTR_INT ? "a whole number" : "a number", help);
    }
    return check_range(attribute, attribute->type == TW_ATTR_INT ? (double)integer : number, text, why);
  case TW_ATTR_QUANTITY:
    return tw_quantity_parse(text, attribute->dimension, &number, why) &&
           check_range(attribute, number, text, why);
  case TW_ATTR_BOOL:
    if (g_str_equal(text, "true") || g_str_equal(text, "false"))
      return TRUE;
    return refuse(why, "\"%s\" is not a truth value; write true or false", text);
  case TW_ATTR_CHOICE:
    if (choice_index(attribute, text) >= 0)
      return TRUE;
    g_autofree char *hint = tw_suggestion(text, attribute->choices);
    return refuse(why, "\"%s\" is unknown; %s", text, hint);
  }
  g_assert_not_reached();
}

static const tw_attribute *find_attribute(const tw_element *element, const char *name)
{
  for (const tw_attribute *row = element->attributes; row != NULL && row->name != NULL; row++)
    if (g_str_equal(row->name, name))
      return row;
  return NULL;
}

static const tw_child *find_child(const tw_element *element, const char *name)
{
  for (const tw_child *row = element->children; row != NULL && row->element != NULL; row++)
    if (g_str_equal(row->element->name, name))
      return row;
  return NULL;
}

static char *attribute_suggestion(const tw_element *element, const char *word)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new();
  for (const tw_attribute *row = element->attributes; row != NULL && row->name != NULL; row++)
    g_ptr_array_add(names, (char *)row->name);
  g_ptr_array_add(names, NULL);
  return tw_suggestion(word, (const char *const *)names->pdata);
}

static char *child_suggestion(const tw_element *element, const char *word)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new();
  for (const tw_child *row = element->children; row != NULL && row->element != NULL; row++)
    g_ptr_array_add(names, (char *)row->element->name);
  g_ptr_array_add(names, NULL);
  return tw_suggestion(word, (const char *const *)names->pdata);
}

static void check_attributes(const xmlNode *node, const tw_element *element, tw_faults *faults)
{
  for (const xmlAttr *attribute = node->properties; attribute != NULL; attribute = attribute->next) {
    const char *name = (const char *)attribute->name;
    if (attribute->ns != NULL && g_str_equal(attribute->ns->href, XML_XML_NAMESPACE))
      continue; /* xml:base is left behind by XInclude */
    const tw_attribute *row = attribute->ns == NULL ? find_attribute(element, name) : NULL;
    if (row == NULL) {
      g_autofree char *hint = attribute_suggestion(element, name);
      tw_node_fault(node, faults, "<%s> has no attribute \"%s\"; %s", element->name, name, hint);
      continue;
    }
    xmlChar *text = xmlGetNoNsProp(node, attribute->name);
    g_autofree char *why = NULL;
    if (!tw_attribute_check(row, (const char *)text, &why))
      tw_node_fault(node, faults, "%s of <%s>: %s", name, element->name, why);
    xmlFree(text);
  }
  for (const tw_attribute *row = element->attributes; row != NULL && row->name != NULL; row++)
    if (row->fallback == NULL && !xmlHasNsProp(node, BAD_CAST row->name, NULL))
      tw_node_fault(node, faults, "<%s> lacks the attribute \"%s\"; write %s=\"...\", %s", element->name,
                    row->name, row->name, row->help);
}

static void check_children(const xmlNode *node, const tw_element *element, tw_faults *faults)
{
  for (const xmlNode *child = node->children; child != NULL; child = child->next) {
    if (child->type == XML_COMMENT_NODE || child->type == XML_PI_NODE || xmlIsBlankNode(child))
      continue;
    if (child->type != XML_ELEMENT_NODE) {
      tw_node_fault(node, faults, "<%s> holds text; its values are attributes", element->name);
      continue;
    }
    const tw_child *row = child->ns == NULL ? find_child(element, (const char *)child->name) : NULL;
    if (row != NULL) {
      tw_schema_check(child, row->element, faults);
    } else if (element->children == NULL) {
      tw_node_fault(child, faults, "<%s> cannot stand here; <%s> holds no elements", child->name,
                    element->name);
    } else {
      g_autofree char *hint = child_suggestion(element, (const char *)child->name);
      tw_node_fault(child, faults, "<%s> cannot stand in <%s>; %s", child->name, element->name, hint);
    }
  }
  for (const tw_child *row = element->children; row != NULL && row->element != NULL; row++) {
    const char *name = row->element->name;
    guint count = 0;
    for (const xmlNode *child = tw_node_child(node, name); child != NULL; child = tw_node_next(child, name))
      if (++count == row->max + 1 && row->max > 0)
        tw_node_fault(child, faults, "<%s> stands too often in <%s>; at most %u may", name, element->name,
                      row->max);
    if (count < row->min && row->min == 1)
      tw_node_fault(node, faults, "<%s> lacks a <%s>: %s", element->name, name, row->element->help);
    else if (count < row->min)
      tw_node_fault(node, faults, "<%s> has %u <%s> and needs %u: %s", element->name, count, name, row->min,
                    row->element->help);
  }
}

/* Runs the element's own rules on a struct filled from its attributes, which are known to be good. */
static void check_rules(const xmlNode *node, const tw_element *element, tw_faults *faults)
{
  size_t size = 0;
  for (const tw_attribute *row = element->attributes; row != NULL && row->name != NULL; row++)
    size = MAX(size, row->offset + sizeof(double));
  /* The rules see a whole struct; the fields behind the last attribute are not theirs to read. */
  g_autofree void *target = g_malloc0(MAX(size, 1));
  tw_schema_read(node, element, target);
  element->check(node, target, faults);
  tw_schema_clear(element, target);
}

/* The command that reads a file of another kind than the expected one. NULL: it is of no known kind. */
static const char *reader_of(const xmlNode *root)
{
  static const struct {
    const char *root, *reader;
  } kinds[] = {{"scenario", "`tokenworks run` takes a scenario"},
               {"sweep", "`tokenworks sweep` takes a sweep"},
               {"question", "`tokenworks plan` takes a question"},
               {"platform", "a scenario names a platform: <platform file=\"...\"/>"}};
  for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
    if (root->parent == (const xmlNode *)root->doc && g_str_equal(root->name, kinds[i].root))
      return kinds[i].reader;
  return NULL;
}

gboolean tw_schema_check(const xmlNode *node, const tw_element *element, tw_faults *faults)
{
  guint before = tw_faults_added(faults);
  if (node->ns != NULL) {
    tw_node_fault(node, faults, "<%s> is in the namespace \"%s\"; remove its xmlns", node->name,
                  node->ns->href);
    return FALSE;
  }
  if (!g_str_equal(node->name, element->name)) {
    const char *reader = reader_of(node);
    tw_node_fault(node, faults, "<%s> cannot stand here; write <%s>%s%s", node->name, element->name,
                  reader != NULL ? ", or: " : "", reader != NULL ? reader : "");
    return FALSE;
  }
  check_attributes(node, element, faults);
  if (element->check != NULL && tw_faults_added(faults) == before)
    check_rules(node, element, faults);
  check_children(node, element, faults);
  return tw_faults_added(faults) == before;
}

static void read_absent(const tw_attribute *row, void *field)
{
  switch (row->type) {
  case TW_ATTR_STRING:
  case TW_ATTR_PATH:
    *(char **)field = NULL;
    return;
  case TW_ATTR_INT:
    *(gint64 *)field = G_MININT64;
    return;
  case TW_ATTR_NUMBER:
  case TW_ATTR_QUANTITY:
    *(double *)field = NAN;
    return;
  case TW_ATTR_BOOL:
    *(gboolean *)field = FALSE;
    return;
  case TW_ATTR_CHOICE:
    *(int *)field = -1;
    return;
  }
}

static void read_value(const xmlNode *node, const tw_attribute *row, const char *text, void *field)
{
  gboolean good = TRUE;
  switch (row->type) {
  case TW_ATTR_STRING:
    *(char **)field = g_strdup(text);
    break;
  case TW_ATTR_PATH:
    *(char **)field = tw_node_path(node, text);
    break;
  case TW_ATTR_INT:
    good = tw_integer_parse(text, field);
    break;
  case TW_ATTR_NUMBER:
    good = tw_number_parse(text, field);
    break;
  case TW_ATTR_QUANTITY:
    good = tw_quantity_parse(text, row->dimension, field, NULL);
    break;
  case TW_ATTR_BOOL:
    *(gboolean *)field = g_str_equal(text, "true");
    break;
  case TW_ATTR_CHOICE:
    good = (*(int *)field = choice_index(row, text)) >= 0;
    break;
  }
  g_assert(good);
}

void tw_schema_read(const xmlNode *node, const tw_element *element, void *target)
{
  for (const tw_attribute *row = element->attributes; row != NULL && row->name != NULL; row++) {
    void *field = (char *)target + row->offset;
    xmlChar *text = xmlGetNoNsProp(node, BAD_CAST row->name);
    if (text == NULL && is_absent(row->fallback))
      read_absent(row, field);
    else
      read_value(node, row, text != NULL ? (const char *)text : row->fallback, field);
    xmlFree(text);
  }
}

const xmlNode *tw_schema_read_child(const xmlNode *parent, const tw_element *element, void *target)
{
  const xmlNode *node = tw_node_child(parent, element->name);
  tw_schema_read(node, element, target);
  return node;
}

void tw_schema_clear(const tw_element *element, void *target)
{
  for (const tw_attribute *row = element->attributes; row != NULL && row->name != NULL; row++)
    if (row->type == TW_ATTR_STRING || row->type == TW_ATTR_PATH)
      g_clear_pointer((char **)((char *)target + row->offset), g_free);
}
