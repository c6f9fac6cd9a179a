/* A bare macro-step engine on SimGrid: what the approach costs before logs, KV blocks and prefix caches.
 *
 *   bare PLATFORM.xml ENGINES AZURE.csv REPEAT SPEEDUP --cfg=contexts/stack-size:64
 *
 * PLATFORM needs at least one host. One source actor replays the trace (REPEAT times, SPEEDUP times as fast)
 * to the engine with the fewest outstanding requests; one actor per engine runs prefill steps of up to 8,192
 * prompt tokens and decodes in macro-steps. A decode iteration of n sequences holding C tokens takes A + B n
 * + K C seconds. Prints requests per CPU second, to be compared with the real program in the same run. */
#include <simgrid/actor.h>
#include <simgrid/engine.h>
#include <simgrid/host.h>
#include <simgrid/semaphore.h>
#include <zlib.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MAX_SEQS = 256, MAX_ADMIT = 64, MAX_PREFILL = 8192 };
static const double A = 0.012, B = 2e-5, K = 2e-8,
                    PREFILL = 6e-5; /* s, s/sequence, s/context token, s/prompt token */

typedef struct {
  double arrival, first, done;
  int in, out;
} request;
typedef struct {
  long finish;
  int r;
} running; /* finish: the engine's iteration count at which it ends */
typedef enum { BUSY, IDLE, DECODING } phase;
typedef struct {
  sg_sem_t wake;
  phase phase;
  int *queue;
  long head, tail, capacity;
  running *heap; /* the one that finishes first on top */
  int n, outstanding;
  double context;
  long iteration;
} engine;

static request *requests;
static long n_requests, wakeups, iterations, n_done;
static engine *engines;
static int n_engines, source_ended;

