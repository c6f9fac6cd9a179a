/* Faults: what is wrong with a user's input.
 *
 * A reader goes on after a fault and collects the next, so that a user sees all of them at once; a stream,
 * which cannot go on, returns its single fault as a GError of domain TW_INPUT_ERROR. Both read
 *
 *     file:line: what is wrong; what would be right
 *
 * Our own bugs are asserted, never reported as faults. */
#ifndef TW_PLATFORMS_FAULT_H
#define TW_PLATFORMS_FAULT_H

#include <glib.h>

/* Domain of errors that the user's input caused; `main` exits with 2 on it and with 1 on any other. */
#define TW_INPUT_ERROR (tw_input_error_quark())
GQuark tw_input_error_quark(void);

typedef enum {
  TW_INPUT_ERROR_SYNTAX,
  TW_INPUT_ERROR_VALUE,
  TW_INPUT_ERROR_FILE,
  TW_INPUT_ERROR_USAGE
} tw_input_error;

typedef struct tw_faults tw_faults;

tw_faults *tw_faults_new(void);
void tw_faults_free(tw_faults *faults);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_faults, tw_faults_free)

/* Adds "file:line: message"; a line of 0 is left out, a NULL file too. Equal texts are kept once. */
void tw_faults_add(tw_faults *faults, const char *file, long line, const char *format, ...)
    G_GNUC_PRINTF(4, 5);
/* Adds a fault that lies at a place within the line, such as the path of its element in the file: equal texts
 * are kept once for each place. */
void tw_faults_add_at(tw_faults *faults, const char *file, long line, const char *place, const char *message);

/* How many faults are kept. */
guint tw_faults_count(const tw_faults *faults);
/* How often a fault was added, equal ones included: a reader that finds the same number before and after met
 * no fault, not even one that is known already because its file is read a second time. */
guint tw_faults_added(const tw_faults *faults);
/* The i-th fault, in the order of adding. Borrowed. */
const char *tw_faults_get(const tw_faults *faults, guint i);

/* Sets `error` to TW_INPUT_ERROR with the text "file:line: message", and returns FALSE for `return`
 * statements. */
gboolean tw_input_error_set(GError **error, tw_input_error code, const char *file, long line,
                            const char *format, ...) G_GNUC_PRINTF(5, 6);

/* The part that may be printed on a terminal of a text that a stranger chose, such as a class of a trace:
 * control characters become '?' (those that `keep` lists stay), bytes that are not UTF-8 are replaced. The
 * caller frees it. */
char *tw_masked(const char *text, const char *keep);

/* The word of the NULL-terminated `words` that is nearest to `word` by edit distance, else the first that
 * begins with `word`, or NULL where none is near enough (a third of the length, at least one) to be what was
 * meant. Borrowed from `words`. */
const char *tw_nearest(const char *word, const char *const *words);
/* A text that suggests a right word instead of `word`: "did you mean "x"?", or the list of all where none is
 * near. The caller frees it. */
char *tw_suggestion(const char *word, const char *const *words);

#endif
