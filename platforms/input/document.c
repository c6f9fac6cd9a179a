#include "platforms/input/document.h"

#include "platforms/input/data.h"
#include "platforms/input/place.h"
#include "platforms/input/text_file.h"

#include <glib/gstdio.h>
#include <libxml/c14n.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/uri.h>
#include <libxml/xinclude.h>
#include <libxml/xpointer.h>

#include <errno.h>
#include <sys/stat.h>

enum { MAX_DEPTH = 64, MAX_FILES = 4096, MAX_BYTES = 64 << 20 };
enum { PARSE_OPTIONS = XML_PARSE_NONET | XML_PARSE_BIG_LINES | XML_PARSE_NOCDATA };

struct tw_document {
  char *path;
  xmlDoc *xml;       /* its _private is this struct */
  GPtrArray *files;  /* char *, NULL-terminated */
  GHashTable *names; /* file names that tw_node_file handed out */
};

/* The files, bytes and elements that one load has seen so far. */
typedef struct loading {
  tw_faults *faults;
  GPtrArray *files; /* the files in the order of reading, each once */
  GPtrArray *stack; /* absolute paths of the files being included, outermost first */
  const char *home; /* the folder of the outermost file */
  guint n_files;    /* files that were read, repetitions counted */
  gsize n_bytes;
} loading;

/* One file being parsed: the first error is the true one, the rest are its echoes. */
typedef struct parsing {
  const char *path;
  tw_faults *faults;
  gboolean failed;
} parsing;

static void parse_error(void *data, xmlErrorPtr error)
{
  parsing *file = ((xmlParserCtxt *)data)->_private;
  gboolean undeclared = error->code == XML_WAR_UNDECLARED_ENTITY || error->code == XML_ERR_UNDECLARED_ENTITY;
  if (file->failed || (error->level < XML_ERR_ERROR && !undeclared))
    return;
  file->failed = TRUE;
  g_autofree char *message = g_strchomp(g_strdup(error->message != NULL ? error->message : "syntax error"));
  if (undeclared)
    tw_faults_add(file->faults, file->path, error->line,
                  "uses an entity that XML does not define (%s); write the text itself", message);
  else
    tw_faults_add(file->faults, file->path, error->line, "is not well-formed XML: %s", message);
}

static void refuse_declaration(void *data, const char *what, const xmlChar *name)
{
  xmlParserCtxt *context = data;
  parsing *file = context->_private;
  if (!file->failed)
    tw_faults_add(file->faults, file->path, xmlSAX2GetLineNumber(context),
                  "declares %s \"%s\" in its DOCTYPE; remove the declaration and write the text itself", what,
                  (const char *)name);
  file->failed = TRUE;
  xmlStopParser(context);
}

static void refuse_entity(void *data, const xmlChar *name, int type, const xmlChar *public_id,
                          const xmlChar *system_id, xmlChar *content)
{
  (void)type, (void)public_id, (void)system_id, (void)content;
  refuse_declaration(data, "the entity", name);
}

static void refuse_default(void *data, const xmlChar *element, const xmlChar *name, int type,
                           int default_type, const xmlChar *value, xmlEnumerationPtr tree)
{
  (void)element, (void)type, (void)default_type, (void)value;
  xmlFreeEnumeration(tree);
  refuse_declaration(data, "the attribute", name);
}

/* Keeps the line of every element in its _private: libxml2 has 16 bits for it and guesses beyond. */
static void start_element(void *data, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                          int n_namespaces, const xmlChar **namespaces, int n_attributes, int n_defaulted,
                          const xmlChar **attributes)
{
  xmlParserCtxt *context = data;
  int line = xmlSAX2GetLineNumber(context);
  xmlSAX2StartElementNs(context, name, prefix, uri, n_namespaces, namespaces, n_attributes, n_defaulted,
                        attributes);
  if (context->node != NULL)
    context->node->_private = GINT_TO_POINTER(line);
}

