/* Planes of a fabric: what a file that sums switches up to one link says about them.
 *
 *     node-0 ─ NIC 0 ─ rail 0 of leaf-0 ─┬─ spine 0 ─┬─ rail 0 of leaf-1 ─ NIC 0 ─ node-9
 *              NIC 1 ─ rail 1 of leaf-0 ─┴─ spine 1 ─┴─ rail 1 of leaf-1 ─ NIC 1
 *
 * The NICs of a domain are dealt out to rails, each with leaf switches of its own, and a leaf has one link to every
 * spine switch. The zone of the fabric says how many rails there are (tw:rails), how flows are dealt out to spines
 * (tw:routing), and where what goes from rail to rail crosses (tw:cross-rail); links to the spine say of how many equal
 * ones they consist (tw:parts: spines of a rail times rails). SimGrid by itself sees the sums. */
#ifndef TW_PLATFORMS_PLATFORM_PLANES_H
#define TW_PLATFORMS_PLATFORM_PLANES_H

#include "platforms/input/fault.h"

#include <libxml/tree.h>

typedef struct tw_platform tw_platform;

/* How the flows of a leaf are dealt out to the spines. */
typedef enum {
  TW_BALANCE_IDEAL,   /* each in equal parts */
  TW_BALANCE_STATIC,  /* by the destination's NIC, modulo the spines (D-mod-k) */
  TW_BALANCE_HASHED,  /* by a hash of both NICs (ECMP) */
  TW_BALANCE_ADAPTIVE /* to the one with the fewest flows as a flow starts */
} tw_balance;
extern const char *const tw_balance_names[]; /* by balance + 1, behind "" */

/* The properties of a fabric; `line` 0: it has none. */
typedef struct tw_plane_properties {
  tw_balance balance;
  int rails;
  gboolean
      over_spine; /* traffic between rails crosses over the spine; else over NVLink to the NIC of its rail (PXN) */
  long line;
} tw_plane_properties;

typedef struct tw_planes {
  tw_plane_properties asked;
  int spines; /* spines of each rail, as far as routes tell them apart: 1 where balancing is ideal */
  int n_nics; /* NICs of the site; NIC n is on rail n % rails */
  int *host_of_nic;
  int *nic_link;  /* by host: its link to the fabric, -1: none */
  int *first_nic; /* by host: the first of the NICs that its link stands for */
  int *up;        /* by host: the link from its leaf to the spine, -1: none */
  int *parts;     /* by link: the parts that flows choose from; 0: it is one */
} tw_planes;

/* Takes up the properties of a zone, of which one at most may have any. */
void tw_planes_read(tw_plane_properties *asked, const xmlNode *zone, gboolean is_fabric, tw_faults *faults);

/* The planes of a platform that was read whole, or faults. NULL: routes need not know them. */
tw_planes *tw_planes_new(const tw_platform *platform, const tw_plane_properties *asked, tw_faults *faults);
void tw_planes_free(tw_planes *planes);

/* How many rails a platform has, 0: it has no planes; and, where what goes from rail to rail crosses over the spine, how
 * many accelerators that follow one another in the domain of a host are on one, else 0. */
void tw_planes_set_rails(const tw_platform *platform, int host, int *rails, int *on_rail);

/* The name of a part of a link. The caller frees it. */
char *tw_planes_part_name(const tw_platform *platform, int link, int part);
/* Declares the parts of links beside these, in the copy that SimGrid loads. */
void tw_planes_add_links(const tw_platform *platform, xmlNode *root);

#endif
