/* The device catalogue. */
#include "platforms/input/data.h"
#include "platforms/reader/device_fuse.h"
#include "tests/platforms/scratch.h"

static tw_device *load(const char *name)
{
  g_autoptr(tw_faults) faults = tw_faults_new();
  tw_device *device = tw_device_load(name, NULL, faults);
  assert_no_faults(faults);
  return device;
}

static void every_shipped_device_loads_with_sane_numbers(void **state)
{
  (void)state;
  g_auto(GStrv) names = tw_data_list("platforms/devices", ".xml");
  const char *const expected[] = {"a100-sxm", "b200-sxm",  "gb200",        "gb300",     "h100-sxm",
                                  "h200-sxm", "rtx-4090",  "rtx-pro-6000", "mi300x",    "mi325x",
                                  "mi350x",   "mi355x",    "h200-nvl",     "h20",       "rtx-pro-6000-server",
                                  "vr200",    "rubin-cpx", "tpu-v7x",      "trainium3", NULL};
  for (const char *const *name = expected; *name != NULL; name++)
    assert_true(g_strv_contains((const char *const *)names, *name));
  for (char **name = names; *name != NULL; name++) {
    g_autoptr(tw_device) device = load(*name);
    assert_string_equal(device->name, *name);
    assert_true(device->flops[TW_BF16] > 1e14);
    assert_true(isnan(device->flops[TW_FP8]) || device->flops[TW_FP8] >= 1.999 * device->flops[TW_BF16]);
    assert_true(device->hbm_bytes > 20e9 && device->hbm_bytes < 400e9);
    assert_true(device->reserved_bytes < 0.05 * device->hbm_bytes);
    assert_true(device->hbm_bytes_per_s > 1e12 &&
                device->hbm_bytes_per_s <= (device->status == TW_DEVICE_PREVIEW ? 22e12 : 8e12));
    assert_true(device->scale_up_bytes_per_s > device->scale_out_bytes_per_s ||
                isnan(device->scale_out_bytes_per_s));
    assert_true(isnan(device->idle_w) || device->idle_w < device->max_w / 4);
    for (int op = 0; op < TW_OP_CLASSES; op++) {
      assert_true(device->efficiency[op][TW_BF16].compute_peak > 0.2 &&
                  device->efficiency[op][TW_BF16].compute_peak <= 1);
      assert_true(device->efficiency[op][TW_BF16].memory > 0.05 &&
                  device->efficiency[op][TW_BF16].memory <= 1);
      assert_true(device->efficiency[op][TW_BF16].launch_s < 1e-4);
    }
  }
}

static void the_h100_is_what_its_data_sheet_says(void **state)
{
  (void)state;
  g_autoptr(tw_device) device = load("h100-sxm");
  assert_string_equal(device->label, "NVIDIA H100 SXM 80 GB");
  assert_near(device->flops[TW_BF16], 989.4e12, 1);
  assert_near(device->flops[TW_FP8], 1978.9e12, 1);
  assert_true(isnan(device->flops[TW_FP4])); /* Hopper has none */
  assert_near(device->hbm_bytes, 85899345920.0, 0);
  assert_near(device->hbm_bytes_per_s, 3.35e12, 1);
  assert_near(device->scale_up_bytes_per_s, 450e9, 0);
  assert_near(device->scale_out_bytes_per_s, 50e9, 0);
  assert_near(device->idle_w, 124, 0); /* measured, with a context alive */
  assert_near(device->max_w, 700, 0);
}

/* An MI355X has 76.5 GB/s to each of seven others: two of them share that, eight the sum. */
static void accelerators_of_a_mesh_have_a_link_to_each_peer(void **state)
{
  (void)state;
  g_autoptr(tw_device) mesh = load("mi355x"), switched = load("h100-sxm");
  assert_near(mesh->scale_up_bytes_per_s, 535.5e9, 1);
  assert_near(tw_device_pair_bytes_per_s(mesh), 76.5e9, 1);
  assert_near(tw_device_pair_bytes_per_s(switched), 450e9, 0);
  assert_int_equal(mesh->status, TW_DEVICE_DATA_SHEET);
}

/* A kernel of the B300 takes as long on the GB300, or less by what the GB200 is faster than the B200: its share of the
 * larger peak is smaller. */
static void what_is_taken_over_keeps_its_time(void **state)
{
  (void)state;
  static const tw_precision formats[] = {TW_BF16, TW_FP8, TW_FP4};
  g_autoptr(tw_device) from = load("b300-sxm"), to = load("gb300");
  for (int op = TW_OP_LINEAR; op <= TW_OP_EXPERTS; op++)
    for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
      tw_precision p = formats[i];
      double ratio = to->efficiency[op][p].compute_peak * to->flops[p] /
                     (from->efficiency[op][p].compute_peak * from->flops[p]);
      assert_true(ratio > 0.99 && ratio < 1.12);
    }
}

