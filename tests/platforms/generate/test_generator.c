/* Generators: the shipped platforms are their output, and what their options do. */
#include "platforms/generate/generator.h"
#include "platforms/input/data.h"
#include "platforms/reader/platform.h"
#include "tests/platforms/scratch.h"

/* The text that a generator writes for "kind name=value ..." settings, or NULL with an error. */
static char *generate(const char *command, GError **error)
{
  g_auto(GStrv) words = g_strsplit(command, " ", -1);
  const tw_platform_generator *generator = tw_platform_generator_find(words[0], error);
  if (generator == NULL)
    return NULL;
  char *text = NULL;
  size_t length = 0;
  FILE *out = open_memstream(&text, &length);
  gboolean good = tw_platform_generate(generator, (const char *const *)words + 1, out, error);
  fclose(out);
  if (good)
    return text;
  free(text);
  return NULL;
}

static tw_platform *load_generated(scratch *files, const char *command)
{
  g_autoptr(GError) error = NULL;
  char *text = generate(command, &error);
  if (text == NULL) {
    fail_msg("%s", error->message);
    return NULL;
  }
  g_autoptr(tw_faults) faults = tw_faults_new();
  tw_platform *platform = tw_platform_load(scratch_write(files, "site.xml", text, -1), faults);
  free(text);
  assert_no_faults(faults);
  return platform;
}

static void shipped_platforms_are_what_the_generators_write(void **state)
{
  (void)state;
  static const char *const shipped[][2] = {
      {"hgx-h100-1", "hgx nodes=1"},
      {"hgx-h100-4", "hgx nodes=4"},
      {"hgx-h100-4-storage", "hgx nodes=4 storage=40GB/s kv-store=20TB"},
      {"hgx-h100-16-storage", "hgx nodes=16 nodes-per-leaf=8 oversubscription=4 storage=100GB/s"},
      {"hgx-h100-3", "hgx nodes=3"},
      {"hgx-h100-9", "hgx nodes=9"},
      {"hgx-h100-32", "hgx nodes=32"},
      {"hgx-h100-72", "hgx nodes=72"},
      {"fat-tree-h100-16", "fat-tree domains=16 domains-per-leaf=4 oversubscription=2"},
      {"dragonfly-h100-32", "dragonfly"},
      {"torus-h100-16", "torus"},
      {"nvl72-gb200-1", "nvl72 racks=1"},
      {"mi3xx-mi355x-1", "mi3xx nodes=1"},
      {"vera-rubin-vr200-1", "vera-rubin racks=1"},
      {"nvl64-gb200-1", "nvl72 racks=1 domain-size=64"},
      {"nvl68-gb200-1", "nvl72 racks=1 domain-size=68"},
      {"nvl72-gb200-8", "nvl72 racks=8"},
      {"domains8-gb200-9-1-to-1", "nvl72 racks=9 domain-size=8 oversubscription=1"},
      {"domains8-gb200-9-2-to-1", "nvl72 racks=9 domain-size=8 oversubscription=2"},
      {"domains8-gb200-9-4-to-1", "nvl72 racks=9 domain-size=8 oversubscription=4"}};
  g_auto(GStrv) names = tw_data_list("platforms", ".xml");
  assert_int_equal(g_strv_length(names), G_N_ELEMENTS(shipped));
  for (gsize i = 0; i < G_N_ELEMENTS(shipped); i++) {
    g_autofree char *relative = g_strdup_printf("platforms/%s.xml", shipped[i][0]);
    g_autofree char *path = tw_data_path(relative), *expected = NULL;
    assert_true(g_file_get_contents(path, &expected, NULL, NULL));
    char *text = generate(shipped[i][1], NULL);
    assert_string_equal(text, expected);
    free(text);
  }
}

