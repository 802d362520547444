/*
 * A network mount by LD_PRELOAD: every open, read, stat and readdir below one
 * folder takes a while longer, as each would be a round trip to a file server.
 *
 *   DITAG_SLOW_PREFIX   the folder (an absolute path without links); needed
 *   DITAG_SLOW_US       microseconds added to a call (1000)
 *   DITAG_SLOW_FSTAT    1: fstat on an open file costs too. Off by default: a
 *                       network client has the attributes from the open
 *   DITAG_SLOW_COUNTS   a file that gets the number of slowed calls at exit,
 *                       and how many waited at the same time at most
 *
 * Free, as on a network mount that caches: close, lseek, fstat (see above).
 * A listing costs one call, and one more for each 256 further entries.
 * Relative paths are only followed from a slowed folder's descriptor, not from
 * the current folder. The delay is before the call and needs no lock, so calls
 * of several threads wait at the same time, as they do on a network.
 *
 * Both generations of glibc names are here, because Node's official binary
 * asks for __xstat64 and for statx by syscall(), and newer ones for stat64.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include <errno.h>

#define DESCRIPTORS 65536
#define ENTRIES_A_CALL 256

enum kind { OPEN, READ, STAT, READDIR, KINDS };
static const char *const kind_names[KINDS] = {"open", "read", "stat", "readdir"};

static const char *prefix;
static size_t prefix_length;
static struct timespec delay = {0, 1000000};
static int fstat_costs;
static atomic_ulong counts[KINDS];
static atomic_ulong waiting, most_waiting;
/* 0: not below the prefix; 1: below it; more: 1 + entries listed so far. */
static atomic_uint slow_descriptor[DESCRIPTORS];

static void slow(enum kind kind) {
  int saved = errno;
  struct timespec left = delay;
  atomic_fetch_add_explicit(&counts[kind], 1, memory_order_relaxed);
  unsigned long now = atomic_fetch_add(&waiting, 1) + 1;
  unsigned long most = atomic_load(&most_waiting);
  while (now > most && !atomic_compare_exchange_weak(&most_waiting, &most, now)) {
  }
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
  atomic_fetch_sub(&waiting, 1);
  errno = saved;
}

static int below(int folder, const char *path) {
  if (!prefix || !path) return 0;
  if (path[0] != '/') return folder >= 0 && folder < DESCRIPTORS && slow_descriptor[folder] != 0;
  return strncmp(path, prefix, prefix_length) == 0 && (path[prefix_length] == '\0' || path[prefix_length] == '/');
}

static int is_slow(int fd) { return fd >= 0 && fd < DESCRIPTORS && slow_descriptor[fd] != 0; }

static int remember(int fd, int slowed) {
  if (fd >= 0 && fd < DESCRIPTORS) slow_descriptor[fd] = slowed ? 1 : 0;
  return fd;
}

__attribute__((constructor)) static void start(void) {
  const char *wanted = getenv("DITAG_SLOW_PREFIX");
  const char *us = getenv("DITAG_SLOW_US");
  if (us) {
    long value = strtol(us, NULL, 10);
    delay.tv_sec = value / 1000000;
    delay.tv_nsec = (value % 1000000) * 1000;
  }
  const char *fstat_setting = getenv("DITAG_SLOW_FSTAT");
  fstat_costs = fstat_setting && fstat_setting[0] == '1';
  if (wanted && wanted[0]) {
    prefix_length = strlen(wanted);
    prefix = strdup(wanted);
  }
}

__attribute__((destructor)) static void finish(void) {
  const char *name = getenv("DITAG_SLOW_COUNTS");
  if (!name || !prefix) return;
  prefix = NULL;
  FILE *out = fopen(name, "w");
  if (!out) return;
  fputc('{', out);
  for (int kind = 0; kind < KINDS; kind++)
    fprintf(out, "%s\"%s\":%lu", kind ? "," : "", kind_names[kind], atomic_load(&counts[kind]));
  fprintf(out, ",\"most\":%lu}\n", atomic_load(&most_waiting));
  fclose(out);
}

/* The next definition of the function that is being defined. */
#define NEXT(type)                                 \
  static __typeof__(type) next;                    \
  if (!next) next = (__typeof__(type))dlsym(RTLD_NEXT, __func__)

#define MODE(flags, last)                                    \
  mode_t mode = 0;                                           \
  if ((flags) & (O_CREAT | __O_TMPFILE)) {                   \
    va_list list;                                            \
    va_start(list, last);                                    \
    mode = va_arg(list, mode_t);                             \
    va_end(list);                                            \
  }

