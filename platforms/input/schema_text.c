/* Writes tables of elements as a RELAX NG schema and as documentation. */
#include "platforms/input/schema.h"

static gboolean is_optional(const tw_attribute *attribute)
{
  return attribute->fallback != NULL;
}

static gboolean is_absent(const tw_attribute *attribute)
{
  return is_optional(attribute) && *attribute->fallback == *TW_ABSENT;
}

/* Every table reachable from `root`, each once, root first. */
static GPtrArray *collect_elements(const tw_element *root)
{
  GPtrArray *elements = g_ptr_array_new();
  g_ptr_array_add(elements, (gpointer)root);
  for (guint i = 0; i < elements->len; i++) {
    const tw_element *element = g_ptr_array_index(elements, i);
    for (const tw_child *row = element->children; row != NULL && row->element != NULL; row++)
      if (!g_ptr_array_find(elements, row->element, NULL))
        g_ptr_array_add(elements, (gpointer)row->element);
  }
  return elements;
}

static void append_escaped(GString *out, const char *text)
{
  g_autofree char *escaped = g_markup_escape_text(text, -1);
  g_string_append(out, escaped);
}

static void append_data(GString *out, const char *type, const char *facet, const char *value)
{
  g_string_append_printf(out, "<data type=\"%s\"><param name=\"%s\">", type, facet);
  append_escaped(out, value);
  g_string_append(out, "</param></data>");
}

static void append_bounds(GString *out, const tw_attribute *attribute, const char *type)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  const char *format = attribute->type == TW_ATTR_INT ? "%.0f" : "%.17g";
  g_string_append_printf(out, "<data type=\"%s\">", type);
  if (attribute->min != 0 || attribute->max != 0) {
    g_string_append_printf(out, "<param name=\"minInclusive\">%s</param>",
                           g_ascii_formatd(number, sizeof number, format, attribute->min));
    if (attribute->max < G_MAXDOUBLE)
      g_string_append_printf(out, "<param name=\"maxInclusive\">%s</param>",
                             g_ascii_formatd(number, sizeof number, format, attribute->max));
  }
  if (attribute->positive)
    g_string_append(out, "<param name=\"minExclusive\">0</param>");
  g_string_append(out, "</data>");
}

static void append_attribute(GString *out, const tw_attribute *attribute)
{
  g_string_append_printf(out, "      %s<attribute name=\"%s\">", is_optional(attribute) ? "<optional>" : "",
                         attribute->name);
  g_string_append(out, "<a:documentation>");
  append_escaped(out, attribute->help);
  g_string_append(out, "</a:documentation>");
  switch (attribute->type) {
  case TW_ATTR_STRING:
  case TW_ATTR_PATH:
    g_string_append(out, "<text/>");
    break;
  case TW_ATTR_INT:
    append_bounds(out, attribute, "long");
    break;
  case TW_ATTR_NUMBER:
    append_bounds(out, attribute, "double");
    break;
  case TW_ATTR_QUANTITY: {
    g_autofree char *pattern = tw_dimension_pattern(attribute->dimension);
    append_data(out, "string", "pattern", pattern);
    break;
  }
  case TW_ATTR_BOOL:
    g_string_append(out, "<choice><value>true</value><value>false</value></choice>");
    break;
  case TW_ATTR_CHOICE:
    g_string_append(out, "<choice>");
    for (const char *const *word = attribute->choices; *word != NULL; word++) {
      g_string_append(out, "<value>");
      append_escaped(out, *word);
      g_string_append(out, "</value>");
    }
    g_string_append(out, "</choice>");
    break;
  }
  g_string_append_printf(out, "</attribute>%s\n", is_optional(attribute) ? "</optional>" : "");
}

static void append_children(GString *out, const tw_element *element, GPtrArray *elements)
{
  /* An include may bring any of the children, so a schema of one file cannot ask for them. */
  g_string_append(out, "      <interleave>\n        <zeroOrMore><ref name=\"xi-include\"/></zeroOrMore>\n");
  for (const tw_child *row = element->children; row != NULL && row->element != NULL; row++) {
    guint index = 0;
    g_ptr_array_find(elements, row->element, &index);
    const char *count = row->max == 1 ? "optional" : "zeroOrMore";
    g_string_append_printf(out, "        <%s><ref name=\"%s-%u\"/></%s>\n", count, row->element->name, index,
                           count);
  }
  g_string_append(out, "      </interleave>\n");
}

