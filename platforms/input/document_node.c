/* Elements of documents: their neighbours, the faults that are found at them, and the paths that they hold. */
#include "platforms/input/document.h"

/* The path of an element below the outermost one of its file, such as "/2/0": elements on one line differ in
 * it, and it stays the same when the file is read or included again. The caller frees it. */
static char *place_in_file(const xmlNode *node)
{
  GString *path = g_string_new(NULL);
  while (node->parent != NULL && node->parent->type == XML_ELEMENT_NODE &&
         xmlHasNsProp(node, BAD_CAST "base", XML_XML_NAMESPACE) == NULL) {
    int before = 0;
    for (const xmlNode *sibling = node->prev; sibling != NULL; sibling = sibling->prev)
      before++;
    g_string_append_printf(path, "/%d", before);
    node = node->parent;
  }
  return g_string_free(path, FALSE);
}

void tw_node_fault(const xmlNode *node, tw_faults *faults, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  g_autofree char *message = g_strdup_vprintf(format, arguments);
  va_end(arguments);
  g_autofree char *place = place_in_file(node);
  tw_faults_add_at(faults, tw_node_file(node), tw_node_line(node), place, message);
}

char *tw_node_path(const xmlNode *node, const char *path)
{
  if (g_path_is_absolute(path))
    return g_strdup(path);
  g_autofree char *folder = g_path_get_dirname(tw_node_file(node));
  return g_str_equal(folder, ".") ? g_strdup(path) : g_build_filename(folder, path, NULL);
}

static const xmlNode *element_from(const xmlNode *node, const char *name)
{
  while (node != NULL && (node->type != XML_ELEMENT_NODE || (name != NULL && !g_str_equal(node->name, name))))
    node = node->next;
  return node;
}

const xmlNode *tw_node_child(const xmlNode *node, const char *name)
{
  return element_from(node->children, name);
}

const xmlNode *tw_node_next(const xmlNode *node, const char *name)
{
  return element_from(node->next, name);
}
