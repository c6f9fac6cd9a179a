#!/usr/bin/env bash
# GSL 2.7.1 (Debian 12: libgsl-dev and libgsl27 2.7.1+dfsg-5+deb12u1), gsl_rng_set.
#
# Guess: seeds that differ give different streams: gsl_rng_set takes an unsigned long, which has 64 bits here.
# Seen: of eleven generators nine look at the lower 32 bits only, mt19937 and taus2 among them: all seeds packed as (run
#       << 32) + host that share the host give the same stream, number by number. ranlxs0 and knuthran2002 do without
#       bit 31 too: seeds 7 and 2147483655 are the same. ranlux and minstd take all 64.
# Why it matters: replications of a simulation whose seeds are packed or counted in the upper half are one run many
#       times over, with a spread of nought between them.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get -qq -o APT::Sandbox::User=root download libgsl-dev=2.7.1+dfsg-5+deb12u1 libgsl27=2.7.1+dfsg-5+deb12u1 \
  libgslcblas0=2.7.1+dfsg-5+deb12u1 >/dev/null
for package in *.deb; do dpkg -x "$package" root; done
lib=$dir/root/usr/lib/$(gcc -print-multiarch)
cat >seeds.c <<'C'
#include <gsl/gsl_rng.h>
#include <stdio.h>
static const char *streams(const gsl_rng_type *type, unsigned long a, unsigned long b)
{
  gsl_rng *first = gsl_rng_alloc(type), *second = gsl_rng_alloc(type);
  gsl_rng_set(first, a);
  gsl_rng_set(second, b);
  int same = 0;
  for (int i = 0; i < 1000; i++)
    same += gsl_rng_get(first) == gsl_rng_get(second);
  gsl_rng_free(first);
  gsl_rng_free(second);
  return same == 1000 ? "same" : "differ";
}
int main(void)
{
  const gsl_rng_type *types[] = {gsl_rng_mt19937, gsl_rng_taus2, gsl_rng_gfsr4, gsl_rng_ranlxs0, gsl_rng_ranlxd1, gsl_rng_mrg,
                                 gsl_rng_cmrg, gsl_rng_rand48, gsl_rng_knuthran2002, gsl_rng_ranlux, gsl_rng_minstd};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    printf("%s %s %s %s\n", types[i]->name, streams(types[i], 7, 8), streams(types[i], 7, (1UL << 31) + 7),
           streams(types[i], 7, (5UL << 32) + 7));
  return 0;
}
C
gcc -O1 -Iroot/usr/include seeds.c -L"$lib" -Wl,-rpath,"$lib" -lgsl -lgslcblas -lm -o seeds
seen=$(./seeds)
echo "streams of the seeds 7 and 8, 7 and 2^31 + 7, 7 and 5 x 2^32 + 7"
echo "$seen"
[ "$seen" = 'mt19937 differ differ same
taus2 differ differ same
gfsr4 differ differ same
ranlxs0 differ same same
ranlxd1 differ differ same
mrg differ differ same
cmrg differ differ same
rand48 differ differ same
knuthran2002 differ same same
ranlux differ differ differ
minstd differ differ differ' ]
