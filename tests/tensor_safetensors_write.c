/* tensor_safetensors_write.c - what the writer refuses, and what is left when the system fails. */
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "tests/tensor_temp.h"

TestSuite(tensor_write, .init = enter, .fini = leave);

/* ---- refusals ---- */

static void expect_refused(const heed_named_view *tensors, int n, const heed_metadata *metadata,
                           int n_metadata, const char *why)
{
    heed_error error = { 0 };
    cr_expect_not(heed_file_write(path, tensors, n, metadata, n_metadata, &error), "%s", why);
    cr_expect(strstr(error.text, why), "\"%s\" lacks \"%s\"", error.text, why);
    cr_expect(strstr(error.text, path), "\"%s\" does not name the file", error.text);
    cr_expect_eq(files_in_directory(), 0, "%s", why);
}

Test(tensor_write, writing_refuses_what_reading_would)
{
    heed_view fine = view_of(weights, HEED_F32, HEED_SHAPE(2)), negative = fine, none = fine;
    heed_view huge = fine, odd = fine;
    negative.shape.dim[0] = -2;
    none.data = NULL;
    huge.shape.dim[0] = INT64_MAX;
    odd.dtype = (heed_dtype)9;
    heed_named_view twice[] = { { "a", fine }, { "b", fine }, { "a", fine } };
    expect_refused(twice, 3, NULL, 0, "tensor \"a\" is given twice");
    const heed_named_view mixed[] = { { "a", fine },
                                      { "a", view_of(moment, HEED_F64, HEED_SHAPE(1)) } };
    expect_refused(mixed, 2, NULL, 0, "tensor \"a\" is given twice");
    expect_refused(&(heed_named_view){ NULL, fine }, 1, NULL, 0, "name is NULL");
    expect_refused(&(heed_named_view){ "", fine }, 1, NULL, 0, "name is empty");
    expect_refused(&(heed_named_view){ "\xED\xA0\x80", fine }, 1, NULL, 0, "not valid UTF-8");
    expect_refused(&(heed_named_view){ "__metadata__", fine }, 1, NULL, 0, "cannot name a tensor");
    expect_refused(&(heed_named_view){ "a", negative }, 1, NULL, 0, "\"a\": shape [-2] of f32");
    expect_refused(&(heed_named_view){ "a", huge }, 1, NULL, 0, "is not valid");
    expect_refused(&(heed_named_view){ "a", odd }, 1, NULL, 0, "is not valid");
    expect_refused(&(heed_named_view){ "a", none }, 1, NULL, 0, "has no data");
    expect_refused(NULL, 0, (heed_metadata[]){ { "k", "1" }, { "k", "2" } }, 2,
                   "\"k\" is given twice");
    expect_refused(NULL, 0, (heed_metadata[]){ { "k", NULL } }, 1, "value is NULL");
    expect_refused(NULL, 0, (heed_metadata[]){ { NULL, "v" } }, 1, "key is NULL");
    expect_refused(NULL, 0, (heed_metadata[]){ { "k", "\xFF" } }, 1,
                   "\"\\xff\" is not valid UTF-8");
    cr_expect_not(heed_file_write(NULL, NULL, 0, NULL, 0, NULL));
}

/* Files end at `bytes`; a write beyond fails in the middle, as on a full disk. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Two tensors each within bounds, together beyond what an offset can say. */
Test(tensor_write, a_total_that_overflows_is_refused)
{
    heed_view zeros = view_of(weights, HEED_F32, HEED_SHAPE(1));
    heed_shape wide = HEED_SHAPE((int64_t)1 << 60);
    zeros = heed_view_expand(&zeros, &wide);
    heed_named_view tensors[] = { { "a", zeros }, { "b", zeros }, { "c", zeros } };
    limit_files(1 << 20); /* should it be tried after all */
    expect_refused(tensors, 3, NULL, 0, "larger than a file can be");
}

/* ---- failures of the system ---- */

Test(tensor_write, places_that_cannot_be_written)
{
    heed_error error = { 0 };
    char inside[200];
    snprintf(inside, sizeof inside, "%s/absent/x.safetensors", directory);
    cr_expect_not(heed_file_write(inside, NULL, 0, NULL, 0, &error));
    cr_expect(strstr(error.text, "No such file") && strstr(error.text, inside), "%s", error.text);
    error = (heed_error){ 0 };
    cr_expect_not(heed_file_write(directory, NULL, 0, NULL, 0, &error));
    cr_expect(strstr(error.text, "is a directory"), "%s", error.text);
    error = (heed_error){ 0 };
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_expect_not(heed_file_write(path, NULL, 0, NULL, 0, &error));
    cr_expect(strstr(error.text, "device or pipe"), "%s", error.text);
    struct stat info;
    cr_expect(stat(path, &info) == 0 && S_ISFIFO(info.st_mode), "the pipe is still one");
}

