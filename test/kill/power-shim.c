/*
 * Preloaded into a peer process: journals what it does to the files below POWER_ROOT, so that a driver can work out, after
 * killing it, what a disk would hold that lost its power at that moment. Every file gets a second name in POWER_VAULT, its
 * inode number, so that what was deleted or replaced can be put back.
 *
 * One line per completed operation in POWER_JOURNAL, numbered in order:
 *   N C inode path    created          N T inode path  truncated on opening
 *   N M path          directory made   N R from\tto    renamed            N U path  removed
 *   N S inode bytes   file synced: so many bytes, and what was done to its names before N
 *   N D path          directory synced: what was done before N
 *   N W inode at count from   about to be written at a position; the bytes are in POWER_VAULT/inode.writes at `from`
 *   N X path          cut, which the driver does not understand
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *root;
static size_t root_length;
static const char *vault;
static int journal = -1;
static atomic_long sequence = 1;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("POWER_JOURNAL");
  root = getenv("POWER_ROOT");
  vault = getenv("POWER_VAULT");
  if (!path || !root || !vault) return;
  root_length = strlen(root);
  journal = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (journal < 0) abort();
}

static void record(long number, const char *format, ...) {
  char line[2 * PATH_MAX + 64];
  int length = snprintf(line, sizeof line, "%ld ", number);
  va_list arguments;
  va_start(arguments, format);
  length += vsnprintf(line + length, sizeof line - (size_t)length - 1, format, arguments);
  va_end(arguments);
  line[length++] = '\n';
  if (syscall(SYS_write, journal, line, (size_t)length) != length) abort();
}

static int is_below(const char *path) {
  return journal >= 0 && strncmp(path, root, root_length) == 0 && (path[root_length] == '/' || path[root_length] == 0);
}

/* The path of an open file, or "". */
static const char *path_of(int fd, char *buffer) {
  char link[64];
  buffer[0] = 0;
  if (journal < 0) return buffer;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, buffer, PATH_MAX - 1);
  buffer[length < 0 ? 0 : length] = 0;
  return buffer;
}

static long next(void) { return atomic_fetch_add(&sequence, 1); }

static void opened(const char *path, int flags, int existed, int fd) {
  struct stat status;
  if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return;
  if (!existed) {
    char name[PATH_MAX];
    snprintf(name, sizeof name, "%s/%lu", vault, (unsigned long)status.st_ino);
    if (link(path, name) != 0) abort();
    record(next(), "C %lu %s", (unsigned long)status.st_ino, path);
  } else if (flags & O_TRUNC) {
    record(next(), "T %lu %s", (unsigned long)status.st_ino, path);
  }
}

#define REAL(name, type) static type real; if (!real) real = (type)dlsym(RTLD_NEXT, name)

typedef int (*open_type)(const char *, int, ...);

