/* What the sources of the exchange share. */
#ifndef TW_SIM_EXCHANGE_PRIVATE_H
#define TW_SIM_EXCHANGE_PRIVATE_H

#include "sim/world/exchange.h"
#include "sim/world/freight.h"

/* A request between the user who asks and the site that serves. */
typedef struct trip {
  guint64 id;
  tw_request request;   /* The request as the user asked. Owned. */
  int users, site;      /* site: that it was sent to last */
  double sent_s, out_s; /* when it was sent there, and the time it took to get there */
  tw_cargo cargo[2];    /* its prompt, and KV cache */
  int under_way;        /* how many of them are on a line */
  gint32 moves;         /* how often a site has sent it back */
  gboolean moving;      /* a site sends it back at present */
  /* Once it has ended there: */
  tw_sequence end;
  tw_ending ending;
  const char *reason;
  double joules, end_s;
  tw_heap_node answer; /* by when it is back */
} trip;

/* The weights of a pool of a site, which another one sends. */
typedef struct delivery {
  tw_cargo cargo;
  struct office *to;
  int pool;
  guint number;
  tw_heap_node there; /* by when it is, once it has left its line */
} delivery;

/* A site as the exchange knows it. */
typedef struct office {
  tw_exchange *exchange;
  int index;
  tw_factory *factory;
  tw_stream *inbox;
  gint64 in_flight, guests;
} office;

struct tw_exchange {
  const tw_world *world;
  tw_stream *source;
  tw_recorder *recorder;
  office *offices;
  double arrival_s;     /* when the source's next request comes, INFINITY if it has none (yet) */
  GHashTable *trips;    /* id -> trip, of all that have not ended for their users */
  tw_heap answers;      /* trips whose answer is on its way */
  GHashTable *sessions; /* session -> index of the site that it was sent to last, + 1; NULL: nobody asks */
  tw_freight *freight;
  guint on_lines;        /* trips that have not come through */
  GPtrArray *deliveries; /* Array of delivery: all that were asked for. */
  tw_heap unloading;     /* deliveries that have left their line */
  guint64 kv_moves;
  double now_s;
  guint64 moved, refused;
  guint64 served,
      away;     /* requests that a site has ended, and of them those outside the region of their users */
  double wan_s; /* sum over those that were served */
};

/* The way of users to a site, and whether it lies outside their region. */
const tw_wan *tw_exchange_way(const tw_exchange *exchange, int users, int site);
gboolean tw_exchange_is_guest(const tw_exchange *exchange, int users, int site);
/* Whether a site may take one more request of these users. */
gboolean tw_exchange_may_go(const tw_exchange *exchange, int users, int site);
/* The site that had the session's request before this one last; -1: none, or nobody asks. */
int tw_exchange_last_site(const tw_exchange *exchange, const trip *t);
/* The site for a request; -1: none may take it. */
int tw_exchange_choose(const tw_exchange *exchange, const trip *t, double now_s);
/* Whether a session's KV cache goes to the site of its next prompt. Sets the tokens and bytes that do. */
gboolean tw_exchange_kv_goes(const tw_exchange *exchange, const trip *t, int site, double now_s,
                             gint64 *tokens, double *bytes);

#endif