static void the_comment_of_a_file_is_the_command_that_writes_it(void **state)
{
  (void)state;
  char *first = generate("nvl72 racks=3 nics=2 oversubscription=2 pue=1.2", NULL);
  static const char mark[] = "<!-- Written by: tokenworks platform ";
  const char *command = strstr(first, mark);
  assert_non_null(command);
  command += strlen(mark);
  g_autofree char *again = g_strndup(command, strcspn(command, "\n"));
  char *second = generate(again, NULL);
  assert_string_equal(first, second);
  free(first);
  free(second);
}

static void hgx_hosts_are_nodes_or_gpus(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  g_autoptr(tw_platform) nodes = load_generated(&files, "hgx nodes=6");
  assert_int_equal(nodes->n_hosts, 6);
  assert_int_equal(tw_platform_accelerators(nodes), 48);
  assert_string_equal(nodes->hosts[5].id, "node-5");
  assert_int_equal(nodes->n_racks, 2); /* four nodes in a rack */
  assert_int_equal(nodes->zones[tw_platform_domain(nodes, 0)].role, TW_ROLE_NVLINK_DOMAIN);

  g_autoptr(tw_platform) gpus = load_generated(&files, "hgx nodes=6 hosts=gpu device=h200-sxm");
  assert_int_equal(gpus->n_hosts, 48);
  assert_int_equal(tw_platform_accelerators(gpus), 48);
  assert_string_equal(gpus->hosts[47].id, "hgx-5-gpu-7");
  assert_int_equal(tw_platform_domain(gpus, 40), tw_platform_domain(gpus, 47));
  assert_int_not_equal(tw_platform_domain(gpus, 39), tw_platform_domain(gpus, 40));
}

static void nvl72_hosts_are_trays_of_four(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  g_autoptr(tw_platform) trays = load_generated(&files, "nvl72 racks=2");
  assert_int_equal(trays->n_hosts, 36);
  assert_int_equal(tw_platform_accelerators(trays), 144);
  assert_string_equal(trays->hosts[18].id, "rack-1-tray-0");
  assert_string_equal(trays->zones[tw_platform_domain(trays, 18)].rack, "rack-1");
  g_autoptr(tw_platform) larger = load_generated(&files, "nvl72 racks=1 domain-size=144 hosts=gpu");
  assert_int_equal(larger->n_hosts, 144);
}

/* Overheads and devices at full load make the published power of a node or rack, at the plug. */
static void powers_add_up_to_the_published_ones(void **state)
{
  (void)state;
  static const struct {
    const char *command;
    double watts, pue;
  } rows[] = {{"hgx nodes=2", 10200, 1.3},                 /* DGX H100 */
              {"hgx nodes=2 device=a100-sxm", 6500, 1.3},  /* DGX A100 */
              {"nvl72 racks=2", 120e3, 1.1},               /* GB200 NVL72 */
              {"nvl72 racks=2 domain-size=36", 60e3, 1.1}, /* in proportion */
              /* 86.4 kW of devices and 1 kW, at an efficiency of 0.964 - 0.0084 · (87.4/132 - 0.5) / 0.5 */
              {"nvl72 racks=2 overhead=1kW pue=1.05", 87400 / 0.961276, 1.05}};
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_auto(scratch) files = scratch_new();
    g_autoptr(tw_platform) p = load_generated(&files, rows[i].command);
    double total = 0;
    for (int host = 0; host < p->n_hosts; host++)
      total += p->hosts[host].accelerators * p->hosts[host].device->max_w;
    for (int zone = 0; zone < p->n_zones; zone++)
      total += p->zones[zone].overhead_w;
    double site_w = tw_supply_site_w(&p->supply, total, NAN), pue = tw_curve_at(&p->supply.pue, 1);
    assert_near(pue, rows[i].pue, 0);
    assert_near(site_w / pue / 2, rows[i].watts, 1e-4 * rows[i].watts);
  }
}