static xmlDoc *parse_text(const char *path, const char *text, gsize length, tw_faults *faults)
{
  parsing file = {path, faults, FALSE};
  xmlParserCtxt *context = xmlNewParserCtxt();
  context->_private = &file;
  context->sax->serror = parse_error;
  context->sax->startElementNs = start_element;
  context->sax->entityDecl = refuse_entity;
  context->sax->attributeDecl = refuse_default;
  xmlDoc *xml = xmlCtxtReadMemory(context, text, (int)length, path, NULL, PARSE_OPTIONS);
  if (!file.failed && xml == NULL)
    tw_faults_add(faults, path, 0, "is not well-formed XML");
  if (file.failed && xml != NULL) {
    xmlFreeDoc(xml);
    xml = NULL;
  }
  xmlFreeParserCtxt(context);
  return xml;
}

/* Adds a fault at the include element `from`, or at the file itself where nothing included it. */
static void read_fault(loading *load, const char *path, const char *from_path, const xmlNode *from,
                       const char *why)
{
  if (from != NULL)
    tw_faults_add(load->faults, from_path, tw_node_line(from), "cannot include \"%s\": %s", path, why);
  else
    tw_faults_add(load->faults, path, 0, "%s", why);
}

/* Advice about a file that is not there: scenarios that ship are known by their names alone. The caller
 * frees it. */
static char *advice_on_missing(const char *path)
{
  g_autofree char *name = g_path_get_basename(path);
  g_autofree char *inside =
      g_strconcat("sim/scenarios/", name, g_str_has_suffix(name, ".xml") ? "" : ".xml", NULL);
  g_autofree char *shipped = tw_data_path(inside);
  return g_file_test(shipped, G_FILE_TEST_IS_REGULAR) ? g_strconcat("; did you mean ", shipped, "?", NULL)
                                                      : g_strdup("; name a file that exists");
}

/* The text of a regular file within the limits. NULL where there is none; the fault is added. */
static char *read_text(loading *load, const char *path, const char *from_path, const xmlNode *from,
                       gsize *length)
{
  struct stat status;
  if (g_stat(path, &status) != 0) {
    int code = errno;
    g_autofree char *advice = code == ENOENT ? advice_on_missing(path) : g_strdup("");
    g_autofree char *why = g_strconcat("cannot be opened: ", g_strerror(code), advice, NULL);
    read_fault(load, path, from_path, from, from != NULL ? g_strerror(code) : why);
    return NULL;
  }
  if (!S_ISREG(status.st_mode)) {
    read_fault(load, path, from_path, from, "it is not a regular file");
    return NULL;
  }
  if (status.st_size > (goffset)(MAX_BYTES - load->n_bytes) || ++load->n_files > MAX_FILES) {
    read_fault(load, path, from_path, from, "more than 64 MiB or 4096 files with all includes; split it");
    return NULL;
  }
  g_autofree char *text = NULL;
  g_autoptr(GError) error = NULL;
  text = tw_text_file_read(path, MAX_BYTES - load->n_bytes, length, &error);
  if (text == NULL) {
    read_fault(load, path, from_path, from, error->message);
    return NULL;
  }
  if (*length == 0) {
    read_fault(load, path, from_path, from, "it is empty; write an XML document");
    return NULL;
  }
  const char *nul = memchr(text, '\0', *length);
  if (nul != NULL) {
    long line = 1;
    for (const char *at = text; at < nul; at++)
      line += *at == '\n';
    tw_faults_add(load->faults, path, line, "holds a NUL byte; write plain UTF-8 text");
    return NULL;
  }
  load->n_bytes += *length;
  return g_steal_pointer(&text);
}

static gboolean is_xinclude(const xmlNode *node, const char *name)
{
  return node->type == XML_ELEMENT_NODE && node->ns != NULL && g_str_equal(node->name, name) &&
         (g_str_equal(node->ns->href, XINCLUDE_NS) || g_str_equal(node->ns->href, XINCLUDE_OLD_NS));
}

