/* Broken traces, and what their user reads. */
#include "platforms/input/fault.h"
#include "tests/workloads/given.h"
#include "workloads/stream/stream.h"

#define AZURE      "TIMESTAMP,ContextTokens,GeneratedTokens\n"
#define AZURE_GOOD AZURE "2023-11-16 18:15:46.6805900,374,44\n"
#define MOONCAKE   "{\"timestamp\": 5, \"input_length\": 600, \"output_length\": 1, \"hash_ids\": [1, 2]}\n"
#define SERVEGEN   "arrival_s,client_id,input_tokens,output_tokens,reasoning_tokens\n"
#define NATIVE     "arrival_s,prompt_tokens,reasoning_tokens,answer_tokens,session,priority,hash_tokens,hashes\n"

typedef struct {
  const char *format, *text, *message;
} broken;

static const broken traces[] = {
    {"azure", "", "trace: the file is empty; a header line that names the columns is needed"},
    {"azure", "TIMESTAMP,ContextToken,GeneratedTokens\n",
     "trace:1: column 'ContextTokens' is missing; is 'ContextToken' meant to be it?; it was read as "
     "format=\"azure\", but "
     "looks like \"log\": write that, or --set //trace/@format=log"},
    {"azure", AZURE, "trace: the trace has no requests; at least one is needed"},
    {"azure", AZURE_GOOD "2023-11-16 18:15:46.6805899,374,44\n",
     "trace:3: arrives at -1e-07 s, before the request above it at 0 s; a trace is in the order of arrival "
     "(--order=sort, or order=\"sort\", sorts it)"},
    {"azure", AZURE_GOOD "2023-11-16 18:15:47,374,-1\n",
     "trace:3: GeneratedTokens is '-1'; a whole number from 0 to 16777216 is needed"},
    {"azure", AZURE_GOOD "2023-11-16 18:15:47,-374,44\n",
     "trace:3: ContextTokens is '-374'; a whole number from 1 to 16777216 is needed"},
    {"azure", AZURE_GOOD "2023-11-16 18:15:47,99999999999999999999999,44\n",
     "trace:3: ContextTokens is '99999999999999999999999'; a whole number from 1 to 16777216 is needed"},
    {"azure", AZURE_GOOD "2023-11-16 18:15:47,16777217,44\n",
     "trace:3: ContextTokens is '16777217'; a whole number from 1 to 16777216 is needed"},
    {"azure", AZURE_GOOD "2023-11-16 18:15:47,,44\n",
     "trace:3: ContextTokens is ''; a whole number from 1 to 16777216 is needed"},
    {"azure", AZURE_GOOD "2023-11-16 18:15:47,12.5,44\n",
     "trace:3: ContextTokens is '12.5'; a whole number from 1 to 16777216 is needed"},
    {"azure", AZURE_GOOD "2023-11-16 18:15:47,374\n",
     "trace:3: the row ends after 2 of the header's 3 columns"},
    {"azure", AZURE_GOOD "2023-11-16 18:15:47,374,44,1\n",
     "trace:3: the row has more fields than the header's 3 columns"},
    {"azure", AZURE_GOOD "2023-02-29 18:15:47,374,44\n",
     "trace:3: TIMESTAMP is '2023-02-29 18:15:47'; a time such as 2023-11-16 18:15:46.6805900 is needed"},
    {"azure", AZURE_GOOD "2023-11-16 24:15:47,374,44\n",
     "trace:3: TIMESTAMP is '2023-11-16 24:15:47'; a time such as 2023-11-16 18:15:46.6805900 is needed"},
    {"azure", AZURE_GOOD "2023-11-16 18:15:47.,374,44\n",
     "trace:3: TIMESTAMP is '2023-11-16 18:15:47.'; a time such as 2023-11-16 18:15:46.6805900 is needed"},
    {"azure", AZURE_GOOD "11/16/2023 18:15,374,44\n",
     "trace:3: TIMESTAMP is '11/16/2023 18:15'; a time such as 2023-11-16 18:15:46.6805900 is needed"},
    {"azure", AZURE_GOOD "2099-11-16 18:15:46.6805900,374,44\n",
     "trace:3: TIMESTAMP is '2099-11-16 18:15:46.6805900', over 31 years away from the first; a shorter "
     "trace is "
     "needed"},

    {"mooncake", "{\"timestamp\": 0, \"input_length\": 1, \"output_length\": 1\n",
     "trace:1: column 55, near 'the end': , or } is expected; a JSON object is needed"},
    {"mooncake", "[]\n", "trace:1: \"timestamp\" is missing; every request needs it"},
    {"mooncake", MOONCAKE "{\"timestamp\": 5, \"input_length\": 600, \"output_lenght\": 1}\n",
     "trace:2: \"output_length\" is missing; is \"output_lenght\" meant to be it?"},
    {"mooncake", MOONCAKE "{\"timestamp\": 5, \"input_length\": \"six\", \"output_length\": 1}\n",
     "trace:2: \"input_length\" is not a number; write {\"input_length\": 1, ...}"},
    {"mooncake", MOONCAKE "{\"timestamp\": 5, \"input_length\": 600, \"output_length\": -1}\n",
     "trace:2: \"output_length\" is -1; a whole number from 0 to 16777216 is needed"},
    {"mooncake", MOONCAKE "{\"timestamp\": 5, \"input_length\": 1e9, \"output_length\": 1}\n",
     "trace:2: \"input_length\" is 1000000000; a whole number from 1 to 16777216 is needed"},
    {"mooncake", MOONCAKE "{\"timestamp\": -5, \"input_length\": 600, \"output_length\": 1}\n",
     "trace:2: \"timestamp\" is -5; milliseconds since the start of the trace, from 0 to 1e+12, are needed"},
    {"mooncake", MOONCAKE "{\"timestamp\": 4, \"input_length\": 600, \"output_length\": 1}\n",
     "trace:2: arrives at 0.004 s, before the request above it at 0.005 s; a trace is in the order of "
     "arrival (--order=sort, or order=\"sort\", sorts it)"},
    {"mooncake",
     MOONCAKE "{\"timestamp\": 5, \"input_length\": 512, \"output_length\": 1, \"hash_ids\": [1, 2]}\n",
     "trace:2: \"hash_ids\" does not fit a prompt of 512 tokens; a list of at most 1 ids, one for 512 "
     "tokens, is "
     "needed (--block-size says another number)"},
    {"mooncake",
     MOONCAKE "{\"timestamp\": 5, \"input_length\": 600, \"output_length\": 1, \"hash_ids\": [1, -2]}\n",
     "trace:2: id 2 of \"hash_ids\" is no whole number from 0 to 2^64 - 1"},
    {"mooncake", MOONCAKE "{\"timestamp\": 5, \"timestamp\": 6}\n",
     "trace:2: column 18, near '\"timestamp\": 6}': a key of the object is there twice; a JSON object is "
     "needed"},

    {"servegen", SERVEGEN "0,1,5,10,11\n",
     "trace:2: reasoning_tokens is 11, more than output_tokens, 10, which includes them"},
    {"servegen", SERVEGEN "nan,1,5,10,1\n",
     "trace:2: arrival_s is 'nan'; seconds since the start of the trace, from 0 to 1e9, are needed"},
    {"servegen", SERVEGEN "inf,1,5,10,1\n",
     "trace:2: arrival_s is 'inf'; seconds since the start of the trace, from 0 to 1e9, are needed"},
    {"servegen", SERVEGEN "1700157346,1,5,10,1\n",
     "trace:2: arrival_s is '1700157346'; seconds since the start of the trace, from 0 to 1e9, are needed"},
    {"servegen", SERVEGEN "0x10,1,5,10,1\n",
     "trace:2: arrival_s is '0x10'; seconds since the start of the trace, from 0 to 1e9, are needed"},
    {"servegen", SERVEGEN ",1,5,10,1\n",
     "trace:2: arrival_s is ''; seconds since the start of the trace, from 0 to 1e9, are needed"},
    {"servegen", SERVEGEN "0,1,5,10,-1\n",
     "trace:2: reasoning_tokens is '-1'; a whole number from 0 to 16777216 is needed"},

    {"tokenworks", NATIVE "0,1,0,1,,high,,\n",
     "trace:2: priority is 'high'; a whole number of 32 bits is needed, lower is served first"},
    {"tokenworks", NATIVE "0,1,0,1,,4294967296,,\n",
     "trace:2: priority is '4294967296'; a whole number of 32 bits is needed, lower is served first"},
    {"tokenworks", NATIVE "0,1,0,1,,,,5 6\n",
     "trace:2: hashes without hash_tokens; say how many prompt tokens one id stands for"},
    {"tokenworks", NATIVE "0,33,0,1,,,16,5 6 7 8\n",
     "trace:2: 4 hashes of 16 tokens for a prompt of 33; at most 3 are needed"},
    {"tokenworks", NATIVE "0,64,0,1,,,16,5 -6\n",
     "trace:2: hashes hold '-6'; whole numbers from 0 on, separated by blanks, are needed"},
    {"tokenworks", NATIVE "0,64,0,1,,,16,5;6\n",
     "trace:2: hashes hold '5;6'; whole numbers from 0 on, separated by blanks, are needed"},
    {"tokenworks", NATIVE "0,64,0,1,,,16,18446744073709551616\n",
     "trace:2: hashes hold '18446744073709551616'; whole numbers from 0 on, separated by blanks, are needed"},
    {"tokenworks", "prompt_tokens\n",
     "trace:1: column 'arrival_s' is missing; the header line must name arrival_s, prompt_tokens, "
     "answer_tokens"},
    {NULL, "hello\n",
     "trace:1: the first line is that of no trace format (`tokenworks workload convert --help` lists them); "
     "as a log of "
     "your own: which column holds the arrival, the prompt tokens, the output tokens? say it with --map "
     "arrival=COLUMN,prompt=COLUMN,output=COLUMN (of `tokenworks workload convert`); there are hello"},
    {NULL, "", "trace: the file is empty; a trace of requests is needed"},
};

