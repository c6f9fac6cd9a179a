/* Runs the program many times, and starts once: chaos-server SECONDS
 *
 * The program's libraries take some 30 ms of a processor to be linked and set up, as long as a small run. This process
 * has done so, and forks for every call. A line of its standard input is a call: the words of the command, between
 * tabs, behind the name of the file that takes what it says. A line of its standard output is how that ended, as
 * waitpid() says it. A call that takes longer than SECONDS of CPU time is ended by the system. */
#include <glib.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int tokenworks_main(int argc, char **argv); /* main() of sim/commands/main.c, under another name */

static void redirect(const char *path, int flags, int to)
{
  int file = open(path, flags | O_CLOEXEC, 0666);
  if (file < 0 || dup2(file, to) < 0)
    _exit(127);
}

/* The forked process: never returns. */
static void be_program(char **words, rlim_t seconds)
{
  struct rlimit limit = {seconds, seconds + 5};
  setrlimit(RLIMIT_CPU, &limit);
  redirect("/dev/null", O_RDONLY, STDIN_FILENO);
  redirect(words[0], O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
  dup2(STDOUT_FILENO, STDERR_FILENO);
  exit(tokenworks_main((int)g_strv_length(words + 1), words + 1));
}

int main(int argc, char **argv)
{
  char *line = NULL;
  size_t size = 0;
  rlim_t seconds = argc > 1 ? (rlim_t)g_ascii_strtoull(argv[1], NULL, 10) : RLIM_INFINITY - 5;
  while (getline(&line, &size, stdin) > 0) {
    g_auto(GStrv) words = g_strsplit(g_strchomp(line), "\t", -1);
    int status = 0;
    pid_t child = fork();
    if (child == 0)
      be_program(words, seconds);
    if (child < 0 || waitpid(child, &status, 0) < 0)
      return 1;
    printf("%d\n", status);
    fflush(stdout);
  }
  free(line);
  return 0;
}
