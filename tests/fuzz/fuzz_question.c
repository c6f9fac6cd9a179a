/* Any bytes, read as a question to the planner, give a question or faults, never both. */
#include "sim/planner/question.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  int file;
  g_autofree char *path = fuzz_path(data, size, &file);
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_question) question = tw_question_load(path, faults);
  fuzz_check(question, faults);
  close(file);
  return 0;
}