/* The message of the first fault of a file, without its directory. */
static char *first_fault(void **state, const char *path, const char *format)
{
  const tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
  g_autoptr(GError) error = NULL;
  g_autoptr(tw_stream) stream =
      tw_stream_open(path, format != NULL ? tw_trace_format_find(format) : NULL, &options, &error);
  tw_request request;
  while (stream != NULL && tw_stream_next(stream, &request, &error))
    tw_request_clear(&request);
  assert_non_null(error);
  assert_true(error->domain == TW_INPUT_ERROR);
  assert_true(g_str_has_prefix(error->message, *state));
  return g_strdup(error->message + strlen(*state) + 1);
}

static void every_fault_names_its_line_and_what_would_be_right(void **state)
{
  for (guint i = 0; i < G_N_ELEMENTS(traces); i++) {
    g_autofree char *path = given_text(state, "trace", traces[i].text);
    g_autofree char *message = first_fault(state, path, traces[i].format);
    assert_string_equal(message, traces[i].message);
  }
}

static void a_nul_byte_in_a_field_nobody_reads_is_a_fault(void **state)
{
  static const char text[] = AZURE "2023-11-16 18:15:46,374,44\n2023-11-16 18:15:46,374,4\0\n";
  g_autofree char *path = given_bytes(state, "trace", text, sizeof text - 1);
  g_autofree char *message = first_fault(state, path, "azure");
  assert_string_equal(message, "trace:3: NUL byte in column 26; a text file is needed");
}

/* Cut after 100,000 of 180,355 bytes. */
static void a_truncated_trace_is_a_fault_at_the_line_where_it_ends(void **state)
{
  g_autofree char *whole = g_build_filename(TW_SOURCE_DIR, "workloads/traces/azure-conv-2023.csv.gz", NULL);
  g_autofree char *bytes = NULL;
  gsize length;
  assert_true(g_file_get_contents(whole, &bytes, &length, NULL));
  g_autofree char *path = given_bytes(state, "trace", bytes, 100000);
  g_autofree char *message = first_fault(state, path, "azure");
  /* gzip -dc of the cut file gives 10,781 whole lines and part of the next. */
  assert_string_equal(message,
                      "trace:10782: the gzip data ends too early: the file is truncated; fetch it again");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_fault_names_its_line_and_what_would_be_right),
      cmocka_unit_test(a_nul_byte_in_a_field_nobody_reads_is_a_fault),
      cmocka_unit_test(a_truncated_trace_is_a_fault_at_the_line_where_it_ends),
  };
  return cmocka_run_group_tests(tests, given_directory, remove_directory);
}