static double cpu_seconds(void)
{
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void push(engine *e, running x)
{
  int i = e->n++;
  for (; i > 0 && e->heap[(i - 1) / 2].finish > x.finish; i = (i - 1) / 2)
    e->heap[i] = e->heap[(i - 1) / 2];
  e->heap[i] = x;
}

static running pop(engine *e)
{
  running top = e->heap[0], last = e->heap[--e->n];
  int i = 0, c;
  while ((c = 2 * i + 1) < e->n) {
    if (c + 1 < e->n && e->heap[c + 1].finish < e->heap[c].finish)
      c++;
    if (e->heap[c].finish >= last.finish)
      break;
    e->heap[i] = e->heap[c];
    i = c;
  }
  e->heap[i] = last;
  return top;
}

static void end_request(engine *e, int r)
{
  requests[r].done = simgrid_get_clock();
  e->outstanding--;
  n_done++;
}

static void end_finished(engine *e)
{
  while (e->n && e->heap[0].finish <= e->iteration) {
    int r = pop(e).r;
    e->context -= requests[r].in + requests[r].out;
    end_request(e, r);
  }
}

static void prefill(engine *e)
{
  int admitted[MAX_ADMIT], n = 0, tokens = 0;
  while (e->head < e->tail && e->n + n < MAX_SEQS && n < MAX_ADMIT) {
    int r = e->queue[e->head];
    if (tokens && tokens + requests[r].in > MAX_PREFILL)
      break;
    tokens += requests[r].in;
    admitted[n++] = r;
    e->head++;
  }
  sg_actor_sleep_for(A + PREFILL * tokens + B * e->n + K * e->context);
  wakeups++, iterations++, e->iteration++;
  e->context += e->n;
  end_finished(e);
  for (int i = 0; i < n; i++) {
    request *q = &requests[admitted[i]];
    q->first = simgrid_get_clock();
    if (q->out <= 1) {
      end_request(e, admitted[i]);
      continue;
    }
    e->context += q->in + 1;
    push(e, (running){e->iteration + q->out - 1, admitted[i]});
  }
}

/* Time of j iterations: j b + g j (j - 1) / 2, with b the first one's and g its growth per iteration. */
static void decode(engine *e)
{
  long k = e->heap[0].finish - e->iteration, j = k;
  double b = A + B * e->n + K * e->context, g = K * e->n,
         whole = (double)k * b + g * (double)k * (double)(k - 1) / 2;
  double start = simgrid_get_clock();
  e->phase = DECODING;
  int timed_out = sg_sem_acquire_timeout(e->wake, whole);
  e->phase = BUSY;
  wakeups++;
  double elapsed = simgrid_get_clock() - start;
  if (!timed_out && elapsed < whole - 1e-12) { /* someone arrived: on to the end of the current iteration */
    double h = b - g / 2;
    j = (long)ceil((sqrt(h * h + 2 * g * elapsed) - h) / g - 1e-9);
    j = j < 1 ? 1 : j > k ? k : j;
    double boundary = (double)j * b + g * (double)j * (double)(j - 1) / 2;
    if (boundary > elapsed)
      sg_actor_sleep_for(boundary - elapsed);
  }
  e->iteration += j;
  e->context += (double)j * e->n;
  iterations += j;
  end_finished(e);
}

static void engine_actor(int argc, char **argv)
{
  (void)argc;
  engine *e = &engines[strtol(argv[0], NULL, 10)];
  while (e->n || e->head < e->tail || !source_ended) {
    if (!e->n && e->head == e->tail) {
      e->phase = IDLE;
      sg_sem_acquire(e->wake);
      e->phase = BUSY;
    } else if (e->head < e->tail && e->n < MAX_SEQS) {
      prefill(e);
    } else {
      decode(e);
    }
  }
}

static void wake_engine(engine *e)
{
  if (e->phase == IDLE || (e->phase == DECODING && e->n < MAX_SEQS)) {
    e->phase = BUSY;
    sg_sem_release(e->wake);
  }
}

static void source_actor(int argc, char **argv)
{
  (void)argc, (void)argv;
  for (long i = 0; i < n_requests; i++) {
    double wait = requests[i].arrival - simgrid_get_clock();
    if (wait > 0)
      sg_actor_sleep_for(wait);
    engine *e = &engines[0];
    for (int k = 1; k < n_engines; k++)
      if (engines[k].outstanding < e->outstanding)
        e = &engines[k];
    if (e->tail == e->capacity)
      e->queue =
          realloc(e->queue, (size_t)(e->capacity = e->capacity ? 2 * e->capacity : 64) * sizeof *e->queue);
    e->queue[e->tail++] = (int)i;
    e->outstanding++;
    wake_engine(e);
  }
  source_ended = 1;
  for (int k = 0; k < n_engines; k++)
    wake_engine(&engines[k]);
}

static void read_trace(const char *path, int repeat, double speedup)
{
  gzFile f = gzopen(path, "rb");
  char line[256];
  long capacity = 1 << 16, once;
  double origin = -1, span = 0;
  requests = malloc((size_t)capacity * sizeof *requests);
  while (f && gzgets(f, line, sizeof line)) {
    int h, m, in, out;
    double s;
    if (sscanf(line, "%*d-%*d-%*d %d:%d:%lf,%d,%d", &h, &m, &s, &in, &out) != 5)
      continue;
    double t = h * 3600 + m * 60 + s;
    if (origin < 0)
      origin = t;
    if (n_requests == capacity)
      requests = realloc(requests, (size_t)(capacity *= 2) * sizeof *requests);
    requests[n_requests++] = (request){.arrival = span = (t - origin) / speedup, .in = in, .out = out};
  }
  gzclose(f);
  once = n_requests;
  requests = realloc(requests, (size_t)(once * repeat + 1) * sizeof *requests);
  for (; n_requests < once * repeat; n_requests++) {
    requests[n_requests] = requests[n_requests - once];
    requests[n_requests].arrival += span;
  }
}

int main(int argc, char **argv)
{
  simgrid_init(&argc, argv);
  if (argc != 6)
    return fprintf(stderr, "usage: %s PLATFORM ENGINES TRACE REPEAT SPEEDUP\n", argv[0]), 2;
  simgrid_load_platform(argv[1]);
  n_engines = (int)strtol(argv[2], NULL, 10);
  read_trace(argv[3], (int)strtol(argv[4], NULL, 10), strtod(argv[5], NULL));
  sg_host_t *hosts = sg_host_list();
  engines = calloc((size_t)n_engines, sizeof *engines);
  for (int i = 0; i < n_engines; i++) {
    char name[16], *args[] = {name, NULL};
    snprintf(name, sizeof name, "%d", i);
    engines[i].wake = sg_sem_init(0);
    engines[i].heap = malloc((MAX_SEQS + 1) * sizeof(running));
    sg_actor_create("engine", hosts[(size_t)i % sg_host_count()], engine_actor, 1, args);
  }
  sg_actor_create("source", hosts[0], source_actor, 0, NULL);
  double t = cpu_seconds(), ttft = 0, e2e = 0;
  simgrid_run();
  t = cpu_seconds() - t;
  for (long i = 0; i < n_requests; i++)
    ttft += requests[i].first - requests[i].arrival, e2e += requests[i].done - requests[i].arrival;
  printf("{\"requests\": %ld, \"done\": %ld, \"engines\": %d, \"simulated_s\": %.1f, \"cpu_s\": %.3f, "
         "\"requests_per_cpu_s\": %.0f, "
         "\"us_per_wakeup\": %.2f, \"iterations_per_wakeup\": %.1f, \"ttft_mean_s\": %.4f, \"e2e_mean_s\": "
         "%.4f}\n",
         n_requests, n_done, n_engines, simgrid_get_clock(), t, (double)n_requests / t,
         t / (double)wakeups * 1e6, (double)iterations / (double)wakeups, ttft / (double)n_requests,
         e2e / (double)n_requests);
  return n_done != n_requests;
}
