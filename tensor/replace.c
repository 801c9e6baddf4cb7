/* replace.c - write beside, sync, rename. */
#include "tensor/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tensor/memory.h"

#define MAX_WRITE ((size_t)1 << 30)
#define ATTEMPTS 100 /* to find a free temporary name */

const char *heed_file_label(const char *path)
{
    size_t length = strlen(path);
    if (length <= 300) return path;
    path += length - 300;
    while (((unsigned char)*path & 0xC0) == 0x80) path++;
    return path;
}

static bool system_error(heed_replacement *r, const char *doing)
{
    return heed_fail(r->error, "%s: cannot %s: %s", r->label, doing, strerror(errno));
}

/* A target that is there must be a file: renaming over a device would remove it. */
static bool check_target(heed_replacement *r)
{
    struct stat info;
    r->mode = 0666; /* less the umask */
    if (stat(r->path, &info) != 0) return errno == ENOENT || system_error(r, "write");
    if (!S_ISREG(info.st_mode)) {
        return heed_fail(r->error, "%s: is a %s, expected a file or nothing", r->label,
                         S_ISDIR(info.st_mode) ? "directory" : "device or pipe");
    }
    r->exists = true;
    r->mode = info.st_mode & 0777;
    return true;
}

/* ".heed-<process>-<number>.tmp" in the target's directory, created by us and nobody else. */
static bool create_temporary(heed_replacement *r)
{
    static atomic_uint number;
    const char *slash = strrchr(r->path, '/');
    size_t prefix = slash ? (size_t)(slash - r->path) + 1 : 0, size = prefix + 64;
    char *name = heed_alloc(size);
    if (!name) return heed_fail(r->error, "%s: no memory to write it", r->label);
    memcpy(name, prefix ? r->path : "./", prefix ? prefix : 2);
    if (!prefix) prefix = 2;
    name[prefix] = '.'; /* "dir/." is the directory itself */
    r->directory = open(name, O_RDONLY | O_CLOEXEC);
    for (int i = 0; i < ATTEMPTS && r->fd < 0; i++) {
        snprintf(name + prefix, size - prefix, ".heed-%ld-%u.tmp", (long)getpid(),
                 atomic_fetch_add(&number, 1));
        r->fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, r->mode);
        if (r->fd < 0 && errno != EEXIST && errno != EINTR) break;
    }
    if (r->fd >= 0) {
        r->temporary = name;
        if (!r->exists || fchmod(r->fd, r->mode) == 0) return true;
        return system_error(r, "set its permissions");
    }
    system_error(r, "write");
    heed_free(name);
    return false;
}

bool heed_replace_begin(heed_replacement *r, const char *path, heed_error *error)
{
    *r = HEED_NO_REPLACEMENT;
    r->path = path;
    r->label = heed_file_label(path);
    r->error = error;
    return check_target(r) && create_temporary(r);
}

bool heed_replace_write(heed_replacement *r, const void *from, size_t size)
{
    const char *at = from;
    while (size > 0) {
        ssize_t put = write(r->fd, at, size < MAX_WRITE ? size : MAX_WRITE);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return system_error(r, "write");
        at += put;
        size -= (size_t)put;
    }
    return true;
}

/* After the rename the new file is the target. Some file systems cannot sync a directory. */
bool heed_replace_finish(heed_replacement *r)
{
    if (fsync(r->fd) != 0) return system_error(r, "sync");
    int fd = r->fd;
    r->fd = -1;
    if (close(fd) != 0) return system_error(r, "write");
    if (rename(r->temporary, r->path) != 0) return system_error(r, "rename the finished file");
    heed_free(r->temporary);
    r->temporary = NULL;
    if (r->directory < 0 || fsync(r->directory) == 0) return true;
    if (errno == EINVAL || errno == ENOTSUP) return true;
    return system_error(r, "sync the directory after writing it");
}

void heed_replace_end(heed_replacement *r)
{
    if (r->fd >= 0) close(r->fd);
    if (r->directory >= 0) close(r->directory);
    if (r->temporary) unlink(r->temporary);
    heed_free(r->temporary);
    *r = HEED_NO_REPLACEMENT;
}

bool heed_replace_file(const char *path, const void *from, size_t size, heed_error *error)
{
    heed_replacement r = HEED_NO_REPLACEMENT;
    bool done = heed_replace_begin(&r, path, error) && heed_replace_write(&r, from, size) &&
                heed_replace_finish(&r);
    heed_replace_end(&r);
    return done;
}