char *tw_schema_relaxng(const tw_element *root)
{
  g_autoptr(GPtrArray) elements = collect_elements(root);
  GString *out = g_string_new("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                              "<grammar xmlns=\"http://relaxng.org/ns/structure/1.0\"\n"
                              "         xmlns:a=\"http://relaxng.org/ns/compatibility/annotations/1.0\"\n"
                              "         datatypeLibrary=\"http://www.w3.org/2001/XMLSchema-datatypes\">\n");
  g_string_append_printf(out, "  <start><ref name=\"%s-0\"/></start>\n", root->name);
  g_string_append(out, "  <define name=\"xi-include\">\n"
                       "    <element name=\"include\" ns=\"http://www.w3.org/2001/XInclude\">\n"
                       "      <attribute name=\"href\"/>\n"
                       "      <optional><attribute name=\"xpointer\"/></optional>\n"
                       "    </element>\n"
                       "  </define>\n");
  for (guint i = 0; i < elements->len; i++) {
    const tw_element *element = g_ptr_array_index(elements, i);
    g_string_append_printf(out,
                           "  <define name=\"%s-%u\">\n    <element name=\"%s\">\n      <a:documentation>",
                           element->name, i, element->name);
    append_escaped(out, element->help);
    g_string_append(out, "</a:documentation>\n      <optional><attribute name=\"xml:base\"/></optional>\n");
    for (const tw_attribute *row = element->attributes; row != NULL && row->name != NULL; row++)
      append_attribute(out, row);
    append_children(out, element, elements);
    g_string_append(out, "    </element>\n  </define>\n");
  }
  g_string_append(out, "</grammar>\n");
  return g_string_free(out, FALSE);
}

static char *describe_type(const tw_attribute *attribute)
{
  g_autofree char *words = NULL;
  switch (attribute->type) {
  case TW_ATTR_STRING:
    return g_strdup("text");
  case TW_ATTR_PATH:
    return g_strdup("path");
  case TW_ATTR_BOOL:
    return g_strdup("true or false");
  case TW_ATTR_CHOICE:
    words = g_strjoinv(", ", (char **)attribute->choices);
    return g_strconcat("one of ", words, NULL);
  case TW_ATTR_INT:
  case TW_ATTR_NUMBER:
  case TW_ATTR_QUANTITY:
    return tw_attribute_range(attribute);
  }
  g_assert_not_reached();
}

char *tw_schema_describe(const tw_element *root)
{
  g_autoptr(GPtrArray) elements = collect_elements(root);
  GString *out = g_string_new(NULL);
  for (guint i = 0; i < elements->len; i++) {
    const tw_element *element = g_ptr_array_index(elements, i);
    g_string_append_printf(out, "%s<%s>  %s\n", i > 0 ? "\n" : "", element->name, element->help);
    for (const tw_attribute *row = element->attributes; row != NULL && row->name != NULL; row++) {
      g_autofree char *type = describe_type(row);
      g_string_append_printf(out, "  %-22s %s; %s", row->name, row->help, type);
      if (!is_optional(row))
        g_string_append(out, "; required");
      else if (is_absent(row))
        g_string_append(out, "; optional");
      else
        g_string_append_printf(out, "; default \"%s\"", row->fallback);
      g_string_append_printf(out, row->option != NULL ? "; option %s\n" : "\n", row->option);
      for (int c = 0; row->choice_helps != NULL && row->choices[c] != NULL; c++)
        g_string_append_printf(out, "    %-24s %s\n", row->choices[c], row->choice_helps()[c]);
    }
    for (const tw_child *row = element->children; row != NULL && row->element != NULL; row++)
      g_string_append_printf(out, "  <%s>%s\n", row->element->name,
                             row->max == 1   ? (row->min > 0 ? "  once" : "  at most once")
                             : row->min == 1 ? "  once or more"
                             : row->min > 1  ? "  several"
                                             : "  any number");
  }
  return g_string_free(out, FALSE);
}

static gboolean is_listed(const tw_element *const *elements, const tw_element *element)
{
  while (*elements != NULL && *elements != element)
    elements++;
  return *elements != NULL;
}

static void resolve_element(GString *out, const xmlNode *node, const tw_element *element,
                            const tw_element *const *implied, int depth)
{
  g_string_append_printf(out, "%*s<%s>\n", 2 * depth, "", element->name);
  for (const tw_attribute *row = element->attributes; row != NULL && row->name != NULL; row++) {
    xmlChar *text = node != NULL ? xmlGetNoNsProp(node, BAD_CAST row->name) : NULL;
    if (text != NULL || !is_absent(row))
      g_string_append_printf(out, "%*s%-22s %s%s\n", 2 * depth + 2, "", row->name,
                             text != NULL ? (const char *)text : row->fallback,
                             text != NULL ? "" : "  (default)");
    xmlFree(text);
  }
  for (const tw_child *row = element->children; row != NULL && row->element != NULL; row++) {
    const char *name = row->element->name;
    const xmlNode *child = node != NULL ? tw_node_child(node, name) : NULL;
    if (child == NULL && is_listed(implied, row->element))
      resolve_element(out, NULL, row->element, implied, depth + 1);
    for (; child != NULL; child = tw_node_next(child, name))
      resolve_element(out, child, row->element, implied, depth + 1);
  }
}

char *tw_schema_resolve(const xmlNode *node, const tw_element *element, const tw_element *const *implied)
{
  GString *out = g_string_new(NULL);
  resolve_element(out, node, element, implied, 0);
  return g_string_free(out, FALSE);
}