/* The path that an include names, or NULL with a fault. The caller frees it. */
static char *include_path(loading *load, const char *path, const xmlNode *include)
{
  xmlChar *href = xmlGetNoNsProp(include, BAD_CAST "href");
  xmlChar *base = xmlNodeGetBase(include->doc, include);
  xmlChar *uri = href != NULL ? xmlBuildURI(href, base) : NULL;
  char *name = uri != NULL ? xmlURIUnescapeString((char *)uri, 0, NULL) : NULL;
  char *result = NULL;
  if (href == NULL || *href == '\0' || strstr((char *)href, "://") != NULL)
    tw_faults_add(load->faults, path, tw_node_line(include),
                  "an include needs an href that names a local file, such as href=\"pool.xml\"");
  else if (name == NULL)
    tw_faults_add(load->faults, path, tw_node_line(include),
                  "cannot include \"%s\": it is no URI; write a blank as %%20", (char *)href);
  else
    result = g_strdup(name);
  xmlFree(name);
  xmlFree(uri);
  xmlFree(base);
  xmlFree(href);
  return result;
}

static void copy_lines(const xmlNode *from, xmlNode *to)
{
  if (from->type != XML_ELEMENT_NODE)
    return;
  to->_private = from->_private;
  for (from = from->children, to = to->children; from != NULL; from = from->next, to = to->next)
    copy_lines(from, to);
}

/* Puts a copy of `node` before `include`, with its lines and an xml:base that says where it comes from. */
static void insert_copy(const xmlNode *node, xmlNode *include)
{
  xmlNode *copy = xmlDocCopyNode((xmlNode *)node, include->doc, 1);
  copy_lines(node, copy);
  if (copy->type == XML_ELEMENT_NODE) {
    xmlChar *base = xmlNodeGetBase(node->doc, node);
    xmlChar *around = xmlNodeGetBase(include->doc, include);
    xmlChar *relative = xmlBuildRelativeURI(base, around);
    xmlNodeSetBase(copy, relative != NULL ? relative : base);
    xmlFree(relative);
    xmlFree(around);
    xmlFree(base);
  }
  xmlAddPrevSibling(include, copy);
}

static void ignore_error(void *data, xmlErrorPtr error)
{
  (void)data, (void)error;
}

static void insert_selected(loading *load, const char *path, xmlDoc *xml, xmlNode *include, xmlChar *pointer)
{
  xmlXPathContext *context = xmlXPtrNewContext(xml, NULL, NULL);
  context->error = ignore_error;
  xmlXPathObject *found = xmlXPtrEval(pointer, context);
  if (found == NULL || found->type != XPATH_NODESET || xmlXPathNodeSetIsEmpty(found->nodesetval)) {
    tw_faults_add(load->faults, path, tw_node_line(include),
                  "xpointer=\"%s\" selects nothing; write it as xpointer(/list/pool)", (char *)pointer);
  } else {
    for (int i = 0; i < found->nodesetval->nodeNr; i++)
      if (found->nodesetval->nodeTab[i]->type == XML_ELEMENT_NODE)
        insert_copy(found->nodesetval->nodeTab[i], include);
  }
  xmlXPathFreeObject(found);
  xmlXPathFreeContext(context);
}

/* Adds a fault where the file may not be included. */
static gboolean check_place(loading *load, const char *path, const char *from_path, const xmlNode *from)
{
  g_autofree char *why = tw_refused_place(path, load->home);
  if (why != NULL)
    read_fault(load, path, from_path, from, why);
  return why == NULL;
}

static xmlDoc *load_resolved(loading *load, const char *path, const char *from_path, const xmlNode *from);
static void resolve_includes(loading *load, const char *path, xmlNode *parent);

