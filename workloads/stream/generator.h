/* Generators: workloads that are drawn, as XML describes them.
 *
 *     <generator duration="1h" source="where the numbers come from">
 *       <class name="chat" priority="0">
 *         <arrivals rate="5/s" law="gamma" cv="1.5"><diurnal swing="0.4" peak="14h"/></arrivals>
 *         <clients number="200" skew="1.1"/>
 *         <prompt law="lognormal" mean="600"/> <answer law="lognormal" mean="250"/>
 *         <slo ttft="2s"/>
 *       </class>
 *       <class name="agents" priority="1"> <arrivals rate="0.2/s"/> <turn .../> <turn .../> </class>
 *     </generator>
 *
 * A class is of requests (lengths), sessions (turns), clients that wait (closed-loop), or ServeGen's tables.
 * Every quantity of every class draws from a stream of chance that is named after both: changing one class
 * leaves the others' requests as they were. */
#ifndef TW_WORKLOADS_GENERATOR_H
#define TW_WORKLOADS_GENERATOR_H

#include "workloads/stream/sessions.h"

typedef struct tw_generator tw_generator;

/* The root of a generator file, which may stand in a scenario, too; and the short spellings of a generator
 * of one class, which has no name, and whose requests have no class. */
extern const tw_element tw_generator_element, tw_poisson_element, tw_closed_element, tw_sessions_element,
    tw_rollouts_element;

/* Reads one of these elements, which the schema has checked, or a file: one of workloads/presets by name,
 * or a path if the name holds a '/', resolved against the file of `node` (NULL: the working directory).
 * NULL with every fault. */
tw_generator *tw_generator_read(const xmlNode *node, tw_faults *faults);
tw_generator *tw_generator_load(const char *name, const xmlNode *node, tw_faults *faults);
void tw_generator_free(tw_generator *generator);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_generator, tw_generator_free)

/* How a generator is used; NAN and G_MININT64 leave its own values. */
typedef struct tw_generator_use {
  double
      rate_scale; /* scale of the rates of arrivals, times the generator's own; clients that wait have none */
  double duration_s;
  gint64 limit; /* requests in all */
  guint64 seed;
} tw_generator_use;

/* FALSE with TW_INPUT_ERROR_USAGE where it would never end, or its rate is out of range. */
gboolean tw_generator_check_use(const tw_generator *generator, const tw_generator_use *use, GError **error);
/* The requests of a generator, which is borrowed; the use must have passed the check. */
tw_stream *tw_generator_stream(const tw_generator *generator, const tw_generator_use *use);

typedef struct tw_generator_class {
  const char *name;                    /* NULL: the only class of a short spelling */
  double ttft_s, tpot_s, itl_s, e2e_s; /* The SLO that it asks for; NAN: nothing. */
  gboolean has_rate;                   /* A scale of rates changes it: it is no class of clients that wait. */
} tw_generator_class;
int tw_generator_classes(const tw_generator *generator);
/* The class of a generator that has one (see class.h); NULL where there are several. Borrowed. */
const struct tw_class *tw_generator_only_class(const tw_generator *generator);
tw_generator_class tw_generator_class_at(const tw_generator *generator, int i);

/* Every file that was read beside the one of the element itself, NULL-terminated. Borrowed. */
const char *const *tw_generator_files(const tw_generator *generator);

#endif
