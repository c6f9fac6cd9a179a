/* Assignments "XPATH=VALUE" to a document that a table describes. */
#include "platforms/input/schema.h"

#include <libxml/xpath.h>

/* The first '=' outside brackets and quotes, or NULL. */
static const char *find_split(const char *assignment)
{
  int brackets = 0;
  char quote = '\0';
  for (const char *at = assignment; *at != '\0'; at++) {
    if (quote != '\0')
      quote = *at == quote ? '\0' : quote;
    else if (*at == '\'' || *at == '"')
      quote = *at;
    else if (*at == '[' || *at == '(')
      brackets++;
    else if (*at == ']' || *at == ')')
      brackets--;
    else if (*at == '=' && brackets == 0)
      return at;
  }
  return NULL;
}

/* The table of a node, found along its ancestors; NULL where the document strays from the tables. */
static const tw_element *element_of(const xmlNode *node, const tw_element *root)
{
  if (node->parent == NULL || node->parent->type != XML_ELEMENT_NODE)
    return g_str_equal(node->name, root->name) ? root : NULL;
  const tw_element *parent = element_of(node->parent, root);
  for (const tw_child *row = parent != NULL ? parent->children : NULL; row != NULL && row->element != NULL;
       row++)
    if (g_str_equal(row->element->name, node->name))
      return row->element;
  return NULL;
}

static gboolean set_attribute(xmlNode *node, const tw_element *root, const char *name, const char *value,
                              const char *source, tw_faults *faults)
{
  const tw_element *element = element_of(node, root);
  if (element == NULL) {
    tw_faults_add(faults, source, 0, "<%s> is an element that the schema does not know", node->name);
    return FALSE;
  }
  g_autoptr(GPtrArray) names = g_ptr_array_new();
  for (const tw_attribute *row = element->attributes; row != NULL && row->name != NULL; row++) {
    if (!g_str_equal(row->name, name)) {
      g_ptr_array_add(names, (char *)row->name);
      continue;
    }
    g_autofree char *why = NULL;
    if (!tw_attribute_check(row, value, &why)) {
      tw_faults_add(faults, source, 0, "%s of <%s>: %s", name, element->name, why);
      return FALSE;
    }
    xmlSetProp(node, BAD_CAST name, BAD_CAST value);
    return TRUE;
  }
  g_ptr_array_add(names, NULL);
  g_autofree char *hint = tw_suggestion(name, (const char *const *)names->pdata);
  tw_faults_add(faults, source, 0, "<%s> has no attribute \"%s\"; %s", element->name, name, hint);
  return FALSE;
}

static void ignore_error(void *data, xmlErrorPtr error)
{
  (void)data, (void)error;
}

gboolean tw_document_set(tw_document *document, const tw_element *root, const char *assignment,
                         tw_faults *faults)
{
  guint before = tw_faults_count(faults);
  g_autofree char *source = g_strdup_printf("--set %s", assignment);
  const char *split = find_split(assignment);
  if (split == NULL) {
    tw_faults_add(faults, source, 0, "holds no '='; write XPATH=VALUE, such as //router/@policy=random");
    return FALSE;
  }
  g_autofree char *path = g_strndup(assignment, (gsize)(split - assignment));
  char *name = strrchr(path, '/');
  if (name == NULL || name == path || name[1] != '@' || xmlValidateNCName(BAD_CAST(name + 2), 0) != 0) {
    tw_faults_add(faults, source, 0, "\"%s\" does not end in an attribute; write it as //router/@policy",
                  path);
    return FALSE;
  }
  *name = '\0';
  name += 2;
  /* The rest of "a//@b" is "a/": any element below `a` that has the attribute. */
  g_autofree char *elements =
      g_str_has_suffix(path, "/") ? g_strdup_printf("%s/*[@%s]", path, name) : g_strdup(path);

  xmlXPathContext *context = xmlXPathNewContext(tw_document_root(document)->doc);
  context->error = ignore_error;
  xmlXPathObject *found = xmlXPathEvalExpression(BAD_CAST elements, context);
  if (found == NULL || found->type != XPATH_NODESET) {
    tw_faults_add(faults, source, 0,
                  "\"%s\" is not an XPath of elements; write one such as //pool[@id='decode']", path);
  } else if (xmlXPathNodeSetIsEmpty(found->nodesetval)) {
    tw_faults_add(faults, source, 0,
                  "no element matches \"%s\"; `tokenworks check --dump` shows what there is", path);
  } else {
    for (int i = 0; i < found->nodesetval->nodeNr; i++) {
      xmlNode *node = found->nodesetval->nodeTab[i];
      if (node->type != XML_ELEMENT_NODE)
        tw_faults_add(faults, source, 0, "\"%s\" matches something that is no element; name an element",
                      path);
      else
        set_attribute(node, root, name, split + 1, source, faults);
    }
  }
  xmlXPathFreeObject(found);
  xmlXPathFreeContext(context);
  return tw_faults_count(faults) == before;
}
