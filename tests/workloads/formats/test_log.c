/* Logs of one's own, as programs export them: each is read at the first try, or a hint says what is missing.
 */
#include "tests/workloads/given.h"
#include "workloads/formats/log.h"
#include "workloads/traces/replay.h"

typedef struct {
  const char *what, *text, *map;
  const char *rows; /* "arrival prompt reasoning answer session class" of each, in order */
  guint64 skipped;
} export;

/* Each holds two requests, a second and a half apart: 100 and 20 tokens, then 300 and 40. */
#define PLAIN "0 100 0 20 - -\n1.5 300 0 40 - -\n"

static const export exports[] = {
    {"a database's CSV with ISO times in UTC",
     "created_at,prompt_tokens,completion_tokens\n2026-06-01 08:00:00+00:00,100,20\n"
     "2026-06-01 08:00:01.500+00:00,300,40\n",
     NULL, PLAIN, 0},
    {"times with Z and T",
     "timestamp,input_tokens,output_tokens\n2026-06-01T08:00:00Z,100,20\n2026-06-01T08:00:01.5Z,300,40\n",
     NULL, PLAIN, 0},
    {"a zone without a colon",
     "timestamp,input_tokens,output_tokens\n2026-06-01T08:00:00+0100,100,20\n2026-06-01T07:00:01.5+0000,300,"
     "40\n",
     NULL, PLAIN, 0},
    {"BigQuery's UTC behind a blank",
     "timestamp,input_tokens,output_tokens\n2026-06-01 08:00:00 UTC,100,20\n2026-06-01 08:00:01.500000 "
     "UTC,300,40\n",
     NULL, PLAIN, 0},
    {"seconds since 1970 with a fraction",
     "ts,prompt_tokens,completion_tokens\n1780300800.25,100,20\n1780300801.75,300,40\n", NULL, PLAIN, 0},
    {"milliseconds since 1970",
     "ts,prompt_tokens,completion_tokens\n1780300800250,100,20\n1780300801750,300,40\n", NULL, PLAIN, 0},
    {"microseconds since 1970",
     "ts,prompt_tokens,completion_tokens\n1780300800250000,100,20\n1780300801750000,300,40\n", NULL, PLAIN,
     0},
    {"nanoseconds since 1970, beyond what doubles hold",
     "ts,prompt_tokens,completion_tokens\n1780300800250000001,100,20\n1780300801750000001,300,40\n", NULL,
     PLAIN, 0},
    {"Excel's days",
     "date;prompt tokens;completion tokens\n46174,3333333333;100;20\n46174,3333506944;300;40\n", NULL, PLAIN,
     0},
    {"a semicolon and decimal commas", "start;input_tokens;output_tokens\n0,5;100,0;20\n2,0;300,0;40\n", NULL,
     PLAIN, 0},
    {"tabs, a byte order mark and CR LF",
     "\xef\xbb\xbftimestamp\tprompt_tokens\tcompletion_tokens\r\n2026-06-01 08:00:00\t100\t20\r\n"
     "2026-06-01 08:00:01.5\t300\t40\r\n\r\n",
     NULL, PLAIN, 0},
    {"pandas, which writes whole numbers with a point, and an index",
     ",arrival,prompt_tokens,completion_tokens\n0,0.0,100.0,20.0\n1,1.5,300.0,40.0\n", NULL, PLAIN, 0},
    {"quoted numbers with thousands",
     "time,prompt_tokens,completion_tokens\n0,\"1,100\",20\n1.5,\"12,300\",40\n", NULL,
     "0 1100 0 20 - -\n1.5 12300 0 40 - -\n", 0},
    {"rows in the order of ending, some empty, some failed",
     "request_time,prompt_tokens,completion_tokens,status\n2026-06-01 08:00:01.5,300,40,200\n"
     "2026-06-01 08:00:00,100,20,200\n2026-06-01 08:00:02,100,,200\n2026-06-01 08:00:03,50,0,500\n,,,\n",
     NULL, PLAIN, 3},
    {"Anthropic's usage, whose input is without what its cache read and wrote",
     "{\"timestamp\": \"2026-06-01T08:00:00Z\", \"message\": {\"usage\": {\"input_tokens\": 3, "
     "\"cache_creation_input_tokens\": 7, \"cache_read_input_tokens\": 90, \"output_tokens\": 20}}}\n"
     "{\"timestamp\": \"2026-06-01T08:00:01.5Z\", \"message\": {\"usage\": {\"input_tokens\": 0, "
     "\"cache_creation_input_tokens\": null, \"cache_read_input_tokens\": 300, \"output_tokens\": 40}}}\n",
     NULL, PLAIN, 0},
    {"the same columns of others, where the prompt holds them, or is said",
     "time,input_tokens,cache_read_input_tokens,output_tokens\n0,100,90,20\n1.5,300,200,40\n",
     "prompt=input_tokens", PLAIN, 0},
    {"a list of spans with OpenTelemetry's names",
     "[{\"time\": 0, \"gen_ai.usage.input_tokens\": 100, \"gen_ai.usage.cache_read.input_tokens\": 64, "
     "\"gen_ai.usage.output_tokens\": 20},\n {\"time\": 1.5, \"gen_ai.usage.input_tokens\": 300, "
     "\"gen_ai.usage.cache_read.input_tokens\": 0, \"gen_ai.usage.output_tokens\": 40}]\n",
     NULL, PLAIN, 0},
    {"JSON lines with nested names",
     "{\"time\": \"2026-06-01T08:00:00Z\", \"attributes\": {\"gen_ai.usage.input_tokens\": 100, "
     "\"gen_ai.usage.output_tokens\": \"20\"}}\n"
     "{\"time\": \"2026-06-01T08:00:01.5Z\", \"attributes\": {\"gen_ai.usage.input_tokens\": 300, "
     "\"gen_ai.usage.output_tokens\": 40}}\n",
     NULL, PLAIN, 0},
    {"JSON lines of an API's usage",
     "{\"created\": 1780300800, \"model\": \"m\", \"usage\": {\"prompt_tokens\": 100, \"completion_tokens\": "
     "30, "
     "\"completion_tokens_details\": {\"reasoning_tokens\": 10}}, \"user\": \"u1\"}\n"
     "{\"created\": 1780300802, \"model\": \"m\", \"usage\": {\"prompt_tokens\": 300, \"completion_tokens\": "
     "40}, \"user\": \"u1\"}\n",
     NULL, "0 100 10 20 u1 m\n2 300 0 40 u1 m\n", 0},
    {"names that nobody can guess, and a map",
     "wann,rein,raus,wer,was\n2026-06-01 08:00:00,100,20,anna,gross\n2026-06-01 "
     "08:00:01.5,300,40,bob,klein\n",
     "arrival=wann,prompt=rein,output=raus,session=wer,class=was",
     "0 100 0 20 anna gross\n1.5 300 0 40 bob klein\n", 0},
    {"words beside tokens, in German, with days first and thousands behind a point",
     "Datum;Eingabe Tokens;Ausgabe Tokens\r\n01.06.2026 08:00:00;1.100;20\r\n01.06.2026 "
     "08:00:01,5;12.300;40\r\n",
     NULL, "0 1100 0 20 - -\n1.5 12300 0 40 - -\n", 0},
    {"units in the names, which tell milliseconds from seconds",
     "Timestamp (ms),Input tokens (count),Output tokens (count)\n1000,100,20\n2500,300,40\n", NULL, PLAIN, 0},
    {"months first, with AM and PM",
     "time,prompt_tokens,completion_tokens\n6/1/2026 11:59:59.5 AM,100,20\n\"06/01/2026, 12:00:01 "
     "PM\",300,40\n",
     NULL, PLAIN, 0},
    {"days first, which a later row tells",
     "time,prompt_tokens,completion_tokens\n12/6/2026 23:59:59,100,20\n13/6/26 00:00:00.5,300,40\n", NULL,
     PLAIN, 0},
    {"days first, which is said",
     "time,prompt_tokens,completion_tokens\n1/6/2026 8:00,100,20\n2/6/2026 8:00,300,40\n", NULL,
     "0 100 0 20 - -\n86400 300 0 40 - -\n", 0},
    {"dates of HTTP, of web servers, of Java and of Go",
     "time,prompt_tokens,completion_tokens\n\"Mon, 01 Jun 2026 08:00:00 GMT\",1,1\n01/Jun/2026:10:00:01 "
     "+0200,2,1\n2026-06-01T10:00:02+02:00[Europe/Berlin],3,1\n2026-06-01 08:00:03.5 +0000 UTC,4,1\n"
     "\"June 1, 2026 8:00:04 AM EST\",5,1\n2026-06-01 10:00:05 CEST,6,1\n",
     NULL, "0 1 0 1 - -\n1 2 0 1 - -\n2 3 0 1 - -\n3.5 4 0 1 - -\n5 6 0 1 - -\n18004 5 0 1 - -\n", 0},
    {"digits alone, and names of a tracer with underscores",
     "start_ts,llm_token_count_prompt,llm_token_count_completion\n20260601080000,100,20\n20260601T080001.5Z,"
     "300,40\n",
     NULL, PLAIN, 0},
    {"a date and a time apart",
     "date,time,prompt_tokens,completion_tokens\n2026-06-01,23:59:59,100,20\n2026-06-02,00:00:00.5,300,40\n",
     NULL, PLAIN, 0},
    {"a total in place of the output", "time,prompt_tokens,total_tokens\n0,100,120\n1.5,300,340\n2,30,20\n",
     NULL, PLAIN, 1},
    {"Gemini's counts, whose candidates are without thoughts, in a list over lines",
     "[\n {\"createTime\": \"2026-06-01T08:00:00Z\",\n  \"usageMetadata\": {\"promptTokenCount\": 100,\n"
     "   \"candidatesTokenCount\": 20, \"thoughtsTokenCount\": 7, \"totalTokenCount\": 127}},\n"
     " {\"createTime\": \"2026-06-01T08:00:01.5Z\", \"usageMetadata\": {\"promptTokenCount\": 300, "
     "\"candidatesTokenCount\": 40}}\n]\n",
     NULL, "0 100 7 20 - -\n1.5 300 0 40 - -\n", 0},
    {"a first row that failed, without usage",
     "{\"time\": 0, \"error\": \"timeout\", \"usage\": null}\n{\"time\": 1, \"usage\": {\"prompt_tokens\": "
     "100, "
     "\"completion_tokens\": 20}}\n{\"time\": 2.5, \"usage\": {\"prompt_tokens\": 300, "
     "\"completion_tokens\": 40}}\n",
     NULL, "0 100 0 20 - -\n1.5 300 0 40 - -\n", 1},
    {"prompts in quotes over lines, NULLs, and states in words that nobody knows",
     "time,prompt,response,prompt_tokens,response_tokens,session,status\n0,\"say\n\"\"hi\"\"\",hi,100,20,"
     "NULL,served\n"
     "1.5,x,y,300,40,\\N,served\n2,x,y,NULL,1,s,served\n3,x,y,1,1,s,timed out\n",
     NULL, PLAIN, 2},
    {"answers apart from reasoning",
     "arrival,prompt_tokens,reasoning_tokens,answer_tokens_total\n0,100,7,20\n1.5,300,0,40\n",
     "answer=answer_tokens_total", "0 100 7 20 - -\n1.5 300 0 40 - -\n", 0},
    {"Bedrock's Converse, whose input is without what its cache read and wrote",
     "{\"ts\": \"2026-06-01T08:00:00Z\", \"usage\": {\"inputTokens\": 10, \"outputTokens\": 20, "
     "\"totalTokens\": 120, \"cacheReadInputTokens\": 60, \"cacheWriteInputTokens\": 30}}\n"
     "{\"ts\": \"2026-06-01T08:00:01.5Z\", \"usage\": {\"inputTokens\": 300, \"outputTokens\": 40, "
     "\"totalTokens\": 340}}\n",
     NULL, PLAIN, 0},
    {"Langfuse's usageDetails beside texts and costs: 10 + 60 + 25 + 5 and 3 + 12 + 5, then 300 and 40",
     "{\"startTime\": \"2026-06-01T08:00:00Z\", \"input\": \"hi\", \"output\": \"ho\", \"costDetails\": "
     "{\"input\": 0.1, \"output\": 0.2}, \"usageDetails\": {\"input\": 10, \"output\": 3, \"total\": 120, "
     "\"input_cached_tokens\": 60, \"cache_read_input_tokens\": 25, \"input_audio_tokens\": 5, "
     "\"output_reasoning_tokens\": 12, \"output_audio_tokens\": 5}}\n"
     "{\"startTime\": \"2026-06-01T08:00:01.5Z\", \"usageDetails\": {\"input\": 300, \"output\": 40}}\n",
     NULL, "0 100 12 8 - -\n1.5 300 0 40 - -\n", 0},
    {"the same in a table",
     "time,usage_details.input,usage_details.input_cached_tokens,usage_details.output,"
     "usage_details.output_reasoning_tokens,usage_details.output_audio_tokens\n0,40,60,7,9,4\n1.5,300,,40,,"
     "\n",
     NULL, "0 100 9 11 - -\n1.5 300 0 40 - -\n", 0},
    {"version 5 of the AI SDK: what a cache held is apart where it is more than the prompt, as with "
     "Anthropic",
     "{\"time\": 0, \"usage\": {\"inputTokens\": 12, \"outputTokens\": 20, \"totalTokens\": 32, "
     "\"cachedInputTokens\": 88}}\n"
     "{\"time\": 1.5, \"usage\": {\"inputTokens\": 300, \"outputTokens\": 40, \"totalTokens\": 340, "
     "\"cachedInputTokens\": 300}}\n",
     NULL, PLAIN, 0},
    {"and what Google's models thought, likewise",
     "{\"time\": 0, \"usage\": {\"inputTokens\": 100, \"outputTokens\": 8, \"reasoningTokens\": 12}}\n"
     "{\"time\": 1.5, \"usage\": {\"inputTokens\": 300, \"outputTokens\": 40, \"reasoningTokens\": 40}}\n",
     NULL, "0 100 12 8 - -\n1.5 300 40 0 - -\n", 0},
    {"Codex, whose totals add up what came before",
     "{\"timestamp\": \"2026-06-01T08:00:00Z\", \"info\": {\"total_token_usage\": {\"input_tokens\": 100, "
     "\"output_tokens\": 20}, \"last_token_usage\": {\"input_tokens\": 100, \"output_tokens\": 20}}}\n"
     "{\"timestamp\": \"2026-06-01T08:00:01.5Z\", \"info\": {\"total_token_usage\": {\"input_tokens\": 400, "
     "\"output_tokens\": 60}, \"last_token_usage\": {\"input_tokens\": 300, \"output_tokens\": 40}}}\n",
     NULL, PLAIN, 0},
    {"Langfuse's table, where input and output are texts",
     "id,startTime,input,output,inputUsage,outputUsage,totalUsage\n"
     "a,2026-06-01T08:00:00Z,hi,ho,100,20,120\n"
     "b,2026-06-01T08:00:01.5Z,hi,ho,300,40,340\n",
     NULL, PLAIN, 0},
    {"MongoDB's marks of types",
     "{\"createdAt\": {\"$date\": {\"$numberLong\": \"1780300800000\"}}, \"promptTokens\": {\"$numberInt\": "
     "\"100\"}, \"completionTokens\": {\"$numberInt\": \"20\"}}\n"
     "{\"createdAt\": {\"$date\": {\"$numberLong\": \"1780300801500\"}}, \"promptTokens\": {\"$numberInt\": "
     "\"300\"}, \"completionTokens\": {\"$numberInt\": \"40\"}}\n",
     NULL, PLAIN, 0},
    {"a web server's variables, of which request_time is how long it took",
     "{\"time_iso8601\": \"x\", \"time_local\": \"01/Jun/2026:08:00:00 +0000\", \"request_time\": \"0.9\", "
     "\"upstream_http_x_prompt_tokens\": \"100\", \"upstream_http_x_completion_tokens\": \"20\"}\n"
     "{\"time_local\": \"01/Jun/2026:08:00:01.5 +0000\", \"request_time\": \"0.9\", "
     "\"upstream_http_x_prompt_tokens\": \"300\", \"upstream_http_x_completion_tokens\": \"40\"}\n"
     "{\"time_local\": \"01/Jun/2026:08:00:02 +0000\", \"request_time\": \"0.9\", "
     "\"upstream_http_x_prompt_tokens\": \"\"}\n",
     NULL, PLAIN, 1},
    {"Spanish, with the day apart",
     "Fecha;Hora;Tokens de entrada;Tokens de salida\n"
     "13/06/2026;23:59:59;100;20\n"
     "14/06/2026;00:00:00,5;300;40\n",
     NULL, PLAIN, 0},
    {"PowerShell's type above the names",
     "#TYPE Selected.System.Management.Automation.PSCustomObject\n"
     "\"Timestamp\",\"PromptTokens\",\"CompletionTokens\"\n"
     "\"2026-06-01 08:00:00\",\"100\",\"20\"\n"
     "\"2026-06-01 08:00:01.5\",\"300\",\"40\"\n",
     NULL, PLAIN, 0},
    {"a table that MySQL draws",
     "+---------------------+---------------+-------------------+\n"
     "| created_at | prompt_tokens | completion_tokens |\n"
     "+---------------------+---------------+-------------------+\n"
     "| 2026-06-01 08:00:00 | 100 | 20 |\n"
     "| 2026-06-01 08:00:01.5 | 300 | 40 |\n"
     "+---------------------+---------------+-------------------+\n"
     "2 rows in set (0.00 sec)\n",
     NULL, PLAIN, 0},
    {"Kibana's dates",
     "\"@timestamp\",\"usage.prompt_tokens\",\"usage.completion_tokens\"\n"
     "\"Jun 1, 2026 @ 08:00:00.000\",100,20\n"
     "\"Jun 1, 2026 @ 08:00:01.500\",300,40\n",
     NULL, PLAIN, 0},
    {"short dates with the year first, and a comma that ends rows",
     "time,prompt_tokens,completion_tokens\n2026/6/1 8:00,100,20,\n2026-6-1 8:00:01.5,300,40,\n", NULL, PLAIN,
     0},
    {"types below the names",
     "timestamp\tinput_tokens\toutput_tokens\n"
     "DateTime\tUInt32\tUInt32\n"
     "2026-06-01 08:00:00\t100\t20\n"
     "2026-06-01 08:00:01.5\t300\t40\n",
     NULL, PLAIN, 1},
    {"a spreadsheet's texts in Windows-1252",
     "Zeitpunkt;Eingabe-Token;Ausgabe-Token;Benutzer\n"
     "01.06.2026 08:00:00;100;20;J\xf6"
     "rg\n"
     "01.06.2026 08:00:01,5;300;40;Zo\xeb"
     "\n",
     NULL, "0 100 0 20 J\u00f6rg -\n1.5 300 0 40 Zo\u00eb -\n", 0},
    {"seconds and Dynamo's names of tokens, without hash ids",
     "{\"timestamp\": 0.5, \"input_tokens\": 100, \"output_tokens\": 20}\n"
     "{\"timestamp\": 2.0, \"input_tokens\": 300, \"output_tokens\": 40}\n",
     NULL, PLAIN, 0},
    {"Mooncake's names and seconds since 1970",
     "{\"timestamp\": 1780300800.0, \"input_length\": 100, \"output_length\": 20}\n"
     "{\"timestamp\": 1780300801.5, \"input_length\": 300, \"output_length\": 40}\n",
     NULL, PLAIN, 0},
    {"marks of formats in a log of another",
     "{\"timestamp\": \"2026-06-01T08:00:00Z\", \"version\": \"1\", \"request_id\": \"a\", \"span_id\": "
     "\"s\", \"session_id\": \"z\", \"turns\": 3, \"spans\": 1, \"info\": \"i\", \"start_time\": "
     "\"2026-06-01T08:00:00Z\", "
     "\"end_time\": \"x\", \"prompt_tokens\": 100, \"completion_tokens\": 20}\n"
     "{\"timestamp\": \"2026-06-01T08:00:01.5Z\", \"start_time\": \"2026-06-01T08:00:01.5Z\", \"version\": "
     "\"1\", \"session_id\": \"z\", "
     "\"prompt_tokens\": 300, \"completion_tokens\": 40}\n",
     NULL, "0 100 0 20 z -\n1.5 300 0 40 z -\n", 0},
};