/* The power of a site in which everything draws its most, an accelerator at most `accelerator_w`. */
static double nameplate_w(const tw_platform *p, double accelerator_w)
{
  double it_w = 0;
  for (int host = 0; host < p->n_hosts; host++)
    it_w += p->hosts[host].accelerators * fmin(p->hosts[host].device->max_w, accelerator_w);
  for (int zone = 0; zone < p->n_zones; zone++)
    it_w += p->zones[zone].overhead_w;
  for (int link = 0; link < p->n_links; link++)
    it_w += isnan(p->links[link].watts) ? 0 : p->links[link].watts;
  return tw_supply_site_w(&p->supply, it_w, NAN);
}

/* A megawatt takes as many racks as draw no more than it together, and more where accelerators are capped. */
static void a_site_is_as_large_as_its_power_allows(void **state)
{
  (void)state;
  static const struct {
    const char *power, *size;
    double accelerator_w;
    int domains;
  } rows[] = {{"nvl72 site-power=1MW", "nvl72 racks=8", 1200, 7},
              {"nvl72 site-power=1MW accelerator-power=960W", "nvl72 racks=9", 960, 8},
              {"hgx site-power=100kW device=h200-sxm", "hgx device=h200-sxm nodes=8", 700, 7},
              {"nvl72 site-power=140kW", "nvl72 racks=2", 1200, 1}};
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_auto(scratch) files = scratch_new();
    g_autoptr(tw_platform) p = load_generated(&files, rows[i].power);
    int domains = 0;
    for (int zone = 0; zone < p->n_zones; zone++)
      domains += p->zones[zone].role == TW_ROLE_NVLINK_DOMAIN ? 1 : 0;
    assert_int_equal(domains, rows[i].domains);
    assert_true(nameplate_w(p, rows[i].accelerator_w) <= p->supply.site_w);
    g_autoptr(tw_platform) larger = load_generated(&files, rows[i].size);
    assert_true(nameplate_w(larger, rows[i].accelerator_w) > p->supply.site_w);
  }
}

/* 8 x 124 W of idle B200s and 1705 W around them are 13.6 % of the load of 6 power supplies of 3.3 kW: 0.9314
 * of 2896 W, what the server drew at the wall (MLPerf v5.1, Lenovo SR680a V3). */
static void an_idle_node_draws_what_was_measured(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  g_autoptr(tw_platform) p = load_generated(&files, "single device=b200-sxm pue=1");
  assert_near(p->zones[1].overhead_w - p->zones[1].following_w, 1705, 1e-6);
  double idle_w = 8 * p->hosts[0].device->idle_w + 1705;
  assert_near(tw_supply_site_w(&p->supply, idle_w, NAN), 2896, 1);
}

static double total_watts(const tw_platform *p)
{
  double sum = 0;
  for (int i = 0; i < p->n_links; i++)
    sum += isnan(p->links[i].watts) ? 0 : p->links[i].watts;
  return sum;
}

static void the_fabric_draws_its_share_whatever_the_hosts_are(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  g_autoptr(tw_platform) nodes = load_generated(&files, "hgx nodes=3");
  g_autoptr(tw_platform) gpus = load_generated(&files, "hgx nodes=3 hosts=gpu");
  g_autoptr(tw_platform) racks = load_generated(&files, "nvl72 racks=2");
  assert_near(total_watts(nodes), 3 * 405, 1e-9);
  assert_near(total_watts(gpus), 3 * 405, 1e-9);
  assert_near(total_watts(racks), 2 * 3645, 1e-9);
}

static const tw_link *find_link(const tw_platform *p, const char *id)
{
  for (int i = 0; i < p->n_links; i++)
    if (g_str_equal(p->links[i].id, id))
      return &p->links[i];
  fail_msg("no link %s", id);
  return NULL;
}

