/* A library to be loaded before the program (LD_PRELOAD) that lets the machine fail:
 *
 *   TW_FAIL_ALLOCATION=N  the N-th allocation and all behind it get no memory
 *   TW_FAIL_WRITE=N       the N-th write() to a regular file and all behind it fail with the error TW_FAIL_ERROR (a number)
 *   TW_COUNT=FILE         the numbers of allocations and of such writes go into FILE as the program ends */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_long allocations, writes, first_allocation = -1, first_write = -1;
static int write_error = EIO;

static long number_of(const char *name)
{
  const char *text = getenv(name);
  return text != NULL ? strtol(text, NULL, 10) : -1;
}

__attribute__((constructor)) static void begin(void)
{
  if (number_of("TW_FAIL_ERROR") > 0)
    write_error = (int)number_of("TW_FAIL_ERROR");
  first_write = number_of("TW_FAIL_WRITE");
  first_allocation = number_of("TW_FAIL_ALLOCATION");
}

__attribute__((destructor)) static void end(void)
{
  const char *path = getenv("TW_COUNT");
  FILE *out = path != NULL ? fopen(path, "w") : NULL;
  if (out == NULL)
    return;
  fprintf(out, "%ld %ld\n", (long)allocations, (long)writes);
  fclose(out);
}

/* Whether the next call of a kind fails. */
static int fails(atomic_long *calls, long first)
{
  long call = ++*calls;
  return first >= 0 && call >= first;
}

/* The C library's own, under the names by which it knows them beside. */
extern void *__libc_malloc(size_t size);                // NOLINT(bugprone-reserved-identifier)
extern void *__libc_calloc(size_t n, size_t size);      // NOLINT(bugprone-reserved-identifier)
extern void *__libc_realloc(void *memory, size_t size); // NOLINT(bugprone-reserved-identifier)

void *malloc(size_t size)
{
  return fails(&allocations, first_allocation) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
  return fails(&allocations, first_allocation) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *memory, size_t size)
{
  return fails(&allocations, first_allocation) ? NULL : __libc_realloc(memory, size);
}

ssize_t write(int file, const void *bytes, size_t size)
{
  static ssize_t (*real)(int, const void *, size_t);
  struct stat status;
  if (real == NULL)
    *(void **)&real = dlsym(RTLD_NEXT, "write");
  if (fstat(file, &status) == 0 && S_ISREG(status.st_mode) && fails(&writes, first_write)) {
    errno = write_error;
    return -1;
  }
  return real(file, bytes, size);
}
