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

static const tw_child *find_child(const tw_element *element, const char *name)
{
  for (const tw_child *row = element->children; row != NULL && row->element != NULL; row++)
    if (g_str_equal(row->element->name, name))
      return row;
  return NULL;
}

/* The element at a path such as "/scenario/output". Those of its steps that the document lacks are added,
 * where the table lets them stand at most once. NULL where the path is no such path. */
static xmlNode *element_at(const tw_document *document, const tw_element *root, const char *path)
{
  g_auto(GStrv) steps = g_strsplit(path, "/", -1);
  if (g_strv_length(steps) < 2 || *steps[0] != '\0' || !g_str_equal(steps[1], root->name))
    return NULL;
  const tw_element *element = root;
  for (char **step = steps + 2; *step != NULL; step++) {
    const tw_child *row = find_child(element, *step);
    if (row == NULL || row->max != 1)
      return NULL;
    element = row->element;
  }
  xmlNode *node = (xmlNode *)tw_document_root(document);
  for (char **step = steps + 2; *step != NULL; step++) {
    xmlNode *child = (xmlNode *)tw_node_child(node, *step);
    if (child == NULL) {
      child = xmlNewChild(node, NULL, BAD_CAST * step, NULL);
      child->_private = node->_private; /* its line, for faults */
    }
    node = child;
  }
  return node;
}

/* Adds the last step of a path such as "//pool[@id='serve']/kv-offload" below every element that the steps before it
 * match, where the tables let it stand there at most once, and gives it the attribute. FALSE: the path is no such
 * path, and nothing was added. */
static gboolean add_below(xmlXPathContext *context, const tw_element *root, const char *path,
                          const char *name, const char *value, const char *source, tw_faults *faults)
{
  const char *last = strrchr(path, '/');
  g_autofree char *above = last != NULL ? g_strndup(path, (gsize)(last - path)) : NULL;
  xmlXPathObject *found =
      above != NULL && *above != '\0' ? xmlXPathEvalExpression(BAD_CAST above, context) : NULL;
  gboolean any = FALSE;
  int n = found != NULL && found->type == XPATH_NODESET && !xmlXPathNodeSetIsEmpty(found->nodesetval)
              ? found->nodesetval->nodeNr
              : 0;
  for (int i = 0; i < n; i++) {
    xmlNode *node = found->nodesetval->nodeTab[i];
    const tw_element *element = node->type == XML_ELEMENT_NODE ? element_of(node, root) : NULL;
    const tw_child *row = element != NULL ? find_child(element, last + 1) : NULL;
    if (row == NULL || row->max != 1)
      continue;
    xmlNode *child = xmlNewChild(node, NULL, BAD_CAST(last + 1), NULL);
    child->_private = node->_private; /* its line, for faults */
    set_attribute(child, root, name, value, source, faults);
    any = TRUE;
  }
  xmlXPathFreeObject(found);
  return any;
}

/* The path by which an element of that name is added below `element`, whose own path is `at`; the table of that
 * element becomes *found. The caller frees it. */
static char *addable_path(const tw_element *element, const char *at, const char *name,
                          const tw_element **found)
{
  for (const tw_child *row = element->children; row != NULL && row->element != NULL; row++) {
    g_autofree char *path = g_strdup_printf("%s/%s", at, row->element->name);
    if (row->max == 1 && g_str_equal(row->element->name, name)) {
      *found = row->element;
      return g_steal_pointer(&path);
    }
    char *below = addable_path(row->element, path, name, found);
    if (below != NULL)
      return below;
  }
  return NULL;
}

/* Tells that nothing matches, and how to add what was meant. */
static void add_unmatched(const tw_element *root, const char *path, const char *name, const char *value,
                          const char *source, tw_faults *faults)
{
  const char *last = strrchr(path, '/');
  const tw_element *element = NULL;
  g_autofree char *at = g_strconcat("/", root->name, NULL);
  g_autofree char *addable = last != NULL ? addable_path(root, at, last + 1, &element) : NULL;
  const tw_attribute *row = element != NULL ? element->attributes : NULL;
  while (row != NULL && row->name != NULL && !g_str_equal(row->name, name))
    row++;
  if (*path != '/')
    tw_faults_add(faults, source, 0,
                  "no element matches \"%s\"; paths begin at the root: write \"//%s/@%s=%s\"", path, path,
                  name, value);
  else if (row == NULL || row->name == NULL)
    tw_faults_add(faults, source, 0,
                  "no element matches \"%s\"; `tokenworks check --dump` shows what there is", path);
  else
    tw_faults_add(faults, source, 0, "no element matches \"%s\"; write \"%s/@%s=%s\", which adds <%s>%s%s",
                  path, addable, name, value, element->name,
                  row->option != NULL ? ", or use the option " : "", row->option != NULL ? row->option : "");
}

static void ignore_error(void *data, xmlErrorPtr error)
{
  (void)data, (void)error;
}

/* The first element from `root` down that has an attribute of that name, at most so deep; NULL: none has. */
static const tw_element *element_with(const tw_element *root, const char *name, int depth)
{
  for (const tw_attribute *a = root->attributes; a != NULL && a->name != NULL; a++)
    if (g_str_equal(a->name, name))
      return root;
  for (const tw_child *c = root->children; depth > 0 && c != NULL && c->element != NULL; c++) {
    const tw_element *found = element_with(c->element, name, depth - 1);
    if (found != NULL)
      return found;
  }
  return NULL;
}

gboolean tw_document_set(tw_document *document, const tw_element *root, const char *assignment,
                         tw_faults *faults)
{
  guint before = tw_faults_added(faults);
  g_autofree char *source = g_strdup_printf("--set %s", assignment);
  const char *split = find_split(assignment);
  if (split == NULL) {
    tw_faults_add(faults, source, 0, "holds no '='; write XPATH=VALUE, such as //router/@policy=random");
    return FALSE;
  }
  g_autofree char *path = g_strndup(assignment, (gsize)(split - assignment));
  char *name = strrchr(path, '/');
  if (name == NULL || name == path || name[1] != '@' || xmlValidateNCName(BAD_CAST(name + 2), 0) != 0) {
    const tw_element *holder = xmlValidateNCName(BAD_CAST path, 0) == 0 ? element_with(root, path, 6) : NULL;
    tw_faults_add(faults, source, 0, "\"%s\" does not end in an attribute; write it as //%s/@%s", path,
                  holder != NULL ? holder->name : "router", holder != NULL ? path : "policy");
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
    xmlNode *node = element_at(document, root, path);
    if (node != NULL)
      set_attribute(node, root, name, split + 1, source, faults);
    else if (!add_below(context, root, path, name, split + 1, source, faults))
      add_unmatched(root, path, name, split + 1, source, faults);
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
  return tw_faults_added(faults) == before;
}