Test(tensor_write, a_relative_path_and_old_permissions)
{
    heed_error error = { 0 };
    struct stat info;
    cr_assert_eq(chdir(directory), 0);
    umask(022);
    cr_assert(heed_file_write("model.safetensors", NULL, 0, NULL, 0, &error), "%s", error.text);
    cr_expect(stat(path, &info) == 0 && (info.st_mode & 0777) == 0644);
    cr_assert_eq(chmod(path, 0600), 0);
    cr_assert(heed_file_write("./model.safetensors", NULL, 0, NULL, 0, &error), "%s", error.text);
    cr_expect(stat(path, &info) == 0 && (info.st_mode & 0777) == 0600);
    cr_assert_eq(chmod(path, 0666), 0); /* wider than the umask gives */
    cr_assert(heed_file_write("model.safetensors", NULL, 0, NULL, 0, &error), "%s", error.text);
    cr_expect(stat(path, &info) == 0 && (info.st_mode & 0777) == 0666);
    cr_expect_eq(files_in_directory(), 1);
    cr_assert_eq(chdir("/"), 0);
}

Test(tensor_write, a_write_cut_short_leaves_the_old_file)
{
    size_t before, after;
    heed_error error = { 0 };
    cr_assert(write_three(NULL));
    char *old = slurp(&before);
    heed_shape shape = HEED_SHAPE(100000);
    heed_tensor *large = heed_tensor_new(HEED_F32, &shape, NULL);
    heed_named_view tensor = { "large", large->view };
    limit_files(8192);
    cr_expect_not(heed_file_write(path, &tensor, 1, NULL, 0, &error));
    limit_files(RLIM_INFINITY);
    cr_expect(strstr(error.text, "cannot write: File too large"), "%s", error.text);
    char *now = slurp(&after);
    cr_expect(before == after && memcmp(old, now, before) == 0);
    cr_expect_eq(files_in_directory(), 1);
    free(old);
    free(now);
    heed_tensor_free(large);
}

/* One cycle: write over the old file, open, read everything. The view has gaps. */
static bool cycle(heed_error *error)
{
    float data[6];
    heed_view view = view_of(data, HEED_F32, HEED_SHAPE(3, 2));
    heed_view across = view_of(weights, HEED_F32, HEED_SHAPE(2, 3));
    across = heed_view_permute(&across, (int[]){ 1, 0 });
    heed_named_view tensors[] = { { "w", across }, { "v", across } };
    heed_metadata metadata[] = { { "k", "v" } };
    if (!heed_file_write(path, tensors, 2, metadata, 1, error)) return false;
    heed_file *file = heed_file_open(path, error);
    if (!file) return false;
    bool good = heed_file_read(file, heed_file_find(file, "v"), &view, error);
    heed_file_close(file);
    return good && data[1] == 4;
}

Test(tensor_write, every_failed_allocation_is_survived)
{
    size_t before, after;
    bool good = false;
    long requests = heed_memory_requests();
    cr_assert(cycle(NULL));
    requests = heed_memory_requests() - requests;
    cr_expect_gt(requests, 8);
    for (long n = 1; n <= requests; n++) {
        cr_assert(write_three(NULL));
        char *old = slurp(&before);
        heed_error error = { 0 };
        heed_memory_fail(n);
        good = cycle(&error);
        heed_memory_fail(0);
        cr_expect_not(good, "request %ld of %ld failed unnoticed", n, requests);
        cr_expect(strstr(error.text, "no memory") && strstr(error.text, path), "%s", error.text);
        cr_expect_eq(heed_memory_live_blocks(), 0, "request %ld leaks", n);
        cr_expect_eq(files_in_directory(), 1, "request %ld leaves a file", n);
        char *now = slurp(&after);
        bool same = before == after && memcmp(old, now, before) == 0;
        heed_file *file = heed_file_open(path, NULL);
        cr_expect(file, "request %ld leaves a broken file", n);
        cr_expect(same || heed_file_find(file, "v"), "the old file or the whole new one");
        heed_file_close(file);
        free(old);
        free(now);
    }
    cr_expect(cycle(NULL), "and it works again");
}

/* ---- threads ---- */

static void *write_often(void *name)
{
    for (int i = 0; i < 20; i++) {
        if (!heed_file_write(name, NULL, 0, NULL, 0, NULL)) return name;
    }
    return NULL;
}

Test(tensor_write, writers_do_not_meet)
{
    pthread_t thread[4];
    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&thread[i], NULL, write_often, path), 0);
    for (int i = 0; i < 4; i++) {
        void *failed;
        pthread_join(thread[i], &failed);
        cr_expect_null(failed);
    }
    heed_file *file = heed_file_open(path, NULL);
    cr_expect_not_null(file);
    heed_file_close(file);
    cr_expect_eq(files_in_directory(), 1);
}