#define OPEN_CALL(name)                                      \
  int name(const char *path, int flags, ...) {               \
    NEXT(int (*)(const char *, int, ...));                   \
    MODE(flags, flags)                                       \
    int slowed = below(-1, path);                            \
    if (slowed) slow(OPEN);                                  \
    return remember(next(path, flags, mode), slowed);        \
  }
OPEN_CALL(open)
OPEN_CALL(open64)

#define OPENAT_CALL(name)                                      \
  int name(int folder, const char *path, int flags, ...) {     \
    NEXT(int (*)(int, const char *, int, ...));                \
    MODE(flags, flags)                                         \
    int slowed = below(folder, path);                          \
    if (slowed) slow(OPEN);                                    \
    return remember(next(folder, path, flags, mode), slowed);  \
  }
OPENAT_CALL(openat)
OPENAT_CALL(openat64)

#define FOPEN_CALL(name)                                \
  FILE *name(const char *path, const char *mode) {      \
    NEXT(FILE *(*)(const char *, const char *));        \
    if (below(-1, path)) {                              \
      slow(OPEN);                                       \
      slow(READ);                                       \
    }                                                   \
    return next(path, mode);                            \
  }
FOPEN_CALL(fopen)
FOPEN_CALL(fopen64)

int close(int fd) {
  NEXT(int (*)(int));
  remember(fd, 0);
  return next(fd);
}

ssize_t read(int fd, void *bytes, size_t size) {
  NEXT(ssize_t(*)(int, void *, size_t));
  if (is_slow(fd)) slow(READ);
  return next(fd, bytes, size);
}

ssize_t readv(int fd, const struct iovec *parts, int count) {
  NEXT(ssize_t(*)(int, const struct iovec *, int));
  if (is_slow(fd)) slow(READ);
  return next(fd, parts, count);
}

#define PREAD_CALL(name, offset_type)                                     \
  ssize_t name(int fd, void *bytes, size_t size, offset_type offset) {    \
    NEXT(ssize_t(*)(int, void *, size_t, offset_type));                   \
    if (is_slow(fd)) slow(READ);                                          \
    return next(fd, bytes, size, offset);                                 \
  }
PREAD_CALL(pread, off_t)
PREAD_CALL(pread64, off64_t)

#define PREADV_CALL(name, offset_type)                                              \
  ssize_t name(int fd, const struct iovec *parts, int count, offset_type offset) {  \
    NEXT(ssize_t(*)(int, const struct iovec *, int, offset_type));                  \
    if (is_slow(fd)) slow(READ);                                                    \
    return next(fd, parts, count, offset);                                          \
  }
PREADV_CALL(preadv, off_t)
PREADV_CALL(preadv64, off64_t)

#define STAT_CALL(name, buffer)                     \
  int name(const char *path, struct buffer *out) {  \
    NEXT(int (*)(const char *, struct buffer *));   \
    if (below(-1, path)) slow(STAT);                \
    return next(path, out);                         \
  }
STAT_CALL(stat, stat)
STAT_CALL(stat64, stat64)
STAT_CALL(lstat, stat)
STAT_CALL(lstat64, stat64)

#define XSTAT_CALL(name, buffer)                             \
  int name(int version, const char *path, struct buffer *out) {  \
    NEXT(int (*)(int, const char *, struct buffer *));       \
    if (below(-1, path)) slow(STAT);                         \
    return next(version, path, out);                         \
  }
XSTAT_CALL(__xstat, stat)
XSTAT_CALL(__xstat64, stat64)
XSTAT_CALL(__lxstat, stat)
XSTAT_CALL(__lxstat64, stat64)

#define FSTAT_CALL(name, buffer)               \
  int name(int fd, struct buffer *out) {       \
    NEXT(int (*)(int, struct buffer *));       \
    if (fstat_costs && is_slow(fd)) slow(STAT);\
    return next(fd, out);                      \
  }
FSTAT_CALL(fstat, stat)
FSTAT_CALL(fstat64, stat64)

#define FXSTAT_CALL(name, buffer)                    \
  int name(int version, int fd, struct buffer *out) {\
    NEXT(int (*)(int, int, struct buffer *));        \
    if (fstat_costs && is_slow(fd)) slow(STAT);      \
    return next(version, fd, out);                   \
  }