/* Puts what an include names, or its fallback where there is no such file, in its place. */
static void resolve_include(loading *load, const char *path, xmlNode *include)
{
  g_autofree char *target = include_path(load, path, include);
  if (target == NULL)
    return;
  xmlNode *fallback = include->children;
  while (fallback != NULL && !is_xinclude(fallback, "fallback"))
    fallback = fallback->next;
  if (fallback != NULL && !g_file_test(target, G_FILE_TEST_EXISTS)) {
    resolve_includes(load, path, fallback);
    while (fallback->children != NULL)
      xmlAddPrevSibling(include, fallback->children);
    return;
  }

  xmlChar *parse = xmlGetNoNsProp(include, BAD_CAST "parse");
  xmlChar *pointer = xmlGetNoNsProp(include, BAD_CAST "xpointer");
  if (parse != NULL && !g_str_equal(parse, "xml")) {
    tw_faults_add(load->faults, path, tw_node_line(include), "parse=\"%s\" is not supported; include XML",
                  (char *)parse);
  } else {
    xmlDoc *xml = load_resolved(load, target, path, include);
    if (xml != NULL && pointer != NULL)
      insert_selected(load, path, xml, include, pointer);
    else if (xml != NULL)
      insert_copy(xmlDocGetRootElement(xml), include);
    xmlFreeDoc(xml);
  }
  xmlFree(pointer);
  xmlFree(parse);
}

/* Resolves the includes below `parent`, which may be a document. */
static void resolve_includes(loading *load, const char *path, xmlNode *parent)
{
  xmlNode *next = NULL;
  for (xmlNode *node = parent->children; node != NULL; node = next) {
    next = node->next;
    if (is_xinclude(node, "include")) {
      resolve_include(load, path, node);
      xmlUnlinkNode(node);
      xmlFreeNode(node);
    } else if (node->type == XML_ELEMENT_NODE) {
      resolve_includes(load, path, node);
    }
  }
}

static gboolean check_depth(const xmlNode *node, int depth, const char *path, tw_faults *faults)
{
  if (depth > MAX_DEPTH) {
    tw_faults_add(faults, path, tw_node_line(node), "elements are nested more than %d deep; nest them less",
                  MAX_DEPTH);
    return FALSE;
  }
  for (const xmlNode *child = tw_node_child(node, NULL); child != NULL; child = tw_node_next(child, NULL))
    if (!check_depth(child, depth + 1, path, faults))
      return FALSE;
  return TRUE;
}

/* Parses a file and puts all that it includes in place. NULL where anything is wrong. We do what libxml2's
 * XInclude would, because that reads included files with its default handlers, which expand entities, and
 * keeps neither their names nor their lines. */
static xmlDoc *load_resolved(loading *load, const char *path, const char *from_path, const xmlNode *from)
{
  guint faults_before = tw_faults_added(load->faults);
  g_autofree char *absolute = g_canonicalize_filename(path, NULL);
  if (g_ptr_array_find_with_equal_func(load->stack, absolute, g_str_equal, NULL)) {
    read_fault(load, path, from_path, from, "the file includes itself; remove the loop");
    return NULL;
  }
  if (load->stack->len >= MAX_DEPTH) {
    read_fault(load, path, from_path, from, "includes are nested more than 64 deep; nest them less");
    return NULL;
  }
  if (from != NULL && !check_place(load, path, from_path, from))
    return NULL;

  gsize length = 0;
  g_autofree char *text = read_text(load, path, from_path, from, &length);
  if (text == NULL)
    return NULL;
  if (!g_ptr_array_find_with_equal_func(load->files, path, g_str_equal, NULL))
    g_ptr_array_add(load->files, g_strdup(path));
  xmlDoc *xml = parse_text(path, text, length, load->faults);
  if (xml == NULL)
    return NULL;
  g_ptr_array_add(load->stack, absolute);
  resolve_includes(load, path, (xmlNode *)xml);
  g_ptr_array_remove_index(load->stack, load->stack->len - 1);

  const xmlNode *root = xmlDocGetRootElement(xml);
  gboolean good = tw_faults_added(load->faults) == faults_before;
  if (good && (root == NULL || tw_node_next(root, NULL) != NULL))
    tw_faults_add(load->faults, path, 0, "has more or less than one outermost element; include one there");
  else if (good && check_depth(root, 1, path, load->faults))
    return xml;
  xmlFreeDoc(xml);
  return NULL;
}