/* Products in fp8 at 1.5 times the rate of bf16, with a launch of 12 us for the kernel that quantizes their rows: an engine
 * that fuses it launches as in bf16, at the rates that were measured; a row that says nothing of fusing stays as it is. Rows of
 * 6 bytes a number shrink to those of bf16, 2, at 0.9 over 0.8 of the bandwidth. */
static void engines_fuse_what_quantizes_rows(void **state)
{
  (void)state;
  tw_device device = {.flops = {[TW_BF16] = 1e15, [TW_FP8] = 2e15, [TW_FP8_BLOCK] = 2e15}};
  tw_efficiency *linear = device.efficiency[TW_OP_LINEAR], *experts = device.efficiency[TW_OP_EXPERTS];
  linear[TW_BF16] = (tw_efficiency){.compute_peak = 0.8, .memory = 0.8, .launch_s = 3e-6, .chain_s = 1e-9};
  linear[TW_FP8] = (tw_efficiency){.compute_peak = 0.6,
                                   .memory = 0.9,
                                   .launch_s = 15e-6,
                                   .chain_s = 2e-9,
                                   .token_bytes = 6,
                                   .unfused = TRUE};
  experts[TW_BF16] = linear[TW_BF16];
  experts[TW_FP8] = linear[TW_FP8];
  experts[TW_FP8].unfused = FALSE;
  tw_device_fuse(&device);
  assert_near(linear[TW_FP8].launch_s, 3e-6, 1e-12);
  assert_near(linear[TW_FP8].chain_s, 1e-9, 1e-15);
  assert_near(linear[TW_FP8].compute_peak, 0.6, 1e-12);
  assert_near(linear[TW_FP8].memory, 0.9, 1e-12);
  assert_near(linear[TW_FP8].token_bytes, 2 * 0.9 / 0.8, 1e-12);
  assert_near(device.measured[TW_OP_LINEAR][TW_FP8].launch_s, 15e-6, 1e-12);
  assert_near(experts[TW_FP8].launch_s, 15e-6, 1e-12);
}

static void what_a_device_lacks_is_nan(void **state)
{
  (void)state;
  g_autoptr(tw_device) device = load("rtx-4090");
  assert_true(isnan(device->scale_out_bytes_per_s));
  assert_true(isnan(device->joules_per_flop[TW_FP8]));
  assert_true(isnan(device->flops[TW_FP4]));
}

static void an_unknown_device_names_the_nearest(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  g_autoptr(tw_faults) faults = tw_faults_new();
  const char *path = scratch_write(&files, "s.xml", "<s>\n<host/></s>", -1);
  g_autoptr(tw_document) document = tw_document_load(path, faults);
  const xmlNode *host = tw_node_child(tw_document_root(document), "host");
  assert_null(tw_device_load("h100-smx", host, faults));
  assert_null(tw_device_load("h100", NULL, faults));
  assert_null(tw_device_load("./absent.xml", host, faults));
  assert_faults(&files, faults, "s.xml:2: the device \"h100-smx\" is unknown; did you mean \"h100-sxm\"?",
                "the device \"h100\" is unknown; did you mean \"h100-sxm\"?",
                "./absent.xml: cannot be opened: No such file or directory; name a file that exists");
}

static void a_device_may_lie_beside_the_file_that_names_it(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autofree char *shipped = tw_data_path("platforms/devices/gb200.xml"), *text = NULL;
  assert_true(g_file_get_contents(shipped, &text, NULL, NULL));
  scratch_write(&files, "mine.xml", text, -1);
  const char *path = scratch_write(&files, "s.xml", "<s/>", -1);
  g_autoptr(tw_document) document = tw_document_load(path, faults);
  g_autoptr(tw_device) device = tw_device_load("./mine.xml", tw_document_root(document), faults);
  assert_no_faults(faults);
  assert_string_equal(device->name, "mine");
  assert_near(device->flops[TW_FP4], 10e15, 1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_shipped_device_loads_with_sane_numbers),
      cmocka_unit_test(the_h100_is_what_its_data_sheet_says),
      cmocka_unit_test(accelerators_of_a_mesh_have_a_link_to_each_peer),
      cmocka_unit_test(what_is_taken_over_keeps_its_time),
      cmocka_unit_test(engines_fuse_what_quantizes_rows),
      cmocka_unit_test(what_a_device_lacks_is_nan),
      cmocka_unit_test(an_unknown_device_names_the_nearest),
      cmocka_unit_test(a_device_may_lie_beside_the_file_that_names_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
