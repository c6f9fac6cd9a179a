/* Prints the time of an iteration for every model of the catalogue on devices of different kinds, as CSV: one with
 * experts on 8 ranks over two domains and a tensor-parallel one, a decoding batch and one with a prompt. */
#include "platforms/input/data.h"
#include "sim/steptime/step_time.h"

#include <math.h>
#include <stdio.h>

static const char *const devices[] = {"a100-sxm", "h100-sxm", "h200-sxm", "b200-sxm", "mi355x"};

/* What a row tells of an iteration. */
typedef enum quantity { TIME, GROWTH, KERNELS, BYTES, WIRE, QUANTITIES } quantity;
static const char *const quantity_names[] = {"us", "us_later", "kernels_us", "bytes", "wire_bytes"};

static double quantity_of(const tw_step_cost *cost, quantity what)
{
  const double values[QUANTITIES] = {cost->time_s.first * 1e6,
                                     (cost->time_s.first + 100 * cost->time_s.growth) * 1e6,
                                     cost->kernels_s.first * 1e6, cost->bytes.first,
                                     cost->wire.tensor + cost->wire.experts + cost->wire.stages};
  return values[what];
}

static void print_model(const char *name, tw_device *const *known, const tw_software *software,
                        gboolean over_domains)
{
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_model) model = tw_model_load(name, NULL, faults);
  tw_step_cost costs[2][G_N_ELEMENTS(devices)];
  for (guint d = 0; d < G_N_ELEMENTS(devices); d++) {
    tw_step_setting setting = {
        .model = model,
        .device = known[d],
        .parallelism = {over_domains ? 1 : 8, 1, over_domains ? 8 : 1, model->experts > 0 ? 8 : 1},
        .weights = isnan(known[d]->flops[TW_FP8]) ? TW_BF16 : TW_FP8,
        .kv = TW_BF16,
        .attention = TW_BF16,
        .software = *software,
        .interconnect = tw_device_links(known[d]),
        .reach = {1, over_domains ? 2 : 1, FALSE, FALSE},
        .expert_imbalance = 1.1};
    g_autoptr(tw_step_model) step = tw_step_model_new(&tw_step_roofline, &setting, NULL, faults);
    tw_batch ranks[8], prompts[8];
    for (int i = 0; i < setting.parallelism.dp; i++) {
      ranks[i] = prompts[i] = tw_batch_of_decodes(&model->caps, 20 + i, 3000);
      tw_batch_add_prompt(&prompts[i], &model->caps, 1000, 2000, TRUE);
    }
    tw_step_model_cost(step, ranks, setting.parallelism.dp, &costs[0][d]);
    tw_step_model_cost(step, prompts, setting.parallelism.dp, &costs[1][d]);
  }
  for (int b = 0; b < 2; b++)
    for (quantity what = TIME; what < QUANTITIES; what++) {
      if ((what == WIRE && !over_domains) || (b == 1 && what == GROWTH))
        continue;
      printf("%s,%s,%s,%s", name, over_domains ? "dp8" : "tp8", b ? "prompt" : "decode",
             quantity_names[what]);
      for (guint d = 0; d < G_N_ELEMENTS(devices); d++)
        printf(",%.6g", quantity_of(&costs[b][d], what));
      printf("\n");
    }
}

int main(void)
{
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_auto(GStrv) models = tw_data_list("workloads/models", ".xml");
  tw_device *known[G_N_ELEMENTS(devices)];
  tw_software software = {0};
  gboolean loaded = tw_software_load("vllm", NULL, &software, faults);
  printf("model,layout,batch,quantity");
  for (guint d = 0; d < G_N_ELEMENTS(devices); d++) {
    known[d] = tw_device_load(devices[d], NULL, faults);
    loaded = loaded && known[d] != NULL;
    printf(",%s", devices[d]);
  }
  printf("\n");
  if (!loaded)
    return 1;
  for (char **m = models; *m != NULL; m++) {
    print_model(*m, known, &software, FALSE);
    print_model(*m, known, &software, TRUE);
  }
  for (guint d = 0; d < G_N_ELEMENTS(devices); d++)
    tw_device_free(known[d]);
  tw_software_clear(&software);
  return 0;
}