tw_document *tw_document_load(const char *path, tw_faults *faults)
{
  g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GPtrArray) stack = g_ptr_array_new();
  g_autofree char *absolute = g_canonicalize_filename(path, NULL), *home = g_path_get_dirname(absolute);
  loading load = {.faults = faults, .files = files, .stack = stack, .home = home};
  xmlDoc *xml = load_resolved(&load, path, NULL, NULL);
  if (xml == NULL)
    return NULL;

  tw_document *document = g_new0(tw_document, 1);
  document->path = g_strdup(path);
  document->xml = xml;
  document->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  g_ptr_array_add(files, NULL);
  document->files = g_steal_pointer(&files);
  xml->_private = document;
  return document;
}

void tw_document_free(tw_document *document)
{
  if (document == NULL)
    return;
  xmlFreeDoc(document->xml);
  g_ptr_array_unref(document->files);
  g_hash_table_destroy(document->names);
  g_free(document->path);
  g_free(document);
}

void tw_document_remove(tw_document *document, const xmlNode *node)
{
  g_assert(node->doc == document->xml);
  xmlUnlinkNode((xmlNode *)node);
  xmlFreeNode((xmlNode *)node);
}

void tw_document_unwrap(tw_document *document, const xmlNode *node)
{
  gboolean included = xmlHasNsProp(node, BAD_CAST "base", XML_XML_NAMESPACE) != NULL;
  for (xmlNode *child = node->children, *next; child != NULL; child = next) {
    next = child->next;
    xmlChar *base = included && child->type == XML_ELEMENT_NODE ? xmlNodeGetBase(document->xml, child) : NULL;
    xmlUnlinkNode(child);
    xmlAddPrevSibling((xmlNode *)node, child);
    if (base == NULL)
      continue;
    xmlChar *around = xmlNodeGetBase(document->xml, child->parent);
    xmlChar *relative = xmlBuildRelativeURI(base, around);
    xmlNodeSetBase(child, relative != NULL ? relative : base);
    xmlFree(relative);
    xmlFree(around);
    xmlFree(base);
  }
  tw_document_remove(document, node);
}

const xmlNode *tw_document_root(const tw_document *document)
{
  return xmlDocGetRootElement(document->xml);
}

char *tw_document_canonical(const tw_document *document)
{
  xmlChar *text = NULL;
  int length = xmlC14NDocDumpMemory(document->xml, NULL, XML_C14N_1_0, NULL, 0, &text);
  char *copy = g_strndup((char *)text, length > 0 ? (gsize)length : 0);
  xmlFree(text);
  return copy;
}

const char *const *tw_document_files(const tw_document *document)
{
  return (const char *const *)document->files->pdata;
}

const char *tw_node_file(const xmlNode *node)
{
  tw_document *document = node->doc->_private;
  xmlChar *base = xmlNodeGetBase(node->doc, node);
  if (base == NULL || xmlStrEqual(base, node->doc->URL)) {
    xmlFree(base);
    return document->path;
  }
  char *text = xmlURIUnescapeString((char *)base, 0, NULL);
  char *name = g_hash_table_lookup(document->names, text);
  if (name == NULL) {
    name = g_strdup(text);
    g_hash_table_add(document->names, name);
  }
  xmlFree(text);
  xmlFree(base);
  return name;
}

long tw_node_line(const xmlNode *node)
{
  int line = node->type == XML_ELEMENT_NODE ? GPOINTER_TO_INT(node->_private) : 0;
  return line > 0 ? line : xmlGetLineNo(node);
}