static void bandwidths_follow_from_nics_and_oversubscription(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  /* 40 nodes of 4 NICs of 100 GB/s: 400 GB/s a node; leaves of 32 and 8 nodes, up-links at a quarter. */
  g_autoptr(tw_platform) p =
      load_generated(&files, "hgx nodes=40 nics=4 nic-bandwidth=800Gbit/s oversubscription=4");
  assert_near(find_link(p, "node-0-nic")->bytes_per_s, 400e9, 1);
  assert_near(find_link(p, "leaf-0-up")->bytes_per_s, 32 * 400e9 / 4, 1);
  assert_near(find_link(p, "leaf-1-up")->bytes_per_s, 8 * 400e9 / 4, 1);
  assert_near(find_link(p, "node-0-nvlink")->bytes_per_s, 8 * 450e9, 1);

  /* Two NICs for four GPUs of a tray: of each, two GPUs are the users. */
  g_autoptr(tw_platform) racks = load_generated(&files, "nvl72 racks=2 nics=2 hosts=gpu oversubscription=2");
  assert_near(find_link(racks, "rack-1-nic-35")->bytes_per_s, 50e9, 1);
  assert_near(find_link(racks, "rack-1-up")->bytes_per_s, 36 * 50e9 / 2, 1);
  assert_near(find_link(racks, "rack-1-gpu-71-nvlink")->bytes_per_s, 900e9, 1);
}

static void bad_settings_say_what_would_be_right(void **state)
{
  (void)state;
  static const char *const rows[][2] = {
      {"hxg", "unknown kind of platform \"hxg\"; did you mean \"hgx\"?"},
      {"hgx nods=3", "hgx has no option --nods; did you mean \"nodes\"?"},
      {"hgx nodes", "--nodes needs a value, such as --nodes=4"},
      {"hgx nodes=0", "--nodes: \"0\" is not a count; write a whole number from 1 to 100000"},
      {"hgx nodes=1e3", "--nodes: \"1e3\" is not a count; write a whole number from 1 to 100000"},
      {"hgx hosts=rack", "--hosts: \"rack\" is unknown; write node or gpu"},
      {"hgx device=h100", "--device: the device \"h100\" is unknown; did you mean \"h100-sxm\"?"},
      {"hgx device=rtx-4090",
       "--nic-bandwidth: rtx-4090 has no NIC of its own; write one, such as 400Gbit/s"},
      {"hgx nic-bandwidth=400", "--nic-bandwidth: \"400\" has no unit; write a bandwidth, such as 50GB/s"},
      {"hgx nic-bandwidth=-1GB/s",
       "--nic-bandwidth: \"-1GB/s\" is too small; write a bandwidth, such as 50GB/s"},
      {"hgx oversubscription=0.5",
       "--oversubscription: \"0.5\" is not a ratio; write a number of at least 1, such as 1.5"},
      {"hgx hosts=gpu nics=3",
       "--nics: 3 NICs cannot be shared out among 8 hosts; write a divisor or a multiple"},
      {"hgx rails=3", "--rails: 3 rails do not divide the 8 NICs of a domain; write a divisor"},
      {"hgx routing=ecmp", "--routing: \"ecmp\" is unknown; write one of ideal, static, hashed, adaptive"},
      {"hgx spines=none", "--spines: \"none\" is not a count; write a whole number from 1 to 10000"},
      {"nvl72 cross-rail=leaf", "--cross-rail: \"leaf\" is unknown; write one of nvlink, spine"},
      {"hgx kv-store=20TB",
       "--kv-store: there is no storage system to hold it; write --storage, such as --storage=100GB/s"},
      {"nvl72 racks=2 storage=40GB/s kv-store=20",
       "--kv-store: \"20\" has no unit; write a size, such as 80GB"},
      {"hgx nodes=1 storage=40GB/s", "--storage: there is no fabric for it; write --nodes of at least 2"},
      {"nvl72 domain-size=70", "--domain-size: 70 accelerators are no whole trays of 4; write a multiple"},
      {"fat-tree levels=1", "--levels: \"1\" is no tree; write 2 or 3"},
      {"fat-tree domains=1", "--domains: \"1\" makes 1 domains; a fabric has 2 to 100000"},
      {"fat-tree oversubscription=3",
       "--oversubscription: 3 does not divide the 8 domains of a leaf; write a divisor"},
      {"fat-tree hosts=node", "--hosts: \"node\" is unknown; write domain, tray or gpu"},
      {"fat-tree hosts=tray domain-size=6",
       "--domain-size: 6 accelerators are no whole trays of 4; write a multiple"},
      {"fat-tree hosts=tray nics=3",
       "--nics: 3 NICs cannot be shared out among 2 hosts; write a divisor or a multiple"},
      {"fat-tree link-bandwidth=0GB/s",
       "--link-bandwidth: \"0GB/s\" is too small; write a bandwidth, such as 50GB/s"},
      {"dragonfly groups=5", "--groups: 5 groups need as many routers in a chassis, each to lead to one of "
                             "them; write at most --routers=4"},
      {"torus dimensions=4", "--dimensions: \"4\" are not two or three sizes from 2 to 1000; write such as "
                             "4x4x4"},
      {"torus dimensions=4x1", "--dimensions: \"4x1\" are not two or three sizes from 2 to 1000; write such "
                               "as 4x4x4"},
      {"torus dimensions=400x400",
       "--dimensions: \"400x400\" makes 160000 domains; a fabric has 2 to 100000"},
      {"nvl72 racks=20000 hosts=gpu", "--racks: more than a million hosts; write fewer, or larger hosts"},
      {"nvl72 racks=8 site-power=1MW", "--site-power: each of the racks draws up to 136253 W, conversion and "
                                       "cooling included, so that 7 fit; "
                                       "write more power, or a lower --accelerator-power"},
      {"single pue=0", "--pue: \"0\" is not a ratio; write a number of at least 1, such as 1.5"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_autoptr(GError) error = NULL;
    assert_null(generate(rows[i][0], &error));
    assert_true(error->domain == TW_INPUT_ERROR);
    assert_string_equal(error->message, rows[i][1]);
  }
}

/* Every kind is a subcommand, and its example works. */
static void the_command_knows_every_kind(void **state)
{
  (void)state;
  for (const tw_platform_generator *generator = tw_platform_generators; generator->name != NULL;
       generator++) {
    g_autofree char *output = NULL;
    const char *const argv[] = {TW_PROGRAM, "platform", generator->name, "--help", NULL};
    int status = -1;
    assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &output, NULL,
                             &status, NULL));
    assert_true(g_spawn_check_wait_status(status, NULL));
    for (gsize i = 0; generator->fallbacks[i] != NULL; i++)
      assert_non_null(strstr(output, generator->options[i].long_name));
  }
}

