/* Counts the calls by which a process changes (or reads) the files below one folder, and ends the process, tears a
 * write, or fails the call at the N-th.  Preloaded: it stands between the program, SQLite included, and libc.
 *
 * Not seen: raw system calls, mmap, and what libc does inside itself.  A child process inherits the count at fork.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { LOOK = 1, OPEN = 2, CREATE = 4, READ = 8, WRITE = 16, SYNC = 32, NAME = 64, UNLINK = 128, FOLDER = 256, CUT = 512 };
enum { NOTHING = 0, CRASH = 1, TEAR = 2, FAIL_ONCE = 3, FAIL_ON = 4 };

static char below[PATH_MAX];
static size_t below_length;
static unsigned char is_below[65536];
static int action = NOTHING, kinds, fault, note = -1;
static atomic_long seen, failed, failed_syncs;
static long nth;
static char unsynced[PATH_MAX]; /* whose fsync has failed: what is left of it in memory is no longer on its way to disk */

void shim_watch(const char *folder) {
    below_length = strlen(folder);
    memcpy(below, folder, below_length + 1);
}

/* *note_to* gets one line that names the call at which it happened. */
void shim_arm(int what, int of_kinds, long at, int error, int note_to) {
    kinds = of_kinds, nth = at, fault = error, note = note_to;
    seen = failed = failed_syncs = 0;
    unsynced[0] = 0;
    action = what;
}

void shim_disarm(void) { action = NOTHING; failed_syncs = 0; }
long shim_seen(void) { return seen; }
long shim_failed(void) { return failed; }
long shim_failed_syncs(void) { return failed_syncs; }

static int path_counts(const char *path) {
    return below_length && path && strncmp(path, below, below_length) == 0;
}
static int fd_counts(int fd) { return fd >= 0 && fd < 65536 && is_below[fd]; }
static int at_counts(int dir, const char *path) {
    return path && path[0] == '/' ? path_counts(path) : fd_counts(dir);
}
static void opened(int fd, int counts) {
    if (fd >= 0 && fd < 65536) is_below[fd] = (unsigned char)counts;
}

static void name_of(int fd, char name[PATH_MAX]) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = syscall(SYS_readlinkat, AT_FDCWD, link, name, PATH_MAX - 1);
    name[size > 0 ? size : 0] = 0;
}

static void tell(const char *call, const char *path, int fd) {
    char name[PATH_MAX], line[PATH_MAX + 64];
    if (note < 0) return;
    if (!path) name_of(fd, name), path = name;
    int size = snprintf(line, sizeof line, "%s %s\n", call, path);
    syscall(SYS_write, note, line, (size_t)size);
}

/* Return whether this call is to fail; *torn* is set when it is to be done by half before the end. */
static int strikes(int kind, const char *call, const char *path, int fd, int *torn) {
    if (action == NOTHING || !(kinds & kind)) return 0;
    long number = atomic_fetch_add(&seen, 1) + 1;
    if (action == FAIL_ON ? number < nth : number != nth) return 0;
    if (number == nth) tell(call, path, fd);
    if (action == TEAR && torn) return *torn = 1, 0;
    if (action == CRASH || action == TEAR) syscall(SYS_exit_group, 137);
    atomic_fetch_add(&failed, 1);
    if (kind == SYNC) atomic_fetch_add(&failed_syncs, 1), name_of(fd, unsynced);
    errno = fault;
    return 1;
}

static void published(const char *from) {
    static const char said[] = "{\"problem\": \"a file was published whose fsync had failed\"}\n";
    if (note >= 0 && from && unsynced[0] && !strcmp(from, unsynced)) syscall(SYS_write, note, said, sizeof said - 1);
}

#define REAL(name) static typeof(&name) real; if (!real) real = (typeof(&name))dlsym(RTLD_NEXT, #name)
#define BY_PATH(kind, name, path) if (path_counts(path) && strikes(kind, name, path, -1, NULL)) return -1
#define BY_FD(kind, name, fd) if (fd_counts(fd) && strikes(kind, name, NULL, fd, NULL)) return -1

static int open_kind(int flags) { return flags & O_CREAT ? CREATE : OPEN; }

#define OPENS(NAME)                                                                                    \
    int NAME(const char *path, int flags, ...) {                                                       \
        va_list more; va_start(more, flags); mode_t mode = va_arg(more, mode_t); va_end(more);         \
        REAL(NAME);                                                                                    \
        int counts = path_counts(path);                                                                \
        if (counts && strikes(open_kind(flags), "open", path, -1, NULL)) return -1;                    \
        int fd = real(path, flags, mode);                                                              \
        opened(fd, counts);                                                                            \
        return fd;                                                                                     \
    }
OPENS(open)
OPENS(open64)

#define OPENS_AT(NAME)                                                                                 \
    int NAME(int dir, const char *path, int flags, ...) {                                              \
        va_list more; va_start(more, flags); mode_t mode = va_arg(more, mode_t); va_end(more);         \
        REAL(NAME);                                                                                    \
        int counts = at_counts(dir, path);                                                             \
        if (counts && strikes(open_kind(flags), "openat", path, -1, NULL)) return -1;                  \
        int fd = real(dir, path, flags, mode);                                                         \
        opened(fd, counts);                                                                            \
        return fd;                                                                                     \
    }
OPENS_AT(openat)
OPENS_AT(openat64)

int close(int fd) { REAL(close); opened(fd, 0); return real(fd); }
int dup2(int from, int to) { REAL(dup2); opened(to, fd_counts(from)); return real(from, to); }
DIR *opendir(const char *path) {
    REAL(opendir);
    if (path_counts(path) && strikes(OPEN, "opendir", path, -1, NULL)) return NULL;
    return real(path);
}

