/* The exchange: takes requests from the stream to sites, and answers back to those who asked.
 *
 *     stream ─► global router ─ way there ─► inbox of a site ─► its factory ─ ended ─ way back ─► recorded, stream told
 *                    ▲                                              │
 *                    └── a site where no engine serves sends back ──┘
 *
 * What is on its way shares the lines (wan_lines.h): prompts, and beside them the KV cache of a session whose last site was
 * another one, without which the request does not arrive, and weights that a site takes over a model with. A KV cache
 * sets out as its request is routed: that the site which has it must learn so first is left out.
 *
 * The times of a site are its own: a request arrives there when it has crossed the way. Here they are those of the
 * users: a request arrives when it is sent, and its tokens when they have come back. What a site has sent back has
 * failed there, and is sent to another one, where it begins anew. */
#ifndef TW_SIM_EXCHANGE_H
#define TW_SIM_EXCHANGE_H

#include "sim/scenario/world.h"
#include "sim/site/factory.h"

typedef struct tw_exchange tw_exchange;

/* Takes the requests of `source`, and gives what becomes of them to `recorder`. All are borrowed. */
tw_exchange *tw_exchange_new(const tw_world *world, tw_stream *source, tw_recorder *recorder);
void tw_exchange_free(tw_exchange *exchange);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_exchange, tw_exchange_free)

/* The stream of a site's requests, for its factory. Borrowed. */
tw_stream *tw_exchange_inbox(tw_exchange *exchange, int site);
/* Joins the factory of a site and its recorder, which are borrowed. */
void tw_exchange_join(tw_exchange *exchange, int site, tw_factory *factory, tw_recorder *recorder);

/* Looks for the first request. FALSE with `error` set where the stream has none to give. */
gboolean tw_exchange_start(tw_exchange *exchange, GError **error);
/* When a request is sent next, something has crossed a line or an answer is back; INFINITY: not before something else
 * happens. `drives_s` (or NULL) gets the same, but INFINITY where only weights are on their way, which nobody waits for. */
double tw_exchange_due(const tw_exchange *exchange, double *drives_s);
/* When the last request was sent, something crossed a line, or the last answer was back, so far; 0 before the first. */
double tw_exchange_ended(const tw_exchange *exchange);
/* Does that. FALSE with `error` set where the stream is broken. */
gboolean tw_exchange_step(tw_exchange *exchange, GError **error);
/* The run has ended at `end_s`, and with it all factories: requests and answers that are on their way are unfinished. */
void tw_exchange_close(tw_exchange *exchange, double end_s);

/* Sets what it knows of the metrics of several sites. */
void tw_exchange_measure(const tw_exchange *exchange, tw_metric_values *v);

#endif