static void the_command_leaves_no_half_written_file(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  g_autofree char *path = g_build_filename(files.folder, "site.xml", NULL);
  const char *const argv[] = {TW_PROGRAM, "platform", "hgx", "--nodes=0", "-o", path, NULL};
  int status = -1;
  assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, NULL, NULL,
                           &status, NULL));
  g_autoptr(GError) error = NULL;
  assert_false(g_spawn_check_wait_status(status, &error));
  assert_int_equal(error->code, 2);
  assert_int_equal(g_rmdir(files.folder), 0); /* it is empty */
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(shipped_platforms_are_what_the_generators_write),
      cmocka_unit_test(the_comment_of_a_file_is_the_command_that_writes_it),
      cmocka_unit_test(hgx_hosts_are_nodes_or_gpus),
      cmocka_unit_test(nvl72_hosts_are_trays_of_four),
      cmocka_unit_test(powers_add_up_to_the_published_ones),
      cmocka_unit_test(a_site_is_as_large_as_its_power_allows),
      cmocka_unit_test(an_idle_node_draws_what_was_measured),
      cmocka_unit_test(the_fabric_draws_its_share_whatever_the_hosts_are),
      cmocka_unit_test(bandwidths_follow_from_nics_and_oversubscription),
      cmocka_unit_test(bad_settings_say_what_would_be_right),
      cmocka_unit_test(the_command_knows_every_kind),
      cmocka_unit_test(the_command_leaves_no_half_written_file),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
