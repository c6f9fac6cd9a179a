/* Sites of NVLink domains on a fabric, written as a SimGrid platform.
 *
 *                    spine                       up-links, oversubscribed
 *                  /       \
 *             leaf-0        leaf-1               one leaf per pod: its switches and rails seen as one
 *            /      \      /      \
 *         domain  domain domain  domain          NICs
 *
 * Within a domain, hosts reach each other over the NVLink switch; over their NICs and the leaf they reach the
 * others, two hops each way, so that the shorter NVLink way is taken inside. Ideal load balancing over the
 * switches of a leaf and of the spine is assumed: each is one link of their summed bandwidth.
 *
 * Instead of leaves and spine, the fabric may be a topology of SimGrid, with single paths: tw_fabric. */
#ifndef TW_PLATFORMS_GENERATOR_SITE_H
#define TW_PLATFORMS_GENERATOR_SITE_H

#include "platforms/reader/platform.h"

#include <stdio.h>

/* A fabric that is a <cluster> of SimGrid, whose routes are SimGrid's: hosts "port-0", "port-1", ... to which
 * the domains are attached in their order, each with the bandwidth of all its NICs. */
typedef struct tw_fabric {
  const char *topology;   /* the attribute `topology` of <cluster> */
  const char *parameters; /* its topo_parameters */
  int ports;              /* >= the domains */
  double bytes_per_s;     /* bandwidth of a link in one direction */
} tw_fabric;

/* The planes of leaves and spine (platform_planes.h). */
typedef struct tw_generated_planes {
  int rails;              /* 1: the NICs of a domain share their leaf switches */
  const char *routing;    /* tw:routing */
  const char *cross_rail; /* tw:cross-rail */
  int spines;             /* spine switches of a rail */
} tw_generated_planes;

typedef struct tw_generated_site {
  const char *comment; /* the options that were asked for; must not hold "--" */
  const char *device_name;
  const tw_device *device;
  const char *domain_name; /* zones are "NAME-0", "NAME-1", ... */
  const char *host_name; /* hosts: "HOST-<domain>" if a domain is one host, else "DOMAIN-<domain>-HOST-<i>" */
  tw_zone_role role;     /* role of a domain's zone */
  int domains, hosts, accelerators; /* hosts in a domain, accelerators of a host */
  int nics;                         /* NICs of a domain */
  double nic_bytes_per_s;
  /* Bandwidth of a storage system on the first leaf or the spine; 0: there is none. */
  double storage_bytes_per_s;
  double kv_bytes;            /* bytes of KV that the storage can hold; 0: none */
  const tw_fabric *fabric;    /* NULL: leaves and a spine, as below */
  int pod;                    /* domains on one leaf */
  double oversubscription;    /* NIC bandwidth of a pod over the bandwidth of its up-link, >= 1 */
  tw_generated_planes planes; /* rails 0: switches are seen as one */
  int domains_per_rack, racks_per_row;
  /* Watts beside a domain's accelerators, the part of them without work, watts of its share of the fabric, and the
   * PUE of the site. NAN: left out. */
  double overhead_w, overhead_idle_w, network_w, pue;
  double site_w; /* watts that the whole site may draw; 0 or NAN: any */
  double psu_w;  /* watts that a domain's power supplies can give; NAN: left out, and so is the efficiency */
  const char *psu_efficiency;
} tw_generated_site;

void tw_site_write(const tw_generated_site *site, FILE *out);

#endif
