/* XML documents: parsed with care, includes resolved, every node knows its file and line.
 *
 * What a stranger's file could do to a parser is refused with a fault: entities (which can expand without
 * end), the network, NUL bytes, elements nested more than 64 deep, more than 64 MiB or 4096 files with all
 * includes counted, includes that loop or lie outside of the document's folder, links followed (what ships may be
 * included, and what lies in a folder of $TOKENWORKS_ALLOW, which colons part). A DOCTYPE may name a DTD; it is never fetched. */
#ifndef TW_PLATFORMS_DOCUMENT_H
#define TW_PLATFORMS_DOCUMENT_H

#include "platforms/input/fault.h"

#include <libxml/tree.h>

typedef struct tw_element tw_element; /* platforms/input/schema.h */
typedef struct tw_document tw_document;

/* Parses `path` and resolves XInclude. Returns NULL with faults added where the file is absent or not
 * well-formed, an include is missing or loops. */
tw_document *tw_document_load(const char *path, tw_faults *faults);
void tw_document_free(tw_document *document);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_document, tw_document_free)

const xmlNode *tw_document_root(const tw_document *document);
/* Applies "XPATH=VALUE" to a document: sets an attribute (XPath ending in /@name) of every element that
 * matches; the first '=' outside brackets and quotes splits. `root` is the table that says which attributes
 * exist and what they hold. An element that the document lacks is added where its path is written in full,
 * such as /scenario/output, and each step may stand at most once. Faults: no '=', a bad XPath, no element
 * matches, an unknown attribute, a bad value. A path in VALUE counts from the file of the element. */
gboolean tw_document_set(tw_document *document, const tw_element *root, const char *assignment,
                         tw_faults *faults);
/* Puts the children of an element below the outermost one in its place; each keeps its file and line. */
void tw_document_unwrap(tw_document *document, const xmlNode *node);
/* Takes an element below the outermost one out of the document, with all that is in it. */
void tw_document_remove(tw_document *document, const xmlNode *node);
/* The document as text in canonical XML (C14N), for run.json and --dump. The caller frees it with g_free. */
char *tw_document_canonical(const tw_document *document);
/* Every file that was read: the document itself and what it included, in order. Borrowed, NULL-terminated. */
const char *const *tw_document_files(const tw_document *document);

/* The file and line that a node comes from, for messages. The file is borrowed from the document. */
const char *tw_node_file(const xmlNode *node);
long tw_node_line(const xmlNode *node);
/* Adds a fault at the node's file and line. */
void tw_node_fault(const xmlNode *node, tw_faults *faults, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* A path that the node names, resolved against the folder of the node's file. The caller frees it. */
char *tw_node_path(const xmlNode *node, const char *path);
/* The first / next child element with that name (any element if NULL), or NULL. */
const xmlNode *tw_node_child(const xmlNode *node, const char *name);
const xmlNode *tw_node_next(const xmlNode *node, const char *name);

#endif
