/* Included before every source file: calls that have a safer twin are errors. */
#ifndef TW_POISON_H
#define TW_POISON_H

#include <glib.h>
#include <libxml/tree.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#pragma GCC poison sprintf vsprintf strcpy strcat atoi atol atof gets strtok

#endif