ssize_t write(int fd, const void *bytes, size_t size) {
    REAL(write);
    int torn = 0;
    if (fd_counts(fd) && strikes(WRITE, "write", NULL, fd, &torn)) return -1;
    if (torn) { real(fd, bytes, size / 2); syscall(SYS_exit_group, 137); }
    return real(fd, bytes, size);
}
#define PWRITES(NAME, OFFSET)                                                                          \
    ssize_t NAME(int fd, const void *bytes, size_t size, OFFSET at) {                                  \
        REAL(NAME);                                                                                    \
        int torn = 0;                                                                                  \
        if (fd_counts(fd) && strikes(WRITE, "pwrite", NULL, fd, &torn)) return -1;                     \
        if (torn) { real(fd, bytes, size / 2, at); syscall(SYS_exit_group, 137); }                     \
        return real(fd, bytes, size, at);                                                              \
    }
PWRITES(pwrite, off_t)
PWRITES(pwrite64, off64_t)
ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev); BY_FD(WRITE, "writev", fd); return real(fd, parts, count);
}

ssize_t read(int fd, void *into, size_t size) { REAL(read); BY_FD(READ, "read", fd); return real(fd, into, size); }
ssize_t pread(int fd, void *into, size_t size, off_t at) {
    REAL(pread); BY_FD(READ, "pread", fd); return real(fd, into, size, at);
}
ssize_t pread64(int fd, void *into, size_t size, off64_t at) {
    REAL(pread64); BY_FD(READ, "pread", fd); return real(fd, into, size, at);
}

int fsync(int fd) { REAL(fsync); BY_FD(SYNC, "fsync", fd); return real(fd); }
int fdatasync(int fd) { REAL(fdatasync); BY_FD(SYNC, "fdatasync", fd); return real(fd); }
int ftruncate(int fd, off_t size) { REAL(ftruncate); BY_FD(CUT, "ftruncate", fd); return real(fd, size); }
int ftruncate64(int fd, off64_t size) { REAL(ftruncate64); BY_FD(CUT, "ftruncate", fd); return real(fd, size); }
int fallocate(int fd, int mode, off_t at, off_t size) {
    REAL(fallocate); BY_FD(CUT, "fallocate", fd); return real(fd, mode, at, size);
}

int rename(const char *from, const char *to) {
    REAL(rename); published(from); BY_PATH(NAME, "rename", to); return real(from, to);
}
int renameat(int a, const char *from, int b, const char *to) {
    REAL(renameat);
    if (at_counts(b, to) && strikes(NAME, "renameat", to, -1, NULL)) return -1;
    return real(a, from, b, to);
}
int renameat2(int a, const char *from, int b, const char *to, unsigned int flags) {
    REAL(renameat2);
    if (at_counts(b, to) && strikes(NAME, "renameat2", to, -1, NULL)) return -1;
    return real(a, from, b, to, flags);
}
int link(const char *from, const char *to) {
    REAL(link); published(from); BY_PATH(NAME, "link", to); return real(from, to);
}
int linkat(int a, const char *from, int b, const char *to, int flags) {
    REAL(linkat);
    if (at_counts(b, to) && strikes(NAME, "linkat", to, -1, NULL)) return -1;
    return real(a, from, b, to, flags);
}
int unlink(const char *path) { REAL(unlink); BY_PATH(UNLINK, "unlink", path); return real(path); }
int unlinkat(int dir, const char *path, int flags) {
    REAL(unlinkat);
    if (at_counts(dir, path) && strikes(UNLINK, "unlinkat", path, -1, NULL)) return -1;
    return real(dir, path, flags);
}
int mkdir(const char *path, mode_t mode) { REAL(mkdir); BY_PATH(FOLDER, "mkdir", path); return real(path, mode); }
int mkdirat(int dir, const char *path, mode_t mode) {
    REAL(mkdirat);
    if (at_counts(dir, path) && strikes(FOLDER, "mkdirat", path, -1, NULL)) return -1;
    return real(dir, path, mode);
}
int rmdir(const char *path) { REAL(rmdir); BY_PATH(FOLDER, "rmdir", path); return real(path); }

int stat(const char *path, struct stat *into) { REAL(stat); BY_PATH(LOOK, "stat", path); return real(path, into); }
int lstat(const char *path, struct stat *into) { REAL(lstat); BY_PATH(LOOK, "lstat", path); return real(path, into); }
int fstat(int fd, struct stat *into) { REAL(fstat); BY_FD(LOOK, "fstat", fd); return real(fd, into); }
int stat64(const char *path, struct stat64 *into) { REAL(stat64); BY_PATH(LOOK, "stat", path); return real(path, into); }
int lstat64(const char *path, struct stat64 *into) { REAL(lstat64); BY_PATH(LOOK, "lstat", path); return real(path, into); }
int fstat64(int fd, struct stat64 *into) { REAL(fstat64); BY_FD(LOOK, "fstat", fd); return real(fd, into); }
int fstatat64(int dir, const char *path, struct stat64 *into, int flags) {
    REAL(fstatat64);
    if (at_counts(dir, path) && strikes(LOOK, "fstatat", path, -1, NULL)) return -1;
    return real(dir, path, into, flags);
}
int statvfs(const char *path, struct statvfs *into) { REAL(statvfs); BY_PATH(LOOK, "statvfs", path); return real(path, into); }
int statvfs64(const char *path, struct statvfs64 *into) {
    REAL(statvfs64); BY_PATH(LOOK, "statvfs", path); return real(path, into);
}