static void every_export_is_read_at_the_first_try(void **state)
{
  guint wrong = 0;
  for (guint i = 0; i < G_N_ELEMENTS(exports); i++) {
    g_autofree char *path = given_text(state, "log", exports[i].text);
    tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
    options.reading.map = exports[i].map;
    if (strstr(exports[i].what, "which is said") != NULL)
      options.reading.log_time = TW_LOG_DMY;
    g_autoptr(GError) error = NULL;
    g_autoptr(tw_replay) replay =
        tw_replay_open(path, exports[i].map != NULL ? &tw_trace_log : NULL, &options, &error);
    g_autoptr(GString) rows = g_string_new(NULL);
    tw_trace_row row;
    while (replay != NULL && tw_replay_next(replay, &row, &error)) {
      g_string_append_printf(rows, "%.6g %d %d %d %s %s\n", row.request.arrival_s, row.request.prompt_tokens,
                             row.request.reasoning_tokens, row.request.answer_tokens,
                             row.request.session != NULL ? row.request.session : "-",
                             row.request.class != NULL ? row.request.class : "-");
      tw_trace_row_clear(&row);
    }
    guint64 skipped = replay != NULL ? tw_trace_rows_tally(tw_replay_rows(replay))->skipped : 0;
    if (error != NULL || !g_str_equal(rows->str, exports[i].rows) || skipped != exports[i].skipped) {
      print_error("%s: %s\n%s", exports[i].what, error != NULL ? error->message : "", rows->str);
      wrong++;
    }
  }
  assert_int_equal(wrong, 0);
}

