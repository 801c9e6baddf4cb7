/* models_kit.h - for tests of model programs: run one as a subprocess in a folder of its own. */
#ifndef HEED_TESTS_MODELS_KIT_H
#define HEED_TESTS_MODELS_KIT_H

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef MODEL_PROGRAM /* the program that run_model() runs */
#define MODEL_PROGRAM "ptrnet"
#endif

static char folder[64];                     /* of the test; removed at its end */
static char said[20000], complained[20000]; /* what the last program wrote to stdout and stderr */

static inline void enter_folder(void)
{
    strcpy(folder, "/tmp/heed-models-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
}

static inline void leave_folder(void)
{
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    cr_expect_eq(system(command), 0);
}

/* "FOLDER/name" */
static inline const char *in_folder(const char *name)
{
    static char paths[8][400];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static inline void slurp_text(const char *name, char *text, size_t size)
{
    FILE *file = fopen(in_folder(name), "rb");
    text[0] = '\0';
    if (!file) return; /* the program was killed before it began */
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

/* The command that runs the program with `arguments`, in which every %s is the folder. */
static inline const char *command_of(const char *arguments)
{
    static char filled[2000], command[4000];
    const char *build = getenv("HEED_BUILD");
    size_t used = 0;
    for (const char *c = arguments; *c && used + sizeof folder < sizeof filled; c++)
        if (c[0] == '%' && c[1] == 's') {
            used += (size_t)snprintf(filled + used, sizeof filled - used, "%s", folder);
            c++;
        } else {
            filled[used++] = *c;
        }
    filled[used] = '\0';
    snprintf(command, sizeof command, "exec %s/models/" MODEL_PROGRAM " %s > %s 2> %s",
             build ? build : "build", filled, in_folder("out"), in_folder("err"));
    return command;
}

/* Run it, and send it `signal_number` after some milliseconds unless that is 0.
 * return: its exit status, or 128 + the signal that ended it. */
static inline int run_for(int milliseconds, int signal_number, const char *arguments)
{
    const struct timespec pause = { milliseconds / 1000, milliseconds % 1000 * 1000000L };
    const char *command = command_of(arguments);
    int status;
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    if (signal_number) {
        nanosleep(&pause, NULL);
        kill(child, signal_number);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    slurp_text("out", said, sizeof said);
    slurp_text("err", complained, sizeof complained);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static inline int run_model(const char *arguments)
{
    return run_for(0, 0, arguments);
}

#define TINY "--n 4 --hidden 8 --batch 8 --quiet "

/* The run ends with `status`, and stderr holds each of the words. */
static inline void expect_words(int status, const char *arguments, const char *word,
                                const char *other)
{
    cr_expect_eq(run_model(arguments), status, "%s: %s", arguments, complained);
    cr_expect(strstr(complained, word), "%s: '%s' is not in: %s", arguments, word, complained);
    cr_expect(strstr(complained, other), "%s: '%s' is not in: %s", arguments, other, complained);
}

static inline bool same_files(const char *a, const char *b)
{
    char command[500];
    snprintf(command, sizeof command, "cmp -s %s %s", in_folder(a), in_folder(b));
    return system(command) == 0;
}

/* The number after "key": in the last line of stdout, or -1e300. */
static inline double json_number(const char *key)
{
    char quoted[100];
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    const char *at = strstr(said, quoted);
    return at ? strtod(at + strlen(quoted), NULL) : -1e300;
}

#endif
