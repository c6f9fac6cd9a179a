/* JSON documents of a text file, one after the other: a line each, or over several lines. A list of objects is so many
 * documents.
 *
 * jansson's whole numbers are signed; hash ids go up to 2^64 - 1, and a request may have thousands of them.
 * Here an array of whole numbers from 0 on is one node with 64 unsigned bits a number, and all nodes of a
 * document lie in memory that the next document uses again.
 *
 *     {"t": 0.5, "hash_ids": [7, 18446744073709551615]}
 *       OBJECT ─► "t" NUMBER ─► "hash_ids" WHOLES {7, 18446744073709551615} */
#ifndef TW_WORKLOADS_JSON_H
#define TW_WORKLOADS_JSON_H

#include "workloads/input/input.h"

typedef enum {
  TW_JSON_NULL,
  TW_JSON_BOOL,
  TW_JSON_NUMBER,
  TW_JSON_STRING,
  TW_JSON_ARRAY, /* whatever is not WHOLES; an empty array */
  TW_JSON_WHOLES,
  TW_JSON_OBJECT
} tw_json_kind;

typedef struct tw_json tw_json;
struct tw_json {
  tw_json_kind kind;
  gboolean whole;              /* a NUMBER without a fraction, such as 10.0; below 2^64, */
  guint64 count;               /* this one, if it is from 0 on. Of an array or object: how many it holds */
  double number;               /* value of a NUMBER; 1 or 0 for a BOOL */
  gsize at;                    /* byte of the document at which it begins */
  const char *key;             /* in an object, else NULL */
  const char *text;            /* text of a STRING; of a NUMBER under a key, how it is written */
  const guint64 *ids;          /* numbers of WHOLES */
  const tw_json *first, *next; /* first part of an ARRAY or OBJECT; the part after this one */
};

typedef struct tw_json_reader tw_json_reader;

/* `input` is borrowed. */
tw_json_reader *tw_json_reader_new(tw_input *input);
void tw_json_reader_free(tw_json_reader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_json_reader, tw_json_reader_free)

/* The next document, valid until the next call; blank lines and a byte order mark are skipped, NaN and
 * Infinity are numbers (benchmark programs write them). NULL at the end, or with `error` set: then the line
 * of the fault has been read, and the next call goes on behind it. */
const tw_json *tw_json_next(tw_json_reader *reader, GError **error);

/* Sets `error` at the line of a value of the current document (NULL: the document's first); returns FALSE. */
gboolean tw_json_fault(const tw_json_reader *reader, const tw_json *value, GError **error, const char *format,
                       ...) G_GNUC_PRINTF(4, 5);

/* The value under a key, or under keys that dots separate ("usage.input_tokens"), of which each may hold dots
 * itself ("gen_ai.usage.input_tokens"); NULL if there is none or `object` is no object. */
const tw_json *tw_json_get(const tw_json *object, const char *path);
/* Whether there is a value that is not null. */
gboolean tw_json_has(const tw_json *object, const char *path);
/* The text under a path, or the number as it is written: names may be numbers. NULL if there is neither. Borrowed. */
const char *tw_json_text(const tw_json *object, const char *path);
/* The number under a path, written as a number or as a text that is one; FALSE: there is none. */
gboolean tw_json_number(const tw_json *object, const char *path, double *number);

#endif