static void a_hint_says_what_is_missing(void **state)
{
  static const struct {
    const char *text, *map, *message;
  } cases[] = {
      {"wann,rein,raus\n0,1,1\n", NULL,
       "log:1: which column holds the arrival, the prompt tokens, the output tokens? say it with --map "
       "arrival=COLUMN,prompt=COLUMN,output=COLUMN (of `tokenworks workload convert`); there are wann, rein, "
       "raus"},
      {"2026-06-01T08:00:00Z,1,1\n", NULL,
       "log:1: '2026-06-01T08:00:00Z' is no name of a column; put a line of names before the rows, such as: "
       "sed '1i "
       "arrival,prompt_tokens,output_tokens' FILE > log.csv"},
      {"{\"hits\": {\"hits\": [{\"a\": 1}]}}\n", NULL,
       "log:1: if the requests are in the list \"hits.hits\", write it alone: jq -c '.hits.hits[]' FILE > "
       "log.jsonl"},
      {"{\"ts\": 1, \"value\": \"{\\\"prompt_tokens\\\": 1}\"}\n", NULL,
       "log:1: if \"value\" is a JSON object in a text, unpack it: jq -c '.value |= fromjson' FILE > "
       "log.jsonl"},
      {"wann,prompt_tokens,raus\n0,1,1\n", "arrival=wann,output=rauss",
       "--map: no column is called 'rauss'; did you mean \"raus\"?"},
      {"time,prompt_tokens,completion_tokens\n1/6/2026 8:00,1,1\n", NULL,
       "log:2: time is '1/6/2026 8:00'; is its day first, or its month? say it with --time dmy or --time "
       "mdy"},
      {"time,prompt_tokens,completion_tokens\nyesterday,1,1\n", NULL,
       "log:2: time is 'yesterday'; a time such as 2026-06-01T08:00:00.1Z, or a count of seconds, is needed "
       "(--map "
       "arrival=COLUMN names another column, --time how it is written)"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *path = given_text(state, "log", cases[i].text);
    tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
    options.reading.map = cases[i].map;
    g_autoptr(GError) error = NULL;
    assert_null(tw_replay_open(path, &tw_trace_log, &options, &error));
    const char *message = error->message;
    if (g_str_has_prefix(message, *state))
      message += strlen(*state) + 1;
    assert_string_equal(message, cases[i].message);
  }
}

/* Told of files of any format, with a command that mends them. */
static void a_hint_says_how_a_file_is_mended(void **state)
{
  static const struct {
    const char *text, *message;
  } cases[] = {
      {"Usage report,,\ntime,prompt_tokens,completion_tokens\n0,1,1\n", "tail -n +2 FILE > log.csv"},
      {"time,message\n0,\"{\"\"prompt_tokens\"\":1}\"\n",
       "mlr --icsv --ifs ',' --ojsonl json-parse -f 'message' FILE"},
      {"2026-06-01 08:00:00 INFO {\"prompt_tokens\":1}\n", "sed -E 's/^([0-9-]+[T ][0-9:.,]+Z?)[^{]*\\{/"},
      {"::1 - - [01/Jun/2026:08:00:00 +0000] \"POST\" {\"prompt_tokens\":1}\n",
       "sed -E 's/^[^[]*\\[([^]]+)\\][^{]*\\{/"},
      {"::1 - - [01/Jun/2026:08:00:00 +0000] prompt_tokens=1\n",
       "mlr --idkvp --ifs ' ' --ojsonl cat > log.jsonl"},
      {"2026-06-01 08:00:00\t1\t1\n", "sed '1i arrival\\tprompt_tokens\\toutput_tokens' FILE"},
      /* Commands are copied: what a shell might take for something else does not stand in them. */
      {"{\"ts\": 1, \"a'$(b)\": \"{}\"}\n", "jq -c '.NAME |= fromjson' FILE"},
      {"{\"a'`b`\": [{\"ts\": 1}]}\n", "jq -c '.NAME[]' FILE"},
      {"time,a';b\n0,\"{\"\"c\"\":1}\"\n", "json-parse -f 'NAME' FILE"},
      {"[{\"line\": \"{}\", \"ts\": 1}]\n", "jq -c '.[] | .line |= fromjson' FILE"},
      {"{\"meta\": [{\"name\": \"a\"}], \"data\": [{\"ts\": 1, \"prompt_tokens\": 1, \"output_tokens\": "
       "1}]}\n",
       "jq -c '.data[]' FILE"},
      {"{\"ts\": 1, \"prompt_tokens\": 1, \"output_tokens\": 1},\n", "sed 's/,[[:space:]]*$//' FILE"},
      {"Time,sum(rate(tokens[1m]))\n0,1\n", "a row adds up many requests"},
      {"<!DOCTYPE html>\n", "this is HTML or XML"},
      {"Timestamp,Request tokens,Response tokens\n2026-06-01T08:00:00Z,1,1\n",
       "a log of your own is read with --format=log"},
      {"{\"id\": \"p\", \"models\": [], \"requests\": [{\"t\": 0, \"in\": 1, \"out\": 1}, {\"t\": 1, "
       "\"type\": \"subagent\", \"status\": \"completed\", "
       "\"requests\": [{\"t\": 1, \"type\": \"subagent\", \"requests\": []}]}], \"block_size\": 64}\n",
       "a sub-agent within a sub-agent is not read"},
      {"ts,prompt_tokens,output_tokens\n1.7803E+12,1,1\n", "ts is '1.7803E+12'; a spreadsheet rounded it"},
      {"time,prompt,output\n0,hi,ho\n",
       "the trace has no requests; left out: 1 rows: no whole number of tokens (prompt)"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *path = given_text(state, "any", cases[i].text);
    const tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
    g_autoptr(GError) error = NULL;
    tw_trace_row row;
    g_autoptr(tw_replay) replay = tw_replay_open(path, NULL, &options, &error);
    assert_false(replay != NULL && tw_replay_next(replay, &row, &error));
    if (strstr(error->message, cases[i].message) == NULL)
      fail_msg("%s: %s", cases[i].message, error->message);
  }
}

/* What may be lost or counted twice is told. */
static void doubtful_counts_are_told(void **state)
{
  static const struct {
    const char *text, *note;
  } cases[] = {
      {"time,prompt_tokens,completion_tokens,total_tokens\n0,10,20,30\n1,10,20,120\n",
       "total_tokens is 120 where prompt and output are 30 tokens"},
      {"{\"ts\": 1, \"message\": {\"id\": \"m\"}, \"prompt_tokens\": 1, \"output_tokens\": 1}\n"
       "{\"ts\": 2, \"message\": {\"id\": \"m\"}, \"prompt_tokens\": 1, \"output_tokens\": 1}\n",
       "rows say the message.id of the row above again, first in line 2; if they are parts of one answer, "
       "keep the last of "
       "each: jq -sc 'group_by(.message.id) | map(last) | .[]' FILE > log.jsonl"},
      {"{\"ts\": 1, \"m'$(b)\": {\"request_id\": \"r\"}, \"prompt_tokens\": 1, \"output_tokens\": 1}\n"
       "{\"ts\": 2, \"m'$(b)\": {\"request_id\": \"r\"}, \"prompt_tokens\": 1, \"output_tokens\": 1}\n",
       "jq -sc 'group_by(.NAME) | map(last) | .[]' FILE > log.jsonl"},
      {"{\"ts\": 1, \"usageDetails\": {\"input\": 112, \"output\": 40, \"input_cached_tokens\": 9000, "
       "\"total\": 14152}}\n",
       "usageDetails.total is 14152 where prompt and output are 9152 tokens"},
      {"{\"ts\": 1, \"usageDetails\": {\"input\": 1, \"output\": 1, \"input_cached_tokens\": 9}}\n",
       "usageDetails.input_cached_tokens is added to prompts"},
      {"{\"ts\": 1, \"usage\": {\"inputTokens\": 12, \"outputTokens\": 40, \"cachedInputTokens\": 9000}}\n",
       "usage.cachedInputTokens is 9000 beside 12, first in line 1: where it is the larger it is counted "
       "apart"},
      {"start_time,num_requests,input_tokens,output_tokens\n1,5,10,20\n",
       "by the column 'num_requests', rows may add up many requests"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *path = given_text(state, "any", cases[i].text);
    const tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
    g_autoptr(tw_replay) replay = tw_replay_open(path, NULL, &options, NULL);
    for (tw_trace_row row; tw_replay_next(replay, &row, NULL);)
      tw_trace_row_clear(&row);
    const GPtrArray *notes = tw_trace_rows_tally(tw_replay_rows(replay))->notes;
    gboolean told = FALSE;
    for (guint j = 0; j < notes->len; j++)
      told |= strstr(notes->pdata[j], cases[i].note) != NULL;
    assert_true(told);
  }
}

/* One row that is early stands behind three later ones: it is one that goes back, as are not those behind it. */
static void rows_before_the_row_above_are_counted(void **state)
{
  g_autofree char *path =
      given_text(state, "log", "time,prompt_tokens,output_tokens\n5,1,1\n9,2,1\n1,3,1\n2,4,1\n6,5,1\n");
  const tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
  g_autoptr(tw_replay) replay = tw_replay_open(path, NULL, &options, NULL);
  static const int prompts[] = {3, 4, 1, 5, 2};
  tw_trace_row row;
  for (guint i = 0; i < G_N_ELEMENTS(prompts); i++) {
    assert_true(tw_replay_next(replay, &row, NULL));
    assert_int_equal(row.request.prompt_tokens, prompts[i]);
    tw_trace_row_clear(&row);
  }
  assert_int_equal(tw_trace_rows_tally(tw_replay_rows(replay))->moved, 1);
}

/* A file that two formats could be is refused, and both are named. */
static void a_file_of_two_formats_is_refused(void **state)
{
  g_autofree char *path = given_text(
      state, "two", "arrival_s,prompt_tokens,answer_tokens,input_tokens,output_tokens\n0,1,1,1,1\n");
  tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
  g_autoptr(GError) error = NULL;
  assert_null(tw_replay_open(path, NULL, &options, &error));
  assert_non_null(strstr(error->message, "fits the formats tokenworks and servegen"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_export_is_read_at_the_first_try),
      cmocka_unit_test(a_hint_says_what_is_missing),
      cmocka_unit_test(a_hint_says_how_a_file_is_mended),
      cmocka_unit_test(doubtful_counts_are_told),
      cmocka_unit_test(rows_before_the_row_above_are_counted),
      cmocka_unit_test(a_file_of_two_formats_is_refused),
  };
  return cmocka_run_group_tests(tests, given_directory, remove_directory);
}