#define OPEN(name)                                                          \
  int name(const char *path, int flags, ...) {                              \
    REAL(#name, open_type);                                                 \
    mode_t mode = 0;                                                        \
    if (flags & (O_CREAT | __O_TMPFILE)) {                                  \
      va_list arguments;                                                    \
      va_start(arguments, flags);                                           \
      mode = va_arg(arguments, mode_t);                                     \
      va_end(arguments);                                                    \
    }                                                                       \
    if (!is_below(path) || !(flags & (O_CREAT | O_TRUNC))) return real(path, flags, mode); \
    int existed = access(path, F_OK) == 0;                                  \
    int fd = real(path, flags, mode);                                       \
    int error = errno;                                                      \
    opened(path, flags, existed, fd);                                       \
    errno = error;                                                          \
    return fd;                                                              \
  }

OPEN(open)
OPEN(open64)

#define FOPEN(name)                                                         \
  FILE *name(const char *path, const char *mode) {                          \
    typedef FILE *(*fopen_type)(const char *, const char *);                \
    REAL(#name, fopen_type);                                                \
    if (!is_below(path) || mode[0] == 'r') return real(path, mode);         \
    int existed = access(path, F_OK) == 0;                                  \
    FILE *file = real(path, mode);                                          \
    int error = errno;                                                      \
    if (file) opened(path, mode[0] == 'w' ? O_TRUNC : 0, existed, fileno(file)); \
    errno = error;                                                          \
    return file;                                                            \
  }

FOPEN(fopen)
FOPEN(fopen64)

#define SYNC(name)                                                          \
  int name(int fd) {                                                        \
    typedef int (*sync_type)(int);                                          \
    REAL(#name, sync_type);                                                 \
    char path[PATH_MAX];                                                    \
    struct stat status;                                                     \
    if (!is_below(path_of(fd, path)) || fstat(fd, &status) != 0) return real(fd); \
    long number = next();                                                   \
    int result = real(fd);                                                  \
    if (result != 0) return result;                                         \
    if (S_ISDIR(status.st_mode)) record(number, "D %s", path);              \
    else record(number, "S %lu %lld", (unsigned long)status.st_ino, (long long)status.st_size); \
    return 0;                                                               \
  }

SYNC(fsync)
SYNC(fdatasync)

int rename(const char *from, const char *to) {
  typedef int (*rename_type)(const char *, const char *);
  REAL("rename", rename_type);
  int result = real(from, to);
  if (result == 0 && is_below(from)) record(next(), "R %s\t%s", from, to);
  return result;
}

#define REMOVE(name)                                                        \
  int name(const char *path) {                                              \
    typedef int (*remove_type)(const char *);                               \
    REAL(#name, remove_type);                                               \
    int result = real(path);                                                \
    if (result == 0 && is_below(path)) record(next(), "U %s", path);        \
    return result;                                                          \
  }

REMOVE(unlink)
REMOVE(remove)
REMOVE(rmdir)

int mkdir(const char *path, mode_t mode) {
  typedef int (*mkdir_type)(const char *, mode_t);
  REAL("mkdir", mkdir_type);
  int result = real(path, mode);
  if (result == 0 && is_below(path)) record(next(), "M %s", path);
  return result;
}

static void odd(int fd) {
  char path[PATH_MAX];
  if (is_below(path_of(fd, path))) record(next(), "X %s", path);
}

/* What is written, before it is: it may get to the disk without having been completed. */
static void noted(unsigned long inode, const void *bytes, size_t count, long long at) {
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  char name[PATH_MAX];
  snprintf(name, sizeof name, "%s/%lu.writes", vault, inode);
  pthread_mutex_lock(&mutex);
  int fd = (int)syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  struct stat status;
  if (fd < 0 || fstat(fd, &status) != 0) abort();
  if (syscall(SYS_write, fd, bytes, count) != (long)count) abort();
  syscall(SYS_close, fd);
  record(next(), "W %lu %lld %zu %lld", inode, at, count, (long long)status.st_size);
  pthread_mutex_unlock(&mutex);
}

#define PWRITE(name, offset_type)                                           \
  ssize_t name(int fd, const void *bytes, size_t count, offset_type at) {   \
    typedef ssize_t (*write_type)(int, const void *, size_t, offset_type);  \
    REAL(#name, write_type);                                                \
    char path[PATH_MAX];                                                    \
    struct stat status;                                                     \
    if (!is_below(path_of(fd, path)) || fstat(fd, &status) != 0) return real(fd, bytes, count, at); \
    noted((unsigned long)status.st_ino, bytes, count, (long long)at);       \
    ssize_t written = real(fd, bytes, count, at);                           \
    int error = errno;                                                      \
    /* Who writes such a file waits for each write, but for zeros ahead. */ \
    if (written == (ssize_t)count && (fcntl(fd, F_GETFL) & O_DSYNC) && fstat(fd, &status) == 0) \
      record(next(), "S %lu %lld", (unsigned long)status.st_ino, (long long)status.st_size); \
    errno = error;                                                          \
    return written;                                                         \
  }

PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define TRUNCATE(name, offset_type)                                         \
  int name(int fd, offset_type bytes) {                                     \
    typedef int (*truncate_type)(int, offset_type);                         \
    REAL(#name, truncate_type);                                             \
    odd(fd);                                                                \
    return real(fd, bytes);                                                 \
  }

TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)
