#!/usr/bin/env bash
# GLib 2.74.6 (Debian 12: libglib2.0-dev 2.74.6-2+deb12u9), g_int64_hash and g_double_hash.
#
# Guess: the ready-made hash functions of GHashTable use all bits of a number.
# Seen: g_int64_hash returns the lower 32 bits: of pairs packed as (a << 32) + b all that share b have one hash. 20,000 such
#       keys take some thousand times as many comparisons as keys (a table by g_direct_hash of mixed bits: about one).
#       g_double_hash returns the whole part: all numbers from 0 up to 1 have the hash 0.
# Why it matters: tables of pairs of hosts or ranks, and of instants in seconds, quietly become lists.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/archives/partial" "$dir/root"
apt-get -qq -o Dir::Cache::archives="$dir/archives" -o APT::Sandbox::User=root install -y --download-only \
  --reinstall libglib2.0-dev=2.74.6-2+deb12u9 libglib2.0-0=2.74.6-2+deb12u9 >/dev/null
for package in "$dir"/archives/libglib2.0-*.deb; do dpkg -x "$package" "$dir/root"; done
multiarch=$(gcc -print-multiarch)

cat >"$dir/hash.c" <<'C'
#include <glib.h>
#include <stdio.h>
static guint64 comparisons;
static gboolean equal(gconstpointer a, gconstpointer b)
{
  comparisons++;
  return *(const gint64 *)a == *(const gint64 *)b;
}
int main(void)
{
  enum { KEYS = 20000 };
  static gint64 keys[KEYS];
  GHashTable *table = g_hash_table_new(g_int64_hash, equal);
  for (gint64 i = 0; i < KEYS; i++) {
    keys[i] = (i << 32) + 7;
    g_hash_table_add(table, &keys[i]);
  }
  gint64 first = (gint64)1 << 32, second = (gint64)2 << 32;
  double quarter = 0.25, most = 0.999, two = 2.5;
  printf("glib %u.%u.%u\n", glib_major_version, glib_minor_version, glib_micro_version);
  printf("int64 %u %u, double %u %u %u\n", g_int64_hash(&first), g_int64_hash(&second), g_double_hash(&quarter),
         g_double_hash(&most), g_double_hash(&two));
  printf("comparisons a key: more than a thousand: %s\n", comparisons > 1000ULL * KEYS ? "yes" : "no");
  g_hash_table_unref(table);
  return 0;
}
C
gcc -O1 -I"$dir/root/usr/include/glib-2.0" -I"$dir/root/usr/lib/$multiarch/glib-2.0/include" "$dir/hash.c" \
  -L"$dir/root/usr/lib/$multiarch" -l:libglib-2.0.so.0 -o "$dir/hash"
seen=$(LD_LIBRARY_PATH="$dir/root/usr/lib/$multiarch:$dir/root/lib/$multiarch" "$dir/hash")
echo "$seen"
[ "$seen" = "glib 2.74.6
int64 0 0, double 0 0 2
comparisons a key: more than a thousand: yes" ] || { echo "the behaviour has changed" >&2; exit 1; }
