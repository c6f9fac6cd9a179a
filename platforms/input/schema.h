/* XML files described by tables.
 *
 * A table of elements and attributes is the single description of a kind of file (scenario, device, model):
 * it checks a document and reports every fault with its file and line and the nearest right word, fills C
 * structs, writes the documentation, and writes the RELAX NG schema that editors use.
 *
 *     static const tw_attribute pool_attributes[] = {
 *       {"id", TW_ATTR_STRING, .offset = offsetof(tw_pool, id), .help = "name of the pool"},
 *       {"replicas", TW_ATTR_INT, .fallback = "1", .min = 1, .max = 1e6, .offset = ..., .help = "..."},
 *       {NULL}};
 *     const tw_element pool_element = {"pool", "engines of one role", pool_attributes, pool_children};
 */
#ifndef TW_PLATFORMS_SCHEMA_H
#define TW_PLATFORMS_SCHEMA_H

#include "platforms/input/document.h"
#include "platforms/input/units.h"

/* The type of an attribute and of the struct field that it fills. */
typedef enum {
  TW_ATTR_STRING,   /* char *     owned by the struct: see tw_schema_clear */
  TW_ATTR_PATH,     /* char *     likewise; resolved against the file that names it */
  TW_ATTR_INT,      /* gint64 */
  TW_ATTR_NUMBER,   /* double     without a unit */
  TW_ATTR_QUANTITY, /* double     in the base unit of .dimension */
  TW_ATTR_BOOL,     /* gboolean   "true" or "false" */
  TW_ATTR_CHOICE,   /* int        index in .choices */
} tw_attribute_type;

/* One attribute; a row with a NULL name ends a table. */
typedef struct tw_attribute {
  const char *name;
  tw_attribute_type type;
  tw_dimension dimension;
  const char *fallback;       /* the text used where it is absent; NULL: required; TW_ABSENT: see there */
  double min, max;            /* inclusive bounds of numbers, in base units; both 0: unbounded */
  gboolean positive;          /* numbers: must be greater than zero */
  gboolean empty;             /* TW_ATTR_STRING without a fallback: "" is allowed too */
  const char *const *choices; /* TW_ATTR_CHOICE: NULL-terminated words */
  const char *const *(*choice_helps)(void); /* help of each choice, in their order; NULL: none */
  size_t offset;                            /* place of the field in the struct, in bytes */
  const char *help;                         /* one line, starting in lower case */
  const char *option; /* the command-line option that sets it, such as "run --segments"; NULL: none */
} tw_attribute;

/* Optional attribute without a default: strings stay NULL, numbers become NAN, integers G_MININT64, choices
 * -1, booleans FALSE. */
#define TW_ABSENT ((const char *)"\x01")

typedef struct tw_child {
  const tw_element *element; /* NULL ends a table */
  guint min, max;            /* how often it may occur; max 0 is unbounded */
} tw_child;

struct tw_element {
  const char *name;
  const char *help;
  const tw_attribute *attributes; /* NULL: none */
  const tw_child *children;       /* NULL: none */
  gboolean (*check)(const xmlNode *node, const void *target,
                    tw_faults *faults); /* or NULL; rules between attributes */
};

/* Checks the whole tree below `node` against the table: unknown elements and attributes (with the nearest
 * right word), missing ones, types, units, ranges, counts. Adds every fault; returns whether there was none.
 */
gboolean tw_schema_check(const xmlNode *node, const tw_element *element, tw_faults *faults);

/* Checks one value against its row. On failure returns FALSE and sets `why` to a sentence that says what is
 * wrong and what would be right (the caller frees it). */
gboolean tw_attribute_check(const tw_attribute *attribute, const char *text, char **why);
/* The values that a row of numbers or quantities takes, in words: "a whole number from 1 to 1000000" or "a
 * size above zero, such as 80GB". The caller frees it. */
char *tw_attribute_range(const tw_attribute *attribute);

/* Fills `target` from the attributes of one node that was checked without a fault; defaults included. Strings
 * that `target` held before are not freed. Fields that the table does not name are left alone. */
void tw_schema_read(const xmlNode *node, const tw_element *element, void *target);
/* Fills `target` from the child of `parent` that the element names, or with the defaults where it is
 * absent. Returns the child, or NULL. */
const xmlNode *tw_schema_read_child(const xmlNode *parent, const tw_element *element, void *target);
/* Frees the strings that tw_schema_read put into `target`, and sets them to NULL. */
void tw_schema_clear(const tw_element *element, void *target);

/* The RELAX NG schema of the table, and its documentation as text; the caller frees them. `xml:base`, left
 * behind by XInclude, and `xi:include` are allowed. */
char *tw_schema_relaxng(const tw_element *root);
char *tw_schema_describe(const tw_element *root);
/* Every attribute of a checked tree with the value that it has, and "(default)" behind those that the tree
 * does not give. `implied` lists the elements, NULL at its end, whose defaults hold where they are absent.
 * The caller frees it. */
char *tw_schema_resolve(const xmlNode *node, const tw_element *element, const tw_element *const *implied);

#endif