FXSTAT_CALL(__fxstat, stat)
FXSTAT_CALL(__fxstat64, stat64)

/* A stat by folder descriptor; with an empty path it is an fstat. */
static void slow_stat_at(int folder, const char *path) {
  if (path && path[0] == '\0') {
    if (fstat_costs && is_slow(folder)) slow(STAT);
  } else if (below(folder, path)) {
    slow(STAT);
  }
}

#define FSTATAT_CALL(name, buffer)                                          \
  int name(int folder, const char *path, struct buffer *out, int flags) {   \
    NEXT(int (*)(int, const char *, struct buffer *, int));                 \
    slow_stat_at(folder, path);                                             \
    return next(folder, path, out, flags);                                  \
  }
FSTATAT_CALL(fstatat, stat)
FSTATAT_CALL(fstatat64, stat64)

int statx(int folder, const char *path, int flags, unsigned int mask, struct statx *out) {
  NEXT(int (*)(int, const char *, int, unsigned int, struct statx *));
  slow_stat_at(folder, path);
  return next(folder, path, flags, mask, out);
}

int access(const char *path, int mode) {
  NEXT(int (*)(const char *, int));
  if (below(-1, path)) slow(STAT);
  return next(path, mode);
}

char *realpath(const char *path, char *out) {
  NEXT(char *(*)(const char *, char *));
  if (below(-1, path)) slow(STAT);
  return next(path, out);
}

DIR *opendir(const char *path) {
  NEXT(DIR * (*)(const char *));
  int slowed = below(-1, path);
  if (slowed) slow(READDIR);
  DIR *folder = next(path);
  if (folder) remember(dirfd(folder), slowed);
  return folder;
}

DIR *fdopendir(int fd) {
  NEXT(DIR * (*)(int));
  if (is_slow(fd)) slow(READDIR);
  return next(fd);
}

int closedir(DIR *folder) {
  NEXT(int (*)(DIR *));
  remember(dirfd(folder), 0);
  return next(folder);
}

static void slow_entry(DIR *folder) {
  int fd = dirfd(folder);
  if (!is_slow(fd)) return;
  unsigned seen = atomic_fetch_add_explicit(&slow_descriptor[fd], 1, memory_order_relaxed);
  if (seen % ENTRIES_A_CALL == 0) slow(READDIR);
}

struct dirent *readdir(DIR *folder) {
  NEXT(struct dirent * (*)(DIR *));
  slow_entry(folder);
  return next(folder);
}

struct dirent64 *readdir64(DIR *folder) {
  NEXT(struct dirent64 * (*)(DIR *));
  slow_entry(folder);
  return next(folder);
}

#define SCANDIR_CALL(name, entry)                                                                             \
  int name(const char *path, struct entry ***out, int (*filter)(const struct entry *),                        \
           int (*compare)(const struct entry **, const struct entry **)) {                                    \
    NEXT(int (*)(const char *, struct entry ***, int (*)(const struct entry *),                               \
                 int (*)(const struct entry **, const struct entry **)));                                     \
    int slowed = below(-1, path);                                                                             \
    if (slowed) slow(READDIR);                                                                                \
    int found = next(path, out, filter, compare);                                                             \
    for (int more = found / ENTRIES_A_CALL; slowed && more > 0; more--) slow(READDIR);                        \
    return found;                                                                                             \
  }
SCANDIR_CALL(scandir, dirent)
SCANDIR_CALL(scandir64, dirent64)

/* libuv asks for statx and for its close without cancellation this way. */
long syscall(long number, ...) {
  NEXT(long (*)(long, ...));
  va_list list;
  va_start(list, number);
  long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long);
  long d = va_arg(list, long), e = va_arg(list, long), f = va_arg(list, long);
  va_end(list);
  switch (number) {
    case SYS_statx:
#ifdef SYS_newfstatat
    case SYS_newfstatat:
#endif
      slow_stat_at((int)a, (const char *)b);
      break;
    case SYS_close:
      remember((int)a, 0);
      break;
    case SYS_openat: {
      int slowed = below((int)a, (const char *)b);
      if (slowed) slow(OPEN);
      return remember((int)next(number, a, b, c, d, e, f), slowed);
    }
    case SYS_read:
    case SYS_pread64:
    case SYS_preadv:
      if (is_slow((int)a)) slow(READ);
      break;
    case SYS_getdents64:
      if (is_slow((int)a)) slow(READDIR);
      break;
    default:
      break;
  }
  return next(number, a, b, c, d, e, f);
}
